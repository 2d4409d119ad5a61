"""Reading the engine's SIP trace: exact where it is well formed, harmless where it is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.lines.sip_messages import parse_close_text, parse_message, split_reasons

pytestmark = pytest.mark.unit

TOKENS = st.text("abcdefgXYZ0189.-", min_size=1, max_size=12)
QUOTABLE = st.text(st.characters(codec="utf-8", exclude_characters='"\\\r\n', exclude_categories=("Cs",)), max_size=20)
REASONS = st.builds(
    lambda protocol, cause, text: f'{protocol};cause={cause};text="{text}"', TOKENS, st.integers(1, 999), QUOTABLE
)


def trace(start, *headers, body=""):
    return "\n".join(["RX UDP 192.0.2.1:5060 -> 192.0.2.2:5060", start, *headers]) + (f"\n\n{body}" if body else "\n")


@given(st.lists(st.lists(REASONS, min_size=1, max_size=3), max_size=4))
def test_every_value_of_every_reason_header_is_kept(headers):
    expected = tuple(value for values in headers for value in values)
    assert split_reasons(", ".join(values) for values in headers) == expected


def test_a_comma_inside_quotes_divides_nothing():
    assert split_reasons(['Q.850;cause=1;text="No, \\"never\\", ever", SIP;cause=404']) == (
        'Q.850;cause=1;text="No, \\"never\\", ever"',
        "SIP;cause=404",
    )


def test_a_broken_quotation_is_kept_whole():
    assert split_reasons(['Q.850;text="open, never closed']) == ('Q.850;text="open, never closed',)


@given(st.text(max_size=200))
def test_any_text_is_read_without_an_error(text):
    parse_message(text)
    parse_message("RX UDP a -> b\n" + text)
    assert parse_close_text(text).cause == text
    assert all(part == part.strip() and part for part in split_reasons([text]))


@given(st.integers(100, 699), QUOTABLE, st.lists(REASONS, max_size=3), st.sampled_from(["\n", "\r\n"]))
def test_a_response_gives_its_exact_facts(status, phrase, reasons, newline):
    text = trace(
        f"SIP/2.0 {status} {phrase}", "Call-ID: abc@x", "CSeq: 7 INVITE", *(f"Reason: {reason}" for reason in reasons)
    )
    message = parse_message(text.replace("\n", newline))
    assert message is not None
    assert (message.received, message.call_id, message.method) == (True, "abc@x", "INVITE")
    assert (message.status, message.phrase, message.reasons) == (status, phrase.strip(), tuple(reasons))
    assert message.answers_invite
    assert not message.has_sdp


def test_a_request_has_a_method_and_no_status():
    message = parse_message(trace("BYE sip:x@y SIP/2.0", "i: abc", "CSeq: 2 BYE", "reason : Q.850;cause=16"))
    assert message is not None
    assert (message.method, message.status, message.reasons) == ("BYE", None, ("Q.850;cause=16",))
    assert not message.answers_invite


@pytest.mark.parametrize(
    ("headers", "body", "has_sdp"),
    [
        (["Content-Type: application/sdp"], "v=0", True),
        (["c: application/SDP;charset=utf-8"], "v=0", True),
        (["Content-Type: application/sdp"], "", False),
        (["Content-Type: application/isup"], "x", False),
        ([], "v=0", False),
    ],
)
def test_a_session_description_needs_type_and_body(headers, body, has_sdp):
    message = parse_message(trace("SIP/2.0 183 Progress", "Call-ID: a", "CSeq: 1 INVITE", *headers, body=body))
    assert message is not None
    assert message.has_sdp is has_sdp


def test_a_folded_header_is_one_value():
    message = parse_message(
        trace("SIP/2.0 480 Gone", "Call-ID: a", "CSeq: 1 INVITE", "Reason: Q.850", "\t;cause=20", " ;x")
    )
    assert message is not None
    assert message.reasons == ("Q.850 ;cause=20 ;x",)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("Retry-After: 30", 30),
        ("retry-after:  120 (I'm in a meeting)", 120),
        ("Retry-After: 18000;duration=3600", 18000),
        ("Retry-After: soon", None),
        ("Retry-After: -5", None),
        ("Retry-After: 99999999999", None),
        ("X-Other: 1", None),
    ],
)
def test_how_long_to_leave_a_trunk_alone(header, seconds):
    message = parse_message(trace("SIP/2.0 503 Service Unavailable", "Call-ID: a", "CSeq: 1 INVITE", header))
    assert message is not None
    assert message.retry_after_s == seconds


@pytest.mark.parametrize("missing", ["Call-ID", "CSeq", "head"])
def test_an_entry_without_its_keys_is_no_message(missing):
    headers = [line for line in ("Call-ID: a", "CSeq: 1 INVITE") if not line.startswith(missing)]
    text = trace("SIP/2.0 200 OK", *headers)
    assert parse_message(text.partition("\n")[2] if missing == "head" else text) is None


@pytest.mark.parametrize(
    ("text", "status", "phrase", "reasons"),
    [
        ("486 Busy Here", 486, "Busy Here", ()),
        ("480 Gone,Q.850;cause=20", 480, "Gone", ("Q.850;cause=20",)),
        ("Connection timed out [110]", None, "", ()),
        ("Rejected by user", None, "", ()),
        ("", None, "", ()),
    ],
)
def test_the_engine_s_closing_words_are_read(text, status, phrase, reasons):
    close = parse_close_text(text)
    assert (close.status, close.phrase, close.reasons) == (status, phrase, reasons)
