"""What one client is owed by his events, his silence and the calendar: items, messages, cancellations, or a reason.

The rule of this module: one client at a time, pure. Every event of a type that a programme names and that is in its
scope ends in an item, in a cancellation or in a skip; one matter makes one item, however many events tell of it (J-09).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import groupby

from core.calendars import DAY, ProvisionalCalendars
from core.clock import CHINA
from core.errors import CalendarUnknown
from dialer.planning.plan import Cancelled, PlannedItem, PlannedNotice, Skipped
from dialer.planning.rules import CLOSING, Facts, Obstacle, Owed, Rules, exempted, midnight
from dialer.planning.sampling import lot
from dialer.programmes.facts import ClientFile, EventFacts, ItemState, PastItem
from dialer.programmes.model import Notice, Programme, Trigger
from dialer.programmes.periods import Due, due

Found = Owed | Skipped | PlannedNotice | Cancelled

NOTHING_KNOWN: Mapping[str, PastItem] = {}


@dataclass(frozen=True, slots=True)
class Case:
    """One client as one programme looks at him. ``known`` are the items planned before, by trigger key."""

    rules: Rules
    programme: Programme
    file: ClientFile
    facts: Facts
    known: Mapping[str, PastItem]

    def key(self, name: str) -> str:
        """The trigger key of that matter: planned once, ever."""
        return f"{self.programme.key}:{name}"

    def settled(self, key: str) -> bool:
        """Whether that item was planned before; what was planned provisionally is planned anew."""
        past = self.known.get(key)
        return past is not None and not (past.provisional and past.state == ItemState.OPEN)

    def skip(self, key: str, obstacle: Obstacle, due_on: date | None = None) -> Skipped:
        """That this client gets no call-back for that trigger."""
        branch = self.file.client.branch if self.file.client else ""
        return Skipped(self.file.client_id, self.programme.key, key, obstacle.code, obstacle.detail, due_on, branch)

    def notice(self, told: Notice, key: str, due_at: datetime) -> PlannedNotice:
        """That message to this client."""
        return PlannedNotice(
            self.file.client_id, self.programme.key, key, told.contents, told.channels, due_at, told.rule
        )


@dataclass(frozen=True, slots=True)
class Start:
    """What starts an item: its key, the trigger in words, the instant, what the event carries, why it is in scope."""

    key: str
    trigger: str
    at: datetime
    data: Mapping[str, object]
    ground: str = ""


def known_of(file: ClientFile) -> Mapping[str, PastItem]:
    """The client's items of earlier plans by trigger key."""
    return {past.trigger_key: past for past in file.past} if file.past else NOTHING_KNOWN


def case_of(rules: Rules, programme: Programme, file: ClientFile) -> Case:
    """The client as ``programme`` looks at him."""
    return Case(rules, programme, file, rules.facts_of(file.client), known_of(file))


def cases_of(rules: Rules, file: ClientFile, facts: Facts, known: Mapping[str, PastItem]) -> Iterator[Case]:
    """The client as each programme looks at him that his events or his silence may concern."""
    if file.events:
        types = {event.type for event in file.events}
        for programme in rules.by_events:
            if not types.isdisjoint(programme.due.events):
                yield Case(rules, programme, file, facts, known)
    if file.client is not None:
        last = file.client.last_trade_on or file.client.opened_on
        for programme, latest in rules.by_silence:
            if last <= latest:
                yield Case(rules, programme, file, facts, known)


def of_case(case: Case) -> Iterator[Found]:
    """Everything that a programme owes one client for his events, or for his silence."""
    yield from _by_events(case) if case.programme.due.kind is Trigger.EVENT else _by_silence(case)


# --- events ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Matter:
    """What one or several events of a client tell of; ``keys`` are all that its item may go by, the best first."""

    keys: Sequence[str]
    events: Sequence[EventFacts]

    def others(self, key: str) -> Sequence[str]:
        """The keys of the events that are part of the item which goes by ``key``."""
        rest = [other for other in self.keys[1:] if other != key]
        return rest if len(rest) < len(self.events) else rest[1:]


def matters(case: Case) -> Iterator[Matter]:
    """The client's events that the programme names, up to the run's day, one group a matter, by time.

    Events of one type at the same instant are one (a file delivered twice under other ids), then those of one group
    key (J-09) or of one day.
    """
    types, end = case.programme.due.events, case.rules.end
    wanted = [event for event in case.file.events if event.type in types and event.at < end]
    wanted.sort(key=lambda event: (event.at, event.type, event.event_id))
    groups: dict[str, list[EventFacts]] = {}
    for _, twins in groupby(wanted, key=lambda event: (event.at, event.type)):
        same = list(twins)
        groups.setdefault(_matter(case.programme, same[0]), []).extend(same)
    for name, events in groups.items():
        yield Matter((case.key(name), *(case.key(event.event_id) for event in events)), events)


def _matter(programme: Programme, event: EventFacts) -> str:
    group = event.data.get("group")
    if programme.due.collapse != "none" and group is not None:
        return f"{event.client_id}:{group}"
    if programme.due.collapse == "day":
        return f"{event.client_id}:{event.on.isoformat()}"
    return event.event_id


