"""What every engine must report about calls that end in every ordinary way."""

from __future__ import annotations

import pytest

from dialer.lines.base import Answered, CallState, EarlyMedia, Ended, EndedBy, LineError, Rang

pytestmark = pytest.mark.contract


async def test_an_answered_call_that_we_end(open_line, carrier, watch, audio):
    far_end = carrier.play(
        carrier.reply("100 Trying"),
        carrier.reply("180 Ringing"),
        carrier.pause(200),
        carrier.reply("200 OK", audio=audio),
        carrier.expect("ACK"),
        carrier.expect("BYE"),
        carrier.reply("200 OK"),
    )
    async with open_line() as line:
        call = await line.dial(far_end.uri)
        events = watch(call)
        rang = await events.until(Rang)
        await events.until(Answered)
        assert (call.state, call.ending, call.stats) == (CallState.ANSWERED, None, None)
        await call.hang_up()
        ended = await events.until(Ended)
        await far_end.finished()
    assert events.names == ["Rang", "Answered", "Ended"]
    assert [(one.status, one.phrase, one.media) for one in call.provisionals] == [
        (100, "Trying", False),
        (180, "Ringing", False),
    ]
    assert rang.provisional == call.provisionals[1]
    assert (ended.ending.by, ended.ending.status, ended.ending.phrase) == (EndedBy.US, None, "")
    assert call.dialed_at <= rang.provisional.at <= call.answered_at <= ended.ending.at
    assert (call.state, call.ending) == (CallState.ENDED, ended.ending)
    assert call.sip_call_id
    assert call.stats is not None


async def test_an_answered_call_that_the_far_end_ends(open_line, carrier, watch, audio):
    far_end = carrier.play(
        carrier.reply("180 Ringing"),
        carrier.reply("200 OK", audio=audio),
        carrier.expect("ACK"),
        carrier.pause(300),
        carrier.request("BYE", 2, extra='Reason: Q.850;cause=16;text="Normal call clearing"'),
        carrier.expect("200"),
    )
    async with open_line() as line:
        call = await line.dial(far_end.uri)
        ended = await watch(call).until(Ended)
        await far_end.finished()
    assert (ended.ending.by, ended.ending.status) == (EndedBy.FAR_END, None)
    assert ended.ending.reasons == ('Q.850;cause=16;text="Normal call clearing"',)


async def test_an_answer_without_ringing(open_line, carrier, watch, audio):
    far_end = carrier.play(
        carrier.reply("200 OK", audio=audio), carrier.expect("ACK"), carrier.expect("BYE"), carrier.reply("200 OK")
    )
    async with open_line() as line:
        call = await line.dial(far_end.uri)
        events = watch(call)
        await events.until(Answered)
        await call.hang_up()
        await events.until(Ended)
        await far_end.finished()
    assert events.names == ["Answered", "Ended"]
    assert call.provisionals == ()


async def test_session_progress_with_media_and_then_an_answer(open_line, carrier, watch, audio):
    far_end = carrier.play(
        carrier.reply("183 Session Progress", audio=audio),
        carrier.pause(200),
        carrier.reply("200 OK", audio=audio),
        carrier.expect("ACK"),
        carrier.expect("BYE"),
        carrier.reply("200 OK"),
    )
    async with open_line() as line:
        call = await line.dial(far_end.uri)
        events = watch(call)
        early = await events.until(EarlyMedia)
        assert (early.provisional.status, early.provisional.media) == (183, True)
        await events.until(Answered)
        await call.hang_up()
        await events.until(Ended)
        await far_end.finished()
    assert events.names == ["EarlyMedia", "Answered", "Ended"]


async def test_every_provisional_is_kept_with_its_own_status_and_phrase(open_line, carrier, watch, audio):
    far_end = carrier.play(
        carrier.reply("100 Giving a try"),
        carrier.reply("182 Queued, 2nd in line"),
        carrier.reply("180 Ringing", audio=audio),
        carrier.reply("486 Busy Here"),
        carrier.expect("ACK"),
    )
    async with open_line() as line:
        call = await line.dial(far_end.uri)
        events = watch(call)
        await events.until(Ended)
    assert [(one.status, one.phrase, one.media) for one in call.provisionals] == [
        (100, "Giving a try", False),
        (182, "Queued, 2nd in line", False),
        (180, "Ringing", True),
    ]
    assert events.names == ["Rang", "EarlyMedia", "Ended"]


