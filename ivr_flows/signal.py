"""Telephone audio: every prompt is 8 kHz, mono, signed 16 bit, about -20 dBFS, without silence at its ends.

Pure functions over numpy arrays; 24 kHz from the synthesiser goes down by a windowed-sinc filter, so that nothing
above 3.7 kHz folds back into the telephone band.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

RATE = 8000
"""Samples a second of everything this room hands out."""

Floats = NDArray[np.float64]
Pcm = NDArray[np.int16]

_TARGET_DBFS = -20.0
_PEAK = 0.89  # about -1 dBFS: the loudest sample of a prompt
_TAPS_PER_STEP = 48


def resample(samples: Floats, source_rate: int) -> Floats:
    """Bring `samples` from `source_rate` (Hz) to 8 kHz; a rate of 8 kHz is returned as it is."""
    if source_rate == RATE:
        return samples
    filtered = np.convolve(samples, _low_pass(source_rate), mode="same") if source_rate > RATE else samples
    positions = np.arange(0, len(samples), source_rate / RATE)
    moved: Floats = np.interp(positions, np.arange(len(filtered)), filtered)
    return moved


def _low_pass(source_rate: int) -> Floats:
    """A Kaiser-windowed sinc with its edge at 3.7 kHz and unit gain at 0 Hz."""
    taps = 2 * int(_TAPS_PER_STEP * source_rate / RATE) + 1
    middle = np.arange(taps) - (taps - 1) / 2
    cutoff = 2 * 3700.0 / source_rate
    kernel: Floats = np.sinc(cutoff * middle) * np.kaiser(taps, 8.0)
    kernel /= kernel.sum()
    return kernel


def trim(samples: Floats, *, threshold: float = 0.01, pad_ms: int = 40) -> Floats:
    """Cut what is quieter than `threshold` (of full scale) from both ends, keeping `pad_ms` of it."""
    loud = np.flatnonzero(np.abs(samples) > threshold)
    if not len(loud):
        return samples[:0]
    pad = RATE * pad_ms // 1000
    return samples[max(0, loud[0] - pad) : loud[-1] + pad]


def shorten_pauses(samples: Floats, *, threshold: float = 0.01, longest_ms: int = 550) -> Floats:
    """Cut every pause inside the prompt down to `longest_ms`: a longer one sounds as if the prompt were over."""
    longest = RATE * longest_ms // 1000
    loud = np.flatnonzero(np.abs(samples) > threshold)
    keep = np.ones(len(samples), dtype=bool)
    for before, after in pairwise(loud):
        if after - before > longest:
            keep[before + longest // 2 : after - longest // 2] = False
    return samples[keep]


def normalise(samples: Floats) -> Floats:
    """Scale to -20 dBFS RMS over the whole prompt, but never above -1 dBFS peak."""
    if not len(samples):
        return samples
    rms = float(np.sqrt(np.mean(samples**2))) or 1.0
    peak = float(np.max(np.abs(samples))) or 1.0
    return samples * min(10 ** (_TARGET_DBFS / 20) / rms, _PEAK / peak)


def to_pcm(samples: Floats) -> Pcm:
    """Floats of -1..1 as signed 16 bit."""
    return np.rint(np.clip(samples, -1.0, 1.0) * 32767).astype(np.int16)


def telephone(samples: Floats, source_rate: int) -> Pcm:
    """The whole chain: resample to 8 kHz, trim, shorten pauses, normalise, 16 bit."""
    return to_pcm(normalise(shorten_pauses(trim(resample(samples, source_rate)))))
