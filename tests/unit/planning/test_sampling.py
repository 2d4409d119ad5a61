"""Shares: seeded, reproducible, at least the quota, evenly over the working days, rotating over the years."""

from __future__ import annotations

from collections import Counter
from datetime import date
from fractions import Fraction
from math import ceil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.calendars import DAY
from dialer.planning.plan import Plan
from dialer.planning.sampling import Draw, MemberState, lot, owed, seed_of
from dialer.programmes.facts import ClientFacts, EventFacts, ItemState, PastItem
from dialer.programmes.model import Pack
from tests.unit.planning.firm import (
    CALENDARS,
    MONDAY,
    Firm,
    called,
    client,
    event,
    items,
    left_out,
    pack_of,
    working_days,
)

pytestmark = pytest.mark.unit

YEAR_END = date(2026, 12, 31)
EXISTING = pack_of(
    "existing: {trigger: {period: year, rule: A-39}, scope: opened_on < period_start, "
    "exempt: [{when: status == 'dormant', reason: 休眠, rule: A-39}, "
    "{when: status == 'suspended', reason: 中止, rule: A-39}], "
    "coverage: [{share: 15%, of: \"'margin' in tags\", rule: A-40}, {share: 10%, rule: A-39}]}"
)
ROTATING = pack_of(
    "existing: {trigger: {period: year, rule: A-41}, scope: opened_on < period_start, "
    "coverage: [{share: 10%, rule: A-41}], rotation: {rule: A-42}}"
)
ROUNDS = pack_of("small: {trigger: {period: half_year, rule: A-44}, coverage: [{share: 20%, rule: [A-44, J-08]}]}")
WEEKLY = pack_of(
    "entered: {trigger: {event: account_opened, period: week, rule: A-31}, coverage: [{share: 30%, rule: A-25}], "
    "deadline: {amount: 5, unit: working_day, rule: A-25}, "
    "cancelled_by: {events: [account_review_failed], rule: J-13}}"
)


def existing(count: int, start: int = 0, **more: object) -> list[ClientFacts]:
    return [client(f"X{number:04}", **more) for number in range(start, start + count)]


def draw_of(found: Plan, programme: str) -> Draw:
    (draw,) = (one for one in found.draws if one.programme == programme)
    return draw


def last_of(year: int) -> date:
    """The last working day of the year."""
    return working_days(date(year, 12, 20), date(year, 12, 31))[-1]


def planned_in(plans: list[Plan]) -> dict[str, date]:
    """The day on which each client was planned."""
    return {callback.client_id: found.day for found in plans for callback in found.callbacks}


# --- shares of a year ------------------------------------------------------------------------------------------------


@pytest.mark.rule("A-39")
@pytest.mark.rule("J-08")
def test_the_base_is_the_clients_of_last_years_end_without_dormant_and_suspended_ones() -> None:
    others = [
        *existing(1, 100, status="dormant"),
        *existing(1, 101, status="suspended"),
        *existing(1, 102, opened_on=date(2026, 1, 1)),
    ]
    found = Firm.of(EXISTING, [*existing(20), *existing(1, 103, opened_on=date(2025, 12, 31)), *others]).night(MONDAY)
    draw = draw_of(found, "existing")
    assert draw.in_base(1) == 21
    assert draw.target(1) == 3
    assert draw.excluded == {"exempt": 2}
    assert left_out(found) == {("X0100", "exempt"), ("X0101", "exempt")}


@pytest.mark.rule("A-39")
@pytest.mark.rule("A-40")
@pytest.mark.rule("A-13")
@settings(max_examples=10)
@given(st.integers(0, 80), st.integers(0, 40), st.text("ab", max_size=3))
def test_the_nights_to_the_years_end_meet_both_quotas_evenly_on_working_days(plain: int, margin: int, key: str) -> None:
    clients = [*existing(plain), *existing(margin, 1000, tags=("margin",))]
    first = date(2026, 12, 7)
    plans = list(Firm.of(EXISTING, clients, key=key).nights(first, YEAR_END))
    drawn = planned_in(plans)
    narrow, wide = ceil(Fraction(15, 100) * margin), ceil(Fraction(10, 100) * (plain + margin))
    in_margin = sum(who.startswith("X1") for who in drawn)
    assert in_margin >= narrow
    assert max(narrow, wide) <= len(drawn) <= max(wide, narrow) + narrow
    assert set(drawn.values()) <= set(working_days(first, YEAR_END))
    assert max(Counter(drawn.values()).values(), default=0) <= 2
    assert planned_in(list(Firm.of(EXISTING, clients, key=key).nights(first, YEAR_END))) == drawn


