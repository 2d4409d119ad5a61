"""What happens inside an answered call: how it ends, hold, other ports, refreshes (RFC 3261 sections 14 and 15)."""

from __future__ import annotations

import asyncio

import pytest

from dialer.lines.base import Answered, CallState, Ended, EndedBy, FarEndHold
from tests.contract.line.rtp import PCMA
from tests.contract.line.talk import feed, take
from tests.contract.line.wire import header

pytestmark = pytest.mark.contract

FAREWELL_S = 4.0


# -- who ends it ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", ["", 'Q.850;cause=16;text="Normal call clearing"'])
async def test_an_answered_call_that_the_far_end_ends(open_line, carrier, watch, audio, reason):
    far_end = carrier.play(
        carrier.reply("180 Ringing"),
        carrier.reply("200 OK", audio=audio),
        carrier.expect("ACK"),
        carrier.pause(300),
        carrier.request("BYE", 2, extra=f"Reason: {reason}" if reason else ""),
        carrier.expect("200"),
    )
    async with open_line() as line:
        call = await line.dial(far_end.uri)
        ended = await watch(call).until(Ended, seconds=FAREWELL_S)
        await far_end.finished()
    assert (ended.ending.by, ended.ending.status) == (EndedBy.FAR_END, None)
    assert ended.ending.reasons == ((reason,) if reason else ())


async def test_two_byes_that_cross_end_the_call_once(open_line, carrier, watch, audio):
    far_end = carrier.play(
        carrier.reply("200 OK", audio=audio),
        carrier.expect("ACK"),
        carrier.expect("BYE"),
        carrier.request("BYE", 2).replace(' retrans="500"', ""),  # ours, sent before theirs was answered
        carrier.pause(300),
    )
    async with open_line() as line:
        call = await line.dial(far_end.uri)
        events = watch(call)
        await events.until(Answered)
        await call.hang_up()
        ended = await events.until(Ended, seconds=FAREWELL_S)
        await asyncio.sleep(0.5)
    assert ended.ending.by is EndedBy.US
    assert events.names == ["Answered", "Ended"]


async def test_a_bye_right_after_the_answer_ends_the_call_once(open_line, wire, watch, audio):
    async with open_line() as line:
        call = await line.dial(wire.uri)
        events = watch(call)
        invite = await wire.receive()
        wire.answer(invite, "200 OK", audio.description(PCMA))
        wire.send(in_dialog(invite, "BYE"))
        ended = await events.until(Ended, seconds=FAREWELL_S)
    assert events.names[-1] == "Ended"
    assert ended.ending.by is EndedBy.FAR_END


# -- hold ----------------------------------------------------------------------------------------------------------


@pytest.mark.needs("far-end-hold")
@pytest.mark.parametrize("way", ["sendonly", "inactive"])
async def test_the_far_end_holds_and_takes_back(open_line, carrier, watch, audio, way):
    far_end = carrier.play(
        carrier.reply("200 OK", audio=audio),
        carrier.expect("ACK"),
        carrier.pause(200),
        *reinvite(carrier, 2, audio=audio, way=way),
        carrier.pause(300),
        *reinvite(carrier, 3, audio=audio, way="sendrecv"),
        *carrier.bye(),
    )
    async with open_line() as line:
        call = await line.dial(far_end.uri)
        events = watch(call)
        assert (await events.until(FarEndHold)).held
        assert not (await events.until(FarEndHold, count=2)).held
        assert call.state is CallState.ANSWERED
        await call.hang_up()
        await events.until(Ended)
        await far_end.finished()
    assert events.names == ["Answered", "FarEndHold", "FarEndHold", "Ended"]


@pytest.mark.needs("hold")
async def test_we_hold_and_take_back_and_audio_flows_again(open_line, carrier, watch, audio, tone, pitch):
    far_end = carrier.play(
        carrier.reply("200 OK", audio=audio),
        carrier.expect("ACK"),
        carrier.expect("INVITE", containing="a=(sendonly|inactive)"),
        carrier.reply("200 OK", audio=audio, way="recvonly"),
        carrier.expect("ACK"),
        carrier.expect("INVITE", containing="a=sendrecv"),
        carrier.reply("200 OK", audio=audio),
        *carrier.until_bye(),
    )
    async with open_line() as line:
        call = await line.dial(far_end.uri)
        events = watch(call)
        await events.until(Answered)
        await audio.meet()
        await call.hold()
        await audio.listen(0.4)
        await call.resume()
        await audio.listen(0.4)
        audio.packets.clear()
        heard, _, _, _ = await asyncio.gather(
            take(call, 1.4), audio.play(tone(440, 1.3), PCMA), audio.listen(1.4), feed(call, tone(1000, 1.2))
        )
        await call.hang_up()
        await events.until(Ended)
        await far_end.finished()
    assert events.names == ["Answered", "Ended"]
    assert pitch(heard)[0] == pytest.approx(440, abs=5)
    assert pitch(audio.heard(PCMA))[0] == pytest.approx(1000, abs=5)


