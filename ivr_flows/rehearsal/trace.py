"""What happened in one rehearsed call, moment by moment: made on the virtual clock, or on a real line.

Whoever carries the call hands over every event with what the interpreter made of it; what is expected is judged from
this alone, so that both are judged alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from ivr_flows.events import (
    Action,
    Answer,
    Event,
    HungUp,
    Key,
    Play,
    Recorded,
    RingAgent,
    Silence,
    Spoke,
    Store,
    Verdict,
)
from ivr_flows.rehearsal.model import Reply, Turn
from ivr_flows.state import Mode, State

CLIENT = (Key, Spoke, Recorded, Silence, HungUp)
"""Events that the client brings about, by doing something or nothing."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One event (None: the call was answered) and what it led to."""

    at_ms: int
    event: Event | None
    state: State
    actions: tuple[Action, ...]


@dataclass(frozen=True, slots=True)
class Act:
    """Something that the client did, and where: `heard` is the last prompt that he heard before.

    `moments` counts the moments that had passed before it. `early`: while `heard` was still playing.
    """

    step: str
    heard: str
    early: bool
    reply: Reply
    turn: Turn | None
    moments: int


@dataclass(slots=True)
class Trace:
    """A call as it goes on."""

    moments: list[Moment] = field(default_factory=list)
    acts: list[Act] = field(default_factory=list)

    def take(self, at_ms: int, event: Event | None, state: State, actions: Sequence[Action]) -> None:
        """Note one event; whatever comes after the end is nothing of the flow's."""
        if not self.moments or self.moments[-1].state.mode is not Mode.ENDED:
            self.moments.append(Moment(at_ms, event, state, tuple(actions)))

    @property
    def verdict(self) -> Verdict | None:
        """How the flow ended; None when it did not."""
        return self.moments[-1].state.verdict if self.ended else None

    @property
    def ended(self) -> bool:
        """Whether the flow is over."""
        return bool(self.moments) and self.moments[-1].state.mode is Mode.ENDED

    @property
    def lasted_ms(self) -> int:
        """From the answer to the end."""
        return self.moments[-1].at_ms if self.moments else 0

    @property
    def path(self) -> tuple[tuple[str, str, str], ...]:
        """Every arrow that was walked, as (step, outcome, target)."""
        return self.moments[-1].state.path if self.moments else ()

    @property
    def client_events(self) -> list[str]:
        """What the client brought about, as words: the same on the virtual clock and on a line."""
        return [_word(moment.event) for moment in self.moments if isinstance(moment.event, CLIENT)]


def _word(event: Event | None) -> str:
    match event:
        case Key(digit=digit):
            return f"key {digit}"
        case Recorded(speech_ms=spoken):
            return "recorded" if spoken > 0 else "recorded nothing"
        case _:
            return type(event).__name__.lower()


def said(moments: Iterable[Moment]) -> Iterator[str]:
    """Every prompt that began to be played."""
    return (prompt for action in _actions(moments) if isinstance(action, Play) for prompt in action.prompts)


def stored(moments: Iterable[Moment]) -> Iterator[Answer]:
    """Every answer that was kept."""
    return (action.answer for action in _actions(moments) if isinstance(action, Store))


def rang(moments: Iterable[Moment]) -> Iterator[str]:
    """Every reason for which an agent was rung."""
    return (action.reason for action in _actions(moments) if isinstance(action, RingAgent))


def _actions(moments: Iterable[Moment]) -> Iterator[Action]:
    return (action for moment in moments for action in moment.actions)
