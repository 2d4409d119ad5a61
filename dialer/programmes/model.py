"""A policy pack as typed values. Numbers come from pack files only; None stands for a value the source leaves open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from fractions import Fraction

from core.calendars import Exchange
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

    HOUR = "hour"
    DAY = "day"
    WORKING_DAY = "working_day"
    TRADING_DAY = "trading_day"
    WEEK = "week"
    MONTH = "month"
    HALF_YEAR = "half_year"
    YEAR = "year"


class Per(StrEnum):
    """Calendar periods in Chinese time; ``two_weeks`` counts from a fixed Monday."""

    DAY = "day"
    WEEK = "week"
    TWO_WEEKS = "two_weeks"
    MONTH = "month"
    QUARTER = "quarter"
    HALF_YEAR = "half_year"
    YEAR = "year"


VOICE = frozenset({"phone", "recorded_phone", "auto_call"})
"""Channels that this product dials; a programme without one of them sends messages or is entered by hand (B-13)."""


@dataclass(frozen=True, slots=True)
class Hours:
    """The windows of a week: ``every`` for each weekday that ``weekdays`` (0 is Monday) does not name."""

    days: DayKind
    every: tuple[Span, ...] = ()
    weekdays: Mapping[int, tuple[Span, ...]] = field(default_factory=dict)
    rule: str = ""

    def spans(self, weekday: int) -> tuple[Span, ...]:
        """The windows of that weekday, earliest first."""
        return self.weekdays.get(weekday, self.every)


@dataclass(frozen=True, slots=True)
class Segment:
    """Clients with windows of their own (B-05): the first segment whose ``when`` holds gives the hours."""

    when: Expression
    hours: Hours


@dataclass(frozen=True, slots=True)
class Windows:
    """When clients may be called: the ordinary hours, those of segments, and those for appointments only (B-04, B-06).

    ``appointments`` are open in addition to the ordinary hours, for a call-back whose time the client chose.
    """

    hours: Hours
    segments: tuple[Segment, ...] = ()
    appointments: Hours | None = None


class CapPer(StrEnum):
    """What a cap counts over: calendar periods in Chinese time, or the 24 hours before the call."""

    ROLLING_24H = "24h"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    HALF_YEAR = "half_year"
    YEAR = "year"


@dataclass(frozen=True, slots=True)
class Cap:
    """At most ``most`` calls per ``per`` (B-12), calls for ``exempt`` programmes apart.

    ``answered_only`` counts talks; otherwise every attempt that reached the client's phone counts. ``by_number`` counts
    the dialed number instead of the client; ``when`` narrows the cap to some clients (B-17).
    """

    most: int
    per: CapPer
    answered_only: bool = False
    by_number: bool = False
    exempt: frozenset[str] = frozenset()
    when: Expression | None = None
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
    """Everything that says when and how often a client may be called; complete, nothing open.

    ``appointment_early`` is how long before the agreed time an appointment may be dialed.
    """

    windows: Windows
    caps: tuple[Cap, ...]
    interval: timedelta
    retries: Retries
    ring_limit: timedelta
    promised_callback: FollowUp
    appointment: FollowUp
    appointment_early: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Deadline:
    """By when: ``amount`` of ``unit`` after the trigger; ``day_type`` settles a bare "day" (M-27).

    ``words`` are the source's own; ``before`` names what must wait for the call-back (``activation``,
    ``contract_end``): the amount is then the firm's own aim. ``event_date`` in ``before`` takes the date that the event
    carries (A-75: the date in the instruction).
    """

    amount: int
    unit: Unit
    day_type: DayKind | None = None
    exchange: Exchange = "XSHG"
    words: str = ""
    before: str = ""
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Quota:
    """At least ``share`` (0 to 1) of the clients that ``of`` selects among the programme's population."""

    share: Fraction
    of: Expression | None = None
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Between which shares the firm chooses (A-31)."""

    at_least: Fraction
    at_most: Fraction
    of: str = ""
    rule: str = ""


@dataclass(frozen=True, slots=True)
class TopList:
    """The first ``most`` clients by ``by``, largest first, among those that ``where`` selects (A-76, A-94, A-95).

    ``by`` is a field of the client, or ``sum of EVENT_TYPE`` for the amounts of his events in the period.
    """

    most: int
    by: str
    events: frozenset[str] = frozenset()
    where: Expression | None = None
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Exemption:
    """Clients for whom the programme is not due, and why."""

    when: Expression
    reason: str
    rule: str = ""


@dataclass(frozen=True, slots=True)
class KeyTest:
    """One of the tests of which any one puts a client into the programme (A-54)."""

    when: Expression
    title: str
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Suppression:
    """An earlier call-back that makes this one unnecessary (A-56, A-96).

    ``programmes`` are those that count (empty: any); ``within`` a calendar period of today, or ``lookback`` months
    before it; ``same_flow`` asks that the earlier call followed the version of the script in force now.
    """

    programmes: frozenset[str]
    reason: str
    within: Per | None = None
    lookback_months: int = 0
    same_flow: bool = False
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Notice:
    """A message that goes out beside or instead of a call (A-36, D-10): contents by key, channels in order."""

    contents: tuple[str, ...]
    channels: tuple[str, ...]
    sender: str = ""
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Action:
    """What follows an outcome (group D): one thing to be done, by whom, until when.

    ``kind`` is one of ACTIONS; ``to`` are addressees in order; ``within`` None means at once or as ``words`` say.
    """

    kind: str
    to: tuple[str, ...] = ()
    contents: tuple[str, ...] = ()
    channel: str = ""
    within: Deadline | None = None
    words: str = ""
    rule: str = ""


ACTIONS = frozenset(
    {"message", "report", "work_order", "feedback", "confirm_call", "correction", "archive", "watch", "measure"}
)
"""Kinds of follow-up: a message to the client, a report to somebody, a problem to be handled, feedback to the client, a
second call that confirms, a correction of data, filing, stronger monitoring, an improvement measure."""


class Trigger(StrEnum):
    """What makes a programme's item due."""

    EVENT = "event"  # something happened to the client
    PERIOD = "period"  # once (or several times) a calendar period
    INACTIVE = "inactive"  # so long after the last trade
    DEPARTURE = "departure"  # a member of staff leaves whose clients they are
    FESTIVAL = "festival"  # on or before a day of the calendar


