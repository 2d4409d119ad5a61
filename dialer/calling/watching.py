"""Who answers a live call: looked at while it goes on, in a process beside the node.

The rule of this module: a person first. The tick only gathers sound; at chosen moments all that was heard so far goes
to the worker process, which listens to it from the answer on, so that nothing is kept there and a dead process costs
one look. Without a sure sign nothing happens, and a worker that is busy means a look less, never a wait. A recogniser
takes 1.1 to 2 s for a look: it is asked 1.5 s after somebody began to speak, so that it answers within about 3 s.
"""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import signal
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np

from core.errors import HuifangError, SettingsError
from core.settings import Settings
from dialer.calling.evidence.announcements import Phrases, load_phrases
from dialer.calling.evidence.answering import Answer, AnswerJudge, AnswerRules, AnswerVerdict, listen
from dialer.calling.evidence.tones import tones_of
from dialer.calling.voice import VoiceDetector
from dialer.lines.base import SAMPLE_RATE
from transcribe.choosing import choose
from transcribe.recognisers.base import EngineSpec, NoModel
from transcribe.worker import prepare, words_of

logger = logging.getLogger(__name__)

FIRST_MS = 600  # the first look after the answer
QUIET_MS = 400  # between two looks while nobody has spoken
ENOUGH_MS = 1500  # of speech and waiting for a recogniser to make something of
AGAIN_MS = 2500  # between two readings of somebody who speaks on
PATIENCE_S = 30  # for one look, the first of which loads the model
MOST_LOOKS = 3  # that wait for the worker; more would come too late
_BYTES_PER_MS = SAMPLE_RATE * 2 // 1000

Told = Callable[[AnswerVerdict], None]


class Reader(Protocol):
    """Gives the words in a piece of sound (``transcribe.worker.words_of``)."""

    def __call__(self, spec: EngineSpec, language: str, pcm: np.ndarray) -> str:
        """The words, empty when there are none."""
        ...


@dataclass(frozen=True, slots=True)
class Look:
    """What a worker needs: all that was heard since the answer (8 kHz s16le); ``spec`` None: nobody can read it."""

    pcm: bytes
    language: str
    spec: EngineSpec | None
    rules: AnswerRules


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look found, and when to look again (ms since the answer); None: nothing more will be found."""

    verdict: AnswerVerdict | None
    again_ms: int | None


def look(asked: Look, phrases: Phrases, detector: VoiceDetector, read: Reader = words_of) -> Seen:
    """Judge a call that goes on by what was heard so far; ``detector`` is a fresh one. RecogniserError of ``read``."""
    judge = AnswerJudge(phrases, asked.rules)
    listen(judge, detector.hear(asked.pcm), tones_of(asked.pcm))
    if asked.spec is not None and _worth_reading(judge, asked.rules):
        began = judge.began_ms or 0
        judge.text(
            read(asked.spec, asked.language, np.frombuffer(asked.pcm, "<i2")[began * SAMPLE_RATE // 1000 :]), began
        )
    return Seen(judge.verdict, _again(judge, asked.rules))


def _settled(judge: AnswerJudge, rules: AnswerRules) -> bool:
    """A machine, or a person who greeted and waits for us."""
    verdict = judge.verdict
    if verdict is None:
        return False
    return verdict.machine or (verdict.kind is Answer.PERSON and verdict.confidence >= rules.hello)


def _worth_reading(judge: AnswerJudge, rules: AnswerRules) -> bool:
    return not _settled(judge, rules) and judge.at_ms - (judge.began_ms or 0) >= ENOUGH_MS


def _again(judge: AnswerJudge, rules: AnswerRules) -> int | None:
    if _settled(judge, rules):
        return None
    if judge.began_ms is None:
        again = judge.at_ms + QUIET_MS
    elif judge.at_ms - judge.began_ms < ENOUGH_MS:
        again = judge.began_ms + ENOUGH_MS
    else:
        again = judge.at_ms + AGAIN_MS
    return again if again <= rules.watch_ms else None


def look_here(asked: Look) -> Seen:
    """``look`` as a worker process runs it; a recogniser that hangs takes the process with it."""
    signal.alarm(PATIENCE_S)
    try:
        detector = _detector()
        detector.reset()
        return look(asked, _phrases(), detector)
    finally:
        signal.alarm(0)


@lru_cache(maxsize=1)
def _phrases() -> Phrases:
    return load_phrases()


@lru_cache(maxsize=1)
def _detector() -> VoiceDetector:
    return VoiceDetector()


class Watch:
    """One call that is watched; fed by its tick."""

    def __init__(self, language: str, ask: Callable[[bytes, str], asyncio.Future[Seen] | None]) -> None:
        """``ask`` sends off a look; None when the worker is busy."""
        self._language = language
        self._ask = ask
        self._told: Told | None = None
        self._pcm = bytearray()
        self._next_ms: int | None = FIRST_MS
        self._asked: asyncio.Future[Seen] | None = None
        self._last: AnswerVerdict | None = None

    def begin(self, told: Told) -> None:
        """The call is answered; ``told`` hears every new verdict."""
        self._told = told

    def feed(self, heard: bytes) -> None:
        """The next 20 ms of the client's side."""
        if self._next_ms is None:
            return
        self._pcm += heard
        if self._asked is None and len(self._pcm) >= self._next_ms * _BYTES_PER_MS:
            self._send()

    def close(self) -> None:
        """The call is over."""
        self._next_ms, self._told = None, None

    def _send(self) -> None:
        self._asked = self._ask(bytes(self._pcm), self._language)
        if self._asked is None:
            self._next_ms = len(self._pcm) // _BYTES_PER_MS + QUIET_MS
        else:
            self._asked.add_done_callback(self._seen)

    def _seen(self, looked: asyncio.Future[Seen]) -> None:
        self._asked = None
        if looked.cancelled() or looked.exception() is not None or self._told is None:
            self._next_ms = None  # whoever lost the worker has told why
            return
        seen = looked.result()
        self._next_ms = seen.again_ms
        if self._next_ms is None:
            self._pcm.clear()
        if seen.verdict is not None and seen.verdict != self._last:
            self._last = seen.verdict
            self._told(seen.verdict)


