"""One leader for what only one node may do: a lease in the table ``leader``, renewed with the heartbeat.

The rule of this module: one UPDATE takes or keeps the lease. The work of a leader must bear being done twice at once:
one whose machine stood still learns that it was followed only when it runs again.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import cast

from sqlalchemy import CursorResult, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from dialer.nodes.registry import Me
from dialer.nodes.times import LEADER_S
from dialer.tables import Leader

JOBS = "jobs"
"""The role of the node that runs the scheduled jobs."""


def hold(session: Session, role: str, me: Me, now: datetime, *, seconds: float = LEADER_S) -> bool:
    """Take the role when nobody has it, or keep it, for ``seconds`` from ``now``; False while another node has it."""
    until = now + timedelta(seconds=seconds)
    free = or_(Leader.incarnation == me.incarnation, Leader.until <= now)
    values = {"node": me.name, "incarnation": me.incarnation, "until": until}
    taken = update(Leader).where(Leader.role == role, free).values(values).execution_options(synchronize_session=False)
    if cast("CursorResult[None]", session.execute(taken)).rowcount == 1:
        return True
    holder = select(Leader.incarnation).where(Leader.role == role)
    if session.scalars(holder).first() is not None:
        return False
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    session.execute(dialect.insert(Leader).values(role=role, **values).on_conflict_do_nothing())
    return session.scalars(holder).one() == me.incarnation


def release(session: Session, incarnation: str, now: datetime) -> None:
    """Give up every role of a process that ends, or is dead: others may follow at once."""
    held = update(Leader).where(Leader.incarnation == incarnation, Leader.until > now)
    session.execute(held.values(until=now).execution_options(synchronize_session=False))


def inherit(session: Session, me: Me, now: datetime) -> None:
    """``me`` has its name for itself: what an earlier process of that name held is free."""
    held = update(Leader).where(Leader.node == me.name, Leader.incarnation != me.incarnation, Leader.until > now)
    session.execute(held.values(until=now).execution_options(synchronize_session=False))


def leader(session: Session, role: str, now: datetime) -> str | None:
    """The name of the node that has the role now; None when nobody has it."""
    return session.scalars(select(Leader.node).where(Leader.role == role, Leader.until > now)).first()
