"""The numbers of the board apart from coverage: items by what became of them, open deadlines, who was left out.

The rule of this module: a number is the length of the list it opens; both use the expressions of ``web.board.lists``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from dialer.programmes.model import Due, Pack, Trigger
from dialer.tables import Callback, CallbackState, Client, Escalation, Item, PlanRun, Sample, Skip
from web.board import lists
from web.board.lists import FATE, Moments, risk_of
from web.board.wanted import RISKS, Wanted

TOLD = 8  # escalations shown on the board itself


@dataclass(frozen=True, slots=True)
class Fates:
    """One line of items that were due in a period: of a programme, or of one branch of it."""

    programme: str
    branch: str
    counts: Mapping[str, int]
    skipped: int
    open_values: tuple[str, ...] = ()

    @property
    def due(self) -> int:
        """How many items were due, whatever became of them."""
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class Risks:
    """One line of open call-backs by the time that is left; ``branch`` empty is the firm."""

    branch: str
    counts: Mapping[str, int]

    @property
    def open(self) -> int:
        """How many are open."""
        return sum(self.counts.values())


def newest_run(session: Session) -> PlanRun | None:
    """The planner's last run."""
    return session.scalars(select(PlanRun).order_by(PlanRun.at.desc(), PlanRun.plan_id.desc()).limit(1)).first()


def not_run(run: PlanRun | None, pack: Pack | None) -> dict[str, tuple[str, ...]]:
    """Programmes that did not run and the values the firm must set: of the last run, or of the pack before any."""
    if run is not None:
        return {str(one["programme"]): tuple(one["open"]) for one in run.refused}
    return {one.key: one.open_values for one in pack.programmes.values() if one.open_values} if pack else {}


def by_programme(session: Session, wanted: Wanted, pack: Pack | None) -> list[Fates]:
    """Items due in the period, one line a programme that is not counted per period (those have their coverage)."""
    fates = _fates(session, wanted, Item.programme)
    skipped = _skipped(session, wanted, Skip.programme)
    periodic = set(session.scalars(select(Sample.programme).distinct()))
    known = {one.key: one.open_values for one in pack.programmes.values() if not _periodic(one.due)} if pack else {}
    codes = [*known, *sorted((fates.keys() | skipped.keys()) - known.keys() - periodic)]
    return [
        Fates(code, wanted.branch, fates.get(code, {}), skipped.get(code, 0), known.get(code, ())) for code in codes
    ]


def by_branch(session: Session, wanted: Wanted) -> list[Fates]:
    """Items of one programme due in the period, one line a branch."""
    fates = _fates(session, wanted, Client.branch)
    skipped = _skipped(session, wanted, Client.branch)
    names = sorted(fates.keys() | skipped.keys())
    return [Fates(wanted.programme, name, fates.get(name, {}), skipped.get(name, 0)) for name in names]


def risks(session: Session, wanted: Wanted, moments: Moments) -> list[Risks]:
    """Open call-backs by the time that is left, a line for the firm and one for each branch."""
    counted = select(Client.branch, risk_of(moments).label("risk"), func.count())
    found = counted.join(Callback, Callback.client_id == Client.client_id)
    found = found.where(Callback.state != CallbackState.CLOSED).group_by(Client.branch, "risk")
    if wanted.branch:
        found = found.where(Client.branch == wanted.branch)
    parts: dict[str, dict[str, int]] = {}
    for branch, code, n in session.execute(found):
        parts.setdefault(branch, {})[code] = n
    lines = [Risks(branch, counts) for branch, counts in sorted(parts.items())]
    whole = Counter({code: sum(line.counts.get(code, 0) for line in lines) for code in RISKS})
    return [Risks(wanted.branch, whole), *(lines if not wanted.branch else [])]


def left_out(session: Session, wanted: Wanted) -> list[tuple[str, str, int]]:
    """Programme, reason, and how many clients were left out for it, whatever their deadline."""
    every = lists.skips(replace(wanted, since="", until="", programme="", code="")).order_by(None)
    found = every.with_only_columns(Skip.programme, Skip.code, func.count()).group_by(Skip.programme, Skip.code)
    return [(programme, code, n) for programme, code, n in session.execute(found.order_by(Skip.programme, Skip.code))]


def escalated(session: Session, wanted: Wanted) -> tuple[int, Sequence[Escalation]]:
    """How many deadlines cannot be met, and the first of them."""
    found = lists.escalations(Wanted(branch=wanted.branch))
    return count(session, found), session.scalars(found.limit(TOLD)).all()


def count(session: Session, wanted: Select[Any]) -> int:
    """How many rows a select has."""
    return session.scalar(select(func.count()).select_from(wanted.order_by(None).subquery())) or 0


def branches(session: Session) -> list[str]:
    """Every branch that has clients."""
    return list(session.scalars(select(Client.branch).distinct().order_by(Client.branch)))


def _periodic(due: Due) -> bool:
    return due.period is not None or due.kind is Trigger.DEPARTURE


def _fates(session: Session, wanted: Wanted, column: Any) -> dict[str, dict[str, int]]:
    found = lists.items(replace(wanted, fate="")).order_by(None)
    if column is Client.branch:
        found = found.join(Callback, Callback.callback_id == Item.callback_id)
        found = found.join(Client, Client.client_id == Callback.client_id)
    counted = found.with_only_columns(column, FATE.label("fate"), func.count()).group_by(column, "fate")
    parts: dict[str, dict[str, int]] = {}
    for key, fate, n in session.execute(counted):
        parts.setdefault(key, {})[fate] = n
    return parts


def _skipped(session: Session, wanted: Wanted, column: Any) -> dict[str, int]:
    found = lists.skips(replace(wanted, code="")).order_by(None)
    if column is Client.branch:
        found = found.join(Client, Client.client_id == Skip.client_id)
    counted = found.with_only_columns(column, func.count()).group_by(column)
    return {row[0]: row[1] for row in session.execute(counted)}
