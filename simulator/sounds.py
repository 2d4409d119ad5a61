"""Clips: 8 kHz mono files and one generated beep, cut into 20 ms G.711 frames once per codec."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import cycle, islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
from aiortp import get_codec

from simulator.errors import TableError

RATE = 8000
FRAME = 160
CLIPS = Path(__file__).parent / "clips"
BEEP = "beep"
TALK = "zh_aishell_0916W0427"
"""The clip of a subscriber who simply talks."""

Samples = npt.NDArray[np.int16]


class ClipStore:
    """The clips of some folders by file name without suffix; later folders win. ``beep`` is generated."""

    def __init__(self, folders: Iterable[Path] = (CLIPS,)) -> None:
        self._paths = {path.stem: path for folder in folders for path in audio_files(folder)}
        self._frames: dict[tuple[str, int], tuple[bytes, ...]] = {}

    def names(self) -> frozenset[str]:
        """Every clip that can be played."""
        return frozenset(self._paths) | {BEEP}

    def frames(self, clip: str, payload_type: int) -> tuple[bytes, ...]:
        """``clip`` as 160-byte G.711 frames, payload type 0 (PCMU) or 8 (PCMA)."""
        key = (clip, payload_type)
        if key not in self._frames:
            self._frames[key] = _encode(self.samples(clip), payload_type)
        return self._frames[key]

    def talk(self, seconds: float, payload_type: int) -> tuple[bytes, ...]:
        """Real speech for so long, as frames."""
        frames = self.frames(TALK, payload_type)
        return tuple(islice(cycle(frames), max(1, round(seconds / 0.02))))

    def samples(self, clip: str) -> Samples:
        """``clip`` as 8 kHz samples; TableError when there is none of that name or it is not 8 kHz mono."""
        if clip == BEEP:
            return beep()
        path = self._paths.get(clip)
        if path is None:
            raise TableError(f"no clip named {clip!r}; there are: {', '.join(sorted(self.names()))}")
        return read_clip(path)


def beep(seconds: float = 0.6, hertz: float = 1000.0) -> Samples:
    """The tone after a voicemail greeting, at -15 dBFS."""
    time = np.arange(int(seconds * RATE)) / RATE
    return np.asarray(np.sin(2 * np.pi * hertz * time) * 8200, dtype=np.int16)


def audio_files(folder: Path) -> list[Path]:
    """The clips of a folder."""
    return sorted(path for path in folder.glob("*") if path.suffix in {".wav", ".flac"})


def read_clip(path: Path) -> Samples:
    """A file as 8 kHz samples; TableError when it is not 8 kHz mono."""
    data, rate = soundfile.read(path, dtype="int16", always_2d=True)
    if rate != RATE or data.shape[1] != 1:
        raise TableError(f"{path}: clips are 8000 Hz mono, this is {rate} Hz, {data.shape[1]} channels; convert it")
    return np.asarray(data[:, 0], dtype=np.int16)


def _encode(samples: Samples, payload_type: int) -> tuple[bytes, ...]:
    padded = np.concatenate([samples, np.zeros(-len(samples) % FRAME, dtype=np.int16)])
    encoded = get_codec(payload_type).encode(padded.astype("<i2").tobytes())
    return tuple(encoded[start : start + FRAME] for start in range(0, len(encoded), FRAME))
