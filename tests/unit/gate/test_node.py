"""What the node tells the gate about a script, and the days and times it names for another call."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from core.calendars import ChinaCalendars
from dialer.calling.claims import SLOTS, days_to_name, rings_an_agent
from dialer.programmes.windows import Times, day_part, open_at
from ivr_flows.loader import load_flow
from tests.unit.gate.firm import at, contact

pytestmark = pytest.mark.unit


def test_a_script_needs_an_agent_only_when_every_way_leads_to_one() -> None:
    flow = load_flow("new_account", "zh-CN")
    assert not rings_an_agent(flow)
    assert rings_an_agent(replace(flow, entry=flow.agent))


def test_the_promised_day_is_the_next_one_with_a_window() -> None:
    friday = at("2026-11-27T10:00")
    days = days_to_name(contact(), ChinaCalendars(), friday)
    assert (days.today, days.promised) == (date(2026, 11, 27), date(2026, 11, 30))


@pytest.mark.rule("B-20")
def test_the_times_to_choose_from_are_parts_of_the_next_days_with_a_window() -> None:
    times, calendars = Times((contact().windows.hours,)), ChinaCalendars()
    slots = days_to_name(contact(), calendars, at("2026-11-27T10:00")).slots
    assert len({(moment.date(), day_part(moment)) for moment in slots}) == SLOTS
    assert list(slots) == sorted(slots)
    assert all(open_at(times, moment, calendars) for moment in slots)
    assert slots[0].date() == date(2026, 11, 30)
