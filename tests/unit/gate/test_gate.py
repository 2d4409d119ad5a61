"""The gate: every reason told, fail-closed, never open outside a window."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.calendars import ChinaCalendars
from core.clock import CHINA
from dialer.gate import CallbackFacts, GateInput, NodeFacts, cap_free_on, judge
from dialer.programmes.facts import ClientFacts, PastAttempt, Preference
from dialer.programmes.load import load_pack
from dialer.programmes.model import Pack
from dialer.programmes.windows import open_at

pytestmark = pytest.mark.unit

PACK = load_pack("demo_firm")
CLIENT = ClientFacts("C1", phones=("13900000001",))
READY = NodeFacts(recorder_ready=True, line_ready=True, draining=False)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=CHINA)


MONDAY = at("2026-11-23T09:31")
CALLBACK = CallbackFacts("K1", True, date(2026, 12, 5), at("2026-11-23T09:00"), frozenset({"existing_client"}))
ALLOWED = GateInput(MONDAY, CLIENT, "13900000001", CALLBACK, (), PACK, ChinaCalendars(), READY)


def attempt(text: str, **more: object) -> PastAttempt:
    return PastAttempt("K1", frozenset({"existing_client"}), at(text), **more)


def codes(asked: GateInput) -> set[str]:
    return {reason.code for reason in judge(asked).reasons}


def test_it_lets_a_call_through_when_nothing_speaks_against_it() -> None:
    assert judge(ALLOWED).allowed
    assert judge(ALLOWED).as_json() == {"allowed": True, "at": "2026-11-23T09:31:00+08:00", "reasons": []}


class NoCalendars(ChinaCalendars):
    """Knows no day at all."""

    def is_working_day(self, day: date) -> bool:
        return super().is_working_day(day.replace(year=2060))


RESTRICTIONS = {
    "client_closed": replace(ALLOWED, client=replace(CLIENT, status="closed")),
    "opted_out": replace(ALLOWED, client=replace(CLIENT, phone_opt_out=True)),
    "no_phone": replace(ALLOWED, phone=None),
    "nothing_owed": replace(ALLOWED, callback=None),
    "expired": replace(ALLOWED, callback=replace(CALLBACK, due_on=date(2026, 11, 22))),
    "too_early": replace(ALLOWED, callback=replace(CALLBACK, not_before=at("2026-11-23T10:00"))),
    "recorder_not_ready": replace(ALLOWED, node=replace(READY, recorder_ready=False)),
    "line_not_ready": replace(ALLOWED, node=replace(READY, line_ready=False)),
    "draining": replace(ALLOWED, node=replace(READY, draining=True)),
    "pack_unreadable": replace(ALLOWED, pack=None),
    "open_values": replace(ALLOWED, pack=load_pack("GAL")),
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
}


@pytest.mark.parametrize("code", RESTRICTIONS)
def test_each_reason_alone_forbids_the_call(code: str) -> None:
    verdict = judge(RESTRICTIONS[code])
    assert not verdict.allowed
    assert code in {reason.code for reason in verdict.reasons}
    assert all(reason.text and reason.text_en for reason in verdict.reasons)


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
    assert judge(replace(ALLOWED, now=at(text).astimezone(UTC))).allowed is allowed


@pytest.mark.rule("B-23")
@pytest.mark.rule("B-19")
def test_it_tells_every_reason_and_not_only_the_first() -> None:
    asked = replace(
        ALLOWED,
        now=at("2026-11-29T23:00"),
        client=replace(CLIENT, phone_opt_out=True),
        node=replace(READY, draining=True),
    )
    assert codes(asked) == {"opted_out", "draining", "not_a_calling_day"}


def test_a_number_that_is_not_the_clients_is_not_dialed() -> None:
    assert codes(replace(ALLOWED, phone="13900000002")) == {"no_phone"}
    assert codes(replace(ALLOWED, phone="123", client=replace(CLIENT, phones=("123",)))) == {"no_phone"}


@pytest.mark.rule("B-12")
def test_a_cap_counts_talks_of_the_quarter_and_leaves_exempt_programmes_apart() -> None:
    answered = {"disposition": "answered"}
    talks = (attempt("2026-10-12T10:00", **answered), attempt("2026-10-13T10:00", **answered))
    assert "cap_reached" in codes(replace(ALLOWED, attempts=talks))
    last_quarter = (attempt("2026-09-28T10:00", **answered), talks[0])
    assert judge(replace(ALLOWED, attempts=last_quarter)).allowed
    unanswered = tuple(attempt(f"2026-10-{day}T10:00", disposition="busy") for day in (12, 13, 14))
    assert judge(replace(ALLOWED, attempts=unanswered)).allowed
    new_account = replace(CALLBACK, programmes=frozenset({"new_account"}))
    assert judge(replace(ALLOWED, attempts=talks, callback=new_account)).allowed
    for_exempt = tuple(replace(past, programmes=frozenset({"new_account"})) for past in talks)
    assert judge(replace(ALLOWED, attempts=for_exempt)).allowed


def test_a_cap_is_free_again_when_its_period_is_over() -> None:
    asked = RESTRICTIONS["cap_reached"]
    cap = next(cap for cap in PACK.runnable().caps if cap.answered_only)
    assert cap_free_on(cap, asked) == at("2027-01-01T00:00")
    assert cap_free_on(cap, ALLOWED) == ALLOWED.now


def test_attempts_that_never_reached_the_phone_count_nowhere() -> None:
    faults = tuple(attempt(f"2026-11-23T09:{minute:02}", counts=False) for minute in range(1, 30))
    assert judge(replace(ALLOWED, attempts=faults)).allowed


minutes = st.integers(0, 363 * 24 * 60)
moments = minutes.map(lambda count: datetime(2026, 1, 1, tzinfo=CHINA) + timedelta(minutes=count))


@pytest.mark.rule("B-01")
@settings(max_examples=500, deadline=None)
@given(moments)
def test_it_never_opens_outside_every_window(now: datetime) -> None:
    callback = replace(CALLBACK, not_before=now - timedelta(days=1), due_on=date(2026, 12, 31))
    asked = replace(ALLOWED, now=now, callback=callback)
    inside = open_at(PACK.runnable().windows, Preference(), now, asked.calendars)
    assert judge(asked).allowed is inside


def merged(asked: GateInput, restriction: GateInput) -> GateInput:
    """``asked`` with what ``restriction`` changes against ALLOWED."""
    changed = {
        name: getattr(restriction, name)
        for name in ("now", "client", "phone", "callback", "attempts", "pack", "calendars", "node")
        if getattr(restriction, name) is not getattr(ALLOWED, name)
    }
    return replace(asked, **changed)


@settings(deadline=None)
@given(st.lists(st.sampled_from(sorted(RESTRICTIONS)), min_size=1, max_size=4), st.sampled_from(sorted(RESTRICTIONS)))
def test_one_restriction_more_never_turns_a_no_into_a_yes(first: list[str], more: str) -> None:
    asked = ALLOWED
    for code in first:
        asked = merged(asked, RESTRICTIONS[code])
    assert not judge(asked).allowed
    assert not judge(merged(asked, RESTRICTIONS[more])).allowed


def test_a_pack_that_lost_its_rules_forbids_the_call() -> None:
    broken: Pack = replace(PACK, contact=None)
    assert codes(replace(ALLOWED, pack=broken)) == {"open_values"}
