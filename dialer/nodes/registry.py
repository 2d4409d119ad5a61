"""The register of nodes: a name belongs to one process, and its heartbeat proves that the process lives.

The rule of this module: a process is known by its incarnation, new at every start. Every change is one UPDATE that
asks for the incarnation, so whoever was declared dead, or whose name another process took, changes nothing any more.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import CursorResult, Update, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from core import audit
from core.errors import HuifangError
from dialer.tables import DialerNode, NodeState

ALIVE = (NodeState.UP, NodeState.DRAINING)


class NameTaken(HuifangError):
    """Another living process has this node's name: stop it, or set another node.name for this one."""


class NoSuchNode(HuifangError):
    """Check the name; `huifang nodes` lists those that are known."""


@dataclass(frozen=True, slots=True)
class Me:
    """One process: its name, its incarnation, and what others are shown of it."""

    name: str
    incarnation: str
    host: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """A living node as its row showed it: enough to tell whether it has moved since."""

    name: str
    incarnation: str
    heartbeat_at: datetime


@dataclass(frozen=True, slots=True)
class Beat:
    """What a node learns when it writes its heartbeat: whether it still counts as alive, whether it is to dial."""

    alive: bool
    drained: bool = False


def register(session: Session, me: Me, now: datetime, *, gone: Collection[str] = (), seen: Seen | None = None) -> Seen:
    """Take the name; returns what the row shows afterwards: ours, or the node that has the name.

    It is taken from a node that has stopped, was declared dead, whose incarnation is among ``gone``, or that still
    shows ``seen``, after the caller has watched it long enough.
    """
    row = session.get(DialerNode, me.name, with_for_update=True) or _new_row(session, me, now)
    free = row.state not in ALIVE or row.incarnation in {me.incarnation, *gone} or _shown(row) == seen
    if free:
        row.incarnation, row.host, row.version = me.incarnation, me.host, me.version
        row.state, row.calls, row.figures = NodeState.UP, 0, {}
        row.started_at = row.heartbeat_at = now
    return _shown(row)


def heartbeat(
    session: Session, me: Me, now: datetime, *, calls: int, figures: Mapping[str, Any], ending: bool = False
) -> Beat:
    """Prove that ``me`` lives. ``ending``: it dials nothing new and stops with its last call, whatever the row says."""
    values: dict[str, Any] = {"heartbeat_at": now, "calls": calls, "figures": dict(figures)}
    if ending:
        values["state"] = NodeState.DRAINING
    if _changed(session, _mine(me).values(values)) == 0:
        return Beat(alive=False)
    state = session.scalars(select(DialerNode.state).where(DialerNode.name == me.name)).one()
    return Beat(alive=True, drained=state == NodeState.DRAINING)


def stop(session: Session, me: Me, now: datetime) -> None:
    """A clean end: nobody has to take anything over."""
    session.execute(_mine(me).values(state=NodeState.STOPPED, calls=0, heartbeat_at=now))


def lives(session: Session, name: str, incarnation: str) -> bool:
    """Whether this process still counts as alive; on PostgreSQL nobody can change that until the transaction ends."""
    row = select(DialerNode.name).where(
        DialerNode.name == name, DialerNode.incarnation == incarnation, DialerNode.state.in_(ALIVE)
    )
    return session.scalars(row.with_for_update(read=True)).first() is not None


def living(session: Session, *, but: str = "") -> list[Seen]:
    """The nodes that count as alive, without the one named ``but``."""
    rows = select(DialerNode.name, DialerNode.incarnation, DialerNode.heartbeat_at)
    found = session.execute(rows.where(DialerNode.state.in_(ALIVE), DialerNode.name != but).order_by(DialerNode.name))
    return [Seen(*row) for row in found.tuples()]


def declare_dead(session: Session, silent: Seen) -> bool:
    """True when this call, and no other, found that node dead; False when it has moved, stopped, or is dead already."""
    silent_still = _mine(Me(silent.name, silent.incarnation)).where(DialerNode.heartbeat_at == silent.heartbeat_at)
    return _changed(session, silent_still.values(state=NodeState.DEAD, calls=0)) == 1


def nodes(session: Session) -> Sequence[DialerNode]:
    """Every node that ever registered, by name."""
    return session.scalars(select(DialerNode).order_by(DialerNode.name)).all()


def drain(session: Session, name: str, *, by: str, at: datetime) -> bool:
    """Let a node dial nothing new until ``undrain``; it learns of it with its next heartbeat.

    False when it is drained already or not running; NoSuchNode for a name that never registered.
    """
    if not _moved(session, name, NodeState.UP, NodeState.DRAINING):
        return False
    audit.append(session, at=at, actor=by, action="node.drained", subject=name)
    return True


def undrain(session: Session, name: str, *, by: str, at: datetime) -> bool:
    """Let a drained node dial again; False when it is not drained. NoSuchNode as ``drain``."""
    if not _moved(session, name, NodeState.DRAINING, NodeState.UP):
        return False
    audit.append(session, at=at, actor=by, action="node.undrained", subject=name)
    return True


def _moved(session: Session, name: str, before: NodeState, after: NodeState) -> bool:
    if session.get(DialerNode, name) is None:
        raise NoSuchNode(f"no node {name!r} has ever registered; `huifang nodes` lists those that have")
    held = update(DialerNode).where(DialerNode.name == name, DialerNode.state == before)
    return _changed(session, held.values(state=after)) == 1


def _mine(me: Me) -> Update:
    return update(DialerNode).where(
        DialerNode.name == me.name, DialerNode.incarnation == me.incarnation, DialerNode.state.in_(ALIVE)
    )


def _changed(session: Session, change: Update) -> int:
    result = session.execute(change.execution_options(synchronize_session=False))
    return cast("CursorResult[None]", result).rowcount


def _shown(row: DialerNode) -> Seen:
    return Seen(row.name, row.incarnation, row.heartbeat_at)


def _new_row(session: Session, me: Me, now: datetime) -> DialerNode:
    """The first row of a name; when two processes make it at once, the faster one's."""
    values = {
        "name": me.name,
        "incarnation": me.incarnation,
        "state": NodeState.UP,
        "host": me.host,
        "version": me.version,
        "started_at": now,
        "heartbeat_at": now,
        "calls": 0,
        "figures": {},
    }
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    session.execute(dialect.insert(DialerNode).values(values).on_conflict_do_nothing())
    return session.get_one(DialerNode, me.name, with_for_update=True)
