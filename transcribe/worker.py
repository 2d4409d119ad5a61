"""What runs inside a worker process: one call's two channels in, its utterances out.

Recognisers are native code that can crash or hang; here they take nothing with them but one transcript's try.
"""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
import threading
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing.connection import wait

from transcribe.audio import Pcm
from transcribe.choosing import load
from transcribe.recognisers.base import EngineSpec, Recogniser, Utterance
from transcribe.recognisers.noise import without_noise
from transcribe.vad import speech_ms, speech_spans

RATE = 8000
NICENESS = 10  # calls come first
BETWEEN_ITEMS = re.compile("[、,]")  # of a list; the Chinese comma ends the list
PATIENCE_S = 120  # a recogniser that needs longer than this plus ...
PATIENCE_FACTOR = 4  # ... this many times the audio's length hangs


@dataclass(frozen=True, slots=True)
class Job:
    """One call to hear; ``client`` and ``firm`` are int16 at 8 kHz."""

    spec: EngineSpec
    language: str
    client: Pcm
    firm: Pcm


@dataclass(frozen=True, slots=True)
class Passage:
    """One channel to hear once more; ``context`` is text that may have gone before (``Recogniser.transcribe``)."""

    spec: EngineSpec
    language: str
    pcm: Pcm
    context: str


@dataclass(frozen=True, slots=True)
class Heard:
    """What was heard on both channels."""

    engine: str
    model: str
    audio_ms: int  # both channels together
    speech_ms: int
    client: tuple[Utterance, ...]
    firm: tuple[Utterance, ...]


def prepare(niceness: int = NICENESS) -> None:
    """Make this process a good worker: low priority, stopped by its parent only, and gone when the parent is gone."""
    os.nice(niceness)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_follow_parent, name="follow-parent", daemon=True).start()


def hear_or_die(job: Job, patience_s: int = PATIENCE_S) -> Heard:
    """``hear``, but a recogniser that hangs takes the process with it, even out of native code."""
    signal.alarm(patience_s + PATIENCE_FACTOR * (job.client.size + job.firm.size) // RATE)
    try:
        return hear(job)
    finally:
        signal.alarm(0)


def hear(job: Job) -> Heard:
    """Recognise both channels of one call; RecogniserError when the audio or the engine is not usable."""
    recogniser = _loaded(job.spec)
    client, client_ms = _channel(recogniser, job.client, job.language)
    firm, firm_ms = _channel(recogniser, job.firm, job.language)
    return Heard(
        engine=recogniser.engine,
        model=recogniser.model,
        audio_ms=(job.client.size + job.firm.size) * 1000 // RATE,
        speech_ms=client_ms + firm_ms,
        client=client,
        firm=firm,
    )


def words_of(spec: EngineSpec, language: str, pcm: Pcm) -> str:
    """The words of one channel in one line; errors as of ``hear``."""
    utterances, _ = _channel(_loaded(spec), pcm, language)
    return " ".join(one.text for one in utterances)


def hear_again_or_die(passage: Passage, patience_s: int = PATIENCE_S) -> tuple[str, ...]:
    """``hear_again`` with the limit of ``hear_or_die``."""
    signal.alarm(patience_s + PATIENCE_FACTOR * passage.pcm.size // RATE)
    try:
        return hear_again(passage)
    finally:
        signal.alarm(0)


def hear_again(passage: Passage) -> tuple[str, ...]:
    """Two more readings of the same audio: as it is, and without its steady noise; errors as of ``hear``.

    The context makes a recogniser readier to hear its words, also where they were not said: these are readings to
    compare with a list, not a transcript to keep. One that repeats the context is left out (``repeats``).
    """
    recogniser = _loaded(passage.spec)
    readings = [_reading(recogniser, passage, pcm) for pcm in (passage.pcm, without_noise(passage.pcm))]
    return tuple(text for text in readings if not repeats(text, passage.context))


def _reading(recogniser: Recogniser, passage: Passage, pcm: Pcm) -> str:
    spans = speech_spans(pcm, RATE)
    said = recogniser.transcribe(pcm, RATE, passage.language, spans, context=passage.context)
    return " ".join(one.text for one in said)


def repeats(text: str, context: str) -> bool:
    """Whether ``text`` is a part of ``context``, or says two of its items in one breath.

    A recogniser that understands nothing goes on with the list that it was given; nobody else speaks like that.
    """
    said, items = _letters(text), [_letters(item) for item in BETWEEN_ITEMS.split(context)]
    return said in _letters(context) or any(one + other in said for one in items for other in items if one and other)


def _letters(text: str) -> str:
    return "".join(char for char in text.lower() if char.isalnum())


def _channel(recogniser: Recogniser, pcm: Pcm, language: str) -> tuple[tuple[Utterance, ...], int]:
    spans = speech_spans(pcm, RATE)
    return tuple(recogniser.transcribe(pcm, RATE, language, spans)), speech_ms(spans)


@lru_cache(maxsize=2)
def _loaded(spec: EngineSpec) -> Recogniser:
    return load(spec)


def _follow_parent() -> None:
    """A killed parent cannot stop its workers, and they would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
