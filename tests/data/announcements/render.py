"""Render the wordings of wordings.yaml as FLAC beside it; needs the extra ``voices``.

    python tests/data/announcements/render.py            # what is missing
    python tests/data/announcements/render.py busy none  # these classes anew

The five voices take turns with the wordings, so that every class has at least four. Samples are rounded to 12 bits:
finer than the A-law of a telephone line, and half the size. manifest.yaml lists what was made.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
import yaml

from ivr_flows.kokoro import synthesise

FOLDER = Path(__file__).parent
VOICES = ("jm_kumo", "jf_alpha", "jf_gongitsune", "jf_nezumi", "jf_tebukuro")
SPEEDS = {"zh-CN": 0.85, "en": 1.0}
TAKES = {"development": 2, "held_out": 2}
STEP = 16  # 12 of 16 bits


def clips() -> Iterator[dict[str, str]]:
    """Every clip of the corpus: what is said, by whom, and the file it belongs into."""
    splits = yaml.safe_load((FOLDER / "wordings.yaml").read_text(encoding="utf-8"))
    for split, kinds in splits.items():
        for place, (kind, languages) in enumerate(kinds.items()):
            wordings = [(language, text) for language, texts in languages.items() for text in texts]
            for number, (language, text) in enumerate(wordings):
                voice = VOICES[(number + place) % len(VOICES)]
                name = f"{kind}_{split[0]}{number + 1}_{voice}.flac"
                yield {"file": name, "kind": kind, "split": split, "language": language, "voice": voice, "text": text}


def render(clip: dict[str, str]) -> None:
    """Speak one clip into its file."""
    spoken = synthesise(clip["text"], clip["language"], voice=clip["voice"], speed=SPEEDS[clip["language"]])
    rounded = (spoken.astype(np.int32) + STEP // 2) // STEP * STEP
    samples = np.clip(rounded, -32768, 32767 - STEP).astype(np.int16)
    soundfile.write(FOLDER / clip["file"], samples, 8000, subtype="PCM_16")


def main(wanted: set[str]) -> None:
    """Render what is missing, and the classes named on the command line anew; write the manifest."""
    listed = list(clips())
    for clip in listed:
        if clip["kind"] in wanted or not (FOLDER / clip["file"]).exists():
            render(clip)
    text = yaml.safe_dump(listed, allow_unicode=True, sort_keys=False, width=200)
    (FOLDER / "manifest.yaml").write_text(f"# Written by render.py.\n{text}", encoding="utf-8")


if __name__ == "__main__":
    main(set(sys.argv[1:]))
