"""What the node tells the gate about a script, and the day it promises for another call."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from core.calendars import ChinaCalendars
from dialer.calling.claims import next_calling_day, rings_an_agent
from ivr_flows.loader import load_flow
from tests.unit.gate.firm import at, contact

pytestmark = pytest.mark.unit


def test_a_script_needs_an_agent_only_when_every_way_leads_to_one() -> None:
    flow = load_flow("new_account", "zh-CN")
    assert not rings_an_agent(flow)
    assert rings_an_agent(replace(flow, entry=flow.agent))


def test_the_promised_day_is_the_next_one_with_a_window() -> None:
    friday = at("2026-11-27T10:00")
    assert next_calling_day(contact(), ChinaCalendars(), friday) == date(2026, 11, 30)
