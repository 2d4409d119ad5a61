"""Session descriptions for the pyVoIP engine: one audio stream, G.711 and telephone-events (RFC 4566, RFC 3264).

The rule of this module: pure and total; a description that leads to no audio of ours reads as None.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

PCMU, PCMA, EVENT = 0, 8, 101
CODECS = (PCMA, PCMU)  # A-law first: what Chinese carriers speak
NAMES = {PCMU: "PCMU", PCMA: "PCMA"}
_MIRROR = {"sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive", "sendrecv": "sendrecv"}
_EVENTS = re.compile(r"rtpmap:(\d{1,3})\s+telephone-event/8000", re.IGNORECASE)
_MEDIA = re.compile(r"audio (\d{1,5})(?:/\d+)? RTP/AVP ([\d ]+)")


@dataclass(frozen=True, slots=True)
class FarMedia:
    """Where the far end's audio is, and how it wants ours. ``event`` is its payload type for keys, None: none."""

    host: str
    port: int
    codec: int
    event: int | None = None
    way: str = "sendrecv"

    @property
    def held(self) -> bool:
        """Whether the far end puts us on hold (RFC 3264 section 8.4, and the older address of zeros)."""
        return self.way in ("sendonly", "inactive") or self.host == "0.0.0.0"  # noqa: S104  # read, never bound

    @property
    def listens(self) -> bool:
        """Whether the far end wants our audio."""
        return not self.held

    @property
    def speaks(self) -> bool:
        """Whether the far end will send audio."""
        return self.way in ("sendrecv", "sendonly")

    @property
    def our_way(self) -> str:
        """The direction of our answer."""
        return _MIRROR[self.way]


def read_description(body: str) -> FarMedia | None:
    """The far end's audio; None when the text describes none that we could speak."""
    session, sections = _sections(body)
    for section in sections:
        media = _MEDIA.match(section[0].removeprefix("m="))
        if media is None:
            continue
        host = _address(section) or _address(session)
        codec = next((int(kind) for kind in media[2].split() if kind in ("0", "8")), None)
        if host and codec is not None and 0 < int(media[1]) < 65536:
            return FarMedia(host, int(media[1]), codec, _event(section), _way(section) or _way(session) or "sendrecv")
    return None


def write_description(host: str, port: int, version: tuple[int, int], way: str, far: FarMedia | None = None) -> str:
    """Our description: an offer of both laws, or the answer to ``far``; ``version`` is session id and version."""
    kinds = [far.codec] if far else list(CODECS)
    event = far.event if far else EVENT
    lines = [
        "v=0", f"o=- {version[0]} {version[1]} IN IP4 {host}", "s=-", f"c=IN IP4 {host}", "t=0 0",
        f"m=audio {port} RTP/AVP {' '.join(map(str, kinds + ([] if event is None else [event])))}",
        *(f"a=rtpmap:{kind} {NAMES[kind]}/8000" for kind in kinds),
        *(() if event is None else (f"a=rtpmap:{event} telephone-event/8000", f"a=fmtp:{event} 0-15")),
        "a=ptime:20", f"a={way}",
    ]  # fmt: skip
    return "\r\n".join((*lines, ""))


def _sections(body: str) -> tuple[list[str], list[list[str]]]:
    session: list[str] = []
    sections: list[list[str]] = []
    for line in body.replace("\r", "").split("\n"):
        if line.startswith("m="):
            sections.append([])
        (sections[-1] if sections else session).append(line)
    return session, sections


def _address(lines: list[str]) -> str:
    for line in lines:
        if line.startswith("c=IN IP4 "):
            text = line.removeprefix("c=IN IP4 ").strip().partition("/")[0]
            try:
                address = ipaddress.IPv4Address(text)
            except ValueError:
                return ""
            return "" if address.is_multicast else str(address)
    return ""


def _event(lines: list[str]) -> int | None:
    found = (match for line in lines if (match := _EVENTS.match(line.removeprefix("a="))))
    return next((int(match[1]) for match in found if int(match[1]) < 128), None)


def _way(lines: list[str]) -> str:
    return next((line[2:].strip() for line in lines if line.startswith("a=") and line[2:].strip() in _MIRROR), "")
