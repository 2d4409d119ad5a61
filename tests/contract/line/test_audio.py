"""Audio: what we write is what the far end hears, and the other way round, also over a bad network."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from dialer.lines.base import FRAME_BYTES, Answered, Ended
from tests.contract.line.rtp import PCMA, PCMU, Road
from tests.contract.line.talk import feed, read_until, take

pytestmark = pytest.mark.contract

LEVEL = 8192 / 2**0.5


def answered(carrier, audio, codec=PCMA):
    """A far end that answers and waits for our BYE."""
    return carrier.play(
        carrier.reply("180 Ringing"), carrier.reply("200 OK", audio=audio, codec=codec), *carrier.until_bye()
    )


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
        assert level == pytest.approx(LEVEL, rel=0.1)


@pytest.mark.needs("statistics")
async def test_packets_are_counted_both_ways(open_line, carrier, watch, audio, tone):
    far_end = answered(carrier, audio)
    async with open_line() as line:
        call = await line.dial(far_end.uri)
        events = watch(call)
        await events.until(Answered)
        await asyncio.gather(take(call, 1.4), audio.play(tone(440, 1.2), PCMA), feed(call, tone(1000, 1.2)))
        await call.hang_up()
        await events.until(Ended)
    assert call.stats.packets_received == 60
    assert call.stats.packets_sent >= 60
    assert call.stats.packets_lost == 0


@pytest.mark.parametrize("way", ["sendrecv", "recvonly"])
async def test_a_far_end_that_only_listens_hears_us(open_line, carrier, watch, audio, tone, pitch, way):
    far_end = carrier.play(carrier.reply("200 OK", audio=audio, way=way), *carrier.until_bye())
    async with open_line() as line:
        call = await line.dial(far_end.uri)
        events = watch(call)
        await events.until(Answered)
        heard, _, _ = await asyncio.gather(take(call, 1.5), feed(call, tone(1000, 1.2)), audio.listen(1.5))
        assert call.ending is None
        await call.hang_up()
        await events.until(Ended)
        await far_end.finished()
    assert pitch(audio.heard(PCMA))[0] == pytest.approx(1000, abs=5)
    assert not np.frombuffer(heard, "<i2").any()


async def test_a_far_end_that_only_speaks_is_heard(open_line, carrier, watch, audio, tone, pitch):
    far_end = answered(carrier, audio)
    async with open_line() as line:
        call = await line.dial(far_end.uri)
        events = watch(call)
        await events.until(Answered)
        heard, _ = await asyncio.gather(take(call, 1.5), audio.play(tone(440, 1.3), PCMA))
        await call.hang_up()
        await events.until(Ended)
    assert pitch(heard)[0] == pytest.approx(440, abs=5)


@pytest.mark.needs("statistics")
async def test_five_of_a_hundred_packets_lost_are_counted_and_the_rest_is_heard(
    open_line, carrier, watch, audio, tone, pitch
):
    far_end, road = answered(carrier, audio), Road(lost=0.05)
    gone = 150 - len(list(road.journey([b""] * 150)))
    async with open_line() as line:
        call = await line.dial(far_end.uri)
        events = watch(call)
        await events.until(Answered)
        heard, _ = await asyncio.gather(take(call, 3.4), audio.play(tone(440, 3.0), PCMA, road))
        await call.hang_up()
        await events.until(Ended)
    assert gone > 3
    assert call.stats.packets_received == 150 - gone
    assert gone - 2 <= call.stats.packets_lost <= gone + 2
    assert pitch(heard)[0] == pytest.approx(440, abs=5)
    assert len(heard) >= 0.9 * 2 * 8000 * 3.0


@pytest.mark.needs("jitter-buffer")
@pytest.mark.parametrize("road", [Road(swapped=5), Road(late_ms=60)], ids=["every fifth swapped", "60 ms jitter"])
async def test_packets_in_disorder_are_heard_in_order(open_line, carrier, watch, audio, tone, road):
    far_end = answered(carrier, audio)
    async with open_line() as line:
        call = await line.dial(far_end.uri)
        events = watch(call)
        await events.until(Answered)
        heard, _ = await asyncio.gather(take(call, 3.4), audio.play(tone(440, 3.0), PCMA, road))
        await call.hang_up()
        await events.until(Ended)
    assert purity(heard[16000:40000], 440) > 0.95


async def test_a_source_that_changes_in_one_stream_is_heard_on(open_line, carrier, watch, audio, tone, pitch):
    far_end = answered(carrier, audio)
    async with open_line() as line:
        call = await line.dial(far_end.uri)
        events = watch(call)
        await events.until(Answered)
        await asyncio.gather(take(call, 1.0), audio.play(tone(300, 0.8), PCMA))
        audio.restart(ssrc=0xBEEF)  # a media gateway that took over, with numbers of its own
        heard, _ = await asyncio.gather(take(call, 1.8), audio.play(tone(440, 1.4), PCMA))
        assert call.ending is None
        await call.hang_up()
        await events.until(Ended)
        await far_end.finished()
    assert pitch(heard[-16000:])[0] == pytest.approx(440, abs=5)


async def test_two_sources_at_once_in_one_stream_harm_no_call(open_line, carrier, watch, audio, other_audio, tone):
    far_end = answered(carrier, audio)
    async with open_line() as line:
        call = await line.dial(far_end.uri)
        events = watch(call)
        await events.until(Answered)
        await audio.meet()
        other_audio.join(audio, ssrc=0xBEEF)
        heard, _, _ = await asyncio.gather(
            take(call, 1.6), audio.play(tone(440, 1.4), PCMA), other_audio.play(tone(900, 1.4), PCMA)
        )
        assert call.ending is None
        await call.hang_up()
        await events.until(Ended)
        await far_end.finished()
    assert np.frombuffer(heard, "<i2").any()


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


@pytest.mark.needs("statistics")
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


def purity(pcm, hertz):
    """How much of the power lies within 20 Hz of ``hertz``: clicks of a broken sine spread it."""
    samples = np.frombuffer(pcm, "<i2").astype(float)
    power = abs(np.fft.rfft(samples * np.hanning(samples.size))) ** 2
    centre = hertz * samples.size / 8000
    width = 20 * samples.size / 8000
    return power[int(centre - width) : int(centre + width) + 1].sum() / power.sum()
