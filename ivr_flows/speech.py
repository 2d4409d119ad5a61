"""Says at run time what is known only in the call: a day, a name. Every text is spoken once and kept on disk.

Both voices run in a process of their own: Kokoro needs half a gigabyte, espeak-ng is a C library, and neither belongs
into the process that holds calls. The text goes through a pipe, never onto a command line, because it may be a name.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ivr_flows import kokoro
from ivr_flows.errors import VoiceError
from ivr_flows.files import write_whole
from ivr_flows.signal import telephone
from ivr_flows.spoken import pieces, plain

Voice = Callable[[str, str], bytes]
"""Text and language to 8 kHz s16le."""

_ESPEAK_VOICES = {"zh-CN": "cmn", "en": "en-us"}
_PINYIN = "cmn-latn-pinyin"  # the voice that reads characters and pinyin mixed
_LONGEST_S = 60


def synthesise(text: str, language: str) -> bytes:
    """Speak `text` ("zh-CN" or "en") as 8 kHz s16le: by Kokoro where the extra `voices` is installed, else espeak-ng.

    Takes seconds with Kokoro (it loads its model each time), milliseconds with espeak-ng; blocks: never call it from an
    event loop. Raises VoiceError when neither can speak.
    """
    return by_kokoro(text, language) if kokoro.available() else by_espeak(text, language)


def by_kokoro(text: str, language: str) -> bytes:
    """The better voice, in a process of its own."""
    return _run("ivr_flows.kokoro", language, text)


def by_espeak(text: str, language: str) -> bytes:
    """The small voice, in a process of its own."""
    rate, _, samples = _run("ivr_flows.espeak", *_for_espeak(text, language)).partition(b"\n")
    if not samples:
        raise VoiceError(f"espeak-ng has no voice for {language}: reinstall espeakng-loader, or record the prompt")
    spoken = np.frombuffer(samples, dtype=np.int16).astype(np.float64) / 32768
    return bytes(telephone(spoken, int(rate)).astype("<i2").tobytes())


def _for_espeak(text: str, language: str) -> tuple[str, str]:
    """Voice and text: a hint stands as pinyin between the characters."""
    found = pieces(text)
    if language != "zh-CN" or not any(hint for _, hint in found):
        return _ESPEAK_VOICES[language], plain(text)
    return _PINYIN, " ".join(hint or piece for piece, hint in found)


def _run(module: str, argument: str, text: str) -> bytes:
    command = [sys.executable, "-m", module, argument]
    try:
        done = subprocess.run(command, input=text.encode(), capture_output=True, timeout=_LONGEST_S, check=True)  # noqa: S603
    except (subprocess.SubprocessError, OSError) as problem:
        raise VoiceError(f"{module} could not speak ({type(problem).__name__}): run `huifang doctor`") from problem
    return done.stdout


@dataclass(frozen=True, slots=True)
class Speaker:
    """Speaks and remembers: one file of 8 kHz s16le per language and text in `cache`, made by `voice`.

    File names are hashes, because a text may be a person's name; the folder is runtime data and may be emptied at any
    time.
    """

    cache: Path
    voice: Voice = field(default=synthesise)

    def say(self, text: str, language: str) -> bytes:
        """The text's audio, from the cache or spoken now. Safe from several threads and processes."""
        path = self.cache / language / f"{hashlib.sha256(text.encode()).hexdigest()[:20]}.s16"
        if path.is_file():
            return path.read_bytes()
        audio = self.voice(text, language)
        write_whole(path, lambda target: target.write_bytes(audio))
        return audio
