"""What comes before the answer: 100, 180 and 183 in every order, with media and without, or nothing at all."""

from __future__ import annotations

import asyncio

import pytest

from dialer.lines.base import Answered, CallState, EarlyMedia, Ended, EndedBy, Rang

pytestmark = pytest.mark.contract

RINGS, MEDIA = "Rang", "EarlyMedia"
# the far end's responses before its 200 ("+": with a session description), and the events they give
ORDERS = [
    ((), []),
    (("100 Trying",), []),
    (("100 Trying", "180 Ringing"), [RINGS]),
    (("180 Ringing",), [RINGS]),
    (("180 Ringing+",), [MEDIA]),
    (("100 Giving a try", "183 Session Progress+"), [MEDIA]),
    (("183 Session Progress",), [RINGS]),
    (("183 Session Progress", "180 Ringing"), [RINGS, RINGS]),
    (("180 Ringing", "183 Session Progress+"), [RINGS, MEDIA]),
    (("183 Session Progress+", "180 Ringing"), [MEDIA, RINGS]),
    (("180 Ringing", "180 Ringing", "180 Ringing"), [RINGS, RINGS, RINGS]),
    (("181 Call Is Being Forwarded", "182 Queued, 2nd in line", "180 Ringing+"), [RINGS, RINGS, MEDIA]),
    (("199 Early Dialog Terminated", "180 Ringing"), [RINGS, RINGS]),
]


@pytest.mark.needs("early-media")
@pytest.mark.parametrize(("responses", "names"), ORDERS)
async def test_every_order_of_provisionals_is_told_and_then_answered(
    open_line, carrier, watch, audio, responses, names
):
    steps = [carrier.reply(text.rstrip("+"), audio=audio if text.endswith("+") else None) for text in responses]
    pauses = [carrier.pause(60)] * len(steps)
    spaced = [step for pair in zip(steps, pauses, strict=True) for step in pair]
    far_end = carrier.play(*spaced, carrier.reply("200 OK", audio=audio), *carrier.until_bye())
    async with open_line() as line:
        call = await line.dial(far_end.uri)
        events = watch(call)
        await events.until(Answered)
        await call.hang_up()
        await events.until(Ended)
        await far_end.finished()
    assert [(one.status, one.phrase, one.media) for one in call.provisionals] == [
        (int(text[:3]), text[4:].rstrip("+"), text.endswith("+")) for text in responses
    ]
    assert events.names == [*names, "Answered", "Ended"]


async def test_the_state_follows_the_events(open_line, carrier, watch, audio):
    far_end = carrier.play(
        carrier.reply("100 Trying"),
        carrier.reply("180 Ringing"),
        carrier.pause(200),
        carrier.reply("200 OK", audio=audio),
        *carrier.until_bye(),
    )
    async with open_line() as line:
        call = await line.dial(far_end.uri)
        events = watch(call)
        rang = await events.until(Rang)
        await events.until(Answered)
        assert (call.state, call.ending, call.stats) == (CallState.ANSWERED, None, None)
        await call.hang_up()
        ended = await events.until(Ended)
        await far_end.finished()
    assert rang.provisional == call.provisionals[1]
    assert (ended.ending.by, ended.ending.status, ended.ending.phrase) == (EndedBy.US, None, "")
    assert call.dialed_at <= rang.provisional.at <= call.answered_at <= ended.ending.at
    assert (call.state, call.ending) == (CallState.ENDED, ended.ending)
    assert call.sip_call_id
    assert call.stats is not None


@pytest.mark.needs("early-media")
async def test_an_announcement_is_heard_before_any_answer(open_line, carrier, watch, audio, tone, pitch):
    far_end = carrier.play(
        carrier.reply("100 Trying"),
        carrier.reply("183 Session Progress", audio=audio),
        carrier.pause(2200),
        carrier.reply("480 Temporarily Unavailable", extra='Reason: Q.850;cause=20;text="Subscriber absent"'),
        carrier.expect("ACK"),
    )
    heard = bytearray()
    async with open_line() as line:
        call = await line.dial(far_end.uri)
        events = watch(call)
        await events.until(EarlyMedia)
        assert call.state is CallState.EARLY_MEDIA
        playing = asyncio.create_task(audio.play(tone(450, 1.6), 8))
        async with asyncio.timeout(8):
            while len(heard) < 16000:
                heard += call.read()
                await asyncio.sleep(0.02)
        await playing
        assert call.answered_at is None
        ended = await events.until(Ended)
        await far_end.finished()
    hertz, level = pitch(bytes(heard))
    assert hertz == pytest.approx(450, abs=5)
    assert level == pytest.approx(8192 / 2**0.5, rel=0.1)
    assert (ended.ending.by, ended.ending.status) == (EndedBy.FAR_END, 480)
    assert ended.ending.reasons == ('Q.850;cause=20;text="Subscriber absent"',)


@pytest.mark.needs("early-media")
async def test_ringing_after_an_announcement_ends_no_call(open_line, carrier, watch, audio):
    far_end = carrier.play(
        carrier.reply("183 Session Progress", audio=audio),
        carrier.pause(100),
        carrier.reply("180 Ringing"),
        carrier.pause(100),
        carrier.reply("603 Decline"),
        carrier.expect("ACK"),
    )
    async with open_line() as line:
        events = watch(await line.dial(far_end.uri))
        ended = await events.until(Ended)
    assert events.names == ["EarlyMedia", "Rang", "Ended"]
    assert ended.ending.status == 603


@pytest.mark.needs("repeated-ack")
async def test_an_answer_that_comes_again_is_acknowledged_again_and_told_once(open_line, wire, watch, audio):
    async with open_line() as line:
        call = await line.dial(wire.uri)
        events = watch(call)
        invite = await wire.receive()
        for _ in range(3):
            wire.answer(invite, "200 OK", audio.description(8))
            assert (await wire.receive(2)).startswith("ACK ")
        await call.hang_up()
        wire.answer(await wire.receive(), "200 OK")
        await events.until(Ended)
    assert events.names == ["Answered", "Ended"]
