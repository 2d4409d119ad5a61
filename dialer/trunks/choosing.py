"""Which trunk takes the next call, or why none can and when to look again. Pure.

The rule of this module: among the trunks that may take a call, the lowest priority number wins; those that share it get
calls in proportion to their weights. A higher number is used when all lower ones are full or out of order; a lower one
that only waits for its rate (GCRA with a burst of one call) is waited for.

The share is a weighted draw whose luck is a hash of ``key`` (weighted rendezvous): each call is a draw of its own, so
it is fair over time whatever node draws, needs no memory, and gives the share of a missing trunk to the others.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256

from core.clock import china
from dialer.trunks.breaker import Breaker, BreakerState

FULL = timedelta(seconds=0.1)
"""How soon a full trunk is looked at again: nobody tells another node's hang-up."""

OUT_OF_ORDER = timedelta(seconds=5)
"""How soon a trunk is looked at again that does not answer or has not registered us."""

DRAINED = timedelta(minutes=1)
"""How soon a trunk is looked at again that a person has taken out."""


class Bar(StrEnum):
    """Why a trunk takes no call."""

    DRAINED = "drained"
    OPEN = "open"  # the breaker, after faults
    UNREGISTERED = "unregistered"
    UNREACHABLE = "unreachable"
    FULL = "full"
    RATE = "rate"


PASSING = frozenset({Bar.FULL, Bar.RATE})
"""Bars of a trunk in order: a node waits for it, and nobody is told of a refusal."""


@dataclass(frozen=True, slots=True)
class Trunk:
    """One trunk at one moment: its limits, and what the books of all nodes and this node's health say of it.

    ``in_use`` counts the calls of all nodes; ``next_call_at`` is the theoretical arrival time of the rate limit;
    ``registered`` and ``reachable`` are None when not asked for or not known yet, which is no fault.
    """

    name: str
    priority: int = 1
    weight: int = 1
    channels: int = 30
    calls_per_second: float = 5.0
    in_use: int = 0
    next_call_at: datetime | None = None
    breaker: Breaker = field(default_factory=Breaker)
    drained: bool = False
    registered: bool | None = None
    reachable: bool | None = None

    def bar(self, now: datetime) -> Bar | None:
        """The first reason against a call over it at ``now``; None when it may take one."""
        if self.drained:
            return Bar.DRAINED
        if self.breaker.state(now) is BreakerState.OPEN:
            return Bar.OPEN
        if self.registered is False:
            return Bar.UNREGISTERED
        if self.reachable is False:
            return Bar.UNREACHABLE
        if self.in_use >= self.channels:
            return Bar.FULL
        return Bar.RATE if self.next_call_at is not None and now < self.next_call_at else None

    def in_order(self, now: datetime) -> bool:
        """Whether it may take a call now or in a moment."""
        bar = self.bar(now)
        return bar is None or bar in PASSING

    def after_call(self, now: datetime) -> datetime:
        """The theoretical arrival time once a call has left at ``now``: the earliest instant of the next one."""
        return max(now, self.next_call_at or now) + timedelta(seconds=1 / self.calls_per_second)

    def again_at(self, now: datetime) -> datetime:
        """When a look at it is worth while again, later than ``now`` unless nothing bars it."""
        match self.bar(now):
            case None:
                return now
            case Bar.RATE:
                return self.next_call_at or now
            case Bar.OPEN:
                return self.breaker.opened_until or now
            case Bar.FULL:
                return now + FULL
            case Bar.DRAINED:
                return now + DRAINED
            case _:
                return now + OUT_OF_ORDER


