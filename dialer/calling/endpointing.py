"""When a spoken answer begins and when it has ended, on the client's side of a call, frame by frame.

The rule of this module: nobody is cut short, and nobody waits. Speech begins only after enough voiced frames that a
cough or a crackle does not stop a prompt (more of them while we speak ourselves); it has ended after a pause that is
short for a word, longer for a sentence, longest between digits, and always below 700 ms. The audio handed out has some
quiet on both sides, because recognisers miss the first sound of a word that begins at once, and a bounded length. All
of that audio is there some time before the pause is over, so whoever recognises it may begin then (``likely``).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Protocol

from dialer.lines.base import FRAME_MS


@dataclass(frozen=True, slots=True)
class EndRules:
    """Times in milliseconds."""

    begin_ms: int = 140  # of voice, within ``window_ms``
    barge_ms: int = 220  # the same while a prompt plays
    window_ms: int = 320
    word_ms: int = 400  # the pause that ends speech up to ``sentence_ms``
    sentence_ms: int = 900
    pause_ms: int = 540  # the pause that ends longer speech
    digits_ms: int = 660  # the pause that ends spoken digits
    pad_ms: int = 240  # of quiet kept on both sides
    ahead_ms: int = 300  # before the pause is over, an utterance that has likely ended is handed out
    longest_ms: int = 8000  # an answer that goes on is cut here


@dataclass(frozen=True, slots=True)
class Began:
    """Somebody speaks, since ``at_ms`` of call time."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class Ended:
    """He has ended: call times of first and last voice, and the audio (8 kHz s16le) with quiet around it."""

    start_ms: int
    end_ms: int
    pcm: bytes


class Detector(Protocol):
    """Tells voice from other sound (``dialer.calling.voice.VoiceDetector``)."""

    def feed(self, frame: bytes) -> bool:
        """Take 20 ms; True while somebody speaks."""
        ...


class Endpointer:
    """One call's; give it every frame of the client while an answer by voice is welcome."""

    def __init__(self, detector: Detector, rules: EndRules | None = None) -> None:
        """``detector`` belongs to this call alone."""
        self._detector = detector
        self._rules = rules or EndRules()
        kept = (self._rules.window_ms + self._rules.pad_ms) // FRAME_MS
        self._before: deque[tuple[bytes, bool]] = deque(maxlen=kept)
        self._frames: list[bytes] = []  # of the utterance; empty while nobody speaks
        self._start_ms = self._voiced_ms = self._padded_ms = 0
        self.likely: Ended | None = None  #: what `Ended` will be if no more is said; after one frame of each pause

    @property
    def speaking(self) -> bool:
        """Whether an utterance has begun and not ended."""
        return bool(self._frames)

    def reset(self) -> None:
        """Forget what was heard: another question begins."""
        self._before.clear()
        self._frames.clear()

    def feed(self, frame: bytes, at_ms: int, *, playing: bool = False, digits: bool = False) -> Began | Ended | None:
        """The next 20 ms, which end at ``at_ms`` of call time; ``playing``: we speak; ``digits``: we ask for some."""
        voiced, self.likely = self._detector.feed(frame), None
        if self._frames:
            return self._speech(frame, at_ms, voiced, digits)
        self._before.append((frame, voiced))
        return self._begun(at_ms, playing) if voiced else None

    def _begun(self, at_ms: int, playing: bool) -> Began | None:
        recent = list(self._before)[-self._rules.window_ms // FRAME_MS :]
        voiced = [place for place, (_, heard) in enumerate(recent) if heard]
        if len(voiced) * FRAME_MS < (self._rules.barge_ms if playing else self._rules.begin_ms):
            return None
        lead = len(recent) - voiced[0]  # frames since the first voice
        kept = list(self._before)[-(lead + self._rules.pad_ms // FRAME_MS) :]
        self._frames = [sound for sound, _ in kept]
        self._before.clear()
        self._start_ms, self._voiced_ms = at_ms - lead * FRAME_MS, at_ms
        self._padded_ms = (len(kept) - lead) * FRAME_MS
        return Began(self._start_ms)

    def _speech(self, frame: bytes, at_ms: int, voiced: bool, digits: bool) -> Ended | None:
        self._frames.append(frame)
        if voiced:
            self._voiced_ms = at_ms
        quiet, pause = at_ms - self._voiced_ms, self._pause(digits)
        if quiet < pause and at_ms - self._start_ms < self._rules.longest_ms:
            if quiet == max(self._rules.pad_ms, pause - self._rules.ahead_ms):
                self.likely = self._said()
            return None
        ended = self._said()
        self._frames = []
        return ended

    def _said(self) -> Ended:
        wanted = self._padded_ms + self._voiced_ms - self._start_ms + self._rules.pad_ms
        return Ended(self._start_ms, self._voiced_ms, b"".join(self._frames[: wanted // FRAME_MS]))

    def _pause(self, digits: bool) -> int:
        if digits:
            return self._rules.digits_ms
        short = self._voiced_ms - self._start_ms <= self._rules.sentence_ms
        return self._rules.word_ms if short else self._rules.pause_ms
