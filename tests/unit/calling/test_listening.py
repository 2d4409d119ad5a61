"""From the sound of the client to the script's events: one utterance a question, and none of the one before."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import cast

import pytest

from dialer.calling.listening import Listening
from dialer.calling.voice import VoiceDetector, Voices
from dialer.calling.voice_answers import Listeners
from ivr_flows.events import Candidate, Event, SpeechBegan, Spoke
from ivr_flows.model import VoiceTask

pytestmark = pytest.mark.unit

TASK = VoiceTask("yes_no", "zh-CN")
VOICE, QUIET = b"\x10\x10" * 160, bytes(320)
YES = (Candidate("是的", 0.9),)


class Loud:
    """A detector for which every sound is a voice."""

    def feed(self, frame: bytes) -> bool:
        return any(frame)


@dataclass
class Room:
    """A call's ear with a recogniser that answers when the test says so."""

    told: list[Event] = field(default_factory=list)
    asked: list[tuple[bytes, VoiceTask, asyncio.Future[tuple[Candidate, ...]]]] = field(default_factory=list)
    given_back: list[object] = field(default_factory=list)
    at_ms: int = 0

    def __post_init__(self) -> None:
        self.ear = Listening(cast("Listeners", self), cast("Voices", self), self.told.append)

    def hears(self, language: str) -> bool:
        return language == "zh-CN"

    def submit(self, pcm: bytes, task: VoiceTask) -> asyncio.Future[tuple[Candidate, ...]]:
        future: asyncio.Future[tuple[Candidate, ...]] = asyncio.get_running_loop().create_future()
        self.asked.append((pcm, task, future))
        return future

    def take(self) -> VoiceDetector:
        return cast("VoiceDetector", Loud())

    def give_back(self, detector: object) -> None:
        self.given_back.append(detector)

    def hear(self, frame: bytes, ms: int) -> None:
        for _ in range(ms // 20):
            self.at_ms += 20
            self.ear.feed(frame, self.at_ms)

    async def understand(self) -> None:
        self.asked[-1][2].set_result(YES)
        await asyncio.sleep(0)


async def _said(room: Room) -> None:
    room.hear(QUIET, 400)
    room.hear(VOICE, 500)
    room.hear(QUIET, 700)


def test_a_word_is_told_when_it_begins_and_when_it_is_understood() -> None:
    async def call() -> Room:
        room = Room()
        room.ear.at(TASK, playing=False)
        await _said(room)
        await room.understand()
        return room

    room = asyncio.run(call())
    began, spoke = room.told
    assert isinstance(began, SpeechBegan)
    assert isinstance(spoke, Spoke)
    assert spoke.candidates == YES
    assert 380 <= began.at_ms <= spoke.start_ms + 40 < spoke.end_ms <= 960
    assert room.asked[0][1] == TASK


def test_nothing_more_is_told_until_it_is_understood() -> None:
    async def call() -> Room:
        room = Room()
        room.ear.at(TASK, playing=False)
        await _said(room)
        await _said(room)
        return room

    room = asyncio.run(call())
    assert [type(event) for event in room.told] == [SpeechBegan]
    assert len(room.asked) == 1


def test_an_answer_is_recognised_while_its_pause_lasts_and_told_after_it() -> None:
    async def call() -> Room:
        room = Room()
        room.ear.at(TASK, playing=False)
        room.hear(VOICE, 500)
        room.hear(QUIET, 300)
        await room.understand()
        assert [type(event) for event in room.told] == [SpeechBegan]
        room.hear(QUIET, 200)
        await asyncio.sleep(0)
        return room

    room = asyncio.run(call())
    assert [type(event) for event in room.told] == [SpeechBegan, Spoke]
    assert len(room.asked) == 1


def test_who_goes_on_after_a_breath_is_recognised_as_a_whole() -> None:
    async def call() -> Room:
        room = Room()
        room.ear.at(TASK, playing=False)
        room.hear(VOICE, 500)
        room.hear(QUIET, 300)
        await room.understand()
        room.hear(VOICE, 500)
        room.hear(QUIET, 700)
        await room.understand()
        return room

    room = asyncio.run(call())
    assert [type(event) for event in room.told] == [SpeechBegan, Spoke]
    assert len(room.asked[-1][0]) > 2 * len(room.asked[0][0])


def test_what_was_said_at_another_question_is_dropped() -> None:
    async def call() -> Room:
        room = Room()
        room.ear.at(TASK, playing=False)
        await _said(room)
        room.ear.at(TASK, playing=True)
        await room.understand()
        return room

    assert [type(event) for event in asyncio.run(call()).told] == [SpeechBegan]


@pytest.mark.parametrize("task", [None, VoiceTask("yes_no", "en")])
def test_where_no_word_is_welcome_or_understood_nobody_listens(task: VoiceTask | None) -> None:
    async def call() -> Room:
        room = Room()
        room.ear.at(task, playing=False)
        await _said(room)
        return room

    assert asyncio.run(call()).told == []


def test_a_call_that_is_over_gives_its_detector_back_and_tells_nothing() -> None:
    async def call() -> Room:
        room = Room()
        room.ear.at(TASK, playing=False)
        await _said(room)
        room.ear.close()
        await room.understand()
        return room

    room = asyncio.run(call())
    assert [type(event) for event in room.told] == [SpeechBegan]
    assert len(room.given_back) == 1
