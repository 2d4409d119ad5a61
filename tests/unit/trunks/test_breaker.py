"""The breaker of a trunk: when it opens, how long it rests, what closes it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.trunks.breaker import LONGEST_RETRY_AFTER, Breaker, BreakerRules, BreakerState

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 23, 1, 30, tzinfo=UTC)
RULES = BreakerRules(failures=5, rest=timedelta(seconds=30), longest=timedelta(seconds=600))
SECOND = timedelta(seconds=1)


def failed(breaker: Breaker, times: int, at: datetime) -> Breaker:
    """``times`` calls that left one after the other and failed at once."""
    for number in range(times):
        now = at + number * timedelta(milliseconds=10)
        breaker = breaker.after_fault(RULES, placed_at=now, now=now)
    return breaker


def probed(breaker: Breaker) -> tuple[Breaker, datetime]:
    """The breaker once its probe has left, and when that was."""
    at = breaker.opened_until
    assert at is not None
    assert breaker.state(at) is BreakerState.HALF_OPEN
    return breaker.after_call(RULES, at), at


def test_it_opens_after_so_many_faults_in_a_row_and_not_before() -> None:
    assert failed(Breaker(), 4, NOW).state(NOW) is BreakerState.CLOSED
    assert failed(Breaker(), 5, NOW).state(NOW) is BreakerState.OPEN


def test_a_success_between_faults_begins_the_row_anew() -> None:
    breaker = failed(failed(Breaker(), 4, NOW).after_success(NOW), 4, NOW + SECOND)
    assert breaker.state(NOW + SECOND) is BreakerState.CLOSED


def test_a_hundred_calls_that_die_together_open_it_once() -> None:
    breaker = Breaker()
    for _ in range(100):
        breaker = breaker.after_fault(RULES, placed_at=NOW - SECOND, now=NOW)
    assert breaker.opened_until == NOW + timedelta(seconds=30)


def test_a_long_talk_that_ends_well_does_not_close_it() -> None:
    breaker = failed(Breaker(), 5, NOW)
    assert breaker.after_success(NOW - timedelta(minutes=3)) == breaker


def test_one_probe_leaves_and_the_others_wait_for_it() -> None:
    breaker, at = probed(failed(Breaker(), 5, NOW))
    assert breaker.state(at) is BreakerState.OPEN
    assert breaker.state(at + RULES.rest) is BreakerState.HALF_OPEN  # nobody heard of the probe: another one


def test_a_probe_that_is_heard_of_closes_it() -> None:
    breaker, at = probed(failed(Breaker(), 5, NOW))
    closed = breaker.after_success(at)
    assert (closed.state(at), closed.failures) == (BreakerState.CLOSED, 0)


def test_each_failed_probe_doubles_the_rest_up_to_the_maximum() -> None:
    breaker, rests = failed(Breaker(), 5, NOW), []
    for _ in range(7):
        breaker, at = probed(breaker)
        breaker = breaker.after_fault(RULES, placed_at=at, now=at + SECOND)
        assert breaker.opened_until is not None
        rests.append((breaker.opened_until - at - SECOND).total_seconds())
    assert rests == [60, 120, 240, 480, 600, 600, 600]


def test_a_503_with_retry_after_opens_it_for_so_long_at_once() -> None:
    breaker = Breaker().after_fault(RULES, placed_at=NOW, now=NOW, retry_after_s=120)
    assert breaker.opened_until == NOW + timedelta(seconds=120)
    longer = breaker.after_fault(RULES, placed_at=NOW, now=NOW + SECOND, retry_after_s=300)
    assert longer.opened_until == NOW + SECOND + timedelta(seconds=300)
    shorter = breaker.after_fault(RULES, placed_at=NOW, now=NOW + SECOND, retry_after_s=5)
    assert shorter.opened_until == breaker.opened_until


@given(st.integers(-5, 10**12))
def test_no_retry_after_locks_a_trunk_for_ever(seconds: int) -> None:
    breaker = Breaker().after_fault(RULES, placed_at=NOW, now=NOW, retry_after_s=seconds)
    assert breaker.opened_until is None or breaker.opened_until <= NOW + LONGEST_RETRY_AFTER


@given(st.lists(st.sampled_from(["call", "fault", "good", "wait"]), max_size=40))
def test_it_never_rests_longer_than_the_maximum_and_always_opens_again(steps: list[str]) -> None:
    breaker, now, placed = Breaker(), NOW, NOW
    for step in steps:
        now += SECOND
        if step == "wait":
            now += timedelta(seconds=700)
        elif step == "call" and breaker.state(now) is not BreakerState.OPEN:
            breaker, placed = breaker.after_call(RULES, now), now
        elif step == "fault":
            breaker = breaker.after_fault(RULES, placed_at=placed, now=now)
        elif step == "good":
            breaker = breaker.after_success(placed)
        assert breaker.state(now + RULES.longest) is not BreakerState.OPEN
        assert (breaker.opened_until is None) == (breaker.failures < RULES.failures)
