"""faster-whisper on a local folder, int8, one thread: two processes are faster than two threads.

The language is always given (detection costs a third more), no prompt is ever combined with word times (together they
make Mandarin loop), temperature is 0 (the same audio gives the same text), and text that the model itself doubts to
be speech is dropped.

Utterances are packed into passes of the model (``transcribe.packing``). The model may end a pass early and swallow what
is left of it, so a pack of which one span came back with hardly a word is heard again, span by span.

A context is a prompt, without times of words. It makes the model say the words of the prompt where it understands
nothing, so that a pass of which the model is not sure counts as not heard.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from faster_whisper import BatchedInferencePipeline, WhisperModel
from faster_whisper.transcribe import Segment as WhisperSegment

from transcribe.audio import Pcm, at_16_khz, require_telephone_audio
from transcribe.errors import EngineUnavailable
from transcribe.models import model_label
from transcribe.packing import Pack, alone, packs
from transcribe.recognisers.base import EngineSpec, Utterance, Word
from transcribe.script import primary, tidy
from transcribe.vad import Span, speech_spans

NO_SPEECH = 0.6  # above this the model itself says nobody spoke
UNSURE = -1.0  # mean log probability of a token below which whisper's authors throw a pass away; prompted ones only
THINNEST = 1.0  # words a second; below it the model has probably stopped before the end of a pack
PAUSE_MS = 500  # a pause this long ends an utterance
SENTENCE_ENDS = frozenset("。！？!?.；;")


class WhisperRecogniser:
    """A loaded whisper model."""

    engine = "whisper"

    def __init__(self, spec: EngineSpec) -> None:
        """Load ``spec.path``; EngineUnavailable when the folder is no CTranslate2 whisper model."""
        try:
            model = WhisperModel(
                str(spec.path), device="cpu", compute_type="int8", cpu_threads=1, local_files_only=True
            )
        except (RuntimeError, ValueError, OSError) as error:
            raise EngineUnavailable(f"whisper cannot load {spec.path}: {error}; fetch the model again") from error
        self.model = model_label(spec)
        self._pipeline = BatchedInferencePipeline(model)

    def transcribe(
        self, pcm: Pcm, rate: int, language: str, spans: Sequence[Span] | None = None, context: str = ""
    ) -> list[Utterance]:
        """See ``Recogniser.transcribe``."""
        require_telephone_audio(pcm, rate)
        clips = speech_spans(pcm, rate) if spans is None else spans
        if not clips:
            return []
        if context:
            return [said for one in packs(clips) for said in self._recall(pcm, rate, language, one, context)]
        return [said for one in packs(clips) for said in self._hear_pack(pcm, rate, language, one)]

    def _recall(self, pcm: Pcm, rate: int, language: str, pack: Pack, context: str) -> Iterator[Utterance]:
        """One utterance a pack, heard with ``context`` before it."""
        asked = {"initial_prompt": context, "word_timestamps": False}
        for part in self._parts(pcm, rate, language, pack, asked):
            text = tidy(part.text, language)
            if text and part.avg_logprob >= UNSURE:
                yield Utterance(pack.spans[0].start_ms, pack.spans[-1].end_ms, text, _confidence(part), ())

    def _hear_pack(self, pcm: Pcm, rate: int, language: str, pack: Pack) -> list[Utterance]:
        said = self._hear(pcm, rate, language, pack)
        if len(pack.pieces) == 1 or not any(_is_thin(said, span) for span in pack.spans):
            return said
        return [one for span in pack.spans for one in self._hear(pcm, rate, language, alone(span))]

    def _hear(self, pcm: Pcm, rate: int, language: str, pack: Pack) -> list[Utterance]:
        parts = self._parts(pcm, rate, language, pack, {"word_timestamps": True})
        return [said for part in parts for said in utterances(part, language, pack)]

    def _parts(self, pcm: Pcm, rate: int, language: str, pack: Pack, asked: Mapping[str, Any]) -> list[WhisperSegment]:
        """What the model heard in one pass, without what it doubts to be speech."""
        heard, _ = self._pipeline.transcribe(
            at_16_khz(pack.audio(pcm, rate), rate),
            language=primary(language),
            beam_size=5,
            temperature=0.0,
            vad_filter=False,
            clip_timestamps=[{"start": 0.0, "end": pack.length_ms / 1000}],
            **asked,
        )
        return [part for part in heard if part.no_speech_prob <= NO_SPEECH]


def _is_thin(said: Sequence[Utterance], span: Span) -> bool:
    """Whether hardly a word was heard in ``span``."""
    words = sum(len(one.words) for one in said if span.start_ms <= one.start_ms <= span.end_ms)
    return words < THINNEST * span.length_ms / 1000


def utterances(part: WhisperSegment, language: str, pack: Pack) -> Iterator[Utterance]:
    """A coarse whisper segment as utterances, cut at sentence ends and pauses, at their times in the call."""
    confidence = _confidence(part)
    for words in sentences(_words(part, pack)):
        text = tidy("".join(word.word for word in words), language)
        if text:
            shown = tuple(_tidied(word, language) for word in words)
            yield Utterance(words[0].start_ms, words[-1].end_ms, text, confidence, shown)


def sentences(words: Iterable[Word]) -> Iterator[list[Word]]:
    """Words grouped into what is said in one breath."""
    group: list[Word] = []
    for word in words:
        if group and (_ends_sentence(group[-1]) or word.start_ms - group[-1].end_ms >= PAUSE_MS):
            yield group
            group = []
        group.append(word)
    if group:
        yield group


def _confidence(part: WhisperSegment) -> float:
    return round(math.exp(min(0.0, float(part.avg_logprob))), 3)


def _words(part: WhisperSegment, pack: Pack) -> Iterator[Word]:
    for word in part.words or ():
        # the model counts the gap before a word to the word: it belongs to the span in which it ends
        span = pack.piece_at(_ms(word.end) - 1).span
        start, end = max(span.start_ms, pack.restore(_ms(word.start))), pack.restore(_ms(word.end))
        # numpy floats do not go into JSON
        yield Word(word.word, start, max(start, end), round(float(word.probability), 3))


def _ms(seconds: float) -> int:
    return round(float(seconds) * 1000)


def _ends_sentence(word: Word) -> bool:
    return word.word.strip()[-1:] in SENTENCE_ENDS and not word.word.strip()[:-1].isdigit()


def _tidied(word: Word, language: str) -> Word:
    return Word(tidy(word.word, language), word.start_ms, word.end_ms, word.confidence)