@dataclass(frozen=True, slots=True)
class Opening:
    """The event with which a matter begins, and what that event alone speaks against a call-back."""

    event: EventFacts
    case: Case
    ground: str
    obstacle: Obstacle | None

    def start(self, key: str) -> Start:
        """The start of the item that goes by ``key``."""
        return Start(key, f"{self.event.type}:{self.event.event_id}", self.event.at, self.event.data, self.ground)


def opening(case: Case, matter: Matter) -> Opening | None:
    """The first event in scope against which nothing speaks, or else the first in scope; None when none is."""
    first: Opening | None = None
    for event in matter.events:
        facts = {**case.facts, "event": event.data, "event_on": event.on, "event_type": event.type}
        seen = replace(case, facts=facts)
        ground = case.rules.in_scope(case.programme, facts) if case.file.client else ""
        if ground is None:
            continue
        found = Opening(event, seen, ground, _of_event(seen, event))
        if found.obstacle is None:
            return found
        first = first or found
    return first


def _of_event(case: Case, event: EventFacts) -> Obstacle | None:
    """What lies in this one event: another event of the same matter may still start the call-back."""
    client = case.file.client
    if client is None:
        return Obstacle("unknown_client")
    if event.on < client.opened_on:
        return Obstacle("before_client", client.opened_on.isoformat())
    if undone_since(case, event.at):
        return Obstacle("undone")
    return exempted(case.programme, case.facts)


def undone_since(case: Case, since: datetime) -> str:
    """The type of the event at or after ``since`` that undid the programme's reason (D-28); empty when none did."""
    undoing = [name for name in case.programme.cancelled_by if name not in case.programme.due.events]
    end = case.rules.end
    return next((e.type for e in case.file.events if e.type in undoing and since <= e.at < end), "")


def _by_events(case: Case) -> Iterator[Found]:
    for matter in matters(case):
        key = next((key for key in matter.keys if key in case.known), matter.keys[0])
        found = [] if case.settled(key) else list(started(case, matter, key))
        yield from found
        if found or key in case.known:
            yield from collapsed(case, matter, key)


def started(case: Case, matter: Matter, key: str) -> Iterator[Found]:
    """What the matter makes due under that key, or why nothing; nothing at all when it is out of scope."""
    begun = opening(case, matter)
    if begun is None:
        return
    if begun.obstacle is not None:
        yield case.skip(key, begun.obstacle)
    else:
        yield from owe(begun.case, begun.start(key))


def collapsed(case: Case, matter: Matter, key: str) -> Iterator[Skipped]:
    """The rows of the events that are part of the item of ``key``."""
    told = Obstacle("collapsed", matter.events[0].event_id)
    yield from (case.skip(other, told) for other in matter.others(key))


# --- from a start to an item, a message or a reason ------------------------------------------------------------------


def owe(case: Case, start: Start) -> Iterator[Found]:
    """The item (and the message beside it) that begins with ``start``, or the reason why there is none."""
    ends = _ends(case, start)
    if ends is None:
        yield case.skip(start.key, Obstacle("event_date_missing"))
    else:
        unit = str(case.programme.deadline.unit) if case.programme.deadline else ""
        yield from owed_until(case, start, ends, unit)


def owed_until(case: Case, start: Start, ends: Due, unit: str) -> Iterator[Found]:
    """As ``owe``, for a deadline that is known; ``unit`` is the deadline's as the rule writes it."""
    client, programme = case.file.client, case.programme
    on = start.at.astimezone(CHINA).date()
    obstacle = case.rules.obstacle(programme, case.file, case.facts, on=on, but_for=start.key)
    if obstacle is not None or client is None:
        yield case.skip(start.key, obstacle or Obstacle("unknown_client"), ends.on)
        yield from _instead(case, start.key, obstacle, ends)
        return
    if not programme.by_voice:
        late = Obstacle("message_late", ends.on.isoformat())
        yield case.skip(start.key, late, ends.on) if ends.on < case.rules.day else _message(case, start.key, ends)
        return
    spread = lot(programme.key, start.key) if programme.spread else None
    free = case.rules.free_from(programme, case.file, case.facts)
    reach = case.rules.reach(client, ends.on, before=ends.at, spread=spread, start=free)
    if isinstance(reach, Obstacle):
        yield case.skip(start.key, reach, ends.on)
        return
    before = case.known.get(start.key)
    if before is not None and ends.provisional and before.due_on == ends.on:
        return  # planned provisionally before, and nothing more is known today
    yield Owed(client, programme, _item(case, start, ends, unit), reach)
    if programme.notice is not None:
        yield case.notice(programme.notice, f"notice:{start.key}", ends.at)


def _instead(case: Case, key: str, obstacle: Obstacle | None, ends: Due) -> Iterator[PlannedNotice]:
    """A client who wants no calls gets the pack's message instead (B-23, D-10)."""
    told = case.rules.pack.refusal
    if obstacle is not None and obstacle.code == "opted_out" and told is not None and ends.on >= case.rules.day:
        yield case.notice(told, f"refusal:{key}", ends.at)


