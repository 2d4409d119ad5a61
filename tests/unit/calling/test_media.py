"""Frames in, frames out: nothing is lost, nothing is invented, every play-out leaves its proof."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.clock import SimulatedClock, SystemClock
from dialer.calling.media import SILENCE, Clip, Ear, MediaLoop, Mouth, clip_ms
from dialer.lines.base import FRAME_BYTES, FRAME_MS

pytestmark = pytest.mark.unit


class Wire:
    """A call that delivers what it is told to."""

    def __init__(self, deliveries: list[bytes]) -> None:
        self._deliveries = list(deliveries)

    def read(self) -> bytes:
        return self._deliveries.pop(0) if self._deliveries else b""


def clip(name: str, milliseconds: int) -> Clip:
    return Clip(name, f"hash-{name}", b"\x01\x02" * (milliseconds * 8))


@given(st.lists(st.binary(max_size=900).map(lambda raw: raw[: len(raw) // 2 * 2]), max_size=40))
def test_the_ear_gives_back_every_byte_in_order_while_it_keeps_up(deliveries: list[bytes]) -> None:
    ear = Ear(Wire(deliveries))
    frames = [ear.frame() for _ in range(len(deliveries) * 4 + 4)]
    sent = b"".join(deliveries)
    heard = b"".join(frame for frame in frames if frame is not SILENCE)
    assert ear.bytes_dropped == 0
    assert heard == sent[: len(sent) // FRAME_BYTES * FRAME_BYTES]
    assert all(len(frame) == FRAME_BYTES for frame in frames)


def test_the_ear_drops_and_counts_what_a_stalled_reader_left() -> None:
    ear = Ear(Wire([b"\x01\x00" * 160 * 60]))
    ear.frame()
    assert ear.bytes_dropped == FRAME_BYTES * 55


@given(st.lists(st.integers(min_value=1, max_value=300), min_size=1, max_size=6))
def test_the_mouth_plays_clips_one_after_the_other_and_proves_each(lengths: list[int]) -> None:
    mouth, now = Mouth(), 0
    clips = [clip(f"p{number}", length) for number, length in enumerate(lengths)]
    mouth.play(clips)
    played = bytearray()
    while mouth.busy:
        frame, _ = mouth.frame(now)
        played += frame or b""
        now += FRAME_MS
    assert [proof.prompt for proof in mouth.played] == [item.prompt for item in clips]
    assert all(proof.complete for proof in mouth.played)
    for proof, item in zip(mouth.played, clips, strict=True):
        assert 0 <= proof.end_ms - proof.start_ms - clip_ms(item.pcm) < FRAME_MS
    assert mouth.frame(now) == (None, None)


def test_a_stopped_clip_is_proved_as_incomplete_and_the_rest_is_not_played() -> None:
    mouth = Mouth()
    mouth.play([clip("first", 100), clip("second", 100)])
    mouth.frame(0)
    mouth.frame(20)
    cut = mouth.stop(40)
    assert cut is not None
    assert (cut.prompt, cut.start_ms, cut.end_ms, cut.complete) == ("first", 0, 40, False)
    assert not mouth.busy


def test_a_clip_that_never_began_leaves_no_proof() -> None:
    mouth = Mouth()
    mouth.play([clip("first", 100)])
    assert mouth.stop(0) is None
    assert mouth.played == []


def test_the_loop_ticks_fifty_times_a_second_of_its_clock() -> None:
    async def scenario() -> int:
        clock, ticks = SimulatedClock(SystemClock().now()), []
        loop = MediaLoop(clock)
        loop.add(lambda: ticks.append(1))
        running = asyncio.create_task(loop.run())
        for _ in range(50):
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            clock.advance(0.02)
        await asyncio.sleep(0)
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        return len(ticks)

    assert asyncio.run(scenario()) == 50


def test_a_stall_is_counted_and_not_made_up_for_ever() -> None:
    async def scenario() -> MediaLoop:
        clock = SimulatedClock(SystemClock().now())
        loop = MediaLoop(clock)
        running = asyncio.create_task(loop.run())
        await asyncio.sleep(0)
        clock.advance(10.0)
        for _ in range(200):
            await asyncio.sleep(0)
            clock.advance(0)
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        return loop

    figures = asyncio.run(scenario()).figures
    assert figures.dropped > 400
    assert figures.late >= 1
