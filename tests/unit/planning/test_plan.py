"""The planner: who, why, by when; nobody twice, nobody left out in silence."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date, datetime, timedelta
from fractions import Fraction
from math import ceil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.calendars import ChinaCalendars
from core.clock import CHINA
from dialer.planning.plan import Plan, plan
from dialer.planning.sampling import owed
from dialer.planning.store import plan_json
from dialer.programmes.errors import OpenValue
from dialer.programmes.facts import ClientFacts, EventFacts, History, OpenCallback, PastItem, Preference
from dialer.programmes.load import load_pack
from dialer.programmes.model import Quota
from dialer.programmes.windows import open_at

pytestmark = pytest.mark.unit

PACK = load_pack("demo_firm")
CALENDARS = ChinaCalendars()
MONDAY = date(2026, 11, 23)
NEW = ClientFacts("N1", phones=("13900000001",), opened_on=date(2026, 11, 16))
OPENED = EventFacts("E1", "N1", "account_opened", date(2026, 11, 16))


def existing(number: int, **more: object) -> ClientFacts:
    known = {"phones": (f"139{number:08}",), "opened_on": date(2024, 5, 1), **more}
    return ClientFacts(f"X{number:04}", **known)


def planned(
    clients: list[ClientFacts],
    events: list[EventFacts] | None = None,
    past: History | None = None,
    *,
    day: date = MONDAY,
    seed: str = "s",
) -> Plan:
    return plan(PACK, clients, events or [], past or History(), day=day, calendars=CALENDARS, seed=seed)


def left_out(found: Plan) -> set[tuple[str, str]]:
    return {(one.client_id, one.code) for one in found.skipped}


@pytest.mark.rule("A-20")
def test_a_new_account_is_called_within_one_month_by_the_call_centre() -> None:
    found = planned([NEW], [OPENED])
    assert plan_json(found) == {
        "callbacks": [
            {
                "client_id": "N1",
                "items": [
                    {
                        "pack": "demo_firm",
                        "programme": "new_account",
                        "rule_ids": ["A-20", "A-16"],
                        "trigger": "account_opened:E1",
                        "due_on": "2026-12-16",
                        "deadline_unit": "month",
                        "flow": "new_account",
                    }
                ],
                "not_before": "2026-11-23",
                "due_on": "2026-12-16",
                "windows": [["2026-11-23T09:00", "2026-11-23T12:00"], ["2026-11-23T13:00", "2026-11-23T18:00"]],
                "executor": "hq_call_centre",
                "priority": 20261216,
                "reason": "新开户客户回访（A-20、A-16），须于 2026-12-16 前完成",
                "reason_en": "New account (A-20, A-16), due on 2026-12-16",
                "joins": None,
            }
        ],
        "skipped": [],
    }
    assert found.callbacks[0].next_attempt_at == datetime(2026, 11, 23, 9, tzinfo=CHINA)


@pytest.mark.rule("A-20")
@given(st.lists(st.integers(0, 60), min_size=1, max_size=30))
@settings(deadline=None, max_examples=40)
def test_every_new_account_is_planned_or_skipped_with_a_reason(ages: list[int]) -> None:
    clients = [replace(NEW, client_id=f"N{number}") for number in range(len(ages))]
    events = [
        EventFacts(f"E{number}", f"N{number}", "account_opened", MONDAY - timedelta(days=age))
        for number, age in enumerate(ages)
    ]
    found = planned(clients, events)
    called = {callback.client_id for callback in found.callbacks}
    late = {one.client_id for one in found.skipped if one.code == "deadline_passed"}
    assert called | late == {client.client_id for client in clients}
    assert not called & late


@pytest.mark.rule("B-14")
@pytest.mark.rule("A-18")
def test_everything_due_to_one_client_is_one_callback_with_the_earliest_deadline() -> None:
    client = replace(NEW, opened_on=date(2024, 1, 1))
    events = [OPENED, EventFacts("E2", "N1", "account_opened", date(2026, 11, 20))]
    found = planned([client], events)
    (callback,) = found.callbacks
    assert [item.due_on for item in callback.items] == [date(2026, 12, 16), date(2026, 12, 20), date(2026, 12, 31)]
    assert callback.due_on == date(2026, 12, 16)
    assert callback.flow == "new_account"


@pytest.mark.rule("B-14")
def test_a_new_matter_joins_the_call_that_is_still_owed() -> None:
    past = History(open_callbacks=(OpenCallback("K1", "N1"),))
    assert planned([NEW], [OPENED], past).callbacks[0].joins == "K1"


def test_an_item_that_was_planned_before_is_not_planned_again() -> None:
    past = History((PastItem("new_account:E1", "N1", "new_account", date(2026, 11, 17)),))
    found = planned([NEW], [OPENED], past)
    assert found.callbacks == ()
    assert left_out(found) == {("N1", "already_planned")}


def test_most_urgent_first() -> None:
    other = replace(NEW, client_id="N2")
    events = [OPENED, EventFacts("E2", "N2", "account_opened", date(2026, 11, 1))]
    assert [callback.client_id for callback in planned([NEW, other], events).callbacks] == ["N2", "N1"]


@pytest.mark.rule("B-23")
@pytest.mark.rule("B-07")
@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"status": "closed"}, "closed"),
        ({"phone_opt_out": True}, "opted_out"),
        ({"phones": ()}, "no_phone"),
        ({"phones": ("123",)}, "no_phone"),
        ({"prefers": {"windows": ["19:00-20:00"]}}, "no_window"),
        ({"prefers": {"windows": ["late"]}}, "preference_unreadable"),
    ],
)
def test_a_client_who_cannot_be_called_is_skipped_with_the_reason(changes: dict[str, object], code: str) -> None:
    found = planned([replace(NEW, **changes)], [OPENED])
    assert found.callbacks == ()
    assert left_out(found) == {("N1", code)}
    assert all(one.reason and one.reason_en for one in found.skipped)


def test_events_of_tomorrow_and_of_strangers_plan_nothing() -> None:
    tomorrow = EventFacts("E2", "N1", "account_opened", MONDAY + timedelta(days=1))
    stranger = EventFacts("E3", "NOBODY", "account_opened", MONDAY)
    found = planned([NEW], [tomorrow, stranger])
    assert found.callbacks == ()
    assert left_out(found) == {("NOBODY", "unknown_client")}


def test_a_date_beyond_the_calendars_is_a_reason_and_not_a_guess() -> None:
    far = EventFacts("E1", "N1", "account_opened", date(2050, 1, 3))
    found = planned([NEW], [far], day=date(2050, 1, 4))
    assert left_out(found) == {("N1", "calendar_unknown")}


@pytest.mark.rule("M-01")
def test_a_pack_with_open_values_plans_nothing() -> None:
    with pytest.raises(OpenValue):
        plan(load_pack("GAL"), [NEW], [OPENED], History(), day=MONDAY, calendars=CALENDARS, seed="s")


@pytest.mark.rule("A-39")
def test_dormant_and_suspended_clients_are_not_in_the_base() -> None:
    clients = [existing(1, status="dormant"), existing(2, status="suspended"), NEW]
    found = planned(clients)
    assert found.callbacks == ()
    assert left_out(found) == {("X0001", "exempt"), ("X0002", "exempt")}


@pytest.mark.rule("A-39")
def test_somebody_else_is_drawn_in_place_of_one_who_cannot_be_called() -> None:
    last_day = date(2026, 12, 31)
    clients = [existing(number, phone_opt_out=number <= 9) for number in range(1, 11)]
    found = planned(clients, day=last_day)
    assert [callback.client_id for callback in found.callbacks] == ["X0010"]


def year_of(clients: list[ClientFacts], seed: str, start: date) -> tuple[Counter[date], set[str]]:
    """Plans every day from ``start`` to the end of the year, each with what the days before planned."""
    items: list[PastItem] = []
    per_day: Counter[date] = Counter()
    day = start
    while day.year == start.year:
        for callback in planned(clients, past=History(tuple(items)), day=day, seed=seed).callbacks:
            items += [PastItem(item.trigger_key, callback.client_id, item.programme, day) for item in callback.items]
            per_day[day] += 1
        day += timedelta(days=1)
    return per_day, {item.client_id for item in items}


@pytest.mark.rule("A-39")
@pytest.mark.rule("A-40")
@pytest.mark.rule("A-13")
@settings(max_examples=4, deadline=None)
@given(st.integers(0, 80), st.integers(0, 40), st.integers(0, 2000))
def test_a_year_of_nights_meets_both_quotas_evenly_on_working_days(plain: int, margin: int, seed: int) -> None:
    clients = [existing(number) for number in range(plain)]
    clients += [existing(1000 + number, tags=("margin",)) for number in range(margin)]
    per_day, drawn = year_of(clients, str(seed), date(2026, 12, 7))
    in_margin = {client.client_id for client in clients if client.tags}
    assert len(drawn) >= ceil(Fraction(10, 100) * len(clients))
    assert len(drawn & in_margin) >= ceil(Fraction(15, 100) * margin)
    assert len(drawn) <= ceil(Fraction(10, 100) * len(clients)) + ceil(Fraction(15, 100) * margin)
    assert all(CALENDARS.is_working_day(day) for day in per_day)
    assert max(per_day.values(), default=0) <= 2
    assert year_of(clients, str(seed), date(2026, 12, 7)) == (per_day, drawn)


def test_running_twice_on_one_day_draws_nobody_more() -> None:
    clients = [existing(number) for number in range(300)]
    first = planned(clients)
    assert first.callbacks
    items = [item for callback in first.callbacks for item in callback.items]
    past = [PastItem(item.trigger_key, item.trigger_key.split(":")[-1], item.programme, MONDAY) for item in items]
    assert planned(clients, past=History(tuple(past))).callbacks == ()


def test_one_who_was_not_reached_does_not_count_towards_the_quota() -> None:
    clients = [existing(number) for number in range(10)]
    last_day = date(2026, 12, 31)
    item = PastItem("existing_client:2026:X0003", "X0003", "existing_client", date(2026, 11, 2), missed=True)
    assert len(planned(clients, past=History((item,)), day=last_day).callbacks) == 1
    assert planned(clients, past=History((replace(item, missed=False),)), day=last_day).callbacks == ()


def test_another_seed_draws_another_sample_and_the_same_seed_the_same() -> None:
    clients = [existing(number) for number in range(2000)]
    samples = [[callback.client_id for callback in planned(clients, seed=seed).callbacks] for seed in ("a", "a", "b")]
    assert samples[0] == samples[1] != samples[2]


@given(st.integers(0, 100), st.integers(0, 5000))
def test_a_quota_is_rounded_up_and_never_below_the_share(percent: int, members: int) -> None:
    count = owed(Quota(Fraction(percent, 100)), members)
    assert count * 100 >= percent * members
    assert (count - 1) * 100 < percent * members or count == 0


@settings(deadline=None, max_examples=60)
@given(
    st.dates(date(2026, 1, 5), date(2026, 11, 20)),
    st.sampled_from([{}, {"windows": ["10:00-11:30"]}, {"days": ["friday"]}]),
)
def test_the_first_attempt_lies_in_the_clients_windows_and_before_the_deadline(day: date, wish: dict) -> None:
    client = replace(NEW, prefers=wish)
    found = planned([client], [replace(OPENED, on=day)], day=day)
    (callback,) = found.callbacks
    assert open_at(PACK.runnable().windows, Preference.of(wish), callback.next_attempt_at, CALENDARS)
    assert day <= callback.next_attempt_at.date() <= callback.due_on
    assert any(start <= callback.next_attempt_at < end for start, end in callback.windows)
