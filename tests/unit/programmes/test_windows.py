"""Windows and deadlines on the real calendars of 2026."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.calendars import ChinaCalendars
from core.clock import CHINA
from core.errors import CalendarUnknown
from dialer.programmes.facts import BadPreference, Preference, Span
from dialer.programmes.model import DayKind, Deadline, Per, Unit, Windows
from dialer.programmes.periods import due_on, period_name, period_of
from dialer.programmes.windows import first_moment, open_at, windows_on

pytestmark = pytest.mark.unit

CALENDARS = ChinaCalendars()
NOON_OFF = (Span.parse("09:00-12:00"), Span.parse("13:00-18:00"))
WINDOWS = Windows(DayKind.WORKING_DAY, NOON_OFF)
ANY = Preference()


def shown(windows: Windows, day: date, wish: Preference = ANY) -> list[str]:
    return [f"{start:%H:%M}-{end:%H:%M}" for start, end in windows_on(windows, wish, day, CALENDARS)]


@pytest.mark.rule("B-01")
def test_windows_exist_on_working_days_only_make_up_days_included() -> None:
    assert shown(WINDOWS, date(2026, 11, 23)) == ["09:00-12:00", "13:00-18:00"]
    assert shown(WINDOWS, date(2026, 11, 22)) == []
    assert shown(WINDOWS, date(2026, 10, 1)) == []
    assert shown(WINDOWS, date(2026, 10, 10)) == ["09:00-12:00", "13:00-18:00"]  # a working Saturday (调休)


@pytest.mark.rule("B-09")
def test_weekend_calls_need_the_packs_own_word() -> None:
    weekend = Windows(DayKind.EVERY_DAY, (), {5: (Span.parse("10:00-11:00"),)})
    assert shown(weekend, date(2026, 11, 21)) == ["10:00-11:00"]
    assert shown(weekend, date(2026, 11, 23)) == []


@pytest.mark.rule("B-02")
def test_a_weekday_can_have_windows_of_its_own() -> None:
    windows = Windows(DayKind.WORKING_DAY, NOON_OFF, {0: (Span.parse("14:30-17:00"),)})
    assert shown(windows, date(2026, 11, 23)) == ["14:30-17:00"]
    assert shown(windows, date(2026, 11, 24)) == ["09:00-12:00", "13:00-18:00"]


@pytest.mark.rule("B-07")
def test_the_clients_wish_narrows_the_windows() -> None:
    wish = Preference.of({"windows": ["11:00-14:00"], "days": ["monday"]})
    assert shown(WINDOWS, date(2026, 11, 23), wish) == ["11:00-12:00", "13:00-14:00"]
    assert shown(WINDOWS, date(2026, 11, 24), wish) == []


@pytest.mark.parametrize("prefers", [{"windows": "14:00-17:00"}, {"windows": ["late"]}, {"days": ["caturday"]}])
def test_a_wish_that_cannot_be_read_is_not_guessed(prefers: dict[str, object]) -> None:
    with pytest.raises(BadPreference):
        Preference.of(prefers)


def test_an_unknown_year_is_refused() -> None:
    with pytest.raises(CalendarUnknown):
        windows_on(WINDOWS, ANY, date(2050, 1, 3), CALENDARS)


minutes = st.integers(0, 343 * 24 * 60)
moments = minutes.map(lambda count: datetime(2026, 1, 1, tzinfo=CHINA) + timedelta(minutes=count))


@settings(deadline=None)
@given(moments)
def test_the_first_moment_is_open_and_none_before_it_is(after: datetime) -> None:
    until = after.date() + timedelta(days=12)
    found = first_moment(WINDOWS, ANY, CALENDARS, after=after, until=until)
    assert found is not None
    assert open_at(WINDOWS, ANY, found, CALENDARS)
    probe = after
    while probe < found:
        assert not open_at(WINDOWS, ANY, probe, CALENDARS)
        probe += timedelta(minutes=17)


@pytest.mark.rule("B-08")
@pytest.mark.parametrize(
    ("deadline", "start", "due"),
    [
        (Deadline(1, Unit.MONTH), date(2026, 1, 31), date(2026, 2, 28)),
        (Deadline(1, Unit.MONTH), date(2026, 11, 5), date(2026, 12, 5)),
        (Deadline(1, Unit.WEEK), date(2026, 11, 5), date(2026, 11, 12)),
        (Deadline(6, Unit.MONTH), date(2026, 5, 31), date(2026, 11, 30)),
        (Deadline(1, Unit.HALF_YEAR), date(2026, 5, 1), date(2026, 11, 1)),
        (Deadline(1, Unit.YEAR), date(2024, 2, 29), date(2025, 2, 28)),
        (Deadline(3, Unit.WORKING_DAY), date(2026, 9, 29), date(2026, 10, 9)),
        (Deadline(2, Unit.TRADING_DAY), date(2026, 9, 30), date(2026, 10, 9)),
        (Deadline(3, Unit.DAY, DayKind.EVERY_DAY), date(2026, 9, 30), date(2026, 10, 3)),
        (Deadline(3, Unit.DAY, DayKind.WORKING_DAY), date(2026, 9, 29), date(2026, 10, 9)),
    ],
)
def test_a_deadline_is_counted_in_its_own_unit(deadline: Deadline, start: date, due: date) -> None:
    assert due_on(deadline, start, CALENDARS) == due


@given(st.sampled_from(Per), st.dates(date(2000, 1, 1), date(2099, 1, 1)))
def test_periods_cover_every_day_once_and_have_a_name_each(per: Per, day: date) -> None:
    first, last = period_of(per, day)
    assert first <= day <= last
    assert period_of(per, first) == period_of(per, last) == (first, last)
    assert period_name(per, first) == period_name(per, last)
    assert period_name(per, last + timedelta(days=1)) != period_name(per, last)
