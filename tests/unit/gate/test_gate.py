"""The gate: every reason told, fail-closed, never open outside a window."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.calendars import ChinaCalendars
from core.clock import CHINA
from core.errors import CalendarUnknown
from dialer.gate import CallbackFacts, GateInput, cap_free_on, judge
from dialer.programmes.model import Cap, CapPer, DayKind, Due, Hours, Segment, Trigger, Windows
from dialer.programmes.scope import parse_scope
from tests.unit.gate.firm import (
    AGENT,
    ALLOWED,
    CALLBACK,
    CLIENT,
    MONDAY,
    PACK,
    READY,
    at,
    attempt,
    by,
    codes,
    contact,
    owed,
    pack,
    programme,
    spans,
)

pytestmark = pytest.mark.unit


def test_it_lets_a_call_through_when_nothing_speaks_against_it() -> None:
    assert judge(ALLOWED).allowed
    assert judge(ALLOWED).as_json() == {"allowed": True, "at": "2026-11-23T09:31:00+08:00", "reasons": []}


class NoCalendars(ChinaCalendars):
    """Knows no day at all."""

    def is_working_day(self, day: date) -> bool:
        raise CalendarUnknown(f"no notice for {day.year}")


class BranchAway(ChinaCalendars):
    """The branch in Shanghai is closed all year."""

    def is_branch_holiday(self, branch: str, day: date) -> bool:
        return branch == "上海"


def programmes_of(**more: object) -> GateInput:
    """ALLOWED with the programme ``regular`` changed."""
    return replace(ALLOWED, pack=pack(programmes={"regular": programme("regular", **more)}))


RESTRICTIONS: Mapping[str, GateInput] = {
    "client_closed": replace(ALLOWED, client=replace(CLIENT, status="closed")),
    "opted_out": replace(ALLOWED, client=replace(CLIENT, phone_opt_out=True)),
    "no_phone": replace(ALLOWED, phone=None),
    "client_in_a_call": replace(ALLOWED, in_a_call=True),
    "nothing_owed": replace(ALLOWED, callback=None),
    "expired": owed(due_on=date(2026, 11, 22)),
    "too_early": owed(not_before=at("2026-11-23T10:00")),
    "provisional": owed(provisional=True),
    "flow_not_approved": owed(flow_approved=False),
    "no_agent_at_hand": replace(owed(needs_agent=True), node=replace(READY, agents_free=0)),
    "recorder_not_ready": replace(ALLOWED, node=replace(READY, recorder_ready=False)),
    "line_not_ready": replace(ALLOWED, node=replace(READY, line_ready=False)),
    "draining": replace(ALLOWED, node=replace(READY, draining=True)),
    "pack_unreadable": replace(ALLOWED, pack=None),
    "open_values": replace(ALLOWED, pack=pack(open_values=("caps",))),
    "programme_gone": replace(ALLOWED, pack=pack(programmes={})),
    "programme_open": programmes_of(open_values=("programmes.regular.passes",)),
    "not_by_voice": programmes_of(channels=("sms",)),
    "not_by_machine": owed(mode="manual"),
    "not_a_calling_day": replace(ALLOWED, now=at("2026-11-29T09:31")),
    "outside_window": replace(ALLOWED, now=at("2026-11-23T12:30")),
    "against_wish": replace(ALLOWED, client=replace(CLIENT, prefers={"windows": ["14:00-17:00"]})),
    "preference_unreadable": replace(ALLOWED, client=replace(CLIENT, prefers={"windows": ["late"]})),
    "calendar_unknown": replace(ALLOWED, calendars=NoCalendars()),
    "too_soon": replace(ALLOWED, attempts=(attempt("2026-11-23T09:25"),)),
    "attempts_used_up": replace(ALLOWED, attempts=tuple(attempt(f"2026-11-{day:02}T10:00") for day in range(9, 17))),
    "cap_reached": replace(
        ALLOWED, attempts=tuple(attempt(f"2026-10-{day}T10:00", disposition="answered") for day in (12, 13))
    ),
    "introducer": by(replace(AGENT, staff_id="S9")),
    "series_avoided": by(replace(AGENT, series="marketing")),
    "series_unknown": by(replace(AGENT, series="")),
    "caller_left": by(replace(AGENT, left_on=date(2026, 11, 22))),
    "not_this_executor": by(AGENT, "sales"),
}


@pytest.mark.parametrize("code", RESTRICTIONS)
def test_each_reason_alone_forbids_the_call_and_says_so_in_both_languages(code: str) -> None:
    verdict = judge(RESTRICTIONS[code])
    assert [reason.code for reason in verdict.reasons] == [code]
    assert all(reason.text and reason.text_en for reason in verdict.reasons)


# --- when ------------------------------------------------------------------------------------------------------------


@pytest.mark.rule("B-01")
@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("2026-11-23T08:59", False),
        ("2026-11-23T09:01", True),
        ("2026-11-23T12:00", False),
        ("2026-11-23T17:59", True),
        ("2026-11-23T18:00", False),
        ("2026-11-29T10:00", False),
        ("2026-11-24T10:00", True),
    ],
)
def test_the_window_is_read_in_chinese_time_at_the_instant_of_dialing(text: str, allowed: bool) -> None:
    asked = replace(ALLOWED, callback=replace(CALLBACK, not_before=at("2026-11-23T08:00")))
    for zone in (UTC, CHINA):
        assert judge(replace(asked, now=at(text).astimezone(zone))).allowed is allowed


@pytest.mark.rule("B-02")
@pytest.mark.rule("B-05")
def test_a_weekday_and_a_segment_of_clients_have_windows_of_their_own() -> None:
    own = Hours(DayKind.TRADING_DAY, spans("09:30-11:30"), {0: spans("14:30-17:00")})
    windows = Windows(contact().windows.hours, (Segment(parse_scope("'trader' in tags"), own),))
    asked = replace(ALLOWED, pack=pack(contact=contact(windows=windows)))
    trader = replace(asked, client=replace(CLIENT, tags=("trader",)))
    assert judge(asked).allowed
    assert codes(trader) == {"outside_window"}
    assert judge(replace(trader, now=at("2026-11-23T14:30"))).allowed
    assert judge(replace(trader, now=at("2026-11-24T11:29"))).allowed
    make_up_saturday = at("2026-10-10T10:00")  # banks work, the exchange does not
    early = replace(CALLBACK, not_before=at("2026-10-01T00:00"))
    assert judge(replace(asked, now=make_up_saturday, callback=early)).allowed
    assert codes(replace(trader, now=make_up_saturday, callback=early)) == {"not_a_calling_day"}


@pytest.mark.rule("B-04")
@pytest.mark.rule("B-06")
def test_the_evening_is_open_for_appointments_only() -> None:
    evening = at("2026-11-23T19:00")
    assert codes(replace(ALLOWED, now=evening)) == {"outside_window"}
    agreed = owed(appointment_at=evening)
    assert judge(replace(agreed, now=evening)).allowed
    assert codes(replace(owed(appointment_at=at("2026-11-23T20:00")), now=at("2026-11-23T20:00"))) == {"outside_window"}


@pytest.mark.rule("B-20")
@pytest.mark.rule("B-21")
def test_an_appointment_is_kept_when_it_was_agreed_and_as_early_as_the_pack_allows() -> None:
    agreed = owed(appointment_at=at("2026-11-23T15:00"))
    assert codes(replace(agreed, now=at("2026-11-23T14:54:59"))) == {"too_early"}
    assert judge(replace(agreed, now=at("2026-11-23T14:55"))).allowed
    retried = owed(appointment_at=at("2026-11-23T15:00"), not_before=at("2026-11-23T16:00"))
    assert codes(replace(retried, now=at("2026-11-23T15:30"))) == {"too_early"}
    assert "too_early" in codes(replace(agreed, now=at("2026-11-23T14:55"), pack=None))


@pytest.mark.rule("B-07")
@pytest.mark.rule("B-21")
def test_an_appointment_is_the_clients_newer_wish() -> None:
    mornings = replace(CLIENT, prefers={"windows": ["09:00-12:00"], "days": ["tuesday"]})
    afternoon = at("2026-11-23T15:00")
    asked = replace(ALLOWED, client=mornings, now=afternoon)
    assert codes(asked) == {"against_wish"}
    assert judge(replace(owed(appointment_at=afternoon), client=mornings, now=afternoon)).allowed


@pytest.mark.rule("B-07")
def test_a_wish_that_cannot_be_read_does_not_hide_the_closed_window() -> None:
    unread = replace(ALLOWED, client=replace(CLIENT, prefers={"days": ["caturday"]}), now=at("2026-11-23T12:30"))
    assert codes(unread) == {"preference_unreadable", "outside_window"}


def test_a_branch_that_is_closed_calls_nobody() -> None:
    assert codes(replace(ALLOWED, calendars=BranchAway())) == {"not_a_calling_day"}
    assert judge(replace(ALLOWED, calendars=BranchAway(), client=replace(CLIENT, branch="北京"))).allowed


@pytest.mark.rule("B-08")
def test_a_deadline_in_hours_ends_at_its_instant() -> None:
    asked = owed(due_on=date(2026, 11, 23), due_at=at("2026-11-23T15:10"))
    assert judge(replace(asked, now=at("2026-11-23T15:09:59"))).allowed
    assert codes(replace(asked, now=at("2026-11-23T15:10"))) == {"expired"}


# --- how often -------------------------------------------------------------------------------------------------------


@pytest.mark.rule("B-18")
def test_the_interval_counts_calls_of_every_callback() -> None:
    other = attempt("2026-11-23T09:25", callback_id="K2", programmes=frozenset({"special"}))
    assert codes(replace(ALLOWED, attempts=(other,))) == {"too_soon"}
    assert judge(replace(ALLOWED, attempts=(other,), now=at("2026-11-23T09:35"))).allowed


@pytest.mark.rule("B-12")
def test_a_cap_counts_talks_of_the_quarter_and_leaves_exempt_programmes_apart() -> None:
    talks = tuple(attempt(f"2026-10-{day}T10:00", disposition="answered") for day in (12, 13))
    assert codes(replace(ALLOWED, attempts=talks)) == {"cap_reached"}
    last_quarter = (attempt("2026-09-28T10:00", disposition="answered"), talks[0])
    assert judge(replace(ALLOWED, attempts=last_quarter)).allowed
    unanswered = tuple(attempt(f"2026-10-{day}T10:00", disposition="busy") for day in (12, 13, 14))
    assert judge(replace(ALLOWED, attempts=unanswered)).allowed
    special = replace(CALLBACK, programmes=frozenset({"special"}))
    assert judge(replace(ALLOWED, attempts=talks, callback=special)).allowed
    both = replace(CALLBACK, programmes=frozenset({"special", "regular"}))
    assert codes(replace(ALLOWED, attempts=talks, callback=both)) == {"cap_reached"}
    for_special = tuple(replace(past, programmes=frozenset({"special"})) for past in talks)
    assert judge(replace(ALLOWED, attempts=for_special)).allowed


def capped(cap: Cap, *times: str, **more: object) -> GateInput:
    """ALLOWED under that cap alone, after attempts at those times."""
    made = tuple(attempt(text, **more) for text in times)
    return replace(ALLOWED, pack=pack(contact=contact(caps=(cap,))), attempts=made)


@pytest.mark.rule("B-12")
def test_a_rolling_cap_looks_back_24_hours_and_not_to_midnight() -> None:
    cap = Cap(2, CapPer.ROLLING_24H)
    asked = capped(cap, "2026-11-22T09:31", "2026-11-22T18:00", "2026-11-23T09:00")
    assert codes(asked) == {"cap_reached"}
    assert cap_free_on(cap, asked) == at("2026-11-23T18:00")
    assert judge(replace(asked, now=at("2026-11-24T09:01"))).allowed
    assert judge(capped(cap, "2026-11-22T09:31", "2026-11-23T09:00")).allowed


@pytest.mark.rule("B-12")
def test_a_cap_by_number_counts_the_dialed_number_whoever_was_called_on_it() -> None:
    cap = Cap(1, CapPer.DAY, by_number=True)
    assert codes(capped(cap, "2026-11-23T09:00")) == {"cap_reached"}
    assert judge(capped(cap, "2026-11-23T09:00", phone="13900000002")).allowed
    assert codes(capped(cap, "2026-11-23T09:00", phone="")) == {"cap_reached"}
    other_client = attempt("2026-11-23T09:00", callback_id="K7")
    assert codes(replace(capped(cap), elsewhere=(other_client,))) == {"cap_reached"}
    assert judge(replace(capped(replace(cap, by_number=False)), elsewhere=(other_client,))).allowed


@pytest.mark.rule("B-17")
def test_a_cap_can_be_for_some_clients_and_holds_for_those_of_whom_that_is_not_known() -> None:
    asked = capped(Cap(1, CapPer.DAY, when=parse_scope("asset_total < 1000")), "2026-11-23T09:00")
    assert codes(replace(asked, client=replace(CLIENT, asset_total=999.0))) == {"cap_reached"}
    assert judge(replace(asked, client=replace(CLIENT, asset_total=1000.0))).allowed
    assert codes(replace(asked, client=replace(CLIENT, asset_total=None))) == {"cap_reached"}


def test_a_cap_is_free_again_when_its_period_is_over() -> None:
    asked = RESTRICTIONS["cap_reached"]
    cap = next(cap for cap in PACK.runnable().caps if cap.answered_only)
    assert cap_free_on(cap, asked) == at("2027-01-01T00:00")
    assert cap_free_on(cap, ALLOWED) == ALLOWED.now


def test_the_budget_of_a_callback_is_one_over_all_its_numbers() -> None:
    made = tuple(attempt(f"2026-11-{day:02}T10:00", phone=f"1390000000{day % 3}") for day in range(9, 17))
    assert codes(replace(ALLOWED, attempts=made)) == {"attempts_used_up"}
    assert judge(replace(ALLOWED, attempts=(*made[1:], replace(made[0], callback_id="K2")))).allowed


def test_attempts_that_never_reached_the_phone_count_nowhere() -> None:
    faults = tuple(attempt(f"2026-11-23T09:{minute:02}", counts=False) for minute in range(1, 30))
    assert judge(replace(ALLOWED, attempts=faults)).allowed


# --- what for, by whom, on what --------------------------------------------------------------------------------------


@pytest.mark.rule("B-23")
@pytest.mark.rule("B-19")
def test_it_tells_every_reason_and_not_only_the_first() -> None:
    asked = replace(
        owed(provisional=True, not_before=at("2026-12-01T09:00")),
        now=at("2026-11-29T23:00"),
        client=replace(CLIENT, phone_opt_out=True),
        node=replace(READY, draining=True),
        caller=replace(AGENT, series="marketing"),
    )
    assert codes(asked) == {
        "opted_out",
        "too_early",
        "provisional",
        "draining",
        "not_a_calling_day",
        "series_avoided",
    }


def test_a_number_that_is_not_the_clients_is_not_dialed() -> None:
    assert codes(replace(ALLOWED, phone="13900000002")) == {"no_phone"}
    assert codes(replace(ALLOWED, phone="123", client=replace(CLIENT, phones=("123",)))) == {"no_phone"}


@pytest.mark.rule("B-13")
def test_what_the_pack_says_today_counts_and_not_what_it_said_when_the_callback_was_planned() -> None:
    changed = pack(programmes={"regular": programme("regular", channels=("sms",), open_values=("flow",))})
    asked = replace(owed(programmes=frozenset({"regular", "dropped"})), pack=changed)
    assert codes(asked) == {"not_by_voice", "programme_open", "programme_gone"}


@pytest.mark.rule("M-03")
def test_what_people_must_call_the_dialer_never_does() -> None:
    assert codes(owed(programmes=frozenset({"sales"}))) == {"not_by_machine"}
    assert codes(owed(mode="manual")) == {"not_by_machine"}
    assert judge(replace(owed(mode="manual"), caller=AGENT)).allowed


def test_a_script_that_always_leads_to_an_agent_waits_for_one() -> None:
    needing = owed(needs_agent=True)
    assert judge(replace(needing, node=replace(READY, agents_free=1))).allowed
    assert codes(replace(needing, node=READY)) == {"no_agent_at_hand"}  # nobody counted: it is not known
    assert judge(replace(ALLOWED, node=replace(READY, agents_free=0))).allowed


@pytest.mark.rule("F-01")
def test_without_a_recorder_nobody_is_called() -> None:
    assert codes(replace(ALLOWED, node=replace(READY, recorder_ready=False))) == {"recorder_not_ready"}


def test_a_pack_that_lost_its_rules_forbids_the_call() -> None:
    assert codes(replace(ALLOWED, pack=replace(PACK, contact=None))) == {"open_values"}


# --- more never opens ------------------------------------------------------------------------------------------------


def merged(asked: GateInput, restriction: GateInput) -> GateInput:
    """``asked`` with what ``restriction`` changes against ALLOWED, the callback's fields one by one."""
    changed = _changed(GateInput, restriction, ALLOWED)
    owes = changed.get("callback")
    if isinstance(owes, CallbackFacts) and asked.callback is not None:
        changed["callback"] = replace(asked.callback, **_changed(CallbackFacts, owes, CALLBACK))  # type: ignore[arg-type]
    return replace(asked, **changed)  # type: ignore[arg-type]


