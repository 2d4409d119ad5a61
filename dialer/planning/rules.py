"""What every step of one planner run looks at: the pack, the day, the calendars, and when a client can be reached.

The rule of this module: pure; the same values give the same answer. What rests on unpublished holidays is marked
provisional, never guessed in silence.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from functools import cached_property
from itertools import chain

from core.calendars import DAY, Calendars, ProvisionalCalendars, add_months
from core.clock import CHINA, china
from core.errors import CalendarUnknown
from dialer.calling.numbers import dialable
from dialer.planning.plan import PlannedItem
from dialer.programmes.facts import BadPreference, ClientFacts, ClientFile, PastItem, Preference, scope_facts
from dialer.programmes.model import Cap, CapPer, ContactRules, Pack, Per, Programme, Suppression, Trigger
from dialer.programmes.periods import due, period_of
from dialer.programmes.scope import Expression, FieldValue
from dialer.programmes.windows import Interval, Times, first_moment, times_of, windows_on

LOOK_BACK = 60
"""Days before a deadline in which the last calling day is looked for; further back nothing is urgent."""

CLOSING = "account_closed"
"""The event that ends a client's account: what it triggers is the only call that reaches him afterwards (A-100)."""

Facts = dict[str, FieldValue]
LONG = frozenset({CapPer.WEEK, CapPer.MONTH, CapPer.QUARTER, CapPer.HALF_YEAR, CapPer.YEAR})
"""Caps that the planner looks ahead for; those of a day are the gate's."""

