"""The carrier: takes every INVITE, looks its number up, runs the call, writes the journal."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from core.clock import Clock
from simulator.call import Call, Room
from simulator.chance import call_random
from simulator.errors import StartError
from simulator.journal import Journal
from simulator.media import Metronome, RtpPorts
from simulator.record import CallRecord
from simulator.sip import Leg, SipEndpoint
from simulator.stream import Counts
from simulator.table import Table

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Listening:
    """Where the carrier listens: address, SIP port (0 picks a free one), first and last RTP port."""

    host: str
    port: int
    rtp_first: int
    rtp_last: int


class Carrier:
    """Every subscriber behind one SIP port. ``start``, then ``stop``; calls run by themselves in between."""

    def __init__(self, table: Table, seed: int, listening: Listening, journal: Journal, clock: Clock) -> None:
        self._table = table
        self._seed = seed
        self._listening = listening
        self._journal = journal
        self._clock = clock
        self._metronome = Metronome()
        ports = RtpPorts(listening.host, listening.rtp_first, listening.rtp_last)
        self._room = Room(listening.host, clock, table.clips, ports, self._metronome, table.dead_after_s, table.prompts)
        self._endpoint = SipEndpoint(self._take)
        self._ordinals: Counter[str] = Counter()
        self._calls: set[Call] = set()

    async def start(self) -> int:
        """Open the port and begin to tick; returns the SIP port."""
        asyncio.get_running_loop().set_exception_handler(_log_failure)
        await self._bind()
        self._metronome.start()
        host, port = self._endpoint.address
        self._journal.write("started", {"host": host, "port": port, "seed": self._seed, "at": self._now()})
        return port

    async def stop(self) -> None:
        """Clear every call, write the last lines, close the port."""
        for call in list(self._calls):
            call.shut_down()
        await self._metronome.stop()
        self._endpoint.close()
        self._journal.write("stopped", {"at": self._now(), "garbage": self._endpoint.garbage})

    def _take(self, leg: Leg) -> None:
        self._ordinals[leg.user] += 1
        ordinal = self._ordinals[leg.user]
        behaviour = self._table.behaviour(leg.user, ordinal)
        record = CallRecord(leg.user, behaviour.common.kind, leg.call_id, ordinal, self._clock.now(), leg.headers)
        self._journal.write("invite", record.invite_line())
        chance = call_random(self._seed, leg.user, ordinal)
        call = Call(self._room, leg, behaviour, record=record, chance=chance, on_end=self._ended)
        self._calls.add(call)
        call.start()

    def _ended(self, call: Call, record: CallRecord, counts: Counts) -> None:
        self._calls.discard(call)
        self._journal.write("call", record.call_line(counts))

    async def _bind(self) -> None:
        host, port = self._listening.host, self._listening.port
        endpoint: Callable[[], SipEndpoint] = lambda: self._endpoint  # noqa: E731
        try:
            await asyncio.get_running_loop().create_datagram_endpoint(endpoint, local_addr=(host, port))
        except OSError as error:
            raise StartError(
                f"cannot listen on udp {host}:{port}: {error.strerror}; stop what uses it, or give another --port"
            ) from error

    def _now(self) -> str:
        return self._clock.now().isoformat()


def _log_failure(_loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
    """One call's failure must not stop the others: it is logged with its traceback, the loop goes on."""
    error = context.get("exception")
    log.error("%s", context.get("message"), exc_info=error if isinstance(error, BaseException) else None)
