"""Rooms and streets are loud where the telephone's band begins: their noise hides no tone and makes none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialer.calling.evidence.tones import classify_tones
from tests.benchmarks.dispositions.signals import Sound, cadence, noisy, silence, special_information, telephone, tone

pytestmark = pytest.mark.unit

TONES: dict[str, Sound] = {
    "ringback": cadence(450, 1000, 4000, 3),
    "busy": cadence(450, 350, 350, 8),
    "congestion": cadence(450, 700, 700, 5),
    "fax_cng": cadence(1100, 500, 3000, 3),
    "fax_ced": tone(2100, 2600),
    "sit": special_information(),
    "beep": np.concatenate([silence(800), tone(1000, 500), silence(800)]),
}


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000), snr=st.sampled_from([10.0, 20.0]))
@pytest.mark.parametrize("kind", TONES)
def test_room_noise_hides_no_tone(kind: str, seed: int, snr: float) -> None:
    # a beep has no cadence: at 10 dB it is missed now and then, which leaves a person a person
    heard = noisy(TONES[kind], 20.0 if kind == "beep" else snr, np.random.default_rng(seed), "room")
    verdict = classify_tones(telephone(heard))
    assert (verdict.kind, verdict.confidence >= 0.8) == (kind, True)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), loud=st.sampled_from([50.0, 500.0, 3000.0]))
def test_room_noise_alone_is_no_tone(seed: int, loud: float) -> None:
    chance = np.random.default_rng(seed)
    room = noisy(silence(10_000) + 1e-9, 0.0, chance, "room")
    assert classify_tones(telephone(room / room.std() * loud)).kind == "none"
