"""Agents: who is free, who may take this client, and whose turn it is.

One UPDATE that must change one row takes an agent, so that two calls never ring the same one. The client's introducer
never takes his callback (E-04); which series of staff may not take one is the pack's value (E-01, E-02).
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime
from typing import cast

from sqlalchemy import CursorResult, Select, or_, select, update
from sqlalchemy.orm import Session

from core.clock import china
from core.errors import HuifangError
from dialer.tables import Agent, AgentState, Client, Staff


def take_free(
    session: Session,
    *,
    client: Client,
    node: str,
    at: datetime,
    tried: Collection[str],
    excluded_series: Collection[str],
) -> Agent | None:
    """Take the agent who has been free longest and may serve ``client``; None when there is none.

    The agent goes to state RINGING on behalf of ``node``. ``tried`` are staff ids already rung for this call,
    ``excluded_series`` the series of staff that the pack keeps away from this callback.
    """
    for agent in session.scalars(_candidates([*tried, client.introducer_id or ""], excluded_series, china(at).date())):
        if client.language in (agent.staff.languages or [client.language]) and _take(session, agent, node, at):
            session.refresh(agent)
            return agent
    return None


class NotStaff(HuifangError):
    """Import the member of staff first (`huifang import staff FILE.csv`)."""


def employ(session: Session, staff_id: str, *, sip_uri: str, state: AgentState, at: datetime) -> None:
    """Make a member of staff an agent, or change his phone; NotStaff when nobody of that id was imported."""
    if session.get(Staff, staff_id) is None:
        raise NotStaff(f"no member of staff {staff_id!r}; import him first (`huifang import staff FILE.csv`)")
    agent = session.get(Agent, staff_id) or Agent(staff_id=staff_id)
    agent.sip_uri, agent.state, agent.state_since = sip_uri, state, at
    session.add(agent)


def set_state(
    session: Session,
    staff_id: str,
    state: AgentState,
    *,
    at: datetime,
    node: str | None = None,
    held_by: str | None = None,
) -> None:
    """Move an agent to ``state``; ``node`` is the one that holds his call, None when none does.

    ``held_by``: only while that node holds him. One that was declared dead must not move an agent whom others took.
    """
    moved = update(Agent).where(Agent.staff_id == staff_id)
    if held_by is not None:
        moved = moved.where(Agent.node == held_by)
    session.execute(moved.values(state=state, state_since=at, node=node))


def finish_wrap_up(session: Session, staff_id: str, at: datetime) -> None:
    """The agent has set the outcome he owed: he is free again, unless he is talking already."""
    session.execute(
        update(Agent)
        .where(Agent.staff_id == staff_id, Agent.state == AgentState.WRAP_UP)
        .values(state=AgentState.FREE, state_since=at)
    )


def release_node(session: Session, node: str, at: datetime) -> int:
    """Free every agent whose call died with ``node``; returns how many."""
    held = update(Agent).where(Agent.node == node).values(state=AgentState.FREE, state_since=at, node=None)
    return cast("CursorResult[None]", session.execute(held)).rowcount


def _candidates(avoided: Collection[str], excluded_series: Collection[str], today: date) -> Select[tuple[Agent]]:
    return (
        select(Agent)
        .join(Staff)
        .where(
            Agent.state == AgentState.FREE,
            Staff.series.not_in(excluded_series),
            or_(Staff.left_on.is_(None), Staff.left_on >= today),
            Staff.staff_id.not_in(avoided),
        )
        .order_by(Agent.state_since)
    )


def _take(session: Session, agent: Agent, node: str, at: datetime) -> bool:
    taken = (
        update(Agent)
        .where(Agent.staff_id == agent.staff_id, Agent.state == AgentState.FREE)
        .values(state=AgentState.RINGING, state_since=at, node=node)
    )
    return cast("CursorResult[None]", session.execute(taken)).rowcount == 1
