"""Pauses inside a prompt are shortened, and nothing but pauses."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr_flows.signal import RATE, shorten_pauses

pytestmark = pytest.mark.unit


def tone(milliseconds: int) -> np.ndarray:
    """Loud at every sample."""
    return np.full(RATE * milliseconds // 1000, 0.5)


def silence(milliseconds: int) -> np.ndarray:
    return np.zeros(RATE * milliseconds // 1000)


def longest_pause_ms(samples: np.ndarray) -> float:
    loud = np.flatnonzero(np.abs(samples) > 0.01)
    return float(np.diff(loud).max() - 1) * 1000 / RATE if len(loud) > 1 else 0.0


@given(st.lists(st.tuples(st.integers(20, 300), st.integers(0, 2000)), min_size=1, max_size=6))
def test_no_pause_stays_longer_than_the_limit_and_no_sound_is_lost(parts: list[tuple[int, int]]) -> None:
    samples = np.concatenate([piece for loud, quiet in parts for piece in (tone(loud), silence(quiet))] + [tone(20)])
    shorter = shorten_pauses(samples)
    assert longest_pause_ms(shorter) <= 551
    assert np.count_nonzero(shorter) == np.count_nonzero(samples)


def test_short_pauses_are_left_alone() -> None:
    samples = np.concatenate([tone(100), silence(500), tone(100)])
    assert np.array_equal(shorten_pauses(samples), samples)
