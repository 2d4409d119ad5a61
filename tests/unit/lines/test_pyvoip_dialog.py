"""The SIP side of a pyVoIP call, message by message, without a network."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from functools import wraps

import pytest

from core.clock import SimulatedClock
from dialer.lines.base import (
    Answered,
    CallState,
    Digit,
    EarlyMedia,
    Ended,
    EndedBy,
    FarEndHold,
    LineError,
    MediaStats,
    Rang,
)
from dialer.lines.pyvoip_call import PyvoipCall
from dialer.lines.pyvoip_dialog import Invitation
from dialer.lines.pyvoip_digest import Credentials
from dialer.lines.pyvoip_messages import read_packet, write_request
from dialer.lines.pyvoip_phone import Peers, Phone
from dialer.lines.pyvoip_rtp import KeyNews

pytestmark = pytest.mark.unit

CARRIER = ("198.51.100.1", 5060)
SDP = (
    "v=0\r\no=- 1 1 IN IP4 198.51.100.9\r\nc=IN IP4 198.51.100.9\r\nm=audio 4000 RTP/AVP 8 101\r\n"
    "a=rtpmap:101 telephone-event/8000\r\n"
)
CONTACT = "Contact: <sip:gw@198.51.100.7:5080>"
THEIRS = ("Contact", "<sip:gw@198.51.100.7:5080>")


def on_a_loop(test):
    """Run a coroutine test."""

    @wraps(test)
    def run(*args, **kwargs):
        asyncio.run(test(*args, **kwargs))

    return run


class Port:
    """A socket that only keeps what leaves."""

    def __init__(self):
        self.sent = []

    def getsockname(self):
        return "192.0.2.1", 5070

    def sendto(self, data, address):
        self.sent.append((read_packet(data), address))


class Audio:
    """Audio without threads."""

    inPort = 4002  # noqa: N815  # pyVoIP's name

    def __init__(self):
        self.far = None

    def open(self, far):
        self.far = far

    def nothing(self, *_):
        return None

    stop = listen_anew = press = nothing

    def stats(self):
        return MediaStats()

    def silent_s(self):
        return 0.0


class Stage:
    """A call, the far end's messages, what we sent and what was told."""

    def __init__(self, credentials=None):
        self.port = Port()
        self.phone = Phone(self.port, "192.0.2.1", "400", Peers(()))
        self.phone.NSD = True
        self.audio = Audio()
        invitation = Invitation("sip:138@198.51.100.1", CARRIER, "<sip:400@firm.example>", credentials)
        clock = SimulatedClock(datetime(2026, 11, 25, tzinfo=UTC))
        self.call = PyvoipCall(clock, self.phone, self.audio, invitation, 60)
        self.events = []
        self.call.subscribe(self.events.append)
        self.call.place()

    @property
    def invite(self):
        """Our last INVITE."""
        return [packet for packet, _ in self.port.sent if packet.method == "INVITE" and packet.status is None][-1]

    def sent(self, method):
        """Our requests of that method, with where they went."""
        return [(packet, to) for packet, to in self.port.sent if packet.method == method and packet.status is None]

    def statuses(self):
        """The statuses that we answered."""
        return [packet.status for packet, _ in self.port.sent if packet.status is not None]

    def answer(self, line, *headers, body="", to=None, tag="far", from_=None):
        """A response of the far end to our last INVITE, or to the request ``to``."""
        request = to or self.invite
        text = "\r\n".join(
            (
                f"SIP/2.0 {line}",
                f"Via: {request.get('via')}",
                f"From: {from_ or request.get('from')}",
                f"To: <sip:138@198.51.100.1>;tag={tag}",
                f"Call-ID: {request.call_id}",
                f"CSeq: {request.cseq} {request.method}",
                *headers,
                f"Content-Length: {len(body)}",
                "",
                body,
            )
        )
        self.phone.take(read_packet(text.encode()), CARRIER)

    def ask(self, method, cseq, *headers, body="", to_tag=None, branch="z9hG4bKfar"):
        """A request of the far end inside the dialog."""
        invite = self.invite
        base = [
            ("Via", f"SIP/2.0/UDP 198.51.100.1;branch={branch}"),
            ("From", "<sip:138@198.51.100.1>;tag=far"),
            ("To", f"<sip:400@firm.example>;tag={to_tag or invite.from_tag}"),
            ("Call-ID", invite.call_id),
            ("CSeq", f"{cseq} {method}"),
            *headers,
        ]
        self.phone.take(read_packet(write_request(method, self.phone.contact, base, body).encode()), CARRIER)

    async def told(self):
        """The kinds of the events so far."""
        await asyncio.sleep(0)
        return [type(event) for event in self.events]


