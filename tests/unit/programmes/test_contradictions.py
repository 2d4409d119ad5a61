"""Contradictions of a pack: each kind is found where it is, and a pack in order has none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.calendars import DAY, ChinaCalendars, ProvisionalCalendars, days_of
from core.clock import CHINA
from dialer.programmes.contradictions import PER_YEAR, find
from dialer.programmes.facts import Span
from dialer.programmes.finding import Finding
from dialer.programmes.load import load_pack, shipped_packs
from dialer.programmes.model import DayKind, Deadline, Hours, Pack, Per, Unit, Windows
from dialer.programmes.periods import due, period_of
from dialer.programmes.windows import Times, windows_on

pytestmark = pytest.mark.unit

CALENDARS = ChinaCalendars()
FIRST = date(2026, 1, 1)
Check = Callable[..., dict[str, list[Finding]]]

CALL = """
    rules: [A-60]
    scope: all
    coverage: [{share: 100%}]
    executor: branch
    channels: [phone]
    flow: some
"""
SCR = """
windows:
  days: working_day
  monday: [14:30-17:00]
  tuesday: [09:30-11:00, 15:00-17:00]
  wednesday: [09:30-11:00, 15:00-17:00]
  thursday: [09:30-11:00, 15:00-17:00]
  friday: [09:30-11:00]
"""


@pytest.fixture
def check(tmp_path: Path) -> Check:
    """The findings of a firm's pack over demo_firm, by code."""

    def found(text: str, extends: str = "demo_firm") -> dict[str, list[Finding]]:
        path = tmp_path / "firm.yaml"
        path.write_text(f"pack: firm\nextends: {extends}\n{text}", encoding="utf-8")
        by_code: dict[str, list[Finding]] = {}
        for one in find(load_pack(str(path)), CALENDARS, first=FIRST):
            by_code.setdefault(one.code, []).append(one)
        return by_code

    return found


def programme(key: str, **values: str) -> str:
    """A programme that calls; ``values`` stand before and replace the ordinary ones."""
    lines = [line for line in CALL.splitlines() if line.strip() and line.split(":")[0].strip() not in values]
    own = [f"    {name}: {value}" for name, value in values.items()]
    return "\n".join([f"  {key}:", f"    title: {key}", *own, *lines, ""])


@pytest.mark.parametrize("name", shipped_packs())
def test_no_shipped_pack_makes_a_programme_impossible(name: str) -> None:
    assert [one for one in find(load_pack(name), CALENDARS, first=FIRST) if one.impossible] == []


def test_the_example_of_a_firm_has_no_contradiction() -> None:
    assert find(load_pack("demo_firm"), CALENDARS, first=FIRST) == ()


@pytest.mark.rule("B-17")
def test_a_cap_below_a_frequency_makes_the_programme_impossible(check: Check) -> None:
    text = "programmes:\n" + programme("monthly", trigger="{period: month}")
    (one,) = check(text)["cap_below_frequency"]
    assert one.impossible
    assert one.place == "caps.1"
    assert {"B-17", "M-16", "B-12"} <= set(one.rules)
    assert "2 per quarter" in one.text_en
    assert "每季度 2 次" in one.text


@pytest.mark.rule("B-17")
def test_an_exempt_programme_contradicts_no_cap(check: Check) -> None:
    caps = "caps: [{most: 2, per: quarter, count: talks, exempt: [monthly]}]\n"
    assert check(caps + "programmes:\n" + programme("monthly", trigger="{period: month}")) == {}


@pytest.mark.rule("B-17")
def test_a_cap_for_some_clients_only_is_a_warning(check: Check) -> None:
    caps = "caps: [{most: 2, per: quarter, when: \"'core' in tags\"}]\n"
    (one,) = check(caps + "programmes:\n" + programme("monthly", trigger="{period: month}"))["cap_below_frequency"]
    assert not one.impossible


def test_a_sample_reaches_a_client_in_its_share_of_the_rounds_only(check: Check) -> None:
    text = "programmes:\n" + programme("monthly", trigger="{period: month}", coverage="[{share: 10%}]")
    assert "cap_below_frequency" not in check(text)


