"""A pack's year as a table: rounds, festivals, reports and windows stand in the months they belong to."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.calendars import ChinaCalendars, FirmCalendars, Notice, add_working_days, days_of
from core.errors import CalendarUnknown
from dialer.programmes.load import load_pack, shipped_packs
from dialer.programmes.model import Per
from dialer.programmes.periods import parts_of
from dialer.programmes.year import Entry, Row, table

pytestmark = pytest.mark.unit

CALENDARS = ChinaCalendars()
Write = Callable[[str], str]


@pytest.fixture
def firm(tmp_path: Path) -> Write:
    """Writes a firm's pack over demo_firm and returns its path."""

    def write(text: str) -> str:
        path = tmp_path / "firm.yaml"
        path.write_text(f"pack: firm\nextends: demo_firm\n{text}", encoding="utf-8")
        return str(path)

    return write


def row(name: str, key: str, year: int = 2026) -> Row:
    return {one.key: one for one in table(load_pack(name), year, CALENDARS)}[key]


def entries(found: Row) -> list[Entry]:
    return [entry for month in found.months for entry in month]


def periodic(trigger: str, channels: str = "phone") -> str:
    return (
        f"programmes:\n  mine:\n    title: 我的\n    rules: [A-60]\n    trigger: {trigger}\n    scope: all\n"
        f"    coverage: [{{share: 100%}}]\n    executor: branch\n    channels: [{channels}]\n    flow: some\n"
    )


@pytest.mark.parametrize("name", shipped_packs())
def test_every_programme_of_every_shipped_pack_has_a_row_of_twelve_months(name: str) -> None:
    rows = table(load_pack(name), 2026, CALENDARS)
    assert [one.key for one in rows if one.key.startswith("programme.")] == [
        f"programme.{key}" for key in load_pack(name).programmes
    ]
    assert {len(one.months) for one in rows} == {12}


@pytest.mark.rule("A-39")
def test_a_yearly_programme_runs_until_the_end_of_december() -> None:
    found = row("demo_firm", "programme.existing_client")
    assert [month[0].kind for month in found.months] == ["running"] * 11 + ["ends"]
    assert found.months[11][0].on == date(2026, 12, 31)
    assert "A-39" in found.rules


def test_events_are_owed_the_whole_year() -> None:
    assert {entry.kind for entry in entries(row("demo_firm", "programme.new_account"))} == {"continuous"}


@pytest.mark.rule("M-07")
def test_a_programme_whose_trigger_is_open_says_so() -> None:
    assert {entry.text for entry in entries(row("X17", "programme.adviser"))} == {"未定"}


@pytest.mark.rule("A-60")
def test_a_monthly_programme_ends_each_month() -> None:
    ends = [entry.on for entry in entries(row("HT", "programme.core"))]
    assert ends == [date(2026, month, last) for month, last in zip(range(1, 13), LAST_DAYS, strict=True)]


LAST_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


@pytest.mark.rule("A-102")
def test_festivals_stand_in_their_months_and_an_unknown_one_is_not_guessed(firm: Write) -> None:
    path = firm(periodic("{festival: [new_year, spring_festival, mid_autumn]}", "sms"))
    found = row(path, "programme.mine")
    assert [(entry.kind, entry.on) for entry in entries(found)] == [
        ("festival", date(2026, 1, 1)),
        ("festival", date(2026, 2, 17)),
        ("festival", date(2026, 9, 25)),
    ]
    far = row(path, "programme.mine", 2090)
    assert [entry.kind for entry in entries(far)][:1] == ["festival"]
    with pytest.raises(CalendarUnknown):
        CALENDARS.festival("mid_autumn", 2090)
    assert "unknown" in {entry.kind for entry in entries(far)}


@pytest.mark.rule("H-04")
def test_a_monthly_report_is_due_on_the_tenth_working_day_of_the_next_month() -> None:
    found = row("HT", "report.compliance_records")
    assert found.months[0][0].on == add_working_days(CALENDARS, date(2025, 12, 31), 10)
    assert found.months[9][0].on == add_working_days(CALENDARS, date(2026, 9, 30), 10) == date(2026, 10, 20)


@pytest.mark.rule("B-01")
def test_the_windows_of_a_month_are_counted_on_the_real_calendar() -> None:
    february = row("demo_firm", "windows").months[1][0]
    working = [day for day in days_of(2026) if day.month == 2 and CALENDARS.is_working_day(day)]
    assert february.count == len(working)
    assert february.text == f"{len(working)} 天 {len(working) * 8} 小时"
    assert not february.provisional


def test_beyond_the_calendars_the_windows_are_provisional() -> None:
    entry = row("demo_firm", "windows", 2060).months[0][0]
    assert entry.provisional
    assert entry.text_en.endswith("(provisional)")


def test_a_notice_of_the_firm_makes_the_year_known() -> None:
    notice = Notice(year=2060, holidays=frozenset({date(2060, 1, 1)}))
    rows = table(load_pack("demo_firm"), 2060, FirmCalendars([notice]))
    assert not rows[0].months[0][0].provisional


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(per=st.sampled_from(list(Per)), times=st.integers(1, 3), year=st.integers(2024, 2028))
def test_every_round_that_ends_in_the_year_is_counted_once(firm: Write, per: Per, times: int, year: int) -> None:
    if per is Per.DAY:
        times = 1
    found = row(firm(periodic(f"{{period: {per}, times: {times}}}")), "programme.mine", year)
    ends = {parts_of(per, day, times)[1] for day in days_of(year)}
    assert sum(entry.count for entry in entries(found)) == sum(end.year == year for end in ends)
    for number, month in enumerate(found.months, 1):
        assert {entry.on for entry in month if entry.on} <= {end for end in ends if end.month == number}
