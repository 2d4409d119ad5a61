"""Calendars: the State Council's notice for 2026, the exchanges' sessions, and a refusal beyond what is known."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.calendars import ChinaCalendars, add_months, add_trading_days, add_working_days
from core.errors import CalendarUnknown

pytestmark = pytest.mark.unit

CHINA = ChinaCalendars()
DAYS_2026 = st.dates(date(2026, 1, 1), date(2026, 10, 31))

# State Council notice on the holidays of 2026: these Saturdays and Sundays are worked.
MAKE_UP_DAYS_2026 = ["2026-01-04", "2026-02-14", "2026-02-28", "2026-05-09", "2026-09-20", "2026-10-10"]
HOLIDAYS_2026 = [
    "2026-01-02",
    "2026-02-16",
    "2026-02-23",
    "2026-04-06",
    "2026-05-05",
    "2026-06-19",
    "2026-09-25",
    "2026-10-07",
]


@pytest.mark.rule("B-08")
@pytest.mark.parametrize("day", MAKE_UP_DAYS_2026)
def test_a_make_up_day_is_worked_and_not_traded(day: str) -> None:
    made_up = date.fromisoformat(day)
    assert made_up.isoweekday() > 5
    assert CHINA.is_working_day(made_up)
    assert not CHINA.is_trading_day(made_up)


@pytest.mark.rule("B-08")
@pytest.mark.parametrize("day", HOLIDAYS_2026)
def test_a_holiday_on_a_weekday_is_neither_worked_nor_traded(day: str) -> None:
    holiday = date.fromisoformat(day)
    assert holiday.isoweekday() <= 5
    assert not CHINA.is_working_day(holiday)
    assert not CHINA.is_trading_day(holiday)


def test_hong_kong_trades_on_days_when_shanghai_does_not() -> None:
    national_day = date(2026, 10, 2)
    assert CHINA.is_trading_day(national_day, "XHKG")
    assert not CHINA.is_trading_day(national_day, "XSHG")


@pytest.mark.parametrize("year", [2000, 2030])
def test_a_year_without_a_holiday_notice_is_refused(year: int) -> None:
    with pytest.raises(CalendarUnknown, match=f"no Chinese holiday notice for {year}"):
        CHINA.is_working_day(date(year, 6, 1))


@pytest.mark.parametrize("day", [date(1989, 1, 2), date(2031, 1, 2)])
def test_a_day_outside_the_exchange_calendar_is_refused(day: date) -> None:
    with pytest.raises(CalendarUnknown, match="XSHG has no sessions for"):
        CHINA.is_trading_day(day)


def test_shanghai_sessions_are_never_guessed_beyond_the_published_holidays() -> None:
    """A year whose holidays are not published yet would otherwise count its holidays as sessions."""
    for year in range(2026, 2032):
        try:
            known = CHINA.is_trading_day(date(year, 10, 1))
        except CalendarUnknown:
            continue
        assert not known, f"1 October {year} is a holiday in every year"


@pytest.mark.rule("B-08")
@given(DAYS_2026, st.integers(1, 30))
def test_added_working_days_end_on_a_working_day_and_count_exactly(start: date, count: int) -> None:
    end = add_working_days(CHINA, start, count)
    between = [start + timedelta(days=n) for n in range(1, (end - start).days + 1)]
    assert CHINA.is_working_day(end)
    assert sum(map(CHINA.is_working_day, between)) == count


@given(DAYS_2026, st.integers(0, 10), st.integers(1, 10))
def test_working_days_can_be_added_in_two_steps(start: date, first: int, second: int) -> None:
    assert add_working_days(CHINA, add_working_days(CHINA, start, first), second) == add_working_days(
        CHINA, start, first + second
    )


def test_adding_no_days_stays_where_it_is_even_on_a_holiday() -> None:
    holiday = date(2026, 10, 1)
    assert add_working_days(CHINA, holiday, 0) == add_trading_days(CHINA, holiday, 0) == holiday


def test_trading_days_skip_the_make_up_saturday() -> None:
    assert add_working_days(CHINA, date(2026, 10, 9), 1) == date(2026, 10, 10)
    assert add_trading_days(CHINA, date(2026, 10, 9), 1) == date(2026, 10, 12)


@given(st.dates(date(1990, 1, 1), date(2090, 1, 1)), st.integers(-240, 240))
def test_months_keep_the_day_or_take_the_last_one(start: date, count: int) -> None:
    end = add_months(start, count)
    assert (end.year * 12 + end.month) - (start.year * 12 + start.month) == count
    assert end.day == start.day or (end.day < start.day and (end + timedelta(days=1)).day == 1)


def test_a_month_after_the_31st_of_january_is_the_end_of_february() -> None:
    assert add_months(date(2026, 1, 31), 1) == date(2026, 2, 28)
    assert add_months(date(2024, 2, 29), 12) == date(2025, 2, 28)
