"""Vosk on a local folder: never a model by language name, because Vosk's own downloader ends the process.

Rates are checked before Vosk sees them (a rate of 0 hangs it). Every channel gets a new recogniser, because one that
has heard other speech adapts to it and gives other text.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypedDict

import vosk

from transcribe.audio import Pcm, require_telephone_audio
from transcribe.errors import EngineUnavailable
from transcribe.models import model_label
from transcribe.recognisers.base import EngineSpec, Utterance, Word
from transcribe.script import tidy
from transcribe.vad import Span, speech_spans

FEED_MS = 200


class _VoskWord(TypedDict):
    word: str
    start: float
    end: float
    conf: float


@dataclass(frozen=True, slots=True)
class _Placed:
    """A span and where it lies in what the recogniser has been fed."""

    span: Span
    fed_ms: int


class VoskRecogniser:
    """A loaded Vosk model."""

    engine = "vosk"

    def __init__(self, spec: EngineSpec) -> None:
        """Load ``spec.path``; EngineUnavailable when the folder is no Vosk model."""
        vosk.SetLogLevel(-1)
        try:
            self._model = vosk.Model(model_path=str(spec.path))
        except Exception as error:  # vosk raises nothing narrower
            raise EngineUnavailable(f"vosk cannot load {spec.path}: {error}; fetch the model again") from error
        self.model = model_label(spec)

    def transcribe(
        self,
        pcm: Pcm,
        rate: int,
        language: str,
        spans: Sequence[Span] | None = None,
        context: str = "",  # noqa: ARG002 - of no use to Vosk
    ) -> list[Utterance]:
        """See ``Recogniser.transcribe``."""
        require_telephone_audio(pcm, rate)
        recogniser = vosk.KaldiRecognizer(self._model, rate)
        recogniser.SetWords(True)
        said: list[Utterance] = []
        fed_ms = 0
        for span in speech_spans(pcm, rate) if spans is None else spans:
            for result in _decode(recogniser, pcm[span.start_ms * rate // 1000 : span.end_ms * rate // 1000], rate):
                said += _utterance(result, _Placed(span, fed_ms), language)
            fed_ms += span.length_ms
        return said


def _decode(recogniser: vosk.KaldiRecognizer, pcm: Pcm, rate: int) -> Iterator[list[_VoskWord]]:
    """The words of each utterance; an utterance closed by the end-point rule never shows up in FinalResult."""
    step = rate * FEED_MS // 1000
    for start in range(0, pcm.size, step):
        if recogniser.AcceptWaveform(pcm[start : start + step].tobytes()):
            yield json.loads(recogniser.Result()).get("result", [])
    yield json.loads(recogniser.FinalResult()).get("result", [])


def _utterance(result: Iterable[_VoskWord], placed: _Placed, language: str) -> Iterator[Utterance]:
    words = tuple(_word(item, placed, language) for item in result)
    text = tidy(" ".join(word.word for word in words), language)
    if text:
        confidence = sum(word.confidence or 0.0 for word in words) / len(words)
        yield Utterance(words[0].start_ms, words[-1].end_ms, text, round(confidence, 3), words)


def _word(item: _VoskWord, placed: _Placed, language: str) -> Word:
    """A word moved from the fed audio, which has no silence in it, to the recording."""
    shift = placed.span.start_ms - placed.fed_ms
    start, end = round(item["start"] * 1000) + shift, round(item["end"] * 1000) + shift
    return Word(tidy(item["word"], language), start, min(end, placed.span.end_ms), round(item["conf"], 3))
