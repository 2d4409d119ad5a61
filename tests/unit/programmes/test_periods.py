"""Deadlines and periods against a slow, obvious reference that walks day by day and knows no shortcut."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.calendars import Calendars, ChinaCalendars, Exchange, FirmCalendars, Notice, ProvisionalCalendars
from core.clock import CHINA
from core.errors import CalendarUnknown
from dialer.programmes.errors import PackError
from dialer.programmes.model import DayKind, Deadline, Per, Unit
from dialer.programmes.periods import Due, due, due_on, parts_of, period_name, period_of

pytestmark = pytest.mark.unit

REAL = ChinaCalendars()
FIRST, LAST = date(2005, 1, 1), date(2026, 12, 31)
LONG_MONTHS = {1, 3, 5, 7, 8, 10, 12}
BRANCH = "北京营业部"


class EveryThird(ChinaCalendars):
    """A made-up country: every third day is worked, every fifth (Hong Kong: seventh) traded, the branch shut on even
    days of the month."""

    def is_working_day(self, day: date) -> bool:
        return day.toordinal() % 3 == 0

    def is_trading_day(self, day: date, exchange: Exchange = "XSHG") -> bool:
        return day.toordinal() % (5 if exchange == "XSHG" else 7) == 0

    def is_branch_holiday(self, branch: str, day: date) -> bool:
        return branch == BRANCH and day.day % 2 == 0


def days_in(year: int, month: int) -> int:
    if month == 2:
        return 29 if (year % 4 == 0 and year % 100 != 0) or year % 400 == 0 else 28
    return 31 if month in LONG_MONTHS else 30


def counts(deadline: Deadline, day: date, calendars: Calendars, branch: str) -> bool:
    """Whether ``day`` is one of the days that the deadline counts."""
    kind = {
        Unit.WORKING_DAY: DayKind.WORKING_DAY,
        Unit.TRADING_DAY: DayKind.TRADING_DAY,
        Unit.WEEK: DayKind.EVERY_DAY,
    }.get(deadline.unit, deadline.day_type)
    if kind == DayKind.WORKING_DAY:
        return calendars.is_working_day(day) and not calendars.is_branch_holiday(branch, day)
    if kind == DayKind.TRADING_DAY:
        return calendars.is_trading_day(day, deadline.exchange)
    return True


def months_later(start: date, months: int) -> date:
    year, month = start.year, start.month
    for _ in range(months):
        month += 1
        if month == 13:
            year, month = year + 1, 1
    return date(year, month, min(start.day, days_in(year, month)))


def reference(deadline: Deadline, start: date, calendars: Calendars, branch: str) -> date:
    """The last day in time, counted on fingers."""
    months = {Unit.MONTH: 1, Unit.HALF_YEAR: 6, Unit.YEAR: 12}
    if deadline.unit in months:
        return months_later(start, deadline.amount * months[deadline.unit])
    left = deadline.amount * 7 if deadline.unit is Unit.WEEK else deadline.amount
    day = start
    while left:
        day = day + timedelta(days=1)
        if counts(deadline, day, calendars, branch):
            left = left - 1
    return day


units = st.sampled_from([unit for unit in Unit if unit is not Unit.HOUR])
exchanges: st.SearchStrategy[Exchange] = st.sampled_from(["XSHG", "XHKG"])
deadlines = st.builds(
    Deadline, amount=st.integers(0, 40), unit=units, day_type=st.sampled_from([None, *DayKind]), exchange=exchanges
)
starts = st.dates(FIRST, LAST)
moments = st.builds(
    lambda day, minute, zone: datetime(day.year, day.month, day.day, tzinfo=zone) + timedelta(minutes=minute),
    starts,
    st.integers(0, 24 * 60 - 1),
    st.sampled_from([UTC, CHINA]),
)


@pytest.mark.rule("B-08", "M-27")
@given(deadlines, moments, st.sampled_from(["", BRANCH, "上海营业部"]))
def test_a_deadline_is_the_day_counted_on_fingers(deadline: Deadline, start: datetime, branch: str) -> None:
    firm = FirmCalendars([Notice(year, branches={BRANCH: fridays(year)}) for year in range(2005, 2027)])
    for calendars in (EveryThird(), firm):
        try:
            wanted = reference(deadline, start.astimezone(CHINA).date(), calendars, branch)
        except CalendarUnknown:
            assert due(deadline, start, calendars, branch=branch).provisional
            continue
        found = due(deadline, start, calendars, branch=branch)
        midnight = datetime(wanted.year, wanted.month, wanted.day, tzinfo=CHINA) + timedelta(days=1)
        assert found == Due(midnight, wanted, provisional=False)
        assert due_on(deadline, start.astimezone(CHINA).date(), calendars, branch=branch) == wanted


@cache
def fridays(year: int) -> frozenset[date]:
    every = [date(year, 1, 1) + timedelta(days=number) for number in range(365)]
    return frozenset(day for day in every if day.isoweekday() == 5)


@pytest.mark.rule("B-08")
@given(st.integers(0, 500), moments)
def test_hours_are_real_hours_after_the_instant(amount: int, start: datetime) -> None:
    found = due(Deadline(amount, Unit.HOUR), start, EveryThird())
    assert found.at - start.astimezone(UTC) == timedelta(seconds=3600 * amount)
    assert (found.at.tzinfo, found.on, found.provisional) == (CHINA, found.at.date(), False)


@pytest.mark.rule("B-08")
def test_hours_cross_midnight_in_chinese_time() -> None:
    evening = datetime(2026, 11, 23, 17, 30, tzinfo=CHINA)
    assert due(Deadline(24, Unit.HOUR), evening, REAL) == Due(evening + timedelta(hours=24), date(2026, 11, 24))
    late = datetime(2026, 11, 23, 15, 30, tzinfo=UTC)  # 23:30 in China
    assert due(Deadline(1, Unit.HOUR), late, REAL).on == date(2026, 11, 24)
    assert due_on(Deadline(24, Unit.HOUR), date(2026, 11, 23), REAL) == date(2026, 11, 24)


@pytest.mark.rule("B-08")
def test_the_trigger_day_is_the_chinese_one_and_is_not_counted() -> None:
    late = datetime(2026, 11, 23, 16, 30, tzinfo=UTC)  # already Tuesday the 24th in China
    next_day = due(Deadline(1, Unit.DAY, DayKind.EVERY_DAY), late, REAL)
    assert next_day == Due(datetime(2026, 11, 26, tzinfo=CHINA), date(2026, 11, 25))


@pytest.mark.rule("M-27")
@pytest.mark.parametrize(
    ("kind", "last"),
    [
        (DayKind.EVERY_DAY, date(2026, 10, 2)),
        (DayKind.WORKING_DAY, date(2026, 10, 9)),
        (DayKind.TRADING_DAY, date(2026, 10, 9)),
    ],
)
def test_a_bare_day_means_what_the_pack_says(kind: DayKind, last: date) -> None:
    start = datetime(2026, 9, 29, 10, tzinfo=CHINA)
    assert due(Deadline(3, Unit.DAY, kind, words="三天内"), start, REAL).on == last


@pytest.mark.rule("M-27")
def test_a_working_and_a_trading_day_part_at_a_make_up_saturday() -> None:
    start = datetime(2026, 10, 9, 10, tzinfo=CHINA)
    assert due(Deadline(1, Unit.DAY, DayKind.WORKING_DAY), start, REAL).on == date(2026, 10, 10)
    assert due(Deadline(1, Unit.DAY, DayKind.TRADING_DAY), start, REAL).on == date(2026, 10, 12)


@pytest.mark.rule("B-08")
def test_a_branch_holiday_moves_the_deadline_of_that_branch_alone() -> None:
    firm = FirmCalendars([Notice(2026, branches={BRANCH: frozenset({date(2026, 11, 24)})})])
    start, deadline = datetime(2026, 11, 23, 10, tzinfo=CHINA), Deadline(1, Unit.WORKING_DAY)
    found = {branch: due(deadline, start, firm, branch=branch).on.day for branch in ("", BRANCH, "上海营业部")}
    assert found == {"": 24, BRANCH: 25, "上海营业部": 24}
    assert due(Deadline(1, Unit.TRADING_DAY), start, firm, branch=BRANCH).on.day == 24


# A year that no library will know for long: its holidays are made up.
NOTICE_2035 = Notice(
    2035,
    holidays=frozenset({date(2035, 1, 1), *(date(2035, 2, day) for day in range(7, 14))}),
    makeup=frozenset({date(2035, 2, 17)}),
    exchanges={"XSHG": frozenset({date(2035, 1, 1)}), "XHKG": frozenset({date(2035, 1, 1)})},
)
counted = st.builds(
    Deadline, amount=st.integers(1, 30), unit=st.sampled_from([Unit.WORKING_DAY, Unit.TRADING_DAY]), exchange=exchanges
)


@pytest.mark.rule("B-08")
@given(counted, st.dates(date(2035, 1, 1), date(2035, 10, 31)))
def test_a_deadline_beyond_the_data_is_provisional_until_the_notice_comes(deadline: Deadline, start: date) -> None:
    begun = datetime(start.year, start.month, start.day, 10, tzinfo=CHINA)
    guessed = due(deadline, begun, REAL)
    assert guessed.provisional
    assert guessed.on == reference(deadline, start, ProvisionalCalendars(REAL), "")
    firm = FirmCalendars([NOTICE_2035])
    final = due(deadline, begun, firm)
    assert not final.provisional
    assert final.on == reference(deadline, start, firm, "")


@pytest.mark.rule("B-08")
def test_the_notice_of_a_year_changes_a_provisional_date() -> None:
    begun, deadline = datetime(2035, 2, 6, 10, tzinfo=CHINA), Deadline(4, Unit.WORKING_DAY)
    assert due(deadline, begun, REAL) == Due(datetime(2035, 2, 13, tzinfo=CHINA), date(2035, 2, 12), provisional=True)
    final = due(deadline, begun, FirmCalendars([NOTICE_2035]))
    assert final == Due(datetime(2035, 2, 18, tzinfo=CHINA), date(2035, 2, 17), provisional=False)


def test_a_deadline_that_needs_no_calendar_is_never_provisional() -> None:
    begun = datetime(2030, 1, 31, 10, tzinfo=CHINA)
    for unit in (Unit.HOUR, Unit.DAY, Unit.WEEK, Unit.MONTH, Unit.HALF_YEAR, Unit.YEAR):
        assert not due(Deadline(1, unit), begun, REAL).provisional
    assert due(Deadline(1, Unit.MONTH), begun, REAL).on == date(2030, 2, 28)


def test_provisional_calendars_do_not_hide_a_guess() -> None:
    begun, deadline = datetime(2035, 2, 6, 10, tzinfo=CHINA), Deadline(4, Unit.WORKING_DAY)
    assert due(deadline, begun, ProvisionalCalendars(REAL)) == due(deadline, begun, REAL)
    with pytest.raises(CalendarUnknown):
        due_on(deadline, date(2035, 2, 6), REAL)


any_day = st.dates(date(1960, 1, 1), date(2099, 12, 1))


@given(st.sampled_from(Per), any_day)
def test_a_period_holds_its_day_and_the_next_one_begins_where_it_ends(per: Per, day: date) -> None:
    first, last = period_of(per, day)
    assert first <= day <= last
    assert period_of(per, first) == period_of(per, last) == (first, last)
    assert period_of(per, last + timedelta(days=1))[0] == last + timedelta(days=1)


@pytest.mark.parametrize("per", Per)
def test_names_of_periods_are_unique_for_their_length(per: Per) -> None:
    names: dict[str, date] = {}
    day = date(1999, 1, 1)
    while day < date(2045, 1, 1):
        first, last = period_of(per, day)
        name = period_name(per, first)
        assert names.setdefault(name, first) == first
        assert period_name(per, last) == name
        day = last + timedelta(days=1)


@pytest.mark.parametrize(
    ("per", "name", "first", "last"),
    [
        (Per.DAY, "2026-11-23", "2026-11-23", "2026-11-23"),
        (Per.WEEK, "2026-W48", "2026-11-23", "2026-11-29"),
        (Per.TWO_WEEKS, "2026-F24", "2026-11-23", "2026-12-06"),
        (Per.MONTH, "2026-11", "2026-11-01", "2026-11-30"),
        (Per.QUARTER, "2026-Q4", "2026-10-01", "2026-12-31"),
        (Per.HALF_YEAR, "2026-H2", "2026-07-01", "2026-12-31"),
        (Per.YEAR, "2026", "2026-01-01", "2026-12-31"),
    ],
)
def test_the_periods_of_one_day(per: Per, name: str, first: str, last: str) -> None:
    day = date(2026, 11, 23)
    assert period_name(per, day) == name
    assert period_of(per, day) == (date.fromisoformat(first), date.fromisoformat(last))


@given(any_day)
def test_two_weeks_lie_on_one_grid_for_ever(day: date) -> None:
    first, last = period_of(Per.TWO_WEEKS, day)
    assert (first - date(1970, 1, 5)).days % 14 == 0
    assert (last - first).days == 13


@given(st.sampled_from([per for per in Per if per is not Per.DAY]), any_day, st.integers(1, 7))
def test_parts_of_a_period_follow_each_other_without_gaps_the_shorter_ones_first(
    per: Per, day: date, times: int
) -> None:
    first, last = period_of(per, day)
    parts = []
    start = first
    while start <= last:
        parts.append(parts_of(per, start, times))
        assert parts[-1][0] == start
        start = parts[-1][1] + timedelta(days=1)
    assert start == last + timedelta(days=1)
    assert [number for _, _, number in parts] == list(range(1, times + 1))
    lengths = [(end - begin).days + 1 for begin, end, _ in parts]
    assert lengths == sorted(lengths)
    assert lengths[-1] - lengths[0] <= 1
    assert parts_of(per, day, times) == next(part for part in parts if part[0] <= day <= part[1])


def test_a_year_in_two_and_a_day_in_one() -> None:
    assert parts_of(Per.YEAR, date(2026, 7, 1), 2) == (date(2026, 1, 1), date(2026, 7, 1), 1)
    assert parts_of(Per.YEAR, date(2026, 7, 2), 2) == (date(2026, 7, 2), date(2026, 12, 31), 2)
    assert parts_of(Per.DAY, date(2026, 7, 1), 1) == (date(2026, 7, 1), date(2026, 7, 1), 1)


@pytest.mark.parametrize(("per", "times"), [(Per.DAY, 2), (Per.WEEK, 8), (Per.MONTH, 31), (Per.YEAR, 0)])
def test_a_period_has_no_more_parts_than_days(per: Per, times: int) -> None:
    with pytest.raises(PackError, match=f"{times} times a {per}"):
        parts_of(per, date(2026, 2, 3), times)


def test_deadlines_keep_the_words_of_the_source_and_count_alike() -> None:
    plain, begun = Deadline(1, Unit.MONTH), datetime(2026, 1, 31, 9, tzinfo=CHINA)
    worded = replace(plain, words="一个月内", before="activation", rule="A-20")
    assert due(worded, begun, REAL) == due(plain, begun, REAL)