def one_worker() -> Executor:
    """One process, started afresh, of ordinary priority: a call waits for what it finds."""
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(1, mp_context=context, initializer=prepare, initargs=(0,))


class Watches:
    """The calls that are watched and the one worker process that looks at them; for one event loop."""

    def __init__(self, settings: Settings, open_executor: Callable[[], Executor] = one_worker) -> None:
        """Nothing is started before the first look."""
        self.missed = 0  # looks that a busy worker was not asked for
        self._settings = settings
        self._rules = answer_rules(settings)
        self._open = open_executor
        self._executor: Executor | None = None
        self._under_way: set[asyncio.Future[Seen]] = set()
        self._specs: dict[str, EngineSpec | None] = {}

    def follow(self, language: str) -> Watch:
        """Watch a call in ``language``."""
        return Watch(language, self._ask)

    async def idle(self) -> None:
        """Until no look is under way and every verdict is told."""
        while self._under_way:
            await asyncio.wait(self._under_way)
            await asyncio.sleep(0)

    def close(self) -> None:
        """End the worker; looks that wait are dropped."""
        if self._executor is not None:
            self._executor.shutdown(wait=True, cancel_futures=True)

    def _ask(self, pcm: bytes, language: str) -> asyncio.Future[Seen] | None:
        if len(self._under_way) >= MOST_LOOKS:
            self.missed += 1
            return None
        spec = self._recogniser(language)
        self._executor = self._executor or self._open()
        try:
            sent = self._executor.submit(look_here, Look(pcm, language, spec, self._rules))
        except BrokenProcessPool:  # it died while it waited for work
            self._executor = self._open()
            sent = self._executor.submit(look_here, Look(pcm, language, spec, self._rules))
        looked = asyncio.wrap_future(sent)
        self._under_way.add(looked)
        looked.add_done_callback(self._looked)
        return looked

    def _recogniser(self, language: str) -> EngineSpec | None:
        if language not in self._specs:
            found = choose(self._settings, language)
            self._specs[language] = None if isinstance(found, NoModel) else found
            if isinstance(found, NoModel):
                logger.warning("who answers in %s is judged by tones and pauses alone: %s", language, found.note)
        return self._specs[language]

    def _looked(self, looked: asyncio.Future[Seen]) -> None:
        self._under_way.discard(looked)
        error = None if looked.cancelled() else looked.exception()
        if isinstance(error, BrokenProcessPool):
            self._executor = None
        if error is not None:
            reason = error if isinstance(error, HuifangError) else type(error).__name__
            logger.error("who answered a call was not judged, it counts as a person: %s", reason)


def answer_rules(settings: Settings) -> AnswerRules:
    """The times of the settings; SettingsError when ``dispositions.answer`` is none of its three words."""
    given = settings.dispositions
    if given.answer not in ("act", "shadow", "off"):
        raise SettingsError(f"dispositions.answer = {given.answer!r}: give shadow, act or off (docs/evidence.md)")
    return AnswerRules(
        decide_ms=given.answer_decide_ms, silence_ms=given.answer_silence_ms, watch_ms=given.answer_watch_ms
    )


def watches(settings: Settings) -> Watches | None:
    """What watches live calls; None unless the settings want somebody to act on it."""
    answer_rules(settings)
    return Watches(settings) if settings.dispositions.answer == "act" else None
