"""The spool and its writer: both sides in step, valid after any cut, refused when it cannot be kept."""

from __future__ import annotations

import io
import os
import wave
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.clock import SimulatedClock
from recordings import wav
from recordings.disk import DiskThread
from recordings.errors import (
    RecorderNotReady,
    RecordingBusy,
    RecordingFailed,
    RecordingTooLong,
    RecordingUnavailable,
    SpoolFailed,
)
from recordings.writer import LIMIT_MS, RecordingWriter, Spool

pytestmark = pytest.mark.unit
START = datetime(2026, 11, 23, 1, 30, tzinfo=UTC)
FIXTURES = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
samples = st.lists(st.tuples(st.integers(-32768, 32767), st.integers(-32768, 32767)), max_size=2000)
frames_of_any_length = st.lists(samples, max_size=6)


class BrokenDisk(Executor):
    """A background thread whose syncs fail, as a dying disk lets them."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_exception(OSError(5, "Input/output error"))
        return future


def sides(frame: list[tuple[int, int]]) -> tuple[bytes, bytes]:
    both = np.array(frame, dtype="<i2").reshape(-1, 2)
    return both[:, 0].tobytes(), both[:, 1].tobytes()


def cut_image(spool: Spool, recording_id: str, content: bytes) -> Path:
    """A spool file as a crash left it."""
    spool.folder.mkdir(parents=True, exist_ok=True)
    path = spool.path(recording_id)
    path.write_bytes(content)
    return path


@pytest.mark.rule("F-07")
@FIXTURES
@given(frames=frames_of_any_length)
def test_both_sides_stand_in_step_whatever_the_length_of_the_frames(new_spool, frames) -> None:
    spool = new_spool()
    with spool.open("a") as writer:
        for frame in frames:
            writer.write(*sides(frame))
    with wave.open(str(spool.path("a"))) as heard:
        assert (heard.getnchannels(), heard.getframerate(), heard.getsampwidth()) == (2, 8000, 2)
        stereo = heard.readframes(heard.getnframes())
    client, firm = wav.split(stereo)
    assert list(zip(client.tolist(), firm.tolist(), strict=True)) == [pair for frame in frames for pair in frame]


@FIXTURES
@given(frames=st.integers(0, 80), data=st.data())
def test_a_file_cut_at_any_byte_is_mended_and_keeps_every_whole_sample(new_spool, frames, data) -> None:
    spool = new_spool()
    given_audio = os.urandom(frames * 640)
    whole = wav.header(wav.UNKNOWN_LENGTH) + given_audio
    kept = data.draw(st.integers(0, len(whole)), label="bytes that survived")
    path = cut_image(spool, "a", whole[:kept])
    with spool.claim("a") as descriptor:
        wav.repair(descriptor)
    with wave.open(str(path)) as heard:
        audio = heard.readframes(heard.getnframes())
    surviving = max(0, kept - wav.HEADER_BYTES)
    assert audio == given_audio[: surviving // 4 * 4]
    assert path.stat().st_size == wav.HEADER_BYTES + len(audio)


@FIXTURES
@given(frames=st.integers(0, 40))
def test_mending_a_whole_file_changes_nothing(new_spool, frames) -> None:
    spool = new_spool()
    content = wav.header(frames * 640) + os.urandom(frames * 640)
    path = cut_image(spool, "a", content)
    before = path.stat().st_mtime_ns
    with spool.claim("a") as descriptor:
        wav.repair(descriptor)
    assert (path.read_bytes(), path.stat().st_mtime_ns) == (content, before)


@pytest.mark.rule("F-01")
@FIXTURES
@given(lengths=st.lists(st.integers(1, 400), min_size=1, max_size=60))
def test_at_most_200_ms_of_audio_wait_outside_the_kernel(new_spool, lengths) -> None:
    """What the file holds while the call goes on is what a SIGKILL leaves."""
    spool = new_spool()
    with spool.open("a") as writer:
        for length in lengths:
            writer.write(bytes(2 * length), bytes(2 * length))
            writer._disk.drain()
            in_kernel = wav.duration_ms(spool.path("a").stat().st_size)
            assert writer.position_ms - in_kernel <= 200


def test_the_position_counts_the_audio_given(room) -> None:
    with room.spool.open("a") as writer:
        for _ in range(7):
            writer.write(bytes(320), bytes(320))
        assert writer.position_ms == 140


def test_a_growing_file_says_that_it_goes_on_to_its_end(room) -> None:
    with room.spool.open("a") as writer:
        writer.write(bytes(3200), bytes(3200))
        head = room.spool.path("a").read_bytes()[: wav.HEADER_BYTES]
    assert head == wav.header(wav.UNKNOWN_LENGTH)


@pytest.mark.parametrize(("client", "firm"), [(320, 160), (0, 320), (321, 321)])
def test_it_refuses_frames_that_are_not_equally_many_whole_samples(room, client, firm) -> None:
    with room.spool.open("a") as writer, pytest.raises(ValueError, match="pad the silent side"):
        writer.write(bytes(client), bytes(firm))


def test_a_closed_recording_takes_no_more_and_closes_twice(room) -> None:
    writer = room.spool.open("a")
    writer.close()
    writer.close()
    with pytest.raises(ValueError, match="closed"):
        writer.write(bytes(320), bytes(320))


def test_it_refuses_to_grow_beyond_a_day(room) -> None:
    with room.spool.open("a") as writer:
        writer._samples = writer._on_disk = LIMIT_MS * 8  # as if a day of audio had been written
        with pytest.raises(RecordingTooLong, match="24 hours; end the call"):
            writer.write(bytes(320), bytes(320))


@pytest.mark.rule("F-14")
def test_no_call_when_the_disk_is_too_full(tmp_path) -> None:
    spool = Spool(tmp_path / "spool", SimulatedClock(START), min_free_bytes=1 << 60)
    with pytest.raises(RecorderNotReady, match="free disk space or set storage"):
        spool.ready()
    with pytest.raises(RecorderNotReady):
        spool.open("a")
    assert spool.recording_ids() == []


@pytest.mark.rule("F-14")
def test_no_call_when_the_folder_cannot_be_written(tmp_path) -> None:
    (tmp_path / "file").write_bytes(b"")
    spool = Spool(tmp_path / "file" / "spool", SimulatedClock(START), min_free_bytes=1)
    with pytest.raises(RecorderNotReady, match="give this user write permission"):
        spool.ready()


def test_being_ready_leaves_no_trace(room) -> None:
    room.spool.ready()
    assert list(room.spool.folder.iterdir()) == []


def test_an_id_is_recorded_once(room) -> None:
    room.spool.open("a").close()
    with pytest.raises(RecorderNotReady, match="exists"):
        room.spool.open("a")


@pytest.mark.parametrize("recording_id", ["", "../a", "a/b", "a b", "录音", "x" * 65])
def test_an_id_that_could_leave_the_folder_is_refused(room, recording_id) -> None:
    with pytest.raises(ValueError, match="recording id"):
        room.spool.open(recording_id)


def test_nobody_can_claim_a_file_while_its_call_is_live(room) -> None:
    with room.spool.open("a"), pytest.raises(RecordingBusy), room.new_spool().claim("a"):
        pass
    with room.spool.claim("a"), pytest.raises(RecordingBusy), room.new_spool().claim("a"):
        pass
    with room.spool.claim("a"):
        pass


def test_claiming_nothing_names_the_folder(room) -> None:
    with pytest.raises(RecordingUnavailable, match="has no file"), room.spool.claim("a"):
        pass


def test_a_broken_disk_under_a_claim_is_told_as_such(room) -> None:
    room.spool.open("a").close()
    with pytest.raises(SpoolFailed, match="the file was kept"), room.spool.claim("a"):
        raise OSError(5, "Input/output error")
    assert room.spool.recording_ids() == ["a"]


@pytest.mark.rule("F-14")
def test_a_failed_sync_fails_the_recording_and_stays_failed(tmp_path) -> None:
    writer = RecordingWriter(tmp_path / "a.wav.part", SimulatedClock(START), DiskThread(), BrokenDisk())
    second = bytes(16_000)
    for _ in range(2):
        with pytest.raises(RecordingFailed, match="check the disk"):
            writer.write(second, second)
    writer.close()  # told already; what the disk took is a valid file
    with wave.open(str(tmp_path / "a.wav.part")) as heard:
        assert heard.getnframes() == 8000


def test_it_syncs_in_the_background_at_most_every_five_seconds(tmp_path) -> None:
    clock = SimulatedClock(START)
    pool = CountingPool(max_workers=1)
    with RecordingWriter(tmp_path / "a.wav.part", clock, DiskThread(), pool) as writer:
        for _ in range(100):
            pool.settle()
            writer.write(bytes(3200), bytes(3200))
            clock.advance(0.2)
    pool.shutdown()
    assert pool.names == ["_sync_folder", "fdatasync", "fdatasync", "fdatasync"]


class CountingPool(ThreadPoolExecutor):
    """A real pool that remembers what it was asked to do."""

    names: list[str]
    last: Future[Any]

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.names = [*getattr(self, "names", []), fn.__name__]
        self.last = super().submit(fn, *args, **kwargs)
        return self.last

    def settle(self) -> None:
        self.last.result(timeout=10)


def test_a_mono_header_is_readable_too() -> None:
    with wave.open(io.BytesIO(wav.header(4, channels=1) + bytes(4))) as heard:
        assert (heard.getnchannels(), heard.getnframes()) == (1, 2)
