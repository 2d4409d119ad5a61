"""Final responses other than 2xx: every fact is kept, whatever the status, and the call ends at once."""

from __future__ import annotations

import asyncio

import pytest

from dialer.lines.base import Ended, EndedBy
from simulator.process import Launch, SimulatorProcess

pytestmark = pytest.mark.contract

AT_ONCE_S = 3.0  # from the INVITE to the end, when the far end refuses without waiting

# status, phrase, further headers, what Ending.reasons must hold, what Ending.retry_after_s must be
REFUSALS = [
    (302, "Moved Temporarily", "", (), None),
    (400, "Bad Request", "", (), None),
    (403, "Forbidden", "", (), None),
    (404, "Not Found", 'Reason: Q.850;cause=1;text="No, never"', ('Q.850;cause=1;text="No, never"',), None),
    (408, "Request Timeout", "", (), None),
    (410, "Gone", "Reason: Q.850;cause=22", ("Q.850;cause=22",), None),
    (420, "Bad Extension", "Unsupported: timer", (), None),
    (421, "Extension Required", "Require: timer", (), None),
    (422, "Session Interval Too Small", "Min-SE: 1800", (), None),
    (480, "Temporarily Unavailable", "", (), None),
    (480, "Gone", "Reason: Q.850;cause=20\nReason: SIP;cause=480", ("Q.850;cause=20", "SIP;cause=480"), None),
    (480, "无法接通", "Reason: Q.850;cause=19, SIP;cause=480", ("Q.850;cause=19", "SIP;cause=480"), None),
    (484, "Address Incomplete", "", (), None),
    (486, "Busy Here", "", (), None),
    (488, "Not Acceptable Here", 'Warning: 304 far "no codec"', (), None),
    (491, "Request Pending", "", (), None),
    (500, "Server Internal Error", "", (), None),
    (503, "Service Unavailable", "", (), None),
    (503, "Service Unavailable", "Retry-After: 30", (), 30),
    (503, "cps limit exceeded", "Retry-After: 5 (quota);duration=60\nReason: Q.850;cause=42", ("Q.850;cause=42",), 5),
    (600, "Busy Everywhere", "", (), None),
    (603, "Decline", "", (), None),
    (603, "Network Blocked", 'Reason: SIP;cause=603;text="v=analytics1;url=https://carrier.example/why"',
     ('SIP;cause=603;text="v=analytics1;url=https://carrier.example/why"',), None),
    (606, "Not Acceptable", "", (), None),
    (607, "Unwanted", "", (), None),
    (608, "Rejected", 'Call-Info: <https://carrier.example/why>;purpose=jwscard', (), None),
]  # fmt: skip


@pytest.mark.parametrize(("status", "phrase", "headers", "reasons", "retry_after_s"), REFUSALS)
async def test_a_refusal_keeps_status_phrase_and_every_header_that_tells_why(
    open_line, carrier, watch, status, phrase, headers, reasons, retry_after_s
):
    far_end = carrier.play(
        carrier.reply("100 Trying"), carrier.reply(f"{status} {phrase}", extra=headers), carrier.expect("ACK")
    )
    async with open_line() as line:
        call = await line.dial(far_end.uri)
        ended = await watch(call).until(Ended, seconds=AT_ONCE_S)
        await far_end.finished()
    ending = ended.ending
    assert (ending.by, ending.status, ending.phrase) == (EndedBy.FAR_END, status, phrase)
    assert (ending.reasons, ending.retry_after_s) == (reasons, retry_after_s)
    assert call.answered_at is None
    assert call.stats is not None


@pytest.mark.parametrize("first", ["", "180 Ringing", "183 Session Progress"])
async def test_a_refusal_after_ringing_or_an_announcement_keeps_both(open_line, carrier, watch, audio, first):
    rings = [carrier.reply(first, audio=audio if first.startswith("183") else None)] if first else []
    far_end = carrier.play(
        carrier.reply("100 Trying"), *rings, carrier.pause(300), carrier.reply("486 Busy Here"), carrier.expect("ACK")
    )
    async with open_line() as line:
        call = await line.dial(far_end.uri)
        ended = await watch(call).until(Ended, seconds=AT_ONCE_S)
        await far_end.finished()
    assert ended.ending.status == 486
    assert [str(one.status) for one in call.provisionals] == ["100", *[first[:3]][: len(rings)]]


async def test_a_refusal_that_comes_again_is_acknowledged_again_and_told_once(open_line, wire, watch):
    async with open_line() as line:
        events = watch(await line.dial(wire.uri))
        invite = await wire.receive()
        for _ in range(3):  # RFC 3261 section 17.1.1.2: the ACK of the first was lost
            wire.answer(invite, "486 Busy Here")
            assert (await wire.receive(2)).startswith("ACK ")
        await events.until(Ended, seconds=AT_ONCE_S)
    assert events.names == ["Ended"]


@pytest.fixture
def subscribers(tmp_path):
    """The simulated carrier, where every subscriber refuses with the status that is his number."""
    table = tmp_path / "carrier.yaml"
    rows = "\n".join(f'  "{status}": {{kind: refuses, status: {status}, cause: 21}}' for status in _statuses())
    table.write_text(f"seed: 7\nring_s: 0.2\nsubscribers:\n{rows}\n", encoding="utf-8")
    with SimulatorProcess(Launch(table, tmp_path / "carrier.jsonl", rtp_ports=(33200, 33399))) as far_end:
        yield far_end


async def test_the_simulated_carrier_s_refusals_keep_status_and_reason(open_line, subscribers, watch):
    async with open_line() as line:
        calls = [await line.dial(subscribers.uri(str(status))) for status in _statuses()]
        ends = await asyncio.gather(*(watch(call).until(Ended, seconds=2 * AT_ONCE_S) for call in calls))
    assert [ended.ending.status for ended in ends] == _statuses()
    assert {ended.ending.by for ended in ends} == {EndedBy.FAR_END}
    assert all(any("cause=21" in reason for reason in ended.ending.reasons) for ended in ends)


def _statuses():
    return sorted({status for status, *_ in REFUSALS})