def _changed(kind: type, one: object, other: object) -> dict[str, object]:
    names = (field.name for field in fields(kind))
    return {name: getattr(one, name) for name in names if getattr(one, name) != getattr(other, name)}


@settings(deadline=None)
@given(st.lists(st.sampled_from(sorted(RESTRICTIONS)), min_size=1, max_size=4))
def test_restrictions_together_never_turn_a_no_into_a_yes(together: list[str]) -> None:
    asked = ALLOWED
    for code in together:
        asked = merged(asked, RESTRICTIONS[code])
    assert not judge(asked).allowed


minutes = st.integers(0, 363 * 24 * 60)
moments = minutes.map(lambda count: datetime(2026, 1, 1, tzinfo=CHINA) + timedelta(minutes=count))


@pytest.mark.rule("B-01")
@settings(max_examples=300, deadline=None)
@given(moments)
def test_on_the_real_calendar_it_opens_in_office_hours_of_working_days_only(now: datetime) -> None:
    callback = replace(CALLBACK, not_before=now, due_on=date(2026, 12, 31), due_at=None)
    office = 9 <= now.hour < 12 or 13 <= now.hour < 18
    working = ALLOWED.calendars.is_working_day(now.date())
    assert judge(replace(ALLOWED, now=now, callback=callback)).allowed is (office and working)


def test_the_morning_of_the_examples_is_a_monday() -> None:
    assert MONDAY.astimezone(CHINA).weekday() == 0


@pytest.mark.rule("A-100")
def test_a_closed_account_is_called_about_its_closing_and_about_nothing_else() -> None:
    closing = programmes_of(due=Due(Trigger.EVENT, events=("account_closed",)))
    gone = replace(closing, client=replace(CLIENT, status="closed"))
    assert judge(gone).allowed
    assert codes(replace(ALLOWED, client=replace(CLIENT, status="closed"))) == {"client_closed"}
