"""The breaker of a trunk: after faults in a row it rests, then one call probes whether it works again. Pure.

The rule of this module: only calls placed after the fault that opened it say anything about an open breaker, so a
hundred calls that die together open it once, and a long talk that ends well does not close it.

Closed: calls leave. Open until a time: none leaves. Half-open after that time: one call leaves as a probe, and the
breaker is open again for the others meanwhile; when the probe is answered, or ends in any way that is the far side's
word, it closes; when the probe fails it rests twice as long as the last time, up to the maximum. A probe that is never
heard of again (its node died) is followed by another one when its time is over.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from dialer.calling.dispositions import Disposition

TRUNK_FAULTS = frozenset({Disposition.TRUNK_CONGESTION, Disposition.OUR_FAULT})
"""Endings that are the trunk's fault, or no word of it at all."""

SAYS_NOTHING = frozenset({Disposition.CANCELLED, Disposition.INTERRUPTED})
"""Endings of ours, which say nothing about the trunk."""

LONGEST_RETRY_AFTER = timedelta(days=1)
"""A Retry-After beyond this is taken for a mistake of its sender."""


class BreakerState(StrEnum):
    """What a breaker lets through."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class BreakerRules:
    """``failures`` in a row open it for ``rest``; each failed probe doubles that, up to ``longest``."""

    failures: int
    rest: timedelta
    longest: timedelta

    def rest_after(self, failures: int) -> timedelta:
        """How long it rests after so many faults in a row."""
        doublings = min(max(0, failures - self.failures), 30)
        return min(self.longest, self.rest * (1 << doublings))


@dataclass(frozen=True, slots=True)
class Breaker:
    """The breaker at one moment, as the books keep it; ``opened_until`` None: closed."""

    failures: int = 0
    opened_until: datetime | None = None
    last_fault_at: datetime | None = None

    def state(self, now: datetime) -> BreakerState:
        """What it lets through at ``now``."""
        if self.opened_until is None:
            return BreakerState.CLOSED
        return BreakerState.OPEN if now < self.opened_until else BreakerState.HALF_OPEN

    def after_call(self, rules: BreakerRules, now: datetime) -> Breaker:
        """Once a call has left at ``now``: a probe closes the way behind it for as long as the last rest."""
        if self.state(now) is not BreakerState.HALF_OPEN:
            return self
        return replace(self, opened_until=now + rules.rest_after(self.failures))

    def after_success(self, placed_at: datetime) -> Breaker:
        """Once the far side of a call placed at ``placed_at`` has been heard of."""
        if self._from_before(placed_at):
            return self
        return Breaker(last_fault_at=self.last_fault_at)

    def after_fault(
        self, rules: BreakerRules, *, placed_at: datetime, now: datetime, retry_after_s: int | None = None
    ) -> Breaker:
        """Once a call placed at ``placed_at`` has ended at ``now`` as a fault of the trunk.

        ``retry_after_s`` is what a 503 asked for (RFC 3261 section 20.33): it opens the breaker by itself.
        """
        asked = min(timedelta(seconds=max(0, retry_after_s or 0)), LONGEST_RETRY_AFTER)
        if self._from_before(placed_at):
            return replace(self, opened_until=max(self.opened_until or now, now + asked))
        failures = max(self.failures + 1, rules.failures if asked else 0)
        rests = failures >= rules.failures
        until = now + max(rules.rest_after(failures), asked) if rests else None
        return Breaker(failures, until, now)

    def _from_before(self, placed_at: datetime) -> bool:
        """Whether the call left before the fault that opened the breaker."""
        return self.opened_until is not None and self.last_fault_at is not None and placed_at <= self.last_fault_at
