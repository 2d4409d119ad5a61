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
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from dialer.tables import Answer, Attempt
from ivr_flows.graph import Calls
from ivr_flows.merging import JOINED

HUNG_UP = "hung_up"
"""The outcome under which the calls are listed whose client hung up at a step."""

Condition = ColumnElement[bool]
Path = Sequence[Sequence[Any]]
Way = tuple[str | None, str | None]


@dataclass(frozen=True, slots=True)
class Walked:
    """The calls of one version in a period; `seconds`: from the answer until a question was asked, on the average."""

    calls: Calls
    seconds: Mapping[str, float] = field(default_factory=dict)


def walked(
    session: Session, name: str, flow_hash: str, *, since: datetime | None = None, until: datetime | None = None
) -> Walked:
    """The arrows that calls of one version walked, from `since` on and before `until`; each call counts once an arrow.

    A call with a client who hung up counts as lost at the step where he was.
    """
    calls = of_version(name, flow_hash, since, until)
    ways: Counter[tuple[str, Way]] = Counter()
    columns = (Attempt.flow, _text(Attempt.path), _text(Attempt.verdict))
    for flow, path, verdict in session.execute(select(*columns).where(*calls).execution_options(yield_per=2000)):
        ways[_prefix(flow, name), (path, verdict)] += 1
    return Walked(_counted(ways, _others(ways, name)), _seconds(session, name, calls))


def of_version(name: str, flow_hash: str, since: datetime | None, until: datetime | None) -> list[Condition]:
    """The answered calls that ran this version, alone or merged with others, and whose way was kept."""
    found = [sa.or_(*_named(name)), Attempt.path.is_not(None), sa.type_coerce(Attempt.path, sa.Text) != "null"]
    found += [Attempt.flow_hash.contains(flow_hash, autoescape=True)] if flow_hash else []
    found += [Attempt.started_at >= since] if since else []
    return found + ([Attempt.started_at < until] if until else [])


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
