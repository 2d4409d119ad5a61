"""Which prompt was heard: known prompts are told apart by how loud they are in each 20 ms.

The node plays a prompt as it is, so its loudness comes through a G.711 line within a fraction of a decibel, while two
different sentences differ by several. What is compared is the end of a prompt (or its beginning, for a subscriber who
interrupts it), at every shift of the frames.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from simulator.errors import TableError
from simulator.sounds import FRAME, Samples, audio_files, read_clip
from simulator.stream import LOUD_RMS

COMPARED = 40
"""Frames of an end that are compared, 0.8 s; a shorter prompt is compared as a whole."""
HALF = COMPARED // 2
HEAD = 15
"""Frames of a beginning, 0.3 s: after so much of it a prompt is recognised."""
LEAST = 8
LOOKS_BACK = 100
SHIFTS = range(0, FRAME, 20)
SLACK = (-2, -1, 0, 1, 2)
ALIKE_DB = 0.8

Levels = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Prompt:
    """The loudness of a prompt at each shift, from its first loud frame to its last."""

    name: str
    shifted: tuple[Levels, ...]


class Voiceprints:
    """Known prompts by name (``zh-CN/greeting``: the file below the folder, without its suffix)."""

    def __init__(self, prompts: dict[str, Samples]) -> None:
        self._prompts = {name: _Prompt(name, _shifted(samples)) for name, samples in prompts.items()}
        self._ends = {name: _ends(prompt.shifted) for name, prompt in self._prompts.items() if prompt.shifted}

    @classmethod
    def of_folder(cls, folder: Path) -> Voiceprints:
        """Every .wav and .flac file (8 kHz mono) of the folder and the folders in it."""
        folders = [folder, *sorted(path for path in folder.iterdir() if path.is_dir())]
        paths = [path for one in folders for path in audio_files(one)]
        return cls({path.relative_to(folder).with_suffix("").as_posix(): read_clip(path) for path in paths})

    def check(self, name: str, place: str) -> str:
        """``name`` when it is known; TableError otherwise."""
        if name not in self._prompts:
            raise TableError(f"{place}: no prompt named {name!r}; put its audio into the table's prompts folder")
        return name

    def ended(self, heard: Sequence[float], only: str = "") -> str | None:
        """The prompt that has just ended in ``heard`` (loudness of each 20 ms, quiet after it), or None.

        A beep, or another short sound, may have come after it. ``only``: nobody else is looked for, which is faster.
        """
        names = [(name, ends) for name, ends in self._ends.items() if not only or name == only]
        levels = _decibels(heard)
        for stop in _stops(levels):
            apart = [(_apart(ends, levels, stop), name) for name, ends in names]
            nearest, name = min(apart, default=(math.inf, ""))
            if nearest < ALIKE_DB:
                return name
        return None

    def begins(self, name: str, heard: Sequence[float]) -> bool:
        """Whether the beginning of that prompt is what was heard last."""
        levels = _decibels(heard)[-HEAD:]
        heads = (shifted[:HEAD] for shifted in self._prompts[name].shifted)
        return any(len(head) == len(levels) and float(np.median(np.abs(head - levels))) < ALIKE_DB for head in heads)


def _shifted(samples: Samples) -> tuple[Levels, ...]:
    return tuple(level for shift in SHIFTS if len(level := _loud_part(samples[shift:])) >= LEAST)


def _loud_part(samples: Samples) -> Levels:
    whole = samples[: len(samples) // FRAME * FRAME].astype(np.float64).reshape(-1, FRAME)
    levels = _decibels(np.sqrt((whole**2).mean(axis=1)))
    loud = np.flatnonzero(levels > 0)
    return levels[loud[0] : loud[-1] + 1] if len(loud) else levels[:0]


def _decibels(heard: Sequence[float] | Levels) -> Levels:
    """Above what counts as quiet; quiet is 0."""
    levels = np.maximum(np.asarray(heard, dtype=np.float64), LOUD_RMS)
    return np.asarray(20 * np.log10(levels / LOUD_RMS), dtype=np.float64)


def _stops(levels: Levels) -> list[int]:
    """Where loud audio stopped (one past its last frame), the latest first, as far back as a beep may be long."""
    loud = np.concatenate([levels > 0, [False]])
    stops = np.flatnonzero(loud[:-1] & ~loud[1:]) + 1
    return [int(stop) for stop in stops[::-1] if stops[-1] - stop <= LOOKS_BACK]


def _ends(shifted: tuple[Levels, ...]) -> Levels:
    """One row for each shift, as long as the shortest."""
    least = min(len(level) for level in shifted)
    return np.array([_padded(level[-least:]) for level in shifted])


def _padded(levels: Levels) -> Levels:
    """The end of it; where a prompt is shorter, nothing is compared."""
    end = levels[-COMPARED:]
    return np.concatenate([np.full(COMPARED - len(end), np.nan), end])


def _window(levels: Levels, stop: int) -> Levels:
    padded = np.concatenate([np.zeros(COMPARED), levels, np.zeros(2)])
    return padded[stop : stop + COMPARED]


def _apart(ends: Levels, levels: Levels, stop: int) -> float:
    """How far an end is from what was heard before ``stop``: both halves of it must be near.

    Each half may be shifted by itself, because a packet may have been lost between them.
    """
    return max(_half_apart(ends, levels, stop, half) for half in (slice(0, HALF), slice(HALF, COMPARED)))


def _half_apart(ends: Levels, levels: Levels, stop: int, half: slice) -> float:
    known = ends[:, half]
    heard = np.array([_window(levels, stop + slack)[half] for slack in SLACK])
    there = np.isfinite(known[0])
    if there.sum() < LEAST:
        return 0.0  # too short a prompt to have this half
    differences = np.abs(known[:, np.newaxis, there] - heard[np.newaxis, :, there])
    return float(np.median(differences, axis=2).min())
