"""Makes a script ready to be played: the flow in the client's language, his facts, and the audio of every prompt.

Everything slow happens here, before the INVITE: reading files, speaking a name or a day. In the call only memory is
touched.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import replace

from core.errors import HuifangError
from dialer.calling.media import Clip
from dialer.calling.session import Script
from dialer.calling.told import Told
from dialer.calling.versions import Versions
from ivr_flows.checks import asks_of_events, missing_facts
from ivr_flows.errors import VoiceError
from ivr_flows.merging import JOINED, merge
from ivr_flows.model import Facts, Flow, Prompt
from ivr_flows.prompts import Catalogue
from ivr_flows.service import AGENT_OUTCOME, APOLOGY, service_prompts
from ivr_flows.speech import Speaker

SPOKEN_KEPT = 500  # days and names spoken lately, about 10 kB each


class ScriptUnready(HuifangError):
    """Do not dial: complete the client's data; ``missing`` names the facts that the script compares or speaks."""

    def __init__(self, flow: str, missing: tuple[str, ...]) -> None:
        super().__init__(f"flow {flow} needs {', '.join(missing)}: complete the client's data and import it again")
        self.missing = missing


class Scripts:
    """Loads each flow once and makes scripts from it. Used from one worker thread at a time."""

    def __init__(self, catalogue: Catalogue, versions: Versions) -> None:
        """``versions`` tells which version of a script is in force."""
        self._catalogue = catalogue
        self._on_disk = _without_voice(catalogue)
        self._versions = versions
        self._in_force: dict[tuple[str, str], str] = {}
        self._flows: dict[str, Flow] = {}
        self._fixed: dict[tuple[str, str], Clip] = {}
        self._spoken: OrderedDict[tuple[str, str], Clip] = OrderedDict()
        self._service = service_prompts()

    def flow(self, name: str, language: str) -> Flow:
        """The approved flow, or those of a merged call-back (`NAME+NAME`) as one.

        NotApproved when there is none; FlowRefused when it has a fault.
        """
        parts = [self._part(part, language) for part in name.split(JOINED)]
        joined = JOINED.join(part.hash for part in parts)
        if joined not in self._flows:
            self._flows[joined] = merge(parts)
        return self._flows[joined]

    def look_again(self) -> None:
        """Ask anew which versions are in force: somebody may have approved another."""
        self._in_force.clear()

    def _part(self, name: str, language: str) -> Flow:
        key = name, language
        known = self._flows.get(self._in_force.get(key) or self._versions.in_force(name, language))
        flow = known or self._versions.load(name, language)
        self._in_force[key], self._flows[flow.hash] = flow.hash, flow
        return flow

    def _at_hand(self, name: str, language: str) -> Flow | None:
        """The flow, when nothing has to be read for it."""
        versions = [self._in_force.get((part, language), "") for part in name.split(JOINED)]
        return self._flows.get(JOINED.join(versions))

    def asks_of_events(self, name: str, language: str) -> bool:
        """Whether the script needs what only an event brings; True while it has not been read."""
        flow = self._at_hand(name, language)
        return flow is None or asks_of_events(flow)

    def at_once(self, name: str, told: Told) -> Script | None:
        """The same as ``prepare`` when no prompt has to be read and nothing to be spoken for it, else None.

        What was spoken before, as the nightly job does with names, is taken from the disk.
        """
        language = told.client.language
        flow = self._at_hand(name, language)
        if flow is None:
            return None
        facts = told.facts()
        wanted = [prompt for prompt in flow.prompts.values() if _sayable(prompt, facts)]
        wanted += [self._service[language, AGENT_OUTCOME], self._service[language, APOLOGY]]
        if not all(self._kept(prompt, facts) or self._spoken_before(prompt, facts) for prompt in wanted):
            return None
        return self.prepare(name, told)

    def prepare(self, name: str, told: Told) -> Script:
        """The script for one client; ScriptUnready names the facts that it compares or speaks and that are missing."""
        flow, facts, language = self.flow(name, told.client.language), told.facts(), told.client.language
        if missing := missing_facts(flow, facts):
            raise ScriptUnready(name, missing)
        return Script(
            flow=flow,
            facts=facts,
            clips={prompt.id: self._clip(prompt, facts) for prompt in flow.prompts.values() if _sayable(prompt, facts)},
            agent_question=self._clip(self._service[language, AGENT_OUTCOME], facts),
            apology=self._clip(self._service[language, APOLOGY], facts),
        )

    def _clip(self, prompt: Prompt, facts: Facts) -> Clip:
        clip = self._kept(prompt, facts) or self._keep(prompt, facts)
        return clip if clip.prompt == prompt.id else Clip(prompt.id, clip.hash, clip.pcm)

    def _kept(self, prompt: Prompt, facts: Facts) -> Clip | None:
        if prompt.slot:
            return self._spoken.get((prompt.language, facts[prompt.slot]))
        return self._fixed.get((prompt.language, prompt.text))

    def _keep(self, prompt: Prompt, facts: Facts) -> Clip:
        if prompt.slot:
            return self._keep_spoken(prompt, facts, self._catalogue.audio(prompt, facts))
        clip = self._fixed[prompt.language, prompt.text] = _clip(prompt, self._catalogue.audio(prompt))
        return clip

    def _spoken_before(self, prompt: Prompt, facts: Facts) -> Clip | None:
        if not prompt.slot:
            return None
        try:
            return self._keep_spoken(prompt, facts, self._on_disk.audio(prompt, facts))
        except VoiceError:
            return None

    def _keep_spoken(self, prompt: Prompt, facts: Facts, pcm: bytes) -> Clip:
        clip = self._spoken[prompt.language, facts[prompt.slot or ""]] = _clip(prompt, pcm)
        if len(self._spoken) > SPOKEN_KEPT:
            self._spoken.popitem(last=False)
        return clip


def _sayable(prompt: Prompt, facts: Facts) -> bool:
    return not prompt.slot or bool(facts.get(prompt.slot))


def _clip(prompt: Prompt, pcm: bytes) -> Clip:
    return Clip(prompt.id, hashlib.sha256(pcm).hexdigest(), pcm)


def _without_voice(catalogue: Catalogue) -> Catalogue:
    """The same, but nothing is spoken: what no file holds is a VoiceError."""
    speaker = catalogue.speaker
    return replace(catalogue, speaker=replace(speaker, voice=_nobody) if isinstance(speaker, Speaker) else None)


def _nobody(_text: str, _language: str) -> bytes:
    raise VoiceError("this text was not spoken before: prepare the script first")
