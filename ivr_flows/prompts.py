"""The prompt catalogue: from a prompt to the audio that is played, always 8 kHz, mono, signed 16 bit.

A studio recording of the text (`studio`) wins. Otherwise the audio is the file named by the hash of the text, Ogg
Vorbis or FLAC: in the site's folder (`audio/<language>/`, for another firm's name) or among the committed ones. Because
the name is the hash, a changed text can never be spoken by the old audio; a studio recording that is known to be of
another text is not played either, unless the site wants that. A prompt that is only known in the call is spoken by
`speech.Speaker`.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from ivr_flows import studio
from ivr_flows.errors import VoiceError
from ivr_flows.files import write_whole
from ivr_flows.model import Facts, Flow, Prompt
from ivr_flows.signal import RATE, Pcm
from ivr_flows.speech import Speaker
from ivr_flows.studio import Standing, read_studio

COMMITTED = Path(__file__).parent / "prompts" / "audio"
"""The audio that is part of the source tree, spoken for the demo firm."""
RENDER = "huifang prompts render"
SUFFIXES = (".ogg", ".flac")
_VORBIS_LEVEL = 0.9  # of libsndfile's scale of compression: about 24 kbit/s for speech


def content_hash(language: str, text: str) -> str:
    """The name of a text's audio: the first 20 hex digits of the sha256 of language and text."""
    return hashlib.sha256(f"{language}\n{text}".encode()).hexdigest()[:20]


def prompt_hash(prompt: Prompt) -> str:
    """The content hash of a fixed prompt."""
    return content_hash(prompt.language, prompt.text)


def write_ogg(path: Path, samples: Pcm) -> None:
    """Write a prompt file as Ogg Vorbis (8 kHz mono): a third of the FLAC, and read several times faster than Opus."""

    def write(target: Path) -> None:
        soundfile.write(target, samples, RATE, format="OGG", subtype="VORBIS", compression_level=_VORBIS_LEVEL)

    write_whole(path, write)


def read_audio(path: Path) -> bytes:
    """A prompt file's samples, of either form, as little-endian signed 16 bit."""
    samples, rate = soundfile.read(path, dtype="int16")
    if rate != RATE or samples.ndim != 1:
        raise VoiceError(f"{path} is not 8 kHz mono: render it again with `{RENDER}`")
    return bytes(samples.astype("<i2").tobytes())


def as_heard(pcm: bytes) -> bytes:
    """8 kHz s16le as the client hears it: coded as A-law and decoded again, as a WAV file."""
    line = _wav(np.frombuffer(pcm, "<i2").astype(np.int16), "ALAW")
    heard, _ = soundfile.read(io.BytesIO(line), dtype="int16")
    return _wav(heard, "PCM_16")


def _wav(samples: Pcm, subtype: str) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, RATE, format="WAV", subtype=subtype)
    return file.getvalue()


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Finds the audio of prompts. `site` is the site's own folder; `speaker` says what only the call knows.

    `play_older`: play a studio recording even though it is older than its text.
    """

    site: Path | None = None
    speaker: Speaker | None = None
    play_older: bool = False

    def find(self, prompt: Prompt) -> Path | None:
        """The file that will be played for a fixed prompt, or None when there is none."""
        if self.site and self._recording_counts(prompt):
            return studio.recording(self.site, prompt)
        return self.rendered(prompt.language, prompt.text)

    def rendered(self, language: str, text: str) -> Path | None:
        """The synthesised audio of a text: the site's own, or the committed one."""
        return next((place for place in self._places(language, text) if place.is_file()), None)

    def standing(self, prompt: Prompt) -> Standing:
        """What the prompt's studio recording is worth."""
        return studio.standing(self.site, prompt, prompt_hash(prompt))

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
        return read_studio(path) if path.suffix == ".wav" else read_audio(path)

    def prepare(self, flow: Flow, facts: Facts) -> None:
        """Have every slot of the flow spoken into the cache, so that no client waits for the synthesiser."""
        for prompt in flow.prompts.values():
            if prompt.slot and facts.get(prompt.slot):
                self.audio(prompt, facts)

    def seconds(self, prompt: Prompt, facts: Facts | None = None) -> float:
        """How long the prompt lasts."""
        return len(self.audio(prompt, facts)) / 2 / RATE

    def _recording_counts(self, prompt: Prompt) -> bool:
        standing = self.standing(prompt)
        return standing in {Standing.CURRENT, Standing.UNPROVEN} or (self.play_older and standing is Standing.OLDER)

    def _places(self, language: str, text: str) -> Iterator[Path]:
        name = content_hash(language, text)
        for folder in ([self.site / "audio"] if self.site else []) + [COMMITTED]:
            yield from (folder / language / f"{name}{suffix}" for suffix in SUFFIXES)

    def _spoken(self, prompt: Prompt, text: str) -> bytes:
        known = self.rendered(prompt.language, text)
        if known:
            return read_audio(known)
        if not self.speaker or not text:
            raise VoiceError(f"prompt {prompt.id} needs the fact {prompt.slot} and a speaker: give both")
        return self.speaker.say(text, prompt.language)
