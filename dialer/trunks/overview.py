"""The line at one moment for people and monitors: every trunk with its last hour, every node with its heartbeat.

The rule of this module: it only reads, and what is not known is None. It shows what the books say; a node's own view of
a trunk (registration, OPTIONS) stands beside it, one row a node.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.settings import Settings
from core.settings import Trunk as TrunkSettings
from dialer.calling.dispositions import Disposition
from dialer.tables import Attempt, DialerNode, TrunkHealthRow, TrunkState
from dialer.trunks.books import breaker, channels_in_use
from dialer.trunks.breaker import TRUNK_FAULTS, BreakerState

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class TrunkNow:
    """One trunk: its settings (None: it is not in them), the books, the attempts that ended in the last hour."""

    name: str
    given: TrunkSettings | None
    state: str  # drained, or a BreakerState
    in_use: int
    opened_until: datetime | None
    failures: int
    last_fault: str
    last_fault_at: datetime | None
    drained_by: str | None
    drained_at: datetime | None
    dispositions: dict[str, int]
    health: Sequence[TrunkHealthRow]

    @property
    def ended(self) -> int:
        """Attempts that ended in the last hour."""
        return sum(self.dispositions.values())

    @property
    def faults(self) -> int:
        """Those that were the trunk's fault."""
        return sum(self.dispositions.get(fault, 0) for fault in TRUNK_FAULTS)

    @property
    def answer_ratio(self) -> float | None:
        """The share that was answered; None when none ended."""
        return self.dispositions.get(Disposition.ANSWERED, 0) / self.ended if self.ended else None


@dataclass(frozen=True, slots=True)
class NodeNow:
    """One dialer process as it last told of itself."""

    name: str
    state: str
    host: str
    version: str
    calls: int
    started_at: datetime
    heartbeat_at: datetime
    age_s: float
    late_ticks: int | None


def trunks_now(session: Session, settings: Settings, now: datetime) -> list[TrunkNow]:
    """Every trunk of the settings in their order, then those that only the books still know."""
    rows = {row.name: row for row in session.scalars(select(TrunkState))}
    in_use, ended = channels_in_use(session), _last_hour(session, now)
    seen = session.scalars(select(TrunkHealthRow).order_by(TrunkHealthRow.node)).all()
    names = [*settings.trunks, *sorted((rows.keys() | in_use.keys()) - settings.trunks.keys())]
    return [
        _trunk(
            name,
            settings.trunks.get(name),
            rows.get(name) or TrunkState(name=name, failures=0, last_fault="", drained=False),
            in_use=in_use.get(name, 0),
            ended=ended.get(name, Counter()),
            health=[one for one in seen if one.trunk == name],
            now=now,
        )
        for name in names
    ]


def _trunk(
    name: str,
    given: TrunkSettings | None,
    row: TrunkState,
    *,
    in_use: int,
    ended: Counter[str],
    health: Sequence[TrunkHealthRow],
    now: datetime,
) -> TrunkNow:
    state = breaker(row).state(now)
    return TrunkNow(
        name=name,
        given=given,
        state="drained" if row.drained else state.value,
        in_use=in_use,
        opened_until=row.opened_until if state is BreakerState.OPEN else None,
        failures=row.failures,
        last_fault=row.last_fault,
        last_fault_at=row.last_fault_at,
        drained_by=row.drained_by,
        drained_at=row.drained_at,
        dispositions=dict(ended.most_common()),
        health=health,
    )


def _last_hour(session: Session, now: datetime) -> dict[str, Counter[str]]:
    wanted = (
        select(Attempt.trunk, Attempt.disposition, func.count())
        .where(Attempt.ended_at > now - HOUR, Attempt.trunk.is_not(None), Attempt.disposition.is_not(None))
        .where(Attempt.started_at > now - 2 * HOUR)  # its index; no call lasts an hour
        .group_by(Attempt.trunk, Attempt.disposition)
    )
    found: dict[str, Counter[str]] = {}
    for trunk, disposition, times in session.execute(wanted):
        found.setdefault(trunk, Counter())[disposition] = times
    return found


def nodes_now(session: Session, now: datetime) -> list[NodeNow]:
    """Every node that the database knows, by name."""
    return [
        NodeNow(
            row.name,
            row.state,
            row.host,
            row.version,
            row.calls,
            row.started_at,
            row.heartbeat_at,
            (now - row.heartbeat_at).total_seconds(),
            row.figures.get("late"),
        )
        for row in session.scalars(select(DialerNode).order_by(DialerNode.name))
    ]
