"""Registration with a trunk on the pyVoIP engine, with a registrar of a few lines."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from core.clock import SimulatedClock
from dialer.lines.base import Trunk
from dialer.lines.pyvoip_messages import read_packet, write_request, write_response
from dialer.lines.pyvoip_registration import Registrations, granted
from dialer.lines.trunk_health import HealthBook

pytestmark = pytest.mark.unit

TRUNK = Trunk("main", "198.51.100.1", user="firm", password="secret", register_s=300)
CHALLENGE = ("WWW-Authenticate", 'Digest realm="r", nonce="n"')


class Phone:
    """A phone whose far end answers from a list: status line and headers, or None for silence."""

    myIP, port_number = "192.0.2.1", 5070  # noqa: N815  # pyVoIP's name

    def __init__(self, *answers):
        self.sip = self
        self.asked = []
        self._answers = list(answers)
        self.done = asyncio.Event()
        self._news = asyncio.Event()

    def gen_call_id(self):
        return "registration@192.0.2.1"

    gen_tag = gen_call_id

    def request_outside(self, method, uri, headers):
        return write_request(method, uri, [("Via", "SIP/2.0/UDP 192.0.2.1;branch=z"), *headers])

    async def heard(self):
        """Wait for a request."""
        async with asyncio.timeout(5):
            await self._news.wait()
        self._news.clear()

    async def ask(self, text, address, _seconds):
        request = read_packet(text.encode())
        self.asked.append((request, address))
        self._news.set()
        if not self._answers:
            self.done.set()
            await asyncio.Event().wait()
        answer = self._answers.pop(0)
        return answer and read_packet(write_response(request, answer[0], "far", answer[1:]).encode())


def watched(trunk, *answers):
    """The phone and the health after the far end gave all its answers."""

    async def run():
        clock = SimulatedClock(datetime(2026, 11, 25, tzinfo=UTC))
        phone, health = Phone(*answers), HealthBook(clock, [trunk])
        registrations = Registrations(clock, "400", health)
        registrations.add(trunk, phone)
        async with asyncio.timeout(5):
            while not phone.done.is_set():
                await asyncio.sleep(0)
                clock.advance(10)
        phone._answers.append(("200 OK",))
        await registrations.close()
        return phone, health.report()[0]

    return asyncio.run(run())


def test_a_challenge_is_answered_and_the_trunk_is_registered():
    phone, health = watched(TRUNK, ("401 Unauthorized", CHALLENGE), ("200 OK", ("Expires", "300")))
    first, second = (request for request, _ in phone.asked[:2])
    assert (first.cseq, second.cseq) == (1, 2)
    assert 'username="firm"' in second.get("authorization")
    assert second.get("expires") == "300"
    assert health.registered


@pytest.mark.parametrize("answer", [None, ("403 Forbidden",), ("503 Service Unavailable",)])
def test_a_registration_that_failed_is_told_and_tried_again(answer):
    phone, health = watched(TRUNK, answer, answer)
    assert len(phone.asked) == 3
    assert health.registered is False


def test_a_registrar_that_comes_back_is_registered_with_again():
    _, health = watched(TRUNK, ("200 OK", ("Expires", "60")), None, ("200 OK", ("Expires", "60")))
    assert health.registered


def test_a_time_that_is_too_brief_is_lengthened():
    phone, _ = watched(TRUNK, ("423 Interval Too Brief", ("Min-Expires", "900")), ("200 OK",))
    assert phone.asked[1][0].get("expires") == "900"


def test_a_registration_is_given_back_at_the_end():
    phone, _ = watched(TRUNK, ("200 OK",))
    assert phone.asked[-1][0].get("expires") == "0"


def test_a_trunk_that_was_away_is_registered_with_again_at_once():
    async def run():
        clock = SimulatedClock(datetime(2026, 11, 25, tzinfo=UTC))
        phone = Phone(("200 OK",), ("200 OK",))
        registrations = Registrations(clock, "400", HealthBook(clock, [TRUNK]))
        registrations.add(TRUNK, phone)
        await phone.heard()
        registrations.again("main")
        registrations.again("unknown")
        await phone.heard()
        phone._answers.append(("200 OK",))
        await registrations.close()
        return phone

    assert len(asyncio.run(run()).asked) == 3


def test_a_trunk_that_wants_no_registration_is_left_alone():
    async def run():
        clock = SimulatedClock(datetime(2026, 11, 25, tzinfo=UTC))
        phone = Phone()
        registrations = Registrations(clock, "400", HealthBook(clock, [TRUNK]))
        registrations.add(Trunk("main", "198.51.100.1"), phone)
        await registrations.close()
        return phone

    assert asyncio.run(run()).asked == []


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ([("Contact", "<sip:x@y>;expires=120")], 120),
        ([("Contact", "<sip:x@y>"), ("Expires", "90")], 90),
        ([("Contact", "<sip:x@y>;expires=0")], 1),
        ([("Expires", "soon")], 300),
        ([], 300),
    ],
)
def test_the_registrar_decides_how_long_it_holds(headers, seconds):
    request = read_packet(
        b"REGISTER sip:r SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\n"
        b"Call-ID: x\r\nCSeq: 1 REGISTER\r\n\r\n"
    )
    response = read_packet(write_response(request, "200 OK", "t", headers).encode())
    assert granted(response, 300) == seconds
