"""RTCP of one call (RFC 3550 section 6): what we sent, what we heard, what the peer lost of ours."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from aiortp import RtcpPacket, RtcpRrPacket, RtcpSdesPacket, RtcpSrPacket, RtpPacket, StreamStatistics
from aiortp.clock import datetime_to_ntp
from aiortp.packet import RtcpReceiverInfo, RtcpSenderInfo, RtcpSourceInfo

CLOCK_RATE = 8000
CNAME = b"huifang-simulator"


@dataclass(slots=True)
class Reports:
    """Keeps the figures of one stream of ours (``ssrc``) and builds its sender reports."""

    ssrc: int
    peer_lost: int = 0
    """Packets of ours that the peer says never arrived."""
    _peer: int | None = None
    _heard: StreamStatistics = field(default_factory=lambda: StreamStatistics(CLOCK_RATE))
    _peer_report: tuple[int, datetime] | None = None

    def heard(self, packet: RtpPacket) -> None:
        """Count one RTP packet of the peer."""
        if packet.ssrc != self._peer:
            self._peer, self._heard, self._peer_report = packet.ssrc, StreamStatistics(CLOCK_RATE), None
        self._heard.add(packet)

    def take(self, data: bytes, now: datetime) -> None:
        """Read the peer's RTCP; ValueError when it is none."""
        for packet in RtcpPacket.parse(data):
            if isinstance(packet, RtcpSrPacket):
                self._peer_report = (packet.sender_info.ntp_timestamp, now)
            if isinstance(packet, RtcpSrPacket | RtcpRrPacket):
                self.peer_lost = max([self.peer_lost, *(r.packets_lost for r in packet.reports if r.ssrc == self.ssrc)])

    def build(self, now: datetime, timestamp: int, packets: int, octets: int) -> bytes:
        """A sender report with our count so far and, once anything was heard, a report about the peer."""
        sender = RtcpSenderInfo(datetime_to_ntp(now), timestamp, packets, octets)
        about_peer = self._about_peer(now)
        report = RtcpSrPacket(ssrc=self.ssrc, sender_info=sender, reports=[about_peer] if about_peer else [])
        source = RtcpSdesPacket(chunks=[RtcpSourceInfo(ssrc=self.ssrc, items=[(1, CNAME)])])
        return bytes(report) + bytes(source)

    def _about_peer(self, now: datetime) -> RtcpReceiverInfo | None:
        if self._peer is None:
            return None
        ntp, taken_at = self._peer_report or (0, now)
        return RtcpReceiverInfo(
            ssrc=self._peer,
            fraction_lost=self._heard.fraction_lost,
            packets_lost=self._heard.packets_lost,
            highest_sequence=self._heard.cycles + (self._heard.max_seq or 0),
            jitter=self._heard.jitter,
            lsr=(ntp >> 16) & 0xFFFFFFFF,
            dlsr=int((now - taken_at).total_seconds() * 65536) & 0xFFFFFFFF,
        )
