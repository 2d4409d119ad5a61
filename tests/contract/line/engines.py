"""The engines that the contract holds to account, and what each cannot do.

A test that asks for more than calls and audio says so with ``@pytest.mark.needs("srtp")``; an engine that declares the
capability in ``cannot`` is skipped by name, with the reason given here. ``docs/lines.md`` has the same table, held by
``tests/unit/lines/test_documented_capabilities.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from core.clock import SystemClock
from dialer.lines.baresip_line import BaresipLine
from dialer.lines.base import Line, Trunk
from dialer.lines.pyvoip_line import PyvoipLine

CAPABILITIES: Mapping[str, str] = {
    "tcp": "trunks over TCP",
    "tls": "trunks over TLS, the authority of the trunk's certificate checked",
    "tls-name": "refuses a certificate that was issued for another host",
    "srtp": "encrypted audio (SDES-SRTP, RFC 4568), offered or required",
    "registration": "registration with digest, renewed and repeated after failures",
    "options": "asks trunks for their health by OPTIONS",
    "challenge": "answers 401 and 407 with the trunk's credentials",
    "hold": "puts the far end on hold and takes it back",
    "far-end-hold": "tells that the far end put us on hold",
    "moved-media": "follows the far end's audio to another port by re-INVITE",
    "update": "answers UPDATE (RFC 3311), as session timers use it",
    "early-media": "hears what the network says before the answer",
    "info-digits": "understands keys sent by SIP INFO",
    "equal-keys-without-end": "tells two equal keys apart when every end packet of the first was lost",
    "media-timeout": "ends an answered call whose audio stopped",
    "unusable-answer": "hangs up an answer that opens no audio",
    "jitter-buffer": "puts packets that come late or in the wrong order back into order",
    "statistics": "counts packets, losses and frames that ran dry",
    "several-trunks": "several trunks on one line",
    "repeated-ack": "acknowledges an answer that comes again, because our ACK was lost",
    "wildcard": "listens on every address of the machine",
    "headers": "sends extra headers in the INVITE",
    "inband-digits": "tells keys that are only tones in the audio",
    "session-timers": "refreshes the session itself (RFC 4028) when the far end asks for that",
}


@dataclass(frozen=True)
class Engine:
    """How to make a line of one engine, and what it cannot: capability to the reason in plain words."""

    make: Callable[..., Line]
    cannot: Mapping[str, str] = field(default_factory=dict)


def making(kind: type[BaresipLine] | type[PyvoipLine]) -> Callable[..., Line]:
    """How lines of one engine are made; ``trunk`` are fields of its one trunk unless ``trunks`` are given."""

    def make(
        *,
        listen: str = "127.0.0.1:0",
        trunks: tuple[Trunk, ...] = (),
        media_timeout_s: int = 60,
        ca_file: str = "",
        **trunk: Any,
    ) -> Line:
        only = Trunk(**{"name": "far", "address": "127.0.0.1:5060"} | trunk)
        return kind(
            SystemClock(),
            listen=listen,
            caller_id="4008001234",
            trunks=trunks or (only,),
            rtp_ports=(16384, 32766),
            media_timeout_s=media_timeout_s,
            ca_file=ca_file,
        )

    return make


ENGINES: dict[str, Engine] = {
    "baresip": Engine(
        making(BaresipLine),
        {
            "inband-digits": "it has no detector of tones; dialer/lines/inband.py finds them in what Call.read gives",
            "tls-name": "it does not compare the certificate of a trunk given by its IP address with that address",
            "equal-keys-without-end": "its decoder takes an event of the same key for the old one until an end came",
            "session-timers": "it has no RFC 4028: it answers refreshes, and refuses to refresh itself",
        },
    ),
    "pyvoip": Engine(
        making(PyvoipLine),
        {
            "tcp": "pyVoIP has one UDP socket a phone; a stream transport would be another engine",
            "tls": "pyVoIP has no TLS",
            "tls-name": "pyVoIP has no TLS",
            "srtp": "pyVoIP has no encryption of audio; a trunk that asks for it is refused at the start",
            "inband-digits": "it has no detector of tones; dialer/lines/inband.py finds them in what Call.read gives",
            "session-timers": "it has no RFC 4028: it answers refreshes, and refuses to refresh itself",
        },
    ),
}
