"""The named checks a flow may use. A flow holds names, never expressions: what they mean is fixed here and tested.

A match check compares keyed digits with a fact of the same name; a condition decides from the facts alone whether a
step concerns this client.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping

from ivr_flows.model import Facts, Flow, Match, Step, all_prompts


def _id_last4(entered: str, facts: Facts) -> bool:
    """The last four of the identity number; the check character X is keyed as a star (C-05)."""
    known = facts.get("id_last4", "").upper().replace("X", "*")
    return len(known) == 4 and hmac.compare_digest(entered.encode(), known.encode())


def _developed_by_marketing(facts: Facts) -> bool:
    """Whether the client was brought in by marketing staff (C-23, C-26..C-29, D-02 c)."""
    return facts.get("developed_by") == "marketing"


MATCHES: Mapping[str, Callable[[str, Facts], bool]] = {"id_last4": _id_last4}
CONDITIONS: Mapping[str, Callable[[Facts], bool]] = {"developed_by_marketing": _developed_by_marketing}

SPOKEN = frozenset({"callback_day", "marketer"})
"""Facts a prompt may speak: the day of the next call (see `speech.day`), the name of the marketing person."""


def applies(step: Step, facts: Facts) -> bool:
    """Whether the step concerns this client: its `when` is absent or holds."""
    return step.when is None or CONDITIONS[step.when](facts)


def missing_facts(flow: Flow, facts: Facts) -> tuple[str, ...]:
    """Facts this flow must compare or speak for this client and that are empty: do not dial while there are any."""
    concerned = [step for step in flow.steps.values() if applies(step, facts)]
    compared = {step.check for step in concerned if isinstance(step, Match)}
    prompts = (flow.prompts[prompt] for step in concerned for prompt in all_prompts(step))
    spoken = {prompt.slot for prompt in prompts if prompt.slot}
    return tuple(sorted(name for name in compared | spoken if not facts.get(name)))
