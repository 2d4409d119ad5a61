"""The gate told a second time, slowly: every reason as a plain sentence about sets of minutes and lists of attempts.

It shares no code with the gate but the value types; Chinese time is UTC plus eight hours, as it has been since 1992.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from core.errors import CalendarUnknown
from dialer.gate import GateInput
from dialer.programmes.facts import ClientFacts, PastAttempt
from dialer.programmes.model import Cap, CapPer, ContactRules, DayKind, Hours, Pack

EIGHT = timedelta(hours=8)
SECOND = timedelta(seconds=1)
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
WINDOW_CODES = {"not_a_calling_day", "outside_window", "against_wish", "preference_unreadable", "calendar_unknown"}
CALLER_CODES = {"caller_left", "introducer", "series_avoided", "series_unknown", "not_this_executor"}
GOOD_PHONES = {"13900000001", "057187654321", "+85221234567"}

WHEN: Mapping[str, Callable[[ClientFacts], bool | None]] = {
    "kind == 'institution'": lambda client: client.kind == "institution",
    "'margin' in tags": lambda client: "margin" in client.tags,
    "asset_total >= 1000": lambda client: None if client.asset_total is None else client.asset_total >= 1000,
}
"""The expressions that the packs of the tests use, and what they mean; None: it is not known."""


@dataclass
class Days:
    """A calendar made of sets; outside of ``known`` it knows nothing."""

    working: set[date] = field(default_factory=set)
    trading: set[date] = field(default_factory=set)
    closed: set[tuple[str, date]] = field(default_factory=set)
    unknown: set[date] = field(default_factory=set)
    digest: str = "sets"

    def is_working_day(self, day: date) -> bool:
        return self._in(self.working, day)

    def is_trading_day(self, day: date, exchange: str = "XSHG") -> bool:
        return self._in(self.trading, day)

    def is_branch_holiday(self, branch: str, day: date) -> bool:
        return (branch, day) in self.closed

    def festival(self, name: str, year: int) -> date:
        raise CalendarUnknown(f"no {name} in {year}")

    def _in(self, days: set[date], day: date) -> bool:
        if day in self.unknown:
            raise CalendarUnknown(f"nothing is known of {day}")
        return day in days


def reasons(asked: GateInput) -> list[str]:
    """The code of every reason against the call, sorted; a code stands there as often as there are reasons for it."""
    found = [*_client(asked), *_callback(asked), *_node(asked)]
    if asked.pack is None:
        found.append("pack_unreadable")
    elif asked.pack.open_values or asked.pack.contact is None:
        found.append("open_values")
    else:
        rules = asked.pack.contact
        found += sorted(windows(asked))
        found += ["cap_reached" for cap in rules.caps if cap_is_full(cap, asked)]
        found += [*_pace(asked, rules), *_programmes(asked, asked.pack), *callers(asked)]
    return sorted(found)


def _client(asked: GateInput) -> Iterator[str]:
    if asked.client.status == "closed":
        yield "client_closed"
    if asked.client.phone_opt_out:
        yield "opted_out"
    if asked.phone not in asked.client.phones or asked.phone not in GOOD_PHONES:
        yield "no_phone"
    yield from ["client_in_a_call"] * asked.in_a_call


def _callback(asked: GateInput) -> Iterator[str]:
    callback = asked.callback
    if callback is None or not callback.open:
        yield "nothing_owed"
        return
    if _local(asked.now).date() > callback.due_on or (callback.due_at and callback.due_at <= asked.now):
        yield "expired"
    if callback.provisional:
        yield "provisional"
    if not callback.flow_approved:
        yield "flow_not_approved"
    rules = asked.pack.contact if asked.pack and not asked.pack.open_values else None
    if callback.appointment_at is not None and callback.not_before <= callback.appointment_at:
        early = callback.appointment_at - (rules.appointment_early if rules else timedelta(0))
        if asked.now < early:
            yield "too_early"
    elif asked.now < callback.not_before:
        yield "too_early"


def _node(asked: GateInput) -> Iterator[str]:
    node, callback = asked.node, asked.callback
    if node is not None:
        yield from ["recorder_not_ready"] * (not node.recorder_ready)
        yield from ["line_not_ready"] * (not node.line_ready)
        yield from ["draining"] * node.draining
        if callback is not None and callback.needs_agent and node.agents_free in (None, 0):
            yield "no_agent_at_hand"


def windows(asked: GateInput) -> set[str]:
    """What the day, the windows and the client's wish say."""
    local, prefers, found = _local(asked.now), asked.client.prefers, set[str]()
    agreed = asked.callback is not None and asked.callback.appointment_at is not None
    minute = f"{local:%H:%M}"
    if not agreed and prefers.get("days") == ["caturday"]:
        found.add("preference_unreadable")
    elif not agreed:
        wrong_day = bool(prefers.get("days")) and DAYS[local.weekday()] not in prefers["days"]  # type: ignore[operator]
        spans = [str(span).split("-") for span in prefers.get("windows", [])]  # type: ignore[attr-defined]
        wrong_time = bool(spans) and not any(start <= minute < end for start, end in spans)
        found |= {"against_wish"} if wrong_day or wrong_time else set()
    try:
        open_days = [hours for hours in hours_of(asked, agreed) if _day_counts(hours.days, asked)]
    except CalendarUnknown:
        return found | {"calendar_unknown"}
    if not open_days:
        return found | {"not_a_calling_day"}
    allowed = {text for hours in open_days for text in _minutes(hours, local.weekday())}
    return found if minute in allowed else found | {"outside_window"}


