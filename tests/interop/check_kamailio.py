"""Through a real Kamailio to SIPp, baresip and linphone: digest, Record-Route, audio both ways, BYE from both."""

from __future__ import annotations

import asyncio
import subprocess

import pytest

from dialer.lines.base import EndedBy

from .conftest import (
    HOST,
    BaresipPhone,
    Kamailio,
    LinphonePhone,
    Programs,
    Talk,
    await_udp,
    line_through,
    run,
    sipp,
    until,
)

pytestmark = [pytest.mark.integration, pytest.mark.timeout(150)]
PHONES = {"8001": BaresipPhone, "8002": LinphonePhone}


def test_a_call_to_the_carrier_is_answered_heard_both_ways_and_ended_by_us(
    programs: Programs, kamailio: Kamailio, carrier_port: int
) -> None:
    far_end = answering(programs, "answer.xml", carrier_port)

    async def test() -> None:
        async with line_through(kamailio) as line:
            talk = Talk(await line.dial(f"sip:13800138000@{HOST}:{kamailio.port}"), 440)
            await talk.answered()
            await talk.until(lambda: talk.hears(440), "our tone comes back")
            await talk.call.send_digits("159#")
            await talk.until(lambda: talk.keys == "159#", "our keys come back")
            await talk.call.hang_up()
            await talk.ended_by(EndedBy.US)

    run(test)
    assert far_end.wait(10) == 0


def test_a_carrier_that_hangs_up_ends_the_call(programs: Programs, kamailio: Kamailio, carrier_port: int) -> None:
    far_end = answering(programs, "hang-up.xml", carrier_port)

    async def test() -> None:
        async with line_through(kamailio) as line:
            talk = Talk(await line.dial(f"sip:13800138000@{HOST}:{kamailio.port}"), 440)
            await talk.answered()
            await talk.until(lambda: talk.hears(440), "our tone comes back")
            await talk.ended_by(EndedBy.FAR_END)

    run(test)
    assert far_end.wait(10) == 0


@pytest.mark.parametrize("number", sorted(PHONES))
@pytest.mark.parametrize("who", [EndedBy.US, EndedBy.FAR_END])
def test_an_agents_phone_answers_is_heard_and_hears_and_either_side_may_end(
    programs: Programs, kamailio: Kamailio, number: str, who: EndedBy
) -> None:
    async def test() -> None:
        phone = PHONES[number](programs, kamailio)
        await until(phone.registered, "the phone is registered")
        async with line_through(kamailio) as line:
            talk = Talk(await line.dial(f"sip:{number}@{HOST}:{kamailio.port}"), 440)
            await talk.answered()
            await talk.until(lambda: talk.hears(phone.plays), "we hear the phone's tone")
            await talk.until(lambda: phone.heard(440), "the phone hears our tone")
            await talk.call.hang_up() if who is EndedBy.US else phone.hang_up()
            await talk.ended_by(who)

    run(test)


def test_after_a_restart_of_the_registrar_the_line_is_registered_again(
    programs: Programs, kamailio: Kamailio, carrier_port: int
) -> None:
    async def test() -> None:
        async with line_through(kamailio):
            assert await reached(programs, kamailio, carrier_port)
            kamailio.restart()
            assert not await reached(programs, kamailio, carrier_port)  # nobody is registered: 404
            assert await reached(programs, kamailio, carrier_port, tries=40)

    run(test)


def answering(programs: Programs, scenario: str, port: int) -> subprocess.Popen[bytes]:
    process = sipp(programs, scenario, port, "-m", 1)
    await_udp(port, process, programs.folder / "sipp.log")
    return process


async def reached(programs: Programs, kamailio: Kamailio, carrier_port: int, tries: int = 1) -> bool:
    """Whether a call of the carrier to our trunk user comes through Kamailio to the line, which refuses it with 486."""
    for _ in range(tries):
        caller = sipp(programs, "refused.xml", carrier_port, "-m", 1, "-s", "node1", f"{HOST}:{kamailio.port}")
        if await asyncio.to_thread(caller.wait, 20) == 0:
            return True
        await asyncio.sleep(0.5)
    return False