@dataclass(frozen=True, slots=True)
class Due:
    """When a programme's item arises. Which fields mean something follows from ``kind``.

    ``events`` are types of event and ``collapse`` says which of one client's events are one (J-09): ``group`` those
    with the same group key, ``day`` those of one date, ``none``. ``period`` and ``times`` are for periodic programmes,
    ``after`` for inactivity, ``festivals`` for festivals.
    """

    kind: Trigger
    events: tuple[str, ...] = ()
    collapse: str = "group"
    period: Per | None = None
    times: int = 1
    after: Deadline | None = None
    festivals: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Lists:
    """Who may change a programme's list (A-55, A-58, A-73, A-77): ``fixed_by``, and branches as far as is named."""

    fixed_by: str
    branch_may: tuple[str, ...] = ()
    thresholds_by: str = ""
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Programme:
    """One kind of call-back (回访项目). ``open_values`` are what the firm must set before this programme can run."""

    key: str
    title: str
    title_en: str
    rules: tuple[str, ...]
    due: Due
    scope: Expression
    executor: str
    channels: tuple[str, ...]
    flow: str
    any_of: tuple[KeyTest, ...] = ()
    special_channels: tuple[str, ...] = ()
    group: str = ""
    purposes: tuple[str, ...] = ()
    deadline: Deadline | None = None
    quotas: tuple[Quota, ...] = ()
    bounds: tuple[Bounds, ...] = ()
    tops: tuple[TopList, ...] = ()
    rotation: str = ""
    spread: bool = False
    exemptions: tuple[Exemption, ...] = ()
    suppressions: tuple[Suppression, ...] = ()
    cancelled_by: tuple[str, ...] = ()
    notice: Notice | None = None
    lists: Lists | None = None
    gates: tuple[str, ...] = ()
    passes: Expression | None = None
    outcomes: Mapping[str, tuple[Action, ...]] = field(default_factory=dict)
    automatic: bool = False
    recording: str = "required"
    retention: Mapping[str, Retention] = field(default_factory=dict)
    open_values: tuple[str, ...] = ()

    @property
    def event(self) -> str | None:
        """The type of event that triggers it, the first one when there are several; None for other triggers."""
        return self.due.events[0] if self.due.events else None

    @property
    def period(self) -> Per | None:
        """The period in which it is owed; None when an event triggers it."""
        return self.due.period

    @property
    def calls_closed(self) -> bool:
        """Whether it calls clients whose account is closed: only what the closing itself triggers does (A-100)."""
        return "account_closed" in self.due.events

    @property
    def by_voice(self) -> bool:
        """Whether it is a call at all (B-13)."""
        return bool(VOICE.intersection(self.channels))


