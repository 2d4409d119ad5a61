"""Packed utterances go back to where they were said, whatever their lengths."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcribe.packing import GAP_MS, LONGEST_MS, pack, packed_audio
from transcribe.vad import Span

pytestmark = pytest.mark.unit


@st.composite
def spans(draw: st.DrawFn) -> list[Span]:
    """Spans in order, apart from one another, each at most 25 s."""
    found, at = [], 0
    for silence, length in draw(st.lists(st.tuples(st.integers(0, 9000), st.integers(100, 25_000)), max_size=25)):
        found.append(Span(at + silence, at + silence + length))
        at += silence + length
    return found


@given(spans())
def test_every_moment_of_every_span_comes_back(said: list[Span]) -> None:
    packing = pack(said)
    assert [piece.span for piece in packing.pieces] == said
    for piece in packing.pieces:
        for moment in (0, piece.span.length_ms // 2, piece.span.length_ms - 1):
            assert packing.restore(piece.at_ms + moment) == piece.span.start_ms + moment


@given(spans())
def test_packs_are_short_enough_and_cover_every_piece_once(said: list[Span]) -> None:
    packing = pack(said)
    assert all(one.length_ms <= LONGEST_MS for one in packing.packs)
    assert all(one.end_ms < after.start_ms for one, after in pairwise(packing.packs))
    for piece in packing.pieces:
        assert sum(one.start_ms <= piece.at_ms and piece.end_ms <= one.end_ms for one in packing.packs) == 1


@given(spans())
def test_times_never_run_backwards(said: list[Span]) -> None:
    packing = pack(said)
    if packing.pieces:
        restored = [packing.restore(ms) for ms in range(0, packing.pieces[-1].end_ms + GAP_MS, 977)]
        assert restored == sorted(restored)


@given(spans().filter(bool))
def test_the_packed_audio_is_the_spans_with_silence_between(said: list[Span]) -> None:
    rate = 8000
    total = said[-1].end_ms * rate // 1000
    pcm = (np.arange(total) % 30_000 + 1).astype(np.int16)
    packing = pack(said)
    audio = packed_audio(pcm, rate, packing)
    for piece in packing.pieces:
        start, wanted = piece.at_ms * rate // 1000, piece.span.length_ms * rate // 1000
        source = piece.span.start_ms * rate // 1000
        assert np.array_equal(audio[start : start + wanted], pcm[source : source + wanted])
    gap = packing.pieces[0].end_ms * rate // 1000
    assert not audio[gap : gap + GAP_MS * rate // 1000].any()


def test_nothing_said_is_nothing_packed() -> None:
    packing = pack([])
    assert packing.packs == ()
    assert packed_audio(np.zeros(0, dtype=np.int16), 8000, packing).size == 0
