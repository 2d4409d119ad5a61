"""Registration with digest, its renewal, what happens when the registrar was away, and OPTIONS both ways."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest

from dialer.lines.base import Ended
from dialer.lines.options import ANSWER_S
from tests.contract.line.registrar import Registrar

pytestmark = pytest.mark.contract

REGISTERED_S = 3.0  # from the start of the line
AGAIN_S = 12.0  # from the registrar's return


@asynccontextmanager
async def registrar(**known):
    """A running registrar."""
    far_end = Registrar(**known)
    await far_end.start()
    try:
        yield far_end
    finally:
        far_end.stop()


def trunk(far_end, **settings):
    """The fields of a trunk that registers there."""
    return {"address": far_end.address, "user": "firm", "password": "secret", "register_s": 3600} | settings


async def until_health(line, seconds, **expected):
    """Wait until the line's only trunk is as expected, and return it."""
    async with asyncio.timeout(seconds):
        while True:
            (health,) = line.health()
            if all(getattr(health, name) is value for name, value in expected.items()):
                return health
            await asyncio.sleep(0.02)


@pytest.mark.needs("registration")
async def test_a_trunk_that_wants_it_is_registered_with_digest_and_left_at_the_end(open_line):
    async with registrar() as far_end:
        async with open_line(**trunk(far_end)) as line:
            health = await until_health(line, REGISTERED_S, registered=True)
            assert list(far_end.bindings.values()) == [3600]
            assert far_end.count("REGISTER") == 2  # the first is challenged
            assert health.reachable is None
        assert far_end.bindings == {}


@pytest.mark.needs("registration")
async def test_calls_of_a_registered_trunk_come_from_the_firm_s_number(open_line, watch):
    async with registrar() as far_end, open_line(**trunk(far_end, domain="carrier.example")) as line:
        await until_health(line, REGISTERED_S, registered=True)
        ended = await watch(await line.dial(f"sip:13800138000@{far_end.address}")).until(Ended)
        assert ended.ending.status == 486
        invite = next(request for request in far_end.heard if request.startswith("INVITE"))
        register = next(request for request in far_end.heard if request.startswith("REGISTER"))
    assert "From: <sip:4008001234@carrier.example>" in invite
    assert "To: <sip:firm@carrier.example>" in register


@pytest.mark.needs("registration")
async def test_a_registration_is_renewed_before_it_ends(open_line):
    async with registrar() as far_end, open_line(**trunk(far_end, register_s=2)) as line:
        await until_health(line, REGISTERED_S, registered=True)
        await far_end.until(lambda: far_end.count("REGISTER") >= 4, seconds=6)
        assert far_end.bindings
        assert line.health()[0].registered


@pytest.mark.needs("registration")
async def test_a_wrong_password_is_told_and_harms_no_line(open_line):
    async with registrar() as far_end, open_line(**trunk(far_end, password="wrong")) as line:
        health = await until_health(line, REGISTERED_S, registered=False)
        assert "401" in health.detail
        assert far_end.bindings == {}


@pytest.mark.needs("registration", "options")
async def test_a_registrar_that_restarted_has_us_again_soon(open_line):
    async with registrar() as far_end, open_line(**trunk(far_end, options_s=1)) as line:
        await until_health(line, REGISTERED_S, registered=True, reachable=True)
        far_end.stop()
        await until_health(line, 2 * ANSWER_S, reachable=False)
        await far_end.start()
        await far_end.until(lambda: bool(far_end.bindings), seconds=AGAIN_S)
        health = await until_health(line, AGAIN_S, registered=True, reachable=True)
        assert (health.registered, health.reachable) == (True, True)
        assert far_end.bindings


@pytest.mark.needs("registration")
async def test_a_registrar_that_comes_late_has_us_without_options_too(open_line, unused_port):
    far_end = Registrar()
    far_end.port = unused_port
    async with open_line(**trunk(far_end)) as line:
        await far_end.start()
        try:
            far_end.options_status = "503 Service Unavailable"
            health = await until_health(line, AGAIN_S, registered=True)
            assert health.reachable is not True
            assert far_end.bindings
        finally:
            far_end.stop()


# -- OPTIONS -------------------------------------------------------------------------------------------------------


@pytest.mark.needs("options")
@pytest.mark.parametrize(
    ("status", "reachable"),
    [("200 OK", True), ("405 Method Not Allowed", True), ("404 Not Found", True), ("503 Service Unavailable", False)],
)
async def test_the_health_of_a_trunk_without_registration_follows_its_answers(open_line, status, reachable):
    async with registrar() as far_end:
        far_end.options_status = status
        async with open_line(address=far_end.address, options_s=1) as line:
            health = await until_health(line, 3, reachable=reachable)
            assert health.registered is None
            assert status[:3] in health.detail
            await far_end.until(lambda: far_end.count("OPTIONS") >= 2, seconds=5)
        assert far_end.count("REGISTER") == 0


@pytest.mark.needs("options")
async def test_a_trunk_that_is_silent_is_not_reachable(open_line, wire, unused_port):
    for address in (wire.address, f"127.0.0.1:{unused_port}"):
        async with open_line(address=address, options_s=1) as line:
            assert (await until_health(line, ANSWER_S + 2, reachable=False)).detail


@pytest.mark.needs("options", "tcp")
async def test_a_trunk_over_tcp_is_asked_too(open_line, unused_port):
    async def answer(reader, writer):
        request = (await reader.readuntil(b"\r\n\r\n")).decode()
        writer.write(request.replace(request.partition("\r\n")[0], "SIP/2.0 200 OK").encode())
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with open_line(address=f"127.0.0.1:{port}", transport="tcp", options_s=1) as line:
            assert "200" in (await until_health(line, 3, reachable=True)).detail
        async with open_line(address=f"127.0.0.1:{unused_port}", transport="tcp", options_s=1) as line:
            assert (await until_health(line, 3, reachable=False)).detail


@pytest.mark.needs("options", "tls")
@pytest.mark.parametrize("host", ["127.0.0.1", "other.example"])
async def test_over_tls_a_certificate_for_another_name_makes_a_trunk_unreachable(open_line, authority, host):
    async def answer(reader, writer):
        request = (await reader.readuntil(b"\r\n\r\n")).decode()
        writer.write(request.replace(request.partition("\r\n")[0], "SIP/2.0 200 OK").encode())
        await writer.drain()
        writer.close()

    context = authority.issue(host).context()
    async with await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context) as server:
        address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        settings = {"address": address, "transport": "tls", "options_s": 1, "ca_file": str(authority.path)}
        async with open_line(**settings) as line:
            health = await until_health(line, 3, reachable=host == "127.0.0.1")
            assert ("200" in health.detail) is (host == "127.0.0.1")
