"""The simulated carrier as it is, with a witness at its RTP sockets, who writes down what crosses them and when.

Called like ``python -m simulator``, with one argument before its own: the file for what was witnessed. A row is the
port of a call, what happened, when (ms of the monotonic clock), how loud (RMS of 32768): ``said`` and ``heard`` are
20 ms of sound in a packet that left or came, ``key`` is the first packet of a key, ``released`` its first end packet.
"""

from __future__ import annotations

import json
import sys
import time
from functools import lru_cache
from pathlib import Path

import numpy as np
from aiortp import RtpPacket, get_codec

from simulator import media
from simulator.__main__ import main
from simulator.stream import LOUD_RMS

AUDIO = (0, 8)
END = 0x80  # of a telephone-event (RFC 4733 section 2.3)
rows = []


class Witnessed(media.RtpSocket):
    """A call's RTP port whose packets are noted before anything is done with them."""

    def open(self, peer, receive, receive_report):
        """As the socket's own."""

        def heard(data):
            note(self.port, RtpPacket.parse(data), "heard")
            receive(data)

        super().open(peer, heard, receive_report)

    def send(self, packet):
        """As the socket's own."""
        note(self.port, RtpPacket.parse(packet), "said")
        super().send(packet)


def note(port, packet, what):
    """Keep a packet that tells something: silence does not."""
    at_ms = round(time.monotonic() * 1000, 1)
    if packet.payload_type in AUDIO:
        level = loudness(packet.payload_type, bytes(packet.payload))
        if level >= LOUD_RMS:
            rows.append((port, what, at_ms, round(level)))
    elif what == "said" and packet.marker:
        rows.append((port, "key", at_ms, 0))
    elif what == "said" and packet.payload[1] & END:
        rows.append((port, "released", at_ms, 0))


@lru_cache(maxsize=4096)
def loudness(payload_type, payload):
    """The RMS of a packet of audio."""
    samples = np.frombuffer(get_codec(payload_type).decode(payload), "<i2").astype(float)
    return float((samples**2).mean()) ** 0.5


if __name__ == "__main__":
    told = Path(sys.argv.pop(1))
    media.RtpSocket = Witnessed
    try:
        main()
    finally:
        told.write_text(json.dumps(rows), "utf-8")
