"""Short answers with Vosk, bound to the phrases of the task.

The rule of this module: the grammar is checked and put into the model's own words before Vosk sees it, for a bad one
ends the process and a word the model does not know silently disappears. A phrase with such a word is left out whole.
Every answer gets a recogniser of its own, which with a grammar takes a few milliseconds: one that has heard somebody
else adapts to him.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import vosk

from ivr_flows.events import Candidate
from ivr_flows.model import VoiceTask
from ivr_flows.understanding import phrases_for
from transcribe.audio import Pcm, require_telephone_audio
from transcribe.errors import EngineUnavailable, RecogniserError
from transcribe.models import model_label
from transcribe.recognisers.answers import RATE, checked_grammar, ranked
from transcribe.recognisers.base import EngineSpec
from transcribe.script import primary, tidy

UNKNOWN = "[unk]"  # what a model may have for every other word
LONGEST_WORD = 6  # characters, of a language written without spaces
FEED_SAMPLES = 1600


class VoskAnswers:
    """A loaded Vosk model that hears answers."""

    def __init__(self, spec: EngineSpec) -> None:
        """Load `spec.path`; EngineUnavailable when the folder is no Vosk model."""
        vosk.SetLogLevel(-1)
        try:
            self._vosk = vosk.Model(model_path=str(spec.path))
        except Exception as error:  # vosk raises nothing narrower
            raise EngineUnavailable(f"vosk cannot load {spec.path}: {error}; fetch the model again") from error
        self.model = model_label(spec)
        self._grammar = lru_cache(maxsize=256)(self._made)

    def hear(self, pcm: Pcm, task: VoiceTask) -> tuple[Candidate, ...]:
        """See `AnswerRecogniser.hear`; RecogniserError when the model knows no phrase of the task."""
        require_telephone_audio(pcm, RATE)
        phrases = task.phrases or phrases_for(task.kind, task.language, task.options)
        recogniser = vosk.KaldiRecognizer(self._vosk, RATE, self._grammar(tuple(phrases), task.language))
        recogniser.SetWords(True)
        return ranked(_reading(_words(recogniser, pcm), task.language))

    def _made(self, phrases: Sequence[str], language: str) -> str:
        """The grammar in JSON, of the phrases that the model can hear."""
        known = [said for phrase in checked_grammar(phrases) if (said := self._in_words(phrase, language))]
        if not known:
            raise RecogniserError(f"{self.model} knows none of the {len(phrases)} phrases of a task; give others")
        return json.dumps([*known, UNKNOWN] if self._knows(UNKNOWN) else known, ensure_ascii=False)

    def _in_words(self, phrase: str, language: str) -> str:
        """`phrase` in words of the model; "" when it has a word that the model does not know."""
        cut = _cut(phrase, self._knows) if primary(language) == "zh" else phrase.lower().split()
        return " ".join(cut) if cut and all(self._knows(word) for word in cut) else ""

    def _knows(self, word: str) -> bool:
        return int(self._vosk.vosk_model_find_word(word)) >= 0


def _cut(phrase: str, knows: Any) -> list[str]:
    """Text without spaces, cut into the longest known words from the left."""
    words, at = [], 0
    text = "".join(phrase.split())
    while at < len(text):
        sizes = range(min(LONGEST_WORD, len(text) - at), 1, -1)
        size = next((size for size in sizes if knows(text[at : at + size])), 1)
        words.append(text[at : at + size])
        at += size
    return words


def _words(recogniser: vosk.KaldiRecognizer, pcm: Pcm) -> list[dict[str, Any]]:
    """All words; an utterance closed by the end-point rule never shows up in FinalResult."""
    heard: list[dict[str, Any]] = []
    for start in range(0, pcm.size, FEED_SAMPLES):
        if recogniser.AcceptWaveform(pcm[start : start + FEED_SAMPLES].tobytes()):
            heard += json.loads(recogniser.Result()).get("result", [])
    return heard + list(json.loads(recogniser.FinalResult()).get("result", []))


def _reading(words: Iterable[dict[str, Any]], language: str) -> list[tuple[str, float]]:
    """The one reading of a grammar; as confident as its least certain word."""
    heard = list(words)
    text = tidy(" ".join(str(word["word"]) for word in heard), language)
    return [(text, min(float(word["conf"]) for word in heard))] if heard else []
