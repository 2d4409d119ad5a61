"""Calls that are never answered, dialed by the node's own stack."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from baresip import Event

from simulator.process import SimulatorProcess

pytestmark = pytest.mark.integration

OpenPhone = Callable[[], AbstractAsyncContextManager[Any]]


async def outcomes(phone: OpenPhone, numbers: list[str]) -> dict[str, Any]:
    async with phone() as open_phone:
        talks = {number: await open_phone.dial(number) for number in numbers}
        await asyncio.wait_for(asyncio.gather(*(talk.closed.wait() for talk in talks.values())), 60)
        return talks


def last_call(carrier: SimulatorProcess, number: str) -> dict[str, Any]:
    return carrier.wait_for(lambda line: line["number"] == number)


REFUSALS = {
    "13800000021": (486, 'Q.850;cause=17;text="User busy"'),
    "13800000022": (603, 'Q.850;cause=21;text="Call rejected"'),
    "13800000023": (404, 'Q.850;cause=1;text="Unallocated number"'),
    "13800000025": (503, 'Q.850;cause=34;text="No circuit available"'),
    "13899999999": (404, 'Q.850;cause=1;text="Unallocated number"'),
    "agent-busy": (603, 'Q.850;cause=21;text="Call rejected"'),
}


def test_every_refusal_reaches_the_node_with_its_reason(carrier: SimulatorProcess, phone: OpenPhone) -> None:
    talks = asyncio.run(outcomes(phone, list(REFUSALS)))
    for number, (status, reason) in REFUSALS.items():
        assert talks[number].close_reason.startswith(f"{status} ")
        assert reason in talks[number].close_reason
        line = last_call(carrier, number)
        assert (line["status"], line["reason"], line["ended_by"]) == (status, reason, "final")
        assert line["answered_at"] is None
    assert Event.CALL_RINGING in talks["13800000022"].events
    assert Event.CALL_RINGING not in talks["13800000021"].events


ANNOUNCEMENTS = {
    "13800000031": ("powered_off", 480, 20),
    "13800000032": ("vacant", 404, 1),
    "13800000033": ("suspended", 480, 20),
    "13800000034": ("in_call", 486, 17),
}


def test_an_announcement_is_audible_before_the_call_is_refused(carrier: SimulatorProcess, phone: OpenPhone) -> None:
    talks = asyncio.run(outcomes(phone, list(ANNOUNCEMENTS)))
    for number, (clip, status, cause) in ANNOUNCEMENTS.items():
        talk, line = talks[number], last_call(carrier, number)
        assert Event.CALL_PROGRESS in talk.events
        assert Event.CALL_ESTABLISHED not in talk.events
        assert talk.loudness(early=True) > 1000
        assert f"{status} " in talk.close_reason
        assert f"cause={cause};" in talk.close_reason
        assert [spoken["clip"] for spoken in line["clips_spoken"]] == [clip]
        assert [one["status"] for one in line["provisionals"]] == [183]


def test_nobody_answers_until_the_node_gives_up(carrier: SimulatorProcess, phone: OpenPhone) -> None:
    async def ring_and_cancel() -> None:
        async with phone() as open_phone:
            for number in ("13800000024", "agent-away"):
                talk = await open_phone.dial(number)
                await talk.until(lambda talk=talk: Event.CALL_RINGING in talk.events)
                await talk.call.hangup()
                await asyncio.wait_for(talk.closed.wait(), 10)

    asyncio.run(ring_and_cancel())
    for number in ("13800000024", "agent-away"):
        line = last_call(carrier, number)
        assert (line["status"], line["ended_by"]) == (487, "cancel")


def test_a_number_may_be_busy_first_and_answer_later(phone: OpenPhone) -> None:
    async def twice() -> tuple[str, bool]:
        async with phone() as open_phone:
            first = await open_phone.dial("13800000041")
            await asyncio.wait_for(first.closed.wait(), 10)
            second = await open_phone.connect("13800000041")
            await second.call.hangup()
            return first.close_reason, second.established.is_set()

    reason, answered = asyncio.run(twice())
    assert reason.startswith("486 ")
    assert answered
