"""Which arrows of a script real calls walked, and where clients hung up (C-09: always of one version).

Calls are grouped by the way they went before anything is read: most of them went one of a few ways. In a merged
call-back the steps of the second part on carry its flow's name (`ivr_flows.merging`); here they get their own back.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from dialer.tables import Answer, Attempt
from ivr_flows.graph import Calls
from ivr_flows.layout import Arrow
from ivr_flows.merging import JOINED

HUNG_UP = "hung_up"
"""The outcome under which the calls are listed whose client hung up at a step."""

Condition = ColumnElement[bool]
Way = tuple[str | None, str | None]
"""The path and the verdict of a call, as they are kept."""
CHUNK = 2000
TIMED = 5000
"""So many calls, the newest, are enough for an average; the answers of all of them would take seconds to read."""


@dataclass(frozen=True, slots=True)
class _Part:
    """One flow among those that a call ran: what its steps are called there, and how those of the others begin."""

    prefix: str
    others: tuple[str, ...] = ()

    @classmethod
    @cache
    def of(cls, flow: str, name: str) -> _Part:
        """The part `name` of the joined name `flow`."""
        first, *later = flow.split(JOINED)
        if first != name:
            return cls(f"{name}.")
        return cls("", tuple(f"{other}." for other in later))

    def own(self, step: str) -> str | None:
        """The step's own name; None for one of another flow."""
        if not step.startswith(self.prefix) or step.startswith(self.others):
            return None
        return step[len(self.prefix) :]


@dataclass(frozen=True, slots=True)
class Walked:
    """The calls of one version in a period; `seconds`: from the answer until a question was asked (newest calls)."""

    calls: Calls
    seconds: Mapping[str, float] = field(default_factory=dict)


def walked(
    session: Session, name: str, flow_hash: str, *, since: datetime | None = None, until: datetime | None = None
) -> Walked:
    """The arrows that calls of one version walked, from `since` on and before `until`; each call counts once an arrow.

    A call with a client who hung up counts as lost at the step where he was.
    """
    calls = of_version(name, flow_hash)
    calls += [Attempt.started_at >= since] if since else []
    calls += [Attempt.started_at < until] if until else []
    ways: Counter[tuple[_Part, Way]] = Counter()
    columns = select(Attempt.flow, _text(Attempt.path), _text(Attempt.verdict)).where(*calls)
    for flow, path, verdict in session.execute(columns.execution_options(yield_per=CHUNK)):
        ways[_Part.of(flow, name), (path, verdict)] += 1
    return Walked(_counted(ways), _seconds(session, name, calls))


def of_version(name: str, flow_hash: str = "") -> list[Condition]:
    """The calls that ran this version (or any of the flow), alone or merged with others, and whose way was kept."""
    found = [sa.or_(*_named(name)), Attempt.path.is_not(None), _text(Attempt.path) != "null"]
    return found + ([Attempt.flow_hash.contains(flow_hash, autoescape=True)] if flow_hash else [])


def through(name: str, step: str, outcome: str = "") -> Condition:
    """The calls that came to a step of the flow, or left it by an outcome; HUNG_UP: whose client hung up there."""
    return sa.or_(
        sa.and_(_begins(name), _at(step, outcome)),
        sa.and_(sa.not_(_begins(name)), _at(f"{name}.{step}", outcome)),
    )


def _at(step: str, outcome: str) -> Condition:
    if outcome == HUNG_UP:
        return _text(Attempt.verdict).contains(_quoted(f"{HUNG_UP}:{step}"), autoescape=True)
    if outcome:
        return _text(Attempt.path).contains(f"[{_quoted(step)}, {_quoted(outcome)}, ", autoescape=True)
    return _text(Attempt.path).contains(f", {_quoted(step)}]", autoescape=True)


def _named(name: str) -> list[Condition]:
    """As the only flow, the first, the last or a middle one of those that were merged."""
    return [
        Attempt.flow == name,
        Attempt.flow.startswith(name + JOINED, autoescape=True),
        Attempt.flow.endswith(JOINED + name, autoescape=True),
        Attempt.flow.contains(f"{JOINED}{name}{JOINED}", autoescape=True),
    ]


def _begins(name: str) -> Condition:
    """Its steps go by their own names: it is the only or the first flow."""
    alone, first, *_rest = _named(name)
    return sa.or_(alone, first)


def _text(column: InstrumentedAttribute[Any]) -> ColumnElement[str]:
    """A JSON column as the text that it is kept as, on every database."""
    return sa.cast(column, sa.Text)


def _quoted(text: str) -> str:
    return json.dumps(text)


def _steps(path: str | None, part: _Part) -> list[tuple[str, str, str]]:
    """The arrows of a way that are the flow's own, under its own names; where it begins is none."""
    arrows = ((str(one[0]), str(one[1]), str(one[2])) for one in json.loads(path or "[]"))
    return [(part.own(step) or "", outcome, part.own(to) or "") for step, outcome, to in arrows]


def _counted(ways: Mapping[tuple[_Part, Way], int]) -> Calls:
    """Every call counts once for a step, an arrow and a loss, however often it came by."""
    entered: Counter[str] = Counter()
    arrows: Counter[Arrow] = Counter()
    lost: Counter[str] = Counter()
    for (part, (path, verdict)), number in ways.items():
        steps = _steps(path, part)
        for target in {to for _, _, to in steps if to}:
            entered[target] += number
        for arrow in {(step, outcome) for step, outcome, _ in steps if step}:
            arrows[arrow] += number
        for step in _lost(verdict, part):
            lost[step] += number
    return Calls(sum(ways.values()), entered, arrows, lost)


def _lost(verdict: str | None, part: _Part) -> Iterator[str]:
    reasons = (json.loads(verdict) or {}).get("reasons", ()) if verdict else ()
    places = {reason.partition(":")[2] for reason in reasons if str(reason).startswith(f"{HUNG_UP}:")}
    return filter(None, map(part.own, sorted(places)))


def _seconds(session: Session, name: str, calls: Sequence[Condition]) -> dict[str, float]:
    """Step -> seconds from the answer until it was asked, where answers of the newest calls tell it."""
    newest = select(Attempt.attempt_id, Attempt.flow).where(*calls).order_by(Attempt.started_at.desc()).limit(TIMED)
    timed = newest.subquery()
    each = select(timed.c.flow, Answer.step, func.count(), func.sum(Answer.start_ms))
    joined = each.join(timed, Answer.attempt_id == timed.c.attempt_id)
    totals: dict[str, tuple[int, int]] = {}
    for flow, step, number, milliseconds in session.execute(joined.group_by(timed.c.flow, Answer.step)):
        if own := _Part.of(flow, name).own(step):
            before, summed = totals.get(own, (0, 0))
            totals[own] = before + number, summed + int(milliseconds)
    return {step: summed / number / 1000 for step, (number, summed) in totals.items()}
