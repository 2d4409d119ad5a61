"""Tones, music, noise and the telephone path for the tests of `dialer.calling.evidence`: 8 kHz floats, +-32767."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from aiortp import get_codec
from numpy.typing import NDArray

RATE = 8000
PCMA = 8
Sound = NDArray[np.float64]


def silence(ms: float) -> Sound:
    return np.zeros(int(RATE * ms / 1000))


def tone(hertz: float, ms: float, level: float = 6000.0) -> Sound:
    """A sine with the given peak."""
    return np.sin(2 * np.pi * hertz * np.arange(int(RATE * ms / 1000)) / RATE) * level


def cadence(hertz: float, on_ms: float, off_ms: float, times: int, level: float = 6000.0) -> Sound:
    """A tone that comes and goes."""
    return np.tile(np.concatenate([tone(hertz, on_ms, level), silence(off_ms)]), times)


def melody(notes: Sequence[float], ms: float, level: float = 4000.0) -> Sound:
    """Notes in a row, each with two overtones, as hold music plays them."""
    parts = [sum(tone(note * n, ms, level / n) for n in (1, 2, 3) if note * n < RATE / 2) for note in notes]
    return np.concatenate(parts)


def noisy(sound: Sound, snr_db: float | None, chance: np.random.Generator, colour: str = "white") -> Sound:
    """Noise ``snr_db`` below the power of the loud parts of ``sound``; None adds none.

    ``room`` noise falls by 5 dB an octave from 100 Hz on, as in the rooms and streets that telephones hear (Hoth).
    """
    if snr_db is None:
        return sound
    frames = sound[: len(sound) // 160 * 160].reshape(-1, 160)
    powers = (frames**2).mean(axis=1)
    loud = powers[powers > powers.max() / 100].mean()
    noise = chance.normal(0.0, 1.0, len(sound))
    if colour == "room":
        hertz = np.fft.rfftfreq(len(sound), 1 / RATE)
        noise = np.fft.irfft(np.fft.rfft(noise) * np.maximum(hertz, 100.0) ** (-5 / 6.02), len(sound))
    return sound + noise * np.sqrt(loud / (noise**2).mean()) * 10 ** (-snr_db / 20)


def pcm(sound: Sound) -> bytes:
    """As 16-bit little-endian samples."""
    return np.clip(np.rint(sound), -32768, 32767).astype("<i2").tobytes()


def telephone(sound: Sound) -> bytes:
    """As 16-bit samples that went through G.711 A-law."""
    codec = get_codec(PCMA)
    decoded: bytes = codec.decode(codec.encode(pcm(sound)))
    return decoded


def special_information(level: float = 6000.0, gap_ms: float = 10.0) -> Sound:
    """The three tones of E.180."""
    parts = [part for hertz in (950, 1400, 1800) for part in (tone(hertz, 330, level), silence(gap_ms))]
    return np.concatenate([silence(300), *parts, silence(500)])
