"""The line protocol: what the dialer asks of any SIP engine.

The rule of this module: methods ask, events answer. ``Call.state`` changes only because the engine reported a
transition, never because a method was called. Ordinary telephony outcomes (busy, declined, no answer) are values
(``Ending``), not exceptions; ``LineError`` is for a line that cannot work at all.

Audio is 8 kHz mono signed 16-bit little-endian PCM in both directions: 160 samples (320 bytes) are 20 ms.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Protocol

from core.errors import HuifangError

SAMPLE_RATE = 8000
FRAME_MS = 20
FRAME_BYTES = 320


class LineError(HuifangError):
    """The line cannot place calls: mend the trunk or the engine named in the message; the attempt is not consumed."""


@dataclass(frozen=True, slots=True)
class Trunk:
    """One way to the telephone network.

    address: ``host:port`` of the carrier's SIP peer; without a port 5060, or 5061 for TLS.
    transport: udp, tcp or tls.
    domain: the host of our From address; empty takes the address's host.
    user, password: only when the trunk challenges (401/407) instead of trusting our address.
    register_s: register there and renew after so many seconds; 0: no registration.
    options_s: ask for its health (OPTIONS, RFC 3261 section 11) every so many seconds; 0: never.
    srtp: off, offered or required.
    display_name: the firm's name beside the caller id.
    """

    name: str
    address: str
    transport: str = "udp"
    domain: str = ""
    user: str = ""
    password: str = field(default="", repr=False)
    register_s: int = 0
    options_s: int = 0
    srtp: str = "off"
    display_name: str = ""


@dataclass(frozen=True, slots=True)
class TrunkHealth:
    """What is known of one trunk since ``at``; None: not asked for, or not known yet."""

    trunk: str
    registered: bool | None
    reachable: bool | None
    at: datetime
    detail: str = ""


class CallState(Enum):
    """Where a call is in its life; advanced only by events of the engine."""

    DIALING = "dialing"
    RINGING = "ringing"
    EARLY_MEDIA = "early_media"
    ANSWERED = "answered"
    ENDED = "ended"


class EndedBy(Enum):
    """Who ended the call."""

    US = "us"
    FAR_END = "far_end"
    STACK = "stack"  # transport failure, timer B, lost media: nobody's decision


@dataclass(frozen=True, slots=True)
class Provisional:
    """One 1xx response (RFC 3261 section 13.3.1.1): status, phrase, when, and whether it opened early media."""

    status: int
    phrase: str
    at: datetime
    media: bool


@dataclass(frozen=True, slots=True)
class Ending:
    """How a call ended: raw facts only, the verdict is the disposition's business.

    ``status``/``phrase`` are the final SIP response when the call was never answered (None after an answer, or when
    nothing came back at all); ``reasons`` are the values of every Reason header (RFC 3326); ``cause`` is the engine's
    own words where no SIP response exists; ``retry_after_s`` is the final response's Retry-After (RFC 3261 section
    20.33): seconds for which the trunk asks to be left alone.
    """

    by: EndedBy
    at: datetime
    status: int | None = None
    phrase: str = ""
    reasons: tuple[str, ...] = ()
    cause: str = ""
    retry_after_s: int | None = None


@dataclass(frozen=True, slots=True)
class MediaStats:
    """Closing statistics of one call's audio."""

    duration_s: int = 0
    packets_sent: int = 0
    packets_received: int = 0
    packets_lost: int = 0
    jitter_ms: float = 0.0
    round_trip_ms: float = 0.0
    starved_frames: int = 0
    dropped_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Rang:
    """A 180 (or another 18x without media) arrived."""

    provisional: Provisional


@dataclass(frozen=True, slots=True)
class EarlyMedia:
    """A 183 with media arrived: ``Call.read`` yields what the network says before the answer."""

    provisional: Provisional


@dataclass(frozen=True, slots=True)
class Answered:
    """The far end answered (200 OK)."""

    at: datetime


@dataclass(frozen=True, slots=True)
class KeyDown:
    """The far end begins to press a key (RFC 4733); the ``Digit`` of the same key follows when it is released."""

    key: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Digit:
    """The far end pressed a key (RFC 4733 or SIP INFO); told once, when the key is released."""

    key: str
    duration_ms: int
    at: datetime


@dataclass(frozen=True, slots=True)
class FarEndHold:
    """The far end put us on hold (``held``) or took us back."""

    held: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class Ended:
    """The call is over; no further event comes."""

    ending: Ending


CallEvent = Rang | EarlyMedia | Answered | KeyDown | Digit | FarEndHold | Ended
Listener = Callable[[CallEvent], None]


class Call(Protocol):
    """One outbound call. All methods belong to the event loop that made it."""

    @property
    def sip_call_id(self) -> str | None:
        """The SIP Call-ID once the engine knows it."""
        ...

    @property
    def state(self) -> CallState:
        """The state last reported by the engine."""
        ...

    @property
    def dialed_at(self) -> datetime:
        """When the INVITE was handed to the engine."""
        ...

    @property
    def provisionals(self) -> tuple[Provisional, ...]:
        """Every 1xx so far, in order."""
        ...

    @property
    def answered_at(self) -> datetime | None:
        """When the 200 arrived."""
        ...

    @property
    def ending(self) -> Ending | None:
        """How it ended; None while it lives."""
        ...

    @property
    def stats(self) -> MediaStats | None:
        """Closing statistics; None until it ended."""
        ...

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Deliver every later event to ``listener`` on the event loop; the returned function stops that.

        A listener added after the call ended receives the ``Ended`` event at once, so that no race can miss it.
        """
        ...

    def read(self) -> bytes:
        """All audio received since the last read; empty when none. Never blocks, never raises after the end."""
        ...

    def write(self, pcm: bytes) -> int:
        """Queue audio for the far end; returns the bytes taken (0 before media and after the end). Never blocks."""
        ...

    def flush(self) -> None:
        """Drop queued audio that has not been sent (barge-in)."""
        ...

    @property
    def queued_bytes(self) -> int:
        """Audio written but not yet sent."""
        ...

    async def send_digits(self, keys: str) -> None:
        """Press keys (RFC 4733); does nothing once the call ended."""
        ...

    async def hold(self) -> None:
        """Put the far end on hold by re-INVITE; LineError when the engine refuses."""
        ...

    async def resume(self) -> None:
        """Take the far end off hold; LineError when the engine refuses."""
        ...

    async def hang_up(self) -> None:
        """Ask for the end: BYE after the answer, CANCEL before it. The ``Ended`` event tells when it is over."""
        ...


class Line(Protocol):
    """A SIP engine that places calls over one or several trunks."""

    async def start(self) -> None:
        """Open the local ports; LineError when they are taken or not permitted."""
        ...

    async def dial(self, uri: str, *, trunk: str = "", headers: Mapping[str, str] | None = None) -> Call:
        """Send one INVITE to ``uri`` and return at once; LineError when no INVITE could leave.

        ``trunk`` names the trunk whose transport, From address, credentials and encryption are used; empty: the first.
        """
        ...

    def health(self) -> tuple[TrunkHealth, ...]:
        """What is known of each trunk now, in the order they were given. Never blocks."""
        ...

    async def close(self) -> None:
        """Hang up what lives and give back the ports."""
        ...
