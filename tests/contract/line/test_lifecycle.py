"""Opening, closing and many calls: ports, leaks, storms, and what a stranger may ask of us."""

from __future__ import annotations

import asyncio
import logging
import socket

import pytest

from dialer.lines.base import Answered, Ended, EndedBy, LineError, Trunk

pytestmark = pytest.mark.contract


async def test_a_taken_port_is_refused_with_its_remedy(engine, open_line, unused_port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", unused_port))
        with pytest.raises(LineError, match=r"line\.listen to a free one"):
            await engine(listen=f"127.0.0.1:{unused_port}").start()
    async with open_line(listen=f"127.0.0.1:{unused_port}"):
        pass  # a failed start poisons nothing


@pytest.mark.parametrize(
    ("listen", "remedy"),
    [
        ("5060", "host:port"),
        ("carrier.example:5060", "line.listen|settings"),
        ("203.0.113.7:0", "address"),
    ],
)
async def test_an_unusable_address_is_refused_with_its_remedy(engine, listen, remedy):
    with pytest.raises(LineError, match=remedy):
        await engine(listen=listen).start()


async def test_an_unknown_transport_is_refused(engine):
    with pytest.raises(LineError, match="udp, tcp or tls"):
        await engine(transport="carrier-pigeon").start()


@pytest.mark.needs("wildcard")
async def test_a_line_on_every_address_reaches_a_carrier_on_loopback(open_line, carrier, watch):
    far_end = carrier.play(carrier.reply("486 Busy Here"), carrier.expect("ACK"))
    async with open_line(listen="0.0.0.0:0", address=far_end.address) as line:
        assert (await watch(await line.dial(far_end.uri)).until(Ended)).ending.status == 486
        await far_end.finished()


async def test_a_line_opens_again_after_it_was_closed(open_line, carrier, watch):
    for _ in range(3):
        far_end = carrier.play(carrier.reply("486 Busy Here"), carrier.expect("ACK"))
        async with open_line() as line:
            assert (await watch(await line.dial(far_end.uri)).until(Ended)).ending.status == 486
            await line.close()  # twice is as good as once


async def test_many_refusals_at_once_are_all_told_with_their_exact_facts(open_line, carrier, watch):
    steps = (
        carrier.reply("100 Trying"),
        carrier.reply("181 Call Is Being Forwarded"),
        carrier.reply("486 Busy Here", extra="Reason: Q.850;cause=17\nReason: SIP;cause=486"),
        carrier.expect("ACK"),
    )
    far_end = carrier.play(*steps, calls=100)
    async with open_line() as line:
        calls = [await line.dial(far_end.uri) for _ in range(100)]
        await asyncio.gather(*(watch(call).until(Ended) for call in calls))
    assert {call.ending.status for call in calls} == {486}
    assert {call.ending.reasons for call in calls} == {("Q.850;cause=17", "SIP;cause=486")}
    assert {tuple(one.status for one in call.provisionals) for call in calls} == {(100, 181)}


async def test_calls_that_come_and_go_leave_nothing_behind(open_baresip, carrier, watch):
    far_end = carrier.play(
        carrier.reply("180 Ringing"), carrier.reply("486 Busy Here"), carrier.expect("ACK"), calls=120
    )
    counts = []
    async with open_baresip() as line:
        for _ in range(120):
            await watch(await line.dial(far_end.uri)).until(Ended)
            await asyncio.sleep(0)
            kept = (line._runtime._listeners, line._calls, line._by_call_id, line._fresh)
            counts.append(sum(map(len, kept)))
    assert max(counts) == counts[0] == counts[-1]
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "not a uri",
        "13800138000",
        "sip:",
        "sip:@127.0.0.1",
        "sip:1@",
        "sip:1@[",
        "sip:1@.",
        "sip:1 2@127.0.0.1",
        "tel:+86138",
        "sips:1@127.0.0.1",
        "<sip:1@127.0.0.1>",
        "sip:1@127.0.0.1\r\nX-Evil: 1",
        "sip:1@127.0.0.1?Replaces=x",
        "sip:1@127.0.0.1:port",
        "sip:1@127.0.0.1:0",
        "sip:1@127.0.0.1:99999",
    ],
)
async def test_an_address_that_is_none_is_refused(open_line, uri):
    async with open_line() as line:
        with pytest.raises(LineError, match="sip:number@host:port"):
            await line.dial(uri)


