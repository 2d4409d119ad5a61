"""Audio, keys and hold: what we write is what the far end hears, and the other way round."""

from __future__ import annotations

import asyncio

import pytest

from dialer.lines.base import FRAME_BYTES, Answered, CallState, Digit, EarlyMedia, Ended, EndedBy, FarEndHold

pytestmark = pytest.mark.contract

PCMU, PCMA = 0, 8


def answered(carrier, audio, codec=PCMA):
    """A far end that answers and waits for our BYE."""
    return carrier.play(
        carrier.reply("180 Ringing"),
        carrier.reply("200 OK", audio=audio, codec=codec),
        carrier.expect("ACK"),
        carrier.expect("BYE"),
        carrier.reply("200 OK"),
    )


async def read_until(call, count):
    """``count`` bytes of what the call received."""
    heard = bytearray()
    async with asyncio.timeout(8):
        while len(heard) < count:
            heard += call.read()
            await asyncio.sleep(0.02)
    return bytes(heard)


async def feed(call, pcm):
    """Write ``pcm`` as fast as the call takes it."""
    async with asyncio.timeout(8):
        while pcm:
            pcm = pcm[call.write(pcm[: 10 * FRAME_BYTES]) :]
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("codec", [PCMA, PCMU])
async def test_a_tone_crosses_both_ways_unchanged(open_line, carrier, watch, audio, tone, pitch, codec):
    far_end = answered(carrier, audio, codec)
    async with open_line() as line:
        call = await line.dial(far_end.uri)
        events = watch(call)
        await events.until(Answered)
        heard, _, _, _ = await asyncio.gather(
            read_until(call, 20000), audio.play(tone(440, 2.0), codec), feed(call, tone(1000, 1.2)), audio.listen(1.8)
        )
        await call.hang_up()
        await events.until(Ended)
        await far_end.finished()
    for (hertz, level), expected in ((pitch(heard), 440), (pitch(audio.heard(codec)[:16000]), 1000)):
        assert hertz == pytest.approx(expected, abs=5)
        assert level == pytest.approx(8192 / 2**0.5, rel=0.1)
    assert call.stats.packets_received >= 60
    assert call.stats.packets_sent >= 60
    assert call.stats.packets_lost == 0


async def test_an_announcement_is_heard_before_any_answer(open_line, carrier, watch, audio, tone, pitch):
    far_end = carrier.play(
        carrier.reply("100 Trying"),
        carrier.reply("183 Session Progress", audio=audio),
        carrier.pause(2200),
        carrier.reply("480 Temporarily Unavailable", extra='Reason: Q.850;cause=20;text="Subscriber absent"'),
        carrier.expect("ACK"),
    )
    async with open_line() as line:
        call = await line.dial(far_end.uri)
        events = watch(call)
        await events.until(EarlyMedia)
        assert call.state is CallState.EARLY_MEDIA
        heard, _ = await asyncio.gather(read_until(call, 16000), audio.play(tone(450, 1.6), PCMA))
        assert call.answered_at is None
        ended = await events.until(Ended)
        await far_end.finished()
    hertz, level = pitch(heard)
    assert hertz == pytest.approx(450, abs=5)
    assert level == pytest.approx(8192 / 2**0.5, rel=0.1)
    assert (ended.ending.by, ended.ending.status) == (EndedBy.FAR_END, 480)
    assert ended.ending.reasons == ('Q.850;cause=20;text="Subscriber absent"',)


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
        call = await line.dial(far_end.uri)
        events = watch(call)
        ended = await events.until(Ended)
    assert events.names == ["EarlyMedia", "Rang", "Ended"]
    assert ended.ending.status == 603


async def test_keys_of_the_far_end_arrive_once_each(open_line, carrier, watch, audio):
    far_end = answered(carrier, audio)
    async with open_line() as line:
        call = await line.dial(far_end.uri)
        events = watch(call)
        await events.until(Answered)
        await audio.press("159*0#")
        await events.until(Digit, count=6)
        await call.hang_up()
        await events.until(Ended)
    digits = [event for event in events.events if isinstance(event, Digit)]
    assert "".join(digit.key for digit in digits) == "159*0#"
    assert all(20 <= digit.duration_ms <= 400 for digit in digits)


