"""SIPp without a proxy: it answers our calls, and its own calls are refused or not heard at all."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from core.clock import SystemClock
from dialer.lines.baresip_line import BaresipLine
from dialer.lines.base import EndedBy, Trunk

from .conftest import HOST, Programs, Talk, await_udp, free_port, free_rtp_range, run, sipp, until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(150)]


def test_sipp_answers_our_call(programs: Programs, carrier_port: int) -> None:
    far_end = sipp(programs, "answer.xml", carrier_port, "-m", 1)
    await_udp(carrier_port, far_end, programs.folder / "sipp.log")

    async def test() -> None:
        async with line_to(f"{HOST}:{carrier_port}", free_port()) as line:
            talk = Talk(await line.dial(f"sip:13800138000@{HOST}:{carrier_port}"), 440)
            await talk.until(lambda: talk.hears(440), "our tone comes back")
            await talk.call.hang_up()
            await talk.ended_by(EndedBy.US)

    run(test)
    assert far_end.wait(10) == 0


def test_sipps_call_to_us_is_refused_when_it_is_the_trunk(programs: Programs, carrier_port: int) -> None:
    async def test() -> None:
        async with line_to(f"{HOST}:{carrier_port}", port := free_port()):
            caller = sipp(programs, "refused.xml", carrier_port, "-m", 1, "-s", "4008001234", f"{HOST}:{port}")
            await until(lambda: caller.poll() is not None, "SIPp is finished")
            assert caller.returncode == 0

    run(test)


def test_sipps_call_to_us_gets_no_answer_when_it_is_a_stranger(programs: Programs, carrier_port: int) -> None:
    messages = programs.folder / "messages.log"

    async def test() -> None:
        async with line_to("127.0.0.9:5060", port := free_port()):
            log = ("-trace_msg", "-message_file", messages)
            sipp(programs, "refused.xml", carrier_port, "-m", 1, "-s", "4008001234", *log, f"{HOST}:{port}")
            await until(lambda: messages.exists() and messages.read_text().count("message sent") >= 4, "SIPp repeats")
            assert "message received" not in messages.read_text()

    run(test)


@asynccontextmanager
async def line_to(trunk: str, port: int) -> AsyncIterator[BaresipLine]:
    low = free_rtp_range()
    line = BaresipLine(
        SystemClock(),
        listen=f"{HOST}:{port}",
        caller_id="4008001234",
        trunks=[Trunk("main", trunk)],
        rtp_ports=(low, low + 100),
    )
    await line.start()
    try:
        yield line
    finally:
        await line.close()
