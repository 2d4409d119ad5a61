"""A campaign: planner by night, dispatcher by day, on a clock that jumps from one moment to the next.

The rule of this module: it decides nothing. Who is called comes from the planner, whether from the gate, in which order
from ``dispatch``, what follows from ``settling``; what the client does is drawn by ``far_end``.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from random import Random

from core.calendars import DAY, Calendars, ProvisionalCalendars
from core.clock import CHINA, china
from core.errors import CalendarUnknown
from dialer.calling.dispatch import LOOK_AGAIN, look_again, next_look
from dialer.calling.dispositions import NOT_THE_CLIENTS, Disposition
from dialer.calling.numbers import next_number
from dialer.calling.outcomes import CANCELLED
from dialer.gate import CallbackFacts, GateInput, NodeFacts, judge
from dialer.planning.plan import Refused
from dialer.planning.planner import plan
from dialer.programmes.facts import BadPreference, ClientFacts, ClientFile, EventFacts, PastAttempt
from dialer.programmes.model import Pack
from dialer.programmes.windows import Interval, Times, times_of, windows_on
from dialer.simulation.books import Books, Callback, version_of
from dialer.simulation.far_end import Reply, reply
from dialer.simulation.population import Firm, People, event_types
from dialer.simulation.queue import Agenda, Queue
from dialer.simulation.settling import Closing, Settled, Settling, settle
from dialer.simulation.statistics import Statistics
from dialer.simulation.usage import Usage
from dialer.tables import CallbackMode, CallbackState

IN_A_CALL = "client_in_a_call"
"""Not the gate's: the client is on the line already, about another call-back."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What is simulated: ``days`` from ``start`` on, of a firm with ``clients`` clients.

    ``wrap_up`` is how long an agent is busy after a talk, ``plan_at`` the Chinese time at which the planner runs.
    """

    pack: Pack
    calendars: Calendars
    statistics: Statistics
    clients: int
    days: int
    seed: int
    start: date
    channels: int = 10
    agents: int = 5
    calls_per_second: float = 2.0
    wrap_up: timedelta = timedelta(seconds=20)
    plan_at: time = time(2)


@dataclass(frozen=True, slots=True)
class Call:
    """One attempt; ``place`` is its place among the client's attempts."""

    at: datetime
    callback: Callback
    phone: str
    place: int
    reply: Reply
    programmes: frozenset[str]


@dataclass(slots=True)
class Campaign:
    """What a campaign did; ``calls`` in the order of dialing, ``events`` by type of what the planner was told."""

    setup: Setup
    books: Books
    firm: Firm
    usage: Usage
    events: list[EventFacts] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    refusals: Counter[str] = field(default_factory=Counter)
    follow_ups: Counter[str] = field(default_factory=Counter)
    refused: tuple[Refused, ...] = ()


def run_campaign(setup: Setup, *, on_day: Callable[[], None] | None = None) -> Campaign:
    """Simulate it; the same setup gives the same campaign. ``on_day`` is called when a day is over.

    OpenValue when the pack leaves open what every call needs.
    """
    running = _Running(setup)
    for number in range(setup.days):
        running.day(setup.start + number * DAY)
        if on_day is not None:
            on_day()
    return running.end()


