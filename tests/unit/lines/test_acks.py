"""An answer that comes again is acknowledged again, with the bytes of the first ACK."""

from __future__ import annotations

import socket

import pytest

from dialer.lines.acks import Acknowledgements

pytestmark = pytest.mark.unit


@pytest.fixture
def far_end():
    """A port that hears ACKs."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as port:
        port.bind(("127.0.0.1", 0))
        port.settimeout(2)
        yield port


def ack(port, number=1):
    return f"TX UDP 127.0.0.1:5060 -> 127.0.0.1:{port}\nACK sip:x@y SIP/2.0\r\nCSeq: {number} ACK\r\n\r\n"


def answer(number=1, status="200 OK"):
    return f"RX UDP 127.0.0.1:9 -> 127.0.0.1:5060\nSIP/2.0 {status}\r\nCSeq: {number} INVITE\r\n\r\n"


def test_an_answer_that_comes_again_is_acknowledged_again(far_end):
    port, acks = far_end.getsockname()[1], Acknowledgements()
    for trace in (answer(), ack(port), answer(), answer()):
        acks.take("call", trace)
    assert [far_end.recv(500) for _ in range(2)] == [b"ACK sip:x@y SIP/2.0\r\nCSeq: 1 ACK\r\n\r\n"] * 2


@pytest.mark.parametrize(
    "traces",
    [
        [answer()],
        [ack(0), answer(2)],
        [ack(0), answer(status="486 Busy Here")],
        [ack(0), "RX UDP a -> b\nSIP/2.0 200 OK\r\nCSeq: 1 BYE\r\n\r\n"],
        [ack(0).replace("UDP", "TCP"), answer()],
        ["", "TX UDP"],
    ],
)
def test_nothing_else_is_acknowledged(far_end, traces):
    acks = Acknowledgements()
    for trace in traces:
        acks.take("call", trace.replace("127.0.0.1:0", f"127.0.0.1:{far_end.getsockname()[1]}"))
    far_end.setblocking(False)
    with pytest.raises(BlockingIOError):
        far_end.recv(500)


def test_a_call_that_is_over_is_acknowledged_no_more(far_end):
    port, acks = far_end.getsockname()[1], Acknowledgements()
    acks.take("call", ack(port))
    acks.forget("call")
    acks.take("call", answer())
    far_end.setblocking(False)
    with pytest.raises(BlockingIOError):
        far_end.recv(500)
