"""Our CANCEL, in time, too early and too late (RFC 3261 section 9)."""

from __future__ import annotations

import pytest

from dialer.lines.base import Ended, EndedBy, Rang

pytestmark = pytest.mark.contract

FAREWELL_S = 4.0  # from our hang-up to the end, whatever the far end does


def confirms(carrier, *after):
    """A far end that rings and confirms our CANCEL, and what it does then."""
    return carrier.play(carrier.reply("180 Ringing"), carrier.expect("CANCEL"), carrier.reply("200 OK"), *after)


async def rung_and_hung_up(line, far_end, watch):
    """The events of a call that rang and was then hung up by us."""
    call = await line.dial(far_end.uri)
    events = watch(call)
    await events.until(Rang)
    await call.hang_up()
    return call, events


async def test_our_cancel_ends_with_487(open_line, carrier, watch):
    far_end = confirms(carrier, carrier.request_terminated(), carrier.expect("ACK"))
    async with open_line() as line:
        _, events = await rung_and_hung_up(line, far_end, watch)
        ended = await events.until(Ended, seconds=FAREWELL_S)
        await far_end.finished()
    assert (ended.ending.by, ended.ending.status, ended.ending.phrase) == (EndedBy.US, 487, "Request Terminated")
    assert events.names == ["Rang", "Ended"]


async def test_a_cancel_whose_487_never_comes_ends_soon(open_line, carrier, watch):
    far_end = confirms(carrier)
    async with open_line() as line:
        _, events = await rung_and_hung_up(line, far_end, watch)
        ended = await events.until(Ended, seconds=FAREWELL_S)
    assert (ended.ending.by, ended.ending.status) == (EndedBy.US, None)


@pytest.mark.parametrize("status", ["486 Busy Here", "603 Decline", "408 Request Timeout"])
async def test_a_refusal_that_crosses_our_cancel_keeps_its_status(open_line, carrier, watch, status):
    far_end = confirms(carrier, carrier.to_invite(carrier.reply(status)), carrier.expect("ACK"))
    async with open_line() as line:
        _, events = await rung_and_hung_up(line, far_end, watch)
        ended = await events.until(Ended, seconds=FAREWELL_S)
        await far_end.finished()
    assert (ended.ending.by, ended.ending.status) == (EndedBy.US, int(status[:3]))


async def test_an_answer_that_crosses_our_cancel_is_taken_down_by_bye(open_line, carrier, watch, audio):
    far_end = confirms(carrier, carrier.late_answer(audio), carrier.expect("ACK"), *carrier.bye())
    async with open_line() as line:
        _, events = await rung_and_hung_up(line, far_end, watch)
        ended = await events.until(Ended, seconds=FAREWELL_S)
        await far_end.finished()
    assert (ended.ending.by, ended.ending.status) == (EndedBy.US, 200)
    assert "Answered" not in events.names


async def test_an_answer_in_the_moment_of_our_cancel_is_taken_down_by_bye(open_line, wire, watch, audio):
    async with open_line() as line:
        call = await line.dial(wire.uri)
        events = watch(call)
        invite = await wire.receive()
        wire.answer(invite, "180 Ringing")
        await events.until(Rang)
        wire.answer(invite, "200 OK", audio.description(8))  # the engine learns of it only after our request
        await call.hang_up()
        methods = set()
        while "BYE" not in methods:
            request = await wire.receive()
            methods.add(request.partition(" ")[0])
            if not request.startswith("ACK"):
                wire.answer(request, "200 OK")
        ended = await events.until(Ended, seconds=FAREWELL_S)
    assert ended.ending.by is EndedBy.US


async def test_hanging_up_before_the_first_ring_still_cancels(open_line, carrier, watch):
    far_end = carrier.play(
        carrier.pause(300),
        carrier.reply("180 Ringing"),
        carrier.expect("CANCEL"),
        carrier.reply("200 OK"),
        carrier.request_terminated(),
        carrier.expect("ACK"),
    )
    async with open_line() as line:
        call = await line.dial(far_end.uri)
        events = watch(call)
        await call.hang_up()
        ended = await events.until(Ended, seconds=FAREWELL_S)
        await far_end.finished()
    assert (ended.ending.by, ended.ending.status) == (EndedBy.US, 487)


async def test_hanging_up_twice_is_as_good_as_once(open_line, carrier, watch):
    far_end = confirms(carrier, carrier.request_terminated(), carrier.expect("ACK"))
    async with open_line() as line:
        call, events = await rung_and_hung_up(line, far_end, watch)
        await call.hang_up()
        await events.until(Ended, seconds=FAREWELL_S)
        await call.hang_up()
        await far_end.finished()
    assert events.names == ["Rang", "Ended"]