@dataclass(frozen=True, slots=True)
class Retention:
    """How long a kind of record is kept at least (F-02)."""

    amount: int
    unit: Unit
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Executor:
    """Who makes the calls of a programme: the level (hq, branch, staff) and the series of staff that may (E-07)."""

    key: str
    title: str
    title_en: str
    level: str
    series: frozenset[str] = frozenset()
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Avoidance:
    """Who must not make a call (E-01 to E-06): ``series`` of staff, or the client's own introducer.

    ``programmes`` narrows it; empty means all.
    """

    series: frozenset[str] = frozenset()
    introducer: bool = False
    programmes: frozenset[str] = frozenset()
    rule: str = ""


@dataclass(frozen=True, slots=True)
class TimeLimit:
    """A time limit of problem handling or a report (D-11, D-18, H-03): who owes what to whom until when."""

    key: str
    title: str
    title_en: str
    owner: str = ""
    to: tuple[str, ...] = ()
    within: Deadline | None = None
    every: Per | None = None
    words: str = ""
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Merging:
    """How due items of one client become one contact (B-14): items of ``apart`` groups are never put together."""

    apart: tuple[frozenset[str], ...] = ()
    rule: str = "B-14"

    def together(self, one: str, other: str) -> bool:
        """Whether items of these two programmes may share a call."""
        return not any(one in group and other in group for group in self.apart)


@dataclass(frozen=True, slots=True)
class Pack:
    """One firm's rules (制度包); ``lineage`` names the packs it extends, nearest first.

    ``open_values`` are those that stop everything (windows, caps, ...); the open values of one programme stop that
    programme only. ``unset`` are open values that stop nothing: time limits of problem handling, reports, and retention
    (what has no term is kept). ``windows`` and ``caps`` stand in ``contact`` too, when nothing of that is open.
    """

    name: str
    title: str
    title_en: str
    lineage: tuple[str, ...]
    programmes: Mapping[str, Programme]
    retention: Mapping[str, Retention]
    contact: ContactRules | None
    windows: Windows | None = None
    caps: tuple[Cap, ...] = ()
    open_values: tuple[str, ...] = ()
    unset: tuple[str, ...] = ()
    universe: Expression | None = None
    groups: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    provisions: Mapping[str, str] = field(default_factory=dict)
    executors: Mapping[str, Executor] = field(default_factory=dict)
    avoidance: tuple[Avoidance, ...] = ()
    merging: Merging = field(default_factory=Merging)
    refusal: Notice | None = None
    limits: Mapping[str, TimeLimit] = field(default_factory=dict)
    reports: Mapping[str, TimeLimit] = field(default_factory=dict)
    reviewed_on: date | None = None
    digest: str = ""

    def series_avoided(self, programmes: frozenset[str]) -> frozenset[str]:
        """Series of staff who may not speak with a client about any of these programmes (E-01, E-02, E-06)."""
        rules = (rule for rule in self.avoidance if not rule.programmes or rule.programmes & programmes)
        return frozenset(series for rule in rules for series in rule.series)

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

    def ready(self) -> tuple[Programme, ...]:
        """The programmes of which nothing is open."""
        return tuple(programme for programme in self.programmes.values() if not programme.open_values)

    def everything_open(self) -> tuple[str, ...]:
        """Every value the firm must still set, those of single programmes included."""
        of_programmes = (name for one in self.programmes.values() for name in one.open_values)
        return (*self.open_values, *of_programmes, *self.unset)
