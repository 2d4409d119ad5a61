"""Addresses of SIP: what may be dialed, where we listen, where a trunk is.

The rule of this module: pure and strict; what is no address is refused here, before an engine can misread it.
"""

from __future__ import annotations

import ipaddress
import re

_URI = re.compile(  # RFC 3261 section 19.1: user, host, port, parameters; no headers, no spaces
    r"sip:[A-Za-z0-9_.!~*'()&=+$,;?/%-]+@(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?)"
    r"(:(?P<port>\d{1,5}))?(;[A-Za-z0-9_.~=-]+)*"
)
_TRUNK = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?)(:(?P<port>[0-9]{1,5}))?")
DEFAULT_PORTS = {"udp": 5060, "tcp": 5060, "tls": 5061}  # RFC 3261 section 19.1.2


def is_sip_uri(text: str) -> bool:
    """Whether ``text`` is ``sip:number@host:port``, with or without parameters."""
    # The engine takes port 99999 for 34463, and an address that it cannot send to costs it its memory (docs/decisions).
    match = _URI.fullmatch(text)
    return match is not None and 0 < int(match["port"] or 5060) < 65536


def uri_host(uri: str) -> str:
    """The host of a SIP URI that ``is_sip_uri`` accepts; empty for anything else."""
    match = _URI.fullmatch(uri)
    return match[1] if match else ""


def listening_address(text: str) -> tuple[str, int]:
    """Host and port of ``host:port``, where the host is an address of this machine; ValueError when it is not so."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit():
        raise ValueError(f"the listening address {text!r} is not host:port")
    return str(ipaddress.ip_address(host.strip("[]"))), int(port)


def trunk_address(text: str, transport: str) -> tuple[str, int]:
    """Host and port of a trunk's address; the port may be left out. ValueError when it is no address."""
    match = _TRUNK.fullmatch(text)
    if transport not in DEFAULT_PORTS:
        raise ValueError(f"the transport {transport!r} is not udp, tcp or tls")
    if match is None or not 0 < (port := int(match["port"] or DEFAULT_PORTS[transport])) < 65536:
        raise ValueError(f"the trunk's address {text!r} is not host:port")
    return match["host"], port


def is_wildcard(host: str) -> bool:
    """Whether ``host`` means every address of this machine."""
    return ipaddress.ip_address(host).is_unspecified


def is_loopback(host: str) -> bool:
    """Whether ``host`` is an address of the loopback interface; a name is not."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
