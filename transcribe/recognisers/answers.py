"""Recognisers of one spoken answer: a second or two of audio and what may be said in, ranked readings out.

The rule of this module: a reading is only offered with a confidence that can be compared, 0 to 1, and audio in which
nobody speaks has none. A recogniser lives in a worker process, because a grammar or a rate that Vosk does not expect
ends the process: both are checked here first.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Sequence
from typing import Protocol

from ivr_flows.events import Candidate
from ivr_flows.model import VoiceTask
from transcribe.audio import Pcm
from transcribe.errors import RecogniserError
from transcribe.recognisers.base import EngineSpec

RATE = 8000
MOST = 5  # readings of one answer
_ENGINES = {
    "vosk": ("transcribe.recognisers.vosk_answers", "VoskAnswers"),
    "whisper": ("transcribe.recognisers.whisper_answers", "WhisperAnswers"),
}


class AnswerRecogniser(Protocol):
    """A loaded recogniser of answers; one per worker process and engine."""

    @property
    def model(self) -> str:
        """The model's name and the beginning of its SHA-256."""
        ...

    def hear(self, pcm: Pcm, task: VoiceTask) -> tuple[Candidate, ...]:
        """The readings of one utterance (int16 at 8 kHz), the best first; none when nobody speaks in it."""
        ...


def load_answers(spec: EngineSpec) -> AnswerRecogniser:
    """The loaded recogniser of `spec`; EngineUnavailable when it does not load. Takes one to two seconds."""
    module, name = _ENGINES[spec.engine]
    recogniser: AnswerRecogniser = getattr(importlib.import_module(module), name)(spec)
    return recogniser


def checked_grammar(phrases: Sequence[str]) -> list[str]:
    """`phrases` as a grammar may be given to Vosk: not empty, texts with a letter in each; RecogniserError if not."""
    if isinstance(phrases, str) or not phrases:
        raise RecogniserError("a grammar needs at least one phrase; give the task options or phrases")
    for phrase in phrases:
        if not isinstance(phrase, str) or not any(char.isalnum() for char in phrase):
            raise RecogniserError(f"a grammar cannot hold {phrase!r}; give words")
    return list(dict.fromkeys(phrases))


def ranked(readings: Iterable[tuple[str, float]]) -> tuple[Candidate, ...]:
    """Readings with their weights as candidates, the best first, `MOST` at most.

    The same words once, whatever the case and the punctuation, with all their weight; no words never.
    """
    weights: dict[str, float] = {}
    texts: dict[str, str] = {}
    for text, weight in readings:
        letters = "".join(char for char in text.lower() if char.isalnum())
        if letters:
            weights[letters] = weights.get(letters, 0.0) + weight
            texts.setdefault(letters, text)
    best = sorted(weights.items(), key=lambda one: -one[1])[:MOST]
    return tuple(Candidate(texts[letters], round(min(1.0, max(0.0, weight)), 3)) for letters, weight in best)
