"""Handoff: ring free agents one after the other until one answers, or until the client has waited long enough.

Every try and its ending is kept in the handoff's row. Whatever happens to the client meanwhile, the agent ends in a
defined state: FREE again when he did not take the call, WRAP_UP until his outcome is known when he did.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.clock import Clock
from core.ids import new_id
from core.settings import Desk as DeskSettings
from dialer.desk import agents
from dialer.lines.base import Answered, Call, CallEvent, Ended, Line, LineError
from dialer.store import Store
from dialer.tables import Agent, AgentState, Attempt, Client, Handoff, Item

logger = logging.getLogger(__name__)
Avoided = Callable[[frozenset[str]], Collection[str]]
POLL_S = 1.0  # how often a waiting client's node looks for a free agent


@dataclass(frozen=True, slots=True)
class AgentLeg:
    """An agent who has answered, and his call."""

    handoff_id: str
    staff_id: str
    call: Call


class HandoffDesk:
    """Finds an agent for a live call and keeps the books of it."""

    def __init__(
        self,
        line: Line,
        store: Store,
        clock: Clock,
        *,
        node: str,
        rules: DeskSettings,
        avoided: Avoided,
    ) -> None:
        """``avoided`` gives the series of staff that the pack keeps away from a callback of those programmes."""
        self.rules = rules
        self._line = line
        self._store = store
        self._clock = clock
        self._node = node
        self._avoided = avoided

    async def find(self, *, attempt_id: str, client_id: str, reason: str) -> AgentLeg | None:
        """Ring agents until one answers; None when nobody did within ``wait_seconds``.

        Cancelling it (the client hung up) stops the ringing and frees the agent.
        """
        handoff_id = new_id(self._clock.now())
        leg: AgentLeg | None = None
        try:
            await self._request(handoff_id, attempt_id, reason)
            leg = await self._search(handoff_id, client_id)
            await self._result(handoff_id, "joined" if leg else "nobody_free", leg)
        except asyncio.CancelledError:
            await (self.too_late(leg) if leg else self._result(handoff_id, "client_gone"))
            raise
        return leg

    async def left(self, leg: AgentLeg, *, outcome_known: bool) -> None:
        """The talk is over: the agent is free again, or in wrap-up while his outcome is missing."""
        state = AgentState.FREE if outcome_known else AgentState.WRAP_UP

        def change(session: Session) -> None:
            at = self._clock.now()
            agents.set_state(session, leg.staff_id, state, at=at, held_by=self._node)
            handoff = session.get_one(Handoff, leg.handoff_id)
            handoff.left_at = handoff.left_at or at

        await self._store.write(change)

    async def too_late(self, leg: AgentLeg) -> None:
        """The client was gone before the agent could be joined to him: let the agent go, free."""
        await leg.call.hang_up()

        def change(session: Session) -> None:
            agents.set_state(session, leg.staff_id, AgentState.FREE, at=self._clock.now(), held_by=self._node)
            session.get_one(Handoff, leg.handoff_id).result = "client_gone"

        await self._store.write(change)

    async def _search(self, handoff_id: str, client_id: str) -> AgentLeg | None:
        deadline = self._clock.monotonic() + self.rules.wait_seconds
        tried: list[str] = []
        while self._clock.monotonic() < deadline:
            agent = await self._take_or_give_back(client_id, handoff_id, tried)
            if agent is None:
                await self._clock.sleep(POLL_S)
                continue
            tried.append(agent.staff_id)
            call = await self._ring(agent, handoff_id)
            if call is not None:
                return AgentLeg(handoff_id, agent.staff_id, call)
        return None

    async def _take_or_give_back(self, client_id: str, handoff_id: str, tried: list[str]) -> Agent | None:
        # A client who hangs up while the agent is being taken must not leave that agent ringing for ever.
        taking = asyncio.ensure_future(self._take(client_id, handoff_id, tried))
        try:
            return await asyncio.shield(taking)
        except asyncio.CancelledError:
            agent = await taking
            if agent is not None:
                await self._freed(agent, handoff_id, "client_gone")
            raise

    async def _ring(self, agent: Agent, handoff_id: str) -> Call | None:
        try:
            call = await self._line.dial(agent.sip_uri)
        except LineError as error:
            await self._freed(agent, handoff_id, f"line: {error}")
            return None
        try:
            if await self._answers(call):
                await self._store.write(partial(self._talking, agent))
                return call
        except asyncio.CancelledError:
            await call.hang_up()
            await self._freed(agent, handoff_id, "client_gone")
            raise
        await call.hang_up()
        await self._freed(agent, handoff_id, _ending_words(call))
        return None

    async def _answers(self, call: Call) -> bool:
        """True when the agent answers within ``ring_seconds``."""
        outcome: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

        def listen(event: CallEvent) -> None:
            if isinstance(event, Answered | Ended) and not outcome.done():
                outcome.set_result(isinstance(event, Answered))

        stop = call.subscribe(listen)
        timer = asyncio.ensure_future(self._clock.sleep(self.rules.ring_seconds))
        either: set[asyncio.Future[Any]] = {outcome, timer}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            return outcome.done() and outcome.result()
        finally:
            timer.cancel()
            stop()

    def _talking(self, agent: Agent, session: Session) -> None:
        now, me = self._clock.now(), self._node
        agents.set_state(session, agent.staff_id, AgentState.TALKING, at=now, node=me, held_by=me)

    async def _take(self, client_id: str, handoff_id: str, tried: list[str]) -> Agent | None:
        def change(session: Session) -> Agent | None:
            client = session.get_one(Client, client_id)
            return agents.take_free(
                session,
                client=client,
                node=self._node,
                at=self._clock.now(),
                tried=tried,
                excluded_series=self._avoided(_programmes(session, handoff_id)),
            )

        return await self._store.write(change)

    async def _request(self, handoff_id: str, attempt_id: str, reason: str) -> None:
        at = self._clock.now()
        row = Handoff(handoff_id=handoff_id, attempt_id=attempt_id, reason=reason, requested_at=at, tried=[])
        await self._store.write(lambda session: session.add(row))

    async def _freed(self, agent: Agent, handoff_id: str, ending: str) -> None:
        def change(session: Session) -> None:
            agents.set_state(session, agent.staff_id, AgentState.FREE, at=self._clock.now(), held_by=self._node)
            handoff = session.get_one(Handoff, handoff_id)
            handoff.tried = [*handoff.tried, {"staff_id": agent.staff_id, "ending": ending}]

        await self._store.write(change)

    async def _result(self, handoff_id: str, result: str, leg: AgentLeg | None = None) -> None:
        def change(session: Session) -> None:
            handoff = session.get_one(Handoff, handoff_id)
            handoff.result = result
            if leg:
                handoff.staff_id = leg.staff_id
                handoff.joined_at = self._clock.now()

        await self._store.write(change)


def _programmes(session: Session, handoff_id: str) -> frozenset[str]:
    """What the client's callback is about."""
    asked = select(Item.programme).join(Attempt, Attempt.callback_id == Item.callback_id)
    return frozenset(session.scalars(asked.join(Handoff).where(Handoff.handoff_id == handoff_id)))


def _ending_words(call: Call) -> str:
    ending = call.ending
    return f"{ending.status or ''} {ending.phrase or ending.cause}".strip() if ending else "no answer"
