"""Before somebody leaves: his clients by sample and by two lists, exempt when asked the same lately, before he goes."""

from __future__ import annotations

from datetime import date
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.calendars import DAY
from dialer.planning.plan import MISSED, Plan
from dialer.programmes.facts import ClientFacts, ItemState, PastItem, StaffFacts
from tests.unit.planning.firm import MONDAY, Firm, at, called, client, event, items, left_out, pack_of

pytestmark = pytest.mark.unit

LEAVING = pack_of(
    "leaving: {trigger: {departure: staff, rule: A-91}, scope: asset_total >= 5000, "
    "exempt: [{when: turnover == 0, reason: 无交易, rule: A-97}, "
    "{when: asset_total < 6000, reason: 资产极少, rule: A-97}], "
    "coverage: [{share: 10%, rule: [A-91, A-93]}], "
    "top: [{most: 20, by: turnover, where: asset_total > 50000 and turnover > 3, rule: A-94}, "
    "{most: 20, by: asset_avg_daily, where: asset_avg_daily >= 100000, rule: A-95}], "
    "suppress: [{lookback_months: 6, same_flow: yes, reason: 六个月内已回访，要点一致, rule: [A-96, B-16]}], "
    "deadline: {before: contract_end, words: 终止劳动合同前, rule: A-91}, "
    "channels: [counter, phone, visit], gates: [departure]}",
    "other: {trigger: {event: a, rule: firm}, deadline: {amount: 9, unit: month, rule: firm}}",
)
LEAVER = StaffFacts("S1", "北京", "marketing", left_on=date(2026, 12, 4))


def served(number: int, **more: object) -> ClientFacts:
    """A client of the leaver's without large assets or turnover."""
    known = {"asset_total": 20000.0, "asset_avg_daily": 20000.0, "turnover": 1.0, "introducer_id": "S1", **more}
    return client(f"D{number:03}", **known)


def leaving(clients: list[ClientFacts], **more: object) -> Plan:
    return Firm.of(LEAVING, clients, staff=[LEAVER], **more).night(MONDAY)


@pytest.mark.rule("A-91")
@pytest.mark.rule("A-93")
def test_a_sample_of_the_leavers_eligible_clients_is_called_before_his_contract_ends() -> None:
    strangers = [client(f"Y{n}", asset_total=9e6, turnover=9.0, asset_avg_daily=9e6) for n in range(5)]
    poor = [served(n, asset_total=4999.0) for n in range(100, 110)]
    found = leaving([*(served(n) for n in range(30)), *strangers, *poor])
    assert len(called(found)) == 3
    assert all(who.startswith("D0") for who in called(found))
    assert {callback.due_at for callback in found.callbacks} == {at(date(2026, 12, 5), "00:00")}
    assert all(item.trigger == "departure:S1" for item in items(found).values())


@pytest.mark.rule("A-91")
def test_who_leaves_later_is_planned_today_and_nothing_more_on_the_next_nights() -> None:
    firm = Firm.of(LEAVING, [served(n) for n in range(30)], staff=[LEAVER])
    assert len(firm.night(MONDAY).callbacks) == 3
    assert all(found.callbacks == () for found in firm.nights(MONDAY + DAY, LEAVER.left_on, incremental=True))


@pytest.mark.rule("A-94")
@pytest.mark.parametrize(
    ("facts", "listed"),
    [
        ({"asset_total": 50000.01, "turnover": 3.01}, True),
        ({"asset_total": 50000.0, "turnover": 9.0}, False),
        ({"asset_total": 90000.0, "turnover": 3.0}, False),
    ],
)
def test_the_first_list_has_floors_of_assets_and_turnover(facts: dict[str, float], listed: bool) -> None:
    found = leaving([*(served(n) for n in range(10)), served(50, **facts)])
    grounds = {item.trigger_key[-4:]: item.ground for item in items(found).values()}
    assert (grounds.get("D050") == "A-94") == listed


@pytest.mark.rule("A-95")
@pytest.mark.parametrize(("daily", "listed"), [(100000.0, True), (99999.0, False)])
def test_the_second_list_has_a_floor_of_average_daily_assets(daily: float, listed: bool) -> None:
    found = leaving([*(served(n) for n in range(10)), served(50, asset_avg_daily=daily)])
    grounds = {item.trigger_key[-4:]: item.ground for item in items(found).values()}
    assert (grounds.get("D050") == "A-95") == listed


@pytest.mark.rule("A-94")
@pytest.mark.rule("A-95")
@given(
    st.lists(st.tuples(st.integers(1, 9), st.integers(0, 40)), min_size=1, max_size=60),
)
def test_both_lists_are_called_whole_up_to_the_twentieth_rank_ties_included(facts: list[tuple[int, int]]) -> None:
    clients = [
        served(n, asset_total=60000.0, turnover=float(turnover), asset_avg_daily=daily * 10000.0)
        for n, (turnover, daily) in enumerate(facts)
    ]
    found = leaving(clients)
    first = {one.client_id: one.turnover for one in clients if one.turnover > 3}
    second = {one.client_id: one.asset_avg_daily for one in clients if one.asset_avg_daily >= 100000}
    must = set()
    for amounts in (first, second):
        must |= {who for who, mine in amounts.items() if sum(mine < other for other in amounts.values()) < 20}
    assert must <= set(called(found))
    assert len(called(found)) == max(len(must), ceil(len(clients) / 10))