def test_programmes_that_are_never_one_call_add_up(check: Check) -> None:
    quarterly = programme("one", trigger="{period: quarter}") + programme("other", trigger="{period: month, times: 1}")
    caps = "caps: [{most: 12, per: year, count: talks}]\n"
    apart = "merge: {apart: [[one, other]]}\n"
    assert check(caps + "programmes:\n" + quarterly) == {}
    (finding,) = check(caps + apart + "programmes:\n" + quarterly)["cap_below_frequency"]
    assert "never one call" in finding.text_en


@given(st.sampled_from(list(Per)), st.integers(2020, 2030))
def test_a_year_holds_so_many_whole_periods(per: Per, year: int) -> None:
    spans = {period_of(per, day) for day in days_of(year)}
    whole = [first for first, last in spans if first.year == year == last.year]
    # A leap year has one day more, and weeks may begin so that a 53rd (or a 26th pair) fits.
    assert 0 <= len(whole) - PER_YEAR[per] + (per in (Per.WEEK, Per.TWO_WEEKS)) <= 1


@pytest.mark.rule("B-08")
@pytest.mark.rule("B-01")
def test_a_day_of_the_calendar_before_a_weekend_holds_no_window(check: Check) -> None:
    fast = programme("fast", trigger="{event: listed}", deadline="{amount: 1, unit: day, day_type: every_day}")
    (one,) = check("programmes:\n" + fast)["deadline_without_window"]
    assert one.place == "programmes.fast.deadline"
    assert not one.impossible
    shut = sum(not CALENDARS.is_working_day(FIRST + n * DAY) for n in range(1, 365))
    assert f"{shut} of the 365 days" in one.text_en


@pytest.mark.rule("B-08")
def test_hours_shorter_than_the_longest_gap_between_windows_are_found(check: Check) -> None:
    sale = programme("sale", trigger="{event: product_bought}", deadline="{amount: 24, unit: hour}")
    (one,) = check("programmes:\n" + sale)["deadline_without_window"]
    assert "24 hours" in one.text_en
    weekdays = "windows: {days: every_day, every: [09:00-18:00]}\n"
    assert "deadline_without_window" not in check(weekdays + "programmes:\n" + sale)


def test_a_make_up_saturday_is_a_working_day_without_a_window(check: Check) -> None:
    next_day = programme("next", trigger="{event: listed}", deadline="{amount: 1, unit: working_day}")
    (one,) = check(SCR + "programmes:\n" + next_day)["deadline_without_window"]
    makeup = [day for n in range(1, 366) if (day := FIRST + n * DAY).weekday() > 4 and day.year == 2026]
    assert any(CALENDARS.is_working_day(day) for day in makeup)
    assert not one.impossible


def test_a_deadline_that_no_day_can_meet_is_impossible(check: Check) -> None:
    sundays = "windows: {days: working_day, sunday: [09:00-09:30]}\n"
    fast = programme("fast", trigger="{event: listed}", deadline="{amount: 1, unit: hour}")
    found = check(sundays + "programmes:\n" + fast)
    assert [one.impossible for one in found["deadline_without_window"] if "fast" in one.place] == [True]


@pytest.mark.rule("B-09")
def test_a_weekend_window_on_working_days_is_shut_on_ordinary_weekends(check: Check) -> None:
    text = "windows: {days: working_day, every: [09:00-12:00, 13:00-18:00], saturday: [10:00-12:00]}\n"
    (one,) = check(text)["weekend_window_shut"]
    assert one.place == "windows.saturday"
    assert "M-17" in one.rules
    assert "weekend_window_shut" not in check(text.replace("working_day", "every_day"))


@pytest.mark.rule("B-05")
def test_the_hours_of_a_segment_are_tried_as_well(check: Check) -> None:
    windows = (
        "windows:\n  days: every_day\n  every: [09:00-18:00]\n"
        "  segments: [{when: \"'active' in tags\", days: trading_day, every: [09:30-11:30]}]\n"
    )
    fast = programme("fast", trigger="{event: listed}", deadline="{amount: 1, unit: day, day_type: every_day}")
    places = [one.text_en for one in check(windows + "programmes:\n" + fast)["deadline_without_window"]]
    assert len(places) == 1
    assert "windows.segments.0" in places[0]


