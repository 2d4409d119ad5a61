"""Short tones in place of prompts: a whole call lasts seconds, and no text waits for a voice."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import soundfile

from ivr_flows.loader import load_flow
from ivr_flows.service import service_prompts
from ivr_flows.speech import Speaker

RATE = 8000
SHIPPED = ("new_account", "existing_client")
"""The scripts that the tests call with."""


def studio(folder: Path, *, seconds: float = 1.0, flows: Iterable[str] = SHIPPED) -> Path:
    """A site's folder in which every fixed prompt of ``flows`` is recorded as a tone (recordings win over texts)."""
    wanted = {(prompt.language, prompt.id) for prompt in service_prompts().values()}
    for name in flows:
        for language in ("zh-CN", "en"):
            prompts = load_flow(name, language).prompts.values()
            wanted |= {(language, prompt.id) for prompt in prompts if not prompt.slot}
    for language, prompt_id in wanted:
        path = folder / "recorded" / language / f"{prompt_id}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, tone(seconds), RATE, subtype="PCM_16")
    return folder


def spoken(cache: Path, texts: Iterable[str], *, seconds: float = 0.5, language: str = "zh-CN") -> None:
    """Have ``texts`` in the speaker's cache, so that no process is started for them."""
    speaker = Speaker(cache, lambda *_: tone(seconds).astype("<i2").tobytes())
    for text in texts:
        speaker.say(text, language)


def tone(seconds: float) -> np.ndarray:
    """300 Hz, loud enough for every ear."""
    time = np.arange(int(seconds * RATE)) / RATE
    return (3000 * np.sin(2 * np.pi * 300 * time)).astype(np.int16)
