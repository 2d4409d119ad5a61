"""Who listens to a call, and what a call or a line that is over still takes."""

from __future__ import annotations

import pytest

from dialer.lines.base import Answered, Ended, EndedBy, LineError

pytestmark = pytest.mark.contract


def busy(carrier):
    """A far end that is busy."""
    return carrier.play(carrier.reply("486 Busy Here"), carrier.expect("ACK"))


async def test_a_late_subscriber_learns_of_the_end_at_once(open_line, carrier, watch):
    far_end = busy(carrier)
    async with open_line() as line:
        call = await line.dial(far_end.uri)
        await watch(call).until(Ended)
        late = watch(call)
        assert late.events == [Ended(call.ending)]


async def test_a_dead_call_takes_every_request_quietly(open_line, carrier, watch):
    far_end = busy(carrier)
    async with open_line() as line:
        call = await line.dial(far_end.uri)
        await watch(call).until(Ended)
        assert (call.read(), call.write(b"\0" * 320), call.queued_bytes) == (b"", 0, 0)
        call.flush()
        await call.hang_up()
        await call.send_digits("1")
        with pytest.raises(LineError, match="hold"):
            await call.hold()


async def test_a_failing_listener_harms_nobody(open_line, carrier, watch):
    far_end = busy(carrier)

    def broken(_event):
        raise ZeroDivisionError

    async with open_line() as line:
        call = await line.dial(far_end.uri)
        call.subscribe(broken)
        await watch(call).until(Ended)


async def test_an_unsubscribed_listener_hears_nothing_more(open_line, carrier, watch):
    far_end = busy(carrier)
    heard: list[object] = []
    async with open_line() as line:
        call = await line.dial(far_end.uri)
        call.subscribe(heard.append)()
        await watch(call).until(Ended)
    assert heard == []


async def test_closing_the_line_hangs_up_what_lives(open_line, carrier, watch, audio):
    far_end = carrier.play(carrier.reply("200 OK", audio=audio), *carrier.until_bye())
    async with open_line() as line:
        call = await line.dial(far_end.uri)
        await watch(call).until(Answered)
    assert call.ending is not None
    assert call.ending.by is EndedBy.US
    await far_end.finished()


async def test_a_closed_line_refuses_to_dial(open_line):
    async with open_line() as line:
        pass
    with pytest.raises(LineError, match="start"):
        await line.dial("sip:1@127.0.0.1:5060")
