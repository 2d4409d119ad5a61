"""A policy pack as typed values. Numbers come from pack files only; None stands for a value the source leaves open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from fractions import Fraction

from dialer.calling.dispositions import Disposition
from dialer.programmes.errors import OpenValue, PackError
from dialer.programmes.facts import Span
from dialer.programmes.scope import Expression


class DayKind(StrEnum):
    """On which dates windows exist at all (B-01, B-09)."""

    WORKING_DAY = "working_day"
    TRADING_DAY = "trading_day"
    EVERY_DAY = "every_day"


class Unit(StrEnum):
    """Units of deadlines, kept as the source writes them (B-08)."""

    DAY = "day"
    WORKING_DAY = "working_day"
    TRADING_DAY = "trading_day"
    WEEK = "week"
    MONTH = "month"
    HALF_YEAR = "half_year"
    YEAR = "year"


class Per(StrEnum):
    """Calendar periods in Chinese time."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    HALF_YEAR = "half_year"
    YEAR = "year"


@dataclass(frozen=True, slots=True)
class Windows:
    """When clients may be called: ``every`` for each weekday that ``weekdays`` (0 is Monday) does not name."""

    days: DayKind
    every: tuple[Span, ...] = ()
    weekdays: Mapping[int, tuple[Span, ...]] = field(default_factory=dict)
    rule: str = ""

    def spans(self, weekday: int) -> tuple[Span, ...]:
        """The windows of that weekday, earliest first."""
        return self.weekdays.get(weekday, self.every)


@dataclass(frozen=True, slots=True)
class Cap:
    """At most ``most`` calls to one client in a calendar period (B-12), calls for ``exempt`` programmes apart.

    ``answered_only`` counts talks; otherwise every attempt that reached the client's phone counts.
    """

    most: int
    per: Per
    answered_only: bool = False
    exempt: frozenset[str] = frozenset()
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Rung:
    """What follows one disposition: wait ``delay``, at most ``most`` attempts that end so (None: no limit)."""

    delay: timedelta
    most: int | None = None
    other_day_part: bool = False


@dataclass(frozen=True, slots=True)
class Retries:
    """The retry ladder: one rung per disposition, and the attempts one callback gets in all (M-01)."""

    rungs: Mapping[Disposition, Rung]
    total: int
    rule: str = ""


@dataclass(frozen=True, slots=True)
class FollowUp:
    """A call that we promised (B-24) or the client asked for (B-20): after ``delay``, at most ``most`` times."""

    delay: timedelta
    most: int


@dataclass(frozen=True, slots=True)
class ContactRules:
    """Everything that says when and how often a client may be called; complete, nothing open."""

    windows: Windows
    caps: tuple[Cap, ...]
    interval: timedelta
    retries: Retries
    ring_limit: timedelta
    promised_callback: FollowUp
    appointment: FollowUp


@dataclass(frozen=True, slots=True)
class Deadline:
    """By when: ``amount`` of ``unit`` after the trigger; ``day_type`` settles a bare "day" (M-27)."""

    amount: int
    unit: Unit
    day_type: DayKind | None = None
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Quota:
    """At least ``share`` (0 to 1) of the clients that ``of`` selects among the programme's population."""

    share: Fraction
    of: Expression | None = None
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Exemption:
    """Clients for whom the programme is not due, and why."""

    when: Expression
    reason: str
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Programme:
    """One kind of call-back (回访项目): triggered by an ``event``, or owed once a ``period`` to a sample."""

    key: str
    title: str
    title_en: str
    rules: tuple[str, ...]
    scope: Expression
    executor: str
    channels: tuple[str, ...]
    flow: str
    event: str | None = None
    period: Per | None = None
    deadline: Deadline | None = None
    quotas: tuple[Quota, ...] = ()
    exemptions: tuple[Exemption, ...] = ()
    retention: str = "recording"


@dataclass(frozen=True, slots=True)
class Retention:
    """How long a kind of record is kept at least (F-02)."""

    amount: int
    unit: Unit
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Pack:
    """One firm's rules (制度包); ``lineage`` names the packs it extends, nearest first."""

    name: str
    title: str
    title_en: str
    lineage: tuple[str, ...]
    programmes: Mapping[str, Programme]
    retention: Mapping[str, Retention]
    contact: ContactRules | None
    open_values: tuple[str, ...] = ()
    excluded_series: frozenset[str] = frozenset()  # series of staff who may not take callbacks (E-01, E-02)

    def runnable(self) -> ContactRules:
        """The complete contact rules; OpenValue names everything that must be set first."""
        if self.open_values or self.contact is None:
            raise OpenValue(self.name, self.open_values or ("contact",))
        return self.contact

    def programme(self, key: str) -> Programme:
        """The programme with that key; PackError when the pack has none."""
        found = self.programmes.get(key)
        if found is None:
            raise PackError(f"pack {self.name} has no programme {key!r}; it has {', '.join(self.programmes)}")
        return found
