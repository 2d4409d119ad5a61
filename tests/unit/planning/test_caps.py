"""The planner looks ahead of caps: nobody is planned into a quarter that is full (B-12)."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from core.clock import china
from dialer.programmes.facts import ItemState
from dialer.programmes.model import Pack
from tests.unit.planning.firm import MONDAY, Firm, client, event, pack_of

pytestmark = pytest.mark.unit

ASKED = "asked: {trigger: {event: service_need, collapse: none}, deadline: {amount: 1, unit: month, rule: firm}}"
ALARM = "alarm: {trigger: {event: abnormal_trading}, deadline: {amount: 1, unit: week, rule: firm}}"
CAPS = "{caps: [{most: 2, per: quarter, count: talks, exempt: [alarm], rule: B-12}]}"


@pytest.fixture
def pack() -> Pack:
    return pack_of(ASKED, ALARM, more=CAPS)


def two_talks(pack: Pack, programme: str, kind: str, last: date) -> Firm:
    """Client A has had two talks in this quarter."""
    firm = Firm.of(pack, [client("A")])
    for number in (1, 2):
        day = last - timedelta(days=10 * number)
        firm.import_events([event(f"T{number}", "A", kind, day)])
        firm.night(day)
        firm.close(f"{programme}:T{number}", ItemState.DONE, on=day)
    return firm


@pytest.mark.rule("B-12")
def test_a_full_quarter_moves_the_call_into_the_next_one_when_the_deadline_allows(pack: Pack) -> None:
    day = date(2026, 9, 21)
    firm = two_talks(pack, "asked", "service_need", day)
    firm.import_events([event("N", "A", "service_need", day)])
    (callback,) = firm.night(day).callbacks
    assert china(callback.next_attempt_at).date() == date(2026, 10, 8)  # the first working day of the quarter
    assert callback.due_on == date(2026, 10, 21)


@pytest.mark.rule("B-12")
def test_a_full_quarter_that_outlasts_the_deadline_is_a_reason_and_no_plan(pack: Pack) -> None:
    firm = two_talks(pack, "asked", "service_need", MONDAY)
    firm.import_events([event("N", "A", "service_need", MONDAY - timedelta(days=5))])
    found = firm.night(MONDAY)
    assert found.callbacks == ()
    assert {(left.trigger_key, left.code, left.detail) for left in found.skipped} == {
        ("asked:N", "cap_reached", "2027-01-01")
    }


@pytest.mark.rule("B-12")
def test_exempt_programmes_neither_count_nor_wait(pack: Pack) -> None:
    firm = two_talks(pack, "asked", "service_need", MONDAY)
    firm.import_events([event("N", "A", "abnormal_trading", MONDAY)])
    assert [callback.due_on for callback in firm.night(MONDAY).callbacks] == [MONDAY + timedelta(days=7)]
    other = two_talks(pack, "alarm", "abnormal_trading", MONDAY)
    other.import_events([event("N", "A", "service_need", MONDAY)])
    assert len(other.night(MONDAY).callbacks) == 1


@pytest.mark.rule("B-12")
def test_one_talk_or_talks_of_another_quarter_leave_the_way_free(pack: Pack) -> None:
    firm = two_talks(pack, "asked", "service_need", date(2026, 10, 20))  # 10 October and 30 September
    firm.import_events([event("N", "A", "service_need", date(2026, 10, 20))])
    assert len(firm.night(date(2026, 10, 20)).callbacks) == 1
