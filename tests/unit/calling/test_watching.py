"""Who answers a live call: looked at in another process, and never at the cost of a person."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor, Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf

from core.errors import HuifangError, SettingsError
from core.settings import Settings
from dialer.calling.evidence.announcements import load_phrases
from dialer.calling.evidence.answering import Answer, AnswerRules, AnswerVerdict
from dialer.calling.voice import VoiceDetector
from dialer.calling.watching import ENOUGH_MS, FIRST_MS, MOST_LOOKS, QUIET_MS, Look, Seen, Watch, Watches, look, watches
from transcribe.recognisers.base import EngineSpec

pytestmark = pytest.mark.unit

SPEECH = Path(__file__).parents[2] / "data" / "speech" / "en_librispeech_1995.8k_alaw.wav"
SPEC = EngineSpec("whisper", "base", Path("models"), "model.bin")
RULES = AnswerRules()
FRAME = bytes(320)
MAILBOX = AnswerVerdict(Answer.VOICEMAIL, 0.9, 2000, "announcement")
PERSON = AnswerVerdict(Answer.PERSON, 0.8, 900, "a greeting and a wait")


def voice(milliseconds: int) -> bytes:
    """Somebody who speaks without a pause from the first moment on."""
    pcm, _ = sf.read(SPEECH, dtype="int16")
    loud = np.flatnonzero(np.abs(pcm.astype(int)) > 2000)[0]
    return np.asarray(pcm[loud : loud + milliseconds * 8]).astype("<i2").tobytes()


def on_a_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run an asynchronous test."""

    @wraps(test)
    def run(*given: Any, **named: Any) -> None:
        asyncio.run(test(*given, **named))

    return run


