"""The engine's log: the trace feeds the calls, nobody's number gets any further."""

from __future__ import annotations

import asyncio
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.lines.engine_logs import EngineLogs, mask_numbers

pytestmark = pytest.mark.unit


@given(st.text("0123456789", min_size=5, max_size=15), st.sampled_from(["sip:", "sips:", "tel:"]))
def test_every_number_in_an_address_is_masked(number, scheme):
    assert number not in mask_numbers(f"call: connecting to '{scheme}{number}@192.0.2.1:5060;transport=udp'..")


def test_other_text_stays():
    text = "ua: SIP Transport failed: Address already in use [98]"
    assert mask_numbers(text) == text


def test_the_trace_goes_to_the_calls_and_the_rest_is_masked(caplog):
    caplog.set_level(logging.DEBUG)

    async def listen():
        heard = []
        logs = EngineLogs(heard.append)
        logs.attach()
        logging.getLogger("baresip.native.sip").debug("%s", "INVITE sip:13800138000@x")
        logging.getLogger("baresip.native").warning("%s", "unhandled response from sip:13800138000@x")
        logging.getLogger("baresip.call").info("call finished", extra={"peer": "sip:13800138000@x"})
        logs.detach()
        await asyncio.sleep(0)
        return heard

    assert asyncio.run(listen()) == ["INVITE sip:13800138000@x"]
    kept = [record for record in caplog.records if record.name in ("baresip.native", "baresip.call")]
    assert [record.getMessage() for record in kept] == ["unhandled response from sip:***@x", "call finished"]
    assert not [record for record in kept if "13800138000" in str(vars(record))]
