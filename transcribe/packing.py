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
class Pack:
    """Spans that are heard in one pass of the model, in order; at least one."""

    pieces: tuple[Piece, ...]

    @property
    def spans(self) -> list[Span]:
        """The spans themselves."""
        return [piece.span for piece in self.pieces]

    @property
    def length_ms(self) -> int:
        """How long the packed audio is."""
        return self.pieces[-1].end_ms

    def piece_at(self, packed_ms: int) -> Piece:
        """The piece that a time in the packed audio belongs to; a gap belongs to the piece before it."""
        return self.pieces[max(0, bisect_right(self.pieces, packed_ms, key=lambda piece: piece.at_ms) - 1)]

    def restore(self, packed_ms: int) -> int:
        """The time in the call of a time in the packed audio."""
        piece = self.piece_at(packed_ms)
        return piece.span.start_ms + min(max(0, packed_ms - piece.at_ms), piece.span.length_ms)

    def audio(self, pcm: Pcm, rate: int) -> Pcm:
        """The packed audio, at the rate of ``pcm``."""
        gap = np.zeros(GAP_MS * rate // 1000, dtype=np.int16)
        parts = [part for piece in self.pieces for part in (_cut(pcm, rate, piece.span), gap)]
        return np.concatenate(parts[:-1])


def packs(spans: Sequence[Span]) -> list[Pack]:
    """Lay ``spans`` (each shorter than a pack) one behind the other, a new pack wherever one would grow too long."""
    made: list[Pack] = []
    for span in spans:
        last = made[-1] if made else None
        at = last.length_ms + GAP_MS if last else 0
        if last and at + span.length_ms <= LONGEST_MS:
            made[-1] = Pack((*last.pieces, Piece(at, span)))
        else:
            made.append(alone(span))
    return made


def alone(span: Span) -> Pack:
    """A pack of one span."""
    return Pack((Piece(0, span),))


def _cut(pcm: Pcm, rate: int, span: Span) -> Pcm:
    """Exactly the span's length, filled with silence where the audio ends early."""
    wanted = span.length_ms * rate // 1000
    start = span.start_ms * rate // 1000
    found = pcm[start : start + wanted]
    return np.pad(found, (0, wanted - found.size))
