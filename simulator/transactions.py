"""SIP transactions over UDP (RFC 3261 section 17): nothing is handled twice, nothing unanswered is given up early.

A request seen before gets the last response to it again. A response or BYE that waits for an answer is repeated
after T1, 2 T1, 4 T1... until the answer comes or 64 T1 have passed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from aiosipua import CSeq, SipRequest, SipResponse, Via

T1 = 0.5
T2 = 4.0
GIVE_UP = 64 * T1

Address = tuple[str, int]
Send = Callable[[bytes, Address], None]


class Repeater:
    """Sends ``data`` now and again until ``stop``; ``on_give_up`` is called when nobody ever answered."""

    def __init__(self, send: Send, data: bytes, address: Address, on_give_up: Callable[[], None] | None = None) -> None:
        self._send = partial(send, data, address)
        self._on_give_up = on_give_up
        self._loop = asyncio.get_running_loop()
        self._deadline = self._loop.time() + GIVE_UP
        self._timer: asyncio.TimerHandle | None = None
        self._fire(T1)

    def stop(self) -> None:
        """The answer has come."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _fire(self, interval: float) -> None:
        if self._loop.time() >= self._deadline:
            self._timer = None
            if self._on_give_up is not None:
                self._on_give_up()
            return
        self._send()
        self._timer = self._loop.call_later(interval, self._fire, min(2 * interval, T2))


@dataclass(frozen=True, slots=True)
class Request:
    """One received request with the headers every handler needs, read once."""

    message: SipRequest
    source: Address
    branch: str
    call_id: str
    cseq: CSeq
    from_tag: str
    to_tag: str

    @property
    def method(self) -> str:
        """The method, upper case."""
        return self.message.method.upper()

    @property
    def key(self) -> tuple[str, str]:
        """The server transaction it belongs to (RFC 3261 section 17.2.3): an ACK belongs to its INVITE."""
        return self.branch, "INVITE" if self.method == "ACK" else self.method


@dataclass(slots=True)
class ServerTransaction:
    """What was answered to one request so far."""

    request: Request
    last: bytes | None = None
    repeater: Repeater | None = None


@dataclass(slots=True)
class ServerTransactions:
    """The open server transactions; each is forgotten 64 T1 after it was made or after its INVITE's final answer."""

    send: Send
    _open: dict[tuple[str, str], ServerTransaction] = field(default_factory=dict)

    def repeated(self, request: Request) -> bool:
        """Whether ``request`` was seen before; if so the last response goes out again."""
        known = self._open.get(request.key)
        if known is None:
            return False
        if known.last is not None:
            self.send(known.last, request.source)
        return True

    def begin(self, request: Request) -> None:
        """Remember a new request."""
        self._open[request.key] = ServerTransaction(request)

    def find_invite(self, branch: str) -> ServerTransaction | None:
        """The INVITE transaction of this branch (for ACK and CANCEL)."""
        return self._open.get((branch, "INVITE"))

    def respond(self, request: Request, response: SipResponse, repeat: Callable[[], None] | None = None) -> None:
        """Send ``response``; with ``repeat`` again and again until ``settle``, else ``repeat`` is called."""
        data = bytes(response)
        transaction = self._open.setdefault(request.key, ServerTransaction(request))
        transaction.last = data
        if repeat is None:
            self.send(data, request.source)
        else:
            transaction.repeater = Repeater(self.send, data, request.source, repeat)
        if response.status_code >= 200:
            asyncio.get_running_loop().call_later(GIVE_UP, self._open.pop, request.key, None)

    def settle(self, request: Request) -> None:
        """The ACK of this INVITE has come: repeat its final response no more."""
        transaction = self._open.get(request.key)
        if transaction is not None and transaction.repeater is not None:
            transaction.repeater.stop()

    def close(self) -> None:
        """Stop every repetition."""
        for transaction in self._open.values():
            if transaction.repeater is not None:
                transaction.repeater.stop()
        self._open.clear()


def stamp_via(message: SipRequest, source: Address) -> Via:
    """Write the source into the topmost Via (RFC 3261 section 18.2.1, RFC 3581) and return it."""
    vias = message.via
    top = vias[0]
    if "rport" in top.params or top.host != source[0]:
        top.received = source[0]
    if "rport" in top.params:
        top.rport = str(source[1])
    message.via = vias
    return top