class _Running:
    """A campaign while it goes on."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._rules = setup.pack.runnable()
        self._people = People(
            setup.statistics.firm,
            event_types(setup.pack),
            clients=setup.clients,
            start=setup.start,
            days=setup.days,
            seed=setup.seed,
        )
        self._firm = self._people.firm
        self._look_at = self._night_of(setup.start)
        usage = Usage(setup.channels, self._look_at)
        self._agenda = Agenda(usage)
        self._queue = Queue(self._agenda, usage, self._open_until)
        self._books = Books(self._queue.remove)
        self._usage = usage
        self._campaign = Campaign(setup, self._books, self._firm, usage)
        self._gap = timedelta(seconds=1 / setup.calls_per_second)
        self._flows = {one.flow: frozenset({version_of(one.flow)}) for one in setup.pack.programmes.values()}
        self._attempts: dict[str, list[PastAttempt]] = defaultdict(list)
        self._on_the_line: set[str] = set()
        self._agents_busy: list[datetime] = []
        self._windows: dict[tuple[object, ...], tuple[Interval, ...]] = {}

    def day(self, day: date) -> None:
        """The night that plans ``day``, then everything until the next night."""
        self._windows.clear()
        self._night(day)
        self._dial(self._night_of(day + DAY))

    def end(self) -> Campaign:
        """Close what was due on the last day."""
        after = self._setup.start + self._setup.days * DAY
        self._books.expire(after, self._night_of(after))
        return self._campaign

    # --- the night ---------------------------------------------------------------------------------------------------

    def _night_of(self, day: date) -> datetime:
        return datetime.combine(day, self._setup.plan_at, CHINA).astimezone(UTC)

    def _night(self, day: date) -> None:
        at, setup, first = self._night_of(day), self._setup, day == self._setup.start
        self._books.expire(day, at)
        self._campaign.events += self._people.let_pass(day - DAY, working=_works(setup.calendars, day - DAY))
        self._books.tell(self._firm)
        made = plan(
            setup.pack,
            self._firm,
            day=day,
            calendars=setup.calendars,
            key=f"simulation:{setup.seed}",
            since=None if first else day - DAY,
            flow_hashes=self._flows,
        )
        self._firm.keep(made.draws)
        self._firm.touched.clear()
        self._campaign.refused = made.refused
        for callback in self._books.take_in(made, at):
            if callback.dialable:
                self._queue.place(callback)

    # --- the day -----------------------------------------------------------------------------------------------------

    def _dial(self, until: datetime) -> None:
        """Look for work as a node does, until ``until``; looks at which nothing can have changed are passed over."""
        while self._look_at < until:
            self._agenda.happen(self._look_at)
            dialed = self._free() and self._look(self._look_at)
            worth = self._look_at if self._free() and not self._queue.empty() else self._agenda.first() or until
            self._look_at = next_look(self._look_at, dialed=dialed, gap=self._gap, worth=min(worth, until))
        self._agenda.happen(until)

    def _free(self) -> bool:
        return self._usage.busy < self._setup.channels

    def _look(self, now: datetime) -> bool:
        """Take the most pressing call-back through the gate; True when it was dialed."""
        for callback in self._queue.take(self._setup.channels):
            asked = self._asked(callback, now)
            verdict = judge(asked)
            engaged = callback.client_id in self._on_the_line
            if verdict.allowed and asked.phone is not None and not engaged:
                self._call(callback, asked, asked.phone)
                return True
            self._campaign.refusals.update({reason.code for reason in verdict.reasons} or {IN_A_CALL})
            callback.next_attempt_at = now + LOOK_AGAIN if verdict.allowed else look_again(asked, verdict)
            self._queue.place(callback)
        return False

    def _asked(self, callback: Callback, now: datetime) -> GateInput:
        client, attempts = self._client(callback), self._attempts[callback.client_id]
        return GateInput(
            now=now,
            client=client,
            phone=next_number(client.phones, self._mine(callback)),
            callback=self._facts(callback),
            attempts=tuple(attempts),
            pack=self._setup.pack,
            calendars=self._setup.calendars,
            node=NodeFacts(recorder_ready=True, line_ready=True, draining=False, agents_free=self._agents_free(now)),
        )

    def _facts(self, callback: Callback) -> CallbackFacts:
        owed = frozenset(item.planned.programme for item in callback.owed)
        return CallbackFacts(
            callback_id=callback.callback_id,
            open=callback.state is CallbackState.PLANNED and bool(owed),
            due_on=callback.due_on,
            not_before=callback.next_attempt_at,
            programmes=owed,
            executor=callback.executor,
            due_at=callback.due_at,
            appointment_at=callback.appointment_at,
            provisional=callback.provisional,
            mode=CallbackMode.AUTOMATIC if callback.automatic else CallbackMode.MANUAL,
        )

    def _client(self, callback: Callback) -> ClientFacts:
        return known(self._firm.files[callback.client_id])

    def _mine(self, callback: Callback) -> list[PastAttempt]:
        return [past for past in self._attempts[callback.client_id] if past.callback_id == callback.callback_id]

    def _agents_free(self, now: datetime) -> int:
        while self._agents_busy and self._agents_busy[0] <= now:
            heapq.heappop(self._agents_busy)
        return self._setup.agents - len(self._agents_busy)

    def _open_until(self, callback: Callback, moment: datetime) -> datetime | None:
        """The end of the window in which ``moment`` lies; None outside, or when nobody knows."""
        day, client = china(moment).date(), self._client(callback)
        try:
            times = times_of(self._rules.windows, client, day, appointment=callback.appointment_at is not None)
            windows = self._windows_on(times, day)
        except (BadPreference, CalendarUnknown):
            return None
        return next((end for begin, end in windows if begin <= moment < end), None)

    def _windows_on(self, times: Times, day: date) -> tuple[Interval, ...]:
        key = (tuple(map(id, times.hours)), times.wish, times.branch, day)
        if key not in self._windows:
            self._windows[key] = windows_on(times, day, self._setup.calendars)
        return self._windows[key]

    # --- one call ----------------------------------------------------------------------------------------------------

    def _call(self, callback: Callback, asked: GateInput, phone: str) -> None:
        made, now = self._attempts[callback.client_id], asked.now
        chance = Random(f"{self._setup.seed}:{callback.client_id}:{len(made)}")  # noqa: S311 - statistics
        limit = self._rules.ring_limit.total_seconds()
        answer = reply(self._setup.statistics.far_end, chance, at=now, ring_limit_s=limit)
        programmes = frozenset(item.planned.programme for item in callback.items)
        call = Call(now, callback, phone, len(made), answer, programmes)
        made.append(PastAttempt(callback.callback_id, programmes, now, phone=phone))
        self._campaign.calls.append(call)
        self._queue.remove(callback)
        callback.state = CallbackState.CALLING
        self._on_the_line.add(callback.client_id)
        self._usage.busy += 1
        rung = now + _whole(answer.ring_s)
        if answer.does == "agent":
            self._agenda.put(rung, partial(self._wants_agent, call))
        else:
            self._agenda.put(rung + _whole(answer.talk_s), partial(self._ended, call, answer))

    def _wants_agent(self, call: Call, now: datetime) -> None:
        """An answered call that needs an agent: it gets one for as long as it lasts, or the promise of another call."""
        answer = call.reply
        if self._agents_free(now) <= 0:
            promised = replace(answer, does="promised", talk_s=answer.promised_s)
            self._agenda.put(now + _whole(promised.talk_s), partial(self._ended, call, promised))
            return
        ends = now + _whole(answer.talk_s)
        heapq.heappush(self._agents_busy, ends + self._setup.wrap_up)
        self._agenda.put(ends, partial(self._ended, call, answer))

    def _ended(self, call: Call, answer: Reply, now: datetime) -> None:
        callback, made = call.callback, self._attempts[call.callback.client_id]
        counts = answer.disposition not in NOT_THE_CLIENTS
        made[call.place] = replace(made[call.place], disposition=answer.disposition, counts=counts)
        self._usage.busy -= 1
        self._on_the_line.discard(callback.client_id)
        callback.state = CallbackState.PLANNED
        callback.dispositions.append(answer.disposition)
        if answer.disposition is Disposition.ANSWERED:
            callback.heard |= callback.flows
        by = Settling(self._rules, self._setup.calendars, now, self._client(callback), self._mine(callback))
        self._settled(callback, settle(callback, answer, by), now)

    def _settled(self, callback: Callback, settled: Settled, now: datetime) -> None:
        if isinstance(settled, Closing):
            self._books.close(callback, settled.outcome, settled.reason, now)
            return
        if not callback.owed:
            self._books.close(callback, None, CANCELLED, now)
            return
        callback.next_attempt_at = settled.step.at
        callback.follow_up, callback.appointment_at = settled.follow_up, settled.appointment_at
        if settled.kind:
            callback.moved[settled.kind] += 1
            self._campaign.follow_ups[settled.kind] += 1
        self._queue.place(callback)


def known(file: ClientFile) -> ClientFacts:
    """The client of a file; in a simulation everybody was imported."""
    if file.client is None:
        raise LookupError(file.client_id)
    return file.client


def _works(calendars: Calendars, day: date) -> bool:
    """Whether business goes on that day; plain weekdays where the calendar ends."""
    return ProvisionalCalendars(calendars).is_working_day(day)


def _whole(seconds: float) -> timedelta:
    """To the millisecond, as call records are."""
    return timedelta(milliseconds=round(seconds * 1000))
