"""Whatever comes off the network, reading it gives a value and never an exception."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.lines.sip_messages import CloseText, SipMessage, parse_close_text, parse_message, split_reasons

pytestmark = pytest.mark.unit

LINE_END = st.sampled_from(["\r\n", "\n", "\r", "\r\n\r\n", ""])
TOKEN = st.text(alphabet=st.characters(codec="utf-8"), max_size=20) | st.sampled_from(
    [
        "INVITE",
        "SIP/2.0",
        'Q.850;cause=17;text="x,y"',
        "SIP ;cause=603",
        "9" * 40,
        "-1",
        "\x00",
        "\ufeff",
        '"',
        "\\",
        ",",
    ]
)
NAME = st.sampled_from(
    ["Call-ID", "i", "CSeq", "Reason", "reason ", "Content-Type", "c", "Retry-After", "Contact", "Via", "To", ""]
)
HEADER = st.builds("{}{}{}{}".format, NAME, st.sampled_from([":", " : ", "", "::", ":\n "]), TOKEN, LINE_END)
START = (
    st.sampled_from(["SIP/2.0 ", "SIP/2.0 200 OK", "SIP/2.0 4294967301 x", "BYE sip:x SIP/2.0", "sip/2.0 1 "]) | TOKEN
)
TRACE = st.sampled_from(
    ["RX UDP 192.0.2.1:5060 -> 192.0.2.2:5060", "TX TCP [::1]:1 -> [::1]:2", "RX", "RX UDP a -> b", ""]
)
MESSAGE = st.builds(
    lambda trace, start, end, headers, body: f"{trace}\n{start}{end}{''.join(headers)}\r\n\r\n{body}",
    TRACE,
    START,
    LINE_END,
    st.lists(HEADER, max_size=12),
    TOKEN,
)


@given(st.text() | MESSAGE)
def test_any_text_is_a_message_or_none(text: str) -> None:
    message = parse_message(text)
    assert message is None or isinstance(message, SipMessage)
    if message is not None and message.status is not None:
        assert 0 <= message.status <= 999


@given(st.binary(max_size=400))
def test_any_bytes_that_the_engine_shows_as_text_are_a_message_or_none(octets: bytes) -> None:
    head = "RX UDP 192.0.2.1:5060 -> 192.0.2.2:5060\n"
    shown = parse_message(head + octets.decode("utf-8", "replace"))
    assert shown is None or shown.received


@given(st.text() | st.lists(TOKEN, max_size=6).map(",".join))
def test_any_closing_text_keeps_the_engines_words(text: str) -> None:
    closed = parse_close_text(text)
    assert isinstance(closed, CloseText)
    assert closed.cause == text


@given(st.lists(st.text() | TOKEN, max_size=5))
def test_no_reason_is_invented(values: list[str]) -> None:
    parts = split_reasons(values)
    assert all(part == part.strip() and any(part in value for value in values) for part in parts)


@given(st.text(alphabet='", aQ.850;=\\', max_size=3000))
def test_nothing_of_a_reason_is_lost_however_its_quotation_marks_stand(value: str) -> None:
    kept = re.sub(r"[\s,]", "", "".join(split_reasons([value])))
    assert kept == re.sub(r"[\s,]", "", value)
