"""One channel on pyVoIP: its ``VoIPPhone`` and ``SIPClient`` with the faults mended.

The rule of this module: pyVoIP's thread only receives; every message is read there, and judged on the event loop, so no
lock is needed and no datagram can stop the thread. Requests are repeated until they are answered (RFC 3261 section 17).

Mended: Call-IDs and tags are random (pyVoIP: the same after every restart); nothing waits for a response; every
response is told; strangers are not heard; a phone starts without REGISTER; nothing is printed; no list grows for ever.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import secrets
import socket
import threading
import uuid
from collections.abc import Callable, Iterable
from typing import Protocol

import pyVoIP.VoIP  # before pyVoIP.SIP, which cannot be the first
from pyVoIP.SIP import SIPClient
from pyVoIP.VoIP import PhoneStatus

from dialer.lines.pyvoip_messages import (
    ALLOW,
    MAX_FORWARDS,
    Headers,
    Packet,
    read_packet,
    write_request,
    write_response,
)
from dialer.lines.pyvoip_rtp import wake

_log = logging.getLogger(__name__)

T1_S = 0.5  # RFC 3261 section 17.1.1.1
T2_S = 4.0
TIMEOUT_S = 64 * T1_S
_WAKE_S = 0.5
_LARGEST = 65535
_FAILURES = 40  # failures in a row: two seconds

Address = tuple[str, int]


class Repeater:
    """Sends something now and again, twice as far apart each time, until it is stopped or 32 s are over."""

    def __init__(self, send: Callable[[], None], on_timeout: Callable[[], None], *, cap_s: float = TIMEOUT_S) -> None:
        self._loop = asyncio.get_running_loop()
        self._send, self._cap_s, self._interval = send, cap_s, T1_S
        self._limit = self._loop.call_later(TIMEOUT_S, self._give_up, on_timeout)
        self._next = self._loop.call_later(T1_S, self._again)
        send()

    def _again(self) -> None:
        self._interval = min(2 * self._interval, self._cap_s)
        self._next = self._loop.call_later(self._interval, self._again)
        self._send()

    def _give_up(self, on_timeout: Callable[[], None]) -> None:
        self.stop()
        on_timeout()

    def stop(self) -> None:
        """Send no more and do not time out."""
        self._next.cancel()
        self._limit.cancel()


class Peers:
    """Whose datagrams are heard: the configured networks, and whoever was spoken to."""

    def __init__(self, names: Iterable[str]) -> None:
        """ValueError when a name is neither an address, a network nor ``any``."""
        named = set(names)
        self._open = "any" in named
        self._networks = [ipaddress.ip_network(name, strict=False) for name in sorted(named - {"any"})]
        self._known: dict[str, bool] = {}

    def meet(self, host: str) -> None:
        """``host``, an address, was spoken to: it may answer."""
        self._known[host] = True

    def admits(self, host: str) -> bool:
        """Whether a datagram from ``host`` is read."""
        return self._open or self._known.get(host, False) or any(self._inside(host))

    def _inside(self, host: str) -> Iterable[bool]:
        address = ipaddress.ip_address(host)
        return (address in network for network in self._networks)


class Transport(SIPClient):
    """pyVoIP's SIP socket and its receiving thread."""

    def __init__(self, phone: Phone, bound: socket.socket, peers: Peers) -> None:
        host, port = bound.getsockname()
        super().__init__("", 0, phone.username, "", phone=phone, myIP=host, myPort=port)
        self.s = self.out = bound
        self._peers = peers
        self._phone = phone
        self._loop = asyncio.get_running_loop()
        self._pause = threading.Event()
        self._thread = threading.Thread(target=self.recv_loop, name="SIP receiver", daemon=True)

    def start(self) -> None:
        """Receive from now on; nothing is registered."""
        self.NSD = True
        self.s.settimeout(_WAKE_S)
        self._thread.start()

    def stop(self) -> None:
        """End the thread, which gives back the port."""
        if self.NSD:
            self.NSD = False
            with contextlib.suppress(OSError):  # a thread that failed has closed the socket already
                wake(self.s)

    def join(self, seconds: float) -> None:
        """Wait until the port is free."""
        self._thread.join(seconds)

    def recv_loop(self) -> None:
        """Receive until ``stop``; a thread that ends unasked is told to the phone."""
        with self.s, contextlib.suppress(RuntimeError):  # the event loop is closed
            failures = 0
            while self.NSD and failures < _FAILURES:
                failures = failures + 1 if self._failed() else 0
            if self.NSD:
                self._loop.call_soon_threadsafe(self._phone.died)

    def _failed(self) -> bool:
        try:
            self.recv()
        except TimeoutError:
            return False
        except OSError as error:  # reports of earlier datagrams (ICMP) come this way too: they pass
            _log.debug("the SIP socket reports: %s", error)
            self._pause.wait(_WAKE_S / 10)
            return True
        return False

    def recv(self) -> None:
        """Take one datagram."""
        data, source = self.s.recvfrom(_LARGEST)
        if not data[:1].isalpha() or not self._peers.admits(source[0]):
            return
        packet = read_packet(data)
        if packet is not None:
            self._loop.call_soon_threadsafe(self._phone.take, packet, source)

    def send(self, text: str, address: Address) -> None:
        """Send one message; the network may lose it, so a failure is only logged: repetition mends both."""
        self._peers.meet(address[0])
        try:
            self.out.sendto(text.encode(), address)
        except OSError as error:
            _log.warning("a SIP message could not leave: %s", error)

    def gen_call_id(self) -> str:
        """A Call-ID that no process used before."""
        return f"{uuid.uuid4().hex}@{self.myIP}"

    def gen_tag(self) -> str:
        """A tag (RFC 3261 section 19.3), kept nowhere."""
        return secrets.token_hex(8)