async def test_a_header_that_would_break_the_message_is_refused(open_line):
    async with open_line() as line:
        with pytest.raises(LineError, match="single-line"):
            await line.dial("sip:1@127.0.0.1:5060", headers={"X-Attempt": "1\r\nX-Evil: 1"})


async def test_a_dial_that_is_cancelled_rings_nobody(open_baresip, carrier, monkeypatch):
    far_end = carrier.play(
        carrier.reply("180 Ringing"),
        carrier.expect("CANCEL"),
        carrier.reply("200 OK"),
        carrier.request_terminated(),
        carrier.expect("ACK"),
    )
    async with open_baresip() as line:
        placed, place = asyncio.Event(), line._agents["far"].dial

        async def slow(uri, headers):
            await place(uri, headers=headers)
            placed.set()
            await asyncio.Event().wait()

        monkeypatch.setattr(line._agents["far"], "dial", slow)
        dialing = asyncio.create_task(line.dial(far_end.uri))
        async with asyncio.timeout(8):
            await placed.wait()
        dialing.cancel()
        await asyncio.wait([dialing])
        await far_end.finished()
        assert dialing.cancelled()
        assert line._fresh == {}


async def test_a_stranger_who_calls_is_told_486(open_line, unused_port):
    async with open_line(listen=f"127.0.0.1:{unused_port}"):
        reply = await stranger("INVITE", unused_port)
    assert reply.startswith("SIP/2.0 486")


async def test_a_trunk_that_asks_for_our_health_is_answered(open_line, unused_port):
    async with open_line(listen=f"127.0.0.1:{unused_port}"):
        reply = await stranger("OPTIONS", unused_port)
    assert reply.startswith("SIP/2.0 200")


async def test_no_number_reaches_the_log(open_line, carrier, watch, audio, caplog):
    far_end = carrier.play(
        carrier.reply("200 OK", audio=audio), carrier.expect("ACK"), carrier.expect("BYE"), carrier.reply("200 OK")
    )
    async with open_line() as line:
        logging.getLogger("baresip.native.sip").removeHandler(
            caplog.handler
        )  # pytest listens even where nothing leaves
        caplog.set_level(logging.DEBUG)
        caplog.clear()
        call = await line.dial(far_end.uri)
        await watch(call).until(Answered)
        await call.hang_up()
        await watch(call).until(Ended)
    assert caplog.records, "the engine logs a finished call; the check below would be empty"
    assert not [record for record in caplog.records if "13800138000" in str(vars(record))]


async def test_an_end_by_a_dead_engine_is_the_stack_s(open_line, carrier, watch):
    far_end = carrier.play(carrier.reply("180 Ringing"), carrier.pause(20000))
    async with open_line() as line:
        call = await line.dial(far_end.uri)
        events = watch(call)
        line._engine_died()
        ended = await events.until(Ended)
    assert (ended.ending.by, ended.ending.cause) == (EndedBy.STACK, "the SIP engine stopped")


def test_trunk_values_never_show_the_password():
    assert "secret" not in repr(Trunk("far", "127.0.0.1:5060", user="firm", password="secret"))


async def stranger(method, port):
    """The first final response to a request from somebody else."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.bind(("127.0.0.1", 0))
        out.setblocking(False)
        own = out.getsockname()[1]
        body = (
            f"v=0\r\no=x 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {own} RTP/AVP 8\r\n"
            if method == "INVITE"
            else ""
        )
        message = (
            f"{method} sip:4008001234@127.0.0.1:{port} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{own};branch=z9hG4bKx1\r\n"
            f"From: <sip:x@127.0.0.1>;tag=1\r\nTo: <sip:4008001234@127.0.0.1:{port}>\r\nCall-ID: stranger-{own}\r\n"
            f"CSeq: 1 {method}\r\nContact: <sip:x@127.0.0.1:{own}>\r\nMax-Forwards: 70\r\n"
            + ("Content-Type: application/sdp\r\n" if body else "")
            + f"Content-Length: {len(body)}\r\n\r\n{body}"
        )
        await loop.sock_sendto(out, message.encode(), ("127.0.0.1", port))
        async with asyncio.timeout(8):
            while True:
                reply = (await loop.sock_recv(out, 4000)).decode()
                if not reply.startswith("SIP/2.0 1"):
                    return reply
