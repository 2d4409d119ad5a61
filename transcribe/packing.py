"""Short utterances packed together: whisper pays for 30 seconds whether it hears two or twenty-five.

A call's prompts and answers are a few seconds each, with silence between. Played one behind the other with a short gap
they share a pass of the model; every time it names is then put back to where it stood in the call.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from transcribe.audio import Pcm
from transcribe.vad import Span

GAP_MS = 600  # silence between packed utterances: enough that the model ends a sentence there
LONGEST_MS = 28_000  # of a pack; the model's window is 30 s


@dataclass(frozen=True, slots=True)
class Piece:
    """A span of the call and where it begins in the packed audio, in milliseconds."""

    at_ms: int
    span: Span

    @property
    def end_ms(self) -> int:
        """Where it ends in the packed audio."""
        return self.at_ms + self.span.length_ms


@dataclass(frozen=True, slots=True)
class Packing:
    """All pieces in order, and the packs (from, to) of the packed audio, each heard in one pass."""

    pieces: tuple[Piece, ...]
    packs: tuple[Span, ...]

    def restore(self, packed_ms: int) -> int:
        """The time in the call of a time in the packed audio; one in a gap belongs to the piece before it."""
        index = max(0, bisect_right(self.pieces, packed_ms, key=lambda piece: piece.at_ms) - 1)
        piece = self.pieces[index]
        return piece.span.start_ms + min(max(0, packed_ms - piece.at_ms), piece.span.length_ms)


def pack(spans: Sequence[Span]) -> Packing:
    """Lay ``spans`` (each shorter than a pack) one behind the other, a new pack wherever one would grow too long."""
    pieces: list[Piece] = []
    packs: list[Span] = []
    start = at = 0
    for span in spans:
        if pieces and at + span.length_ms - start > LONGEST_MS:
            packs.append(Span(start, pieces[-1].end_ms))
            start = at
        pieces.append(Piece(at, span))
        at += span.length_ms + GAP_MS
    if pieces:
        packs.append(Span(start, pieces[-1].end_ms))
    return Packing(tuple(pieces), tuple(packs))


def packed_audio(pcm: Pcm, rate: int, packing: Packing) -> Pcm:
    """The packed audio itself, at the rate of ``pcm``."""
    gap = np.zeros(GAP_MS * rate // 1000, dtype=np.int16)
    parts = [part for piece in packing.pieces for part in (_cut(pcm, rate, piece.span), gap)]
    return np.concatenate(parts) if parts else gap[:0]


def _cut(pcm: Pcm, rate: int, span: Span) -> Pcm:
    """Exactly the span's length, filled with silence where the audio ends early."""
    wanted = span.length_ms * rate // 1000
    start = span.start_ms * rate // 1000
    found = pcm[start : start + wanted]
    return np.pad(found, (0, wanted - found.size))
