"""Steady noise taken out of telephone audio before a second listening: a Wiener filter per frequency.

The quietest part of the audio is taken for the noise, so that hum, rooms and streets go and speech stays. What is left
is audio of the same length. Words lost to noise come back; others are lost to the filter: hear both.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from transcribe.audio import Pcm

Powers = npt.NDArray[np.float64]
Spectra = npt.NDArray[np.complex128]

FRAME = 256  # samples: 32 ms at 8 kHz, overlapping by half
HOP = FRAME // 2
SHORTEST = 8 * HOP  # samples; in less nothing tells speech from noise
QUIET = 0.15  # the share of the frames that is taken for noise ...
FEWEST = 3  # ... but at least so many
SMOOTH = 0.95  # how much of the frame before stays in the estimate of the speech: less gives musical tones
FLOOR = 0.15  # the least that is left of any frequency: total silence between words confuses recognisers
LEAST = 1e-3  # of power: digital silence is no noise


def without_noise(pcm: Pcm) -> Pcm:
    """``pcm`` (int16) with its steady noise some 16 dB lower; of the same length. Under ``SHORTEST`` it stays."""
    if pcm.size < SHORTEST:
        return pcm
    spectra = _spectra(pcm)
    powers = np.abs(spectra) ** 2
    cleaned = _overlapped(spectra * np.maximum(_gains(powers, _noise(powers)), FLOOR))
    return np.clip(np.rint(cleaned[FRAME : FRAME + pcm.size]), -32768, 32767).astype(np.int16)


def _noise(powers: Powers) -> Powers:
    """The power of the noise at each frequency, from the frames with the least power."""
    whole = powers[2:-3]  # the others hold the padding
    order = np.argsort(whole.mean(axis=1), kind="stable")
    noise: Powers = whole[order[: max(FEWEST, int(len(whole) * QUIET))]].mean(axis=0) + LEAST
    return noise


def _gains(powers: Powers, noise: Powers) -> Powers:
    """Decision-directed Wiener gains: the speech of a frame is judged by the frame before it too."""
    gains = np.empty_like(powers)
    before = np.zeros_like(noise)
    for number, ratio in enumerate(powers / noise):
        speech = SMOOTH * before + (1 - SMOOTH) * np.maximum(ratio - 1, 0)
        gains[number] = speech / (1 + speech)
        before = gains[number] ** 2 * ratio
    return gains


def _spectra(pcm: Pcm) -> Spectra:
    """Of the overlapping frames, with silence of a frame on both sides."""
    padded = np.pad(pcm.astype(np.float64), (FRAME, FRAME + -pcm.size % HOP))
    frames = np.lib.stride_tricks.sliding_window_view(padded, FRAME)[::HOP]
    return np.fft.rfft(frames * _window())


def _overlapped(spectra: Spectra) -> Powers:
    """The frames added up again."""
    frames = np.fft.irfft(spectra, FRAME) * _window()
    sound = np.zeros(HOP * (len(frames) + 1))
    for number, frame in enumerate(frames):
        sound[number * HOP : number * HOP + FRAME] += frame
    return sound


def _window() -> Powers:
    """Its square adds up to one over the overlap."""
    window: Powers = np.sqrt(np.hanning(FRAME + 1)[:-1])
    return window
