"""What a rehearsal is: a client who is told what to press and say, and what must come of it. Frozen values, no I/O.

A reply is what the client does at one question. A scenario names replies by step; its turns, when it has some, come
first and in their order, and wherever no turn is due the client answers as he usually does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from ivr_flows.document import Document
from ivr_flows.events import Candidate
from ivr_flows.model import OutcomeName

Kind = Literal["pass", "failing", "silence", "inconvenient", "wrong_person", "refusal", "wish", "other"]
Place = tuple[str | int, ...]
NONE = "none"
"""Written where no outcome, no follow-up or no value is expected."""
USUAL = "usual"
"""The scenario that nobody writes: the usual answers alone. It must pass."""


@dataclass(frozen=True, slots=True)
class Press:
    """Keys, one after the other; `after_ms` from the end of the prompt to the first of them."""

    keys: str
    after_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Say:
    """Words, by language, as a recogniser would hear them: the best reading first. Other languages say nothing."""

    readings: Mapping[str, tuple[Candidate, ...]]
    after_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Talk:
    """Free speech for so long, at a question that records it."""

    lasts_ms: int
    after_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Quiet:
    """Nothing: the client lets the time run out."""


@dataclass(frozen=True, slots=True)
class Leave:
    """The client hangs up."""

    after_ms: int | None = None


Reply = Press | Say | Talk | Quiet | Leave


@dataclass(frozen=True, slots=True)
class Forbidden:
    """What must not happen, in the turn or in the whole call; empty: nothing is forbidden."""

    stored: tuple[str, ...] = ()
    said: tuple[str, ...] = ()
    at: tuple[str, ...] = ()
    agent: tuple[str, ...] = ()
    """Reasons for ringing an agent, or their codes alone (`wrong_answer`)."""
    outcome: tuple[str, ...] = ()
    follow_up: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Expected:
    """What must come of a turn, or of the whole call. None and empty: it does not matter."""

    at: str | None = None
    said: tuple[str, ...] = ()
    stored: Mapping[str, str | None] = field(default_factory=dict)
    """Question or step -> value (`none`: unanswered); None where any answer will do."""
    read_back: bool | None = None
    within_ms: int | None = None
    agent: str | None = None
    outcome: str | None = None
    follow_up: str | None = None
    reasons: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()
    not_asked: tuple[str, ...] = ()
    lasts_at_most_ms: int | None = None
    never: Forbidden = field(default_factory=Forbidden)


@dataclass(frozen=True, slots=True)
class Turn:
    """One thing that the client does. `at`: not before that step; `during`: while that text is played.

    `reply` None: the usual answer.
    """

    at: str | None
    reply: Reply | None
    during: str | None
    expected: Expected
    place: Place


@dataclass(frozen=True, slots=True)
class AgentPolicy:
    """What happens when an agent is rung, and the outcome that he sets."""

    joins: bool = False
    outcome: OutcomeName | None = None


@dataclass(frozen=True, slots=True)
class Scenario:
    """One call to rehearse."""

    name: str
    kind: Kind
    client: Mapping[str, str]
    answers: Mapping[str, tuple[Reply, ...]]
    """Step -> one reply for each time it is asked; the last one stays."""
    agent: AgentPolicy
    turns: tuple[Turn, ...]
    expected: Expected
    place: Place

    def languages(self, wanted: tuple[str, ...]) -> tuple[str, ...]:
        """Those of `wanted` for which every word that is spoken has been written down."""
        replies = [turn.reply for turn in self.turns]
        replies += [reply for given in self.answers.values() for reply in given]
        said = [reply for reply in replies if isinstance(reply, Say)]
        return tuple(language for language in wanted if all(language in reply.readings for reply in said))


@dataclass(frozen=True, slots=True)
class Rehearsals:
    """All scenarios of one flow, the one that is the usual answers alone among them."""

    flow: str
    scenarios: Mapping[str, Scenario]
    document: Document
