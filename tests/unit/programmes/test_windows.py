"""Windows and deadlines on the real calendars of 2026."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.calendars import ChinaCalendars
from core.clock import CHINA
from core.errors import CalendarUnknown
from dialer.programmes.facts import BadPreference, ClientFacts, Preference, Span
from dialer.programmes.model import DayKind, Deadline, Hours, Per, Segment, Unit, Windows
from dialer.programmes.periods import due_on, period_name, period_of
from dialer.programmes.scope import parse_scope
from dialer.programmes.windows import Times, first_moment, open_at, times_of, windows_on

pytestmark = pytest.mark.unit

CALENDARS = ChinaCalendars()
MONDAY = date(2026, 11, 23)
NOON_OFF = (Span.parse("09:00-12:00"), Span.parse("13:00-18:00"))
HOURS = Hours(DayKind.WORKING_DAY, NOON_OFF)
WINDOWS = Times((HOURS,))
ANY = Preference()


def shown(hours: Hours, day: date, wish: Preference = ANY) -> list[str]:
    return times_shown(Times((hours,), wish), day)


def times_shown(times: Times, day: date) -> list[str]:
    return [f"{start:%H:%M}-{end:%H:%M}" for start, end in windows_on(times, day, CALENDARS)]


@pytest.mark.rule("B-01")
def test_windows_exist_on_working_days_only_make_up_days_included() -> None:
    assert shown(HOURS, date(2026, 11, 23)) == ["09:00-12:00", "13:00-18:00"]
    assert shown(HOURS, date(2026, 11, 22)) == []
    assert shown(HOURS, date(2026, 10, 1)) == []
    assert shown(HOURS, date(2026, 10, 10)) == ["09:00-12:00", "13:00-18:00"]  # a working Saturday (调休)


@pytest.mark.rule("B-09")
def test_weekend_calls_need_the_packs_own_word() -> None:
    weekend = Hours(DayKind.EVERY_DAY, (), {5: (Span.parse("10:00-11:00"),)})
    assert shown(weekend, date(2026, 11, 21)) == ["10:00-11:00"]
    assert shown(weekend, date(2026, 11, 23)) == []


@pytest.mark.rule("B-02")
def test_a_weekday_can_have_windows_of_its_own() -> None:
    hours = Hours(DayKind.WORKING_DAY, NOON_OFF, {0: (Span.parse("14:30-17:00"),)})
    assert shown(hours, date(2026, 11, 23)) == ["14:30-17:00"]
    assert shown(hours, date(2026, 11, 24)) == ["09:00-12:00", "13:00-18:00"]


@pytest.mark.rule("B-07")
def test_the_clients_wish_narrows_the_windows() -> None:
    wish = Preference.of({"windows": ["11:00-14:00"], "days": ["monday"]})
    assert shown(HOURS, date(2026, 11, 23), wish) == ["11:00-12:00", "13:00-14:00"]
    assert shown(HOURS, date(2026, 11, 24), wish) == []


@pytest.mark.rule("B-05")
def test_a_segment_has_the_hours_of_the_first_test_that_holds() -> None:
    early, late = (Hours(DayKind.TRADING_DAY, (Span.parse(text),)) for text in ("09:30-11:30", "13:00-15:00"))
    segments = (Segment(parse_scope("'active_trader' in tags"), early), Segment(parse_scope("all"), late))
    windows = Windows(HOURS, segments)
    active = ClientFacts("A", tags=("active_trader",))
    assert times_shown(times_of(windows, active, MONDAY), MONDAY) == ["09:30-11:30"]
    assert times_shown(times_of(windows, ClientFacts("B"), MONDAY), MONDAY) == ["13:00-15:00"]
    assert times_shown(times_of(Windows(HOURS), active, MONDAY), MONDAY) == ["09:00-12:00", "13:00-18:00"]


@pytest.mark.rule("B-04")
@pytest.mark.rule("B-06")
@pytest.mark.rule("B-21")
def test_an_appointment_may_take_the_hours_kept_for_appointments_and_the_wish_is_the_clients_own() -> None:
    windows = Windows(HOURS, appointments=Hours(DayKind.WORKING_DAY, (Span.parse("17:00-20:00"),)))
    client = ClientFacts("A", prefers={"windows": ["09:00-10:00"]})
    assert times_shown(times_of(windows, client, MONDAY), MONDAY) == ["09:00-10:00"]
    agreed = times_of(windows, client, MONDAY, appointment=True)
    assert times_shown(agreed, MONDAY) == ["09:00-12:00", "13:00-20:00"]
    assert open_at(agreed, datetime(2026, 11, 23, 19, 59, tzinfo=CHINA), CALENDARS)
    assert not open_at(agreed, datetime(2026, 11, 23, 20, 0, tzinfo=CHINA), CALENDARS)


@pytest.mark.parametrize("prefers", [{"windows": "14:00-17:00"}, {"windows": ["late"]}, {"days": ["caturday"]}])
def test_a_wish_that_cannot_be_read_is_not_guessed(prefers: dict[str, object]) -> None:
    with pytest.raises(BadPreference):
        Preference.of(prefers)


def test_an_unknown_year_is_refused() -> None:
    with pytest.raises(CalendarUnknown):
        windows_on(WINDOWS, date(2050, 1, 3), CALENDARS)


minutes = st.integers(0, 343 * 24 * 60)
moments = minutes.map(lambda count: datetime(2026, 1, 1, tzinfo=CHINA) + timedelta(minutes=count))


@settings(deadline=None)
@given(moments)
def test_the_first_moment_is_open_and_none_before_it_is(after: datetime) -> None:
    until = after.date() + timedelta(days=12)
    found = first_moment(WINDOWS, CALENDARS, after=after, until=until)
    assert found is not None
    assert open_at(WINDOWS, found, CALENDARS)
    probe = after
    while probe < found:
        assert not open_at(WINDOWS, probe, CALENDARS)
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
