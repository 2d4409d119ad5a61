"""How likely a call is to ask for an agent: from the shape of its script and from what its script's calls did so far.

The rule of this module: pure, and careful where little is known. A script that always leads to an agent needs one for
certain, one without a handoff never; of any other the share is the mean of a Beta distribution that starts at
Beta(1, 1), Laplace's rule of succession: one half without any history, which reserves an agent for every call, and soon
the script's own share. History is kept under the name of the script, in all its languages and versions.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from statistics import fmean, median

from ivr_flows.model import End, Flow, Handoff, targets

PRIOR_ASKED = 1.0
PRIOR_QUIET = 1.0
"""Beta(1, 1): every share is held to be equally likely before the first call."""


class Needs(StrEnum):
    """Whether a script leads to an agent."""

    ALWAYS = "always"
    MAYBE = "maybe"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class FlowHistory:
    """What the newest finished calls of one script did; times in seconds, ``asks`` and ``quiets`` in ascending order.

    ``placed`` counts the INVITEs, ``asks`` runs from the answer to the request for an agent, ``quiets`` from the answer
    to the end of a call that never asked, ``rings`` from the INVITE to the answer, ``handles`` from an agent's joining
    to his leaving. Answers of machines are in it: a voice box that says nothing is led to an agent, too.
    """

    placed: int = 0
    asks: tuple[float, ...] = ()
    quiets: tuple[float, ...] = ()
    rings: tuple[float, ...] = ()
    handles: tuple[float, ...] = ()

    @property
    def answered(self) -> int:
        """How many of the calls were answered."""
        return len(self.asks) + len(self.quiets)

    def chance(self, age_s: float = 0.0) -> float:
        """The chance that a call asks which was answered ``age_s`` ago and has not asked yet.

        Only calls that had lasted so long without asking are compared with, so it falls once the questions are over.
        """
        asked = PRIOR_ASKED + len(self.asks) - bisect_right(self.asks, age_s)
        quiet = PRIOR_QUIET + len(self.quiets) - bisect_right(self.quiets, age_s)
        return asked / (asked + quiet)


NO_HISTORY = FlowHistory()


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is expected of a call of one script that is about to be placed; times in seconds, None when never seen.

    ``chance`` is that of asking for an agent once somebody has answered, ``calls`` how many answered calls it rests on.
    """

    flow: str
    needs: Needs
    chance: float
    calls: int = 0
    answer_rate: float | None = None
    ring_s: float | None = None
    asks_after_s: float | None = None
    handle_s: float | None = None


def needs_of(flow: Flow) -> Needs:
    """Whether the ways through the script lead to an agent: all of them, some, or none."""
    ends, handoffs = _reached(flow)
    if not handoffs:
        return Needs.NEVER
    return Needs.MAYBE if ends else Needs.ALWAYS


def _reached(flow: Flow) -> tuple[bool, bool]:
    """Whether an end is reached without an agent, and whether a handoff is; what follows a handoff does not matter."""
    seen, ahead, ends, handoffs = set[str](), [flow.entry], False, False
    while ahead:
        name = ahead.pop()
        if name in seen:
            continue
        seen.add(name)
        step = flow.steps[name]
        ends |= isinstance(step, End)
        handoffs |= isinstance(step, Handoff)
        ahead += [] if isinstance(step, Handoff) else targets(step).values()
    return ends, handoffs


def chance_of(needs: Needs, history: FlowHistory, age_s: float = 0.0) -> float:
    """The chance that a call of such a script asks for an agent, ``age_s`` after its answer."""
    if needs is Needs.MAYBE:
        return history.chance(age_s)
    return 1.0 if needs is Needs.ALWAYS else 0.0


def forecast(flow: str, needs: Needs, history: FlowHistory = NO_HISTORY) -> Forecast:
    """What is expected of the next call of the script."""
    return Forecast(
        flow,
        needs,
        chance_of(needs, history),
        history.answered,
        history.answered / history.placed if history.placed else None,
        _mean(history.rings),
        median(history.asks) if history.asks else None,
        _mean(history.handles),
    )


def _mean(values: Iterable[float]) -> float | None:
    found = tuple(values)
    return fmean(found) if found else None
