"""Answers are recognised beside the node: bounded, patient for a while, and never a fault of the call."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Executor, Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import pytest

from core.settings import Settings, Transcribe
from dialer.calling.voice_answers import ListenerRules, Listeners
from ivr_flows.events import Candidate
from ivr_flows.model import VoiceTask
from transcribe.errors import RecogniserError
from transcribe.recognisers.base import EngineSpec

pytestmark = pytest.mark.unit

SPEC = EngineSpec("whisper", "fake", Path("fake"), "model.bin")
TASK = VoiceTask("yes_no", "zh-CN")
YES = (Candidate("是", 0.9),)


def on_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """The test on an event loop of its own."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        asyncio.run(test(*args, **kwargs))

    return run


class Held(Executor):
    """An executor whose work is done when the test says so."""

    def __init__(self, specs: Sequence[EngineSpec]) -> None:
        self.specs = tuple(specs)
        self.asked: list[Future[Any]] = []
        self.broken = self.closed = False

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        if self.broken:
            raise BrokenProcessPool("died")
        self.asked.append(Future())
        return self.asked[-1]

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self.closed = True


class Site:
    """Listeners and the executors that they opened."""

    def __init__(self, **rules: Any) -> None:
        self.opened: list[Held] = []
        self.listeners = Listeners({"zh-CN": SPEC}, ListenerRules(**rules), self._open)

    def _open(self, specs: Sequence[EngineSpec]) -> Held:
        self.opened.append(Held(specs))
        return self.opened[-1]


async def settled(answer: asyncio.Future[tuple[Candidate, ...]]) -> tuple[Candidate, ...]:
    return await asyncio.wait_for(answer, 5)


@on_loop
async def test_an_answer_comes_back_with_its_readings() -> None:
    site = Site(workers=1)
    answer = site.listeners.submit(b"", TASK)
    assert not answer.done()
    site.opened[0].asked[0].set_result(YES)
    assert await settled(answer) == YES
    assert site.listeners.figures.heard == 1
    assert site.opened[0].specs == (SPEC,)


@on_loop
async def test_full_queues_are_counted_and_answer_at_once() -> None:
    site = Site(workers=2, queue=2)
    answers = [site.listeners.submit(b"", TASK) for _ in range(5)]
    assert [len(one.asked) for one in site.opened] == [2, 2]
    assert answers[4].result() == ()
    assert site.listeners.figures.full == 1


@on_loop
async def test_a_late_answer_is_none_and_what_comes_later_changes_nothing() -> None:
    site = Site(workers=1, patience_s=0.0)
    answer = site.listeners.submit(b"", TASK)
    site.opened[0].asked[0].set_running_or_notify_cancel()
    assert await settled(answer) == ()
    site.opened[0].asked[0].set_result(YES)
    await asyncio.sleep(0)
    assert answer.result() == ()
    assert site.listeners.figures.late == 1


@on_loop
async def test_a_worker_that_died_is_replaced(caplog: pytest.LogCaptureFixture) -> None:
    site = Site(workers=1)
    answer = site.listeners.submit(b"", TASK)
    site.opened[0].asked[0].set_exception(BrokenProcessPool("died"))
    assert await settled(answer) == ()
    again = site.listeners.submit(b"", TASK)
    assert len(site.opened) == 2
    site.opened[1].asked[0].set_result(YES)
    assert await settled(again) == YES
    assert site.listeners.figures.failed == 1
    assert "asked for again" in caplog.text


@on_loop
async def test_a_worker_that_died_while_it_waited_is_replaced_at_once() -> None:
    site = Site(workers=1)
    site.listeners.warm()
    site.opened[0].broken = True
    site.listeners.submit(b"", TASK)
    assert len(site.opened[1].asked) == 1


@on_loop
async def test_a_recognisers_fault_is_no_reading(caplog: pytest.LogCaptureFixture) -> None:
    site = Site(workers=1)
    answer = site.listeners.submit(b"", TASK)
    site.opened[0].asked[0].set_exception(RecogniserError("a grammar needs a phrase; give one"))
    assert await settled(answer) == ()
    assert "give one" in caplog.text
    assert len(site.opened) == 1


@on_loop
async def test_a_language_without_a_model_is_not_heard() -> None:
    site = Site()
    assert site.listeners.hears("zh-CN")
    assert not site.listeners.hears("en")
    assert site.listeners.submit(b"", VoiceTask("yes_no", "en")).result() == ()
    assert site.opened == []


@on_loop
async def test_closing_ends_every_worker() -> None:
    site = Site(workers=2)
    site.listeners.warm()
    site.listeners.close()
    assert [one.closed for one in site.opened] == [True, True]


def test_a_site_without_models_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    settings = Settings(transcribe=Transcribe(models=str(tmp_path), engines="whisper"))
    listeners = Listeners.open(settings, ["zh-CN", "zh-CN"])
    assert not listeners.hears("zh-CN")
    assert caplog.text.count("by key alone") == 1