class Reader:
    """Reads the same words in everything, and keeps how long the sounds were."""

    def __init__(self, words: str) -> None:
        self.words = words
        self.asked: list[int] = []

    def __call__(self, spec: EngineSpec, language: str, pcm: Any) -> str:
        self.asked.append(len(pcm) // 8)
        return self.words


def looked(pcm: bytes, reader: Reader, spec: EngineSpec | None = SPEC) -> Seen:
    return look(Look(pcm, "zh-CN", spec, RULES), load_phrases(), VoiceDetector(), reader)


def test_a_mailbox_is_read_once_it_has_said_enough() -> None:
    reader = Reader("您好这里是语音信箱请留言")
    short = looked(voice(1000), reader)
    assert (short.verdict, reader.asked) == (None, [])
    assert short.again_ms is not None
    assert ENOUGH_MS <= short.again_ms <= ENOUGH_MS + 300
    found = looked(voice(2200), reader)
    assert found.verdict is not None
    assert (found.verdict.kind, found.again_ms) == (Answer.VOICEMAIL, None)
    assert found.verdict.at_ms <= RULES.decide_ms


def test_who_greets_and_waits_is_a_person_and_nobody_is_asked_for_his_words() -> None:
    reader = Reader("请留言")
    found = looked(voice(700) + bytes(16 * 1500), reader)
    assert found.verdict is not None
    assert (found.verdict.kind, found.again_ms, reader.asked) == (Answer.PERSON, None, [])


def test_silence_is_looked_at_again_and_given_up_at_the_end_of_the_watch() -> None:
    reader = Reader("")
    assert looked(bytes(16 * 1000), reader) == Seen(None, 1000 + QUIET_MS)
    late = looked(bytes(16 * (RULES.watch_ms - 100)), reader)
    assert late.verdict is not None
    assert (late.verdict.kind, late.again_ms) == (Answer.SILENCE, None)


def test_without_a_recogniser_who_speaks_on_is_a_person_in_doubt() -> None:
    found = looked(voice(3500), Reader("请留言"), spec=None)
    assert found.verdict is not None
    assert (found.verdict.kind, found.verdict.confidence) == (Answer.PERSON, RULES.doubt)


class Desk:
    """Takes looks and answers them when the test says so."""

    def __init__(self) -> None:
        self.looks: list[tuple[int, asyncio.Future[Seen]]] = []
        self.busy = False

    def ask(self, pcm: bytes, language: str) -> asyncio.Future[Seen] | None:
        if self.busy:
            return None
        future: asyncio.Future[Seen] = asyncio.get_running_loop().create_future()
        self.looks.append((len(pcm) // 16, future))
        return future


def feed(watch: Watch, milliseconds: int) -> None:
    for _ in range(milliseconds // 20):
        watch.feed(FRAME)


@on_a_loop
async def test_looks_follow_each_other_and_each_new_verdict_is_told_once() -> None:
    desk, told = Desk(), list[AnswerVerdict]()
    watch = Watch("zh-CN", desk.ask)
    watch.begin(told.append)
    feed(watch, 2000)
    assert [at for at, _ in desk.looks] == [FIRST_MS]  # one look at a time
    for number, seen in enumerate((Seen(PERSON, 2400), Seen(PERSON, 2600), Seen(MAILBOX, None))):
        desk.looks[number][1].set_result(seen)
        await asyncio.sleep(0)
        feed(watch, 1000)
    assert told == [PERSON, MAILBOX]
    assert len(desk.looks) == 3


@on_a_loop
async def test_a_busy_worker_is_asked_again_later() -> None:
    desk = Desk()
    watch = Watch("zh-CN", desk.ask)
    watch.begin(lambda _: None)
    desk.busy = True
    feed(watch, FIRST_MS)
    desk.busy = False
    feed(watch, QUIET_MS)
    assert [at for at, _ in desk.looks] == [FIRST_MS + QUIET_MS]


@pytest.mark.parametrize("failure", [BrokenProcessPool("dead"), HuifangError("the model is damaged")])
@on_a_loop
async def test_a_look_that_fails_leaves_a_person(failure: Exception) -> None:
    desk, told = Desk(), list[AnswerVerdict]()
    watch = Watch("zh-CN", desk.ask)
    watch.begin(told.append)
    feed(watch, FIRST_MS)
    desk.looks[0][1].set_exception(failure)
    await asyncio.sleep(0)
    feed(watch, 5000)
    assert (told, len(desk.looks)) == ([], 1)


@on_a_loop
async def test_what_is_found_after_the_end_is_not_told() -> None:
    desk, told = Desk(), list[AnswerVerdict]()
    watch = Watch("zh-CN", desk.ask)
    watch.begin(told.append)
    feed(watch, FIRST_MS)
    watch.close()
    desk.looks[0][1].set_result(Seen(MAILBOX, None))
    await asyncio.sleep(0)
    assert told == []


class Pool(Executor):
    """An executor whose jobs stay open until the test ends them."""

    def __init__(self) -> None:
        self.jobs: list[Future[Any]] = []

    def submit(self, *_: Any, **__: Any) -> Future[Any]:
        self.jobs.append(Future())
        return self.jobs[-1]


@on_a_loop
async def test_only_so_many_looks_wait_and_a_dead_worker_is_replaced(tmp_path: Path) -> None:
    pools: list[Pool] = []

    def open_pool() -> Pool:
        pools.append(Pool())
        return pools[-1]

    settings = Settings(storage=replace(Settings().storage, var=str(tmp_path)))
    here = Watches(settings, open_pool)
    calls = [here.follow("zh-CN") for _ in range(MOST_LOOKS + 2)]
    for call in calls:
        call.begin(lambda _: None)
        feed(call, FIRST_MS)
    assert (len(pools[0].jobs), here.missed) == (MOST_LOOKS, 2)
    for job in pools[0].jobs:
        job.set_exception(BrokenProcessPool("dead"))
    await asyncio.sleep(0.01)
    feed(calls[-1], QUIET_MS)
    assert len(pools) == 2
    here.close()


def test_nobody_is_watched_unless_the_settings_want_it() -> None:
    settings = Settings()
    acting = replace(settings, dispositions=replace(settings.dispositions, answer="act"))
    assert watches(settings) is None
    assert watches(acting) is not None
    with pytest.raises(SettingsError, match="shadow, act or off"):
        watches(replace(settings, dispositions=replace(settings.dispositions, answer="perhaps")))
