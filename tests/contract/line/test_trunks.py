"""What a trunk may ask for: an identity, credentials, a transport, headers; and several trunks on one line."""

from __future__ import annotations

import asyncio

import pytest

from dialer.lines.base import Answered, Ended, EndedBy, LineError, Trunk

pytestmark = pytest.mark.contract

AT_ONCE_S = 3.0
CHALLENGES = [
    '401 Unauthorized|WWW-Authenticate: Digest realm="carrier", nonce="n0nce"',
    '401 Unauthorized|WWW-Authenticate: Digest realm="carrier", nonce="n0nce", algorithm=MD5, qop="auth"',
    '407 Proxy Authentication Required|Proxy-Authenticate: Digest realm="carrier", nonce="n0nce"',
]


@pytest.mark.needs("challenge")
@pytest.mark.parametrize("challenge", CHALLENGES)
async def test_credentials_answer_a_challenge(open_line, carrier, watch, audio, challenge):
    line_text, _, header = challenge.partition("|")
    far_end = carrier.play(
        carrier.reply(line_text, extra=header),
        carrier.expect("ACK"),
        carrier.expect_header("INVITE", 'Authorization: Digest username="firm"'),
        carrier.reply("200 OK", audio=audio),
        *carrier.until_bye(),
    )
    async with open_line(user="firm", password="secret") as line:
        call = await line.dial(far_end.uri)
        events = watch(call)
        await events.until(Answered, seconds=AT_ONCE_S)
        await call.hang_up()
        await events.until(Ended)
        await far_end.finished()
    assert events.names == ["Answered", "Ended"]


@pytest.mark.needs("challenge")
async def test_a_refusal_after_a_challenge_is_the_last_word(open_line, carrier, watch):
    far_end = carrier.play(
        carrier.reply(*CHALLENGES[0].split("|")[:1], extra=CHALLENGES[0].split("|")[1]),
        carrier.expect("ACK"),
        carrier.expect("INVITE"),
        carrier.reply("486 Busy Here"),
        carrier.expect("ACK"),
    )
    async with open_line(user="firm", password="secret") as line:
        ended = await watch(await line.dial(far_end.uri)).until(Ended, seconds=AT_ONCE_S)
        await far_end.finished()
    assert ended.ending.status == 486


@pytest.mark.parametrize("password", ["", "wrong"])
@pytest.mark.parametrize("challenge", CHALLENGES)
async def test_a_challenge_that_our_credentials_do_not_meet_ends_typed(open_line, carrier, watch, challenge, password):
    line_text, _, header = challenge.partition("|")
    refusal = (carrier.reply(line_text, extra=header), carrier.expect("ACK"))
    far_end = carrier.play(*refusal, *(carrier.expect("INVITE"), *refusal) * 3)
    async with open_line(user="firm" if password else "", password=password) as line:
        ended = await watch(await line.dial(far_end.uri)).until(Ended, seconds=AT_ONCE_S)
    assert (ended.ending.by, ended.ending.status) == (EndedBy.FAR_END, int(line_text[:3]))


async def test_the_firm_s_name_and_number_stand_in_the_from_header(open_line, carrier, watch):
    far_end = carrier.play_if(
        'From: "汇方证券" &lt;sip:4008001234@trunk.example', carrier.reply("486 Busy Here"), carrier.expect("ACK")
    )
    async with open_line(display_name="汇方证券", domain="trunk.example") as line:
        assert (await watch(await line.dial(far_end.uri)).until(Ended)).ending.status == 486
        await far_end.finished()


async def test_without_a_domain_the_trunk_s_own_host_stands_in_the_from_header(open_line, carrier, watch):
    far_end = carrier.play_if(
        "From: &lt;sip:4008001234@127.0.0.1&gt;", carrier.reply("486 Busy Here"), carrier.expect("ACK")
    )
    async with open_line(address=far_end.address) as line:
        assert (await watch(await line.dial(far_end.uri)).until(Ended)).ending.status == 486
        await far_end.finished()


@pytest.mark.needs("headers")
async def test_extra_headers_reach_the_far_end(open_line, carrier, watch):
    far_end = carrier.play_if("X-Attempt: 42", carrier.reply("486 Busy Here"), carrier.expect("ACK"))
    async with open_line() as line:
        call = await line.dial(far_end.uri, headers={"X-Attempt": "42"})
        assert (await watch(call).until(Ended)).ending.status == 486
        await far_end.finished()


@pytest.mark.needs("tcp")
async def test_a_trunk_over_tcp(open_line, carrier, watch, audio):
    far_end = carrier.play(
        carrier.reply("180 Ringing"), carrier.reply("200 OK", audio=audio), *carrier.until_bye(), transport="tcp"
    )
    async with open_line(transport="tcp") as line:
        call = await line.dial(far_end.uri)
        events = watch(call)
        await events.until(Answered)
        await call.hang_up()
        assert (await events.until(Ended)).ending.by is EndedBy.US
        await far_end.finished()
    assert events.names == ["Rang", "Answered", "Ended"]


@pytest.mark.needs("several-trunks", "tcp")
async def test_each_trunk_has_its_own_identity_and_transport(open_line, carrier, watch):
    busy = (carrier.reply("486 Busy Here"), carrier.expect("ACK"))
    first = carrier.play_if("From: &lt;sip:4008001234@first.example", *busy)
    second = carrier.play_if("From: &lt;sip:4008001234@second.example", *busy, transport="tcp")
    trunks = (
        Trunk("one", first.address, domain="first.example"),
        Trunk("two", second.address, transport="tcp", domain="second.example"),
    )
    async with open_line(trunks=trunks) as line:
        calls = [await line.dial(first.uri), await line.dial(second.uri, trunk="two")]
        await asyncio.gather(*(watch(call).until(Ended) for call in calls))
        await first.finished()
        await second.finished()
        assert [one.trunk for one in line.health()] == ["one", "two"]
    assert {call.ending.status for call in calls} == {486}


@pytest.mark.needs("several-trunks", "challenge")
async def test_each_trunk_answers_a_challenge_with_its_own_credentials(open_line, carrier, watch):
    def asks_for(user):
        line_text, _, header = CHALLENGES[0].partition("|")
        return carrier.play(
            carrier.reply(line_text, extra=header),
            carrier.expect("ACK"),
            carrier.expect_header("INVITE", f'username="{user}"'),
            carrier.reply("486 Busy Here"),
            carrier.expect("ACK"),
        )

    far_ends = {user: asks_for(user) for user in ("anna", "bert")}
    trunks = tuple(Trunk(user, far.address, user=user, password="x") for user, far in far_ends.items())
    async with open_line(trunks=trunks) as line:
        for name, far_end in far_ends.items():
            ended = await watch(await line.dial(far_end.uri, trunk=name)).until(Ended, seconds=AT_ONCE_S)
            await far_end.finished()
            assert ended.ending.status == 486


async def test_an_unknown_trunk_is_refused(open_line):
    async with open_line() as line:
        with pytest.raises(LineError, match=r"\[trunk\.other\]"):
            await line.dial("sip:1@127.0.0.1:5060", trunk="other")


async def test_of_a_trunk_that_is_asked_nothing_nothing_is_known(open_line):
    async with open_line() as line:
        (health,) = line.health()
    assert (health.trunk, health.registered, health.reachable) == ("far", None, None)
