"""A small firm for the gate's tests: its pack, one client who is owed one callback, and a Monday morning."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from core.calendars import ChinaCalendars
from core.clock import CHINA
from dialer.calling.dispositions import NOT_THE_CLIENTS, Disposition
from dialer.gate import CallbackFacts, GateInput, NodeFacts, judge
from dialer.programmes.facts import ClientFacts, PastAttempt, Span, StaffFacts
from dialer.programmes.model import (
    Avoidance,
    Cap,
    CapPer,
    ContactRules,
    DayKind,
    Due,
    Executor,
    FollowUp,
    Hours,
    Pack,
    Per,
    Programme,
    Retries,
    Rung,
    Trigger,
    Windows,
)
from dialer.programmes.scope import parse_scope

SALES = frozenset({"marketing", "broker"})


def at(text: str) -> datetime:
    """An instant written in Chinese time, as the database gives it."""
    return datetime.fromisoformat(text).replace(tzinfo=CHINA).astimezone(UTC)


def spans(text: str) -> tuple[Span, ...]:
    """``09:00-12:00 13:00-18:00`` as windows."""
    return tuple(Span.parse(part) for part in text.split())


def programme(key: str, **more: object) -> Programme:
    """A programme that calls every client once a year."""
    values: dict[str, object] = {
        "title": key,
        "title_en": key,
        "rules": ("A-39",),
        "due": Due(Trigger.PERIOD, period=Per.YEAR),
        "scope": parse_scope("all"),
        "executor": "centre",
        "channels": ("recorded_phone",),
        "flow": "existing_client",
        "automatic": True,
    }
    return Programme(key=key, **(values | more))  # type: ignore[arg-type]


def contact(**more: object) -> ContactRules:
    """Contact rules: two windows on working days, appointments until 20:00, three calls a day, two talks a quarter."""
    rungs = {ending: Rung(timedelta(minutes=10), None if ending in NOT_THE_CLIENTS else 9) for ending in Disposition}
    values: dict[str, object] = {
        "windows": Windows(
            Hours(DayKind.WORKING_DAY, spans("09:00-12:00 13:00-18:00"), rule="B-01"),
            appointments=Hours(DayKind.WORKING_DAY, spans("18:00-20:00"), rule="B-06"),
        ),
        "caps": (
            Cap(3, CapPer.DAY, rule="firm"),
            Cap(2, CapPer.QUARTER, answered_only=True, exempt=frozenset({"special"}), rule="B-12"),
        ),
        "interval": timedelta(minutes=10),
        "retries": Retries(rungs, total=8, rule="firm"),
        "ring_limit": timedelta(seconds=30),
        "promised_callback": FollowUp(timedelta(hours=2), 3),
        "appointment": FollowUp(timedelta(hours=2), 3),
        "appointment_early": timedelta(minutes=5),
    }
    return ContactRules(**(values | more))  # type: ignore[arg-type]


def pack(**more: object) -> Pack:
    """The firm's pack: regular and special call-backs by the call centre, sales calls by sales staff."""
    programmes = [programme("regular"), programme("special"), programme("sales", executor="sales", automatic=False)]
    values: dict[str, object] = {
        "lineage": (),
        "programmes": {one.key: one for one in programmes},
        "retention": {},
        "contact": contact(),
        "executors": {
            "centre": Executor("centre", "总部呼叫中心", "the call centre", "hq"),
            "sales": Executor(
                "sales", "客户经理", "client managers", "staff", frozenset({"marketing", "broker"}), "E-07"
            ),
        },
        "avoidance": (Avoidance(frozenset({"marketing"}), programmes=frozenset({"regular", "special"}), rule="E-01"),),
    }
    return Pack(name="FIRM", title="示例", title_en="Example", **(values | more))  # type: ignore[arg-type]


def attempt(text: str, **more: object) -> PastAttempt:
    """An attempt of the callback at that Chinese time."""
    values: dict[str, object] = {"callback_id": "K1", "programmes": frozenset({"regular"}), "phone": "13900000001"}
    return PastAttempt(started_at=at(text), **(values | more))  # type: ignore[arg-type]


def codes(asked: GateInput) -> set[str]:
    """The codes of every reason."""
    return {reason.code for reason in judge(asked).reasons}


PACK = pack()
CLIENT = ClientFacts("C1", phones=("13900000001",), branch="上海", introducer_id="S9")
READY = NodeFacts(recorder_ready=True, line_ready=True, draining=False)
MONDAY = at("2026-11-23T09:31")
CALLBACK = CallbackFacts(
    callback_id="K1",
    open=True,
    due_on=date(2026, 12, 5),
    not_before=at("2026-11-23T09:00"),
    programmes=frozenset({"regular"}),
    executor="centre",
    due_at=at("2026-12-06T00:00"),
)
ALLOWED = GateInput(MONDAY, CLIENT, "13900000001", CALLBACK, (), PACK, ChinaCalendars(), READY)
AGENT = StaffFacts("S1", "上海", "callcentre")


def owed(**more: object) -> GateInput:
    """ALLOWED with another callback."""
    return replace(ALLOWED, callback=replace(CALLBACK, **more))


def by(caller: StaffFacts, *programmes: str) -> GateInput:
    """ALLOWED for those programmes, called by hand."""
    return replace(owed(programmes=frozenset(programmes or {"regular"})), caller=caller)
