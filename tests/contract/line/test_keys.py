"""Keys: RFC 4733 telephone-events with whatever the network loses, SIP INFO, and tones in the audio."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from dialer.lines.base import Answered, Digit, Ended
from dialer.lines.inband import COLUMNS, KEYS, ROWS, KeyDetector
from tests.contract.line.rtp import PCMA, PCMU
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


@pytest.mark.needs("inband-digits")
async def test_keys_that_are_only_tones_are_told_as_keys(open_line, carrier, watch, audio):
    async def press():
        await audio.play(dual_tones("15#"), PCMA)

    digits = await pressed(open_line, carrier, watch, audio, press, count=3)
    assert "".join(digit.key for digit in digits) == "15#"


@pytest.mark.parametrize("codec", [PCMA, PCMU])
async def test_keys_that_are_only_tones_are_found_in_what_the_call_reads(open_line, carrier, watch, audio, codec):
    far_end = carrier.play(carrier.reply("200 OK", audio=audio, codec=codec), *carrier.until_bye())
    async with open_line() as line:
        call = await line.dial(far_end.uri)
        events = watch(call)
        await events.until(Answered)
        heard, _ = await asyncio.gather(take(call, 1.6), audio.play(dual_tones("159#"), codec))
        await call.hang_up()
        await events.until(Ended)
        await far_end.finished()
    assert KeyDetector().feed(heard) == "159#"
    assert "Digit" not in events.names


def dual_tones(keys):
    """The audio of these keys (ITU-T Q.23): 120 ms each, 80 ms between."""
    time, parts = np.arange(960) / 8000, [np.zeros(960)]
    for key in keys:
        row = next(row for row in KEYS if key in row)
        hertz = ROWS[KEYS.index(row)], COLUMNS[row.index(key)]
        parts += [sum(5000 * np.sin(2 * np.pi * one * time) for one in hertz), np.zeros(640)]
    return np.concatenate(parts).astype("<i2").tobytes()


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
