"""What the filter for a second listening takes away, and what it leaves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from transcribe.audio import Pcm
from transcribe.recognisers.noise import SHORTEST, without_noise

pytestmark = pytest.mark.unit

RATE = 8000
HALF = slice(0, 2 * RATE)  # nobody speaks in the first two of four seconds


def noise(level: float) -> Pcm:
    return np.random.default_rng(5).normal(0, level, 4 * RATE).astype(np.int16)


def voice(level: float = 8000.0) -> Pcm:
    """Bursts of a tone, four a second, in the second half."""
    time = np.arange(4 * RATE) / RATE
    wave = np.sin(2 * np.pi * 700 * time) * (time % 0.25 < 0.15) * (time >= 2)
    return np.asarray(wave * level, dtype=np.int16)


def power(pcm: Pcm) -> float:
    return float((pcm.astype(float) ** 2).mean())


def test_steady_noise_goes_and_the_voice_stays() -> None:
    sound = (voice() + noise(400)).astype(np.int16)
    cleaned = without_noise(sound)
    assert power(cleaned[HALF]) < power(sound[HALF]) / 20, "13 dB at least"
    assert power(cleaned[2 * RATE :]) > power(voice()[2 * RATE :]) / 2


def test_audio_without_noise_stays_as_it_is() -> None:
    assert np.abs(without_noise(voice()).astype(int) - voice().astype(int)).max() <= 200


def test_silence_stays_silence() -> None:
    silence = np.zeros(RATE, dtype=np.int16)
    assert np.array_equal(without_noise(silence), silence)


@given(sound=arrays.arrays(np.int16, st.integers(0, 2 * SHORTEST), elements=st.integers(-32768, 32767)))
def test_any_audio_comes_back_at_its_length(sound: Pcm) -> None:
    cleaned = without_noise(sound)
    assert cleaned.dtype == np.int16
    assert cleaned.size == sound.size