@pytest.mark.rule("M-01")
def test_a_ladder_that_the_deadline_cuts_short_is_a_warning(check: Check) -> None:
    text = "programmes:\n" + programme("fast", trigger="{event: listed}", deadline="{amount: 1, unit: working_day}")
    (one,) = check(text)["ladder_cut_short"]
    assert "3 of the 6 attempts" in one.text_en
    assert not one.impossible


def test_a_cap_on_attempts_counts_against_the_ladder(check: Check) -> None:
    text = "caps: [{most: 3, per: month, count: attempts}]\n"
    found = check(text)
    assert "8 attempts" in found["cap_below_retries"][0].text_en
    assert found["ladder_cut_short"], "three attempts a month are fewer than the ladder's six"


@pytest.mark.rule("B-18")
def test_ring_limit_and_interval_longer_than_a_window_are_found(check: Check) -> None:
    found = check("windows: {days: working_day, every: [09:00-09:20]}\ninterval: 30min\nring_limit: 25min\n")
    assert [one.code for one in (*found["ring_limit_above_window"], *found["interval_above_window"])] == [
        "ring_limit_above_window",
        "interval_above_window",
    ]


@pytest.mark.rule("F-06")
@pytest.mark.rule("F-02")
def test_a_programme_that_keeps_less_than_its_pack_is_found(check: Check) -> None:
    term = "{recording: {amount: 1, unit: year}}"
    (one,) = check("programmes:\n" + programme("short", trigger="{period: year}", retention=term))[
        "retention_below_floor"
    ]
    assert one.place == "programmes.short.retention.recording"
    assert {"F-06", "F-02"} <= set(one.rules)
    longer = "{recording: {amount: 20, unit: year, rule: F-05}}"
    assert check("programmes:\n" + programme("long", trigger="{period: year}", retention=longer)) == {}


def test_transcripts_are_kept_as_long_as_recordings(check: Check) -> None:
    (one,) = check("retention: {transcript: {amount: 1, unit: year}}\n")["transcript_below_recording"]
    assert "M-04" in one.rules
    assert check("retention: {transcript: {amount: 3, unit: year}}\n") == {}


@pytest.mark.rule("E-07")
@pytest.mark.rule("E-01")
def test_an_executor_whose_staff_must_not_call_leaves_nobody(check: Check) -> None:
    seller = "executors: {seller: {title: 客户经理, level: staff, series: [marketing], rule: E-07}}\n"
    text = seller + "programmes:\n" + programme("sale", trigger="{period: year}", executor="seller")
    (one,) = check(text)["nobody_may_call"]
    assert one.impossible
    assert {"M-15", "E-01", "E-07"} <= set(one.rules)
    some = text.replace("[marketing]", "[marketing, broker]")
    assert not check(some)["executor_avoided"][0].impossible


@pytest.mark.rule("E-04")
def test_a_clients_own_member_of_staff_is_often_his_introducer(check: Check) -> None:
    seller = "executors: {seller: {title: 推荐人, level: staff, rule: E-07}}\n"
    away = "avoidance: [{series: [marketing], introducer: yes, rule: [E-01, E-04]}]\n"
    text = away + seller + "programmes:\n" + programme("sale", trigger="{period: year}", executor="seller")
    assert [one.place for one in check(text)["own_staff_avoided"]] == ["programmes.sale.executor"]


def test_a_programme_for_clients_whom_the_pack_leaves_out_concerns_nobody(check: Check) -> None:
    universe = "universe: {when: \"status not in ('dormant', 'suspended')\"}\n"
    dormant = programme("dormant", trigger="{period: year}", scope="status == 'dormant' and asset_total > 1")
    (one,) = check(universe + "programmes:\n" + dormant)["outside_universe"]
    assert one.impossible
    assert "M-14" in one.rules
    both = programme("both", trigger="{period: year}", scope="status in ('active', 'dormant')")
    (warned,) = check(universe + "programmes:\n" + both)["partly_outside_universe"]
    assert not warned.impossible
    assert check(universe + "programmes:\n" + programme("every", trigger="{period: year}")) == {}