@pytest.mark.needs("hold")
@pytest.mark.parametrize("refusal", ["488 Not Acceptable Here", "491 Request Pending", "500 Server Internal Error"])
async def test_a_hold_that_the_far_end_refuses_harms_no_call(open_line, carrier, watch, audio, refusal):
    far_end = carrier.play(
        carrier.reply("200 OK", audio=audio),
        carrier.expect("ACK"),
        carrier.expect("INVITE"),
        carrier.reply(refusal),
        carrier.expect("ACK"),
        *carrier.bye(),
    )
    async with open_line() as line:
        call = await line.dial(far_end.uri)
        events = watch(call)
        await events.until(Answered)
        await call.hold()
        await asyncio.sleep(0.5)
        assert call.state is CallState.ANSWERED
        await call.hang_up()
        await events.until(Ended, seconds=FAREWELL_S)
        await far_end.finished()
    assert events.names == ["Answered", "Ended"]


# -- other ports and refreshes -------------------------------------------------------------------------------------


@pytest.mark.needs("moved-media")
async def test_audio_follows_the_far_end_to_another_port(open_line, carrier, watch, audio, other_audio, tone, pitch):
    far_end = carrier.play(
        carrier.reply("200 OK", audio=audio),
        carrier.expect("ACK"),
        carrier.pause(700),
        *reinvite(carrier, 2, audio=other_audio),
        *carrier.bye(),
    )
    async with open_line() as line:
        call = await line.dial(far_end.uri)
        events = watch(call)
        await events.until(Answered)
        await asyncio.gather(audio.play(tone(300, 0.4), PCMA), take(call, 0.5))
        await other_audio.meet()
        heard, _, _, _ = await asyncio.gather(
            take(call, 1.4), other_audio.play(tone(440, 1.3), PCMA), other_audio.listen(1.4), feed(call, tone(1000, 1))
        )
        await call.hang_up()
        await events.until(Ended)
        await far_end.finished()
    assert pitch(heard)[0] == pytest.approx(440, abs=5)
    assert pitch(other_audio.heard(PCMA))[0] == pytest.approx(1000, abs=5)
    assert events.names == ["Answered", "Ended"]


@pytest.mark.parametrize("timer", ["Session-Expires: 90;refresher=uas", ""])
async def test_a_session_that_the_far_end_refreshes_by_invite_goes_on(open_line, carrier, watch, audio, timer):
    far_end = carrier.play(
        carrier.reply("200 OK", audio=audio, extra=timer),
        carrier.expect("ACK"),
        carrier.pause(200),
        *reinvite(carrier, 2, audio=audio, extra=timer),
        carrier.pause(100),
        *reinvite(carrier, 3, extra=timer, answer=audio),  # no description: ours is wanted
        *carrier.bye(),
    )
    async with open_line() as line:
        call = await line.dial(far_end.uri)
        events = watch(call)
        await events.until(Answered)
        await take(call, 1.2)
        assert call.state is CallState.ANSWERED
        await call.hang_up()
        await events.until(Ended, seconds=FAREWELL_S)
        await far_end.finished()
    assert set(events.names) == {"Answered", "Ended"}


@pytest.mark.needs("update")
@pytest.mark.parametrize("described", [False, True])
async def test_a_session_that_the_far_end_refreshes_by_update_goes_on(open_line, carrier, watch, audio, described):
    far_end = carrier.play(
        carrier.reply("200 OK", audio=audio, extra="Session-Expires: 90;refresher=uas"),
        carrier.expect("ACK"),
        carrier.pause(200),
        carrier.request(
            "UPDATE", 2, audio=audio if described else None, extra="Session-Expires: 90;refresher=uac\nSupported: timer"
        ),
        carrier.expect("200"),
        *carrier.bye(),
    )
    async with open_line() as line:
        call = await line.dial(far_end.uri)
        events = watch(call)
        await events.until(Answered)
        await take(call, 0.8)
        await call.hang_up()
        await events.until(Ended, seconds=FAREWELL_S)
        await far_end.finished()
    assert events.names == ["Answered", "Ended"]


@pytest.mark.needs("session-timers")
async def test_we_refresh_when_the_far_end_asks_us_to(open_line, carrier, watch, audio):
    far_end = carrier.play(
        carrier.reply("200 OK", audio=audio, extra="Require: timer\nSession-Expires: 4;refresher=uac"),
        carrier.expect("ACK"),
        carrier.expect("UPDATE"),
        carrier.reply("200 OK", extra="Session-Expires: 4;refresher=uac"),
        *carrier.bye(),
    )
    async with open_line() as line:
        call = await line.dial(far_end.uri)
        events = watch(call)
        await events.until(Answered)
        await take(call, 4.0)
        await call.hang_up()
        await events.until(Ended, seconds=FAREWELL_S)
        await far_end.finished()


def reinvite(carrier, number, **offer):
    """The far end's re-INVITE, our 200, its ACK."""
    answer = offer.pop("answer", None)
    return (
        carrier.request("INVITE", number, **offer),
        carrier.expect("100", optional=True),
        carrier.expect("200"),
        carrier.request("ACK", number, audio=answer),
    )


def in_dialog(invite, method):
    """A request of the far end, as bytes of its own."""
    contact = header(invite, "Contact").strip("<>")
    return (
        f"{method} {contact} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bKcross;rport\r\nMax-Forwards: 70\r\n"
        f"From: {header(invite, 'To')};tag=wire\r\nTo: {header(invite, 'From')}\r\n"
        f"Call-ID: {header(invite, 'Call-ID')}\r\nCSeq: 1 {method}\r\nContent-Length: 0\r\n\r\n"
    )
