"""What is known of each trunk: whether it has us registered and whether it answers OPTIONS.

The rule of this module: it only keeps the latest news of each kind; who decides what follows is somebody else.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from core.clock import Clock
from dialer.lines.base import Trunk, TrunkHealth


class HealthBook:
    """The latest news of each trunk, in the order in which the trunks were given."""

    def __init__(self, clock: Clock, trunks: Iterable[Trunk]) -> None:
        self._clock = clock
        self._known = {trunk.name: TrunkHealth(trunk.name, None, None, clock.now()) for trunk in trunks}

    def registered(self, trunk: str, registered: bool, detail: str) -> None:
        """Take news of a registration; ``detail`` says why in words without personal data."""
        self._known[trunk] = replace(self._known[trunk], registered=registered, at=self._clock.now(), detail=detail)

    def reachable(self, trunk: str, reachable: bool, detail: str) -> bool:
        """Take the outcome of one OPTIONS request; whether the trunk came back after it was away."""
        back = reachable and self._known[trunk].reachable is False
        self._known[trunk] = replace(self._known[trunk], reachable=reachable, at=self._clock.now(), detail=detail)
        return back

    def report(self) -> tuple[TrunkHealth, ...]:
        """All of it."""
        return tuple(self._known.values())
