"""The ledger of abandoned calls: what counts, of how many, and when the bold modes must stop."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.clock import CHINA
from dialer.calling.abandonment import Fate, Request, Tally, fate, tally, within

pytestmark = pytest.mark.unit

ASKED = datetime(2026, 11, 23, 9, 30, tzinfo=CHINA)
NUMBERS = st.integers(0, 500)
TALLIES = st.builds(Tally, NUMBERS, NUMBERS, NUMBERS, NUMBERS, NUMBERS)


def after(seconds: float | None) -> datetime | None:
    return None if seconds is None else ASKED + timedelta(seconds=seconds)


def fate_of(
    *,
    joined: float | None = None,
    result: str | None = None,
    over: bool = False,
    ended: float | None = None,
    now: float,
) -> Fate:
    request = Request(ASKED, after(joined), result, over, after(ended))
    return fate(request, now=ASKED + timedelta(seconds=now), limit_s=2.0)


def test_an_agent_within_two_seconds_is_a_connected_call() -> None:
    assert fate_of(joined=2.0, result="joined", now=100) is Fate.JOINED


def test_an_agent_after_two_seconds_is_an_abandoned_call_whatever_was_played() -> None:
    assert fate_of(joined=2.001, result="joined", now=100) is Fate.LATE


def test_a_promise_instead_of_an_agent_is_an_abandoned_call() -> None:
    assert fate_of(result="nobody_free", now=100, over=True, ended=40) is Fate.LOST


def test_who_hangs_up_within_the_limit_was_not_abandoned() -> None:
    assert fate_of(result="client_gone", ended=1.9, over=True, now=100) is Fate.GONE


def test_who_hangs_up_after_the_limit_was_abandoned_even_if_an_agent_was_just_found() -> None:
    assert fate_of(result="client_gone", ended=2.1, over=True, now=100) is Fate.LOST
    assert fate_of(result="client_gone", joined=5.0, ended=4.9, over=True, now=100) is Fate.LOST


def test_an_unknown_end_counts_against_us() -> None:
    assert fate_of(result="client_gone", over=True, now=100) is Fate.LOST
    assert fate_of(result=None, over=True, now=1) is Fate.LOST  # the node died


def test_a_request_is_pending_for_as_long_as_the_limit_only() -> None:
    assert fate_of(now=2.0) is Fate.PENDING
    assert fate_of(now=2.1) is Fate.LOST


@given(TALLIES)
def test_the_share_of_those_who_asked_is_never_the_smaller_one(found: Tally) -> None:
    if found.of_persons is not None and found.of_asked is not None:
        assert 0 <= found.of_persons <= found.of_asked <= 1


@given(TALLIES, st.integers(0, 50))
def test_one_more_abandoned_call_never_makes_the_ledger_better(found: Tally, more: int) -> None:
    assert (found.worst(more) or 0.0) <= (found.worst(more + 1) or 0.0)


@given(TALLIES, st.integers(0, 9), st.integers(1, 200), st.floats(0, 0.2))
def test_within_the_limit_means_that_both_shares_stay_there_whatever_becomes_of_the_calls_in_between(
    found: Tally, more: int, sample: int, limit: float
) -> None:
    if within({"P": found}, "P", limit=limit, sample=sample, more=more):
        for lost in range(more + 1):
            then = found + Tally(more, joined=more - lost, lost=lost)
            assert (then.of_asked or 0.0) <= limit
            assert (then.of_persons or 0.0) <= limit


def test_a_ledger_that_cannot_be_told_is_no_permission() -> None:
    few = {"P": Tally(5000, joined=99)}
    assert within(None, "P", limit=0.03, sample=100, more=0) is None
    assert within(few, "Q", limit=0.03, sample=100, more=0) is None
    assert within(few, "P", limit=0.03, sample=100, more=0) is None


def test_the_formulas_on_the_example_of_the_documents() -> None:
    found = tally(1000, [Fate.JOINED] * 97 + [Fate.LATE] * 2 + [Fate.LOST] + [Fate.GONE] * 4 + [Fate.PENDING] * 5)
    assert found == Tally(1000, joined=97, late=2, lost=1, gone=4)
    assert found.of_persons == pytest.approx(0.003)
    assert found.of_asked == pytest.approx(0.03)
    assert within({"P": found}, "P", limit=0.03, sample=100, more=0) is True
    assert within({"P": found}, "P", limit=0.03, sample=100, more=1) is False
