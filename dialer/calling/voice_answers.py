"""Spoken answers of live calls, recognised in processes beside the node.

The rule of this module: a call never waits for a recogniser and never breaks with one. An answer that finds every queue
full, that takes longer than the client's patience, or whose process dies comes back without a reading, counted, and the
script asks again. Each worker is one process with its models loaded; one that dies is replaced by the next answer.
"""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import signal
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np

from core.errors import HuifangError, SettingsError
from core.settings import Settings
from ivr_flows.events import Candidate
from ivr_flows.model import VoiceTask
from transcribe.choosing import choose
from transcribe.recognisers.answers import AnswerRecogniser, load_answers
from transcribe.recognisers.base import EngineSpec, NoModel
from transcribe.worker import prepare

logger = logging.getLogger(__name__)

Heard = tuple[Candidate, ...]
LANGUAGES = ("zh-CN", "en")
HANGS_S = 15  # after which a recogniser ends its own process


@dataclass(frozen=True, slots=True)
class ListenerRules:
    """How many processes, how many answers may wait for each, and how long a client is made to wait."""

    workers: int = 2
    queue: int = 12
    patience_s: float = 4.0


@dataclass(slots=True)
class ListenerFigures:
    """Answers since the node began; ``full``, ``late`` and ``failed`` came back without a reading."""

    heard: int = 0
    full: int = 0
    late: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class Utterance:
    """What a worker needs: 8 kHz s16le and what may be said in it."""

    pcm: bytes
    task: VoiceTask
    spec: EngineSpec


def hear_here(asked: Utterance) -> Heard:
    """The readings, as a worker process makes them; a recogniser that hangs takes the process with it."""
    signal.alarm(HANGS_S)
    try:
        return _loaded(asked.spec).hear(np.frombuffer(asked.pcm, "<i2"), asked.task)
    finally:
        signal.alarm(0)


def _start(specs: Sequence[EngineSpec]) -> None:
    """A new worker: of ordinary priority, because a client waits, with its models in memory."""
    prepare(0)
    for spec in specs:
        _loaded(spec)


def _ready() -> None:
    """Asked of a new worker, so that it starts."""


@lru_cache(maxsize=4)
def _loaded(spec: EngineSpec) -> AnswerRecogniser:
    return load_answers(spec)


def one_worker(specs: Sequence[EngineSpec]) -> Executor:
    """One process, started afresh, with the models of ``specs``."""
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(1, mp_context=context, initializer=_start, initargs=(tuple(specs),))


@dataclass(slots=True)
class _Worker:
    executor: Executor | None = None
    waiting: set[Future[Heard]] = field(default_factory=set)


class Listeners:
    """The recognisers of a node; for one event loop."""

    def __init__(
        self,
        specs: dict[str, EngineSpec],
        rules: ListenerRules | None = None,
        open_executor: Callable[[Sequence[EngineSpec]], Executor] = one_worker,
    ) -> None:
        """``specs``: the engine of each language. Nothing is started before ``warm`` or the first answer."""
        self.figures = ListenerFigures()
        self._rules = rules or ListenerRules()
        self._specs = specs
        self._open = open_executor
        self._workers = [_Worker() for _ in range(self._rules.workers)]

    @classmethod
    def open(cls, settings: Settings, languages: Iterable[str], rules: ListenerRules | None = None) -> Listeners:
        """For these languages, with the engines of the settings; a language without a model is told and not heard."""
        found = {language: choose(settings, language) for language in dict.fromkeys(languages)}
        for language, spec in found.items():
            if isinstance(spec, NoModel):
                logger.warning("answers in %s are taken by key alone: %s", language, spec.note)
        return cls({name: spec for name, spec in found.items() if not isinstance(spec, NoModel)}, rules)

    def hears(self, language: str) -> bool:
        """Whether answers in ``language`` can be recognised at all."""
        return language in self._specs

    def warm(self) -> list[asyncio.Future[None]]:
        """Start every worker now; the futures are done when their models are loaded, whatever came of it."""
        return [asyncio.wrap_future(self._executor(worker).submit(_ready)) for worker in self._workers if self._specs]

    def submit(self, pcm: bytes, task: VoiceTask) -> asyncio.Future[Heard]:
        """Recognise one utterance (8 kHz s16le); returns at once, and the future never fails: () is no reading."""
        answered: asyncio.Future[Heard] = asyncio.get_running_loop().create_future()
        spec = self._specs.get(task.language)
        worker = min(self._workers, key=lambda one: len(one.waiting))
        if spec is None or len(worker.waiting) >= self._rules.queue:
            self.figures.full += spec is not None
            answered.set_result(())
            return answered
        sent = self._send(worker, Utterance(pcm, replace(task, options=dict(task.options)), spec))
        if sent is None:
            self.figures.failed += 1
            answered.set_result(())
        else:
            self._follow(worker, sent, answered)
        return answered

    def close(self) -> None:
        """End the workers; answers that wait are dropped."""
        for worker in self._workers:
            if worker.executor is not None:
                worker.executor.shutdown(wait=True, cancel_futures=True)
                worker.executor = None

    def _executor(self, worker: _Worker) -> Executor:
        worker.executor = worker.executor or self._open(tuple(self._specs.values()))
        return worker.executor

    def _send(self, worker: _Worker, asked: Utterance) -> Future[Heard] | None:
        for _ in range(2):
            try:
                return self._executor(worker).submit(hear_here, asked)
            except BrokenProcessPool:  # it died while it waited for work
                worker.executor = None
        return None

    def _follow(self, worker: _Worker, sent: Future[Heard], answered: asyncio.Future[Heard]) -> None:
        loop = asyncio.get_running_loop()
        worker.waiting.add(sent)
        timer = loop.call_later(self._rules.patience_s, self._late, sent, answered)

        def done(_: Future[Heard]) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._done, worker, sent, answered, timer)

        sent.add_done_callback(done)

    def _late(self, sent: Future[Heard], answered: asyncio.Future[Heard]) -> None:
        if not answered.done():
            self.figures.late += 1
            sent.cancel()
            answered.set_result(())

    def _done(
        self, worker: _Worker, sent: Future[Heard], answered: asyncio.Future[Heard], timer: asyncio.TimerHandle
    ) -> None:
        worker.waiting.discard(sent)
        timer.cancel()
        error = None if sent.cancelled() else sent.exception()
        if isinstance(error, BrokenProcessPool):
            worker.executor = None
        if error is not None:
            self.figures.failed += 1
            reason = error if isinstance(error, HuifangError) else type(error).__name__
            logger.error("an answer was not recognised, it is asked for again: %s", reason)
        if answered.done():
            return
        heard = () if error is not None or sent.cancelled() else sent.result()
        self.figures.heard += error is None
        answered.set_result(heard)


def listeners(settings: Settings) -> Listeners | None:
    """The recognisers that the settings ask for; None where answers are taken by key alone. SettingsError for a wrong
    word."""
    voice = settings.voice
    if voice.answers not in ("keys", "voice"):
        raise SettingsError(f"voice.answers = {voice.answers!r}: give keys or voice (docs/voice.md)")
    if voice.answers == "keys":
        return None
    rules = ListenerRules(voice.workers, voice.queue, voice.patience_s)
    return Listeners.open(settings, LANGUAGES, rules)
