"""The retry ladder: next time inside the windows, or giving up."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.calendars import ChinaCalendars
from core.clock import CHINA
from dialer.calling.dispositions import NOT_THE_CLIENTS, Disposition
from dialer.calling.retries import Case, GiveUp, RetryAt, next_follow_up, next_step
from dialer.programmes.facts import Preference, Span
from dialer.programmes.load import load_pack
from dialer.programmes.windows import open_at

pytestmark = pytest.mark.unit

D = Disposition
RULES = load_pack("demo_firm").runnable()
CALENDARS = ChinaCalendars()
CASE = Case(Preference(), CALENDARS, date(2026, 12, 23))
MONDAY = datetime(2026, 11, 23, 9, 30, tzinfo=CHINA)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=CHINA)


@pytest.mark.rule("M-01")
def test_a_busy_line_is_tried_again_after_the_packs_delay() -> None:
    assert next_step(RULES, D.BUSY, [], now=MONDAY, case=CASE) == RetryAt(at("2026-11-23T09:40"))


def test_nobody_at_home_is_tried_again_in_another_part_of_the_day() -> None:
    assert next_step(RULES, D.NO_ANSWER, [], now=MONDAY, case=CASE) == RetryAt(at("2026-11-23T13:00"))
    evening = at("2026-11-23T14:00")
    assert next_step(RULES, D.NO_ANSWER, [], now=evening, case=CASE) == RetryAt(at("2026-11-24T09:00"))


def test_the_same_part_of_the_day_is_taken_when_the_deadline_leaves_no_other() -> None:
    today = Case(Preference((Span.parse("13:00-18:00"),)), CALENDARS, MONDAY.date())
    found = next_step(RULES, D.NO_ANSWER, [], now=at("2026-11-23T13:10"), case=today)
    assert found == RetryAt(at("2026-11-23T16:10"))


def test_a_delay_that_ends_at_night_waits_for_the_morning_of_a_working_day() -> None:
    friday = at("2026-11-27T17:55")
    assert next_step(RULES, D.BUSY, [], now=friday, case=CASE) == RetryAt(at("2026-11-30T09:00"))


def test_an_invalid_number_is_not_dialed_again() -> None:
    assert next_step(RULES, D.INVALID_NUMBER, [], now=MONDAY, case=CASE) == GiveUp("not_retried")


def test_it_gives_up_when_one_rung_or_all_attempts_are_used_up() -> None:
    assert next_step(RULES, D.BUSY, [D.BUSY] * 4, now=MONDAY, case=CASE) == GiveUp("retries_used_up")
    mixed = [D.BUSY, D.NO_ANSWER, D.UNREACHABLE, D.BUSY, D.NO_ANSWER, D.UNREACHABLE, D.ANSWERED]
    assert next_step(RULES, D.NO_ANSWER, mixed, now=MONDAY, case=CASE) == GiveUp("retries_used_up")


def test_faults_of_the_trunk_use_nothing_up() -> None:
    earlier = [D.TRUNK_CONGESTION] * 50
    assert next_step(RULES, D.TRUNK_CONGESTION, earlier, now=MONDAY, case=CASE) == RetryAt(at("2026-11-23T09:35"))
    assert isinstance(next_step(RULES, D.BUSY, earlier, now=MONDAY, case=CASE), RetryAt)


def test_it_gives_up_when_the_deadline_leaves_no_window() -> None:
    last = Case(Preference(), CALENDARS, MONDAY.date())
    found = next_step(RULES, D.REJECTED, [], now=MONDAY, case=last)
    assert found == GiveUp("no_window_before_deadline")


@pytest.mark.rule("D-06")
@pytest.mark.rule("B-20")
def test_an_appointment_is_kept_in_the_part_of_the_day_the_client_chose() -> None:
    found = next_follow_up(RULES, "appointment", 0, now=MONDAY, case=CASE, part="afternoon")
    assert found == RetryAt(at("2026-11-23T13:00"))
    tomorrow = next_follow_up(
        RULES, "appointment", 0, now=MONDAY, case=CASE, part="morning", earliest=at("2026-11-24T00:00")
    )
    assert tomorrow == RetryAt(at("2026-11-24T09:00"))


@pytest.mark.rule("B-24")
def test_a_promised_call_comes_after_the_packs_delay_and_not_for_ever() -> None:
    assert next_follow_up(RULES, "promised_callback", 0, now=MONDAY, case=CASE) == RetryAt(at("2026-11-23T11:30"))
    found = next_follow_up(RULES, "promised_callback", 3, now=MONDAY, case=CASE)
    assert found == GiveUp("follow_ups_used_up")


minutes = st.integers(0, 353 * 24 * 60)
moments = minutes.map(lambda count: datetime(2026, 1, 1, tzinfo=CHINA) + timedelta(minutes=count))
spans = st.sampled_from(["10:00-11:15", "12:30-14:00", "17:00-20:00"]).map(Span.parse)
preferences = st.builds(Preference, st.lists(spans).map(tuple), st.frozensets(st.integers(0, 6)))


@pytest.mark.rule("B-01")
@pytest.mark.rule("B-07")
@settings(max_examples=300, deadline=None)
@given(st.sampled_from(D), st.lists(st.sampled_from(D), max_size=10), moments, preferences)
def test_a_retry_lies_in_a_window_after_its_delay_and_before_the_deadline(
    disposition: Disposition, earlier: list[Disposition], now: datetime, wish: Preference
) -> None:
    case = Case(wish, CALENDARS, now.date() + timedelta(days=10))
    found = next_step(RULES, disposition, earlier, now=now, case=case)
    if isinstance(found, RetryAt):
        assert open_at(RULES.windows, wish, found.at, CALENDARS)
        assert now + RULES.retries.rungs[disposition].delay <= found.at
        assert found.at.date() <= case.due_on
        assert disposition in NOT_THE_CLIENTS or found.at >= now + RULES.interval


@given(st.sampled_from(sorted(set(D) - NOT_THE_CLIENTS)), st.lists(st.sampled_from(D)))
def test_no_callback_gets_more_attempts_than_the_pack_allows(last: Disposition, earlier: list[Disposition]) -> None:
    made = sum(past not in NOT_THE_CLIENTS for past in earlier) + 1
    if made >= RULES.retries.total:
        assert isinstance(next_step(RULES, last, earlier, now=MONDAY, case=CASE), GiveUp)
