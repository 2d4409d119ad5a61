"""The prompt catalogue: from a prompt to the audio that is played, always 8 kHz, mono, signed 16 bit.

A studio recording `recorded/<language>/<prompt id>.wav` in the site's prompt folder wins. Otherwise the audio is the
file named by the hash of the text: in the site's folder (`audio/<language>/`, for another firm's name) or among the
committed ones. Because the name is the hash, a changed text can never be spoken by the old audio. A prompt that is
only known in the call is spoken by `speech.Speaker`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import soundfile

from ivr_flows.errors import VoiceError
from ivr_flows.model import Facts, Flow, Prompt
from ivr_flows.signal import RATE, Pcm, telephone
from ivr_flows.speech import Speaker

COMMITTED = Path(__file__).parent / "prompts" / "audio"
"""The audio that is part of the source tree, spoken for the demo firm."""
RENDER = "python -m ivr_flows.voices"


def content_hash(language: str, text: str) -> str:
    """The name of a text's audio: the first 20 hex digits of the sha256 of language and text."""
    return hashlib.sha256(f"{language}\n{text}".encode()).hexdigest()[:20]


def write_flac(path: Path, samples: Pcm) -> None:
    """Write a prompt file (8 kHz mono 16-bit FLAC)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, RATE, format="FLAC", subtype="PCM_16")


def read_flac(path: Path) -> bytes:
    """A prompt file's samples as little-endian signed 16 bit."""
    samples, rate = soundfile.read(path, dtype="int16")
    if rate != RATE or samples.ndim != 1:
        raise VoiceError(f"{path} is not 8 kHz mono: render it again with `{RENDER}`")
    return bytes(samples.astype("<i2").tobytes())


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Finds the audio of prompts. `site` is the site's own folder; `speaker` says what only the call knows."""

    site: Path | None = None
    speaker: Speaker | None = None

    def find(self, prompt: Prompt) -> Path | None:
        """The file that will be played for a fixed prompt, or None when there is none."""
        name = f"{content_hash(prompt.language, prompt.text)}.flac"
        places = [COMMITTED / prompt.language / name]
        if self.site:
            recorded = self.site / "recorded" / prompt.language / f"{prompt.id}.wav"
            places = [recorded, self.site / "audio" / prompt.language / name, *places]
        return next((place for place in places if place.is_file()), None)

    def missing(self, flow: Flow) -> list[Prompt]:
        """Fixed prompts of the flow that have no audio."""
        return [prompt for prompt in flow.prompts.values() if not prompt.slot and not self.find(prompt)]

    def audio(self, prompt: Prompt, facts: Facts | None = None) -> bytes:
        """The prompt as 8 kHz s16le. A prompt with a slot needs `facts`, and a speaker that has it prepared or can
        say it.

        Raises VoiceError when there is nothing to play. Fixed prompts take about a millisecond; a slot that is not yet
        in the speaker's cache may take seconds, so call `prepare` before the call is placed.
        """
        if prompt.slot:
            return self._spoken(prompt, (facts or {}).get(prompt.slot, ""))
        path = self.find(prompt)
        if path is None:
            raise VoiceError(f"prompt {prompt.id} ({prompt.language}) has no audio: run `{RENDER}`, or record it")
        return read_studio(path) if path.suffix == ".wav" else read_flac(path)

    def prepare(self, flow: Flow, facts: Facts) -> None:
        """Have every slot of the flow spoken into the cache, so that no client waits for the synthesiser."""
        for prompt in flow.prompts.values():
            if prompt.slot and facts.get(prompt.slot):
                self.audio(prompt, facts)

    def seconds(self, prompt: Prompt, facts: Facts | None = None) -> float:
        """How long the prompt lasts."""
        return len(self.audio(prompt, facts)) / 2 / RATE

    def _spoken(self, prompt: Prompt, text: str) -> bytes:
        known = COMMITTED / prompt.language / f"{content_hash(prompt.language, text)}.flac"
        if known.is_file():
            return read_flac(known)
        if not self.speaker or not text:
            raise VoiceError(f"prompt {prompt.id} needs the fact {prompt.slot} and a speaker: give both")
        return self.speaker.say(text, prompt.language)


def read_studio(path: Path) -> bytes:
    """A studio recording of any rate and channel count as 8 kHz s16le, trimmed and levelled like every prompt."""
    samples, rate = soundfile.read(path, dtype="float64", always_2d=True)
    return telephone(samples.mean(axis=1), rate).astype("<i2").tobytes()
