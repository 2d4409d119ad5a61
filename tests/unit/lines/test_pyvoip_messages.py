"""What the pyVoIP engine reads off the wire and writes to it: whole, cut, broken or hostile."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.lines.pyvoip_messages import bare_uri, read_packet, write_request, write_response

pytestmark = pytest.mark.unit

HEAD = [
    ("Via", "SIP/2.0/UDP 192.0.2.1:5070;branch=z9hG4bKabc;rport"),
    ("From", '"Firm" <sip:400@firm.example>;tag=ours'),
    ("To", "<sip:138@carrier.example>"),
    ("Call-ID", "abc@192.0.2.1"),
    ("CSeq", "7 INVITE"),
]
INVITE = write_request("INVITE", "sip:138@carrier.example", HEAD, "v=0\r\n")


def response(line, *headers, body=""):
    """A response to INVITE as it comes off the wire."""
    top = [f"SIP/2.0 {line}", *(f"{name}: {value}" for name, value in (*HEAD, *headers))]
    return "\r\n".join((*top, f"Content-Length: {len(body.encode())}", "", body)).encode()


def test_a_request_is_read_as_it_was_written():
    packet = read_packet(INVITE.encode())
    assert (packet.method, packet.uri, packet.cseq, packet.status) == ("INVITE", "sip:138@carrier.example", 7, None)
    assert (packet.call_id, packet.branch, packet.from_tag, packet.to_tag) == (
        "abc@192.0.2.1",
        "z9hG4bKabc",
        "ours",
        "",
    )
    assert packet.body == "v=0\n"


def test_a_response_keeps_phrase_reasons_and_retry_after():
    extra = ("Reason", 'Q.850;cause=19;text="a, b"'), ("Retry-After", "30"), ("t", "ignored")
    packet = read_packet(response("480 无法接通", *extra))
    assert (packet.status, packet.method, packet.facts.phrase) == (480, "INVITE", "无法接通")
    assert (packet.facts.reasons, packet.facts.retry_after_s) == (('Q.850;cause=19;text="a, b"',), 30)


@pytest.mark.parametrize("status", [183, 299, 421, 494, 607, 699])
def test_a_status_that_pyvoip_does_not_know_is_read(status):
    assert read_packet(response(f"{status} Whatever")).status == status


def test_compact_and_folded_headers_are_read():
    text = (
        "SIP/2.0 200 OK\r\nv: SIP/2.0/UDP h;branch=z9hG4bK1\r\nf: <sip:a@b>;tag=1\r\nt: <sip:c@d>;\r\n tag=2\r\n"
        "i: x\r\nCSeq: 1 INVITE\r\nm: <sip:e@192.0.2.9>\r\nl: 0\r\n\r\n"
    )
    packet = read_packet(text.encode())
    assert (packet.call_id, packet.to_tag, packet.contact) == ("x", "2", "sip:e@192.0.2.9")


def test_record_routes_keep_their_order_however_they_are_written():
    packet = read_packet(response("200 OK", ("Record-Route", "<sip:a;lr>, <sip:b;lr>"), ("Record-Route", "<sip:c;lr>")))
    assert packet.routes == ("<sip:a;lr>", "<sip:b;lr>", "<sip:c;lr>")


@pytest.mark.parametrize("cut", [1, 3, 5])
def test_a_message_whose_body_came_cut_is_not_read(cut):
    assert read_packet(INVITE.encode()[:-cut]) is None


@pytest.mark.parametrize("missing", ["Via", "From", "To", "Call-ID", "CSeq"])
def test_a_message_without_a_header_that_it_needs_is_not_read(missing):
    text = write_request("OPTIONS", "sip:x", [(name, value) for name, value in HEAD if name != missing])
    assert read_packet(text.replace("7 INVITE", "7 OPTIONS").encode()) is None


@pytest.mark.parametrize("length", ["-1", "99999", "x", "٣", "1e3", "9" * 30])
def test_a_length_that_is_none_is_not_read(length):
    assert read_packet(INVITE.replace("Content-Length: 5", f"Content-Length: {length}").encode()) is None


@given(st.binary(max_size=400))
def test_any_datagram_is_read_or_refused_without_an_error(data):
    assert read_packet(data) is None or data


@given(st.lists(st.tuples(st.integers(0, len(INVITE) - 1), st.integers(0, 255)), max_size=12))
def test_a_damaged_message_is_read_or_refused_without_an_error(damages):
    data = bytearray(INVITE.encode())
    for place, byte in damages:
        data[place] = byte
    packet = read_packet(bytes(data))
    if packet is not None:
        told = (packet.contact, packet.routes, packet.branch, packet.facts, packet.reply_to(("192.0.2.9", 5)))
        assert len(told) == 5


@given(st.text(max_size=80))
def test_a_uri_is_found_or_not_without_an_error(value):
    assert isinstance(bare_uri(value), str)


def test_a_response_repeats_what_the_request_said_and_adds_our_tag_once():
    request = read_packet(INVITE.encode())
    first = read_packet(write_response(request, "486 Busy Here", "mine").encode())
    assert (first.status, first.to_tag, first.branch, first.cseq) == (486, "mine", "z9hG4bKabc", 7)
    inside = read_packet(INVITE.replace("<sip:138@carrier.example>\r", "<sip:138@carrier.example>;tag=t\r").encode())
    assert read_packet(write_response(inside, "200 OK", "mine").encode()).to_tag == "t"


@pytest.mark.parametrize(
    ("via", "port"),
    [
        ("SIP/2.0/UDP 10.0.0.1:5080;branch=z", 5080),
        ("SIP/2.0/UDP 10.0.0.1;branch=z", 5060),
        ("SIP/2.0/UDP 10.0.0.1:5080;branch=z;rport", 40000),
        ("SIP/2.0/UDP [2001:db8::1]:5090;branch=z", 5090),
        ("nonsense", 40000),
        ("SIP/2.0/UDP 10.0.0.1:99999;branch=z", 40000),
    ],
)
def test_a_response_goes_to_the_port_that_the_via_header_asks_for(via, port):
    request = read_packet(INVITE.replace(HEAD[0][1], via).encode())
    assert request.reply_to(("198.51.100.7", 40000)) == ("198.51.100.7", port)