def _message(case: Case, key: str, ends: Due) -> PlannedNotice:
    """The message of a programme that makes no calls (B-13); its contents are named like the programme by default."""
    programme = case.programme
    told = programme.notice or Notice((programme.key,), programme.channels, rule=", ".join(programme.rules))
    return case.notice(told, f"notice:{key}", ends.at)


def _item(case: Case, start: Start, ends: Due, unit: str) -> PlannedItem:
    """The item as the plan shows it."""
    programme = case.programme
    return PlannedItem(
        pack=case.rules.pack.name,
        programme=programme.key,
        title=programme.title,
        title_en=programme.title_en,
        rule_ids=programme.rules,
        trigger=start.trigger,
        trigger_key=start.key,
        due_on=ends.on,
        due_at=ends.at,
        deadline_unit=unit,
        flow=programme.flow,
        ground=start.ground,
        provisional=ends.provisional,
    )


def end_of(day: date) -> Due:
    """The deadline that ends with a day."""
    return Due(midnight(day + DAY), day)


def _ends(case: Case, start: Start) -> Due | None:
    """When it must be done; None when the date should stand in the event and does not (A-75)."""
    deadline, client = case.programme.deadline, case.file.client
    if deadline is None or client is None:
        return None
    if deadline.before != "event_date":
        return due(deadline, start.at, case.rules.calendars, branch=client.branch)
    carried = start.data.get("due_on")
    try:
        return end_of(date.fromisoformat(carried)) if isinstance(carried, str) else None
    except ValueError:
        return None


# --- silence and festivals -------------------------------------------------------------------------------------------


def _by_silence(case: Case) -> Iterator[Found]:
    """So long after the last trade (A-101, A-102), or after the opening when there was none."""
    client, after = case.file.client, case.programme.due.after
    if client is None or after is None:
        return
    key, last = _silence(case)
    if case.settled(key):
        return
    begins = due(after, midnight(last), case.rules.calendars, branch=client.branch)
    ground = case.rules.in_scope(case.programme, case.facts) if begins.on <= case.rules.day else None
    if ground is not None:
        yield from owe(case, Start(key, f"inactive:{last}", midnight(begins.on), {}, ground))


def _silence(case: Case) -> tuple[str, date]:
    """The key of the client's silence, and the day since which he is silent."""
    client = case.file.client
    last = (client.last_trade_on or client.opened_on) if client else date.min
    return case.key(f"{case.file.client_id}:{last.isoformat()}"), last


Festival = tuple[Programme, str, date]
"""A programme, and the name and the day of the festival for which it is due."""


def festivals_due(rules: Rules) -> Sequence[Festival]:
    """The festivals of which today is the last working day before, or the day itself (A-105: on the day or earlier)."""
    by_festival = (one for one in rules.programmes if one.due.kind is Trigger.FESTIVAL)
    return [
        (programme, name, day)
        for programme in by_festival
        for name in programme.due.festivals
        for day in _festival_days(rules, name)
        if _last_working_day(rules, day) <= rules.day <= day
    ]


def _festival_days(rules: Rules, name: str) -> Iterator[date]:
    for year in (rules.day.year, rules.day.year + 1):
        try:
            yield rules.calendars.festival(name, year)
        except CalendarUnknown:
            continue  # nothing is sent for a day that nobody has announced


def _last_working_day(rules: Rules, festival: date) -> date:
    calendars, day = ProvisionalCalendars(rules.calendars), festival
    while not calendars.is_working_day(day):
        day -= DAY
    return day


def of_festival(case: Case, name: str, day: date) -> Iterator[Found]:
    """What the client is owed for that festival."""
    key = case.key(f"{name}:{day.year}:{case.file.client_id}")
    wanted = case.file.client is not None and not case.settled(key)
    ground = case.rules.in_scope(case.programme, case.facts) if wanted else None
    if ground is not None:
        yield from owed_until(case, Start(key, f"festival:{name}", midnight(day), {}, ground), end_of(day), "day")


# --- what is no longer owed ------------------------------------------------------------------------------------------


def undone(rules: Rules, file: ClientFile) -> Iterator[Cancelled]:
    """Open items whose reason is gone (J-06, J-13): undone by an event, the account closed, a silent client traded."""
    for past in file.past:
        programme = rules.pack.programmes.get(past.programme) if past.state == ItemState.OPEN else None
        reason = _undoing(Case(rules, programme, file, {}, {}), past) if programme is not None else ""
        if reason:
            yield Cancelled(past.trigger_key, past.callback_id, reason)


def _undoing(case: Case, past: PastItem) -> str:
    client, programme = case.file.client, case.programme
    origin = [e for matter in matters(case) if past.trigger_key in matter.keys for e in matter.events]
    reason = undone_since(case, max((event.at for event in origin), default=midnight(past.planned_on)))
    if reason or client is None:
        return reason
    if client.status == "closed" and all(event.type != CLOSING for event in origin):
        return CLOSING
    traded = programme.due.kind is Trigger.INACTIVE and past.trigger_key != _silence(case)[0]
    return "traded" if traded else ""
