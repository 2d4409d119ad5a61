"""SIP messages as the engine's trace shows them, read only as far as a call's raw facts need.

The rule of this module: pure, total and quick. Any text gives a ``SipMessage`` or None, never an exception, because
the bytes come off the network.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_HEAD = re.compile(r"(RX|TX) \S+ \S+ -> \S+")
_STATUS_LINE = re.compile(r"SIP/2\.0 (\d{3})(?: (.*))?")
_CLOSE_TEXT = re.compile(r"(\d{3}) ([^,]*)(?:,(.*))?", re.DOTALL)
_WHOLE = re.compile(r'(?:"(?:\\.|[^"\\])*"|[^"])*', re.DOTALL)  # every quotation mark has its partner
_OUTSIDE_QUOTES = re.compile(r'((?:"(?:\\.|[^"\\])*"|[^",])*)(?:,|$)', re.DOTALL)
_SECONDS = re.compile(
    r"([0-9]{1,9})\s*(?:[(;].*)?", re.DOTALL
)  # RFC 3261 section 20.33: a comment, parameters may follow
_COMPACT = {"i": "call-id", "c": "content-type"}  # RFC 3261 section 7.3.3


@dataclass(frozen=True, slots=True)
class SipMessage:
    """One request (``status`` None) or response on the wire.

    ``method`` is the CSeq method, so a response names the request it answers; ``reasons`` are the single values of
    all Reason headers (RFC 3326); ``has_sdp`` tells that a session description came along; ``retry_after_s`` is the
    Retry-After header in seconds, None when there is none that can be read.
    """

    received: bool
    call_id: str
    method: str
    status: int | None = None
    phrase: str = ""
    reasons: tuple[str, ...] = ()
    has_sdp: bool = False
    retry_after_s: int | None = None

    @property
    def answers_invite(self) -> bool:
        """Whether this is the far end's response to our INVITE."""
        return self.received and self.status is not None and self.method == "INVITE"


@dataclass(frozen=True, slots=True)
class CloseText:
    """The engine's own words for a call's end, for example ``486 Busy Here,Q.850;cause=17``."""

    cause: str
    status: int | None = None
    phrase: str = ""
    reasons: tuple[str, ...] = ()


def split_reasons(values: Iterable[str]) -> tuple[str, ...]:
    """The single reason values of Reason headers: one header may hold several, separated by commas (RFC 3326)."""
    return tuple(part for value in values for part in _split(value))


def parse_message(text: str) -> SipMessage | None:
    """One entry of the engine's SIP trace: ``RX UDP from -> to``, then the message; None for anything else."""
    top, _, body = text.replace("\r\n", "\n").partition("\n\n")
    head, _, rest = top.partition("\n")
    start, _, block = rest.partition("\n")
    headers = list(_headers(block))
    first = dict(reversed(headers))
    match = _HEAD.match(head)
    if match is None or "call-id" not in first or "cseq" not in first:
        return None
    status = _STATUS_LINE.fullmatch(start)
    return SipMessage(
        received=match[1] == "RX",
        call_id=first["call-id"],
        method=first["cseq"].rpartition(" ")[2].upper(),
        status=int(status[1]) if status else None,
        phrase=(status[2] or "").strip() if status else "",
        reasons=split_reasons(value for name, value in headers if name == "reason"),
        has_sdp=bool(body.strip()) and first.get("content-type", "").lower().startswith("application/sdp"),
        retry_after_s=parse_seconds(first.get("retry-after", "")),
    )


def parse_seconds(value: str) -> int | None:
    """The seconds of a Retry-After header (RFC 3261 section 20.33); None when it is none."""
    match = _SECONDS.fullmatch(value)
    return int(match[1]) if match else None


def parse_close_text(text: str) -> CloseText:
    """The text of the engine's closing event; ``status`` is None when no SIP response stands in it."""
    match = _CLOSE_TEXT.fullmatch(text)
    if match is None:
        return CloseText(cause=text)
    return CloseText(text, int(match[1]), match[2].strip(), split_reasons([match[3] or ""]))


def _split(value: str) -> Iterator[str]:
    if _WHOLE.fullmatch(value) is None:  # a broken quotation: keep what came, whole
        yield from (value.strip(),) if value.strip() else ()
        return
    for match in _OUTSIDE_QUOTES.finditer(value):
        if part := match[1].strip():
            yield part


def _headers(block: str) -> Iterator[tuple[str, str]]:
    unfolded = re.sub(r"\n[ \t]+", " ", block)  # RFC 3261 section 7.3.1: a line may be folded
    for line in unfolded.split("\n"):
        name, colon, value = line.partition(":")
        if colon:
            key = name.strip().lower()
            yield _COMPACT.get(key, key), value.strip()