@pytest.mark.rule("A-39")
@pytest.mark.rule("A-40")
@pytest.mark.rule("A-43")
def test_a_whole_year_of_nights_meets_both_quotas_and_spreads_them() -> None:
    """400 clients, 100 of them in margin trading: 40 calls in all, 15 of them to margin clients."""
    first = date(2026, 1, 1)
    clients = [*existing(300), *existing(100, 1000, tags=("margin",))]
    firm = Firm.of(EXISTING, clients)
    plans = [firm.night(day, incremental=True) for day in working_days(first, YEAR_END)]
    drawn = planned_in(plans)
    assert len(drawn) == 40
    assert sum(who.startswith("X1") for who in drawn) >= 15
    quarters = Counter((day.month - 1) // 3 for day in drawn.values())
    assert all(8 <= quarters[number] <= 12 for number in range(4))


@pytest.mark.rule("A-40")
def test_the_narrow_share_lies_inside_the_wide_one() -> None:
    clients = [*existing(90), *existing(10, 1000, tags=("margin",))]
    found = Firm.of(EXISTING, clients).night(YEAR_END)
    assert sum(who.startswith("X1") for who in called(found)) >= 2
    assert len(called(found)) == 10


@pytest.mark.rule("A-39")
def test_somebody_else_is_drawn_in_place_of_one_who_cannot_be_called() -> None:
    clients = [client(f"X{number:04}", phone_opt_out=number <= 9) for number in range(1, 11)]
    found = Firm.of(EXISTING, clients).night(YEAR_END)
    assert called(found) == ["X0010"]
    assert {code for _, code in left_out(found)} <= {"opted_out"}


@pytest.mark.rule("A-39")
def test_when_the_reserves_are_used_up_the_rest_of_the_base_is_drawn_too() -> None:
    """600 clients: 60 are owed, 230 stand in the kept order, and only the 60 last ones have a telephone."""
    key = "secret"
    seed = seed_of(key, "existing:2026")
    order = sorted(existing(600), key=lambda one: lot(seed, one.client_id))
    clients = [client(one.client_id, phones=one.phones if place >= 540 else ()) for place, one in enumerate(order)]
    firm = Firm.of(EXISTING, clients, key=key)
    found = firm.night(YEAR_END)
    assert len(called(found)) == 60
    assert firm.night(YEAR_END).callbacks == ()


def test_running_twice_on_one_day_draws_nobody_more() -> None:
    firm = Firm.of(EXISTING, existing(300))
    assert firm.night(MONDAY).callbacks
    assert firm.night(MONDAY).callbacks == ()


@pytest.mark.rule("A-39")
def test_one_who_was_not_reached_does_not_count_towards_the_quota() -> None:
    firm = Firm.of(EXISTING, existing(10))
    (first,) = called(firm.night(YEAR_END))
    firm.close(f"existing:2026:{first}", ItemState.MISSED, on=YEAR_END)
    (second,) = called(firm.night(YEAR_END))
    assert second != first
    firm.close(f"existing:2026:{second}", on=YEAR_END)
    assert firm.night(YEAR_END).callbacks == ()


@pytest.mark.rule("A-13")
def test_another_key_draws_another_sample_and_the_same_key_the_same() -> None:
    clients = existing(2000)
    samples = [called(Firm.of(EXISTING, clients, key=key).night(YEAR_END)) for key in ("a", "a", "b")]
    assert samples[0] == samples[1] != samples[2]
    assert len(samples[0]) == len(samples[2]) == 200


@pytest.mark.rule("A-13")
def test_a_kept_sample_can_be_repeated_by_whoever_knows_the_seed_and_the_base() -> None:
    clients = existing(200)
    draw = draw_of(Firm.of(EXISTING, clients).night(YEAR_END), "existing")
    order = sorted((one.client_id for one in clients), key=lambda one: lot(draw.seed, one))
    drawn = [member.client_id for member in draw.members if member.state is MemberState.PLANNED]
    assert drawn == order[:20]
    assert draw.digest == draw_of(Firm.of(EXISTING, reversed(clients)).night(YEAR_END), "existing").digest


def test_looking_at_a_kept_sample_does_not_change_it() -> None:
    firm = Firm.of(EXISTING, existing(200))
    firm.night(MONDAY)
    before = repr(firm.source.samples)
    firm.look(YEAR_END)
    assert repr(firm.source.samples) == before


def test_a_share_that_the_firm_raises_during_the_year_holds_for_the_whole_year() -> None:
    more = pack_of(
        "existing: {trigger: {period: year, rule: A-39}, scope: opened_on < period_start, "
        "exempt: [{when: status == 'dormant', reason: 休眠, rule: A-39}], coverage: [{share: 50%, rule: A-39}]}"
    )
    firm = Firm.of(EXISTING, existing(20))
    assert len(called(firm.night(YEAR_END))) == 2
    firm.pack = more
    assert len(called(firm.night(YEAR_END))) == 8
    assert draw_of(firm.night(YEAR_END), "existing").in_base(0) == 20


@given(st.integers(0, 100), st.integers(0, 5000))
def test_a_quota_is_rounded_up_and_never_below_the_share(percent: int, members: int) -> None:
    count = owed(Fraction(percent, 100), members)
    assert count * 100 >= percent * members
    assert (count - 1) * 100 < percent * members or count == 0


# --- rotation over years, rounds of half a year ----------------------------------------------------------------------


@pytest.mark.rule("A-41")
@pytest.mark.rule("A-42")
@settings(max_examples=10)
@given(st.integers(11, 60), st.text("ab", max_size=2))
def test_over_a_stage_everybody_is_called_before_anybody_is_called_twice(count: int, key: str) -> None:
    firm = Firm.of(ROTATING, existing(count, opened_on=date(2010, 1, 1)), key=key)
    calls: Counter[str] = Counter()
    for year in range(2012, 2024):
        found = firm.night(last_of(year))
        assert len(called(found)) == ceil(count / 10)
        calls.update(called(found))
        for item_key in items(found):
            firm.close(item_key, on=last_of(year))
        everybody = [calls[one.client_id] for one in firm.clients.values()]
        assert max(everybody) - min(everybody) <= 1


@pytest.mark.rule("A-42")
def test_whom_nobody_reached_has_his_turn_before_those_who_were_called() -> None:
    firm = Firm.of(ROTATING, existing(10, opened_on=date(2010, 1, 1)))
    (first,) = called(firm.night(last_of(2012)))
    firm.close(f"existing:2012:{first}", ItemState.MISSED, on=last_of(2012))
    drawn = [who for year in range(2013, 2023) for who in called(firm.night(last_of(year)))]
    assert sorted(drawn) == sorted(firm.clients)


@pytest.mark.rule("A-44")
@pytest.mark.rule("J-08")
def test_dormant_clients_are_in_the_half_yearly_rounds() -> None:
    firm = Firm.of(ROUNDS, existing(40, status="dormant"))
    rounds = [called(firm.night(day)) for day in (date(2026, 6, 30), YEAR_END)]
    assert [len(found) for found in rounds] == [8, 8]


# --- samples of events -----------------------------------------------------------------------------------------------


def opened(count: int, on: date, start: int = 0) -> list[EventFacts]:
    return [event(f"E{n:03}", f"X{n:04}", "account_opened", on, f"10:{n % 60:02}") for n in range(start, start + count)]


@pytest.mark.rule("A-25")
@pytest.mark.rule("A-31")
@settings(max_examples=40)
@given(st.lists(st.integers(0, 12), min_size=5, max_size=5), st.text("ab", max_size=2))
def test_at_every_night_of_the_week_at_least_the_share_is_planned(arrivals: list[int], key: str) -> None:
    firm = Firm.of(WEEKLY, existing(sum(arrivals)), key=key)
    so_far = 0
    for number, count in enumerate(arrivals):
        day = MONDAY + number * DAY
        firm.import_events(opened(count, day, so_far))
        so_far += count
        firm.night(day, incremental=True)
        assert len(firm.past) == ceil(Fraction(30, 100) * so_far)


@pytest.mark.rule("A-25")
@pytest.mark.rule("A-31")
def test_the_sample_of_a_week_is_drawn_by_lot_and_not_by_time_of_arrival() -> None:
    clients, events = existing(100), opened(100, MONDAY)
    drawn = [set(called(Firm.of(WEEKLY, clients, *events, key=key).night(MONDAY))) for key in ("a", "b")]
    assert [len(found) for found in drawn] == [30, 30]
    assert drawn[0] != drawn[1] != {one.client_id for one in clients[:30]}


@pytest.mark.rule("A-31")
def test_each_week_has_its_own_sample() -> None:
    firm = Firm.of(WEEKLY, existing(20), *opened(10, MONDAY), *opened(10, MONDAY + 7 * DAY, 10))
    found = firm.night(MONDAY + 7 * DAY)
    assert {draw.period: draw.in_base(0) for draw in found.draws} == {"2026-W48": 10, "2026-W49": 10}


@pytest.mark.rule("A-25")
def test_events_that_come_too_late_do_not_take_the_place_of_those_in_time() -> None:
    """Ten openings of last Monday are in time on the last day; thirty of the week before come too late."""
    firm = Firm.of(WEEKLY, existing(40), *opened(10, date(2026, 11, 24)))
    late = [event(f"L{n}", f"X{n + 10:04}", "account_opened", MONDAY, f"09:{n:02}") for n in range(30)]
    firm.import_events(late)
    found = firm.night(date(2026, 12, 1))  # the five working days of the 23rd ended on the 30th
    assert sorted(called(found)) == [f"X{n:04}" for n in range(10)]
    missed = [one for one in found.skipped if one.code == "deadline_passed"]
    assert len(missed) == 2  # twelve are owed, ten could be called: two deadlines were missed, and told once
    assert all(one.due_on == date(2026, 11, 30) and one.branch for one in missed)
    again = firm.night(date(2026, 12, 2))
    assert again.callbacks == ()
    assert left_out(again) == set()


@pytest.mark.rule("J-13")
def test_an_event_that_was_undone_is_not_in_the_base_of_the_sample() -> None:
    failed = event("F1", "X0000", "account_review_failed", MONDAY, "12:00")
    found = Firm.of(WEEKLY, existing(10), *opened(10, MONDAY), failed).night(MONDAY)
    assert draw_of(found, "entered").in_base(0) == 9
    assert ("X0000", "undone") in left_out(found)


def test_the_bad_events_of_a_sample_have_their_reasons() -> None:
    events = [event("B1", "X0000", "account_opened", date(2020, 1, 1)), event("B2", "NOBODY", "account_opened", MONDAY)]
    found = Firm.of(WEEKLY, existing(1), *events).night(MONDAY)
    assert left_out(found) == {("X0000", "before_client"), ("NOBODY", "unknown_client")}
    assert found.callbacks == ()


# --- everybody, several times a period -------------------------------------------------------------------------------


def nights_of(pack: Pack, first: date, last: date) -> list[date]:
    """The days on which the one client is planned."""
    firm = Firm.of(pack, [client("X1", tags=("gold",))])
    return [found.day for found in firm.nights(first, last, incremental=True) if found.callbacks]


@pytest.mark.rule("A-63")
@pytest.mark.rule("B-17")
def test_twice_a_week_means_a_call_in_each_half_of_the_week() -> None:
    pack = pack_of("large: {trigger: {period: week, times: 2, rule: [A-63, B-17]}}")
    days = nights_of(pack, MONDAY, MONDAY + 27 * DAY)
    assert len(days) == 8
    assert Counter(day.isocalendar().week for day in days) == {48: 2, 49: 2, 50: 2, 51: 2}


@pytest.mark.rule("A-47")
@pytest.mark.rule("B-17")
def test_once_a_month_means_a_call_in_every_month() -> None:
    pack = pack_of("routine: {trigger: {period: month, rule: [A-47, B-17]}, scope: \"'gold' in tags\"}")
    days = nights_of(pack, date(2026, 1, 1), date(2026, 6, 30))
    assert [day.month for day in days] == [1, 2, 3, 4, 5, 6]


@pytest.mark.rule("A-48")
@pytest.mark.rule("B-17")
def test_gold_clients_are_called_every_two_weeks() -> None:
    pack = pack_of("gold: {trigger: {period: two_weeks, rule: [A-48, B-17]}, scope: \"'gold' in tags\"}")
    assert nights_of(pack, MONDAY, date(2027, 1, 3)) == [MONDAY, MONDAY + 14 * DAY, MONDAY + 28 * DAY]


@pytest.mark.rule("A-46")
def test_at_least_once_in_every_half_year() -> None:
    pack = pack_of("continuing: {trigger: {period: half_year, rule: A-46}}")
    days = nights_of(pack, date(2026, 1, 1), date(2026, 12, 31))
    assert [day.month <= 6 for day in days] == [True, False]


def test_everybody_is_spread_over_the_working_days_of_the_period() -> None:
    pack = pack_of("routine: {trigger: {period: month, rule: A-47}}")
    firm = Firm.of(pack, existing(63))
    per_day = Counter(planned_in(list(firm.nights(date(2026, 11, 1), date(2026, 11, 30)))).values())
    assert sum(per_day.values()) == 63
    assert set(per_day) == set(working_days(date(2026, 11, 1), date(2026, 11, 30)))
    assert set(per_day.values()) == {3}


def test_a_part_of_a_period_without_any_working_day_is_told_of_and_not_forgotten() -> None:
    """The first to the third of October 2026 are holidays, and so is the half of the week they lie in."""
    pack = pack_of("large: {trigger: {period: week, times: 2, rule: A-63}}")
    firm = Firm.of(pack, [client("X1")])
    plans = list(firm.nights(date(2026, 10, 1), date(2026, 10, 4)))
    assert all(found.callbacks == () for found in plans)
    assert any(("X1", "no_window") in left_out(found) for found in plans)


@pytest.mark.rule("A-14")
def test_who_comes_into_the_scope_of_everybody_during_the_period_is_called_too() -> None:
    pack = pack_of("routine: {trigger: {period: month, rule: A-47}, scope: \"'margin' in tags\"}")
    firm = Firm.of(pack, existing(1))
    firm.night(MONDAY)
    firm.change("X0000", tags=("margin",))
    plans = list(firm.nights(MONDAY + DAY, date(2026, 11, 30), incremental=True))
    assert sum(len(found.callbacks) for found in plans) == 1


@pytest.mark.rule("A-14")
def test_who_could_not_be_called_at_his_turn_is_called_when_his_number_comes() -> None:
    pack = pack_of("routine: {trigger: {period: month, rule: A-47}}")
    firm = Firm.of(pack, existing(1, phones=()))
    last = date(2026, 11, 27)
    first = list(firm.nights(MONDAY, last, incremental=True))
    assert [left_out(found) for found in first if found.skipped] == [{("X0000", "no_phone")}]
    firm.change("X0000", phones=("13900000001",))
    assert called(firm.night(date(2026, 11, 30), incremental=True)) == ["X0000"]


@pytest.mark.rule("B-23")
def test_a_member_who_wants_no_calls_gets_the_message_when_his_turn_comes() -> None:
    pack = pack_of(
        "routine: {trigger: {period: month, rule: A-47}}",
        more="refusal: {contents: [risk], channels: [sms], rule: B-23}",
    )
    found = Firm.of(pack, existing(1, phone_opt_out=True)).night(date(2026, 11, 30))
    assert left_out(found) == {("X0000", "opted_out")}
    assert [(one.client_id, one.contents, one.rule) for one in found.notices] == [("X0000", ("risk",), "B-23")]


# --- key clients -----------------------------------------------------------------------------------------------------

KEY = pack_of(
    "new: {trigger: {event: account_opened, rule: A-20}, deadline: {amount: 1, unit: month, rule: A-20}}",
    "key: {trigger: {period: year, rule: A-56}, any_of: ["
    "{when: asset_total >= 10000000, title: 总资产, rule: A-54}, "
    "{when: volume_month_avg >= 10000000, title: 交易量, rule: A-54}, "
    "{when: pnl_rate_6m <= index_rate_6m - 0.2, title: 盈亏率, rule: A-54}, "
    "{when: \"'vip' in tags\", title: VIP, rule: A-54}], "
    "suppress: [{programmes: [new], within: year, reason: 当年已作新开户回访, rule: [A-56, B-15]}]}",
)


@pytest.mark.rule("A-54")
@pytest.mark.parametrize(
    ("facts", "ground"),
    [
        ({"asset_total": 1e7}, "总资产"),
        ({"asset_total": 1e7 - 1}, None),
        ({"volume_month_avg": 1e7}, "交易量"),
        ({"pnl_rate_6m": -0.151}, "盈亏率"),
        ({"pnl_rate_6m": -0.149}, None),
        ({"tags": ("vip",)}, "VIP"),
        ({"tags": ("vip",), "asset_total": 2e7}, "总资产"),
        ({}, None),
    ],
)
def test_any_one_of_the_tests_makes_a_key_client_and_the_plan_tells_which(
    facts: dict[str, object], ground: str | None
) -> None:
    figures = [(date(2026, 1, 1), "index_rate_6m", 0.05)]
    found = Firm.of(KEY, [client("K1", **facts)], market=figures).night(YEAR_END)
    assert [item.ground for item in items(found).values()] == ([ground] if ground else [])
    assert all(f"，{ground}）" in callback.reason for callback in found.callbacks)


@pytest.mark.rule("A-54")
def test_a_figure_of_the_market_that_moves_brings_clients_in_by_the_next_incremental_night() -> None:
    firm = Firm.of(KEY, [client("K1", pnl_rate_6m=-0.1)], market=[(date(2026, 1, 1), "index_rate_6m", 0.05)])
    last = date(2026, 12, 30)
    assert firm.night(last).callbacks == ()
    firm.market.append((YEAR_END, "index_rate_6m", 0.1))
    assert called(firm.night(YEAR_END, incremental=True)) == ["K1"]


@pytest.mark.rule("A-56")
@pytest.mark.rule("B-15")
@pytest.mark.parametrize(
    ("opened_on", "calls"),
    [(date(2026, 12, 1), ["new:E1"]), (date(2025, 12, 1), ["key:2026:K1"]), (date(2025, 12, 31), ["key:2026:K1"])],
)
def test_a_key_client_with_a_new_account_call_in_the_same_year_is_not_called_again(
    opened_on: date, calls: list[str]
) -> None:
    """The first case plans both on one night, the others had their new-account call the year before."""
    key_client = client("K1", tags=("vip",), opened_on=opened_on)
    firm = Firm.of(KEY, [key_client], event("E1", "K1", "account_opened", opened_on))
    if opened_on.year < 2026:
        assert list(items(firm.night(opened_on))) == ["new:E1"]
        firm.close("new:E1", on=opened_on)
    assert list(items(firm.night(YEAR_END))) == calls
    assert ("K1", "suppressed") in left_out(firm.night(YEAR_END)) or opened_on.year < 2026


@pytest.mark.rule("A-56")
def test_a_new_account_call_that_reached_nobody_does_not_suppress() -> None:
    day = date(2026, 12, 1)
    firm = Firm.of(KEY, [client("K1", tags=("vip",), opened_on=day)], event("E1", "K1", "account_opened", day))
    firm.night(day)
    firm.close("new:E1", ItemState.MISSED, on=YEAR_END)
    assert list(items(firm.night(YEAR_END, incremental=True))) == ["key:2026:K1"]


def test_calls_of_earlier_years_are_the_past_and_not_the_plan() -> None:
    past = PastItem("key:2025:K1", "key", date(2025, 5, 1), YEAR_END, "B1", "branch", state=ItemState.DONE)
    firm = Firm.of(KEY, [client("K1", tags=("vip",))])
    firm.past[past.trigger_key] = past
    firm._owner[past.trigger_key] = "K1"
    assert list(items(firm.night(YEAR_END))) == ["key:2026:K1"]
    assert CALENDARS.is_working_day(YEAR_END)
