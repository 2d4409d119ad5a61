"""Repeats our ACK when an answer comes again, because the engine sends an empty datagram then.

The rule of this module: it sends only what the engine has sent once, to where it went, over UDP alone, and only while
the call lives (RFC 3261 section 13.2.2.4: every repetition of a 2xx is acknowledged).
"""

from __future__ import annotations

import contextlib
import ipaddress
import re
import socket

_ACK = re.compile(r"TX UDP (?P<local>\S+) -> (?P<far>\S+)\r?\n(?P<message>ACK .*)", re.DOTALL)
_ANSWER = re.compile(r"RX UDP \S+ -> \S+\r?\nSIP/2\.0 2")
_CSEQ = re.compile(r"(?mi)^CSeq\s*:\s*(\d+)\s+(\w+)")


class Acknowledgements:
    """The last ACK of each call, by its Call-ID."""

    def __init__(self) -> None:
        self._sent: dict[str, tuple[str, re.Match[str]]] = {}

    def forget(self, call_id: str) -> None:
        """The call is over."""
        self._sent.pop(call_id, None)

    def take(self, call_id: str, trace: str) -> None:
        """Take one entry of the engine's SIP trace about a call; an answer that came again is acknowledged."""
        cseq = _CSEQ.search(trace)
        if cseq is None:
            return
        if sent := _ACK.match(trace):
            self._sent[call_id] = cseq[1], sent
        elif cseq[2].upper() == "INVITE" and _ANSWER.match(trace):
            number, acknowledged = self._sent.get(call_id, ("", None))
            if acknowledged is not None and number == cseq[1]:
                _send(acknowledged)


def _send(ack: re.Match[str]) -> None:
    """From a port of our own, not the engine's: an ACK is known by its dialog, and nobody answers it."""
    local, far = _address(ack["local"]), _address(ack["far"])
    message = re.sub("\r?\n", "\r\n", ack["message"]).rstrip("\r\n") + "\r\n\r\n"
    with (
        contextlib.suppress(OSError),
        socket.socket(socket.AF_INET6 if ":" in far[0] else socket.AF_INET, socket.SOCK_DGRAM) as out,
    ):
        out.setblocking(False)
        if not ipaddress.ip_address(local[0]).is_unspecified:
            out.bind((local[0], 0))
        out.sendto(message.encode(), far)


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)
