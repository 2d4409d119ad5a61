"""Hearing: from "is this 20 ms loud" to "a prompt began, a prompt ended".

The node plays successive prompts with short gaps when it awaits no answer, so one prompt is loud audio followed by
``quiet_s`` of quiet; shorter gaps belong to it. Lost packets and silence count alike.
"""

from __future__ import annotations

import enum

BEGIN_S = 0.04
"""So much loud audio begins a prompt: a click does not."""

GLUE_S = 0.1
"""Loud stretches closer than this are one: a late packet does not part them."""


class Heard(enum.Enum):
    """What the last 20 ms told."""

    NOTHING = "nothing"
    BEGAN = "began"
    ENDED = "ended"


class Ear:
    """Turns loud and quiet ticks into prompts. Times are monotonic seconds."""

    def __init__(self, quiet_s: float) -> None:
        self._quiet_s = quiet_s
        self._loud_since: float | None = None
        self._last_loud = float("-inf")
        self.began_at: float | None = None

    def hear(self, now: float, loud: bool) -> Heard:
        """Take one tick; tell whether a prompt began or ended with it."""
        return self._loud(now) if loud else self._quiet(now)

    def quiet_for(self, now: float) -> float:
        """Seconds since the last loud tick."""
        return now - self._last_loud

    def forget(self) -> None:
        """Treat the next loud audio as a new prompt."""
        self.began_at = None
        self._loud_since = None

    def _loud(self, now: float) -> Heard:
        if self._loud_since is None or now - self._last_loud > GLUE_S:
            self._loud_since = now
        self._last_loud = now
        if self.began_at is None and now - self._loud_since >= BEGIN_S - 1e-9:
            self.began_at = self._loud_since
            return Heard.BEGAN
        return Heard.NOTHING

    def _quiet(self, now: float) -> Heard:
        if self.began_at is not None and self.quiet_for(now) >= self._quiet_s - 1e-9:
            self.forget()
            return Heard.ENDED
        return Heard.NOTHING
