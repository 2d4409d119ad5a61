"""Calendars: the State Council's notice for 2026, the exchanges' sessions, a firm's notices laid over them, festivals,
and a refusal beyond what is known."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

import chinese_calendar
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.calendars import (
    FESTIVALS,
    ChinaCalendars,
    Exchange,
    FirmCalendars,
    Notice,
    ProvisionalCalendars,
    add_months,
    add_trading_days,
    add_working_days,
    branch_works,
    days_of,
)
from core.clock import CHINA as CHINA_TIME
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


@pytest.mark.parametrize("day", [date(1989, 1, 2), date(1990, 12, 28), date(2031, 1, 2)])
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


@given(st.dates(date(2004, 1, 1), date(2026, 12, 31)))
def test_working_days_are_those_of_the_library_asked_day_by_day(day: date) -> None:
    assert CHINA.is_working_day(day) == chinese_calendar.is_workday(day)


def test_an_instant_is_read_as_its_date() -> None:
    noon = datetime(2026, 10, 10, 12, tzinfo=CHINA_TIME)
    assert CHINA.is_working_day(noon)
    assert not CHINA.is_trading_day(noon)


def test_both_exchanges_are_known_by_whole_years_up_to_the_same_one() -> None:
    """Hong Kong's calendar computes its future; it is believed no longer than Shanghai's published holidays."""
    for exchange in ("XSHG", "XHKG"):
        assert sum(CHINA.is_trading_day(day, exchange) for day in days_of(2026)) > 240
        assert CHINA.is_trading_day(date(1991, 1, 2), exchange)
        with pytest.raises(CalendarUnknown, match=f"{exchange} has no sessions for 2031"):
            CHINA.is_trading_day(date(2031, 1, 2), exchange)


@pytest.mark.parametrize(
    ("name", "day"),
    [
        ("spring_festival", "2005-02-09"),
        ("spring_festival", "2015-02-19"),
        ("spring_festival", "2024-02-10"),
        ("spring_festival", "2025-01-29"),
        ("spring_festival", "2026-02-17"),
        ("mid_autumn", "2012-09-30"),
        ("mid_autumn", "2020-10-01"),
        ("mid_autumn", "2024-09-17"),
        ("mid_autumn", "2025-10-06"),
        ("mid_autumn", "2026-09-25"),
        ("new_year", "2026-01-01"),
        ("labour_day", "2026-05-01"),
        ("national_day", "2026-10-01"),
    ],
)
def test_a_festival_is_its_own_day_not_the_eve(name: str, day: str) -> None:
    assert CHINA.festival(name, int(day[:4])) == date.fromisoformat(day)


# The Spring Festival fell into the holiday of 2004 to 2026 every year, Mid-Autumn has been a holiday since 2008.
@pytest.mark.parametrize("year", range(2008, 2027))
@pytest.mark.parametrize("name", FESTIVALS)
def test_every_festival_lies_in_the_holidays_of_its_year(name: str, year: int) -> None:
    assert not CHINA.is_working_day(CHINA.festival(name, year))


def test_an_unknown_festival_is_refused() -> None:
    with pytest.raises(CalendarUnknown, match="no festival is called chrismas"):
        CHINA.festival("chrismas", 2026)
    with pytest.raises(CalendarUnknown, match="no date of mid_autumn in 2060 is known"):
        CHINA.festival("mid_autumn", 2060)


def days(*texts: str) -> frozenset[date]:
    return frozenset(date.fromisoformat(text) for text in texts)


# A year that no library will know for long: its holidays are made up.
NOTICE = Notice(
    2035,
    holidays=days("2035-01-01", "2035-10-01", "2035-10-04"),
    makeup=days("2035-10-13"),
    festivals={"spring_festival": date(2035, 2, 8)},
    exchanges={"XSHG": days("2035-01-01", "2035-10-01", "2035-10-04"), "XHKG": days("2035-02-08")},
    branches={"北京营业部": days("2035-03-02")},
)
FIRM = FirmCalendars([NOTICE])


@pytest.mark.rule("B-08")
def test_a_firms_notice_decides_the_working_days_of_its_year() -> None:
    assert not FIRM.is_working_day(date(2035, 10, 4))
    assert FIRM.is_working_day(date(2035, 10, 5))
    assert FIRM.is_working_day(date(2035, 10, 13))
    assert not FIRM.is_working_day(date(2035, 10, 14))
    assert FirmCalendars([Notice(2026, holidays=days("2026-01-01"))]).is_working_day(date(2026, 10, 1))


def test_other_years_stay_what_the_library_says() -> None:
    assert all(FIRM.is_working_day(day) == CHINA.is_working_day(day) for day in days_of(2026))
    with pytest.raises(CalendarUnknown):
        FIRM.is_working_day(date(2036, 1, 4))
    with pytest.raises(CalendarUnknown):
        FIRM.is_trading_day(date(2036, 1, 4))


def test_an_exchange_of_a_firms_notice_trades_monday_to_friday_and_never_on_a_make_up_day() -> None:
    assert not FIRM.is_trading_day(date(2035, 10, 4))
    assert FIRM.is_trading_day(date(2035, 10, 4), "XHKG")
    assert not FIRM.is_trading_day(date(2035, 2, 8), "XHKG")
    assert not FIRM.is_trading_day(date(2035, 10, 13))
    assert sum(FIRM.is_trading_day(day) for day in days_of(2035)) == 261 - 3


def test_a_notice_without_the_exchange_leaves_its_year_unknown() -> None:
    firm = FirmCalendars([replace(NOTICE, exchanges={})])
    assert firm.is_working_day(date(2035, 10, 5))
    with pytest.raises(CalendarUnknown, match="XSHG has no sessions for 2035"):
        firm.is_trading_day(date(2035, 10, 5))


@pytest.mark.parametrize("exchange", ["XSHG", "XHKG"])
def test_a_notice_closes_days_of_a_known_year_and_opens_none(exchange: Exchange) -> None:
    closed = date(2026, 3, 4)
    firm = FirmCalendars([Notice(2026, exchanges={exchange: frozenset({closed})})])
    differing = [
        day for day in days_of(2026) if firm.is_trading_day(day, exchange) != CHINA.is_trading_day(day, exchange)
    ]
    assert differing == [closed]


def test_a_branch_holiday_closes_that_branch_alone() -> None:
    day = date(2035, 3, 2)
    assert FIRM.is_branch_holiday("北京营业部", day)
    assert not FIRM.is_branch_holiday("北京营业部", day + timedelta(days=1))
    assert not FIRM.is_branch_holiday("上海营业部", day)
    assert not CHINA.is_branch_holiday("北京营业部", day)
    assert [branch_works(FIRM, day, branch) for branch in ("北京营业部", "上海营业部", "")] == [False, True, True]
    assert not branch_works(FIRM, date(2035, 10, 4), "上海营业部")


def test_a_firms_own_festival_date_is_believed() -> None:
    notice = Notice(2060, festivals={"mid_autumn": date(2060, 9, 9)})
    assert FirmCalendars([notice]).festival("mid_autumn", 2060) == date(2060, 9, 9)
    assert FIRM.festival("spring_festival", 2035) == CHINA.festival("spring_festival", 2035)
    assert FIRM.festival("mid_autumn", 2026) == date(2026, 9, 25)


CHANGES = [
    replace(NOTICE, year=2036),
    replace(NOTICE, holidays=days("2035-01-01")),
    replace(NOTICE, holidays=None, makeup=frozenset()),
    replace(NOTICE, makeup=frozenset()),
    replace(NOTICE, festivals={}),
    replace(NOTICE, exchanges={"XSHG": frozenset()}),
    replace(NOTICE, branches={"上海营业部": days("2035-03-02")}),
]


def test_the_digest_changes_with_every_answer_and_with_nothing_else() -> None:
    digests = [FirmCalendars([notice]).digest for notice in [NOTICE, *CHANGES]]
    assert len(set(digests)) == len(digests)
    assert FirmCalendars([replace(NOTICE, title="x", source="y")]).digest == FIRM.digest
    other = Notice(2036, holidays=days("2036-01-01"))
    assert FirmCalendars([other, NOTICE]).digest == FirmCalendars([NOTICE, other]).digest != FIRM.digest
    assert FirmCalendars([]).digest == CHINA.digest != FIRM.digest
    assert ProvisionalCalendars(CHINA).digest != CHINA.digest


@given(st.dates(date(2004, 1, 1), date(2026, 12, 31)) | st.dates(date(2035, 1, 1), date(2048, 12, 31)))
def test_provisional_calendars_guess_plain_weekdays_only_where_nothing_is_known(day: date) -> None:
    guess = ProvisionalCalendars(FIRM)
    weekday = day.isoweekday() <= 5
    assert guess.knows(day) == (day.year < 2036)
    assert guess.is_working_day(day) == (FIRM.is_working_day(day) if day.year < 2036 else weekday)
    assert guess.is_trading_day(day) == (FIRM.is_trading_day(day) if day.year < 2036 else weekday)
    assert guess.is_branch_holiday("北京营业部", day) == (day == date(2035, 3, 2))


def test_provisional_calendars_guess_no_festival() -> None:
    guess = ProvisionalCalendars(FIRM)
    assert guess.festival("mid_autumn", 2026) == date(2026, 9, 25)
    with pytest.raises(CalendarUnknown):
        guess.festival("mid_autumn", 2060)
