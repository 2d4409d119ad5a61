"""The carrier's media: one socket pair per call, one 20 ms tick for all of them.

One clock with absolute deadlines serves every call, so no call drifts against another and 60 of them cost one
timer. RTP is symmetric: it goes where the peer's packets come from, once any have come.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from typing import Protocol

from aiortp import MediaClock, is_rtcp

from simulator.errors import SimulatorError

TICK_S = 0.02
_LARGEST = 2048
_BURST = 16

Address = tuple[str, int]
Receive = Callable[[bytes], None]


class Ticking(Protocol):
    """A call that wants the tick."""

    def tick(self) -> None:
        """Send this 20 ms and look at what came in."""
        ...


class RtpSocket:
    """One RTP port and the RTCP port above it."""

    def __init__(self, rtp: socket.socket, rtcp: socket.socket) -> None:
        self.port: int = rtp.getsockname()[1]
        self._rtp = rtp
        self._rtcp = rtcp
        self._peer: Address | None = None
        self._receive: Receive | None = None
        self._receive_report: Receive | None = None

    def open(self, peer: Address, receive: Receive, receive_report: Receive) -> None:
        """Begin: ``peer`` is the address of the offer; the others are told every RTP and every RTCP datagram."""
        self._peer, self._receive, self._receive_report = peer, receive, receive_report
        loop = asyncio.get_running_loop()
        loop.add_reader(self._rtp, self._read_rtp)
        loop.add_reader(self._rtcp, self._read_rtcp)

    def move_to(self, peer: Address) -> None:
        """Send to another address from now on (re-INVITE)."""
        self._peer = peer

    def send(self, packet: bytes) -> None:
        """Send one packet; a full buffer or an unreachable port loses it, as on any line."""
        if self._peer is not None:
            with contextlib.suppress(OSError):
                self._rtp.sendto(packet, self._peer)

    def send_report(self, packet: bytes) -> None:
        """Send RTCP to the port above the peer's RTP (RFC 3550 section 11)."""
        if self._peer is not None:
            with contextlib.suppress(OSError):
                self._rtcp.sendto(packet, (self._peer[0], self._peer[1] + 1))

    def close(self) -> None:
        """Give the ports back."""
        loop = asyncio.get_running_loop()
        for sock in (self._rtp, self._rtcp):
            loop.remove_reader(sock)
            sock.close()

    def _read_rtp(self) -> None:
        for _ in range(_BURST):
            try:
                data, source = self._rtp.recvfrom(_LARGEST)
            except OSError:
                return
            if self._receive is not None and not is_rtcp(data):
                self._peer = source
                self._receive(data)

    def _read_rtcp(self) -> None:
        with contextlib.suppress(OSError):
            data = self._rtcp.recv(_LARGEST)
            if self._receive_report is not None:
                self._receive_report(data)


class RtpPorts:
    """Even ports of a range, taken in turn so that a late packet of the last call does not meet the next one."""

    def __init__(self, host: str, first: int, last: int) -> None:
        self._host = host
        self._ports = range(first + first % 2, last, 2)
        self._next = 0

    def take(self) -> RtpSocket:
        """A bound pair; SimulatorError when the whole range is in use."""
        for step in range(len(self._ports)):
            port = self._ports[(self._next + step) % len(self._ports)]
            pair = self._bind(port)
            if pair is not None:
                self._next += step + 1
                return pair
        raise SimulatorError("every RTP port of the range is in use; give a wider --rtp-ports")

    def _bind(self, port: int) -> RtpSocket | None:
        sockets: list[socket.socket] = []
        try:
            for number in (port, port + 1):
                sockets.append(_udp(self._host, number))
        except OSError:
            for sock in sockets:
                sock.close()
            return None
        return RtpSocket(*sockets)


class Metronome:
    """Ticks every call that was added, every 20 ms, until it is removed."""

    def __init__(self) -> None:
        self._calls: dict[Ticking, None] = {}
        self._clock = MediaClock(TICK_S, self._tick)

    def start(self) -> None:
        """Begin ticking (needs a running loop)."""
        self._clock.start()

    async def stop(self) -> None:
        """Stop ticking."""
        await self._clock.stop()

    def add(self, call: Ticking) -> None:
        """Tick ``call`` from now on."""
        self._calls[call] = None

    def remove(self, call: Ticking) -> None:
        """Tick ``call`` no longer; a call that was never added is no error."""
        self._calls.pop(call, None)

    def _tick(self) -> None:
        for call in list(self._calls):
            call.tick()


def _udp(host: str, port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    try:
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    return sock
