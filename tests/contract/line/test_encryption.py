"""TLS, where the trunk's certificate counts, and SRTP, where "required" means that nothing leaves in the clear."""

from __future__ import annotations

import asyncio
import base64
import re

import pytest

from dialer.lines.base import Answered, Ended, EndedBy, LineError
from tests.contract.line.certificates import Authority
from tests.contract.line.rtp import PCMA
from tests.contract.line.talk import feed, take

pytestmark = pytest.mark.contract

HANDSHAKE_S = 6.0  # a trunk whose certificate is refused ends the call within this


def busy(carrier, transport="udp"):
    """A far end that is busy."""
    return carrier.play(carrier.reply("486 Busy Here"), carrier.expect("ACK"), transport=transport)


# -- TLS -----------------------------------------------------------------------------------------------------------


@pytest.mark.needs("tls")
async def test_a_trunk_over_tls(open_line, carrier, watch, audio, authority):
    far_end = carrier.play(
        carrier.reply("180 Ringing"), carrier.reply("200 OK", audio=audio), *carrier.until_bye(), transport="tls"
    )
    async with far_end.door(authority.issue()), open_line(transport="tls", ca_file=str(authority.path)) as line:
        call = await line.dial(far_end.uri)
        events = watch(call)
        await events.until(Answered, seconds=HANDSHAKE_S)
        await call.hang_up()
        assert (await events.until(Ended)).ending.by is EndedBy.US
        await far_end.finished()
    assert events.names == ["Rang", "Answered", "Ended"]


@pytest.mark.needs("tls")
async def test_a_certificate_of_another_authority_is_refused(open_line, carrier, watch, authority, tmp_path):
    (tmp_path / "other").mkdir()
    far_end = busy(carrier, "tls")
    async with (
        far_end.door(Authority(tmp_path / "other").issue()),
        open_line(transport="tls", ca_file=str(authority.path)) as line,
    ):
        ended = await watch(await line.dial(far_end.uri)).until(Ended, seconds=HANDSHAKE_S)
    assert (ended.ending.by, ended.ending.status) == (EndedBy.STACK, None)
    assert ended.ending.cause


@pytest.mark.needs("tls", "tls-name")
async def test_a_certificate_for_another_name_is_refused(open_line, carrier, watch, authority):
    far_end = busy(carrier, "tls")
    async with (
        far_end.door(authority.issue("other.example")),
        open_line(transport="tls", ca_file=str(authority.path)) as line,
    ):
        ended = await watch(await line.dial(far_end.uri)).until(Ended, seconds=HANDSHAKE_S)
    assert (ended.ending.by, ended.ending.status) == (EndedBy.STACK, None)


@pytest.mark.needs("tls")
async def test_a_trunk_that_speaks_no_tls_ends_typed(open_line, watch, authority):
    async def refuse(reader, writer):
        writer.write(b"SIP/2.0 400 Bad Request\r\n\r\n")
        await reader.read(1)
        writer.close()

    async with (
        await asyncio.start_server(refuse, "127.0.0.1", 0) as server,
        open_line(transport="tls", ca_file=str(authority.path)) as line,
    ):
        port = server.sockets[0].getsockname()[1]
        ended = await watch(await line.dial(f"sip:1@127.0.0.1:{port}")).until(Ended, seconds=HANDSHAKE_S)
    assert (ended.ending.by, ended.ending.status) == (EndedBy.STACK, None)


@pytest.mark.needs("tls")
async def test_a_missing_file_of_trusted_certificates_is_refused(engine, tmp_path):
    with pytest.raises(LineError, match="trusted certificates"):
        await engine(transport="tls", ca_file=str(tmp_path / "none.pem")).start()


# -- SRTP ----------------------------------------------------------------------------------------------------------


@pytest.mark.needs("srtp")
@pytest.mark.parametrize("srtp", ["offered", "required"])
async def test_encrypted_audio_crosses_both_ways(open_line, carrier, watch, audio, tone, pitch, srtp):
    audio.encrypt(profile="RTP/SAVP" if srtp == "required" else "RTP/AVP")
    far_end = carrier.play(carrier.reply("200 OK", audio=audio), *carrier.until_bye())
    async with open_line(srtp=srtp) as line:
        call = await line.dial(far_end.uri)
        events = watch(call)
        await events.until(Answered)
        audio.decrypt(their_key(far_end.messages()))
        heard, _, _, _ = await asyncio.gather(
            take(call, 1.6), audio.play(tone(440, 1.4), PCMA), feed(call, tone(1000, 1.2)), audio.listen(1.6)
        )
        await call.hang_up()
        await events.until(Ended)
        await far_end.finished()
    assert pitch(heard)[0] == pytest.approx(440, abs=5)
    assert pitch(audio.heard(PCMA))[0] == pytest.approx(1000, abs=5)


@pytest.mark.needs("srtp")
async def test_encryption_that_is_only_offered_gives_way_to_a_far_end_without(
    open_line, carrier, watch, audio, tone, pitch
):
    far_end = carrier.play(carrier.reply("200 OK", audio=audio), *carrier.until_bye())
    async with open_line(srtp="offered") as line:
        call = await line.dial(far_end.uri)
        events = watch(call)
        await events.until(Answered)
        heard, _ = await asyncio.gather(take(call, 1.5), audio.play(tone(440, 1.3), PCMA))
        await call.hang_up()
        await events.until(Ended)
        await far_end.finished()
    assert pitch(heard)[0] == pytest.approx(440, abs=5)


@pytest.mark.needs("srtp")
async def test_required_encryption_never_gives_way(open_line, carrier, watch, audio, tone):
    far_end = carrier.play(carrier.reply("200 OK", audio=audio), carrier.expect("ACK"), carrier.expect("BYE"))
    async with open_line(srtp="required") as line:
        call = await line.dial(far_end.uri)
        events = watch(call)
        _, ended = await asyncio.gather(feed_until_ended(call, tone(1000, 0.2)), events.until(Ended, seconds=6))
        await audio.listen(0.5)
        await far_end.finished()
    assert ended.ending.by is EndedBy.STACK
    assert audio.packets == []


async def feed_until_ended(call, pcm):
    """Offer audio for as long as the call lives."""
    while call.ending is None:
        call.write(pcm)
        await asyncio.sleep(0.02)


def their_key(messages):
    """The key in the engine's offer."""
    found = re.search(r"a=crypto:\d+ AES_CM_128_HMAC_SHA1_80 inline:([A-Za-z0-9+/=]+)", messages)
    assert found, "the engine offered no key"
    return base64.b64decode(found[1])