def hours_of(asked: GateInput, agreed: bool) -> list[Hours]:
    """The hours that hold for this client: those of his segment, and for an appointment those kept for appointments."""
    found = asked.pack.contact.windows if asked.pack and asked.pack.contact else None
    if found is None:
        return []
    mine = [segment.hours for segment in found.segments if WHEN[segment.when.text](asked.client)]
    ordinary = mine[0] if mine else found.hours
    return [ordinary, found.appointments] if agreed and found.appointments else [ordinary]


def _day_counts(kind: DayKind, asked: GateInput) -> bool:
    day = _local(asked.now).date()
    if kind == "every_day":
        return True
    if asked.client.branch and asked.calendars.is_branch_holiday(asked.client.branch, day):
        return False
    return asked.calendars.is_working_day(day) if kind == "working_day" else asked.calendars.is_trading_day(day)


def _minutes(hours: Hours, weekday: int) -> Iterator[str]:
    """Every open minute of that weekday, ``HH:MM``."""
    for span in hours.weekdays.get(weekday, hours.every):
        first, end = (clock.hour * 60 + clock.minute for clock in (span.start, span.end))
        yield from (f"{minute // 60:02}:{minute % 60:02}" for minute in range(first, end))


def cap_is_full(cap: Cap, asked: GateInput) -> bool:
    """Whether the cap stops this call."""
    mine = asked.callback.programmes if asked.callback else frozenset()
    if mine and all(programme in cap.exempt for programme in mine):
        return False
    if cap.when is not None and WHEN[cap.when.text](asked.client) is False:
        return False
    made = 0
    for past in asked.attempts + (asked.elsewhere if cap.by_number else ()):
        made += _fills(cap, past, asked)
    return made >= cap.most


def _fills(cap: Cap, past: PastAttempt, asked: GateInput) -> bool:
    if past.programmes and all(programme in cap.exempt for programme in past.programmes):
        return False
    if cap.by_number and past.phone not in ("", asked.phone):
        return False
    if (past.disposition != "answered") if cap.answered_only else not past.counts:
        return False
    if cap.per == "24h":
        return asked.now - past.started_at < timedelta(days=1)
    return period(cap.per, _local(past.started_at).date()) == period(cap.per, _local(asked.now).date())


def period(per: CapPer, day: date) -> tuple[int, ...]:
    """A name for the calendar period that contains ``day``."""
    week = day.isocalendar()
    names: Mapping[str, tuple[int, ...]] = {
        "day": (day.year, day.month, day.day),
        "week": (week.year, week.week),
        "month": (day.year, day.month),
        "quarter": (day.year, (day.month + 2) // 3),
        "half_year": (day.year, day.month > 6),
        "year": (day.year,),
    }
    return names[per]


def _pace(asked: GateInput, rules: ContactRules) -> Iterator[str]:
    reached = [past for past in asked.attempts if past.counts]
    if any(asked.now - past.started_at < rules.interval for past in reached):
        yield "too_soon"
    if asked.callback is not None:
        mine = [past for past in reached if past.callback_id == asked.callback.callback_id]
        yield from ["attempts_used_up"] * (len(mine) >= rules.retries.total)


def _programmes(asked: GateInput, pack: Pack) -> Iterator[str]:
    callback = asked.callback
    if callback is None:
        return
    by_hand = callback.mode == "manual"
    for key in callback.programmes:
        if key not in pack.programmes:
            yield "programme_gone"
            continue
        yield from ["programme_open"] * bool(pack.programmes[key].open_values)
        yield from ["not_by_voice"] * (set(pack.programmes[key].channels) <= {"sms", "visit"})
        by_hand = by_hand or not pack.programmes[key].automatic
    if by_hand and asked.caller is None:
        yield "not_by_machine"


def callers(asked: GateInput) -> Iterator[str]:
    """What speaks against the member of staff who wants to call."""
    caller, pack = asked.caller, asked.pack
    if caller is None or pack is None:
        return
    mine = asked.callback.programmes if asked.callback else frozenset()
    rules = [rule for rule in pack.avoidance if not rule.programmes or not mine or rule.programmes & mine]
    known = {pack.programmes[key].executor for key in mine if key in pack.programmes}
    names = known or ({asked.callback.executor} if asked.callback else set())
    executors = [pack.executors[name] for name in names if name in pack.executors]
    yield from ["caller_left"] * (caller.left_on is not None and caller.left_on < _local(asked.now).date())
    if caller.staff_id == asked.client.introducer_id:
        own_staff = bool(executors) and {executor.level for executor in executors} == {"staff"}
        yield from ["introducer"] * (not own_staff or any(rule.introducer for rule in rules))
    yield from ["series_unknown"] * (caller.series == "" and any(rule.series for rule in rules))
    yield from ["series_avoided" for rule in rules if caller.series in rule.series]
    yield from ["not_this_executor" for one in executors if one.series and caller.series not in one.series]


def _local(moment: datetime) -> datetime:
    """Chinese wall-clock time."""
    return moment.astimezone(UTC).replace(tzinfo=None) + EIGHT
