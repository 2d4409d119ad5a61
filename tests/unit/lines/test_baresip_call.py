"""The two roads of news about a call, engine events and SIP messages, in every order they may arrive."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from baresip import AudioNotActive, AudioRestarted, Event, StackEvent
from hypothesis import given
from hypothesis import strategies as st

from core.clock import SimulatedClock
from dialer.lines import baresip_call
from dialer.lines.baresip_call import BaresipCall, StarvedFrames
from dialer.lines.base import CallState, Digit, Ended, EndedBy, KeyDown, Rang
from dialer.lines.sip_messages import SipMessage

pytestmark = pytest.mark.unit


class Engine:
    """An engine call without an engine."""

    call_id = "abc"


class Silent:
    """Audio that is not there."""

    def __init__(self, error):
        self._error = error

    def _refuse(self, *_):
        raise self._error("gone")

    read = write = flush_tx = info = stats = _refuse


def a_call(error=AudioNotActive):
    return BaresipCall(SimulatedClock(datetime(2026, 11, 23, tzinfo=UTC)), Engine(), Silent(error))


def event(kind, text=None):
    return StackEvent(kind, call=1, text=text)


def response(status, *, media=False):
    return SipMessage(True, "abc", "INVITE", status, f"Phrase {status}", (), media)


STORY = [  # (road, news): a call that rings, announces, and is refused
    ("wire", response(100)),
    ("wire", response(180)),
    ("engine", event(Event.CALL_RINGING)),
    ("wire", response(183, media=True)),
    ("engine", event(Event.CALL_PROGRESS)),
    ("wire", response(480)),
    ("engine", event(Event.CALL_CLOSED, "480 Phrase 480")),
]


def told(news, *, released=True):
    """The call after ``news``, and the events a listener heard."""

    async def play():
        call = a_call()
        heard = []
        call.subscribe(heard.append)
        if released:
            call.release()
        for road, item in news:
            (call.sip_message if road == "wire" else call.engine_event)(item)
        if not released:
            call.release()
        await asyncio.sleep(0)
        return call, heard

    return asyncio.run(play())


@given(st.data())
def test_whatever_road_is_slower_the_story_is_the_same(data):
    roads = {"wire": [one for one in STORY if one[0] == "wire"], "engine": [one for one in STORY if one[0] == "engine"]}
    order = data.draw(st.permutations([road for road, _ in STORY]))
    call, heard = told([roads[road].pop(0) for road in order])
    assert [type(one).__name__ for one in heard] == ["Rang", "EarlyMedia", "Ended"]
    assert [one.provisional.status for one in heard[:2]] == [180, 183]
    assert [one.status for one in call.provisionals] == [100, 180, 183]
    assert (call.ending.by, call.ending.status) == (EndedBy.FAR_END, 480)
    assert call.state is CallState.ENDED


def test_events_wait_until_whoever_dialed_could_subscribe():
    _, heard = told(STORY, released=False)
    assert [type(one).__name__ for one in heard] == ["Rang", "EarlyMedia", "Ended"]


def test_an_event_without_its_message_is_told_after_a_while(monkeypatch):
    monkeypatch.setattr(baresip_call, "WITNESS_PATIENCE_S", 0.01)

    async def play():
        call = a_call()
        call.release()
        heard, over = [], asyncio.Event()
        call.subscribe(heard.append)
        call.subscribe(lambda one: over.set() if isinstance(one, Ended) else None)
        call.engine_event(event(Event.CALL_RINGING))
        call.engine_event(event(Event.CALL_CLOSED, "486 Busy Here,Q.850;cause=17"))
        assert heard == []
        async with asyncio.timeout(2):
            await over.wait()
        return call, heard

    call, heard = asyncio.run(play())
    assert isinstance(heard[0], Rang)
    assert (heard[0].provisional.status, heard[0].provisional.phrase) == (180, "")
    assert (call.ending.status, call.ending.reasons) == (486, ("Q.850;cause=17",))


def test_a_key_whose_release_was_lost_is_told_when_the_next_is_pressed():
    keys = [("engine", event(Event.CALL_DTMF_START, key)) for key in "12"] + [("engine", event(Event.CALL_DTMF_END))]
    _, heard = told(keys)
    assert [one.key for one in heard if isinstance(one, Digit)] == ["1", "2"]


def test_a_key_that_is_never_released_is_told_after_a_while(monkeypatch):
    monkeypatch.setattr(baresip_call, "LONGEST_KEY_S", 0.01)

    async def play():
        call = a_call()
        call.release()
        heard, told = [], asyncio.Event()
        call.subscribe(heard.append)
        call.subscribe(lambda one: told.set() if isinstance(one, Digit) else None)
        call.engine_event(event(Event.CALL_DTMF_START, "7"))
        async with asyncio.timeout(2):
            await told.wait()
        call.engine_event(event(Event.CALL_DTMF_END))  # it was only late
        await asyncio.sleep(0)
        return heard

    assert [(type(one), one.key) for one in asyncio.run(play())] == [(KeyDown, "7"), (Digit, "7")]


def test_a_key_that_is_down_when_the_call_ends_is_told_before_the_end():
    _, heard = told([("engine", event(Event.CALL_DTMF_START, "7")), *STORY[-2:]])
    assert [type(one).__name__ for one in heard] == ["KeyDown", "Digit", "Ended"]


def test_a_challenge_that_was_answered_is_not_the_last_word():
    invite = ("wire", SipMessage(False, "abc", "INVITE"))
    news = [invite, ("wire", response(401)), invite, ("wire", response(180)), ("engine", event(Event.CALL_RINGING))]
    cancelled = ("engine", event(Event.CALL_CLOSED, "Rejected by user"))
    call, _ = told([*news, cancelled])
    assert call.ending is None
    call, _ = told([*news, cancelled, ("wire", response(487))])
    assert (call.ending.by, call.ending.status) == (EndedBy.US, 487)


@pytest.mark.parametrize("error", [AudioNotActive, AudioRestarted])
def test_audio_that_is_not_there_raises_nothing(error):
    async def play():
        call = a_call(error)
        call.flush()
        return [call.write(b"\0" * 320) for _ in range(60)], call.read(), call.queued_bytes

    assert asyncio.run(play()) == ([0] * 60, b"", 0)


def test_a_dead_engine_ends_a_call_once():
    async def play():
        call = a_call()
        heard = []
        call.subscribe(heard.append)
        call.engine_died()
        call.engine_died()
        await asyncio.sleep(0)
        return heard

    assert [one.ending.by for one in asyncio.run(play())] == [EndedBy.STACK]


@given(st.lists(st.lists(st.integers(1, 50), min_size=1, max_size=5), max_size=5))
def test_starved_frames_add_up_over_renegotiated_streams(streams):
    counter = StarvedFrames()
    for stream in streams:
        counter.see(0)  # new streams count from nothing
        for value in sorted(stream):
            counter.see(value)
    assert counter.total == sum(max(stream) for stream in streams)