@on_a_loop
async def test_a_cancel_waits_for_the_first_1xx_and_belongs_to_the_invite():
    stage = Stage()
    await stage.call.hang_up()
    assert stage.sent("CANCEL") == []
    stage.answer("100 Trying")
    [(cancel, to)] = stage.sent("CANCEL")
    assert (cancel.branch, cancel.cseq, cancel.uri, to) == (
        stage.invite.branch,
        stage.invite.cseq,
        stage.invite.uri,
        CARRIER,
    )
    stage.answer("487 Request Terminated")
    assert await stage.told() == [Ended]
    assert (stage.call.ending.by, stage.call.ending.status) == (EndedBy.US, 487)


@on_a_loop
async def test_a_refusal_is_acknowledged_within_its_own_transaction_each_time_it_comes():
    stage = Stage()
    for _ in range(3):
        stage.answer("486 Busy Here", tag="busy")
    acks = [packet for packet, _ in stage.sent("ACK")]
    assert len(acks) == 3
    assert {(ack.branch, ack.to_tag, ack.cseq) for ack in acks} == {(stage.invite.branch, "busy", stage.invite.cseq)}
    assert await stage.told() == [Ended]


@on_a_loop
async def test_ack_and_bye_go_where_contact_and_record_route_say():
    stage = Stage()
    routes = "Record-Route: <sip:198.51.100.3;lr>, <sip:198.51.100.2:5090;lr>"
    stage.answer("200 OK", CONTACT, routes, body=SDP)
    await stage.call.hang_up()
    for method, cseq in (("ACK", 1), ("BYE", 2)):
        [(packet, to)] = stage.sent(method)
        assert (packet.uri, packet.cseq, packet.to_tag, to) == (
            "sip:gw@198.51.100.7:5080",
            cseq,
            "far",
            ("198.51.100.2", 5090),
        )
        assert packet.all("route") == ("<sip:198.51.100.2:5090;lr>", "<sip:198.51.100.3;lr>")
    stage.answer("200 OK", to=stage.sent("BYE")[0][0])
    assert await stage.told() == [Answered, Ended]
    assert stage.call.ending.by is EndedBy.US


@on_a_loop
async def test_of_two_who_answer_a_forked_call_the_second_is_taken_down():
    stage = Stage()
    stage.answer("200 OK", CONTACT, body=SDP, tag="first")
    stage.answer("200 OK", "Contact: <sip:other@198.51.100.8>", body=SDP, tag="second")
    [(bye, to)] = stage.sent("BYE")
    assert (bye.to_tag, to) == ("second", ("198.51.100.8", 5060))
    assert await stage.told() == [Answered]


@on_a_loop
async def test_an_answer_after_we_gave_up_is_acknowledged_and_taken_down():
    stage = Stage()
    await stage.call.hang_up()
    stage.call._lose_patience()
    stage.answer("200 OK", CONTACT, body=SDP)
    assert len(stage.sent("ACK")) == len(stage.sent("BYE")) == 1
    assert await stage.told() == [Ended]
    assert stage.call.answered_at is None


@on_a_loop
async def test_a_response_with_another_s_tag_is_not_believed():
    stage = Stage()
    stage.answer("486 Busy Here", from_="<sip:400@firm.example>;tag=guessed")
    assert await stage.told() == []


@on_a_loop
async def test_credentials_are_tried_once():
    stage = Stage(Credentials("firm", "secret"))
    challenge = 'WWW-Authenticate: Digest realm="r", nonce="n"'
    stage.answer("401 Unauthorized", challenge)
    assert (stage.invite.cseq, stage.invite.get("authorization")[:6]) == (2, "Digest")
    stage.answer("401 Unauthorized", challenge)
    assert (await stage.told(), stage.call.ending.status) == ([Ended], 401)


@on_a_loop
async def test_a_stale_nonce_is_renewed_once_more():
    stage = Stage(Credentials("firm", "secret"))
    stage.answer("407 Proxy Authentication Required", 'Proxy-Authenticate: Digest realm="r", nonce="a"')
    stage.answer("407 Proxy Authentication Required", 'Proxy-Authenticate: Digest realm="r", nonce="b", stale=true')
    assert 'nonce="b"' in stage.invite.get("proxy-authorization")
    stage.answer("407 Proxy Authentication Required", 'Proxy-Authenticate: Digest realm="r", nonce="c", stale=true')
    assert await stage.told() == [Ended]


@on_a_loop
async def test_a_description_before_the_answer_is_early_media_and_serves_an_answer_without_one():
    stage = Stage()
    stage.answer("180 Ringing")
    stage.answer("183 Session Progress", body=SDP)
    stage.answer("200 OK", CONTACT)
    assert await stage.told() == [Rang, EarlyMedia, Answered]
    assert stage.audio.far.port == 4000


