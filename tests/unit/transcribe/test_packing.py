"""Packed utterances go back to where they were said, whatever their lengths."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcribe.packing import GAP_MS, LONGEST_MS, packs
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
def test_every_span_is_in_one_pack_and_every_moment_of_it_comes_back(said: list[Span]) -> None:
    made = packs(said)
    assert [span for pack in made for span in pack.spans] == said
    for pack in made:
        for piece in pack.pieces:
            for moment in (0, piece.span.length_ms // 2, piece.span.length_ms - 1):
                assert pack.restore(piece.at_ms + moment) == piece.span.start_ms + moment
                assert pack.piece_at(piece.at_ms + moment) == piece


@given(spans())
def test_packs_are_short_enough_and_as_full_as_they_may_be(said: list[Span]) -> None:
    made = packs(said)
    assert all(pack.length_ms <= LONGEST_MS for pack in made)
    for pack, following in pairwise(made):
        assert pack.length_ms + GAP_MS + following.pieces[0].span.length_ms > LONGEST_MS


@given(spans())
def test_times_never_run_backwards(said: list[Span]) -> None:
    for pack in packs(said):
        restored = [pack.restore(ms) for ms in range(0, pack.length_ms + GAP_MS, 977)]
        assert restored == sorted(restored)


@given(spans().filter(bool))
def test_the_packed_audio_is_the_spans_with_silence_between(said: list[Span]) -> None:
    rate = 8000
    total = said[-1].end_ms * rate // 1000
    pcm = (np.arange(total) % 30_000 + 1).astype(np.int16)
    for pack in packs(said):
        audio = pack.audio(pcm, rate)
        assert audio.size == sum(piece.span.length_ms * rate // 1000 for piece in pack.pieces) + (
            len(pack.pieces) - 1
        ) * (GAP_MS * rate // 1000)
        for piece in pack.pieces:
            start, wanted = piece.at_ms * rate // 1000, piece.span.length_ms * rate // 1000
            source = piece.span.start_ms * rate // 1000
            assert np.array_equal(audio[start : start + wanted], pcm[source : source + wanted])


def test_nothing_said_is_nothing_packed() -> None:
    assert packs([]) == []
