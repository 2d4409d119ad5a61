"""The planner: who, why, by when; nobody twice, nobody left out in silence."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.calendars import DAY, FirmCalendars, Notice
from core.clock import CHINA, china
from dialer.planning.plan import MISSED, REASONS
from dialer.planning.shapes import plan_json
from dialer.programmes.errors import OpenValue
from dialer.programmes.facts import ItemState
from dialer.programmes.load import load_pack
from dialer.programmes.model import Pack
from dialer.programmes.windows import open_at, times_of
from tests.unit.planning.firm import CALENDARS, MONDAY, Firm, at, called, client, event, items, left_out, pack_of

pytestmark = pytest.mark.unit

NEW = client("N1", opened_on=date(2026, 11, 16))
OPENED = event("E1", "N1", "account_opened", date(2026, 11, 16))
IN_HOURS = pack_of("deal: {trigger: {event: trade, rule: A-104}, deadline: {amount: 24, unit: hour, rule: A-104}}")
NEXT_DAY = pack_of(
    "next_day: {trigger: {event: account_opened, rule: A-30}, scope: event.bulk == 'no', "
    "deadline: {amount: 1, unit: day, day_type: working_day, rule: A-30}}",
    "bulk: {trigger: {event: account_opened, rule: A-30}, scope: event.bulk == 'yes', spread: yes, "
    "deadline: {amount: 3, unit: day, day_type: working_day, rule: A-30}}",
    "approved: {trigger: {event: account_review_passed, rule: A-28}, "
    "deadline: {amount: 1, unit: working_day, rule: A-28}}",
)
WORKING_DAYS = pack_of(
    "new: {trigger: {event: account_opened, rule: A-24}, deadline: {amount: 5, unit: working_day, rule: A-24}}"
)


@pytest.mark.rule("A-20")
def test_a_new_account_is_called_within_one_month_by_the_call_centre(example: Pack) -> None:
    rules = example.programmes["new_account"].rules
    found = Firm.of(example, [NEW], OPENED).night(MONDAY)
    assert plan_json(found) == {
        "callbacks": [
            {
                "client_id": "N1",
                "items": [
                    {
                        "pack": "demo_firm",
                        "programme": "new_account",
                        "rule_ids": list(rules),
                        "trigger": "account_opened:E1",
                        "due_on": "2026-12-16",
                        "deadline_unit": "month",
                        "flow": "new_account",
                        "ground": "",
                    }
                ],
                "not_before": "2026-11-23",
                "due_on": "2026-12-16",
                "windows": [["2026-11-23T09:00", "2026-11-23T12:00"], ["2026-11-23T13:00", "2026-11-23T18:00"]],
                "executor": "hq_call_centre",
                "automatic": True,
                "priority": 20261216,
                "provisional": False,
                "reason": f"新开户客户回访（{'、'.join(rules)}），须于 2026-12-16 前完成",
                "reason_en": f"New account ({', '.join(rules)}), due on 2026-12-16",
                "joins": None,
            }
        ],
        "skipped": [],
        "notices": [],
        "cancelled": [],
        "refused": [],
    }
    assert found.callbacks[0].next_attempt_at == datetime(2026, 11, 23, 9, tzinfo=CHINA)
    assert found.callbacks[0].due_at == datetime(2026, 12, 17, tzinfo=CHINA)


@pytest.mark.rule("A-20")
@given(st.lists(st.integers(0, 60), min_size=1, max_size=30))
def test_every_new_account_is_planned_or_skipped_with_a_reason(ages: list[int]) -> None:
    clients = [client(f"N{number}", opened_on=date(2026, 9, 1)) for number in range(len(ages))]
    events = [event(f"E{n}", f"N{n}", "account_opened", MONDAY - timedelta(days=age)) for n, age in enumerate(ages)]
    found = Firm.of(load_pack("demo_firm"), clients, *events).night(MONDAY)
    late = {one.client_id for one in found.skipped if one.code == "deadline_passed"}
    assert set(called(found)) | late == {client.client_id for client in clients}
    assert not set(called(found)) & late


@pytest.mark.rule("A-13")
def test_the_plan_says_how_many_whom_why_how_and_when(example: Pack) -> None:
    """Number of calls, content (the script), method, purpose (the rules), time."""
    found = Firm.of(example, [NEW], OPENED).night(MONDAY)
    (callback,) = found.callbacks
    assert (found.day, found.pack, callback.client_id) == (MONDAY, "demo_firm", "N1")
    assert (callback.flow, callback.executor, callback.items[0].rule_ids[0]) == (
        "new_account",
        "hq_call_centre",
        "A-20",
    )
    assert callback.not_before <= callback.next_attempt_at.date() <= callback.due_on


@pytest.mark.rule("A-14")
def test_the_list_follows_the_client_file_as_it_is_that_night(example: Pack) -> None:
    firm = Firm.of(example, [replace(NEW, phones=())], OPENED)
    assert left_out(firm.night(MONDAY)) == {("N1", "no_phone")}
    firm.change("N1", phones=("13900000002",))
    assert called(firm.night(MONDAY + DAY, incremental=True)) == ["N1"]


@pytest.mark.rule("A-28")
@pytest.mark.parametrize(("day", "due"), [(date(2026, 11, 20), MONDAY), (MONDAY, date(2026, 11, 24))])
def test_one_working_day_after_the_approval(day: date, due: date) -> None:
    found = Firm.of(NEXT_DAY, [NEW], event("E1", "N1", "account_review_passed", day)).night(day)
    assert [item.due_on for item in items(found).values()] == [due]


@pytest.mark.rule("A-104")
@pytest.mark.parametrize(
    ("clock", "planned"), [("09:00", False), ("09:01", True), ("17:00", True), ("00:30", False), ("08:59", False)]
)
def test_hours_run_from_the_instant_and_a_window_that_opens_later_is_too_late(clock: str, planned: bool) -> None:
    """The night for Tuesday: its first window opens at 09:00, 24 hours after 09:00 on Monday."""
    found = Firm.of(IN_HOURS, [client("N1")], event("E1", "N1", "trade", MONDAY, clock)).night(MONDAY + DAY)
    if planned:
        (callback,) = found.callbacks
        assert callback.due_at == at(MONDAY + DAY, clock) > callback.next_attempt_at
        assert callback.priority == 20261124
    else:
        assert left_out(found) == {("N1", "no_window")}


@pytest.mark.rule("A-104")
def test_the_last_calling_day_of_a_deadline_in_hours_is_one_whose_window_opens_in_time() -> None:
    early = event("E1", "N1", "trade", MONDAY, "08:30")
    (callback,) = Firm.of(IN_HOURS, [client("N1")], early).night(MONDAY).callbacks
    assert (callback.due_on, callback.priority) == (MONDAY + DAY, 20261123)


@pytest.mark.rule("A-30")
def test_bulk_openings_are_spread_over_the_days_and_a_single_one_is_called_at_once() -> None:
    clients = [client(f"N{number:03}", opened_on=MONDAY) for number in range(300)]
    events = [event(f"E{n}", f"N{n:03}", "account_opened", MONDAY, bulk="yes") for n in range(300)]
    firm = Firm.of(NEXT_DAY, [*clients, NEW], *events, event("F1", "N1", "account_opened", MONDAY, bulk="no"))
    found = firm.night(MONDAY)
    days = [call.next_attempt_at.date() for call in found.callbacks if call.client_id != "N1"]
    assert {item.due_on for item in items(found).values() if item.programme == "bulk"} == {date(2026, 11, 26)}
    assert set(days) == {MONDAY + number * DAY for number in range(4)}
    assert all(50 < days.count(day) < 100 for day in set(days))
    (single,) = (call for call in found.callbacks if call.client_id == "N1")
    assert (single.next_attempt_at.date(), single.due_on) == (MONDAY, MONDAY + DAY)
    assert firm.look(MONDAY + DAY).callbacks == ()


@pytest.mark.rule("B-23")
@pytest.mark.rule("B-07")
@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"status": "closed"}, "closed"),
        ({"phone_opt_out": True}, "opted_out"),
        ({"phones": ()}, "no_phone"),
        ({"phones": ("123",)}, "no_phone"),
        ({"phones": ("+1 555 0100",)}, "no_phone"),
        ({"prefers": {"windows": ["19:00-20:00"]}}, "no_window"),
        ({"prefers": {"windows": ["late"]}}, "preference_unreadable"),
    ],
)
def test_a_client_who_cannot_be_called_is_skipped_with_the_reason(
    example: Pack, changes: dict[str, object], code: str
) -> None:
    found = Firm.of(example, [replace(NEW, **changes)], OPENED).night(MONDAY)
    assert found.callbacks == ()
    assert left_out(found) == {("N1", code)}
    assert all(one.reason and one.reason_en for one in found.skipped)


@pytest.mark.parametrize(
    "phones",
    [
        ("010", "13900000001", "02150000000"),
        ("+852 2123 4567",),
        ("+44 20 7946 0958",),
        ("13900000001", "13900000002", "13900000003"),
    ],
)
def test_three_phones_and_foreign_numbers_make_one_callback(example: Pack, phones: tuple[str, ...]) -> None:
    assert called(Firm.of(example, [replace(NEW, phones=phones)], OPENED).night(MONDAY)) == ["N1"]


@pytest.mark.rule("M-01")
def test_a_pack_with_open_values_plans_nothing() -> None:
    with pytest.raises(OpenValue):
        Firm.of(load_pack("GAL"), [NEW], OPENED).night(MONDAY)


def test_a_programme_with_open_values_is_refused_and_named_while_the_others_run() -> None:
    pack = pack_of(
        "new: {trigger: {event: account_opened, rule: A-33}, deadline: {words: 第一时间, amount: open, unit: open}}",
        "other: {trigger: {event: account_opened, rule: A-20}, deadline: {amount: 1, unit: month, rule: A-20}}",
    )
    found = Firm.of(pack, [NEW], OPENED).night(MONDAY)
    assert list(items(found)) == ["other:E1"]
    assert [one.programme for one in found.refused] == ["new"]
    assert all(name.startswith("programmes.new.deadline") for name in found.refused[0].open_values)


@pytest.mark.rule("A-17")
def test_the_pack_concerns_its_universe_only() -> None:
    pack = pack_of(
        "new: {trigger: {event: account_opened, rule: A-27}, deadline: {amount: 3, unit: working_day, rule: A-27}}",
        "all: {trigger: {period: year, rule: A-17}}",
        more="universe: {when: developed_by == 'marketing', text: clients of marketing staff, rule: A-17}",
    )
    clients = [client("N1", developed_by="marketing"), client("N2")]
    events = [event(f"E{n}", f"N{n}", "account_opened", MONDAY) for n in (1, 2)]
    firm = Firm.of(pack, clients, *events)
    assert set(called(firm.night(date(2026, 12, 31)))) | set(called(firm.night(MONDAY))) == {"N1"}


def test_the_most_urgent_come_first(example: Pack) -> None:
    events = [OPENED, event("E2", "N2", "account_opened", date(2026, 11, 1))]
    clients = [NEW, client("N2", opened_on=date(2026, 11, 1))]
    assert called(Firm.of(example, clients, *events).night(MONDAY)) == ["N2", "N1"]


def test_what_was_planned_is_not_planned_again_whatever_became_of_it(example: Pack) -> None:
    firm = Firm.of(example, [NEW], OPENED)
    assert called(firm.night(MONDAY)) == ["N1"]
    for state in ItemState:
        firm.close("new_account:E1", state, on=MONDAY)
        assert firm.night(MONDAY + DAY).callbacks == ()


WISHES = st.sampled_from(
    [
        {},
        {"windows": ["10:00-11:30"]},
        {"windows": ["08:00-09:30"]},
        {"days": ["friday"]},
        {"days": ["sunday"]},
        {"windows": ["20:00-21:00"]},
    ]
)
UNITS = ["1, unit: hour", "30, unit: hour", "2, unit: day, day_type: every_day", "3, unit: working_day"]
DEADLINES = [
    pack_of(f"any: {{trigger: {{event: any, rule: B-08}}, deadline: {{amount: {unit}, rule: B-08}}, spread: {spread}}}")
    for unit in [*UNITS, "2, unit: trading_day", "1, unit: week", "1, unit: month"]
    for spread in ("yes", "no")
]


@pytest.mark.rule("B-07")
@given(
    st.sampled_from(DEADLINES),
    st.dates(date(2026, 1, 5), date(2026, 12, 31)),
    st.integers(0, 8),
    st.times(),
    WISHES,
)
def test_every_first_attempt_lies_in_the_windows_and_before_the_deadline(
    pack: Pack, day: date, later: int, clock: object, wish: dict[str, object]
) -> None:
    one = client("N1", prefers=wish)
    night = day + later * DAY
    found = Firm.of(pack, [one], event("E1", "N1", "any", day, f"{clock:%H:%M}")).night(night)
    for callback in found.callbacks:
        times = times_of(pack.runnable().windows, one, night)
        first = callback.next_attempt_at
        assert night <= china(first).date() <= callback.due_on
        assert first < callback.due_at
        assert callback.due_at <= at(callback.due_on + DAY, "00:00")
        assert any(start <= first < end for start, end in callback.windows)
        assert callback.provisional or open_at(times, first, CALENDARS)
        assert int(f"{china(first):%Y%m%d}") <= callback.priority <= int(f"{callback.due_on:%Y%m%d}")
    for left in found.skipped:
        assert left.code in MISSED
        assert left.due_on is not None
        assert left.branch == "北京"
    assert len(found.callbacks) + len(found.skipped) == 1


def test_a_deadline_that_no_window_meets_is_a_reason_with_its_date_and_branch() -> None:
    """National Day: nobody can be called from the first to the seventh of October."""
    pack = pack_of(
        "closed: {trigger: {event: any, rule: A-100}, "
        "deadline: {amount: 2, unit: day, day_type: every_day, rule: A-100}}"
    )
    found = Firm.of(pack, [client("N1")], event("E1", "N1", "any", date(2026, 10, 1))).night(date(2026, 10, 2))
    (left,) = found.skipped
    assert (left.code, left.due_on, left.branch) == ("no_window", date(2026, 10, 3), "北京")
    assert left.code in MISSED


# --- dates beyond the calendars --------------------------------------------------------------------------------------

NEW_YEAR_2027 = Notice(
    2027,
    holidays=frozenset(date(2027, 1, day) for day in (1, 2, 3, 4)),
    exchanges={"XSHG": frozenset(date(2027, 1, day) for day in (1, 4))},
)


@pytest.mark.rule("B-08")
def test_a_deadline_beyond_the_calendars_is_marked_and_counted_anew_when_the_data_come() -> None:
    day = date(2026, 12, 30)
    firm = Firm.of(WORKING_DAYS, [client("N1")], event("E1", "N1", "account_opened", day))
    (callback,) = firm.night(day).callbacks
    guessed = callback.items[0]
    assert (guessed.due_on, guessed.provisional) == (date(2027, 1, 6), True)
    assert "（暂定）" in callback.reason
    assert "(provisional)" in callback.reason_en
    assert not callback.provisional  # the call itself can be made on a day that is known
    assert callback.next_attempt_at == at(day, "09:00")
    assert firm.night(day + DAY).callbacks == ()
    firm.calendars = FirmCalendars([NEW_YEAR_2027])
    (again,) = firm.night(day + DAY).callbacks
    assert again.items[0].trigger_key == guessed.trigger_key
    assert (again.items[0].due_on, again.items[0].provisional) == (date(2027, 1, 8), False)
    assert again.joins == firm.past["new:E1"].callback_id
    assert firm.night(day + DAY).callbacks == ()


@pytest.mark.rule("B-08")
def test_a_call_on_a_day_beyond_the_calendars_is_provisional() -> None:
    day = date(2027, 1, 5)
    firm = Firm.of(WORKING_DAYS, [client("N1")], event("E1", "N1", "account_opened", day))
    (callback,) = firm.night(day).callbacks
    assert callback.provisional
    assert callback.items[0].provisional
    firm.calendars = FirmCalendars([NEW_YEAR_2027])
    (again,) = firm.night(day).callbacks
    assert not again.provisional
    assert not again.items[0].provisional


def test_an_item_that_was_called_is_settled_whatever_its_date_was(example: Pack) -> None:
    day = date(2026, 12, 30)
    firm = Firm.of(WORKING_DAYS, [client("N1")], event("E1", "N1", "account_opened", day))
    firm.night(day)
    firm.close("new:E1", on=day)
    firm.calendars = FirmCalendars([NEW_YEAR_2027])
    assert firm.night(day + DAY).callbacks == ()


def test_a_branch_that_is_closed_has_no_windows_and_its_working_days_end_later() -> None:
    calendars = FirmCalendars([Notice(2026, branches={"北京": frozenset({MONDAY, MONDAY + DAY})})])
    firm = Firm.of(WORKING_DAYS, [NEW], event("E1", "N1", "account_opened", date(2026, 11, 22)), calendars=calendars)
    (callback,) = firm.night(MONDAY).callbacks
    assert callback.next_attempt_at == at(date(2026, 11, 25), "09:00")
    assert callback.due_on == date(2026, 12, 1)


def test_every_reason_is_told_in_both_languages() -> None:
    assert all(chinese and english for chinese, english in REASONS.values())
