"""The engines against the simulated carrier: another SIP and RTP stack than SIPp, and subscribers that react."""

from __future__ import annotations

import asyncio

import pytest

from dialer.lines.base import Answered, Digit, EarlyMedia, Ended, EndedBy, Rang
from simulator.process import Launch, SimulatorProcess

pytestmark = pytest.mark.contract

TABLE = """
seed: 7
ring_s: 0.2
subscribers:
  "1": {kind: confirms, script: ["159*0#"]}
  "2": {kind: unavailable, announcement: powered_off}
  "3": {kind: hangs_up, hang_up_after_s: 0.8}
  "4": {kind: declines}
  "5": {kind: no_answer}
"""


@pytest.fixture
def subscribers(tmp_path):
    """A carrier with five subscribers."""
    table = tmp_path / "carrier.yaml"
    table.write_text(TABLE, encoding="utf-8")
    with SimulatorProcess(Launch(table, tmp_path / "carrier.jsonl", rtp_ports=(33000, 33199))) as carrier:
        yield carrier


async def test_a_subscriber_hears_our_prompt_and_presses_keys(open_line, subscribers, watch, tone):
    async with open_line() as line:
        call = await line.dial(subscribers.uri("1"))
        events = watch(call)
        await events.until(Answered)
        prompt = tone(440, 1.0)
        while prompt:
            prompt = prompt[call.write(prompt) :]
            await asyncio.sleep(0.02)
        await events.until(Digit, count=6)
        await call.hang_up()
        await events.until(Ended)
    assert "".join(event.key for event in events.events if isinstance(event, Digit)) == "159*0#"


async def test_the_announcement_of_a_powered_off_number_is_heard(open_line, subscribers, watch):
    heard = bytearray()
    async with open_line() as line:
        call = await line.dial(subscribers.uri("2"))
        events = watch(call)
        await events.until(EarlyMedia)
        async with asyncio.timeout(30):
            while call.ending is None:
                heard += call.read()
                await asyncio.sleep(0.02)
    assert call.answered_at is None
    assert call.ending.by is EndedBy.FAR_END
    assert 400 <= call.ending.status < 500
    assert len(heard) > 16000
    assert max(memoryview(bytes(heard[: len(heard) // 2 * 2])).cast("h")) > 1000


async def test_a_subscriber_who_hangs_up_is_the_one_who_ended_it(open_line, subscribers, watch):
    async with open_line() as line:
        ended = await watch(await line.dial(subscribers.uri("3"))).until(Ended)
    assert (ended.ending.by, ended.ending.status) == (EndedBy.FAR_END, None)


async def test_a_subscriber_who_declines(open_line, subscribers, watch):
    async with open_line() as line:
        ended = await watch(await line.dial(subscribers.uri("4"))).until(Ended)
    assert (ended.ending.by, ended.ending.status) == (EndedBy.FAR_END, 603)


async def test_a_subscriber_who_never_answers_is_cancelled(open_line, subscribers, watch):
    async with open_line() as line:
        call = await line.dial(subscribers.uri("5"))
        events = watch(call)
        await events.until((Rang, EarlyMedia))
        await call.hang_up()
        ended = await events.until(Ended)
    assert (ended.ending.by, ended.ending.status) == (EndedBy.US, 487)
