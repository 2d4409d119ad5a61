"""The rules that the tests of pacing start from: those of a new installation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from dialer.calling.pacing import PacingRules

DEFAULTS: dict[str, Any] = {
    "mode": "progressive",
    "epsilon": 0.001,
    "reserve_from": 0.5,
    "unstaffed": "promise",
    "ratio": 1.5,
    "ratio_limit": 3.0,
    "predictive_target": 0.01,
    "abandonment_limit": 0.03,
    "abandonment_days": 30,
    "answer_to_agent_s": 2.0,
    "minimum_sample": 100,
    "history_calls": 5000,
    "history_days": 30,
}


@pytest.fixture(scope="session")
def rules() -> Callable[..., PacingRules]:
    """``rules(mode="ratio")``: the defaults with what is changed."""
    return lambda **changed: PacingRules(**(DEFAULTS | changed))
