"""What pacing learns from the books: how the calls of each script went, and the ledger of abandoned calls.

The rule of this module: it reads and never decides, and each question reads a bounded part of the books. A call belongs
to the Chinese day on which it was placed, and to every programme it was made for. Calls that people made by hand are
not the dialer's and stay out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time

from sqlalchemy import ColumnElement, Row, Select, and_, func, or_, select
from sqlalchemy.orm import Session

from core.calendars import DAY
from core.clock import CHINA, china
from dialer.calling.abandonment import PERSONS, Fate, Request, Tally, fate, tally
from dialer.calling.forecasts import FlowHistory
from dialer.tables import LIVING, Attempt, AttemptState, Handoff, Item


@dataclass(frozen=True, slots=True)
class DayTally:
    """One line of the ledger: a programme on a Chinese day."""

    day: date
    programme: str
    tally: Tally


@dataclass(frozen=True, slots=True)
class _Finished:
    """A call that reached the network and is over."""

    attempt_id: str
    flow: str
    left_at: datetime
    answered_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class _Handled:
    """When a call asked for an agent, and when he was with it."""

    attempt_id: str
    requested_at: datetime
    joined_at: datetime | None
    left_at: datetime | None


def flow_histories(session: Session, now: datetime, *, calls: int, days: int) -> dict[str, FlowHistory]:
    """How the newest finished calls went, by the name of their script; at most ``calls`` of the last ``days``."""
    found = _finished(session, now - days * DAY, calls)
    asked = _handled(session, min((call.left_at for call in found), default=now))
    by_flow: dict[str, list[_Finished]] = defaultdict(list)
    for call in found:
        by_flow[call.flow].append(call)
    return {flow: _history(lines, asked) for flow, lines in by_flow.items()}


def _finished(session: Session, since: datetime, most: int) -> list[_Finished]:
    left_at = func.coalesce(Attempt.dialed_at, Attempt.started_at)
    wanted = (
        select(Attempt.attempt_id, Attempt.flow, left_at, Attempt.answered_at, Attempt.ended_at)
        .where(
            Attempt.started_at >= since,
            Attempt.state.not_in((*LIVING, AttemptState.INTERRUPTED)),  # said so, the index of started_at serves
            Attempt.counts,
            Attempt.caller.is_(None),
        )
        .order_by(Attempt.started_at.desc())
        .limit(most)
    )
    return [_Finished(*row) for row in session.execute(wanted).tuples()]


def _handled(session: Session, since: datetime) -> dict[str, _Handled]:
    wanted = select(Handoff.attempt_id, Handoff.requested_at, Handoff.joined_at, Handoff.left_at)
    found = session.execute(wanted.where(Handoff.requested_at >= since)).tuples()
    return {handled.attempt_id: handled for handled in (_Handled(*row) for row in found)}


def _history(lines: Iterable[_Finished], asked: Mapping[str, _Handled]) -> FlowHistory:
    asks, quiets, rings, handles, placed = list[float](), list[float](), list[float](), list[float](), 0
    for call in lines:
        placed += 1
        if call.answered_at is None:
            continue
        rings.append(_seconds(call.left_at, call.answered_at))
        handled = asked.get(call.attempt_id)
        if handled is None:
            quiets.append(_seconds(call.answered_at, call.ended_at or call.answered_at))
            continue
        asks.append(_seconds(call.answered_at, handled.requested_at))
        if handled.joined_at is not None and handled.left_at is not None:
            handles.append(_seconds(handled.joined_at, handled.left_at))
    return FlowHistory(placed, tuple(sorted(asks)), tuple(sorted(quiets)), tuple(rings), tuple(handles))


def _seconds(begin: datetime, end: datetime) -> float:
    return max(0.0, (end - begin).total_seconds())


def ledger(session: Session, since: datetime, until: datetime, *, now: datetime, limit_s: float) -> dict[str, Tally]:
    """The tally of every programme over the calls placed from ``since`` until before ``until``."""
    placed = (Attempt.started_at >= since, Attempt.started_at < until, Attempt.caller.is_(None), _by_a_person())
    answered = dict(session.execute(_answered(placed)).tuples().all())
    fates: dict[str, list[Fate]] = defaultdict(list)
    for programme, request in _asked(session, placed):
        fates[programme].append(fate(request, now=now, limit_s=limit_s))
    return {code: tally(answered.get(code, 0), fates[code]) for code in sorted(answered.keys() | fates.keys())}


def _by_a_person() -> ColumnElement[bool]:
    """Whether a person answered, by the word of one who heard it, else by the classifier; undecided is a person."""
    kind = func.coalesce(Attempt.answer_label, Attempt.answer_class)
    return or_(kind.is_(None), kind.in_(PERSONS))


def _answered(placed: tuple[ColumnElement[bool], ...]) -> Select[tuple[str, int]]:
    counted = select(Item.programme, func.count(Attempt.attempt_id.distinct()))
    joined = counted.join(Attempt, Attempt.callback_id == Item.callback_id)
    return joined.where(and_(*placed), Attempt.answered_at.is_not(None)).group_by(Item.programme)


def _asked(session: Session, placed: tuple[ColumnElement[bool], ...]) -> Iterator[tuple[str, Request]]:
    wanted = (
        select(
            Item.programme,
            Handoff.handoff_id,
            Handoff.requested_at,
            Handoff.joined_at,
            Handoff.result,
            Attempt.state,
            Attempt.ended_at,
        )
        .join(Attempt, Attempt.attempt_id == Handoff.attempt_id)
        .join(Item, Item.callback_id == Attempt.callback_id)
        .where(*placed)
        .distinct()
    )
    return (_request(row) for row in session.execute(wanted))


def _request(
    row: Row[tuple[str, str, datetime, datetime | None, str | None, str, datetime | None]],
) -> tuple[str, Request]:
    programme, _, requested_at, joined_at, result, state, ended_at = row
    return programme, Request(requested_at, joined_at, result, state not in LIVING, ended_at)


def window(now: datetime, days: int) -> tuple[datetime, datetime]:
    """The first and the last instant of the last ``days`` Chinese days, today included."""
    today = china(now).date()
    return _midnight(today - (days - 1) * DAY), _midnight(today + DAY)


def by_day(session: Session, now: datetime, *, days: int, limit_s: float) -> list[DayTally]:
    """The ledger of the last ``days`` Chinese days, a line for each day and programme that had a call."""
    first, lines = window(now, days)[0], list[DayTally]()
    for number in range(days):
        begin = first + number * DAY  # China has no summer time
        found = ledger(session, begin, begin + DAY, now=now, limit_s=limit_s)
        lines += [DayTally(china(begin).date(), programme, counts) for programme, counts in found.items()]
    return lines


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(0), CHINA)


def total(lines: Iterable[DayTally]) -> Mapping[str, Tally]:
    """Every programme's days added up."""
    sums: dict[str, Tally] = defaultdict(Tally)
    for line in lines:
        sums[line.programme] += line.tally
    return dict(sums)
