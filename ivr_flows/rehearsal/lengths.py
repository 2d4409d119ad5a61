"""How long prompts last on the virtual clock: as long as their audio, and where there is none, as long as it takes."""

from __future__ import annotations

from dataclasses import dataclass, field

import soundfile

from ivr_flows.model import Facts, Prompt
from ivr_flows.prompts import Catalogue

_MS_A_CHARACTER = {"zh-CN": 220, "en": 70}
_LEAST_MS = 400


@dataclass(frozen=True, slots=True)
class Lengths:
    """Milliseconds by prompt; each audio file is looked at once."""

    catalogue: Catalogue = field(default_factory=Catalogue)
    _known: dict[tuple[str, str, str], int] = field(default_factory=dict, repr=False)

    def ms(self, prompt: Prompt, facts: Facts) -> int:
        """How long it lasts; a spoken fact as long as its text takes to say."""
        if prompt.slot:
            return estimate(facts.get(prompt.slot, ""), prompt.language)
        key = (prompt.language, prompt.id, prompt.text)
        if key not in self._known:
            self._known[key] = self._of_audio(prompt)
        return self._known[key]

    def _of_audio(self, prompt: Prompt) -> int:
        path = self.catalogue.find(prompt)
        if path is None:
            return estimate(prompt.text, prompt.language)
        about = soundfile.info(path)
        return int(about.frames * 1000 / about.samplerate)


def estimate(text: str, language: str) -> int:
    """The time that a calm voice takes for it."""
    return max(_LEAST_MS, len(text) * _MS_A_CHARACTER.get(language, 200))
