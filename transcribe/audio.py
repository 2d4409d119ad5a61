"""Telephone audio as the recognisers want it: 16-bit mono at 8 or 16 kHz in, float at 8 or 16 kHz out."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from transcribe.errors import UnsupportedAudio

Pcm = npt.NDArray[np.int16]
Floats = npt.NDArray[np.float32]

RATES = (8000, 16000)
_HALF_TAPS = 31


def require_telephone_audio(pcm: Pcm, rate: int) -> None:
    """UnsupportedAudio unless ``pcm`` is one int16 channel at 8 or 16 kHz (rate 0 would hang Vosk for ever)."""
    if rate not in RATES:
        raise UnsupportedAudio(f"a sample rate of {rate} Hz cannot be recognised; decode to 8000 or 16000 Hz first")
    if pcm.dtype != np.int16 or pcm.ndim != 1:
        raise UnsupportedAudio(f"audio is {pcm.dtype} with {pcm.ndim} dimensions; give one channel of int16 samples")


def as_float(pcm: Pcm) -> Floats:
    """``pcm`` scaled to -1..1."""
    return pcm.astype(np.float32) / np.float32(32768)


def at_16_khz(pcm: Pcm, rate: int) -> Floats:
    """``pcm`` as floats at 16 kHz: 8 kHz audio is interpolated through a low-pass at 4 kHz."""
    audio = as_float(pcm)
    if rate == 16000 or not audio.size:
        return audio
    doubled = np.zeros(audio.size * 2, dtype=np.float32)
    doubled[::2] = audio
    return np.convolve(doubled, _half_band(), mode="full")[_HALF_TAPS : _HALF_TAPS + doubled.size]


@lru_cache(maxsize=1)
def _half_band() -> Floats:
    taps = np.arange(-_HALF_TAPS, _HALF_TAPS + 1)
    return (np.sinc(taps / 2) * np.hamming(taps.size)).astype(np.float32)
