"""What was asked, word for word: the prompts of the approved script, when it is still the one that was played."""

from __future__ import annotations

from functools import lru_cache

from dialer.tables import Answer, Attempt
from ivr_flows.errors import FlowRefused
from ivr_flows.loader import load_flow
from ivr_flows.merging import JOINED, merge
from ivr_flows.model import Flow


def wording(attempt: Attempt, answer: Answer, company: str) -> str:
    """The text of the question; its name when the script has changed since (another hash) or is not here."""
    flow = _flow(attempt.flow, attempt.language, company)
    step = flow.steps.get(answer.step) if flow and flow.hash == attempt.flow_hash else None
    if flow is None or step is None:
        return answer.question.replace("_", " ")
    said = (flow.prompts[prompt] for prompt in step.prompts)
    return "".join(prompt.text or f"[{prompt.slot}]" for prompt in said)


@lru_cache(maxsize=64)
def _flow(name: str, language: str, company: str) -> Flow | None:
    try:
        return merge([load_flow(part, language, company=company) for part in name.split(JOINED)])
    except (FlowRefused, OSError):
        return None
