"""Render the wordings of wordings.yaml as FLAC beside it, one file a voice; needs the extra ``voices``.

    python tests/data/answers/render.py

Every wording is said by every voice of its split, at that voice's speed; espeak-ng speaks as the last voice of the
held-out half. Samples are rounded to 12 bits: finer than the A-law of a telephone line, and half the size.
manifest.yaml lists what was made and where in its file it lies (samples at 8 kHz).
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import yaml

from ivr_flows.kokoro import synthesise
from ivr_flows.signal import telephone

FOLDER = Path(__file__).parent
VOICES = {
    "development": (("jm_kumo", 1.0), ("jf_alpha", 0.8)),
    "held_out": (("jf_gongitsune", 0.9), ("jf_nezumi", 0.8), ("jf_tebukuro", 1.0), ("jm_kumo", 0.85), ("espeak", 1.0)),
}
ESPEAK = {"zh-CN": "cmn", "en": "en-us"}
STEP = 16  # 12 of 16 bits


def voices() -> Iterator[tuple[str, str, str, float]]:
    """Split, language, voice and speed of every file."""
    for split, speakers in VOICES.items():
        for language in ESPEAK:
            for voice, speed in speakers:
                yield split, language, voice, speed


def spoken(text: str, language: str, voice: str, speed: float) -> np.ndarray:
    """One wording at 8 kHz."""
    if voice == "espeak":
        command = [sys.executable, "-m", "ivr_flows.espeak", ESPEAK[language]]
        rate, _, samples = subprocess.run(
            command, input=text.encode(), capture_output=True, check=True
        ).stdout.partition(b"\n")
        sound = telephone(np.frombuffer(samples, "<i2").astype(np.float64) / 32768, int(rate))
    else:
        sound = synthesise(text, language, voice=voice, speed=speed)
    rounded = (sound.astype(np.int32) + STEP // 2) // STEP * STEP
    return np.clip(rounded, -32768, 32767 - STEP).astype(np.int16)


def render(
    split: str, language: str, voice: str, speed: float, wordings: dict[str, list[str]]
) -> Iterator[dict[str, Any]]:
    """Write one voice's file; the rows of the manifest."""
    name, parts, place = f"{split}_{language}_{voice}.flac", [], 0
    for value, texts in wordings.items():
        for text in texts:
            parts.append(spoken(text, language, voice, speed))
            row = {"file": name, "split": split, "language": language, "voice": voice, "value": value, "text": text}
            yield row | {"start": place, "end": place + len(parts[-1])}
            place += len(parts[-1])
    soundfile.write(FOLDER / name, np.concatenate(parts), 8000, subtype="PCM_16")


def main() -> None:
    """Render everything; write the manifest."""
    said = yaml.load((FOLDER / "wordings.yaml").read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    listed = [row for one in voices() for row in render(*one, said[one[0]][one[1]])]
    text = yaml.safe_dump(listed, allow_unicode=True, sort_keys=False, width=200)
    (FOLDER / "manifest.yaml").write_text(f"# Written by render.py.\n{text}", encoding="utf-8")


if __name__ == "__main__":
    main()
