"""Studio recordings: `recorded/<language>/<prompt id>.wav` in the site's folder, and beside it what text it speaks.

A recording is taken in by `take_in`, which checks it, brings it to the telephone's form and writes a note beside it
(`<prompt id>.json`) with the hash of the text that was recorded. When the text has changed since, the recording is
older than its text. A recording that was laid there by hand has no note: nobody can say what it speaks.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

import numpy as np
import soundfile

from ivr_flows.errors import VoiceError
from ivr_flows.files import write_whole
from ivr_flows.model import Prompt
from ivr_flows.signal import RATE, Floats, Pcm, telephone

FOLDER = "recorded"
_SHORTEST_S, _LONGEST_S = 0.3, 120.0
_QUIETEST_DBFS = -45.0
_FULL = 0.999
_CLIPPED_IN_A_ROW = 4


class Standing(StrEnum):
    """What a prompt's studio recording is worth."""

    NONE = "none"
    CURRENT = "current"
    UNPROVEN = "unproven"  # without a note
    OLDER = "older"  # of another text, or with a note that cannot be read


@dataclass(frozen=True, slots=True)
class Note:
    """What is known about a recording. `peak` is the loudest sample of the file as it came, in dBFS."""

    text_hash: str
    recorded_at: datetime
    by: str
    peak: float

    def document(self) -> str:
        """The note as the JSON that stands beside the recording."""
        return json.dumps(asdict(self) | {"recorded_at": self.recorded_at.isoformat()}, ensure_ascii=False, indent=1)


@dataclass(frozen=True, slots=True)
class Taken:
    """A recording that was accepted: where it lies, how long it is (s), its level and peak as it came (dBFS)."""

    path: Path
    seconds: float
    level: float
    peak: float


def recording(site: Path, prompt: Prompt) -> Path:
    """Where the prompt's studio recording is, or would be."""
    return site / FOLDER / prompt.language / f"{prompt.id}.wav"


def note(path: Path) -> Mapping[str, object] | None:
    """The note beside a recording; None without one, empty when it cannot be read."""
    try:
        found = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def standing(site: Path | None, prompt: Prompt, text_hash: str) -> Standing:
    """Whether the prompt has a recording, and whether it speaks the text with this hash."""
    if site is None or not recording(site, prompt).is_file():
        return Standing.NONE
    known = note(recording(site, prompt))
    if known is None:
        return Standing.UNPROVEN
    return Standing.CURRENT if known.get("text_hash") == text_hash else Standing.OLDER


def take_in(file: Path, prompt: Prompt, text_hash: str, site: Path, *, by: str, at: datetime) -> Taken:
    """Check a recording and lay it down as the prompt's own: 8 kHz mono, trimmed, about -20 dBFS, with its note.

    VoiceError says what is wrong with the recording and what to do. Whole or not at all: a call that starts meanwhile
    hears the old one or the new one.
    """
    samples, rate = _read(file)
    heard, peak = telephone(samples, rate), _dbfs(float(np.max(np.abs(samples), initial=0.0)))
    _refuse_what_cannot_be_used(samples, rate, heard)
    path = recording(site, prompt)
    path.with_suffix(".json").unlink(missing_ok=True)  # never the note of one recording beside another
    write_whole(path, lambda target: soundfile.write(target, heard, RATE, format="WAV", subtype="PCM_16"))
    text = Note(text_hash, at, by, round(peak, 1)).document()
    write_whole(path.with_suffix(".json"), lambda target: target.write_text(text, encoding="utf-8"))
    return Taken(path, round(len(heard) / RATE, 2), round(_dbfs(_rms(samples)), 1), round(peak, 1))


def read_studio(path: Path) -> bytes:
    """A studio recording of any rate and channel count as 8 kHz s16le, trimmed and levelled like every prompt."""
    samples, rate = _read(path)
    return bytes(telephone(samples, rate).astype("<i2").tobytes())


def _read(path: Path) -> tuple[Floats, int]:
    try:
        samples, rate = soundfile.read(path, dtype="float64", always_2d=True)
    except soundfile.LibsndfileError as problem:
        raise VoiceError(f"{path.name} cannot be read as sound: give a WAV or FLAC file") from problem
    return samples.mean(axis=1), int(rate)


def _refuse_what_cannot_be_used(samples: Floats, rate: int, heard: Pcm) -> None:
    if rate < RATE:
        raise VoiceError(f"the recording has {rate} samples a second: record at 8000 or more")
    if _rms(samples) == 0.0 or _dbfs(_rms(samples)) < _QUIETEST_DBFS:
        raise VoiceError(f"the recording is silent or too quiet (below {_QUIETEST_DBFS:.0f} dBFS): record it louder")
    if _clipped(samples):
        raise VoiceError("the recording is clipped (samples at full scale in a row): record it with less gain")
    if not _SHORTEST_S <= len(heard) / RATE <= _LONGEST_S:
        raise VoiceError(f"the recording lasts {len(heard) / RATE:.1f} s: it must be {_SHORTEST_S} to {_LONGEST_S} s")


def _clipped(samples: Floats) -> bool:
    """Whether several samples in a row stand at full scale."""
    full = (np.abs(samples) >= _FULL).astype(np.int64)
    return len(full) >= _CLIPPED_IN_A_ROW and bool(
        (np.convolve(full, np.ones(_CLIPPED_IN_A_ROW, dtype=np.int64)) == _CLIPPED_IN_A_ROW).any()
    )


def _rms(samples: Floats) -> float:
    return float(np.sqrt(np.mean(samples**2))) if len(samples) else 0.0


def _dbfs(value: float) -> float:
    return 20 * float(np.log10(max(value, 1e-6)))
