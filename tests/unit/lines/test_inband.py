"""Keys as tones: found when they are keys, and not in speech, music, ringing or noise."""

from __future__ import annotations

import audioop
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from dialer.lines.inband import COLUMNS, KEYS, ROWS, KeyDetector

pytestmark = pytest.mark.unit

FREQUENCIES = {key: (ROWS[row], COLUMNS[column]) for row, keys in enumerate(KEYS) for column, key in enumerate(keys)}
keys = st.text(st.sampled_from(sorted(FREQUENCIES)), min_size=1, max_size=8)


def tones(hertz, seconds, levels=(6000, 6000)):
    """A sum of sines as floats."""
    time = np.arange(int(8000 * seconds)) / 8000
    return sum(level * np.sin(2 * np.pi * one * time) for one, level in zip(hertz, levels, strict=True))


def silence(seconds):
    """Nothing."""
    return np.zeros(int(8000 * seconds))


def pressed(text, *, on=0.08, off=0.06, levels=(6000, 6000), offset=1.0):
    """The audio of these keys."""
    parts = [silence(0.1)]
    for key in text:
        parts += [tones([one * offset for one in FREQUENCIES[key]], on, levels), silence(off)]
    return np.concatenate(parts)


def pcm(samples):
    """As A-law brings it."""
    linear = np.clip(samples, -32768, 32767).astype("<i2").tobytes()
    return audioop.alaw2lin(audioop.lin2alaw(linear, 2), 2)


def found(samples, pieces=None):
    """The keys that a new detector tells."""
    data, detector = pcm(samples), KeyDetector()
    size = pieces or len(data)
    return "".join(detector.feed(data[start : start + size]) for start in range(0, len(data), size))


@given(keys, st.floats(0.06, 0.5), st.floats(0.05, 0.3), st.integers(1, 1000))
def test_every_key_is_told_once_however_long_it_is_held_and_the_audio_is_cut(text, on, off, pieces):
    assert found(pressed(text, on=on, off=off), pieces) == text


@given(
    keys, st.sampled_from([0.985, 0.99, 1.0, 1.01, 1.015]), st.sampled_from([(6000, 6000), (6000, 3500), (3500, 6000)])
)
def test_tones_that_are_a_little_off_or_unequal_are_keys(text, offset, levels):
    assert found(pressed(text, offset=offset, levels=levels)) == text


@given(keys, st.integers(0, 2**32 - 1))
def test_keys_are_found_in_noise_15_db_below(text, seed):
    clean = pressed(text)
    noise = np.random.default_rng(seed).normal(0, 6000 / 10 ** (15 / 20), clean.size)
    assert found(clean + noise) == text


@given(st.integers(0, 2**32 - 1), st.floats(50, 12000))
def test_noise_holds_no_key(seed, level):
    assert found(np.random.default_rng(seed).normal(0, level, 16000)) == ""


@pytest.mark.parametrize("text", sorted(FREQUENCIES))
def test_a_tone_of_20_ms_is_no_key(text):
    assert found(pressed(text, on=0.02)) == ""


@pytest.mark.parametrize(
    "hertz", [[450.0], [440.0, 480.0], [697.0], [1336.0], [350.0, 440.0], [697.0, 770.0], [1100.0]]
)
def test_call_progress_and_fax_tones_and_half_keys_are_no_keys(hertz):
    assert found(tones(hertz, 2.0, (6000,) * len(hertz))) == ""


def test_a_key_far_too_weak_on_one_side_is_none():
    assert found(pressed("5", levels=(8000, 1500))) == ""


@given(st.binary(max_size=4000))
def test_any_bytes_are_taken(data):
    assert set(KeyDetector().feed(data)) <= set(FREQUENCIES)


CLIPS = sorted([*Path("ivr_flows/prompts").rglob("*.flac"), *Path("simulator/clips").glob("*.flac")])


@pytest.mark.parametrize("level", [0.5, 1.0, 2.0])
def test_speech_holds_no_key(level):
    assert len(CLIPS) > 50
    talked_off = {path.name: keys for path in CLIPS if (keys := found(level * _samples(path)))}
    assert talked_off == {}


def _samples(path):
    samples, rate = soundfile.read(path, dtype="int16", always_2d=True)
    data = audioop.ratecv(samples[:, 0].tobytes(), 2, 1, rate, 8000, None)[0]
    return np.frombuffer(data, "<i2").astype(float)
