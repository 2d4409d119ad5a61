"""The messages of the hostile senders: requests, damage, scanners, noise."""

from __future__ import annotations

import random
import re
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator

from .conftest import PEER, LiveLine, Sender, addressed


def request(method: str, sender: Sender, live: LiveLine, *, number: int, sdp: bool = False, to_tag: str = "") -> bytes:
    host, port = live.address
    body = (
        f"v=0\r\no=x 1 1 IN IP4 {PEER}\r\ns=-\r\nc=IN IP4 {PEER}\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8 101\r\n"
        "a=rtpmap:101 telephone-event/8000\r\n"
        if sdp
        else ""
    )
    kind = "Content-Type: application/sdp\r\n" if sdp else ""
    return (
        f"{method} sip:4008001234@{host}:{port} SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP {PEER}:{sender.port};branch=z9hG4bK{sender.port}{method}{number};rport\r\n"
        f"From: <sip:nobody@{PEER}>;tag=a{number}\r\nTo: <sip:4008001234@{host}>{to_tag}\r\n"
        f"Call-ID: {method}{number}@{sender.port}\r\nCSeq: 1 {method}\r\nMax-Forwards: 70\r\n"
        f"Contact: <sip:nobody@{PEER}:{sender.port}>\r\n{kind}Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


def response(status: int, sender: Sender, live: LiveLine) -> bytes:
    _, _, rest = request("INVITE", sender, live, number=status, sdp=True, to_tag=";tag=b").partition(b"\r\n")
    return f"SIP/2.0 {status} Whatever\r\n".encode() + rest


def answerable(message: bytes, sender: Sender, live: LiveLine) -> bytes:
    """To the line's own user, with a Via and Contact through which the line can speak to us."""
    changed = addressed(message, live.address)
    via = f"Via: SIP/2.0/UDP {PEER}:{sender.port};branch=z9hG4bK{zlib.crc32(message)};rport\r\n".encode()
    changed = re.sub(rb"\r\nVia: SIP/2\.0/(?:UDP|TCP)[^\r]*\r\n", lambda _: b"\r\n" + via, changed, count=1)
    return re.sub(rb"@host5\.example\.net", f"@{PEER}:{sender.port}".encode(), changed)


def scans(sender: Sender, live: LiveLine) -> Iterator[bytes]:
    """What the well-known scanners send."""
    for number, method in enumerate(("OPTIONS", "REGISTER", "INVITE") * 30):
        scan = request(method, sender, live, number=20_000 + number)
        agent = (b"friendly-scanner", b"sipcli/v1.8", b"VaxSIPUserAgent/3.1")[number % 3]
        scan = scan.replace(b"Max-Forwards", b"User-Agent: " + agent + b"\r\nMax-Forwards", 1)
        yield scan.replace(b"sip:4008001234@", b"sip:%d@" % (100 + number))


def flood(sender: Sender, live: LiveLine, count: int) -> Iterator[bytes]:
    for number in range(count):
        yield request("INVITE", sender, live, number=30_000 + number, sdp=True)


def garbage(dice: random.Random, count: int) -> Iterator[bytes]:
    for _ in range(count):
        octets = dice.randbytes(dice.randrange(0, 1400))
        yield dice.choice((octets, b"INVITE " + octets, b"SIP/2.0 200 " + octets, b"A" + octets, b"\r\n\r\n", b"\x00"))


def damaged(message: bytes, dice: random.Random) -> bytes:
    """One to six random wounds."""
    octets = bytearray(message)
    for _ in range(dice.randint(1, 6)):
        at = dice.randrange(len(octets) or 1)
        match dice.randrange(5):
            case 0:
                octets[at : at + 1] = dice.randbytes(1)
            case 1:
                del octets[at : at + dice.randint(1, 40)]
            case 2:
                octets[at:at] = dice.choice((b"\r\n", b"\x00", b'"', b";", b"<", b"%", b":" * 50, b"9" * 30))
            case 3:
                octets[at:at] = octets[at : at + dice.randint(1, 200)]
            case _:
                octets[at : at + 4] = dice.choice((b"-1", b"0", b"4294967296", b"%n%s"))
    return bytes(octets)


def padded(message: bytes, size: int) -> bytes:
    filler = b"X-Filler: " + b"x" * max(0, size - len(message) - 12) + b"\r\n"
    return message.replace(b"Max-Forwards", filler + b"Max-Forwards", 1)


def gathered(sender: Sender, enough: Callable[[list[bytes]], bool]) -> list[bytes]:
    found: list[bytes] = []
    for _ in range(200):
        found += sender.answers(wait_s=0.1)
        if enough(found):
            return found
    raise AssertionError(f"only {len(found)} answers came: {found[:3]}")


def bad_rtp(dice: random.Random) -> Iterable[bytes]:
    head = struct.pack("!BBHII", 0x80, 8, 1, 160, 7)
    return (
        b"",
        b"\x80",
        head[:11],
        head,  # no payload
        b"\x8f" + head[1:] + bytes(8),  # fifteen contributing sources that are not there
        b"\xa0" + head[1:] + b"\xff",  # padding longer than the packet
        b"\x90" + head[1:] + b"\xbe\xde\xff\xff" + bytes(4),  # an extension longer than the packet
        b"\x80\x65" + head[2:] + b"\xff",  # half a telephone-event
        b"\x80\x65" + head[2:] + b"\xff\xff\xff\xff\xff",
        b"\x80\x7f" + head[2:] + bytes(160),  # a payload type that nobody agreed on
        head + dice.randbytes(1400),
        head + bytes(8000),
        dice.randbytes(172),
        b"\x16\xfe\xff" + dice.randbytes(60),  # as if DTLS
        b"\x00\x01\x00\x08\x21\x12\xa4\x42" + dice.randbytes(20),  # as if STUN
    )


def bad_rtcp(dice: random.Random) -> Iterable[bytes]:
    return (
        struct.pack("!BBHI", 0x81, 200, 0xFFFF, 7),  # a length far beyond the packet
        struct.pack("!BBHI", 0x9F, 201, 1, 7),  # 31 report blocks, none there
        struct.pack("!BBHI", 0x81, 202, 2, 7) + b"\x01\xff\x00\x00",  # a CNAME longer than the packet
        struct.pack("!BBHI", 0x9F, 203, 1, 7),  # BYE of 31 sources
        struct.pack("!BBHI", 0x81, 206, 2, 7) + dice.randbytes(4),
        b"\x80\xc8",
        dice.randbytes(64),
    )