async def test_keys_by_sip_info_arrive_too(open_line, carrier, watch, audio):
    far_end = carrier.play(
        carrier.reply("200 OK", audio=audio),
        carrier.expect("ACK"),
        carrier.info(2, "7"),
        carrier.expect("200"),
        carrier.info(3, "#"),
        carrier.expect("200"),
        carrier.expect("BYE"),
        carrier.reply("200 OK"),
    )
    async with open_line() as line:
        call = await line.dial(far_end.uri)
        events = watch(call)
        await events.until(Digit, count=2)
        await call.hang_up()
        await events.until(Ended)
        await far_end.finished()
    assert [event.key for event in events.events if isinstance(event, Digit)] == ["7", "#"]


async def test_our_keys_reach_the_far_end_once_each(open_line, carrier, watch, audio):
    far_end = answered(carrier, audio)
    async with open_line() as line:
        call = await line.dial(far_end.uri)
        events = watch(call)
        await events.until(Answered)
        await asyncio.gather(audio.listen(2.0), call.send_digits("135*#"))
        await call.hang_up()
        await events.until(Ended)
    assert audio.keys() == "135*#"


async def test_the_far_end_holds_and_takes_back(open_line, carrier, watch, audio):
    far_end = carrier.play(
        carrier.reply("200 OK", audio=audio),
        carrier.expect("ACK"),
        carrier.pause(200),
        carrier.request("INVITE", 2, audio=audio, way="sendonly"),
        carrier.expect("200"),
        carrier.request("ACK", 2),
        carrier.pause(300),
        carrier.request("INVITE", 3, audio=audio, way="sendrecv"),
        carrier.expect("200"),
        carrier.request("ACK", 3),
        carrier.expect("BYE"),
        carrier.reply("200 OK"),
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


async def test_we_hold_and_take_back_and_audio_flows_again(open_line, carrier, watch, audio, tone, pitch):
    far_end = carrier.play(
        carrier.reply("200 OK", audio=audio),
        carrier.expect("ACK"),
        carrier.expect("INVITE", containing="a=(sendonly|inactive)"),
        carrier.reply("200 OK", audio=audio, way="recvonly"),
        carrier.expect("ACK"),
        carrier.expect("INVITE", containing="a=sendrecv"),
        carrier.reply("200 OK", audio=audio),
        carrier.expect("ACK"),
        carrier.expect("BYE"),
        carrier.reply("200 OK"),
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
            read_until(call, 16000), audio.play(tone(440, 1.8), PCMA), feed(call, tone(1000, 1.2)), audio.listen(1.8)
        )
        await call.hang_up()
        await events.until(Ended)
        await far_end.finished()
    assert events.names == ["Answered", "Ended"]
    assert pitch(heard)[0] == pytest.approx(440, abs=5)
    assert pitch(audio.heard(PCMA)[:16000])[0] == pytest.approx(1000, abs=5)


async def test_flushing_drops_what_was_not_sent_yet(open_line, carrier, watch, audio, tone):
    far_end = answered(carrier, audio)
    async with open_line() as line:
        call = await line.dial(far_end.uri)
        events = watch(call)
        await events.until(Answered)
        taken = call.write(tone(1000, 1.5))
        assert taken == 24000
        assert call.queued_bytes > 20000
        call.flush()
        await audio.listen(0.3)
        assert call.queued_bytes == 0
        await audio.listen(1.2)
        await call.hang_up()
        await events.until(Ended)
    loud = [packet for packet in audio.packets if any(byte not in (0xD5, 0x55) for byte in packet[12:])]
    assert len(loud) <= 10  # 200 ms of the 1.5 s


async def test_frames_that_ran_dry_are_counted(open_line, carrier, watch, audio, tone):
    far_end = answered(carrier, audio)
    async with open_line() as line:
        call = await line.dial(far_end.uri)
        events = watch(call)
        await events.until(Answered)
        for _ in range(10):  # half a frame at a time, slower than it is sent
            call.write(tone(1000, 0.01))
            await audio.listen(0.06)
        await call.hang_up()
        await events.until(Ended)
    assert 5 <= call.stats.starved_frames <= 11


async def test_nothing_is_taken_before_there_is_media(open_line, carrier, watch):
    far_end = carrier.play(carrier.reply("180 Ringing"), carrier.pause(300), carrier.reply("486 Busy Here"))
    async with open_line() as line:
        call = await line.dial(far_end.uri)
        assert (call.read(), call.write(b"\0" * FRAME_BYTES), call.queued_bytes) == (b"", 0, 0)
        call.flush()
        await watch(call).until(Ended)