def test_a_programme_that_exempts_everybody_is_found(check: Check) -> None:
    exempt = "[{when: status == 'dormant', reason: 休眠}]"
    text = programme("dormant", trigger="{period: year}", scope="not status != 'dormant'", exempt=exempt)
    assert check("programmes:\n" + text)["everybody_exempt"][0].impossible
    may_be = exempt.replace("'dormant'", "'dormant' and asset_total < 1")
    text = programme("dormant", trigger="{period: year}", scope="status == 'dormant'", exempt=may_be)
    assert check("programmes:\n" + text) == {}


def test_rules_about_a_programme_that_is_switched_off_are_found(check: Check) -> None:
    found = check("merge: {apart: [[new_account, special]]}\nprogrammes:\n  new_account: {enabled: no}\n")
    places = {one.place for one in found["names_disabled_programme"]}
    assert places == {
        "merge.apart.0",
        "caps.1.exempt",
        "programmes.key_service.suppress.0",
        "programmes.key_satisfaction.suppress.0",
    }


@pytest.mark.rule("A-23")
def test_a_gate_without_a_way_out_for_refusals_is_found(check: Check) -> None:
    gate = {"trigger": "{event: account_created}", "gates": "[activation]", "deadline": "{amount: 1, unit: month}"}
    (one,) = check("programmes:\n" + programme("first", **gate))["gate_without_way_out"]
    assert "M-25" in one.rules
    out = "{refused: [{do: report, to: [branch]}]}"
    assert check("programmes:\n" + programme("first", **gate, outcomes=out)) == {}


def test_nothing_is_found_about_values_that_are_open(check: Check) -> None:
    assert find(load_pack("GAL"), CALENDARS, first=FIRST) == ()


def test_without_a_day_the_last_year_of_the_calendars_is_tried(check: Check) -> None:
    assert find(load_pack("demo_firm"), CALENDARS) == ()


def with_fast(deadline: Deadline, hours: Hours) -> Pack:
    """demo_firm with one programme only, that deadline and those windows; nobody is tried twice."""
    pack = load_pack("demo_firm")
    contact = pack.runnable()
    one = replace(pack.programme("new_account"), key="fast", deadline=deadline)
    contact = replace(contact, retries=replace(contact.retries, total=1), windows=Windows(hours))
    return replace(pack, programmes={"fast": one}, caps=(), windows=contact.windows, contact=contact)


@settings(max_examples=15, deadline=None)
@given(
    amount=st.integers(1, 4),
    unit=st.sampled_from([Unit.DAY, Unit.WORKING_DAY, Unit.TRADING_DAY, Unit.WEEK]),
    weekdays=st.sets(st.integers(0, 6), min_size=1),
)
def test_days_without_a_window_are_those_of_a_slow_count(amount: int, unit: Unit, weekdays: set[int]) -> None:
    deadline = Deadline(amount, unit, DayKind.EVERY_DAY if unit is Unit.DAY else None)
    hours = Hours(DayKind.WORKING_DAY, weekdays=dict.fromkeys(weekdays, (Span.parse("10:00-11:00"),)))
    expected = _slow_count(deadline, Times((hours,)))
    found = find(with_fast(deadline, hours), CALENDARS, first=FIRST)
    said = [one.text_en.split("from ")[1].split(" of")[0] for one in found if one.code == "deadline_without_window"]
    assert said == ([str(expected)] if expected else [])


def _slow_count(deadline: Deadline, times: Times) -> int:
    calendars = ProvisionalCalendars(CALENDARS)
    without = 0
    for number in range(365):
        day = FIRST + number * DAY
        last = due(deadline, datetime.combine(day, time(), CHINA), calendars).on
        without += not any(windows_on(times, day + n * DAY, calendars) for n in range(1, (last - day).days + 1))
    return without