_Key = tuple[tuple[int, ...], Preference, str, date, date | None]


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why a client cannot be called: a key of ``plan.REASONS``."""

    code: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Reach:
    """When a client can be called first, on which windows of that day, and his last calling day in time."""

    first: datetime
    windows: tuple[Interval, ...]
    last_day: date
    provisional: bool = False


@dataclass(frozen=True, slots=True)
class Owed:
    """An item owed to a client, with when he can be reached for it."""

    client: ClientFacts
    programme: Programme
    item: PlannedItem
    reach: Reach


@dataclass(frozen=True)
class Rules:
    """One run's view of the rules. ``flow_hashes`` are the versions of the scripts in force, by name."""

    pack: Pack
    contact: ContactRules
    programmes: tuple[Programme, ...]
    day: date
    calendars: Calendars
    figures: Mapping[str, float] = field(default_factory=dict)
    flow_hashes: Mapping[str, frozenset[str]] = field(default_factory=dict)
    _reaches: dict[_Key, Reach | Obstacle] = field(default_factory=dict, repr=False)
    _today: dict[str, list[PastItem]] = field(default_factory=dict, repr=False)

    # --- who is concerned --------------------------------------------------------------------------------------------

    @cached_property
    def end(self) -> datetime:
        """The end of the run's day: events from then on are not there yet."""
        return midnight(self.day + DAY)

    @cached_property
    def by_events(self) -> tuple[Programme, ...]:
        """The programmes that events start; those that another call makes unnecessary come last."""
        started = [one for one in self.programmes if one.due.kind is Trigger.EVENT]
        return tuple(sorted(started, key=lambda one: bool(one.suppressions)))

    @cached_property
    def by_silence(self) -> tuple[tuple[Programme, date], ...]:
        """The programmes of inactive clients, each with the latest last trade that has become silence by today."""
        silent = [one for one in self.programmes if one.due.kind is Trigger.INACTIVE]
        return tuple((one, self._silent_since(one)) for one in silent)

    def _silent_since(self, programme: Programme) -> date:
        last = self.day
        while programme.due.after and due(programme.due.after, midnight(last), self.calendars).on > self.day:
            last -= DAY
        return last

    def facts_of(self, client: ClientFacts | None) -> Facts:
        """What expressions see of a client and of the market; nothing of a client who was never imported."""
        if client is None:
            return {}
        facts = scope_facts(client, self.day)
        facts.update(self.figures)
        return facts

    def in_scope(self, programme: Programme, facts: Facts) -> str | None:
        """Why the client is in the programme's scope: the title of the test that held, or nothing; None: he is not."""
        universe = self._universe
        if (universe is not None and not universe.test(facts)) or not programme.scope.test(facts):
            return None
        if not programme.any_of:
            return ""
        for one in programme.any_of:
            if one.when.test(facts):
                return one.title
        return None

    @cached_property
    def _universe(self) -> Expression | None:
        """Whom the pack concerns at all; None: everybody. It is asked for every client and programme."""
        universe = self.pack.universe
        return None if universe is None or universe.text == "all" else universe

    # --- who is not called -------------------------------------------------------------------------------------------

    def obstacle(
        self, programme: Programme, file: ClientFile, facts: Facts, *, on: date, but_for: str = ""
    ) -> Obstacle | None:
        """What speaks against calling this client at all, deadlines apart; None when nothing does.

        ``on`` is the day of the trigger, ``but_for`` the trigger key that is looked at. Messages need no telephone.
        """
        client = file.client
        if client is None:
            return Obstacle("unknown_client")
        found = self.excluded(programme, file, facts, on=on, but_for=but_for)
        return found or (_telephone(client) if programme.by_voice else None)

    def excluded(
        self, programme: Programme, file: ClientFile, facts: Facts, *, on: date, but_for: str = ""
    ) -> Obstacle | None:
        """As ``obstacle``, but only what takes the client out of the base of a share (``plan.NOT_IN_BASE``)."""
        found = exempted(programme, facts) or self._suppressed(programme, file, on, but_for)
        closed = facts.get("status") == "closed" and facts.get("event_type") != CLOSING
        return found or (Obstacle("closed") if closed else None)

    def note(self, owed: Owed) -> None:
        """Remember what this run plans: it makes other call-backs unnecessary as one of an earlier night would."""
        if self._watched is None or owed.programme.key in self._watched:
            item, programme = owed.item, owed.programme
            past = PastItem(item.trigger_key, programme.key, self.day, item.due_on, "", programme.executor)
            self._today.setdefault(owed.client.client_id, []).append(past)

    @cached_property
    def _watched(self) -> frozenset[str] | None:
        """The programmes that make others unnecessary as soon as they are planned; None: every one may."""
        rules = [rule for one in self.programmes for rule in one.suppressions if not rule.same_flow]
        named = frozenset(key for rule in rules for key in rule.programmes)
        return None if any(not rule.programmes for rule in rules) else named

    def _suppressed(self, programme: Programme, file: ClientFile, on: date, but_for: str) -> Obstacle | None:
        for rule in programme.suppressions:
            earlier = chain(file.past, self._today.get(file.client_id, ()))
            if any(self._suppresses(rule, past, programme, on) for past in earlier if past.trigger_key != but_for):
                return Obstacle("suppressed", f"{rule.reason} ({rule.rule})")
        return None

    def _suppresses(self, rule: Suppression, past: PastItem, programme: Programme, on: date) -> bool:
        """Whether that earlier call-back makes a new one unnecessary (A-56, A-96)."""
        when = past.done_on or past.planned_on
        if past.state not in ("open", "done") or (rule.programmes and past.programme not in rule.programmes):
            return False
        if rule.same_flow and (past.state != "done" or past.flow_hash not in self.flow_hashes.get(programme.flow, ())):
            return False
        return _is_recent(rule, when, on)

    # --- when he can be called ---------------------------------------------------------------------------------------

    def free_from(self, programme: Programme, file: ClientFile, facts: Facts) -> date | None:
        """The first day on which no cap of weeks or longer forbids another talk (B-12); None: today.

        Counts the call-backs that ended in a talk. The gate counts the attempts themselves when the time comes.
        """
        long = (cap for cap in self.contact.caps if cap.per in LONG and programme.key not in cap.exempt)
        mine = (cap for cap in long if not cap.by_number and (cap.when is None or cap.when.test(facts)))
        return max(filter(None, (self._full_until(cap, file) for cap in mine)), default=None)

    def _full_until(self, cap: Cap, file: ClientFile) -> date | None:
        first, last = period_of(Per(cap.per), self.day)
        talks = {
            past.callback_id
            for past in file.past
            if past.state == "done" and past.done_on is not None and first <= past.done_on <= last
            if past.programme not in cap.exempt
        }
        return last + DAY if len(talks) >= cap.most else None

    def reach(
        self,
        client: ClientFacts,
        due_on: date,
        *,
        before: datetime | None = None,
        spread: int | None = None,
        start: date | None = None,
    ) -> Reach | Obstacle:
        """When the client can be called first from the run's day on, no later than ``due_on``.

        ``before`` is the instant of the deadline where it is not the end of that day (hours); ``spread`` a lot that
        chooses among the calling days that are left (bulk openings, A-30); ``start`` a later day to begin with.
        """
        if due_on < self.day or (before is not None and before <= midnight(self.day)):
            return Obstacle("deadline_passed", due_on.isoformat())
        if start is not None and start > due_on:
            return Obstacle("cap_reached", start.isoformat())
        try:
            times = times_of(self.contact.windows, client, self.day)
        except BadPreference as error:
            return Obstacle("preference_unreadable", str(error))
        key = (tuple(map(id, times.hours)), times.wish, times.branch, due_on, start)
        known = self._reaches.get(key)
        if known is None:
            known = self._reaches[key] = self._reach(times, due_on, start or self.day)
        if isinstance(known, Reach) and before is not None:
            known = self._clipped(times, known, before)
        if spread is None or isinstance(known, Obstacle):
            return known
        return self._spread(times, known, before or midnight(due_on + DAY), spread)

    def _reach(self, times: Times, due_on: date, start: date) -> Reach | Obstacle:
        guessing = ProvisionalCalendars(self.calendars)
        calendars, provisional = self.calendars, False
        try:
            first = first_moment(times, calendars, after=midnight(start), until=due_on)
        except CalendarUnknown:
            calendars, provisional = guessing, True
            first = first_moment(times, calendars, after=midnight(start), until=due_on)
        if first is None:
            return Obstacle("no_window", due_on.isoformat())
        day = china(first).date()
        return Reach(
            first, windows_on(times, day, calendars), self._last_day(guessing, times, day, due_on), provisional
        )

    def _last_day(self, calendars: Calendars, times: Times, first: date, due_on: date) -> date:
        day = due_on
        while day > first and (due_on - day).days < LOOK_BACK:
            if windows_on(times, day, calendars):
                return day
            day -= DAY
        return max(first, day)

    def _clipped(self, times: Times, reach: Reach, before: datetime) -> Reach | Obstacle:
        """The reach for a deadline at ``before``, an instant of the day that was looked at last."""
        if reach.first >= before:
            return Obstacle("no_window", china(before).isoformat(timespec="minutes"))
        day, guessing = china(before).date(), ProvisionalCalendars(self.calendars)
        if reach.last_day < day or any(start < before for start, _ in windows_on(times, day, guessing)):
            return reach
        return replace(reach, last_day=self._last_day(guessing, times, china(reach.first).date(), day - DAY))

    def _spread(self, times: Times, reach: Reach, before: datetime, lot: int) -> Reach:
        """One of the calling days that are left, by lot; days that rest on a guess only when there is no other."""
        calendars = ProvisionalCalendars(self.calendars)
        days = _days(china(reach.first).date(), china(before).date())
        certain = [day for day in days if calendars.knows(day)] if not reach.provisional else days
        open_days = [windows for day in certain if (windows := windows_on(times, day, calendars))]
        left = [windows for windows in open_days if windows[0][0] < before]
        windows = left[lot % len(left)]
        return replace(reach, first=windows[0][0], windows=windows)


