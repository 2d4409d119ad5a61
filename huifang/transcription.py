"""The transcription run of one installation: where its audio comes from, and who listens to early media again."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Executor, Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager
from functools import cached_property, partial
from types import TracebackType

import numpy as np

from core.errors import HuifangError
from core.settings import Settings
from dialer.calling.evidence.announcements import Phrases, expected_words, load_phrases
from dialer.calling.hearing import hear
from dialer.calling.shadow import Shadow, judge_answers
from dialer.calling.watching import answer_rules
from huifang.context import Context
from recordings.reading import read_channels
from recordings.tables import Recording
from transcribe.audio import Pcm
from transcribe.choosing import choose
from transcribe.recognisers.base import NoModel
from transcribe.run import TranscriptionRun, one_process
from transcribe.worker import Passage, hear_again_or_die

logger = logging.getLogger(__name__)


class SecondListening(AbstractContextManager["SecondListening"]):
    """Hears audio again with the words of the list in mind, in a worker process that is started with the first clip.

    It may be asked for any audio: without a model, without words of that language, or when the process dies, there are
    no further readings and the first one stands.
    """

    def __init__(
        self, settings: Settings, phrases: Phrases, open_executor: Callable[[], Executor] = one_process
    ) -> None:
        """Nothing is started yet."""
        self._settings = settings
        self._phrases = phrases
        self._open = open_executor

    def __call__(self, pcm: bytes, language: str) -> tuple[str, ...]:
        """The readings of ``pcm`` (8 kHz s16le) in ``language``, the likelier first."""
        words = expected_words(self._phrases, language)
        spec = choose(self._settings, language)
        if not words or isinstance(spec, NoModel):
            return ()
        passage = Passage(spec, language, np.frombuffer(pcm, dtype="<i2").astype(np.int16), words)
        heard = self._submitted(passage)
        error = heard.exception()
        if error is None:
            return heard.result()
        if isinstance(error, BrokenProcessPool):
            self._renew()
        reason = error if isinstance(error, HuifangError) else type(error).__name__
        logger.warning("early media could not be listened to again, its first reading stands: %s", reason)
        return ()

    def _submitted(self, passage: Passage) -> Future[tuple[str, ...]]:
        try:
            return self._executor.submit(hear_again_or_die, passage)
        except BrokenProcessPool:  # its process died while it waited for work
            self._renew()
            return self._executor.submit(hear_again_or_die, passage)

    def _renew(self) -> None:
        self._executor.shutdown(wait=False)
        del self._executor  # the next clip gets a new process

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the worker process."""
        if "_executor" in self.__dict__:
            self._executor.shutdown(wait=True, cancel_futures=True)

    @cached_property
    def _executor(self) -> Executor:
        return self._open()


def hear_early(context: Context) -> int:
    """Judge what was heard before the answer in calls that nobody answered; returns how many were judged."""

    def client_side(recording_id: str) -> bytes:
        return _channels(context, recording_id)[0].tobytes()

    phrases = load_phrases()
    with SecondListening(context.settings, phrases) as again:
        return hear(context.db, client_side, phrases, context.clock, again)


def judge_who_answered(context: Context) -> int:
    """Judge who answered the calls whose recordings are transcribed; returns how many were judged.

    SettingsError when ``dispositions.answer`` is none of its three words.
    """
    rules = answer_rules(context.settings)
    if context.settings.dispositions.answer == "off":
        return 0

    def client_side(recording_id: str, start_ms: int, end_ms: int) -> bytes:
        return _channels(context, recording_id, start_ms, end_ms)[0].tobytes()

    return judge_answers(context.db, Shadow(client_side, load_phrases(), rules))


def transcription(context: Context) -> TranscriptionRun:
    """A run that reads its audio from the archive of ``context``."""
    return TranscriptionRun(context.settings, context.db, context.clock, partial(_channels, context))


def _channels(context: Context, recording_id: str, start_ms: int = 0, end_ms: int | None = None) -> tuple[Pcm, Pcm]:
    with context.db.session() as session:
        recording = session.get_one(Recording, recording_id)
    return read_channels(context.archive, recording, start_ms, end_ms)
