"""Random packs, clients, clocks, attempts and callers for the gate; most are harmless, so some calls are allowed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from hypothesis import strategies as st

from core.clock import CHINA
from dialer.gate import CallbackFacts, GateInput, NodeFacts
from dialer.programmes.facts import ClientFacts, PastAttempt, Span, StaffFacts
from dialer.programmes.model import (
    Avoidance,
    Cap,
    CapPer,
    ContactRules,
    DayKind,
    Executor,
    Hours,
    Pack,
    Programme,
    Retries,
    Segment,
    Windows,
)
from dialer.programmes.scope import parse_scope
from tests.unit.gate.firm import ALLOWED, CALLBACK, contact, pack, programme
from tests.unit.gate.reference import DAYS, GOOD_PHONES, WHEN, Days

FIRST = datetime(2026, 12, 24, 16, tzinfo=UTC)  # eight days over the end of a week, a month, a quarter and a year
LENGTH = 8
PHONES = ("13900000001", "057187654321", "+85221234567", "123")
PROGRAMMES = ("a", "b", "c")
SERIES = ("callcentre", "marketing", "broker")


def mostly(usual: object, *others: object) -> st.SearchStrategy[Any]:
    """``usual`` in most cases."""
    return st.sampled_from([usual] * 6 * len(others) + list(others))


whens = st.sampled_from(sorted(WHEN)).map(parse_scope)
half_hours = st.integers(12, 44).map(lambda count: time(count // 2, count % 2 * 30))


@st.composite
def _spans(draw: st.DrawFn) -> tuple[Span, ...]:
    """Up to two windows that do not overlap, on half hours."""
    cuts = sorted(draw(CUTS))
    return tuple(Span(start, end) for start, end in zip(cuts[::2], cuts[1::2], strict=False))


# Strategies are made once: making them anew for every example takes most of the time.
CUTS = st.sets(half_hours, min_size=2, max_size=4)
SPANS = _spans()
WIDE = st.just((Span(time(8), time(21)),))
WEEKDAYS = st.dictionaries(st.integers(0, 6), st.one_of(st.just(()), SPANS), max_size=2)
HOURS = st.builds(Hours, st.sampled_from(DayKind), st.one_of(WIDE, SPANS), WEEKDAYS, st.just("B-01"))
SEGMENTS = st.lists(st.builds(Segment, whens, HOURS), max_size=2).map(tuple)
WINDOWS = st.builds(Windows, HOURS, SEGMENTS, st.none() | HOURS)
SOME = st.frozensets(st.sampled_from(PROGRAMMES), max_size=2)
CAP = st.builds(Cap, st.integers(0, 4), st.sampled_from(CapPer), st.booleans(), st.booleans(), SOME, st.none() | whens)
CAPS = st.lists(CAP, max_size=3).map(tuple)
NUMBERS = st.tuples(st.sampled_from([0, 10, 60]), st.integers(1, 6), st.sampled_from([0, 5, 30]))
RUNGS = contact().retries.rungs


def _contact(windows: Windows, caps: tuple[Cap, ...], numbers: tuple[int, int, int]) -> ContactRules:
    interval, total, early = numbers
    return contact(
        windows=windows,
        caps=caps,
        interval=timedelta(minutes=interval),
        retries=Retries(RUNGS, total),
        appointment_early=timedelta(minutes=early),
    )


def _programmes(fields: list[tuple[str, str, bool, tuple[str, ...]]]) -> dict[str, Programme]:
    return {
        key: programme(key, executor=executor, channels=(channel,), automatic=automatic, open_values=opened)
        for key, (executor, channel, automatic, opened) in zip(PROGRAMMES, fields, strict=True)
    }


def _pack(
    rules: ContactRules,
    programmes: dict[str, Programme],
    executors: list[tuple[str, frozenset[str]]],
    avoidance: tuple[Avoidance, ...],
    opened: tuple[str, ...],
) -> Pack:
    named = {key: Executor(key, key, key, *fields) for key, fields in zip(("centre", "own"), executors, strict=True)}
    return pack(contact=rules, programmes=programmes, executors=named, avoidance=avoidance, open_values=opened)


FIELDS = st.tuples(
    st.sampled_from(["centre", "own", "nobody"]), mostly("phone", "sms"), mostly(True, False), mostly((), ("flow",))
)
EXECUTOR = st.tuples(st.sampled_from(["hq", "staff"]), st.frozensets(st.sampled_from(SERIES), max_size=2))
AVOIDANCE = st.builds(
    Avoidance, st.frozensets(st.sampled_from(SERIES), max_size=1), st.booleans(), SOME, st.just("E-01")
)
PACKS = st.builds(
    _pack,
    st.builds(_contact, WINDOWS, CAPS, NUMBERS),
    st.lists(FIELDS, min_size=3, max_size=3).map(_programmes),
    st.lists(EXECUTOR, min_size=2, max_size=2),
    st.lists(AVOIDANCE, max_size=2).map(tuple),
    mostly((), ("caps",)),
)

MOMENTS = st.builds(
    lambda day, half_hour, second: FIRST + timedelta(days=day, minutes=30 * half_hour, seconds=second),
    st.integers(0, LENGTH - 1),
    st.one_of(st.integers(16, 42), st.integers(0, 47)),
    st.sampled_from([0, 1, 600, 1799]),
)
DATES = st.integers(0, LENGTH).map(lambda count: date(2026, 12, 25) + timedelta(days=count))
WISHES = st.one_of(
    st.just({}),
    st.just({}),
    SPANS.map(lambda wish: {"windows": [str(span) for span in wish]}),
    st.sets(st.sampled_from(DAYS), min_size=4).map(lambda days: {"days": sorted(days)}),
    st.just({"days": ["caturday"]}),
)
CLIENTS = st.builds(
    ClientFacts,
    st.just("C1"),
    kind=st.sampled_from(["person", "institution"]),
    phones=st.lists(st.sampled_from(PHONES), unique=True, min_size=1, max_size=3).map(tuple),
    branch=st.sampled_from(["", "上海"]),
    status=mostly("active", "dormant", "closed"),
    introducer_id=st.sampled_from([None, "S1", "S2"]),
    asset_total=st.sampled_from([None, 10.0, 1000.0]),
    tags=st.sampled_from([(), ("margin",)]),
    prefers=WISHES,
    phone_opt_out=mostly(False, True),
)

WHEN_MADE = st.one_of(
    st.integers(0, 60 * 24 * 40).map(lambda minutes: timedelta(minutes=minutes)),
    st.sampled_from([timedelta(hours=24), timedelta(hours=24, seconds=-1), timedelta(minutes=10)]),
    st.tuples(st.sampled_from(["day", "week", "month", "quarter"]), st.sampled_from([-1, 0])),
)
"""How long ago an attempt was made, or in the first or the last second of which period."""
ATTEMPT = st.tuples(
    WHEN_MADE,
    st.sampled_from(["K1", "K2"]),
    SOME,
    st.sampled_from([None, "answered", "busy", "our_fault"]),
    st.booleans(),
    st.sampled_from(["", *PHONES]),
)
ATTEMPTS = st.lists(ATTEMPT, max_size=6)
AROUND_NOW = (timedelta(days=-1), timedelta(0), timedelta(minutes=7), timedelta(minutes=31))
BEGUN = mostly(timedelta(0), *AROUND_NOW)
LATE = mostly(date(2027, 1, 2), *(date(2026, 12, day) for day in (25, 27, 29)))
CALLBACK_FIELDS = st.fixed_dictionaries(
    {
        "open": mostly(True, False),
        "due_on": LATE,
        "programmes": st.frozensets(st.sampled_from([*PROGRAMMES, *PROGRAMMES, "gone"]), max_size=2),
        "executor": st.sampled_from(["centre", "own", "nobody"]),
        "provisional": mostly(False, True),
        "flow_approved": mostly(True, False),
        "needs_agent": mostly(False, True),
        "mode": mostly("automatic", "manual"),
    }
)
EVERY = {date(2026, 12, 25) + timedelta(days=count) for count in range(LENGTH)}
SHUT = st.sets(DATES, max_size=2)
CALENDARS = st.builds(
    lambda idle, shut, closed, unknown: Days(EVERY - idle, EVERY - shut, {("上海", day) for day in closed}, unknown),
    SHUT,
    SHUT,
    SHUT,
    st.sets(DATES, max_size=1),
)
NODES = st.none() | st.builds(
    NodeFacts, mostly(True, False), mostly(True, False), mostly(False, True), st.sampled_from([None, 0, 2])
)
STAFF = st.builds(
    StaffFacts, st.sampled_from(["S1", "S2"]), st.just("上海"), st.sampled_from(["", *SERIES]), st.none() | DATES
)
CALLERS = st.none() | STAFF
MAYBE_ATTEMPTS = st.one_of(st.just([]), ATTEMPTS)
MAYBE_AROUND = mostly(None, *AROUND_NOW)
OFTEN = mostly(True, False)
SELDOM = mostly(False, True)


@st.composite
def _callback(draw: st.DrawFn, now: datetime) -> CallbackFacts:
    """A callback that is usually due now."""
    agreed, due = draw(MAYBE_AROUND), draw(MAYBE_AROUND)
    return CallbackFacts(
        callback_id="K1",
        not_before=now + draw(BEGUN),
        due_at=None if due is None else now + due + timedelta(hours=1),
        appointment_at=None if agreed is None else now + agreed,
        **draw(CALLBACK_FIELDS),
    )


@st.composite
def _question(draw: st.DrawFn) -> GateInput:
    now, client = draw(MOMENTS), draw(CLIENTS)
    good = [phone for phone in client.phones if phone in GOOD_PHONES]
    return GateInput(
        now=now,
        client=client,
        phone=good[0] if good else client.phones[0],
        callback=draw(_callback(now)) if draw(OFTEN) else None,
        attempts=_made(now, draw(MAYBE_ATTEMPTS)),
        pack=draw(PACKS) if draw(OFTEN) else None,
        calendars=draw(CALENDARS),
        node=draw(NODES),
        caller=draw(CALLERS),
        elsewhere=_made(now, draw(MAYBE_ATTEMPTS)),
        in_a_call=draw(SELDOM),
    )


def _made(now: datetime, past: list[Any]) -> tuple[PastAttempt, ...]:
    return tuple(
        PastAttempt(callback, programmes, _instant(now, made), ending, counts, phone)
        for made, callback, programmes, ending, counts, phone in past
    )


def _instant(now: datetime, made: timedelta | tuple[str, int]) -> datetime:
    if isinstance(made, timedelta):
        return now - made
    period, second = made
    midnight = now.astimezone(CHINA).replace(hour=0, minute=0, second=0)
    begins = {
        "day": midnight,
        "week": midnight - timedelta(days=midnight.weekday()),
        "month": midnight.replace(day=1),
        "quarter": midnight.replace(month=(midnight.month - 1) // 3 * 3 + 1, day=1),
    }
    return begins[period] + timedelta(seconds=second)


QUESTIONS = _question()
"""Anything that the gate may be asked."""


SOME_CAPS = st.lists(CAP, min_size=2, max_size=4).map(lambda caps: pack(contact=contact(caps=tuple(caps))))
SOME_ATTEMPTS = st.lists(ATTEMPT, min_size=1, max_size=4)
SOME_CLIENTS = st.builds(
    replace,
    st.just(ALLOWED.client),
    kind=st.sampled_from(["person", "institution"]),
    asset_total=st.sampled_from([None, 10.0, 1000.0]),
)


@st.composite
def _capped(draw: st.DrawFn) -> GateInput:
    now = draw(MOMENTS)
    return replace(
        ALLOWED,
        now=now,
        client=draw(SOME_CLIENTS),
        callback=replace(CALLBACK, programmes=draw(SOME)),
        attempts=_made(now, draw(SOME_ATTEMPTS)),
        elsewhere=_made(now, draw(MAYBE_ATTEMPTS)),
        pack=draw(SOME_CAPS),
    )


CAPPED = _capped()
"""Questions about caps: many attempts, and little else that could refuse."""
