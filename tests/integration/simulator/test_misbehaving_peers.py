"""What a lossy network and a rude peer do: repeats, crossings, silence, nonsense. The carrier takes it all."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest

from simulator.process import SimulatorProcess

pytestmark = pytest.mark.integration

SILENT = "13800000006"
BUSY = "13800000021"
RINGS = "13800000024"
_serial = itertools.count(1)


@pytest.fixture
def ident() -> str:
    return f"bare-{next(_serial)}"


def lines_of(carrier: SimulatorProcess, ident: str, event: str) -> list[dict[str, Any]]:
    return [line for line in carrier.log_lines(event) if line["call_id"] == ident]


def answered(client: Any, ident: str) -> str:
    """Dial the silent subscriber; returns the tag of the answered dialog (not yet acknowledged)."""
    client.send(client.request("INVITE", SILENT, ident=ident, body=client.offer()))
    response = client.until(200, "INVITE")
    return response.to_addr.tag


def hang_up(client: Any, ident: str, tag: str, cseq: int = 9) -> None:
    client.send(client.request("BYE", SILENT, ident=ident, to_tag=tag, cseq=cseq, branch=f"{ident}-bye"))
    client.until(200, "BYE")


def test_a_repeated_invite_opens_one_call(carrier: SimulatorProcess, client: Any, ident: str) -> None:
    invite = client.request("INVITE", SILENT, ident=ident, body=client.offer())
    for _ in range(3):
        client.send(invite)
    tag = client.until(200, "INVITE").to_addr.tag
    client.send(invite)
    assert client.until(200, "INVITE").to_addr.tag == tag
    client.send(client.request("ACK", SILENT, ident=ident, to_tag=tag, branch=f"{ident}-ack"))
    hang_up(client, ident, tag)
    carrier.wait_for(lambda line: line["call_id"] == ident)
    assert len(lines_of(carrier, ident, "invite")) == 1
    assert len(lines_of(carrier, ident, "call")) == 1


def test_a_200_is_repeated_until_it_is_acknowledged(client: Any, ident: str) -> None:
    tag = answered(client, ident)
    assert client.until(200, "INVITE").to_addr.tag == tag
    client.send(client.request("ACK", SILENT, ident=ident, to_tag=tag, branch=f"{ident}-ack"))
    client.statuses_within(0.2)
    assert client.statuses_within(1.3) == []
    hang_up(client, ident, tag)


def test_a_refusal_is_repeated_until_it_is_acknowledged(client: Any, ident: str) -> None:
    client.send(client.request("INVITE", BUSY, ident=ident, body=client.offer()))
    tag = client.until(486).to_addr.tag
    assert client.until(486).to_addr.tag == tag
    client.send(client.request("ACK", BUSY, ident=ident, to_tag=tag))
    client.statuses_within(0.2)
    assert client.statuses_within(1.3) == []


def test_a_cancel_that_crosses_the_answer_leaves_the_call_up(
    carrier: SimulatorProcess, client: Any, ident: str
) -> None:
    tag = answered(client, ident)
    client.send(client.request("CANCEL", SILENT, ident=ident))
    client.until(200, "CANCEL")
    client.send(client.request("ACK", SILENT, ident=ident, to_tag=tag, branch=f"{ident}-ack"))
    assert lines_of(carrier, ident, "call") == []
    hang_up(client, ident, tag)
    assert carrier.wait_for(lambda line: line["call_id"] == ident)["ended_by"] == "bye_them"


def test_a_repeated_cancel_ends_the_ringing_once(carrier: SimulatorProcess, client: Any, ident: str) -> None:
    client.send(client.request("INVITE", RINGS, ident=ident, body=client.offer()))
    client.until(180)
    for _ in range(2):
        client.send(client.request("CANCEL", RINGS, ident=ident))
    client.until(487, "INVITE")
    client.send(client.request("ACK", RINGS, ident=ident))
    line = carrier.wait_for(lambda line: line["call_id"] == ident)
    assert (line["ended_by"], line["status"]) == ("cancel", 487)
    assert len(lines_of(carrier, ident, "call")) == 1


def test_a_repeated_bye_is_answered_again(client: Any, ident: str) -> None:
    tag = answered(client, ident)
    client.send(client.request("ACK", SILENT, ident=ident, to_tag=tag, branch=f"{ident}-ack"))
    hang_up(client, ident, tag)
    hang_up(client, ident, tag)


def test_a_bye_of_an_unknown_call_gets_481(client: Any, ident: str) -> None:
    client.send(client.request("BYE", SILENT, ident=ident, to_tag="none"))
    client.until(481, "BYE")


def test_a_cancel_of_an_unknown_call_gets_481(client: Any, ident: str) -> None:
    client.send(client.request("CANCEL", SILENT, ident=ident))
    client.until(481, "CANCEL")


def test_a_bye_with_the_wrong_tag_does_not_end_the_call(carrier: SimulatorProcess, client: Any, ident: str) -> None:
    tag = answered(client, ident)
    client.send(client.request("ACK", SILENT, ident=ident, to_tag=tag, branch=f"{ident}-ack"))
    client.send(client.request("BYE", SILENT, ident=ident, to_tag="wrong", cseq=2, branch=f"{ident}-x"))
    client.until(481, "BYE")
    assert lines_of(carrier, ident, "call") == []
    hang_up(client, ident, tag)


@pytest.mark.parametrize(
    ("offered", "answer"), [("sendonly", "recvonly"), ("recvonly", "sendonly"), ("inactive", "inactive")]
)
def test_hold_is_answered_in_kind(client: Any, ident: str, offered: str, answer: str) -> None:
    tag = answered(client, ident)
    client.send(client.request("ACK", SILENT, ident=ident, to_tag=tag, branch=f"{ident}-ack"))
    client.statuses_within(0.2)
    body = client.offer(offered)
    client.send(client.request("INVITE", SILENT, ident=ident, to_tag=tag, cseq=2, branch=f"{ident}-re", body=body))
    held = client.until(200, "INVITE")
    assert f"a={answer}" in held.text
    client.send(client.request("ACK", SILENT, ident=ident, to_tag=tag, cseq=2, branch=f"{ident}-re-ack"))
    client.statuses_within(0.2)
    assert client.statuses_within(0.8) == []
    hang_up(client, ident, tag)


def test_an_offer_without_a_known_codec_gets_488(carrier: SimulatorProcess, client: Any, ident: str) -> None:
    client.send(client.request("INVITE", SILENT, ident=ident, body=client.offer(codecs="18")))
    client.until(488)
    client.send(client.request("ACK", SILENT, ident=ident))
    assert carrier.wait_for(lambda line: line["call_id"] == ident)["status"] == 488


def test_an_invite_without_an_offer_gets_488(client: Any, ident: str) -> None:
    client.send(client.request("INVITE", SILENT, ident=ident))
    client.until(488)
    client.send(client.request("ACK", SILENT, ident=ident))


def test_the_answer_takes_the_offers_number_for_telephone_event(client: Any, ident: str) -> None:
    body = client.offer(codecs="0 96").replace("rtpmap:101", "rtpmap:96")
    client.send(client.request("INVITE", SILENT, ident=ident, body=body))
    response = client.until(200, "INVITE")
    assert "RTP/AVP 0 96" in response.text
    client.send(client.request("ACK", SILENT, ident=ident, to_tag=response.to_addr.tag, branch=f"{ident}-ack"))
    hang_up(client, ident, response.to_addr.tag)


def test_options_is_answered(client: Any, ident: str) -> None:
    client.send(client.request("OPTIONS", SILENT, ident=ident))
    assert "INVITE" in client.until(200, "OPTIONS").get_header_values("allow")


def test_the_x_headers_of_an_invite_are_logged_for_correlation(
    carrier: SimulatorProcess, client: Any, ident: str
) -> None:
    invite = client.request("INVITE", BUSY, ident=ident, body=client.offer())
    client.send(invite.replace(b"Max-Forwards", b"X-Attempt: 01abc\r\nMax-Forwards"))
    tag = client.until(486).to_addr.tag
    client.send(client.request("ACK", BUSY, ident=ident, to_tag=tag))
    line = carrier.wait_for(lambda line: line["call_id"] == ident)
    assert line["headers"] == lines_of(carrier, ident, "invite")[0]["headers"] == {"X-Attempt": "01abc"}


def test_an_unknown_method_gets_405(client: Any, ident: str) -> None:
    client.send(client.request("PUBLISH", SILENT, ident=ident))
    client.until(405, "PUBLISH")


def test_nonsense_is_survived(client: Any, ident: str) -> None:
    chance = random.Random(5)
    good = client.request("INVITE", BUSY, ident=f"{ident}-torn", body=client.offer())
    nonsense = [
        b"",
        b"\r\n\r\n",
        b"\x00" * 40,
        b"SIP/2.0 abc\r\n\r\n",
        b"SIP/2.0 200 OK\r\n\r\n",
        b"INVITE\r\n\r\n",
        good.replace(b"CSeq: 1 INVITE", b"CSeq: x"),
        good.replace(b"Via: ", b"Vio: "),
        good.replace(b"m=audio 9", b"m=audio x"),
        *(chance.randbytes(chance.randrange(1, 300)) for _ in range(50)),
        *(bytes(byte if chance.random() > 0.05 else chance.randrange(256) for byte in good) for _ in range(100)),
    ]
    for datagram in nonsense:
        client.send(datagram)
    client.statuses_within(0.3)
    client.send(client.request("OPTIONS", SILENT, ident=ident, branch=f"{ident}-after"))
    client.until(200, "OPTIONS")