@pytest.mark.parametrize(
    ("status", "phrase", "headers", "reasons"),
    [
        (486, "Busy Here", "", ()),
        (603, "Decline", "", ()),
        (404, "Not Found", 'Reason: Q.850;cause=1;text="No, never"', ('Q.850;cause=1;text="No, never"',)),
        (480, "Gone", "Reason: Q.850;cause=20\nReason: SIP;cause=480", ("Q.850;cause=20", "SIP;cause=480")),
        (480, "无法接通", "Reason: Q.850;cause=19, SIP;cause=480", ("Q.850;cause=19", "SIP;cause=480")),
        (503, "Service Unavailable", "Retry-After: 30", ()),
        (500, "Server Internal Error", "", ()),
    ],
)
async def test_a_refusal_keeps_status_phrase_and_every_reason(
    open_line, carrier, watch, status, phrase, headers, reasons
):
    far_end = carrier.play(
        carrier.reply("100 Trying"), carrier.reply(f"{status} {phrase}", extra=headers), carrier.expect("ACK")
    )
    async with open_line() as line:
        call = await line.dial(far_end.uri)
        ended = await watch(call).until(Ended)
        await far_end.finished()
    assert (ended.ending.by, ended.ending.status, ended.ending.phrase) == (EndedBy.FAR_END, status, phrase)
    assert ended.ending.reasons == reasons
    assert call.answered_at is None


@pytest.mark.parametrize(
    "challenge",
    [
        '401 Unauthorized|WWW-Authenticate: Digest realm="carrier", nonce="n0nce"',
        '407 Proxy Authentication Required|Proxy-Authenticate: Digest realm="carrier", nonce="n0nce"',
    ],
)
async def test_a_challenge_that_our_credentials_do_not_meet_ends_typed(open_line, carrier, watch, challenge):
    line_text, _, header = challenge.partition("|")
    refusal = (carrier.reply(line_text, extra=header), carrier.expect("ACK"))
    far_end = carrier.play(*refusal, *(carrier.expect("INVITE"), *refusal))
    async with open_line() as line:
        call = await line.dial(far_end.uri)
        ended = await watch(call).until(Ended)
    assert (ended.ending.by, ended.ending.status) == (EndedBy.FAR_END, int(line_text[:3]))


async def test_our_cancel_ends_with_487(open_line, carrier, watch):
    far_end = carrier.play(
        carrier.reply("180 Ringing"),
        carrier.expect("CANCEL"),
        carrier.reply("200 OK"),
        carrier.request_terminated(),
        carrier.expect("ACK"),
    )
    async with open_line() as line:
        call = await line.dial(far_end.uri)
        events = watch(call)
        await events.until(Rang)
        await call.hang_up()
        ended = await events.until(Ended)
        await far_end.finished()
    assert (ended.ending.by, ended.ending.status, ended.ending.phrase) == (EndedBy.US, 487, "Request Terminated")


async def test_a_cancel_that_nobody_confirms_ends_soon(open_line, carrier, watch):
    far_end = carrier.play(carrier.reply("180 Ringing"), carrier.expect("CANCEL"), carrier.reply("200 OK"))
    async with open_line() as line:
        call = await line.dial(far_end.uri)
        events = watch(call)
        await events.until(Rang)
        await call.hang_up()
        ended = await events.until(Ended, seconds=4)
    assert (ended.ending.by, ended.ending.status) == (EndedBy.US, None)


async def test_an_answer_that_crosses_our_cancel_is_taken_down_by_bye(open_line, carrier, watch, audio):
    far_end = carrier.play(
        carrier.reply("180 Ringing"),
        carrier.expect("CANCEL"),
        carrier.reply("200 OK"),
        carrier.late_answer(audio),
        carrier.expect("ACK"),
        carrier.expect("BYE"),
        carrier.reply("200 OK"),
    )
    async with open_line() as line:
        call = await line.dial(far_end.uri)
        events = watch(call)
        await events.until(Rang)
        await call.hang_up()
        ended = await events.until(Ended)
        await far_end.finished()
    assert (ended.ending.by, ended.ending.status) == (EndedBy.US, 200)
    assert "Answered" not in events.names


async def test_hanging_up_before_anything_came_back(open_line, carrier, watch):
    far_end = carrier.play(carrier.pause(30000))
    async with open_line() as line:
        call = await line.dial(far_end.uri)
        events = watch(call)
        await call.hang_up()
        ended = await events.until(Ended, seconds=4)
    assert (ended.ending.by, ended.ending.status) == (EndedBy.US, None)


async def test_hanging_up_before_the_first_ring_still_cancels(open_line, carrier, watch):
    far_end = carrier.play(
        carrier.pause(300),
        carrier.reply("180 Ringing"),
        carrier.expect("CANCEL"),
        carrier.reply("200 OK"),
        carrier.request_terminated(),
        carrier.expect("ACK"),
    )
    async with open_line() as line:
        call = await line.dial(far_end.uri)
        events = watch(call)
        await call.hang_up()
        ended = await events.until(Ended, seconds=4)
        await far_end.finished()
    assert (ended.ending.by, ended.ending.status) == (EndedBy.US, 487)


async def test_no_answer_at_all_ends_by_timer_b(open_line, carrier, watch):
    far_end = carrier.play(carrier.pause(59000))
    async with open_line() as line:
        call = await line.dial(far_end.uri)
        ended = await watch(call).until(Ended, seconds=36)
    assert (ended.ending.by, ended.ending.status) == (EndedBy.STACK, None)
    assert ended.ending.cause
    assert 31 <= (ended.ending.at - call.dialed_at).total_seconds() <= 34


