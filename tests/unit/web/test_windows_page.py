"""The calendar of windows shows what planner and gate go by: kind of day, windows, festivals, what is provisional."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.calendars import ChinaCalendars, FirmCalendars
from core.notices import load_notices
from dialer.programmes.load import load_pack
from dialer.programmes.windows import Times, windows_on
from web.app import create_app
from web.windows.month import Day, month_of

pytestmark = pytest.mark.unit

CALENDARS = ChinaCalendars()
NOTICE = """\
year: 2027
title: test
holidays: [2027-01-01..2027-01-03, 2027-02-05..2027-02-11, 2027-05-01, 2027-10-01..2027-10-07]
makeup: [2027-02-20]
exchanges: {XSHG: {closed: [2027-01-01, 2027-02-05..2027-02-11, 2027-10-01..2027-10-07]}}
branches: {北京: {closed: [2027-03-02]}}
"""


@cache
def _windows() -> Any:
    return load_pack("demo_firm").windows


def _days(first: date, *, calendars: Any = CALENDARS, **asked: Any) -> dict[date, Day]:
    return {day.on: day for day in month_of(first, calendars, _windows(), **asked).days}


@pytest.fixture
def noticed(tmp_path: Path) -> FirmCalendars:
    """The calendars of a firm that has loaded next year's notice."""
    path = tmp_path / "2027.yaml"
    path.write_text(NOTICE, encoding="utf-8")
    return FirmCalendars(load_notices(path))


@given(st.dates(date(2005, 1, 1), date(2026, 12, 31)).map(lambda day: day.replace(day=1)))
def test_a_month_is_whole_in_weeks_from_monday_and_shows_the_gates_own_windows(first: date) -> None:
    month = month_of(first, CALENDARS, _windows())
    assert [day.on for day in month.days] == [first + timedelta(days=n) for n in range(len(month.days))]
    assert (first + timedelta(days=len(month.days))).day == 1
    for week in month.weeks:
        assert len(week) == 7
        assert all(day is None or day.on.weekday() == place for place, day in enumerate(week))
    for day in month.days:
        assert day.works == CALENDARS.is_working_day(day.on)
        assert day.windows == windows_on(Times((_windows().hours,)), day.on, CALENDARS)
        assert not day.provisional


@pytest.mark.rule("B-01")
def test_a_make_up_saturday_works_and_does_not_trade_and_a_holiday_does_neither() -> None:
    days = _days(date(2026, 2, 1))
    assert days[date(2026, 2, 14)].marks == ("makeup",)
    assert days[date(2026, 2, 14)].windows != ()
    assert days[date(2026, 2, 17)].marks == ("holiday",)
    assert days[date(2026, 2, 17)].festivals == ("spring_festival",)
    assert days[date(2026, 2, 17)].windows == ()
    assert days[date(2026, 2, 25)].marks == ("working", "trading")


def test_a_day_on_which_only_one_exchange_trades_says_so() -> None:
    assert "hk_closed" in _days(date(2026, 7, 1))[date(2026, 7, 1)].marks
    assert "hk_trading" in _days(date(2026, 2, 1))[date(2026, 2, 23)].marks


@pytest.mark.rule("B-08")
def test_what_is_not_published_is_provisional_until_the_notice_is_loaded(noticed: FirmCalendars) -> None:
    before, after = _days(date(2027, 2, 1)), _days(date(2027, 2, 1), calendars=noticed)
    assert all(day.provisional for day in before.values())
    assert before[date(2027, 2, 8)].works
    assert not any(day.provisional for day in after.values())
    assert after[date(2027, 2, 8)].marks == ("holiday",)
    assert after[date(2027, 2, 20)].marks == ("makeup",)


def test_a_branch_is_closed_on_its_own_holiday_only_when_it_is_chosen(noticed: FirmCalendars) -> None:
    closed = date(2027, 3, 2)
    assert _days(date(2027, 3, 1), calendars=noticed)[closed].windows != ()
    of_branch = _days(date(2027, 3, 1), calendars=noticed, branch="北京")[closed]
    assert of_branch.windows == ()
    assert "branch_holiday" in of_branch.marks


@pytest.mark.rule("B-05", "B-06")
def test_segments_and_appointments_have_windows_of_their_own(under: Callable[..., Any], tmp_path: Path) -> None:
    own = tmp_path / "firm.yaml"
    own.write_text(
        "pack: mine\nextends: demo_firm\ntitle: 我\ntitle_en: Mine\n"
        "windows:\n  rule: firm\n  days: working_day\n  every: [09:00-11:00]\n"
        "  segments:\n    - {when: kind == 'institution', days: trading_day, every: [13:30-15:00], rule: firm}\n"
        "  appointments: {days: every_day, every: [18:30-20:00], rule: firm}\n",
        encoding="utf-8",
    )
    bob = under(str(own))
    ordinary, institutions = bob.get("/windows?month=2026-11").text, bob.get("/windows?month=2026-11&segment=0").text
    assert ordinary.count("09:00–11:00") == 21
    assert "13:30–15:00" not in ordinary
    assert institutions.count("13:30–15:00") == 21
    assert "09:00–11:00" not in institutions
    assert ordinary.count("18:30–20:00") == 30


def test_the_page_opens_on_this_month_and_walks(bob: Any) -> None:
    page = bob.get("/windows").text
    assert "<small>2026-11</small>" in page
    assert page.count('aria-current="date"') == 1
    assert re.search(r'data-next href="/windows\?month=2026-12"', page)
    assert re.search(r'data-previous href="/windows\?month=2026-10"', page)


@pytest.mark.parametrize("query", ["month=2026-13", "month=x", "month=0001-01", "branch=nowhere", "segment=7"])
def test_a_malformed_question_is_no_error(bob: Any, query: str) -> None:
    assert "<small>2026-11</small>" in bob.get(f"/windows?{query}").text


def test_the_page_warns_of_provisional_days_unless_the_notice_is_there(bob: Any, day: Any, noticed: Any) -> None:
    assert "firm.calendar" in bob.get("/windows?month=2027-02").text
    app = create_app(day.settings, day.db, day.archive, day.clock, noticed)
    with app.test_request_context():
        assert app.extensions["huifang"].calendars is noticed
    bob.client = app.test_client()
    bob.sign_in("bob")
    assert "firm.calendar" not in bob.get("/windows?month=2027-02").text
