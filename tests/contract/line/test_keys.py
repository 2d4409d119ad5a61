"""Keys: RFC 4733 telephone-events with whatever the network loses, SIP INFO, and tones in the audio."""

from __future__ import annotations

import asyncio

import pytest

from dialer.lines.base import Answered, Digit, Ended
from tests.contract.line.talk import take

pytestmark = pytest.mark.contract


@pytest.mark.parametrize("ends", [3, 1], ids=["all end packets", "one end packet"])
async def test_keys_of_the_far_end_arrive_once_each(open_line, carrier, watch, audio, ends):
    digits = await pressed(open_line, carrier, watch, audio, lambda: audio.press("159*0#", ends=ends), count=6)
    assert "".join(digit.key for digit in digits) == "159*0#"
    assert all(20 <= digit.duration_ms <= 400 for digit in digits)


async def test_keys_whose_end_packets_were_all_lost_arrive_once_each(open_line, carrier, watch, audio):
    digits = await pressed(open_line, carrier, watch, audio, lambda: audio.press("17391", ends=0), count=5)
    assert "".join(digit.key for digit in digits) == "17391"


@pytest.mark.needs("equal-keys-without-end")
async def test_equal_keys_whose_end_packets_were_all_lost_arrive_once_each(open_line, carrier, watch, audio):
    digits = await pressed(open_line, carrier, watch, audio, lambda: audio.press("11", ends=0), count=2)
    assert "".join(digit.key for digit in digits) == "11"


async def test_every_key_there_is(open_line, carrier, watch, audio):
    digits = await pressed(open_line, carrier, watch, audio, lambda: audio.press("0123456789*#ABCD"), count=16)
    assert "".join(digit.key for digit in digits) == "0123456789*#ABCD"


@pytest.mark.needs("info-digits")
async def test_keys_by_sip_info_arrive_too(open_line, carrier, watch, audio):
    far_end = carrier.play(
        carrier.reply("200 OK", audio=audio),
        carrier.expect("ACK"),
        carrier.info(2, "7"),
        carrier.expect("200"),
        carrier.info(3, "#"),
        carrier.expect("200"),
        *carrier.bye(),
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
    far_end = carrier.play(carrier.reply("200 OK", audio=audio), *carrier.until_bye())
    async with open_line() as line:
        call = await line.dial(far_end.uri)
        events = watch(call)
        await events.until(Answered)
        await asyncio.gather(audio.listen(2.0), call.send_digits("135*#"))
        await call.hang_up()
        await events.until(Ended)
    assert audio.keys() == "135*#"


async def pressed(open_line, carrier, watch, audio, press, count):
    """The digits of an answered call while the far end does what ``press`` says."""
    far_end = carrier.play(carrier.reply("200 OK", audio=audio), *carrier.until_bye())
    async with open_line() as line:
        call = await line.dial(far_end.uri)
        events = watch(call)
        await events.until(Answered)
        await press()
        await events.until(Digit, count=count)
        await take(call, 0.3)
        await call.hang_up()
        await events.until(Ended)
        await far_end.finished()
    return [event for event in events.events if isinstance(event, Digit)]
