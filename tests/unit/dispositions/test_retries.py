"""The retry ladder: next time inside the windows and explained, or giving up; one budget for everything."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.calendars import ChinaCalendars
from core.clock import CHINA, china
from dialer.calling.dispositions import NOT_THE_CLIENTS, Disposition
from dialer.calling.retries import Case, GiveUp, Next, RetryAt, next_follow_up, next_script, next_step
from dialer.calling.whys import WORDS
from dialer.programmes.facts import Preference, Span
from dialer.programmes.load import load_pack
from dialer.programmes.model import DayKind, Hours, Retries
from dialer.programmes.windows import Times, day_part

pytestmark = pytest.mark.unit

D = Disposition
RULES = load_pack("demo_firm").runnable()
CALENDARS = ChinaCalendars()
HOURS = Hours(DayKind.WORKING_DAY, (Span(time(9), time(12)), Span(time(13), time(18))))
TIMES = Times((HOURS,))
MONDAY = datetime(2026, 11, 23, 9, 30, tzinfo=CHINA)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=CHINA)


CASE = Case(TIMES, CALENDARS, at("2026-12-24T00:00"))


def found(step: Next) -> tuple[datetime, str]:
    """When, and the code of the explanation."""
    assert isinstance(step, RetryAt), step
    return step.at, step.why.code


def given_up(step: Next) -> str:
    assert isinstance(step, GiveUp), step
    return step.reason


@pytest.mark.rule("M-01")
def test_a_busy_line_is_tried_again_after_the_packs_delay() -> None:
    step = next_step(RULES, D.BUSY, [], now=MONDAY, case=CASE)
    assert found(step) == (at("2026-11-23T09:40"), "after_delay")
    assert step.why.text_en == "busy: again after 10 min"
    assert step.why.text == "占线：10 分钟后再拨"


def test_nobody_at_home_is_tried_again_in_another_part_of_the_day() -> None:
    step = next_step(RULES, D.NO_ANSWER, [], now=MONDAY, case=CASE)
    assert found(step) == (at("2026-11-23T13:00"), "other_day_part")
    assert step.why.text_en == "no answer: another part of the day"
    afternoon = next_step(RULES, D.NO_ANSWER, [], now=at("2026-11-23T14:00"), case=CASE)
    assert found(afternoon) == (at("2026-11-24T09:00"), "other_day_part")


def test_the_same_part_of_the_day_is_taken_when_the_deadline_leaves_no_other() -> None:
    wish = Preference((Span.parse("13:00-18:00"),))
    today = Case(Times((HOURS,), wish), CALENDARS, at("2026-11-24T00:00"))
    step = next_step(RULES, D.NO_ANSWER, [], now=at("2026-11-23T13:10"), case=today)
    assert found(step) == (at("2026-11-23T16:10"), "same_day_part")


def test_a_delay_that_ends_at_night_waits_for_the_morning_of_a_working_day() -> None:
    step = next_step(RULES, D.BUSY, [], now=at("2026-11-27T17:55"), case=CASE)
    assert found(step) == (at("2026-11-30T09:00"), "next_window")
    assert step.why.text_en == "busy: again after 10 min, moved to the next window"


def test_a_deadline_in_the_middle_of_a_day_is_an_instant() -> None:
    by_ten = Case(TIMES, CALENDARS, at("2026-11-23T10:00"))
    assert found(next_step(RULES, D.BUSY, [], now=MONDAY, case=by_ten))[0] == at("2026-11-23T09:40")
    assert (
        given_up(next_step(RULES, D.BUSY, [], now=at("2026-11-23T09:50"), case=by_ten)) == "no_window_before_deadline"
    )


def test_an_invalid_number_is_not_dialed_again() -> None:
    assert given_up(next_step(RULES, D.INVALID_NUMBER, [], now=MONDAY, case=CASE)) == "not_retried"


def test_an_invalid_number_leads_to_the_clients_other_number() -> None:
    step = next_step(RULES, D.INVALID_NUMBER, [], now=MONDAY, case=CASE, numbers_left=True)
    assert found(step) == (MONDAY + RULES.interval, "next_number")
    used = [D.BUSY] * 4 + [D.NO_ANSWER] * 3
    assert given_up(next_step(RULES, D.INVALID_NUMBER, used, now=MONDAY, case=CASE, numbers_left=True)) == (
        "retries_used_up"
    )


def test_it_gives_up_when_one_rung_or_all_attempts_are_used_up() -> None:
    assert given_up(next_step(RULES, D.BUSY, [D.BUSY] * 4, now=MONDAY, case=CASE)) == "retries_used_up"
    mixed = [D.BUSY, D.NO_ANSWER, D.UNREACHABLE, D.BUSY, D.NO_ANSWER, D.UNREACHABLE, D.ANSWERED]
    assert given_up(next_step(RULES, D.NO_ANSWER, mixed, now=MONDAY, case=CASE)) == "retries_used_up"


def test_faults_of_the_trunk_use_nothing_up() -> None:
    earlier = [D.TRUNK_CONGESTION] * 50
    step = next_step(RULES, D.TRUNK_CONGESTION, earlier, now=MONDAY, case=CASE)
    assert found(step)[0] == at("2026-11-23T09:35")
    assert "uses no attempt" in step.why.text_en
    assert isinstance(next_step(RULES, D.BUSY, earlier, now=MONDAY, case=CASE), RetryAt)


def test_it_gives_up_when_the_deadline_leaves_no_window() -> None:
    last = Case(TIMES, CALENDARS, at("2026-11-24T00:00"))
    step = next_step(RULES, D.REJECTED, [], now=MONDAY, case=last)
    assert given_up(step) == "no_window_before_deadline"
    assert step.why.text == "截止前没有可拨时段"


def test_a_part_of_the_day_that_never_comes_is_not_sought_beyond_the_calendar() -> None:
    mornings = Times((Hours(DayKind.WORKING_DAY, (Span(time(9), time(12)),)),))
    far = Case(mornings, CALENDARS, at("2060-01-01T00:00"))
    step = next_step(RULES, D.NO_ANSWER, [], now=MONDAY, case=far)
    assert found(step) == (at("2026-11-24T09:00"), "same_day_part")


@pytest.mark.rule("D-06")
@pytest.mark.rule("B-20")
def test_an_appointment_is_kept_in_the_part_of_the_day_the_client_chose() -> None:
    step = next_follow_up(RULES, "appointment", 0, made=1, now=MONDAY, case=CASE, part="afternoon")
    assert found(step) == (at("2026-11-23T13:00"), "appointment")
    assert step.why.text_en == "appointment agreed with the client"


@pytest.mark.rule("B-21")
def test_an_agreed_time_is_kept_to_the_minute_or_moved_to_the_next_window() -> None:
    agreed = at("2026-11-25T10:17")
    step = next_follow_up(RULES, "appointment", 0, made=1, now=MONDAY, case=CASE, agreed=agreed)
    assert step == RetryAt(agreed, step.why)
    sunday = next_follow_up(RULES, "appointment", 0, made=1, now=MONDAY, case=CASE, agreed=at("2026-11-29T20:00"))
    assert found(sunday) == (at("2026-11-30T09:00"), "appointment")
    assert sunday.why.text_en.endswith("moved to the next window")


@pytest.mark.rule("B-24")
def test_a_promised_call_comes_after_the_packs_delay_and_not_for_ever() -> None:
    step = next_follow_up(RULES, "promised_callback", 0, made=1, now=MONDAY, case=CASE)
    assert found(step) == (MONDAY + RULES.promised_callback.delay, "promised_callback")
    often = RULES.promised_callback.most
    assert given_up(next_follow_up(RULES, "promised_callback", often, made=1, now=MONDAY, case=CASE)) == (
        "follow_ups_used_up"
    )


def test_appointments_and_further_scripts_live_on_the_same_budget() -> None:
    total = RULES.retries.total
    assert given_up(next_follow_up(RULES, "appointment", 0, made=total, now=MONDAY, case=CASE)) == "retries_used_up"
    assert given_up(next_script(RULES, made=total, now=MONDAY, case=CASE)) == "retries_used_up"
    assert found(next_script(RULES, made=1, now=MONDAY, case=CASE)) == (MONDAY + RULES.interval, "next_script")


def test_every_disposition_can_be_explained_in_both_languages() -> None:
    assert set(WORDS) == set(D)
    for disposition in set(D) - {D.INVALID_NUMBER, D.BLOCKED_BY_NETWORK}:
        step = next_step(RULES, disposition, [], now=MONDAY, case=CASE)
        assert re.search(r"[一-鿿]", step.why.text)
        assert step.why.text_en.isascii()
        assert set(step.why.as_json()) == {"code", "text", "text_en"}


# --- properties against an independent reference ---------------------------------------------------------------------

minutes = st.integers(0, 340 * 24 * 60)
moments = minutes.map(lambda count: datetime(2026, 1, 1, tzinfo=CHINA) + timedelta(minutes=count))
spans = st.sampled_from(["10:00-11:15", "12:30-14:00", "17:00-20:00"]).map(Span.parse)
preferences = st.builds(Preference, st.lists(spans).map(tuple), st.frozensets(st.integers(0, 6)))
dispositions = st.sampled_from(list(D))


def permitted(wish: Preference, moment: datetime) -> bool:
    """Minute by minute, written without the windows module: the demo firm's hours met with the client's wish."""
    local = china(moment)
    clock = (local.hour, local.minute)
    open_hours = (9, 0) <= clock < (12, 0) or (13, 0) <= clock < (18, 0)
    texts = [str(span) for span in wish.spans]
    wished = not texts or any(text[:5] <= f"{local:%H:%M}" < text[6:] for text in texts)
    right_day = not wish.weekdays or local.weekday() in wish.weekdays
    return open_hours and wished and right_day and CALENDARS.is_working_day(local.date())


@pytest.mark.rule("B-01")
@pytest.mark.rule("B-07")
@settings(max_examples=300)
@given(dispositions, st.lists(dispositions, max_size=10), moments, preferences, st.booleans())
def test_a_retry_lies_in_a_window_after_its_delay_and_before_the_deadline(
    disposition: Disposition, earlier: list[Disposition], now: datetime, wish: Preference, numbers_left: bool
) -> None:
    case = Case(Times((HOURS,), wish), CALENDARS, now + timedelta(days=10, minutes=7))
    step = next_step(RULES, disposition, earlier, now=now, case=case, numbers_left=numbers_left)
    if isinstance(step, RetryAt):
        assert permitted(wish, step.at)
        assert step.at < case.due_at
        assert step.why.code == "next_number" or now + RULES.retries.rungs[disposition].delay <= step.at
        assert disposition in NOT_THE_CLIENTS or step.at >= now + RULES.interval
    assert step.why.text
    assert step.why.text_en


@settings(max_examples=200)
@given(moments, preferences, st.sampled_from([None, "morning", "afternoon", "evening"]), st.integers(0, 20 * 24 * 60))
def test_a_follow_up_lies_in_a_window_and_before_the_deadline(
    now: datetime, wish: Preference, part: str | None, ahead: int
) -> None:
    case = Case(Times((HOURS,), wish), CALENDARS, now + timedelta(days=12))
    agreed = now + timedelta(minutes=ahead) if part is None else None
    step = next_follow_up(RULES, "appointment", 0, made=1, now=now, case=case, part=part, agreed=agreed)  # type: ignore[arg-type]
    if isinstance(step, RetryAt):
        assert permitted(wish, step.at)
        assert now + RULES.interval <= step.at < case.due_at
        assert agreed is None or step.at >= agreed


@settings(max_examples=200)
@given(moments, preferences, st.sampled_from([D.NO_ANSWER, D.UNREACHABLE, D.ANSWERED]))
def test_the_next_attempt_is_in_another_part_of_the_day_whenever_one_is_left(
    now: datetime, wish: Preference, disposition: Disposition
) -> None:
    case = Case(Times((HOURS,), wish), CALENDARS, now + timedelta(days=5))
    step = next_step(RULES, disposition, [], now=now, case=case)
    first = now + max(RULES.retries.rungs[disposition].delay, RULES.interval)
    quarter = timedelta(minutes=15)  # every window of this test begins on a quarter of an hour
    start = first.replace(minute=first.minute // 15 * 15) + quarter
    later = [first, *(start + step_ * quarter for step_ in range(5 * 96))]
    others = [one for one in later if one < case.due_at and permitted(wish, one) and day_part(one) != day_part(now)]
    if others:
        assert found(step) == (others[0], "other_day_part")
    else:
        assert isinstance(step, GiveUp) or step.why.code == "same_day_part"


ladders = st.integers(1, 9).map(
    lambda total: replace(
        RULES, retries=Retries({d: replace(r, most=None) for d, r in RULES.retries.rungs.items()}, total)
    )
)


@given(ladders, st.lists(dispositions, min_size=1, max_size=40))
def test_no_callback_gets_more_attempts_than_the_pack_allows_and_faults_of_ours_use_none(
    rules: object, endings: list[Disposition]
) -> None:
    """A whole life: dial as long as the ladder says so, whatever the endings are."""
    case, now, made = (
        Case(Times((Hours(DayKind.EVERY_DAY, (Span(time(0), time(23, 59)),)),)), CALENDARS, at("2027-12-01T00:00")),
        MONDAY,
        [],
    )
    for ending in endings:
        step = next_step(rules, ending, made, now=now, case=case)  # type: ignore[arg-type]
        made.append(ending)
        counted = sum(one not in NOT_THE_CLIENTS for one in made)
        total = rules.retries.total  # type: ignore[attr-defined]
        assert counted <= total
        assert isinstance(step, GiveUp) == (counted >= total)
        if isinstance(step, GiveUp):
            break
        now = step.at
