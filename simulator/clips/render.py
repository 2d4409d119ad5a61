"""Render the clips of texts.yaml beside it; needs the extra ``voices``. Run: ``python simulator/clips/render.py``.

The FLAC files are kept in the repository, so nobody but the person who changes a text needs a voice.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import soundfile
import yaml

from ivr_flows.kokoro import synthesise

FOLDER = Path(__file__).parent
GAP = np.zeros(4000, dtype=np.int16)


def render(parts: list[dict[str, str]]) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    """The parts of one clip with half a second between them, 8 kHz, about -20 dBFS."""
    spoken = [synthesise(part["text"], part["language"], voice=part.get("voice")) for part in parts]
    return np.concatenate([piece for one in spoken for piece in (GAP, one)][1:])


def main(wanted: set[str]) -> None:
    """Render every clip, or only those named on the command line."""
    texts = yaml.safe_load((FOLDER / "texts.yaml").read_text(encoding="utf-8"))
    for clip, parts in texts.items():
        if not wanted or clip in wanted:
            soundfile.write(FOLDER / f"{clip}.flac", render(parts), 8000, subtype="PCM_16")


if __name__ == "__main__":
    main(set(sys.argv[1:]))
