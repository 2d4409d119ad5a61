"""A far end that says nothing, at any point of a call: it ends all the same, typed and within a stated time."""

from __future__ import annotations

import asyncio
import re
from itertools import pairwise

import pytest

from dialer.lines.base import Answered, Ended, EndedBy, Rang
from tests.contract.line.wire import header

pytestmark = pytest.mark.contract

TIMER_B_S = 32.0  # RFC 3261 section 17.1.1.2: 64 * T1
FAREWELL_S = 4.0  # from our hang-up to the end, whatever the far end does


async def test_no_answer_at_all_ends_by_timer_b_after_repeated_invites(open_line, wire, watch):
    async with open_line() as line:
        call = await line.dial(wire.uri)
        events = watch(call)
        heard, ended = await asyncio.gather(wire.receive_for(TIMER_B_S), events.until(Ended, seconds=TIMER_B_S + 4))
    assert (ended.ending.by, ended.ending.status) == (EndedBy.STACK, None)
    assert ended.ending.cause
    assert TIMER_B_S - 1 <= (ended.ending.at - call.dialed_at).total_seconds() <= TIMER_B_S + 2
    assert {message.partition(" ")[0] for _, message in heard} == {"INVITE"}
    assert len({(header(message, "Via"), header(message, "CSeq")) for _, message in heard}) == 1
    gaps = [later[0] - earlier[0] for earlier, later in pairwise(heard)]
    assert [round(gap * 2) / 2 for gap in gaps] == [0.5, 1, 2, 4, 8, 16]  # timer A doubles from T1 on


@pytest.mark.parametrize("first", ["", "100 Trying", "180 Ringing"])
async def test_our_hang_up_ends_a_call_that_nobody_confirms(open_line, wire, watch, first):
    async with open_line() as line:
        call = await line.dial(wire.uri)
        events = watch(call)
        invite = await wire.receive()
        if first:
            wire.answer(invite, first)
            await asyncio.sleep(0.2)
        await call.hang_up()
        ended = await events.until(Ended, seconds=FAREWELL_S)
        if first:
            assert (await wire.receive()).startswith("CANCEL ")
    assert (ended.ending.by, ended.ending.status) == (EndedBy.US, None)


async def test_our_bye_ends_an_answered_call_that_nobody_confirms(open_line, wire, watch, audio):
    async with open_line() as line:
        call = await line.dial(wire.uri)
        events = watch(call)
        wire.answer(await wire.receive(), "200 OK", audio.description(8))
        await events.until(Answered)
        await call.hang_up()
        ended = await events.until(Ended, seconds=FAREWELL_S)
        assert (await wire.receive()).startswith("ACK ")
        assert (await wire.receive()).startswith("BYE ")
    assert (ended.ending.by, ended.ending.status) == (EndedBy.US, None)


async def test_hanging_up_while_nobody_listens_at_the_far_end(open_line, watch, unused_port):
    async with open_line() as line:
        call = await line.dial(f"sip:1@127.0.0.1:{unused_port}")
        events = watch(call)
        await call.hang_up()
        assert (await events.until(Ended, seconds=FAREWELL_S)).ending.by is EndedBy.US


@pytest.mark.needs("media-timeout")
async def test_an_answer_without_any_audio_ends_after_the_media_timeout(open_line, carrier, watch, audio):
    far_end = carrier.play(carrier.reply("200 OK", audio=audio), *carrier.until_bye())
    async with open_line(media_timeout_s=1) as line:
        call = await line.dial(far_end.uri)
        events = watch(call)
        await events.until(Answered)
        ended = await events.until(Ended, seconds=5)
        await far_end.finished()
    assert (ended.ending.by, ended.ending.status) == (EndedBy.STACK, None)
    assert ended.ending.cause
    assert call.read() == b""


UNUSABLE = {
    "no description": lambda text: "",
    "a closed port": lambda text: re.sub(r"m=audio \d+", "m=audio 0", text),
    "a codec that nobody offered": lambda text: text.replace("AVP 8 101", "AVP 18").replace("8 PCMA", "18 G729"),
    "no audio either way": lambda text: text + "a=inactive\n",
}


@pytest.mark.needs("unusable-answer")
@pytest.mark.parametrize("spoil", UNUSABLE.values(), ids=UNUSABLE)
async def test_an_answer_that_opens_no_audio_is_hung_up(open_line, wire, watch, audio, spoil):
    async with open_line() as line:
        call = await line.dial(wire.uri)
        events = watch(call)
        wire.answer(await wire.receive(), "200 OK", spoil(audio.description(8)))
        ended = await events.until(Ended, seconds=6)
        assert (await wire.receive()).startswith("ACK ")
        assert (await wire.receive()).startswith("BYE ")
    assert (ended.ending.by, ended.ending.status) == (EndedBy.STACK, None)
    assert "no audio" in ended.ending.cause


async def test_an_answer_that_is_no_description_ends_typed(open_line, wire, watch):
    async with open_line() as line:
        call = await line.dial(wire.uri)
        events = watch(call)
        wire.answer(await wire.receive(), "200 OK", "hello\n")
        ended = await events.until(Ended, seconds=6)
    assert ended.ending.by is EndedBy.STACK


@pytest.mark.needs("media-timeout")
async def test_audio_that_stops_ends_the_call_after_the_media_timeout(open_line, carrier, watch, audio, tone):
    far_end = carrier.play(carrier.reply("200 OK", audio=audio), *carrier.until_bye())
    async with open_line(media_timeout_s=2) as line:
        call = await line.dial(far_end.uri)
        events = watch(call)
        await events.until(Answered)
        await audio.play(tone(440, 2.5), 8)
        assert call.ending is None
        ended = await events.until(Ended, seconds=6)
        await far_end.finished()
    assert ended.ending.by is EndedBy.STACK


@pytest.mark.needs("tcp")
async def test_a_trunk_that_refuses_the_connection_is_nobody_s_decision(open_line, watch, unused_port):
    async with open_line(transport="tcp") as line:
        call = await line.dial(f"sip:1@127.0.0.1:{unused_port}")
        ended = await watch(call).until(Ended, seconds=4)
    assert (ended.ending.by, ended.ending.status) == (EndedBy.STACK, None)
    assert "refused" in ended.ending.cause


@pytest.mark.needs("tcp")
async def test_a_connection_that_breaks_while_it_rings_ends_by_timer_b_or_by_us(open_line, carrier, watch):
    far_end = carrier.play(carrier.reply("180 Ringing"), carrier.pause(100), transport="tcp")
    async with open_line(transport="tcp") as line:
        call = await line.dial(far_end.uri)
        events = watch(call)
        await events.until(Rang)
        await far_end.finished()
        await asyncio.sleep(0.5)
        await call.hang_up()
        ended = await events.until(Ended, seconds=FAREWELL_S)
    assert ended.ending.by in (EndedBy.US, EndedBy.STACK)