@pytest.mark.rule("A-97")
def test_clients_without_trades_or_with_very_small_assets_are_exempt() -> None:
    found = leaving([served(1, turnover=0.0), served(2, asset_total=5999.0), served(3)])
    assert called(found) == ["D003"]
    assert left_out(found) == {("D001", "exempt"), ("D002", "exempt")}
    (draw,) = found.draws
    assert draw.in_base(0) == 1
    assert draw.excluded == {"exempt": 2}


def asked_before(state: ItemState = ItemState.DONE, on: date = date(2026, 6, 1), flow_hash: str = "v1") -> Plan:
    """The plan when the only client had another call-back."""
    firm = Firm.of(LEAVING, [served(1)], event("E1", "D001", "a", date(2026, 5, 20)))
    firm.night(date(2026, 5, 20))
    firm.past["other:E1"] = PastItem(
        "other:E1", "other", date(2026, 5, 20), date(2027, 2, 20), "B1", "branch", True, state, on, flow_hash
    )
    firm.staff = [LEAVER]
    return firm.night(MONDAY)


@pytest.mark.rule("A-96")
@pytest.mark.rule("B-16")
def test_who_was_asked_the_same_within_six_months_is_exempt_the_same_script_version_only() -> None:
    assert left_out(asked_before()) == {("D001", "suppressed")}
    assert called(asked_before()) == []
    assert called(asked_before(flow_hash="v0")) == ["D001"]
    assert called(asked_before(flow_hash="")) == ["D001"]
    assert called(asked_before(ItemState.MISSED)) == ["D001"]
    assert called(asked_before(ItemState.CANCELLED)) == ["D001"]


@pytest.mark.rule("A-96")
@pytest.mark.rule("B-16")
@pytest.mark.parametrize(("on", "exempt"), [(date(2026, 5, 23), True), (date(2026, 5, 22), False)])
def test_six_months_are_counted_to_the_day(on: date, exempt: bool) -> None:
    assert (called(asked_before(on=on)) == []) == exempt


@pytest.mark.rule("A-96")
def test_without_a_known_version_of_the_script_nobody_is_exempt() -> None:
    firm = Firm.of(LEAVING, [served(1)], staff=[LEAVER], flow_hashes={})
    firm.past["other:E1"] = PastItem(
        "other:E1", "other", date(2026, 9, 1), date(2026, 9, 2), "B1", "branch", True, ItemState.DONE, date(2026, 9, 1)
    )
    firm._owner["other:E1"] = "D001"
    assert called(firm.night(MONDAY)) == ["D001"]


@pytest.mark.rule("A-98")
def test_clients_who_were_handed_over_stand_on_the_lists_of_the_successor() -> None:
    rich = [served(n, asset_avg_daily=900000.0) for n in range(3)]
    firm = Firm.of(LEAVING, rich, staff=[LEAVER])
    firm.change("D001", introducer_id="S2")
    assert called(firm.night(MONDAY)) == ["D000", "D002"]
    firm.staff = [LEAVER, StaffFacts("S2", left_on=date(2026, 12, 31))]
    found = firm.night(MONDAY + DAY, incremental=True)
    assert list(items(found)) == ["leaving:S2:D001"]


def test_who_comes_onto_a_list_before_the_contract_ends_is_called_too() -> None:
    firm = Firm.of(LEAVING, [served(n) for n in range(10)], staff=[LEAVER])
    firm.night(MONDAY)
    (waiting,) = sorted({"D000", "D001"} - {key[-4:] for key in firm.past})[:1]
    firm.change(waiting, asset_avg_daily=500000.0)
    assert called(firm.night(MONDAY + DAY, incremental=True)) == [waiting]


def test_a_leaver_who_is_reported_after_he_left_is_told_of_once() -> None:
    """The contract ended on Friday, the branch tells on Monday: nobody can be called in time, and that is escalated."""
    gone = StaffFacts("S1", left_on=date(2026, 11, 20))
    firm = Firm.of(LEAVING, [*(served(n) for n in range(30)), served(50, asset_avg_daily=5e6)], staff=[gone])
    found = firm.night(MONDAY)
    assert found.callbacks == ()
    assert {one.code for one in found.skipped} == {"deadline_passed"} <= MISSED
    assert len(found.skipped) == 4  # the one on the list, and the sample's ten per cent of 31 with him
    assert all(one.due_on == gone.left_on and one.branch for one in found.skipped)
    assert firm.night(MONDAY + DAY, incremental=True).skipped == ()


def test_a_leaver_whose_clients_cannot_be_reached_in_time_leaves_others_to_the_sample() -> None:
    wish = {"windows": ["20:00-21:00"]}
    clients = [served(n, prefers=wish) for n in range(9)]
    found = leaving([*clients, served(9)])
    assert called(found) == ["D009"]
    assert {code for _, code in left_out(found)} <= {"no_window"}


def test_an_aim_that_the_firm_sets_itself_lies_before_the_end_of_the_contract() -> None:
    pack = pack_of(
        "leaving: {trigger: {departure: staff, rule: A-91}, coverage: [{share: 100%, rule: firm}], "
        "deadline: {amount: 3, unit: working_day, before: contract_end, rule: [A-91, firm]}}"
    )
    firm = Firm.of(pack, [served(1)], staff=[LEAVER])
    (callback,) = firm.night(MONDAY).callbacks
    assert callback.due_on == date(2026, 11, 26)
    firm = Firm.of(pack, [served(1)], staff=[StaffFacts("S1", left_on=date(2026, 11, 24))])
    assert [callback.due_on for callback in firm.night(MONDAY).callbacks] == [date(2026, 11, 24)]
