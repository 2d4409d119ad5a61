"""What happens to clients: what it makes due, what it undoes, and what becomes of bad deliveries."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.calendars import DAY
from dialer.planning.plan import MISSED
from dialer.programmes.facts import EventFacts, ItemState
from dialer.programmes.load import load_pack
from dialer.programmes.model import Pack
from tests.unit.planning.firm import MONDAY, Firm, at, called, client, event, items, left_out, pack_of

pytestmark = pytest.mark.unit

DUE = "deadline: {amount: 3, unit: working_day, rule: firm}"
NEW = pack_of(
    f"new: {{trigger: {{event: account_opened, rule: A-28}}, {DUE}, "
    "exempt: [{when: event.account == 'futures', reason: IB, rule: A-85}], "
    "cancelled_by: {events: [account_closed, account_review_failed], rule: [D-28, J-06, J-13]}}",
    "closed: {trigger: {event: account_closed, rule: A-100}, "
    "deadline: {amount: 2, unit: day, day_type: every_day, rule: A-100}}",
)
SPECIAL = pack_of(
    "matter: {trigger: {event: [statement_disputed, key_monitoring, identity_changed, client_data_changed, "
    f"ml_suspicion, large_asset_change, account_closed], rule: [A-68, A-70]}}, {DUE}, any_of: ["
    "{when: event_type == 'statement_disputed' and asset_total >= 100000, title: 对账单, rule: A-68}, "
    "{when: \"event_type in ('key_monitoring', 'large_asset_change', 'account_closed')\", title: 监控, rule: A-69}, "
    "{when: \"event_type in ('identity_changed', 'ml_suspicion') or "
    "(event_type == 'client_data_changed' and event.identity == 'yes')\", title: 识别, rule: A-70}]}"
)
OPENED = event("E1", "C1", "account_opened", MONDAY)


def night_of(pack: Pack, *events: EventFacts, day: date = MONDAY, **facts: object) -> tuple[list[str], set[str]]:
    """The keys of what is planned, and the reasons of what is not, for the one client C1."""
    found = Firm.of(pack, [client("C1", **facts)], *events).night(day)
    return sorted(items(found)), {one.code for one in found.skipped}


# --- special triggers, instructions ----------------------------------------------------------------------------------


@pytest.mark.rule("A-68")
@pytest.mark.parametrize(("assets", "planned"), [(100000.0, True), (99999.0, False), (None, False)])
def test_a_disputed_statement_counts_above_the_floor_of_assets(assets: float | None, planned: bool) -> None:
    keys, _ = night_of(SPECIAL, event("E1", "C1", "statement_disputed", MONDAY), asset_total=assets)
    assert (keys == ["matter:E1"]) == planned


@pytest.mark.rule("A-69")
@pytest.mark.rule("A-70")
@pytest.mark.rule("J-04")
@pytest.mark.parametrize(
    ("kind", "data", "ground"),
    [
        ("key_monitoring", {}, "监控"),
        ("identity_changed", {}, "识别"),
        ("client_data_changed", {"identity": "yes"}, "识别"),
        ("client_data_changed", {"identity": "no"}, None),
        ("client_data_changed", {}, None),
    ],
)
def test_each_special_event_is_told_by_its_ground(kind: str, data: dict[str, object], ground: str | None) -> None:
    found = Firm.of(SPECIAL, [client("C1")], event("E1", "C1", kind, MONDAY, **data)).night(MONDAY)
    assert [item.ground for item in items(found).values()] == ([ground] if ground else [])


@pytest.mark.rule("A-72")
def test_special_call_backs_end_three_days_after_the_trigger(example: Pack) -> None:
    found = Firm.of(example, [client("C1")], event("E1", "C1", "key_monitoring", date(2026, 11, 20))).night(MONDAY)
    (item,) = (item for item in items(found).values() if item.programme == "special")
    assert item.due_on == date(2026, 11, 25)


@pytest.mark.rule("J-12")
def test_nothing_of_the_risk_level_or_its_reason_is_seen_in_the_plan() -> None:
    secret = event("E1", "C1", "ml_suspicion", MONDAY, level="high", reason="terror list")
    found = Firm.of(SPECIAL, [client("C1")], secret).night(MONDAY)
    open_one = Firm.of(SPECIAL, [client("C1")], event("E1", "C1", "identity_changed", MONDAY)).night(MONDAY)
    assert "high" not in repr(found)
    assert "terror" not in repr(found)
    told = [(c.reason, c.reason_en, c.items[0].ground) for plan in (found, open_one) for c in plan.callbacks]
    assert told[0] == told[1]
    assert "ml_suspicion" not in "".join(told[0])


@pytest.mark.rule("A-75")
@pytest.mark.parametrize(
    ("data", "result"),
    [
        ({"due_on": "2026-11-30"}, date(2026, 11, 30)),
        ({"due_on": "2026-11-23"}, date(2026, 11, 23)),
        ({"due_on": "2026-11-20"}, "deadline_passed"),
        ({"due_on": "soon"}, "event_date_missing"),
        ({"due_on": 20261130}, "event_date_missing"),
        ({}, "event_date_missing"),
    ],
)
def test_the_date_of_an_instruction_stands_in_the_instruction(data: dict[str, object], result: object) -> None:
    pack = pack_of(
        "ordered: {trigger: {event: instruction, rule: A-75}, "
        "deadline: {before: event_date, words: 按指令, rule: A-75}}"
    )
    found = Firm.of(pack, [client("C1")], event("E1", "C1", "instruction", MONDAY, **data)).night(MONDAY)
    assert [item.due_on for item in items(found).values()] + [one.code for one in found.skipped] == [result]


# --- weekly lists ----------------------------------------------------------------------------------------------------

TOPS = pack_of(
    "outflow: {trigger: {period: week, rule: A-76}, top: [{most: 3, events: [transfer_out, custody_out], rule: A-76}]}"
)


def moved(number: int, amount: object, on: date, kind: str = "transfer_out") -> EventFacts:
    return event(f"T{number}", f"C{number}", kind, on, amount=amount)


@pytest.mark.rule("A-76")
@pytest.mark.rule("A-77")
@pytest.mark.rule("J-07")
def test_the_largest_amounts_of_last_week_make_this_weeks_list() -> None:
    last_week = date(2026, 11, 18)
    events = [moved(n, n * 100, last_week) for n in range(6)]
    events += [moved(7, 450, last_week), event("T8", "C7", "custody_out", last_week, amount=100)]
    events += [moved(9, 9e9, MONDAY), moved(10, 9e9, date(2026, 11, 15)), moved(11, "a lot", last_week)]
    firm = Firm.of(TOPS, [client(f"C{n}") for n in range(12)], *events)
    found = firm.night(MONDAY)
    assert sorted(called(found)) == ["C4", "C5", "C7"]
    assert {item.due_on for item in items(found).values()} == {date(2026, 11, 29)}
    assert {item.ground for item in items(found).values()} == {"A-76"}
    assert list(firm.nights(MONDAY + DAY, date(2026, 11, 29), incremental=True))[-1].callbacks == ()
    assert called(firm.night(date(2026, 11, 30), incremental=True)) == ["C9"]


@pytest.mark.rule("A-76")
@given(st.lists(st.integers(0, 6), max_size=12))
def test_nobody_with_the_amount_of_the_last_place_is_left_out(amounts: list[int]) -> None:
    events = [moved(n, amount, date(2026, 11, 18)) for n, amount in enumerate(amounts)]
    found = Firm.of(TOPS, [client(f"C{n}") for n in range(len(amounts))], *events).night(MONDAY)
    expected = {f"C{n}" for n, mine in enumerate(amounts) if mine and sum(mine < other for other in amounts) < 3}
    assert set(called(found)) == expected


@pytest.mark.rule("A-77")
def test_an_amount_that_is_delivered_late_still_comes_onto_the_list_of_its_week() -> None:
    firm = Firm.of(TOPS, [client(f"C{n}") for n in range(9)], *(moved(n, n, date(2026, 11, 18)) for n in range(1, 6)))
    assert sorted(called(firm.night(MONDAY))) == ["C3", "C4", "C5"]
    firm.import_events([moved(8, 1000, date(2026, 11, 20)), moved(7, 1, date(2026, 11, 20))])
    assert called(firm.night(MONDAY + DAY, incremental=True)) == ["C8"]


# --- life cycle ------------------------------------------------------------------------------------------------------


@pytest.mark.rule("A-100")
@pytest.mark.rule("J-06")
def test_a_closed_account_is_called_for_the_closing_only() -> None:
    keys, codes = night_of(NEW, OPENED, event("X1", "C1", "account_closed", MONDAY, "15:00"), status="closed")
    assert keys == ["closed:X1"]
    assert codes == {"undone"}


@pytest.mark.rule("A-100")
def test_other_events_of_the_same_programme_do_not_reach_a_client_who_has_left() -> None:
    events = [event("E1", "C1", "large_asset_change", MONDAY), event("E2", "C1", "account_closed", MONDAY)]
    keys, codes = night_of(SPECIAL, *events, status="closed")
    assert keys == ["matter:E2"]
    assert codes == {"closed"}


LOST = pack_of(
    "silent: {trigger: {inactive: {amount: 6, unit: month, rule: A-101}, rule: A-101}, "
    "deadline: {amount: 15, unit: day, day_type: every_day, rule: A-101}}",
    "lost: {trigger: {inactive: {amount: 6, unit: month, rule: A-102}, rule: A-102}, executor: hq_call_centre, "
    "deadline: {amount: 7, unit: working_day, rule: A-102}}",
)


@pytest.mark.rule("A-101")
@pytest.mark.rule("A-102")
def test_six_months_after_the_last_trade_the_client_is_called_and_only_once_a_silence() -> None:
    firm = Firm.of(LOST, [client("C1", last_trade_on=date(2026, 5, 23))])
    assert firm.night(date(2026, 11, 22)).callbacks == ()
    found = firm.night(MONDAY, incremental=True)
    assert {item.programme: item.due_on for item in items(found).values()} == {
        "silent": date(2026, 12, 8),
        "lost": date(2026, 12, 2),
    }
    assert firm.night(MONDAY + DAY).callbacks == ()


@pytest.mark.rule("A-101")
def test_a_client_who_never_traded_is_silent_since_his_opening() -> None:
    firm = Firm.of(LOST, [client("C1", opened_on=date(2026, 5, 20))])
    assert sorted(items(firm.night(MONDAY))) == ["lost:C1:2026-05-20", "silent:C1:2026-05-20"]


@pytest.mark.rule("A-102")
def test_a_silent_client_who_trades_again_is_not_called_any_more() -> None:
    firm = Firm.of(LOST, [client("C1", last_trade_on=date(2026, 5, 23))])
    firm.night(MONDAY)
    firm.change("C1", last_trade_on=MONDAY)
    found = firm.night(MONDAY + DAY, incremental=True)
    assert {one.reason for one in found.cancelled} == {"traded"}
    assert {past.state for past in firm.past.values()} == {ItemState.CANCELLED}
    assert len(firm.night(date(2027, 5, 24)).callbacks) == 2


@given(st.dates(date(2025, 1, 1), date(2026, 11, 23)), st.integers(1, 40))
def test_a_night_that_was_missed_loses_no_silence(last_trade: date, missed: int) -> None:
    firms = [Firm.of(LOST, [client("C1", last_trade_on=last_trade)], last_night=MONDAY - missed * DAY) for _ in "ab"]
    firms[1].night(MONDAY - missed * DAY)
    full = firms[0].night(MONDAY)
    made_up = firms[1].night(MONDAY, incremental=True)
    assert set(items(full)) - firms[1].past.keys() == set()
    assert items(made_up).keys() <= items(full).keys()


# --- messages instead of calls ---------------------------------------------------------------------------------------

GREETINGS = pack_of(
    "festival: {trigger: {festival: [spring_festival, labour_day, mid_autumn, national_day], rule: A-105}, "
    "channels: [sms, letter], scope: status == 'active'}",
    "birthday: {trigger: {event: birthday, rule: A-105}, channels: [sms], "
    "deadline: {before: event_date, words: 当天或之前, rule: A-105}, "
    "notice: {contents: [birthday_greeting], channels: [sms], rule: [A-105, B-13]}}",
    more="refusal: {contents: [investment_risk, trading_risk], channels: [sms], rule: [B-23, D-10]}",
)


@pytest.mark.rule("A-105")
@pytest.mark.rule("B-13")
@pytest.mark.parametrize(
    ("festival", "days"),
    [
        (date(2026, 10, 1), [date(2026, 9, 30), date(2026, 10, 1)]),
        (date(2026, 9, 25), [date(2026, 9, 24), date(2026, 9, 25)]),
        (date(2026, 2, 17), [date(2026, 2, day) for day in (14, 15, 16, 17)]),
    ],
)
def test_a_festival_is_a_message_on_the_last_working_day_before_it_or_until_the_day(
    festival: date, days: list[date]
) -> None:
    firm = Firm.of(GREETINGS, [client("C1"), client("C2", status="dormant"), client("C3", phones=())])
    sent = {}
    for found in firm.nights(festival - 4 * DAY, festival + 3 * DAY, incremental=True):
        assert found.callbacks == ()
        for notice in found.notices:
            assert notice.due_at == at(festival + DAY, "00:00")
            sent.setdefault((notice.client_id, notice.key), []).append(found.day)
    assert {who for who, _ in sent} == {"C1", "C3"}
    assert set(map(tuple, sent.values())) == {tuple(days)}


@pytest.mark.rule("A-105")
@pytest.mark.rule("B-13")
def test_a_birthday_is_a_message_with_the_contents_of_the_pack() -> None:
    found = Firm.of(GREETINGS, [client("C1")], event("E1", "C1", "birthday", MONDAY, due_on="2026-11-25")).night(MONDAY)
    (notice,) = found.notices
    assert (notice.contents, notice.channels, notice.rule) == (("birthday_greeting",), ("sms",), "A-105, B-13")
    assert notice.due_at == at(date(2026, 11, 26), "00:00")
    assert found.callbacks == ()


def test_a_message_that_comes_too_late_is_a_reason_but_nobody_is_alarmed() -> None:
    late = event("E1", "C1", "birthday", MONDAY, due_on="2026-11-22")
    found = Firm.of(GREETINGS, [client("C1")], late).night(MONDAY)
    assert found.notices == ()
    assert left_out(found) == {("C1", "message_late")}
    assert "message_late" not in MISSED


@pytest.mark.rule("A-36")
def test_a_message_goes_out_beside_the_call_where_the_pack_says_so() -> None:
    pack = pack_of(
        f"margin: {{trigger: {{event: credit_account_opened, rule: A-35}}, {DUE}, "
        "notice: {contents: [risk_reminder], channels: [sms, email], rule: A-36}}"
    )
    found = Firm.of(pack, [client("C1")], event("E1", "C1", "credit_account_opened", MONDAY)).night(MONDAY)
    assert called(found) == ["C1"]
    assert [(notice.contents, notice.channels, notice.rule) for notice in found.notices] == [
        (("risk_reminder",), ("sms", "email"), "A-36")
    ]


@pytest.mark.rule("B-23")
@pytest.mark.rule("D-10")
def test_a_client_who_wants_no_calls_gets_the_message_of_the_pack() -> None:
    pack = pack_of(
        f"new: {{trigger: {{event: account_opened, rule: A-33}}, {DUE}}}",
        more="refusal: {contents: [investment_risk, trading_risk], channels: [sms], rule: [B-23, D-10]}",
    )
    found = Firm.of(pack, [client("C1", phone_opt_out=True)], OPENED).night(MONDAY)
    assert left_out(found) == {("C1", "opted_out")}
    assert [(notice.contents, notice.rule) for notice in found.notices] == [
        (("investment_risk", "trading_risk"), "B-23, D-10")
    ]


# --- what an event undoes --------------------------------------------------------------------------------------------


@pytest.mark.rule("D-28")
@pytest.mark.rule("J-06")
@pytest.mark.rule("J-13")
@pytest.mark.parametrize("undoing", ["account_closed", "account_review_failed"])
def test_an_event_that_undoes_the_reason_cancels_what_is_planned_and_what_is_not(undoing: str) -> None:
    firm = Firm.of(NEW, [client("C1"), client("C2")], OPENED)
    waiting = firm.night(MONDAY).callbacks[0].items[0].trigger_key
    firm.import_events([event(f"X{n}", f"C{n}", undoing, MONDAY + DAY) for n in (1, 2)])
    firm.import_events([event("E2", "C2", "account_opened", MONDAY)])
    found = firm.night(MONDAY + DAY, incremental=True)
    assert [(gone.trigger_key, gone.callback_id, gone.reason) for gone in found.cancelled] == [
        (waiting, f"{MONDAY}/0", undoing)
    ]
    assert ("C2", "undone") in left_out(found)
    assert [key for key in items(found) if key.startswith("new")] == []


@pytest.mark.rule("J-06")
def test_a_closed_account_cancels_every_open_item_but_the_call_about_the_closing() -> None:
    pack = pack_of(f"matter: {{trigger: {{event: a, rule: firm}}, {DUE}}}", "closed: " + CLOSED)
    firm = Firm.of(pack, [client("C1")], event("E1", "C1", "a", MONDAY), event("E2", "C1", "account_closed", MONDAY))
    assert sorted(items(firm.night(MONDAY))) == ["closed:E2", "matter:E1"]
    firm.change("C1", status="closed")
    found = firm.night(MONDAY + DAY, incremental=True)
    assert [(gone.trigger_key, gone.reason) for gone in found.cancelled] == [("matter:E1", "account_closed")]


CLOSED = (
    "{trigger: {event: account_closed, rule: A-100}, "
    "deadline: {amount: 2, unit: day, day_type: every_day, rule: A-100}}"
)


@pytest.mark.rule("J-13")
def test_an_earlier_failure_does_not_undo_a_later_opening() -> None:
    failed = event("X1", "C1", "account_review_failed", date(2026, 11, 20))
    again = event("X2", "C1", "account_review_failed", MONDAY + DAY)
    assert night_of(NEW, failed, OPENED, again) == (["new:E1"], set())


def test_what_is_done_is_not_cancelled_any_more() -> None:
    firm = Firm.of(NEW, [client("C1")], OPENED)
    firm.night(MONDAY)
    firm.close("new:E1", on=MONDAY)
    firm.import_events([event("X1", "C1", "account_review_failed", MONDAY + DAY)])
    assert firm.night(MONDAY + DAY).cancelled == ()


@pytest.mark.rule("J-06")
def test_an_undoing_that_arrives_late_cancels_by_its_own_time() -> None:
    grouped = event("E1", "C1", "account_opened", date(2026, 11, 19), group="g")
    firm = Firm.of(NEW, [client("C1")], grouped)
    firm.night(MONDAY)
    firm.import_events([event("X1", "C1", "account_review_failed", date(2026, 11, 20))])
    assert [gone.trigger_key for gone in firm.night(MONDAY + DAY, incremental=True).cancelled] == ["new:C1:g"]


# --- feeds of adjacent systems ---------------------------------------------------------------------------------------


@pytest.mark.rule("J-01")
@pytest.mark.rule("J-02")
@pytest.mark.parametrize("clock", ["custody_predesignated", "custody_confirmed"])
def test_the_pack_picks_the_event_that_starts_the_clock(clock: str) -> None:
    pack = pack_of(f"new: {{trigger: {{event: {clock}, rule: [J-01, J-02]}}, {DUE}}}")
    events = [
        event("P1", "C1", "custody_predesignated", date(2026, 11, 18)),
        event("Q1", "C1", "custody_confirmed", date(2026, 11, 20)),
    ]
    found = Firm.of(pack, [client("C1")], *events).night(date(2026, 11, 20))
    due = {"custody_predesignated": date(2026, 11, 23), "custody_confirmed": date(2026, 11, 25)}
    assert [item.due_on for item in items(found).values()] == [due[clock]]


@pytest.mark.rule("J-03")
@pytest.mark.rule("J-05")
def test_a_changed_bank_account_or_custody_bank_is_confirmed(example: Pack) -> None:
    events = [
        event("E1", "C1", "bank_account_changed", MONDAY, initiator="bank"),
        event("E2", "C1", "custody_bank_changed", MONDAY),
    ]
    found = Firm.of(example, [client("C1", opened_on=MONDAY)], *events).night(MONDAY)
    (callback,) = found.callbacks
    assert [item.trigger_key for item in callback.items] == ["custody_change:E1", "custody_change:E2"]


@pytest.mark.rule("J-09")
@given(st.permutations(range(4)), st.integers(0, 3))
def test_the_events_of_one_decision_are_one_item_in_whatever_order_they_come(order: list[int], first: int) -> None:
    """One confirmation for each currency; some come a night later."""
    all_of_them = [
        event(f"E{n}", "C1", "custody_confirmed", date(2026, 11, 20), f"10:0{n}", group="opening", currency=n)
        for n in range(4)
    ]
    pack = pack_of(f"new: {{trigger: {{event: custody_confirmed, rule: [J-02, J-09]}}, {DUE}}}")
    firm = Firm.of(pack, [client("C1")])
    firm.import_events(all_of_them[n] for n in order[: first + 1])
    assert list(items(firm.night(date(2026, 11, 20)))) == ["new:C1:opening"]
    firm.import_events(all_of_them[n] for n in order)
    again = firm.night(MONDAY, incremental=True)
    assert again.callbacks == ()
    assert {one.code for one in again.skipped} == {"collapsed"}
    assert len(again.skipped) == 3


@pytest.mark.rule("J-09")
@pytest.mark.parametrize(
    ("collapse", "keys"),
    [
        ("group", ["new:C1:g", "new:E3"]),
        ("day", ["new:C1:2026-11-23", "new:C1:g"]),
        ("none", ["new:E1", "new:E2", "new:E3"]),
    ],
)
def test_the_pack_says_which_events_are_one_matter(collapse: str, keys: list[str]) -> None:
    pack = pack_of(f"new: {{trigger: {{event: a, collapse: {collapse}, rule: J-09}}, {DUE}}}")
    events = [event(f"E{n}", "C1", "a", MONDAY, f"10:0{n}", **({"group": "g"} if n < 3 else {})) for n in (1, 2, 3)]
    assert night_of(pack, *events)[0] == keys


@pytest.mark.rule("J-09")
def test_of_a_matter_the_first_event_that_concerns_the_programme_starts_it() -> None:
    """The futures account of the same opening is called about by somebody else (A-85)."""
    events = [
        event("E1", "C1", "account_opened", MONDAY, "09:00", group="g", account="futures"),
        event("E2", "C1", "account_opened", MONDAY, "10:00", group="g", account="fund"),
    ]
    found = Firm.of(NEW, [client("C1")], *events).night(MONDAY)
    assert [item.trigger for item in items(found).values()] == ["account_opened:E2"]
    assert night_of(NEW, events[0]) == ([], {"exempt"})


@pytest.mark.rule("J-11")
@pytest.mark.rule("A-85")
def test_whether_an_extra_account_is_a_new_account_is_the_packs_decision() -> None:
    extra = event("E2", "C1", "account_opened", MONDAY, "11:00", account="futures")
    assert night_of(NEW, OPENED, extra) == (["new:E1"], {"exempt"})


# --- bad deliveries --------------------------------------------------------------------------------------------------


@pytest.mark.rule("J-09")
def test_a_file_delivered_twice_under_other_ids_is_one_item() -> None:
    twin = event("A0", "C1", "account_opened", MONDAY)
    assert night_of(NEW, OPENED, twin) == (["new:A0"], {"collapsed"})
    firm = Firm.of(NEW, [client("C1")], OPENED)
    firm.night(MONDAY)
    firm.import_events([twin])
    again = firm.night(MONDAY + DAY)
    assert again.callbacks == ()
    assert [(one.trigger_key, one.code) for one in again.skipped] == [("new:A0", "collapsed")]


def test_an_event_delivered_again_under_its_id_changes_nothing_that_is_planned() -> None:
    firm = Firm.of(NEW, [client("C1")], OPENED)
    firm.night(MONDAY)
    firm.import_events([event("E1", "C1", "account_opened", date(2026, 11, 20))])
    assert firm.night(MONDAY + DAY, incremental=True).callbacks == ()


def test_an_event_from_before_the_client_existed_is_a_reason() -> None:
    assert night_of(NEW, event("E1", "C1", "account_opened", date(2024, 4, 30))) == ([], {"before_client"})
    assert night_of(NEW, event("E1", "C1", "account_opened", date(2024, 5, 1)))[1] == {"deadline_passed"}


def test_when_the_clients_opening_day_is_corrected_the_event_counts() -> None:
    firm = Firm.of(NEW, [client("C1", opened_on=MONDAY + DAY)], OPENED)
    assert left_out(firm.night(MONDAY)) == {("C1", "before_client")}
    firm.change("C1", opened_on=MONDAY)
    assert called(firm.night(MONDAY + DAY, incremental=True)) == ["C1"]


def test_an_event_of_an_unknown_client_waits_until_he_is_imported() -> None:
    firm = Firm(NEW)
    firm.import_events([OPENED])
    assert left_out(firm.night(MONDAY)) == {("C1", "unknown_client")}
    firm.import_clients([client("C1")])
    assert called(firm.night(MONDAY + DAY, incremental=True)) == ["C1"]


def test_an_event_that_arrives_late_runs_from_its_own_time_or_is_a_missed_deadline() -> None:
    late = event("E1", "C1", "account_opened", date(2026, 11, 18))
    found = Firm.of(NEW, [client("C1")], late).night(MONDAY)
    assert [item.due_on for item in items(found).values()] == [MONDAY]
    (missed,) = Firm.of(NEW, [client("C1")], late).night(MONDAY + DAY).skipped
    assert (missed.code, missed.due_on, missed.branch) == ("deadline_passed", MONDAY, "北京")


def test_an_event_that_is_delivered_ahead_of_its_day_waits_for_it() -> None:
    firm = Firm.of(NEW, [client("C1")], event("E1", "C1", "account_opened", MONDAY + 2 * DAY))
    plans = list(firm.nights(MONDAY, MONDAY + 3 * DAY, incremental=True))
    assert [called(found) for found in plans] == [[], [], ["C1"], []]


@given(st.permutations(["account_opened", "account_review_failed", "account_closed"]))
def test_the_order_of_delivery_does_not_matter(kinds: list[str]) -> None:
    order = ["account_opened", "account_review_failed", "account_closed"]
    deliver = [event(f"E{order.index(kind)}", "C1", kind, MONDAY, f"1{order.index(kind)}:00") for kind in kinds]
    assert night_of(NEW, *deliver) == (["closed:E2"], {"undone"})


def test_the_example_pack_knows_what_to_do_with_every_bad_client() -> None:
    """Without phone, with three phones, from abroad, with an unreadable wish, dormant, closed: nobody is lost."""
    clients = {
        "none": client("none", phones=(), opened_on=MONDAY),
        "three": client("three", phones=("1", "13900000001", "13900000002"), opened_on=MONDAY),
        "abroad": client("abroad", phones=("+1 212 555 0123",), opened_on=MONDAY),
        "wish": client("wish", prefers={"windows": "late"}, opened_on=MONDAY),
        "dormant": client("dormant", status="dormant", opened_on=MONDAY),
        "closed": client("closed", status="closed", opened_on=MONDAY),
    }
    events = [event(f"E-{name}", name, "account_opened", MONDAY) for name in clients]
    found = Firm.of(load_pack("demo_firm"), clients.values(), *events).night(MONDAY)
    assert set(called(found)) == {"three", "abroad", "dormant"}
    assert left_out(found) == {("none", "no_phone"), ("wish", "preference_unreadable"), ("closed", "closed")}
