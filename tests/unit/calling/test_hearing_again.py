"""The second listening of an installation: a worker process that stands in, and the reasons to go without one."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.settings import Settings, Transcribe
from dialer.calling.evidence.announcements import expected_words, load_phrases
from huifang.transcription import SecondListening
from transcribe.errors import EngineUnavailable
from transcribe.worker import Passage

pytestmark = pytest.mark.unit

PHRASES = load_phrases()
PCM = np.arange(800, dtype="<i2").tobytes()
READINGS = ("您拨打的号码是空号", "您拨打的号码")


class FakeExecutor(Executor):
    """Answers at once with what it was given."""

    def __init__(self, answer: object) -> None:
        self._answer = answer
        self.asked: list[Passage] = []
        self.closed = False

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.asked.append(args[0])
        future: Future[Any] = Future()
        if isinstance(self._answer, Exception):
            future.set_exception(self._answer)
        else:
            future.set_result(self._answer)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self.closed = True


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    folder = tmp_path / "whisper-base"
    folder.mkdir(parents=True)
    for name in ("model.bin", "config.json", "tokenizer.json", "vocabulary.txt"):
        (folder / name).write_bytes(b"x")
    return Settings(transcribe=Transcribe(models=str(tmp_path)))


def test_a_worker_hears_the_audio_with_the_words_of_the_list_in_mind(settings: Settings) -> None:
    executor = FakeExecutor(READINGS)
    with SecondListening(settings, PHRASES, lambda: executor) as again:
        assert again(PCM, "zh-CN") == READINGS
    (passage,) = executor.asked
    assert (passage.spec.engine, passage.language) == ("whisper", "zh-CN")
    assert passage.context == expected_words(PHRASES, "zh-CN")
    assert passage.pcm.tobytes() == PCM
    assert executor.closed


def test_one_worker_serves_all_clips(settings: Settings) -> None:
    opened: list[FakeExecutor] = []

    def one_more() -> FakeExecutor:
        opened.append(FakeExecutor(READINGS))
        return opened[-1]

    with SecondListening(settings, PHRASES, one_more) as again:
        assert [again(PCM, "zh-CN"), again(PCM, "en")] == [READINGS, READINGS]
    assert len(opened) == 1


def test_a_worker_that_dies_costs_only_its_readings(settings: Settings) -> None:
    executors = [FakeExecutor(BrokenProcessPool()), FakeExecutor(READINGS)]
    opened = iter(executors)
    with SecondListening(settings, PHRASES, lambda: next(opened)) as again:
        assert again(PCM, "zh-CN") == ()
        assert again(PCM, "zh-CN") == READINGS, "by a new process"
    assert all(executor.closed for executor in executors)


def test_a_worker_that_died_while_it_waited_is_replaced(settings: Settings) -> None:
    class Dead(FakeExecutor):
        def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
            raise BrokenProcessPool

    opened = iter([Dead(()), FakeExecutor(READINGS)])
    with SecondListening(settings, PHRASES, lambda: next(opened)) as again:
        assert again(PCM, "zh-CN") == READINGS


@pytest.mark.parametrize("fault", [EngineUnavailable("no such engine"), RuntimeError("of native code")])
def test_an_engine_that_refuses_costs_only_its_readings(fault: Exception, settings: Settings) -> None:
    refusing = FakeExecutor(fault)
    with SecondListening(settings, PHRASES, lambda: refusing) as again:
        assert again(PCM, "zh-CN") == ()


@pytest.mark.parametrize("language", ["ko", "fr"])
def test_a_language_without_a_list_is_not_listened_to_again(language: str, settings: Settings) -> None:
    with SecondListening(settings, PHRASES, _never) as again:
        assert again(PCM, language) == ()


def test_without_a_model_the_first_reading_stands(tmp_path: Path) -> None:
    with SecondListening(Settings(transcribe=Transcribe(models=str(tmp_path))), PHRASES, _never) as again:
        assert again(PCM, "zh-CN") == ()


def _never() -> Executor:
    raise AssertionError("no worker is needed")