@on_a_loop
async def test_hold_and_return_of_the_far_end_are_told_and_answered():
    stage = Stage()
    stage.answer("200 OK", CONTACT, body=SDP)
    stage.ask("INVITE", 5, THEIRS, body=SDP + "a=sendonly\r\n")
    stage.ask("ACK", 5)
    stage.ask("UPDATE", 6, THEIRS, body=SDP)
    assert await stage.told() == [Answered, FarEndHold, FarEndHold]
    assert stage.statuses() == [200, 200]
    assert "a=recvonly" in stage.port.sent[2][0].body


@on_a_loop
async def test_a_request_that_comes_again_gets_the_same_answer_and_is_told_once():
    stage = Stage()
    stage.answer("200 OK", CONTACT, body=SDP)
    for _ in range(3):
        stage.ask("INFO", 5, ("Content-Type", "application/dtmf-relay"), body="Signal=7\r\nDuration=160\r\n")
    assert await stage.told() == [Answered, Digit]
    assert stage.statuses() == [200, 200, 200]


@pytest.mark.parametrize(
    ("method", "extra", "status"),
    [
        ("INVITE", {"body": "v=0\r\nm=audio 0 RTP/AVP 8\r\n"}, 488),
        ("BYE", {"to_tag": "guessed"}, 481),
        ("REFER", {}, 603),
        ("OPTIONS", {}, 200),
        ("PUBLISH", {}, 405),
    ],
)
@on_a_loop
async def test_what_we_refuse_inside_a_call_harms_it_not(method, extra, status):
    stage = Stage()
    stage.answer("200 OK", CONTACT, body=SDP)
    stage.ask(method, 5, **extra)
    assert stage.statuses() == [status]
    assert stage.call.state is CallState.ANSWERED


@on_a_loop
async def test_two_re_invites_that_cross_are_one_too_many():
    stage = Stage()
    stage.answer("200 OK", CONTACT, body=SDP)
    await stage.call.hold()
    stage.ask("INVITE", 5, body=SDP)
    assert stage.statuses() == [491]
    with pytest.raises(LineError, match="hold"):
        await stage.call.hold()
    stage.answer("491 Request Pending")
    assert len(stage.sent("ACK")) == 2
    await stage.call.resume()
    assert "a=sendrecv" in stage.invite.body


@on_a_loop
async def test_keys_are_told_once_when_they_are_released():
    stage = Stage()
    stage.answer("200 OK", CONTACT, body=SDP)
    news = [("1", 10, False, 20), ("1", 10, False, 60), ("1", 10, True, 100), ("1", 10, True, 100)]
    news += [("1", 20, False, 40), ("2", 30, False, 20), ("1", 20, False, 60), ("2", 30, True, 80)]
    for one in news:
        stage.call.take_key(KeyNews(*one))
    await asyncio.sleep(0)
    digits = [(event.key, event.duration_ms) for event in stage.events if isinstance(event, Digit)]
    assert digits == [("1", 100), ("1", 40), ("2", 80)]


@on_a_loop
async def test_digits_need_a_far_end_that_takes_them():
    stage = Stage()
    with pytest.raises(LineError, match="telephone-events"):
        await stage.call.send_digits("1")
    stage.answer("200 OK", CONTACT, body=SDP)
    with pytest.raises(LineError, match="keys"):
        await stage.call.send_digits("x")


@on_a_loop
async def test_a_phone_that_dies_ends_its_call():
    stage = Stage()
    stage.answer("180 Ringing")
    stage.phone.died()
    assert await stage.told() == [Rang, Ended]
    assert stage.call.ending.by is EndedBy.STACK


@pytest.mark.parametrize(
    ("method", "statuses"),
    [("INVITE", [486]), ("OPTIONS", [200]), ("REFER", [603]), ("BYE", [481]), ("SUBSCRIBE", [405]), ("ACK", [])],
)
@on_a_loop
async def test_what_a_stranger_is_told(method, statuses):
    stage = Stage()
    text = (
        f"{method} sip:400@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.1;branch=z\r\nFrom: <sip:x@y>;tag=1\r\n"
        f"To: <sip:400@192.0.2.1>\r\nCall-ID: unknown\r\nCSeq: 1 {method}\r\n\r\n"
    )
    stage.phone.take(read_packet(text.encode()), CARRIER)
    assert stage.statuses() == statuses


@on_a_loop
async def test_call_ids_never_repeat():
    first, second = Stage().phone.sip, Stage().phone.sip
    assert len({sip.gen_call_id() for sip in (first, second) for _ in range(500)}) == 1000


def test_only_peers_and_those_we_spoke_to_are_heard():
    peers = Peers(["10.0.0.0/8", "192.0.2.7"])
    assert peers.admits("10.1.2.3")
    assert peers.admits("192.0.2.7")
    assert not peers.admits("192.0.2.8")
    peers.meet("192.0.2.8")
    assert peers.admits("192.0.2.8")
    assert Peers(["any"]).admits("203.0.113.1")
    with pytest.raises(ValueError, match="carrier"):
        Peers(["carrier.example"])