async def test_hanging_up_while_nobody_listens_at_the_far_end(open_line, watch, unused_port):
    async with open_line() as line:
        call = await line.dial(f"sip:1@127.0.0.1:{unused_port}")
        events = watch(call)
        await call.hang_up()
        assert (await events.until(Ended)).ending.by is EndedBy.US


async def test_lost_media_ends_an_answered_call(open_line, carrier, watch, audio):
    far_end = carrier.play(
        carrier.reply("200 OK", audio=audio), carrier.expect("ACK"), carrier.expect("BYE"), carrier.reply("200 OK")
    )
    async with open_line(media_timeout_s=1) as line:
        call = await line.dial(far_end.uri)
        events = watch(call)
        await events.until(Answered)
        ended = await events.until(Ended)
    assert (ended.ending.by, ended.ending.status) == (EndedBy.STACK, None)
    assert ended.ending.cause


async def test_a_trunk_over_tcp(open_line, carrier, watch, audio):
    far_end = carrier.play(
        carrier.reply("180 Ringing"),
        carrier.reply("200 OK", audio=audio),
        carrier.expect("ACK"),
        carrier.expect("BYE"),
        carrier.reply("200 OK"),
        transport="tcp",
    )
    async with open_line(transport="tcp") as line:
        call = await line.dial(far_end.uri)
        events = watch(call)
        await events.until(Answered)
        await call.hang_up()
        assert (await events.until(Ended)).ending.by is EndedBy.US
        await far_end.finished()
    assert events.names == ["Rang", "Answered", "Ended"]


async def test_a_trunk_that_refuses_the_connection_is_nobody_s_decision(open_line, watch, unused_port):
    async with open_line(transport="tcp") as line:
        call = await line.dial(f"sip:1@127.0.0.1:{unused_port}")
        ended = await watch(call).until(Ended)
    assert (ended.ending.by, ended.ending.status) == (EndedBy.STACK, None)
    assert "refused" in ended.ending.cause


async def test_a_late_subscriber_learns_of_the_end_at_once(open_line, carrier, watch):
    far_end = carrier.play(carrier.reply("486 Busy Here"), carrier.expect("ACK"))
    async with open_line() as line:
        call = await line.dial(far_end.uri)
        await watch(call).until(Ended)
        late = watch(call)
        assert late.events == [Ended(call.ending)]


async def test_a_dead_call_takes_every_request_quietly(open_line, carrier, watch):
    far_end = carrier.play(carrier.reply("486 Busy Here"), carrier.expect("ACK"))
    async with open_line() as line:
        call = await line.dial(far_end.uri)
        await watch(call).until(Ended)
        assert (call.read(), call.write(b"\0" * 320), call.queued_bytes) == (b"", 0, 0)
        call.flush()
        await call.hang_up()
        await call.send_digits("1")
        with pytest.raises(LineError, match="hold"):
            await call.hold()


async def test_a_failing_listener_harms_nobody(open_line, carrier, watch):
    far_end = carrier.play(carrier.reply("486 Busy Here"), carrier.expect("ACK"))

    def broken(_event):
        raise ZeroDivisionError

    async with open_line() as line:
        call = await line.dial(far_end.uri)
        call.subscribe(broken)
        await watch(call).until(Ended)


async def test_an_unsubscribed_listener_hears_nothing_more(open_line, carrier, watch):
    far_end = carrier.play(carrier.reply("486 Busy Here"), carrier.expect("ACK"))
    heard: list[object] = []
    async with open_line() as line:
        call = await line.dial(far_end.uri)
        call.subscribe(heard.append)()
        await watch(call).until(Ended)
    assert heard == []


async def test_extra_headers_reach_the_far_end(open_line, carrier, watch):
    far_end = carrier.play_if("X-Attempt: 42", carrier.reply("486 Busy Here"), carrier.expect("ACK"))
    async with open_line() as line:
        call = await line.dial(far_end.uri, headers={"X-Attempt": "42"})
        assert (await watch(call).until(Ended)).ending.status == 486
        await far_end.finished()


async def test_closing_the_line_hangs_up_what_lives(open_line, carrier, watch, audio):
    far_end = carrier.play(
        carrier.reply("200 OK", audio=audio), carrier.expect("ACK"), carrier.expect("BYE"), carrier.reply("200 OK")
    )
    async with open_line() as line:
        call = await line.dial(far_end.uri)
        await watch(call).until(Answered)
    assert call.ending is not None
    assert call.ending.by is EndedBy.US
    await far_end.finished()


async def test_a_closed_line_refuses_to_dial(open_line):
    async with open_line() as line:
        pass
    with pytest.raises(LineError, match="start"):
        await line.dial("sip:1@127.0.0.1:5060")
