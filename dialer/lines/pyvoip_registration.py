"""Registrations with the trunks that ask for them (RFC 3261 section 10), on the pyVoIP engine.

The rule of this module: it asks and writes down what it hears (``HealthBook``), it decides nothing. pyVoIP's own
registration blocks the receiving thread, gives up for good after three failures and knows no 407.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket

from core.clock import Clock
from dialer.lines.addresses import trunk_address
from dialer.lines.base import Trunk
from dialer.lines.pyvoip_digest import Credentials, credentials_header
from dialer.lines.pyvoip_messages import AGENT, ALLOW, Packet
from dialer.lines.pyvoip_phone import Phone
from dialer.lines.trunk_health import HealthBook

AGAIN_S = (2.0, 5.0, 10.0, 20.0, 30.0)  # pauses after the first, second ... failure in a row; the last stays
_PATIENCE_S = 4.0  # a registrar that needs longer is away
_OK = 200
_FAREWELL_S = 1.0
_EARLY = 0.8  # a registration is renewed after this part of its time
_EXPIRES = re.compile(r";\s*expires\s*=\s*\"?(\d{1,7})", re.IGNORECASE)
_TOO_BRIEF = 423


class Registration:
    """REGISTER requests to one trunk."""

    def __init__(self, trunk: Trunk, caller_id: str, phone: Phone) -> None:
        self._trunk = trunk
        self._phone = phone
        host, port = trunk_address(trunk.address, trunk.transport)
        self._host, self._port = host, port
        self._uri = f"sip:{host}:{port}"
        self._who = f"<sip:{trunk.user or caller_id}@{trunk.domain or host}>"
        self._contact = f"<sip:{trunk.user or caller_id}@{phone.myIP}:{phone.port_number}>"
        self._call_id = phone.sip.gen_call_id()
        self._tag = phone.sip.gen_tag()
        self._cseq = 0

    async def register(self, seconds: int, patience_s: float) -> Packet | None:
        """Register for ``seconds`` (0: no longer), answering a challenge once; the final response or None."""
        response = await self._register(seconds, [], patience_s)
        if response is None or (answer := self._answer(response)) is None:
            return response
        return await self._register(seconds, [answer], patience_s)

    def _answer(self, response: Packet) -> tuple[str, str] | None:
        who = Credentials(self._trunk.user, self._trunk.password) if self._trunk.user else None
        return credentials_header(response, who, "REGISTER", self._uri)

    async def _register(self, seconds: int, extra: list[tuple[str, str]], patience_s: float) -> Packet | None:
        address = await self._address()
        if address is None:
            return None
        self._cseq += 1
        headers = [
            ("From", f"{self._who};tag={self._tag}"), ("To", self._who), ("Call-ID", self._call_id),
            ("CSeq", f"{self._cseq} REGISTER"), ("Contact", self._contact), ("Expires", str(seconds)),
            *extra, ALLOW, AGENT,
        ]  # fmt: skip
        return await self._phone.ask(self._phone.request_outside("REGISTER", self._uri, headers), address, patience_s)

    async def _address(self) -> tuple[str, int] | None:
        with contextlib.suppress(OSError, UnicodeError):
            found = await asyncio.get_running_loop().getaddrinfo(self._host, self._port, family=socket.AF_INET)
            return str(found[0][4][0]), self._port
        return None


class Registrations:
    """Keeps each trunk that wants it registered: renews, tries again after failures, informs the health book."""

    def __init__(self, clock: Clock, caller_id: str, health: HealthBook) -> None:
        self._clock = clock
        self._caller_id = caller_id
        self._health = health
        self._kept: dict[str, tuple[Trunk, Registration]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._registered: set[str] = set()

    def add(self, trunk: Trunk, phone: Phone) -> None:
        """Keep ``trunk`` registered from now on, if it wants that."""
        if trunk.register_s:
            self._kept[trunk.name] = trunk, Registration(trunk, self._caller_id, phone)
            self._begin(trunk.name)

    def again(self, trunk: str) -> None:
        """Register once more now: the trunk was away and may have forgotten us."""
        if trunk in self._kept:
            self._tasks[trunk].cancel()
            self._begin(trunk)

    def _begin(self, name: str) -> None:
        self._tasks[name] = asyncio.get_running_loop().create_task(self._keep(*self._kept[name]))

    async def close(self) -> None:
        """Ask no more; registrations are given back (1 s at most)."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        leaving = [registration for name, (_, registration) in self._kept.items() if name in self._registered]
        await asyncio.gather(*(registration.register(0, _FAREWELL_S) for registration in leaving))
        self._kept.clear()
        self._tasks.clear()

    async def _keep(self, trunk: Trunk, registration: Registration) -> None:
        failures, wanted = 0, trunk.register_s
        while True:
            response = await registration.register(wanted, _PATIENCE_S)
            if self._note(trunk, response) and response is not None:
                failures = 0
                await self._clock.sleep(_EARLY * granted(response, wanted))
                continue
            if response is not None and response.status == _TOO_BRIEF and response.get("min-expires").isdigit():
                wanted = max(wanted, int(response.get("min-expires")[:6]))
            await self._clock.sleep(AGAIN_S[min(failures, len(AGAIN_S) - 1)])
            failures += 1

    def _note(self, trunk: Trunk, response: Packet | None) -> bool:
        registered = response is not None and response.status == _OK
        (self._registered.add if registered else self._registered.discard)(trunk.name)
        words = "no answer" if response is None else f"{response.status} {response.facts.phrase}"
        self._health.registered(trunk.name, registered, "registered" if registered else f"registration failed: {words}")
        return registered


def granted(response: Packet, wanted: int) -> int:
    """The seconds for which a registrar's 200 holds (RFC 3261 section 10.2.4)."""
    match = _EXPIRES.search(response.get("contact"))
    text = match[1] if match else response.get("expires")
    return max(1, int(text)) if text.isdigit() and len(text) < 8 else wanted  # a million seconds
