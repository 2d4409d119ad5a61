"""Short answers with whisper: encoded once, decoded twice, the readings of both weighed against one another.

The rule of this module: two opinions for one answer. The first decoding is free, the second goes on with the words that
may be expected; a reading has the mean of its weights in both, so that neither a word made up by the expectation nor
one that only the free one hears comes out confident. Only 10 s are encoded instead of whisper's 30: four times faster,
and no worse on answers.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from faster_whisper import WhisperModel
from faster_whisper.audio import pad_or_trim
from faster_whisper.tokenizer import Tokenizer

from ivr_flows.events import Candidate
from ivr_flows.model import VoiceTask
from ivr_flows.wordings import wordings
from transcribe.audio import Pcm, at_16_khz, require_telephone_audio
from transcribe.errors import EngineUnavailable
from transcribe.models import model_label
from transcribe.recognisers.answers import MOST, RATE, ranked
from transcribe.recognisers.base import EngineSpec
from transcribe.script import primary, tidy

NO_SPEECH = 0.6  # above this the model itself says nobody spoke
FEWEST_FRAMES = 1000  # of 10 ms; with fewer than these the model hears worse
MOST_FRAMES = 3000
LONGEST_TEXT = 32  # tokens; an answer that needs more is none
FRAME_SAMPLES = 160
_STRIPPED = " .,!?;:。，！？；：、…-—\"'“”‘’()（）"


class WhisperAnswers:
    """A loaded whisper model that hears answers."""

    def __init__(self, spec: EngineSpec) -> None:
        """Load `spec.path`; EngineUnavailable when the folder is no CTranslate2 whisper model."""
        try:
            self._whisper = WhisperModel(
                str(spec.path), device="cpu", compute_type="int8", cpu_threads=1, local_files_only=True
            )
        except (RuntimeError, ValueError, OSError) as error:
            raise EngineUnavailable(f"whisper cannot load {spec.path}: {error}; fetch the model again") from error
        self.model = model_label(spec)

    def hear(self, pcm: Pcm, task: VoiceTask) -> tuple[Candidate, ...]:
        """See `AnswerRecogniser.hear`."""
        require_telephone_audio(pcm, RATE)
        sound = self._whisper.feature_extractor(at_16_khz(pcm, RATE))
        frames = min(MOST_FRAMES, max(FEWEST_FRAMES, math.ceil(pcm.size * 2 / FRAME_SAMPLES)))
        encoded = self._whisper.encode(pad_or_trim(sound, frames))
        free = self._readings(encoded, task, "")
        if free is None:
            return ()
        expected = wordings(task.language).expected.get(task.kind) or _listed(task)
        led = self._readings(encoded, task, expected) if expected else free
        return ranked((text, weight / 2) for text, weight in (*free, *(led or ())))

    def _readings(self, encoded: Any, task: VoiceTask, context: str) -> list[tuple[str, float]] | None:
        """Texts and weights of one decoding; None when the model hears nobody."""
        language = primary(task.language)
        tokenizer = Tokenizer(self._whisper.hf_tokenizer, True, task="transcribe", language=language)
        before = tokenizer.encode(f" {context}") if context else []
        prompt = self._whisper.get_prompt(tokenizer, before, without_timestamps=True)
        found = self._whisper.model.generate(
            encoded,
            [prompt],
            beam_size=MOST,
            num_hypotheses=MOST,
            return_scores=True,
            return_no_speech_prob=True,
            max_length=len(prompt) + LONGEST_TEXT,
        )[0]
        if not context and found.no_speech_prob > NO_SPEECH:
            return None
        texts = (tidy(tokenizer.decode(ids), task.language).strip(_STRIPPED) for ids in found.sequences_ids)
        weights = (float(np.exp(min(0.0, score))) for score in found.scores)
        return [(one.text, one.confidence) for one in ranked(zip(texts, weights, strict=True))]


def _listed(task: VoiceTask) -> str:
    """The phrases of a choice as a list."""
    said = [texts[0] for texts in task.options.values() if texts]
    return ("、" if primary(task.language) == "zh" else ", ").join(said)
