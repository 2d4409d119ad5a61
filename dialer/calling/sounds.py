"""Sounds that are no speech: the beep before an open answer, and the music while a client is on hold.

Both are computed, so that they carry no licence and need no file.
"""

from __future__ import annotations

import hashlib
from functools import cache

import numpy as np
from numpy.typing import NDArray

from dialer.calling.media import Clip
from dialer.lines.base import SAMPLE_RATE

_CHORD_HZ = (261.6, 329.6, 392.0, 523.3, 392.0, 329.6)  # C major, up and down
_NOTE_S = 0.6
_LOUDNESS = 1600  # about -26 dBFS: well below speech


@cache
def beep() -> Clip:
    """The tone after which an open answer is recorded: 1000 Hz, 250 ms."""
    return _clip("beep", _note(1000.0, 0.25))


@cache
def hold_music() -> Clip:
    """A quiet arpeggio of about four seconds, made to be repeated."""
    return _clip("hold", np.concatenate([_note(pitch, _NOTE_S) for pitch in _CHORD_HZ]))


def _note(pitch_hz: float, seconds: float) -> NDArray[np.float64]:
    times = np.arange(int(SAMPLE_RATE * seconds)) / SAMPLE_RATE
    fade = np.minimum(1.0, np.minimum(times, seconds - times) / 0.02)
    tone: NDArray[np.float64] = np.sin(2 * np.pi * pitch_hz * times) * fade * _LOUDNESS
    return tone


def _clip(name: str, samples: NDArray[np.float64]) -> Clip:
    pcm = samples.astype("<i2").tobytes()
    return Clip(name, hashlib.sha256(pcm).hexdigest(), pcm)
