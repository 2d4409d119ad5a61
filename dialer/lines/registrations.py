"""Registrations with the trunks that ask for them (RFC 3261 section 10), on the baresip engine.

The rule of this module: the engine registers and renews; this module repeats sooner than the engine would when a
registration failed, and at once when a trunk that was away answers again, because it may have forgotten us.
"""

from __future__ import annotations

import asyncio
import logging

from baresip import BaresipError, Event, Runtime, StackEvent, UserAgent
from baresip._native import lib

from dialer.lines.baresip_config import registering_account
from dialer.lines.base import Trunk
from dialer.lines.engine_handles import low_handles_kept
from dialer.lines.trunk_health import HealthBook

_log = logging.getLogger(__name__)

AGAIN_S = (2.0, 5.0, 10.0, 20.0, 30.0)  # pauses after the first, second ... failure in a row; the last stays
_FAREWELL_S = 2.0


class Registrations:
    """Keeps each trunk that wants it registered, and the health book informed."""

    def __init__(self, runtime: Runtime, caller_id: str, health: HealthBook) -> None:
        self._runtime = runtime
        self._caller_id = caller_id
        self._health = health
        self._agents: dict[str, UserAgent] = {}
        self._trunk_of: dict[int, str] = {}
        self._failures: dict[str, int] = {}
        self._pauses: dict[str, asyncio.TimerHandle] = {}
        self._errands: set[asyncio.Task[None]] = set()

    @property
    def agents(self) -> tuple[UserAgent, ...]:
        """The engine's agents that are registered; they place no calls."""
        return tuple(self._agents.values())

    async def add(self, trunk: Trunk) -> None:
        """Register with ``trunk``, if it wants that; returns when the request is on its way."""
        if not trunk.register_s:
            return
        account = registering_account(trunk, self._caller_id)
        async with low_handles_kept(self._runtime):
            agent = await UserAgent.create(self._runtime, account, transfer_policy="reject")
        self._agents[trunk.name] = agent
        self._trunk_of[agent.handle] = trunk.name
        await self._register(trunk.name)

    def take(self, event: StackEvent) -> None:
        """Take one event of the engine."""
        trunk = self._trunk_of.get(event.ua)
        if trunk is None:
            return
        if event.event is Event.REGISTER_OK:
            self._failures[trunk] = 0
            self._pause(trunk, None)
            self._health.registered(trunk, True, "registered")
        elif event.event is Event.REGISTER_FAIL:
            self._failed(trunk, event.text or "no answer")

    def again(self, trunk: str) -> None:
        """Register once more now: the trunk was away and may have forgotten us."""
        if trunk in self._agents:
            self._send(trunk)

    async def close(self) -> None:
        """Tell the trunks that we leave; two seconds at most."""
        for trunk in self._agents:
            self._pause(trunk, None)
        leaving = [self._leave(agent) for agent in self._agents.values()]
        self._agents.clear()
        self._trunk_of.clear()
        await asyncio.gather(*leaving, *self._errands, return_exceptions=True)

    async def _leave(self, agent: UserAgent) -> None:
        agent._registered = True  # the engine sends nothing for an agent that registered without its own waiting
        await agent.unregister(timeout=_FAREWELL_S)

    def _failed(self, trunk: str, why: str) -> None:
        count = self._failures.get(trunk, 0)
        self._failures[trunk] = count + 1
        self._pause(trunk, AGAIN_S[min(count, len(AGAIN_S) - 1)])
        self._health.registered(trunk, False, f"registration failed: {why}")
        _log.warning("trunk %s: registration failed (%d in a row): %s", trunk, count + 1, why)

    def _pause(self, trunk: str, seconds: float | None) -> None:
        if trunk in self._pauses:
            self._pauses.pop(trunk).cancel()
        if seconds is not None:
            loop = asyncio.get_running_loop()
            self._pauses[trunk] = loop.call_later(seconds, self._send, trunk)

    def _send(self, trunk: str) -> None:
        errand = asyncio.get_running_loop().create_task(self._register(trunk))
        self._errands.add(errand)
        errand.add_done_callback(self._errands.discard)

    async def _register(self, trunk: str) -> None:
        """Ask the engine for a REGISTER; its outcome comes as an event."""
        agent = self._agents.get(trunk)
        if agent is None:
            return
        try:
            _, payload = await self._runtime.cmd(lib.BP_CMD_UA_REGISTER, args=str(agent.handle))
        except BaresipError as error:
            self._failed(trunk, str(error))
        else:
            if payload is not None:
                self._failed(trunk, "the engine could not send REGISTER")
