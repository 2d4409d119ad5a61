"""What was asked, word for word: the prompts of the approved script, when it is still the one that was played."""

from __future__ import annotations

from functools import lru_cache

from dialer.tables import Answer, Attempt
from ivr_flows.errors import FlowRefused
from ivr_flows.loader import load_flow
from ivr_flows.model import Flow


def wording(attempt: Attempt, answer: Answer, company: str) -> str:
    """The text of the question; its name when the script has changed since (another hash) or is not here."""
    flow = _flow(attempt.flow, attempt.language, company)
    step = flow.steps.get(answer.step) if flow and flow.hash == attempt.flow_hash else None
    if flow is None or step is None:
        return answer.question.replace("_", " ")
    return " ".join(flow.prompts[prompt].text for prompt in step.prompts)


@lru_cache(maxsize=64)
def _flow(name: str, language: str, company: str) -> Flow | None:
    try:
        return load_flow(name, language, company=company)
    except (FlowRefused, OSError):
        return None