def midnight(day: date) -> datetime:
    """The beginning of a Chinese day."""
    return datetime.combine(day, time(0), CHINA)


def exempted(programme: Programme, facts: Facts) -> Obstacle | None:
    """That the programme is not due for such clients, and why."""
    for exemption in programme.exemptions:
        if exemption.when.test(facts):
            return Obstacle("exempt", f"{exemption.reason} ({exemption.rule})")
    return None


def expressions_of(programme: Programme) -> Iterator[Expression]:
    """Everything that decides whom the programme concerns."""
    yield programme.scope
    yield from (test.when for test in programme.any_of)
    yield from (exemption.when for exemption in programme.exemptions)
    yield from (quota.of for quota in programme.quotas if quota.of is not None)
    yield from (top.where for top in programme.tops if top.where is not None)


def _is_recent(rule: Suppression, when: date, on: date) -> bool:
    if rule.within is not None:
        first, last = period_of(rule.within, on)
        return first <= when <= last
    return add_months(on, -rule.lookback_months) <= when <= on


def _telephone(client: ClientFacts) -> Obstacle | None:
    if client.phone_opt_out:
        return Obstacle("opted_out")
    return None if any(dialable(phone) for phone in client.phones) else Obstacle("no_phone")


def _days(first: date, last: date) -> list[date]:
    return [first + number * DAY for number in range((last - first).days + 1)]
