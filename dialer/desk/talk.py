"""An agent on the line: his audio, and the outcome he sets with the keys of his telephone.

While he talks, ``*`` and a digit set the outcome (a lone digit may be meant for something else). Once the client is
gone he is asked for it and a lone digit does; without one in time his outcome is left to the pages.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from dialer.calling.media import SILENCE, Clip, Ear, Mouth
from dialer.desk.handoff import AgentLeg
from dialer.lines.base import FRAME_MS, CallEvent, Digit, Ended

OUTCOME_KEYS = {"1": "passed", "2": "not_passed", "3": "refused", "4": "call_again"}


class AgentTalk:
    """One agent's leg, from his answer to his hanging up."""

    def __init__(self, leg: AgentLeg, question: Clip, *, wrap_up_ms: int, over: Callable[[], None]) -> None:
        """``question`` asks for the outcome; ``over`` is called once, when the agent is done and gone."""
        self.leg = leg
        self.outcome: str | None = None
        self._ear = Ear(leg.call)
        self._mouth = Mouth()
        self._question = question
        self._wrap_up_ms = wrap_up_ms
        self._remaining_ms: int | None = None
        self._starred = False
        self._over = over
        self._leaving: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Listen to the agent's call; one that has ended already says so at once."""
        self.leg.call.subscribe(self._on_event)

    def exchange(self, heard: bytes) -> bytes:
        """One tick: give the agent what the client said, return what the agent said."""
        said = self._ear.frame()
        if self._remaining_ms is None:
            self.leg.call.write(heard)
        else:
            self._wrap_up_tick(self._remaining_ms)
        return said

    def client_gone(self) -> None:
        """The client hung up: ask for the outcome, or let the agent go when it is known."""
        if self.outcome is not None:
            self.dismiss()
        elif self._remaining_ms is None:
            self._mouth.play([self._question])
            self._remaining_ms = self._wrap_up_ms

    def dismiss(self) -> None:
        """Hang up the agent's leg; its end calls ``over``."""
        if self._leaving is None:
            self._leaving = asyncio.ensure_future(self.leg.call.hang_up())

    def _wrap_up_tick(self, remaining_ms: int) -> None:
        frame, _ = self._mouth.frame(0)
        self.leg.call.write(frame or SILENCE)
        self._remaining_ms = remaining_ms - FRAME_MS
        if self._remaining_ms <= 0:
            self.dismiss()

    def _on_event(self, event: CallEvent) -> None:
        match event:
            case Digit(key=key):
                self._key(key)
            case Ended():
                self._over()
            case _:
                pass

    def _key(self, key: str) -> None:
        asked = self._starred or self._remaining_ms is not None
        if asked and key in OUTCOME_KEYS:
            self.outcome = OUTCOME_KEYS[key]
            if self._remaining_ms is not None:
                self.dismiss()
        self._starred = key == "*"