class DialogHandler(Protocol):
    """What the phone asks of a call on it."""

    def take_response(self, packet: Packet) -> None:
        """Take a response to our INVITE."""
        ...

    def take_request(self, packet: Packet, source: Address) -> None:
        """Take a request inside the dialog."""
        ...

    def gone(self, cause: str) -> None:
        """The phone is dead."""
        ...


class Phone(pyVoIP.VoIP.VoIPPhone):
    """One SIP port; it carries one live call, and what is left of earlier ones for 32 s."""

    def __init__(self, bound: socket.socket, advertised: str, caller_id: str, peers: Peers) -> None:
        """``advertised`` is the address that the far end is told."""
        super().__init__("", 0, caller_id, "", myIP=advertised)
        self.sip: Transport = Transport(self, bound, peers)
        self.port_number: int = bound.getsockname()[1]
        self.dialogs: dict[str, DialogHandler] = {}
        self.tag = self.sip.gen_tag()
        self._exchanges: dict[tuple[str, str], tuple[Repeater, Callable[[Packet | None], None]]] = {}

    @property
    def contact(self) -> str:
        """The URI under which the far end reaches this phone."""
        return f"sip:{self.username}@{self.myIP}:{self.port_number}"

    @property
    def via(self) -> str:
        """A Via header of a new transaction."""
        return f"SIP/2.0/UDP {self.myIP}:{self.port_number};branch={self.sip.gen_branch()};rport"

    def start(self) -> None:
        """Receive from now on."""
        self.sip.start()
        self.NSD = True
        self._status = PhoneStatus.INACTIVE

    def stop(self, failed: bool = False) -> None:
        """Stop everything at once; what still waits for an answer is given up."""
        for repeater, _ in self._exchanges.values():
            repeater.stop()
        self._exchanges.clear()
        self.NSD = False
        self.sip.stop()
        self._status = PhoneStatus.FAILED if failed else PhoneStatus.INACTIVE

    def died(self) -> None:
        """The socket is gone: so are the calls on it."""
        self.NSD = False
        self._status = PhoneStatus.FAILED
        for dialog in tuple(self.dialogs.values()):
            dialog.gone("the SIP engine stopped")

    def release_ports(self, call: object = None) -> None:
        """Nothing: an audio port belongs to its socket, not to a list."""

    def send(self, text: str, address: Address) -> None:
        """Send one message once."""
        self.sip.send(text, address)

    def transact(self, text: str, address: Address, then: Callable[[Packet | None], None]) -> None:
        """Repeat a request (not INVITE) until it is answered; ``then`` learns the final response, None after 32 s."""
        request = read_packet(text.encode())
        if request is None:
            return
        key = request.branch, request.method
        repeater = Repeater(lambda: self.send(text, address), lambda: self._finish(key, None), cap_s=T2_S)
        self._exchanges[key] = repeater, then

    async def ask(self, text: str, address: Address, seconds: float) -> Packet | None:
        """The final response to a request (not INVITE); None when none comes within ``seconds``."""
        answer: asyncio.Future[Packet | None] = asyncio.get_running_loop().create_future()
        self.transact(text, address, lambda packet: None if answer.done() else answer.set_result(packet))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                return await answer
        return None

    def request_outside(self, method: str, uri: str, headers: Headers) -> str:
        """A request outside any dialog: REGISTER and OPTIONS."""
        return write_request(method, uri, [("Via", self.via), MAX_FORWARDS, *headers])

    def take(self, packet: Packet, source: Address) -> None:
        """Judge one message, on the event loop."""
        if not self.NSD:
            return
        dialog = self.dialogs.get(packet.call_id)
        if packet.status is not None:
            self._take_response(packet, dialog)
        elif dialog is not None and (packet.to_tag or packet.method == "ACK"):
            dialog.take_request(packet, source)
        elif packet.method != "ACK":
            self._answer_stranger(packet, source)

    def _take_response(self, packet: Packet, dialog: DialogHandler | None) -> None:
        if packet.method == "INVITE":
            if dialog is not None:
                dialog.take_response(packet)
        elif (packet.status or 0) >= 200:  # a final response
            self._finish((packet.branch, packet.method), packet)

    def _finish(self, key: tuple[str, str], packet: Packet | None) -> None:
        if found := self._exchanges.pop(key, None):
            repeater, then = found
            repeater.stop()
            then(packet)

    def _answer_stranger(self, packet: Packet, source: Address) -> None:
        """A dialer calls, it is not called."""
        line = _TO_STRANGERS.get(packet.method, "405 Method Not Allowed")
        self.send(write_response(packet, line, self.tag, [ALLOW]), packet.reply_to(source))


_NO_DIALOG = "481 Call/Transaction Does Not Exist"
_TO_STRANGERS = {
    "INVITE": "486 Busy Here",
    "OPTIONS": "200 OK",
    "REFER": "603 Decline",
    **dict.fromkeys(("BYE", "CANCEL", "INFO", "UPDATE", "NOTIFY"), _NO_DIALOG),
}
