"""Makes a script ready to be played: the flow in the client's language, his facts, and the audio of every prompt.

Everything slow happens here, before the INVITE: reading files, speaking a name or a day. In the call only memory is
touched.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from datetime import date

from core.errors import HuifangError
from dialer.calling.media import Clip
from dialer.calling.session import Script
from dialer.tables import Client
from ivr_flows.checks import missing_facts
from ivr_flows.loader import load_flow
from ivr_flows.model import Facts, Flow, Prompt
from ivr_flows.prompts import Catalogue
from ivr_flows.service import AGENT_OUTCOME, APOLOGY, service_prompts
from ivr_flows.speech import day

SPOKEN_KEPT = 500  # days and names spoken lately, about 10 kB each


class ScriptUnready(HuifangError):
    """Do not dial: complete the client's data; ``missing`` names the facts that the script compares or speaks."""

    def __init__(self, flow: str, missing: tuple[str, ...]) -> None:
        super().__init__(f"flow {flow} needs {', '.join(missing)}: complete the client's data and import it again")
        self.missing = missing


class Scripts:
    """Loads each flow once and makes scripts from it. Used from one worker thread at a time."""

    def __init__(self, catalogue: Catalogue, companies: Mapping[str, str]) -> None:
        """``companies`` is the firm's name by language, as the greeting says it (C-01)."""
        self._catalogue = catalogue
        self._companies = companies
        self._flows: dict[tuple[str, str], Flow] = {}
        self._fixed: dict[tuple[str, str], Clip] = {}
        self._spoken: OrderedDict[tuple[str, str], Clip] = OrderedDict()
        self._service = service_prompts()

    def flow(self, name: str, language: str) -> Flow:
        """The approved flow; FlowRefused (a HuifangError) when it has a fault."""
        key = (name, language)
        if key not in self._flows:
            company = self._companies[language]
            self._flows[key] = load_flow(name, language, company=company, catalogue=self._catalogue)
        return self._flows[key]

    def at_once(
        self, name: str, client: Client, *, marketer: str | None, callback_day: date, today: date
    ) -> Script | None:
        """The same as ``prepare`` when nothing has to be read or spoken for it, else None."""
        flow = self._flows.get((name, client.language))
        if flow is None:
            return None
        facts = _facts(client, marketer, callback_day, today)
        wanted = [prompt for prompt in flow.prompts.values() if _sayable(prompt, facts)]
        wanted += [self._service[client.language, AGENT_OUTCOME], self._service[client.language, APOLOGY]]
        if any(self._kept(prompt, facts) is None for prompt in wanted):
            return None
        return self.prepare(name, client, marketer=marketer, callback_day=callback_day, today=today)

    def prepare(self, name: str, client: Client, *, marketer: str | None, callback_day: date, today: date) -> Script:
        """The script for one client. ``marketer`` names who developed him, ``callback_day`` is the day to promise.

        ScriptUnready names facts about the client that the flow compares or speaks and that are missing.
        """
        flow = self.flow(name, client.language)
        facts = _facts(client, marketer, callback_day, today)
        if missing := missing_facts(flow, facts):
            raise ScriptUnready(name, missing)
        return Script(
            flow=flow,
            facts=facts,
            clips={prompt.id: self._clip(prompt, facts) for prompt in flow.prompts.values() if _sayable(prompt, facts)},
            agent_question=self._clip(self._service[client.language, AGENT_OUTCOME], facts),
            apology=self._clip(self._service[client.language, APOLOGY], facts),
        )

    def _clip(self, prompt: Prompt, facts: Facts) -> Clip:
        clip = self._kept(prompt, facts) or self._keep(prompt, facts)
        return clip if clip.prompt == prompt.id else Clip(prompt.id, clip.hash, clip.pcm)

    def _kept(self, prompt: Prompt, facts: Facts) -> Clip | None:
        if prompt.slot:
            return self._spoken.get((prompt.language, facts[prompt.slot]))
        return self._fixed.get((prompt.language, prompt.text))

    def _keep(self, prompt: Prompt, facts: Facts) -> Clip:
        if not prompt.slot:
            clip = self._fixed[prompt.language, prompt.text] = _clip(prompt, self._catalogue.audio(prompt))
            return clip
        clip = self._spoken[prompt.language, facts[prompt.slot]] = _clip(prompt, self._catalogue.audio(prompt, facts))
        if len(self._spoken) > SPOKEN_KEPT:
            self._spoken.popitem(last=False)
        return clip


def _facts(client: Client, marketer: str | None, callback_day: date, today: date) -> dict[str, str]:
    return {
        "id_last4": client.id_last4 or "",
        "developed_by": client.developed_by,
        "marketer": marketer or "",
        "callback_day": day(callback_day, today, client.language),
    }


def _sayable(prompt: Prompt, facts: Facts) -> bool:
    return not prompt.slot or bool(facts.get(prompt.slot))


def _clip(prompt: Prompt, pcm: bytes) -> Clip:
    return Clip(prompt.id, hashlib.sha256(pcm).hexdigest(), pcm)