@dataclass(frozen=True, slots=True)
class NoTrunk:
    """No trunk takes a call now: why, by trunk, and when to look again.

    ``waits``: one of them is in order and only full or waiting for its rate; that is no refusal of a client's call.
    """

    bars: Mapping[str, Bar]
    until: Mapping[str, datetime]
    again_at: datetime
    waits: bool

    @property
    def text(self) -> str:
        """The reasons in Chinese."""
        told = "；".join(f"{name} {_words(bar, self.until[name])[0]}" for name, bar in self.bars.items())
        return f"线路不可用：{told or '未配置线路'}"

    @property
    def text_en(self) -> str:
        """The reasons in English."""
        told = "; ".join(f"{name} {_words(bar, self.until[name])[1]}" for name, bar in self.bars.items())
        return f"no trunk takes calls: {told or 'none is configured'}"


def choose(
    trunks: Iterable[Trunk], *, now: datetime, key: str = "", avoid: frozenset[str] = frozenset()
) -> Trunk | NoTrunk:
    """The trunk of the next call. ``key`` names the call, and is the luck of the draw by weight.

    Trunks of ``avoid`` are taken only when no other is free, or will be as soon as its rate allows.
    """
    known = tuple(trunks)
    others = [trunk for trunk in known if trunk.name not in avoid]
    asked = others if any(trunk.bar(now) in (None, Bar.RATE) for trunk in others) else known
    for priority in sorted({trunk.priority for trunk in asked}):
        level = [trunk for trunk in asked if trunk.priority == priority]
        free = [trunk for trunk in level if trunk.bar(now) is None]
        if free:
            return drawn(free, key)
        if any(trunk.bar(now) is Bar.RATE for trunk in level):
            return _none(level, now)
    return _none(asked, now)


def drawn(trunks: Sequence[Trunk], key: str) -> Trunk:
    """One of ``trunks``, in proportion to the weights over many keys; weight 0 only when there is no other."""
    return min(trunks, key=lambda trunk: (_score(trunk, key), trunk.name))


def _score(trunk: Trunk, key: str) -> float:
    """An exponential variable of the rate ``weight``: the smallest of several is each one's with its share."""
    if trunk.weight <= 0:
        return math.inf
    digest = sha256(f"{key}\0{trunk.name}".encode()).digest()
    return -math.log((int.from_bytes(digest[:8], "big") + 1) / 2**64) / trunk.weight


def _none(trunks: Sequence[Trunk], now: datetime) -> NoTrunk:
    bars = {trunk.name: bar for trunk in trunks if (bar := trunk.bar(now)) is not None}
    until = {trunk.name: trunk.again_at(now) for trunk in trunks}
    again_at = min(until.values(), default=now + DRAINED)
    return NoTrunk(bars, until, again_at, waits=any(bar in PASSING for bar in bars.values()))


def _words(bar: Bar, until: datetime) -> tuple[str, str]:
    clock = f"{china(until):%H:%M:%S}"
    return {
        Bar.DRAINED: ("维护停用", "is drained for maintenance"),
        Bar.OPEN: (f"连续故障，停用至 {clock}", f"failed and rests until {clock}"),
        Bar.UNREGISTERED: ("未注册成功", "has not registered us"),
        Bar.UNREACHABLE: ("无响应", "does not answer"),
        Bar.FULL: ("通道已满", "is full"),
        Bar.RATE: ("等待呼叫速率", "waits for its rate"),
    }[bar]


def tried(past: Iterable[tuple[str | None, bool]]) -> frozenset[str]:
    """The trunks that failed in the try that the newest of ``past`` belongs to.

    ``past`` are a callback's attempts, the oldest first: the trunk, and whether it ended as a fault of the trunk. A try
    ends with any other ending, and anew when a trunk comes again.
    """
    current: frozenset[str] = frozenset()
    for trunk, fault in past:
        if not fault or trunk is None:
            current = frozenset()
        else:
            current = frozenset({trunk}) if trunk in current else current | {trunk}
    return current


def may_fail_over(trunks: Iterable[Trunk], failed: frozenset[str], now: datetime) -> bool:
    """Whether a trunk that has not failed in this try may take the call; at most once a trunk, so it cannot loop."""
    return any(trunk.name not in failed and trunk.in_order(now) for trunk in trunks)
