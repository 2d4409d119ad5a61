"""Window use: busy time against the time a free channel and a waiting call-back stood side by side."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.simulation.usage import Usage

pytestmark = pytest.mark.unit

START = datetime(2026, 11, 23, 1, tzinfo=UTC)


def test_it_is_one_while_nobody_waits_and_falls_with_every_second_somebody_does() -> None:
    usage = Usage(4, START, busy=2)
    usage.pass_to(START + timedelta(seconds=30))
    assert usage.window_use == 1
    usage.waiting = 5
    usage.pass_to(START + timedelta(seconds=40))
    assert usage.busy_for == timedelta(seconds=80)
    assert usage.idle_for == timedelta(seconds=20)  # two free channels for ten seconds
    assert usage.window_use == pytest.approx(0.8)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 8), st.integers(0, 900)), max_size=30))
def test_it_lies_between_nought_and_one_and_equals_a_count_second_by_second(steps: list[tuple[int, int, int]]) -> None:
    usage, busy, idle = Usage(5, START), 0, 0
    for now_busy, waiting, seconds in steps:
        usage.busy, usage.waiting = now_busy, waiting
        usage.pass_to(usage.moment + timedelta(seconds=seconds))
        for _ in range(seconds):
            busy += now_busy
            idle += min(5 - now_busy, waiting)
    assert usage.window_use == pytest.approx(busy / (busy + idle) if busy + idle else 1.0)
