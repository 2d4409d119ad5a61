"""How well the channels were used, exactly, to the microsecond.

The rule of this module: a channel is idle without need while it is free and a call-back waits that could take it: one
whose time has come, whose window is open, and which the gate has not refused since. With ``channels`` channels, of
which ``busy`` are in a call while ``waiting`` such call-backs wait, ``min(channels - busy, waiting)`` are idle so.

    window use = busy / (busy + idle while a call-back waited)

What keeps a free channel idle is pacing: the node's rest after a call (calls per second) and between two looks.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta


@dataclass(slots=True)
class Usage:
    """Sums up channel time; change ``busy`` and ``waiting`` only after ``pass_to`` the moment of the change."""

    channels: int
    moment: datetime
    busy: int = 0
    waiting: int = 0
    busy_for: timedelta = field(default_factory=timedelta)
    idle_for: timedelta = field(default_factory=timedelta)

    def pass_to(self, moment: datetime) -> None:
        """Let the time until ``moment`` pass as things stand."""
        passed = moment - self.moment
        self.busy_for += self.busy * passed
        self.idle_for += min(self.channels - self.busy, self.waiting) * passed
        self.moment = moment

    @property
    def window_use(self) -> float:
        """The share from 0 to 1; 1 when there was nothing to do."""
        whole = self.busy_for + self.idle_for
        return self.busy_for / whole if whole else 1.0
