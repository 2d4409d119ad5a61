"""The default SIP engine: baresip (libre, native RTP) behind the line protocol.

The rule of this module: one engine per process, one account for each trunk, G.711 only, and every fact about a call
from the engine's events and its SIP trace. Incoming calls are refused with 486, REFER with 603: a dialer calls, it is
not called.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Coroutine, Mapping, Sequence

from baresip import BaresipError, Event, Runtime, StackEvent, UserAgent
from baresip.call import Call as EngineCall
from baresip.call import CallState as EngineState

from core.clock import Clock
from dialer.lines.acks import Acknowledgements
from dialer.lines.addresses import is_sip_uri, is_wildcard, listening_address, trunk_address, uri_host
from dialer.lines.baresip_call import BaresipCall
from dialer.lines.baresip_config import calling_account, engine_config, registering_account
from dialer.lines.base import Ended, LineError, Trunk, TrunkHealth
from dialer.lines.engine_audio import audio_of
from dialer.lines.engine_handles import low_handles_kept
from dialer.lines.engine_logs import EngineLogs
from dialer.lines.options import OptionsPinger
from dialer.lines.peers import PeerFilter
from dialer.lines.registrations import Registrations
from dialer.lines.sip_messages import parse_message
from dialer.lines.trunk_health import HealthBook

__all__ = ["BaresipCall", "BaresipLine"]

_FAREWELL_S = 3.0  # how long close() waits for far ends to confirm our BYE


class BaresipLine:
    """``Line`` on baresip. One lives in a process at a time; a line whose engine died needs a new process."""

    def __init__(
        self,
        clock: Clock,
        *,
        listen: str,
        caller_id: str,
        trunks: Sequence[Trunk],
        rtp_ports: tuple[int, int] = (16384, 32766),
        media_timeout_s: int = 60,
        peers: Sequence[str] = (),
        ca_file: str = "",
    ) -> None:
        """``listen`` is ``host:port`` (port 0: any free one); ``caller_id`` the firm's one standard number (B-25).

        rtp_ports: the UDP ports for audio. media_timeout_s: an answered call without RTP for so long is dead; 0 never.
        peers: addresses and networks, beside the trunks' hosts, that may send us requests.
        ca_file: the certificates (PEM) by which a TLS trunk's own is checked; empty: those of the system.
        """
        self._clock = clock
        self._listen = listen
        self._caller_id = caller_id
        self._trunks = {trunk.name: trunk for trunk in trunks}
        self._rtp_ports = rtp_ports
        self._media_timeout_s = media_timeout_s
        self._filter = PeerFilter(peers)
        self._ca_file = ca_file
        self._health = HealthBook(clock, trunks)
        self._agents: dict[str, UserAgent] = {}
        self._registrations: Registrations | None = None
        self._pinger: OptionsPinger | None = None
        self._runtime: Runtime | None = None
        self._logs: EngineLogs | None = None
        self._one_dial = asyncio.Lock()
        self._fresh: dict[int, BaresipCall] = {}  # told by the engine, not yet returned by dial
        self._calls: dict[int, BaresipCall] = {}
        self._by_call_id: dict[str, BaresipCall] = {}
        self._acks = Acknowledgements()
        self._farewells: set[str] = set()
        self._errands: set[asyncio.Task[None]] = set()
        self._progress = asyncio.Event()

    async def start(self) -> None:
        """Open the SIP port; LineError when it is taken, not permitted or the settings make no sense."""
        if self._runtime is not None:
            raise LineError("the line is already started; close it first")
        if not self._trunks:
            raise LineError("the line has no trunk: write [trunk.main] with its address into huifang.toml")
        runtime, logs = Runtime(), EngineLogs(self._on_trace)
        logs.attach()
        try:
            await self._open(runtime)
        except (BaresipError, LineError, ValueError, OSError) as error:
            logs.detach()
            self._agents.clear()
            with contextlib.suppress(BaresipError):
                await runtime.close()
            raise LineError(f"cannot open the SIP line on {self._listen}: {error}; {_remedy(error)}") from error
        self._runtime, self._logs = runtime, logs
        runtime.on_dead = self._engine_died
        runtime.subscribe(self._on_event)
        await self._look_after_trunks(runtime)

    async def _look_after_trunks(self, runtime: Runtime) -> None:
        host, _ = listening_address(self._listen)
        self._registrations = Registrations(runtime, self._caller_id, self._health)
        self._pinger = OptionsPinger("" if is_wildcard(host) else host, self._caller_id, self._asked, self._ca_file)
        runtime.subscribe(self._registrations.take)
        for trunk in self._trunks.values():
            await self._registrations.add(trunk)
            self._pinger.watch(trunk)
        for agent in self._registrations.agents:
            agent.on_incoming(self._refuse)

    def _asked(self, trunk: str, reachable: bool, detail: str) -> None:
        if self._health.reachable(trunk, reachable, detail) and self._registrations is not None:
            self._registrations.again(trunk)

    async def _open(self, runtime: Runtime) -> None:
        trunks = tuple(self._trunks.values())
        accounts = {trunk.name: calling_account(trunk, self._caller_id) for trunk in trunks}
        for trunk in trunks:
            registering_account(trunk, self._caller_id)
        config = engine_config(self._listen, trunks, self._rtp_ports, self._media_timeout_s, self._ca_file)
        _check_address(*listening_address(self._listen))
        await self._admit(trunks)
        await runtime.start(config)
        self._filter.attach(listening_address(self._listen)[1])
        async with low_handles_kept(runtime):
            for name, account in accounts.items():
                self._agents[name] = await UserAgent.create(runtime, account, transfer_policy="reject")
                self._agents[name].on_incoming(self._refuse)

    async def _admit(self, trunks: Sequence[Trunk]) -> None:
        """The trunks' hosts may send us requests from the first moment."""
        self._filter.prepare()
        for trunk in trunks:
            await self._filter.add(trunk_address(trunk.address, trunk.transport)[0])

    def health(self) -> tuple[TrunkHealth, ...]:
        """What is known of each trunk now."""
        return self._health.report()

    async def dial(self, uri: str, *, trunk: str = "", headers: Mapping[str, str] | None = None) -> BaresipCall:
        """Send one INVITE to ``uri`` (``sip:number@host:port``) and return at once.

        A caller that awaits this directly and subscribes before its next await misses no event.
        """
        if not is_sip_uri(uri):
            raise LineError("no INVITE could leave: the address is not sip:number@host:port; mend number and trunk")
        await self._filter.add(uri_host(uri))
        async with self._one_dial:
            call = await self._place(self._agent(trunk), uri, dict(headers or {}))
        asyncio.get_running_loop().call_soon(call.release)
        return call

    def _agent(self, trunk: str) -> UserAgent:
        if not self._agents:
            raise LineError("the line is not started; start it before dialing")
        name = trunk or next(iter(self._agents))
        if name not in self._agents:
            raise LineError(
                f"the line has no trunk {name!r}: write [trunk.{name}] into huifang.toml and restart the node"
            )
        return self._agents[name]

    async def _place(self, agent: UserAgent, uri: str, headers: dict[str, str]) -> BaresipCall:
        runtime = self._running()
        try:
            engine = await agent.dial(uri, headers=headers)
        except asyncio.CancelledError:
            self._recall_unwanted()
            raise
        except (BaresipError, ValueError) as error:
            self._drop_unborn(runtime)
            raise LineError(f"no INVITE could leave: {error}; {_remedy(error)}") from error
        # Ours was made when the engine told of the call and has missed nothing; this one came too late for a quick
        # refusal and would listen for ever.
        runtime.unsubscribe(engine._on_stack_event)
        return self._fresh.pop(engine.handle)

    def _running(self) -> Runtime:
        if self._runtime is None:
            raise LineError("the line is not started; start it before dialing")
        return self._runtime

    def _recall_unwanted(self) -> None:
        """Hang up a call whose caller is gone: nobody may be rung by it."""
        for call in self._fresh.values():
            call.release()
            self._run(call.hang_up())
        self._fresh.clear()

    def _drop_unborn(self, runtime: Runtime) -> None:
        """Forget a call that the engine announced and then could not send.

        It must not be hung up: the engine has freed it without saying so, and would crash.
        """
        for handle, call in self._fresh.items():
            runtime.unsubscribe(call.engine._on_stack_event)
            self._forget(handle)
        self._fresh.clear()

    async def close(self) -> None:
        """Hang up what lives, wait for the far ends to confirm (3 s at most), give back the ports."""
        if self._runtime is None:
            return
        runtime, self._runtime = self._runtime, None
        self._agents.clear()
        if self._pinger is not None:
            await self._pinger.close()
        with contextlib.suppress(TimeoutError):
            await self._hang_up_all()
        if self._registrations is not None:
            await self._registrations.close()
        with contextlib.suppress(BaresipError):  # a dead engine has nothing left to close
            await runtime.close()
        self._engine_died()
        if self._logs is not None:
            self._logs.detach()

    async def _hang_up_all(self) -> None:
        live = [call for call in self._calls.values() if call.ending is None]
        self._farewells = {call.sip_call_id or "" for call in live if call.answered_at}
        async with asyncio.timeout(_FAREWELL_S):
            await asyncio.gather(*(call.hang_up() for call in live), return_exceptions=True)
            while self._calls or self._farewells:
                self._progress.clear()
                await self._progress.wait()

    def _on_event(self, event: StackEvent) -> None:
        if event.event is Event.CALL_OUTGOING and self._runtime is not None:
            self._welcome(self._runtime, event)
        elif call := self._calls.get(event.call):
            call.engine_event(event)

    def _welcome(self, runtime: Runtime, event: StackEvent) -> None:
        engine = EngineCall(
            runtime, handle=event.call, ua_handle=event.ua, state=EngineState.OUTGOING, call_id=event.call_id
        )
        call = BaresipCall(self._clock, engine, audio_of(engine))
        self._calls[event.call] = self._by_call_id[event.call_id or ""] = call
        call.subscribe(lambda told: self._forget(event.call) if isinstance(told, Ended) else None)
        if self._one_dial.locked():
            self._fresh[event.call] = call
        else:  # its dial timed out and was reported as failed: nobody may be rung by it
            call.release()
            self._run(call.hang_up())

    def _forget(self, handle: int) -> None:
        call = self._calls.pop(handle)
        self._by_call_id.pop(call.sip_call_id or "", None)
        self._acks.forget(call.sip_call_id or "")
        self._progress.set()

    def _on_trace(self, text: str) -> None:
        self._filter.sent(text)
        message = parse_message(text)
        if message is None:
            return
        if message.received and message.method == "BYE" and message.status is not None:
            self._farewells.discard(message.call_id)
            self._progress.set()
        if call := self._by_call_id.get(message.call_id):
            self._acks.take(message.call_id, text)
            call.sip_message(message)

    def _engine_died(self) -> None:
        for call in tuple(self._calls.values()):
            call.engine_died()

    def _refuse(self, engine: EngineCall) -> None:
        self._run(engine.reject())

    def _run(self, errand: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(errand)
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)


def _check_address(host: str, port: int) -> None:
    """OSError when this machine cannot listen there: the engine would start without a transport and say nothing."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.bind((host, port))


def _remedy(error: Exception) -> str:
    text = str(error)
    for sign, remedy in _REMEDIES.items():
        if sign in text:
            return remedy
    return "mend the [line] settings"


_REMEDIES = {
    "Address already in use": "another program holds this port: stop it or set line.listen to a free one",
    "Permission denied": "ports below 1024 need permission: set line.listen to a higher one",
    "Cannot assign requested address": "this machine does not have the address: mend line.listen",
    "another Runtime is active": "one process holds one line: close the other or start another process",
    "no local address": "set line.listen to an address that reaches the trunk",
    "start a new process": "the engine died: restart this node",
    "exited unexpectedly": "the engine died: restart this node",
}
