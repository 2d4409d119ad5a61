"""Recognisers behind one protocol; the engine's package is imported only when its model is loaded."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Engine:
    """Where an engine's code is and what must be installed for it."""

    module: str  # ours, with a class of the name below
    recogniser: str
    needs: str  # the package it wraps
    install: str


ENGINES = {
    "vosk": Engine("transcribe.recognisers.vosk_engine", "VoskRecogniser", "vosk", "pip install vosk"),
    "whisper": Engine(
        "transcribe.recognisers.whisper_engine",
        "WhisperRecogniser",
        "faster_whisper",
        "pip install 'huifang[whisper]'",
    ),
}
