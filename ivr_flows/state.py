"""Where a call stands in its flow: one frozen value, whole enough to tell after a crash what had been said.

The client's facts and the digits he keyed are part of the value but of no dump and no `repr`.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal

from ivr_flows.events import Answer, Candidate, Key, KeyPress, Verdict
from ivr_flows.model import Facts

Medium = Literal["call", "desk", "form"]
"""The telephone; an agent who reads from his screen; a client who fills in a form."""


class Mode(StrEnum):
    """What the call is doing."""

    PLAYING = "playing"
    LISTENING = "listening"
    RECORDING = "recording"
    RINGING = "ringing"  #: an agent is being looked for
    AGENT = "agent"  #: an agent is on the line
    WRAP_UP = "wrap_up"  #: the client is gone, the agent still owes the outcome
    SCREEN = "screen"  #: there is no call: somebody reads and picks
    CLOSING = "closing"  #: the goodbye is being said
    ENDED = "ended"


@dataclass(frozen=True, kw_only=True)
class State:
    """One moment of one call. Made by `interpreter.start`, advanced by `interpreter.step`.

    `path` holds every arrow walked as (step, outcome, next step); `at` is the step a screen shows; `confirming` the
    value that is being read back.
    """

    flow: str
    facts: Facts = field(repr=False)
    medium: Medium = "call"
    step: str = ""
    at: str = ""
    mode: Mode = Mode.PLAYING
    playing: tuple[str, ...] = ()
    entered: str = field(default="", repr=False)
    keys: tuple[KeyPress, ...] = ()
    held: Key | None = field(default=None, repr=False)
    speaking: bool = False
    spoken: tuple[Candidate, ...] = field(default=(), repr=False)
    spoke_ms: tuple[int, int] | None = None
    confirming: str | None = field(default=None, repr=False)
    no_input: int = 0
    no_match: int = 0
    not_played: int = 0
    turns: int = 0
    last_key_ms: int | None = None
    wish: bool = False
    why: str = ""
    agent: str | None = None
    agent_tried: bool = False
    heard: tuple[str, ...] = ()
    answers: tuple[Answer, ...] = ()
    path: tuple[tuple[str, str, str], ...] = ()
    verdict: Verdict | None = None

    def to_json(self) -> str:
        """The state without the client's facts, without keyed digits and spoken words, for the attempt's row."""
        return json.dumps({name: value for name, value in asdict(self).items() if name not in _PRIVATE})


_PRIVATE = frozenset({"facts", "entered", "held", "spoken", "confirming"})

if TYPE_CHECKING:
    but = replace
else:

    def but(state: State, **changes: Any) -> State:
        """The state with changes, like `dataclasses.replace` and ten times as fast: a call makes many of them."""
        made = object.__new__(State)
        object.__setattr__(made, "__dict__", state.__dict__ | changes)
        return made
