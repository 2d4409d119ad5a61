"""SIP messages for the pyVoIP engine: read from the wire, and written for it.

The rule of this module: pure and total. pyVoIP's own reader raises on a status it does not know, on a body with an
empty line and on a header without a space; here any datagram gives a ``Packet`` or None, because the bytes come off the
network. What a call's ending needs of it is read by ``sip_messages``, as for every engine.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from dialer.lines.sip_messages import SipMessage, parse_message

METHODS = ("INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "INFO", "UPDATE")
ALLOW = ("Allow", ", ".join(METHODS))
AGENT = ("User-Agent", "Huifang")
MAX_FORWARDS = ("Max-Forwards", "70")
SDP = ("Content-Type", "application/sdp")

Headers = Iterable[tuple[str, str]]

_REQUEST_LINE = re.compile(r"([A-Z]{1,20}) (\S+) SIP/2\.0")
_STATUS_LINE = re.compile(r"SIP/2\.0 ([1-6]\d\d)(?: .*)?")
_CSEQ = re.compile(r"(\d{1,10})\s+([A-Z]{1,20})")
_TAG = re.compile(r";\s*tag\s*=\s*([^\s;,>]+)", re.IGNORECASE)
_URI = re.compile(r"<([^<>]*)>|^([^;\s]+)")
_BRANCH = re.compile(r";\s*branch\s*=\s*([^\s;,]+)", re.IGNORECASE)
_SENT_BY = re.compile(r"SIP\s*/\s*2\.0\s*/\s*\S+\s+(\[[^\]]*\]|[^\s;:,]+)(?:\s*:\s*(\d{1,5}))?", re.IGNORECASE)
_FOLDED = re.compile(r"\r?\n[ \t]+")
_OUTSIDE_BRACKETS = re.compile(r",(?![^<]*>)")
_COMPACT = {
    "i": "call-id", "c": "content-type", "l": "content-length", "f": "from", "t": "to", "v": "via", "m": "contact",
}  # fmt: skip  # RFC 3261 section 7.3.3


@dataclass(frozen=True)
class Packet:
    """One datagram that is a SIP message: a response when ``status`` is set, otherwise a request for ``uri``."""

    text: str
    headers: tuple[tuple[str, str], ...]
    body: str
    method: str
    cseq: int
    status: int | None = None
    uri: str = ""

    def all(self, name: str) -> tuple[str, ...]:
        """The values of every header of that (lower-case) name."""
        return tuple(value for key, value in self.headers if key == name)

    def get(self, name: str) -> str:
        """The value of the first header of that (lower-case) name; empty when there is none."""
        return next((value for key, value in self.headers if key == name), "")

    @property
    def call_id(self) -> str:
        """The Call-ID."""
        return self.get("call-id")

    @property
    def from_tag(self) -> str:
        """The tag of the From header."""
        return _first(_TAG, self.get("from"))

    @property
    def to_tag(self) -> str:
        """The tag of the To header."""
        return _first(_TAG, self.get("to"))

    @property
    def branch(self) -> str:
        """The branch of the topmost Via: the transaction (RFC 3261 section 17.1.3)."""
        return _first(_BRANCH, self.get("via"))

    @property
    def contact(self) -> str:
        """The URI of the Contact header."""
        return bare_uri(self.get("contact"))

    @property
    def routes(self) -> tuple[str, ...]:
        """The Record-Route entries, in the order of the message."""
        return tuple(
            part.strip() for value in self.all("record-route") for part in _OUTSIDE_BRACKETS.split(value) if part
        )

    @cached_property
    def facts(self) -> SipMessage:
        """Status, phrase and reasons, read as for every engine."""
        read = parse_message(f"RX udp far -> us\n{self.text}")
        return read or SipMessage(True, self.call_id, self.method, self.status)

    def reply_to(self, source: tuple[str, int]) -> tuple[str, int]:
        """Where a response to this request goes (RFC 3261 section 18.2.2, RFC 3581)."""
        via = self.get("via")
        match = _SENT_BY.match(via)
        if match is None or "rport" in via.lower():
            return source
        port = int(match[2] or 5060)
        return source[0], port if 0 < port < 65536 else source[1]


def read_packet(data: bytes) -> Packet | None:
    """The SIP message in one datagram; None for anything else, and for one that came cut (RFC 3261 section 18.3)."""
    text = data.decode("utf-8", "replace")
    top, _, body = text.replace("\r\n", "\n").partition("\n\n")
    start, _, block = top.partition("\n")
    headers = tuple(_headers(block))
    names = dict(reversed(headers))
    numbered = _CSEQ.fullmatch(names.get("cseq", ""))
    if numbered is None or not {"call-id", "from", "to", "via"} <= names.keys() or _is_cut(data, names):
        return None
    request, response = _REQUEST_LINE.fullmatch(start), _STATUS_LINE.fullmatch(start)
    if request and request[1] == numbered[2]:
        return Packet(text, headers, body, request[1], int(numbered[1]), uri=request[2])
    if response:
        return Packet(text, headers, body, numbered[2], int(numbered[1]), int(response[1]))
    return None


def _is_cut(data: bytes, names: dict[str, str]) -> bool:
    length = names.get("content-length", "0")
    body = data.partition(b"\r\n\r\n")[2] if b"\r\n\r\n" in data else data.partition(b"\n\n")[2]
    return not (length.isascii() and length.isdigit() and len(length) < 9) or len(body) < int(length)


def _headers(block: str) -> Iterable[tuple[str, str]]:
    for line in _FOLDED.sub(" ", block).split("\n"):
        name, colon, value = line.partition(":")
        if colon:
            key = name.strip().lower()
            yield _COMPACT.get(key, key), value.strip()


def _first(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.search(text)
    return match[1] if match else ""


def bare_uri(value: str) -> str:
    """The URI in a Contact, To or Route value: what stands in angle brackets, or all before the first semicolon."""
    match = _URI.search(value)
    return (match[1] or match[2] or "") if match else ""


def write_request(method: str, uri: str, headers: Headers, body: str = "") -> str:
    """A request as text."""
    return _message(f"{method} {uri} SIP/2.0", headers, body)


def write_response(request: Packet, line: str, our_tag: str, headers: Headers = (), body: str = "") -> str:
    """A response to ``request``; ``line`` is status and phrase."""
    to = request.get("to")
    kept = [
        *(("Via", value) for value in request.all("via")),
        ("From", request.get("from")),
        ("To", to if request.to_tag else f"{to};tag={our_tag}"),
        ("Call-ID", request.call_id),
        ("CSeq", f"{request.cseq} {request.method}"),
        *(("Record-Route", value) for value in request.all("record-route")),
    ]
    return _message(f"SIP/2.0 {line}", [*kept, *headers, AGENT], body)


def _message(start: str, headers: Headers, body: str) -> str:
    described = [SDP] if body else []
    lines = [f"{name}: {value}" for name, value in (*headers, *described)]
    return "\r\n".join((start, *lines, f"Content-Length: {len(body.encode())}", "", body))
