"""Where a call stands in its flow: one frozen value, whole enough to tell after a crash what had been said.

The client's facts and the digits he keyed are part of the value but of no dump and no `repr`.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from enum import StrEnum

from ivr_flows.events import Answer, Key, KeyPress, Verdict
from ivr_flows.model import Facts


class Mode(StrEnum):
    """What the call is doing."""

    PLAYING = "playing"
    LISTENING = "listening"
    RECORDING = "recording"
    RINGING = "ringing"  #: an agent is being looked for
    AGENT = "agent"  #: an agent is on the line
    WRAP_UP = "wrap_up"  #: the client is gone, the agent still owes the outcome
    CLOSING = "closing"  #: the goodbye is being said
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """One moment of one call. Made by `interpreter.start`, advanced by `interpreter.step`."""

    flow: str
    facts: Facts = field(repr=False)
    step: str = ""
    mode: Mode = Mode.PLAYING
    playing: tuple[str, ...] = ()
    entered: str = field(default="", repr=False)
    keys: tuple[KeyPress, ...] = ()
    held: Key | None = field(default=None, repr=False)
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
    verdict: Verdict | None = None

    def to_json(self) -> str:
        """The state without the client's facts and without keyed digits, for the attempt's row."""
        return json.dumps({name: value for name, value in asdict(self).items() if name not in _PRIVATE})


_PRIVATE = frozenset({"facts", "entered", "held"})
