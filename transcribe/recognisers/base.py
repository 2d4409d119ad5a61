"""One protocol for every recogniser, and the values that pass through it.

A recogniser hears one channel of one call. It never downloads anything and never chooses its model: both are given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from transcribe.audio import Pcm
from transcribe.vad import Span


@dataclass(frozen=True, slots=True)
class Word:
    """One recognised word; times in milliseconds from the start of the recording."""

    word: str
    start_ms: int
    end_ms: int
    confidence: float | None


@dataclass(frozen=True, slots=True)
class Utterance:
    """One timed piece of one channel's text; Chinese in simplified characters, without spaces between them."""

    start_ms: int
    end_ms: int
    text: str
    confidence: float | None
    words: tuple[Word, ...]


class Recogniser(Protocol):
    """A loaded recogniser; one per worker process."""

    @property
    def engine(self) -> str:
        """The engine's name, as in ``transcribe.engines``."""
        ...

    @property
    def model(self) -> str:
        """The model's name and the beginning of its SHA-256: ``whisper-base@d01c3014881c``."""
        ...

    def transcribe(
        self, pcm: Pcm, rate: int, language: str, spans: Sequence[Span] | None = None, context: str = ""
    ) -> list[Utterance]:
        """The utterances of one channel in time order.

        ``pcm`` is int16 mono at ``rate`` 8000 or 16000 (UnsupportedAudio otherwise), ``language`` a tag such as
        ``zh-CN``. Only ``spans`` are decoded; without them the room's own voice activity detection finds them.

        ``context`` is text that may have gone before, in ``language``: an engine that can use it hears its words more
        readily, gives no times of words and leaves out what it only guessed; the others hear as ever.
        """
        ...


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """Which engine with which model folder: small enough to travel to a worker process."""

    engine: str
    model: str
    path: Path
    main_file: str  # the file whose hash names the model


@dataclass(frozen=True, slots=True)
class NoModel:
    """Nothing here can recognise that language; ``remedy`` is the command that mends it."""

    language: str
    reason: str
    remedy: str

    @property
    def note(self) -> str:
        """Reason and remedy in one line, as the waiting transcript shows it."""
        return f"{self.reason}; {self.remedy}"
