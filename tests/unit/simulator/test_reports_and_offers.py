"""RTCP figures and SDP answers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from aiortp import RtcpPacket, RtcpSrPacket, RtpPacket
from aiosipua import parse_sdp

from simulator.errors import MediaRefused
from simulator.offer import Agreed, agree
from simulator.reports import Reports
from simulator.stream import Codec

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)


def sender_report(data: bytes) -> RtcpSrPacket:
    report = RtcpPacket.parse(data)[0]
    assert isinstance(report, RtcpSrPacket)
    return report


def test_a_report_counts_what_we_sent() -> None:
    info = sender_report(Reports(ssrc=7).build(NOW, 1600, 10, 1600)).sender_info
    assert (info.rtp_timestamp, info.packet_count, info.octet_count) == (1600, 10, 1600)


def test_nothing_is_reported_about_a_peer_that_was_never_heard() -> None:
    assert sender_report(Reports(ssrc=7).build(NOW, 0, 0, 0)).reports == []


def test_the_packets_missing_from_the_peer_are_reported() -> None:
    reports = Reports(ssrc=7)
    for number in (1, 2, 5):
        reports.heard(RtpPacket(sequence_number=number, ssrc=9, payload=b"x"))
    (about,) = sender_report(reports.build(NOW, 0, 0, 0)).reports
    assert (about.ssrc, about.packets_lost, about.highest_sequence) == (9, 2, 5)


def test_two_ends_tell_each_other_their_losses_and_delays() -> None:
    here, there = Reports(ssrc=7), Reports(ssrc=9)
    for number in (1, 2, 4):
        there.heard(RtpPacket(sequence_number=number, ssrc=7, payload=b"x"))
    there.take(here.build(NOW, 0, 4, 640), NOW)
    answer = there.build(NOW + timedelta(seconds=2), 0, 0, 0)
    here.take(answer, NOW)
    assert here.peer_lost == 1
    assert sender_report(answer).reports[0].dlsr == 2 * 65536


def test_what_is_no_rtcp_is_refused() -> None:
    with pytest.raises(ValueError, match="RTCP"):
        Reports(ssrc=7).take(b"\x80", NOW)


def answer(media: str, connection: str = "127.0.0.1") -> Agreed:
    offer = f"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 {connection}\r\nt=0 0\r\n{media}\r\n"
    return agree(parse_sdp(offer), "127.0.0.1", 20000)


def test_the_callers_preferred_law_is_taken() -> None:
    assert answer("m=audio 4000 RTP/AVP 0 8").codec == Codec(0, None)
    assert answer("m=audio 4000 RTP/AVP 18 8 0").codec == Codec(8, None)


def test_telephone_event_keeps_the_number_of_the_offer() -> None:
    agreed = answer("m=audio 4000 RTP/AVP 8 99\r\na=rtpmap:99 telephone-event/8000")
    assert agreed.codec == Codec(8, 99)
    assert agreed.peer == ("127.0.0.1", 4000)


@pytest.mark.parametrize(
    ("direction", "sends"), [("sendrecv", True), ("sendonly", False), ("recvonly", True), ("inactive", False)]
)
def test_we_send_only_where_the_peer_listens(direction: str, sends: bool) -> None:
    assert answer(f"m=audio 4000 RTP/AVP 8\r\na={direction}").sends is sends


def test_the_old_way_to_hold_is_understood() -> None:
    assert answer("m=audio 4000 RTP/AVP 8", connection="0.0.0.0").sends is False


@pytest.mark.parametrize("media", ["m=audio 4000 RTP/AVP 18", "m=video 4000 RTP/AVP 96", ""])
def test_an_offer_without_our_codecs_is_refused(media: str) -> None:
    with pytest.raises(MediaRefused):
        answer(media)
