"""Listening to a sealed recording: sections, one side, ranges and waveforms."""

from __future__ import annotations

import io
import itertools
import wave

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recordings import wav
from recordings.archive import Archive
from recordings.errors import ArchiveError, RangeOutside, RecordingUnavailable
from recordings.reading import open_range, peaks, read_channels, wav_bytes
from recordings.sealing import recover
from recordings.tables import Recording, RecordingState

pytestmark = pytest.mark.unit
EXAMPLES = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def call(room):
    """A sealed call of 1.5 s whose samples count up on the client's side and down on ours."""
    recording_id = room.begin()
    up = np.arange(12_000, dtype="<i2")
    with room.spool.open(recording_id) as writer:
        writer.write(up.tobytes(), (-up).tobytes())
    return room.seal(recording_id)


@pytest.fixture
def stored(tmp_path):
    """Stores interleaved samples as a sealed recording, without a database."""
    numbers = itertools.count()

    def store(samples: bytes) -> tuple[Archive, Recording]:
        name = f"{next(numbers)}.wav"
        (tmp_path / "local").write_bytes(wav.header(len(samples)) + samples)
        archive = Archive(f"memory://{tmp_path.name}")
        archive.put(tmp_path / "local", name)
        return archive, Recording(recording_id=name, state=RecordingState.SEALED, object=name)

    return store


@pytest.mark.rule("F-08")
@EXAMPLES
@given(start=st.integers(-100, 2000), end=st.none() | st.integers(-100, 2000))
def test_a_section_is_exactly_the_asked_samples_of_both_sides(room, call, start, end) -> None:
    client, firm = read_channels(room.archive, call, start, end)
    expected = np.arange(12_000, dtype=np.int16)[max(0, start) * 8 : None if end is None else max(0, start, end) * 8]
    assert client.dtype == firm.dtype == np.int16
    assert client.tolist() == expected.tolist()
    assert firm.tolist() == (-expected).tolist()


@pytest.mark.rule("F-07")
@pytest.mark.rule("F-08")
@pytest.mark.parametrize(("channel", "columns"), [("both", [0, 1]), ("client", [0]), ("firm", [1])])
def test_the_players_section_opens_in_other_programs(room, call, channel, columns) -> None:
    content = wav_bytes(room.archive, call, channel=channel, start_ms=250, end_ms=750)
    heard, rate = soundfile.read(io.BytesIO(content), dtype="int16", always_2d=True)
    both = np.column_stack([np.arange(2000, 6000), -np.arange(2000, 6000)])
    assert rate == 8000
    assert heard.tolist() == both[:, columns].tolist()
    with wave.open(io.BytesIO(content)) as again:
        assert again.getnframes() == 4000


@pytest.mark.rule("F-08")
@EXAMPLES
@given(data=st.data())
def test_ranges_are_the_bytes_of_the_file(room, call, data) -> None:
    whole = room.object_path(call).read_bytes()
    start = data.draw(st.integers(0, len(whole) - 1))
    stop = data.draw(st.none() | st.integers(start + 1, len(whole) + 5000))
    part = open_range(room.archive, call, start, stop)
    assert b"".join(part.chunks()) == whole[start:stop]
    assert part.content_range == f"bytes {start}-{min(stop or len(whole), len(whole)) - 1}/{len(whole)}"


@pytest.mark.parametrize(("start", "stop"), [(48_044, None), (10, 10), (10, 5), (-1, 5)])
def test_a_range_without_bytes_is_refused(room, call, start, stop) -> None:
    with pytest.raises(RangeOutside, match="of 48044 bytes"):
        open_range(room.archive, call, start, stop)


def test_a_range_of_a_shortened_object_does_not_pass_as_whole(room, call) -> None:
    part = open_range(room.archive, call)
    room.tamper(call, b"short")
    with pytest.raises(ArchiveError, match="ended early"):
        list(part.chunks())


@EXAMPLES
@given(
    sides=st.lists(st.tuples(st.integers(-32768, 32767), st.integers(-32768, 32767)), max_size=300),
    buckets=st.integers(1, 50),
)
def test_the_waveform_is_the_loudest_sample_of_each_part(stored, sides, buckets) -> None:
    both = np.array(sides, dtype="<i2").reshape(-1, 2)
    shown = peaks(*stored(both.tobytes()), buckets)
    for column, side in enumerate(("client", "firm")):
        loudness = np.abs(both[:, column].astype(int)) / 32768
        edges = [bucket * len(sides) // buckets for bucket in range(buckets + 1)]
        parts = [loudness[a:b].max(initial=0) for a, b in itertools.pairwise(edges)]
        assert shown[side] == pytest.approx(parts, abs=1e-4)


def test_a_waveform_needs_a_bucket(room, call) -> None:
    with pytest.raises(ValueError, match="at least one"):
        peaks(room.archive, call, 0)


def test_what_is_not_sealed_cannot_be_heard_and_says_why(room) -> None:
    recording_id = room.begin()
    with room.db.session() as session:
        row = session.get_one(Recording, recording_id)
    with pytest.raises(RecordingUnavailable, match="not sealed yet"):
        read_channels(room.archive, row)
    [lost] = recover(room.db, room.archive, room.spool, node="n1", clock=room.clock).lost
    for listen in (read_channels, wav_bytes, open_range):
        with pytest.raises(RecordingUnavailable, match="is lost"):
            listen(room.archive, lost)


def test_splitting_undoes_interleaving() -> None:
    client, firm = wav.split(wav.interleave(b"\x01\x00\x02\x00", b"\x03\x00\x04\x00"))
    assert (client.tolist(), firm.tolist()) == ([1, 2], [3, 4])
