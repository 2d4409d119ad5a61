"""The few things the system itself says, outside of every script; their audio is committed like the scripts'."""

from __future__ import annotations

from pathlib import Path

import yaml

from ivr_flows.model import Prompt

AGENT_OUTCOME = "agent_outcome"
APOLOGY = "apology"


def service_prompts() -> dict[tuple[str, str], Prompt]:
    """Every service prompt by (language, id)."""
    texts = yaml.safe_load(Path(__file__).with_name("service.yaml").read_text(encoding="utf-8"))
    return {
        (language, name): Prompt(id=name, language=language, text=text)
        for language, prompts in texts.items()
        for name, text in prompts.items()
    }
