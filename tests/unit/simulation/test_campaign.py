"""A simulated campaign: repeatable, never against a rule, and its figures add up."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import date, timedelta

import pytest

from core.calendars import FirmCalendars
from core.clock import china
from dialer.calling.dispositions import NOT_THE_CLIENTS
from dialer.programmes.facts import ItemState
from dialer.programmes.load import load_pack
from dialer.programmes.windows import open_at, times_of
from dialer.simulation.campaign import Campaign, Setup, known, run_campaign
from dialer.simulation.example import load_for_simulation
from dialer.simulation.report import as_json, report_of
from dialer.simulation.statistics import load_statistics
from dialer.tables import Outcome

pytestmark = pytest.mark.unit

PACK = load_pack("demo_firm")
RULES = PACK.runnable()
CALENDARS = FirmCalendars(())
SETUP = Setup(
    PACK, CALENDARS, load_statistics(), clients=1500, days=30, seed=7, start=date(2026, 11, 2), channels=4, agents=2
)


@pytest.fixture(scope="module")
def month() -> Campaign:
    return run_campaign(SETUP)


def figures(campaign: Campaign) -> str:
    return json.dumps(as_json(report_of(campaign)), ensure_ascii=False)


def test_the_same_seed_gives_the_same_campaign_and_another_seed_another(month: Campaign) -> None:
    assert figures(run_campaign(SETUP)) == figures(month)
    assert figures(run_campaign(replace(SETUP, seed=8))) != figures(month)


@pytest.mark.rule("B-01")
@pytest.mark.rule("B-07")
def test_no_call_leaves_outside_the_clients_windows(month: Campaign) -> None:
    assert len(month.calls) > 200
    for call in month.calls:
        client = known(month.firm.files[call.callback.client_id])
        day = china(call.at).date()
        allowed = (times_of(RULES.windows, client, day, appointment=agreed) for agreed in (False, True))
        assert any(open_at(times, call.at, CALENDARS) for times in allowed), call.at


def test_no_client_is_called_more_often_in_a_day_than_the_cap_nor_sooner_than_the_interval(month: Campaign) -> None:
    cap = next(cap for cap in RULES.caps if cap.per == "day")
    days: Counter[tuple[str, date]] = Counter()
    last: dict[str, object] = {}
    for call in month.calls:
        if call.reply.disposition not in NOT_THE_CLIENTS:
            days[call.callback.client_id, china(call.at).date()] += 1
            before = last.get(call.callback.client_id)
            assert before is None or call.at - before >= RULES.interval  # type: ignore[operator]
            last[call.callback.client_id] = call.at
    assert max(days.values()) <= cap.most


@pytest.mark.rule("B-12")
def test_talks_of_a_quarter_stay_under_the_cap(month: Campaign) -> None:
    cap = next(cap for cap in RULES.caps if cap.answered_only)
    talks = Counter(
        call.callback.client_id
        for call in month.calls
        if call.reply.disposition == "answered" and not call.programmes <= cap.exempt
    )
    assert max(talks.values()) <= cap.most


@pytest.mark.rule("M-01")
def test_no_callback_gets_more_attempts_than_its_budget_and_none_after_its_deadline(month: Campaign) -> None:
    made: dict[str, int] = defaultdict(int)
    for call in month.calls:
        made[call.callback.callback_id] += call.reply.disposition not in NOT_THE_CLIENTS
        assert call.at < call.callback.due_at or call.callback.state != "planned"
    assert max(made.values()) <= RULES.retries.total


def test_everybody_who_is_called_has_a_number_and_wants_calls(month: Campaign) -> None:
    for call in month.calls:
        client = known(month.firm.files[call.callback.client_id])
        assert call.phone in client.phones
        assert not client.phone_opt_out


def test_every_event_that_concerns_a_programme_ends_planned_or_skipped(month: Campaign) -> None:
    told = {*month.books.items, *month.books.skipped}
    opened = [one for one in month.events if one.type == "account_opened" and one.data.get("account") != "futures"]
    assert opened
    assert {f"new_account:{one.event_id}" for one in opened} <= told


def test_the_figures_add_up(month: Campaign) -> None:
    found = as_json(report_of(month))
    histogram, outcomes, deadlines = found["attempts_per_client"], found["outcomes"], found["deadlines"]
    assert isinstance(histogram, dict)
    assert isinstance(outcomes, dict)
    assert isinstance(deadlines, dict)
    assert sum(int(n) * clients for n, clients in histogram.items()) == found["attempts"] == len(month.calls)
    assert sum(outcomes.values()) == found["planned"]
    assert deadlines["met"] + deadlines["missed"] == deadlines["due"]
    assert found["talks"] == sum(call.reply.does is not None for call in month.calls)


@pytest.mark.rule("A-39")
@pytest.mark.rule("H-15")
def test_with_enough_channels_every_sample_is_on_its_way_and_the_channels_are_used(month: Campaign) -> None:
    report = report_of(month)
    existing = next(one for one in report.coverage if one.programme == "existing_client")
    worked = sum(CALENDARS.is_working_day(SETUP.start + timedelta(days=n)) for n in range(SETUP.days))
    left = sum(CALENDARS.is_working_day(SETUP.start + timedelta(days=n)) for n in range(60))
    assert existing.target >= 0.1 * existing.base
    planned = sum(item.planned.programme == "existing_client" for item in month.books.items.values())
    assert planned >= existing.target * worked / left
    assert month.usage.window_use >= 0.98


def test_far_too_few_channels_miss_deadlines_and_stay_busy() -> None:
    busy = run_campaign(replace(SETUP, clients=4000, days=14, channels=1, agents=1))
    report = report_of(busy)
    assert sum(report.deadlines.missed.values()) > 0
    assert busy.usage.window_use >= 0.98


@pytest.mark.rule("D-01")
def test_closed_callbacks_have_one_of_the_four_outcomes_or_a_reason(month: Campaign) -> None:
    for callback in month.books.callbacks.values():
        if callback.state == "closed":
            assert callback.outcome in (*Outcome, None)
            assert callback.outcome is not None or callback.closed_reason in ("deadline_passed", "cancelled")
            assert not any(item.state is ItemState.OPEN for item in callback.items)


@pytest.mark.rule("M-01")
def test_a_pack_that_leaves_values_open_is_lent_the_examples_and_they_are_named() -> None:
    lent = load_for_simulation("GAL")
    assert {"windows", "retries", "programmes.existing_client.passes"} <= set(lent.values)
    assert lent.pack.everything_open() == ()
    other = load_for_simulation("M09")
    assert "windows" in other.values
    assert other.pack.name == "M09"
    assert load_for_simulation("demo_firm").values == ()
