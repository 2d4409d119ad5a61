"""Says at run time what is known only in the call: a day, a name. Every text is spoken once and kept on disk.

Both voices run in a process of their own: Kokoro needs half a gigabyte, espeak-ng is a C library, and neither belongs
into the process that holds calls. The text goes through a pipe, never onto a command line, because it may be a name.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numpy as np

from ivr_flows import kokoro
from ivr_flows.errors import VoiceError
from ivr_flows.signal import telephone

Voice = Callable[[str, str], bytes]
"""Text and language to 8 kHz s16le."""

_ESPEAK_VOICES = {"zh-CN": "cmn", "en": "en-us"}
_LONGEST_S = 60
WEEKDAYS = {
    "zh-CN": [f"星期{character}" for character in "一二三四五六日"],
    "en": ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
}
"""Monday first; these texts have committed audio in the scripts' own voice."""

_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]


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
    rate, _, samples = _run("ivr_flows.espeak", _ESPEAK_VOICES[language], text).partition(b"\n")
    if not samples:
        raise VoiceError(f"espeak-ng has no voice for {language}: reinstall espeakng-loader, or record the prompt")
    spoken = np.frombuffer(samples, dtype=np.int16).astype(np.float64) / 32768
    return bytes(telephone(spoken, int(rate)).astype("<i2").tobytes())


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
        _write_whole(path, audio)
        return audio


def _write_whole(path: Path, audio: bytes) -> None:
    """Write beside the target and rename, so that no reader ever sees half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "wb") as file:
        file.write(audio)
    Path(name).replace(path)


def day(when: date, today: date, language: str) -> str:
    """A day as it is spoken; the fact `callback_day` is made with this.

    Within the next six days the weekday says enough (星期二, Tuesday), and its audio is among the committed prompts;
    any other day is said in full (十二月三日,星期四; Thursday, December 3).
    """
    weekday = WEEKDAYS[language][when.weekday()]
    if 0 < (when - today).days < 7:
        return weekday
    if language == "zh-CN":
        return f"{_hanzi(when.month)}月{_hanzi(when.day)}日，{weekday}"
    return f"{weekday}, {_MONTHS[when.month - 1]} {when.day}"


def _hanzi(number: int) -> str:
    """1..31 in Chinese numerals."""
    tens, ones = divmod(number, 10)
    return ("" if not tens else "十" if tens == 1 else f"{_DIGITS[tens]}十") + (_DIGITS[ones] if ones else "")


_DIGITS = "零一二三四五六七八九"
