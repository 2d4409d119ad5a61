"""From a callback whose time has come to the right to send one INVITE: claim, gate, script, gate again, lease.

The rule of this module: every step is one transaction of the store, and whatever stops a callback on the way leaves a
refusal that says why (design rules 1 and 2).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from sqlalchemy.orm import Session

from core.calendars import Calendars
from core.clock import CHINA, china
from core.errors import HuifangError
from dialer.calling import ledger
from dialer.calling.dispatch import IDLE, NEEDS_A_PERSON, look_again, wanted_flow
from dialer.calling.pacing import PacingVerdict, rules_of
from dialer.calling.pacing_facts import Pacer
from dialer.calling.scripts import ScriptUnready
from dialer.calling.session import Script
from dialer.calling.told import Told
from dialer.gate import NO_LINE, NodeFacts, Verdict, judge
from dialer.planning import lookup
from dialer.programmes.model import ContactRules
from dialer.programmes.windows import Times, first_moment, part_end
from dialer.rooms import Rooms
from dialer.tables import Callback
from dialer.trunks.books import Trunks, faults
from dialer.trunks.choosing import NoTrunk, tried
from ivr_flows import register
from ivr_flows.merging import JOINED
from ivr_flows.model import End, Flow, Handoff, targets
from recordings import sealing
from recordings.errors import RecorderNotReady
from recordings.writer import Spool

logger = logging.getLogger(__name__)

LOOK = 20  # how many callbacks one look asks the gate about
SLOTS = 3  # times that a client may choose from
IDLE_S = 0.5  # how long the node waits before it looks for work that others may have made


@dataclass(frozen=True, slots=True)
class Waiting:
    """A callback that the gate let through a moment ago; its script is being made ready."""

    callback_id: str
    flow: str
    told: Told


@dataclass(frozen=True, slots=True)
class Allowed:
    """What the gate let through: its verdict, and the number."""

    verdict: Verdict
    phone: str


@dataclass(frozen=True, slots=True)
class Leased:
    """The right to send one INVITE, and where."""

    lease: ledger.Lease
    client_id: str
    uri: str
    trunk: str
    script: Script


class Claims:
    """The road of a callback to its INVITE, as one node walks it."""

    def __init__(self, rooms: Rooms, spool: Spool) -> None:
        """OpenValue when the pack leaves a value open that calling needs."""
        self.draining = False
        self.incarnation: str | None = None  # of this node's process; None: it has not joined the others
        self._again_at: datetime | None = rooms.clock.now()  # when there may be work; None: when others make some
        self._promised: Days | None = None
        self._rooms = rooms
        self._spool = spool
        self._node = rooms.settings.node.name
        self._rules = rooms.pack.runnable()
        self._pacer = Pacer(rules_of(rooms.settings), flows=rooms.scripts.flow, avoided=rooms.pack.series_avoided)
        self._trunks = Trunks(rooms.settings, health=rooms.line.health)
        self._barred: NoTrunk | None = None  # what kept the last look from any trunk

    def next_call(self, session: Session) -> Leased | Waiting | None:
        """Lease the most pressing callback that the gate lets through; None when there is none now.

        When its script has to be read or spoken first, it is only claimed, and asked for again (``lease``).
        """
        now = self._rooms.clock.now()
        self._trunks.keep_health(session, now)
        self._again_at, self._barred = ledger.next_due(session), None
        if self._again_at is None or self._again_at > now:
            return None
        for limit in (1, LOOK):  # the first one mostly may be called
            found = self._most_pressing(session, now, limit)
            if found is not None or self._freed_at():
                break
        if found is None:
            self._again_at = self._freed_at() or ledger.next_due(session, after=now)
        return found

    def _freed_at(self) -> datetime | None:
        """When a trunk in order takes the next call; None when that is not what is waited for."""
        return self._barred.again_at if self._barred and self._barred.waits else None

    def _most_pressing(self, session: Session, now: datetime, limit: int) -> Leased | Waiting | None:
        ready = ledger.ready(session, now, limit=limit, node=self._node)
        self._barred = self._trunks.look(session, now) if ready else None
        if not ready or (self._barred and self._barred.waits):
            return None  # every trunk in order is full: that is no refusal, the callbacks keep their places
        look = self._pacer.look(session, now, lock=True)
        for callback in ready:
            paced = look.verdict(callback)
            if not paced.allowed:
                continue  # not yet: pacing is no refusal, the callback keeps its place
            flow = wanted_flow(callback)
            told = self._told(session, callback, flow, now)
            script = self._at_once(flow, told)
            allowed = self._judge(session, callback, now, script)
            if allowed is not None and script is not None:
                return self._lease(session, callback, allowed, paced=paced, script=script, now=now)
            if allowed is not None:
                ledger.claim(callback, self._node, now)
                return Waiting(callback.callback_id, flow, told)
        return None

    @property
    def learning_due(self) -> bool:
        """Whether pacing should read the books anew (``learn``)."""
        return self._pacer.due(self._rooms.clock.now())

    def learn(self) -> None:
        """Read history and the ledger of abandoned calls anew, off the event loop, beside the store's thread."""
        self._rooms.scripts.look_again()
        with self._rooms.db.session() as session:
            self._pacer.refresh(session, self._rooms.clock.now())

    def idle_for(self) -> float:
        """Seconds until there may be something to dial, as the last look saw it.

        ``IDLE_S`` at most: others may make work. While all trunks are full, the time until one may take a call.
        """
        if self._again_at is None:
            return IDLE_S
        return min(IDLE_S, max(0.0, (self._again_at - self._rooms.clock.now()).total_seconds()))

    def prepare(self, waiting: Waiting) -> Script:
        """The script for this client; ScriptUnready when his data lacks what it says. Reads files, may speak."""
        return self._rooms.scripts.prepare(waiting.flow, waiting.told)

    def _at_once(self, flow: str, told: Told) -> Script | None:
        try:
            return self._rooms.scripts.at_once(flow, told)
        except ScriptUnready:  # told when it is prepared, with its refusal
            return None

    def _told(self, session: Session, callback: Callback, flow: str, now: datetime) -> Told:
        ask_events = self._rooms.scripts.asks_of_events(flow, callback.client.language)
        return told_of(session, callback, self._days(now), ask_events=ask_events)

    def _days(self, now: datetime) -> Days:
        """What is promised and offered today; worked out once a day."""
        today = china(now).date()
        if self._promised is None or self._promised.today != today:
            self._promised = days_to_name(self._rules, self._rooms.calendars, now)
        return self._promised

    def unready(self, waiting: Waiting, error: HuifangError, session: Session) -> None:
        """Keep the reason why a script could not be made ready as a refusal."""
        now = self._rooms.clock.now()
        lacking = "、".join(error.missing) if isinstance(error, ScriptUnready) else "请运行 huifang doctor 查看原因"
        text = f"话术无法对该客户播放：{lacking}"
        reason = {"code": "script_unready", "text": text, "text_en": str(error), "rule": "C-06"}
        callback = session.get_one(Callback, waiting.callback_id)
        ledger.refused(session, callback, [reason], at=now, again_at=now + NEEDS_A_PERSON)

    def lease(self, waiting: Waiting, script: Script, session: Session) -> Leased | None:
        """The gate again, at the instant of dialing, then the attempt's row (design rules 1 and 2)."""
        now = self._rooms.clock.now()
        callback = session.get_one(Callback, waiting.callback_id, with_for_update=True)  # rows before pacing's lock
        allowed = self._judge(session, callback, now, script)
        if allowed is None:
            return None
        paced = self._pacer.look(session, now, lock=True).verdict(callback)
        if not paced.allowed:  # another node was faster: not yet
            callback.claimed_by = callback.claimed_until = None
            return None
        return self._lease(session, callback, allowed, paced=paced, script=script, now=now)

    def _lease(
        self,
        session: Session,
        callback: Callback,
        allowed: Allowed,
        *,
        paced: PacingVerdict,
        script: Script,
        now: datetime,
    ) -> Leased | None:
        key, failed = f"{callback.callback_id}:{len(callback.attempts)}", tried(faults(callback.attempts))
        taken = self._trunks.take(session, now, key=key, avoid=failed)
        if isinstance(taken, NoTrunk):
            self._barred = taken
            callback.claimed_by = callback.claimed_until = None
            return None
        lease = ledger.lease(
            session,
            callback,
            node=self._node,
            phone=allowed.phone,
            gate=allowed.verdict.as_json(),
            flow=JOINED.join(script.flow.parts),
            flow_hash=script.flow.hash,
            ring_limit_s=self._rules.ring_limit.total_seconds(),
            reserves_agent=paced.reserves_agent,
            trunk=taken.name,
            incarnation=self.incarnation,
            at=now,
        )
        if lease is None:
            return None
        sealing.begin(session, recording_id=lease.recording_id, attempt_id=lease.attempt_id, node=self._node, at=now)
        return Leased(lease, callback.client_id, f"sip:{allowed.phone}@{taken.address}", taken.name, script)

    def _judge(
        self, session: Session, callback: Callback, now: datetime, script: Script | None = None
    ) -> Allowed | None:
        """The gate's verdict and the number to dial when it is yes; a no is kept as a refusal.

        ``script`` is the one made ready for the call, None when the callback is only looked at.
        """
        certain = script is not None and rings_an_agent(script.flow)
        asked = lookup.gate_input(
            session,
            callback,
            now=now,
            pack=self._rooms.pack,
            calendars=self._rooms.calendars,
            node=self._facts(lookup.agents_free(session) if certain else None),
            flow_approved=script is None
            or (_asked_for(script.flow, callback) and register.is_approved(session, script.flow.hash)),
            needs_agent=certain,
        )
        verdict = judge(asked)
        if verdict.allowed and asked.phone is not None:
            return Allowed(verdict, asked.phone)
        if self.draining:  # that is this node's reason only: others may dial it at once
            callback.claimed_by = callback.claimed_until = None
            return None
        reasons = [reason.as_json() for reason in verdict.reasons]
        again_at = look_again(asked, verdict)
        if self._barred and all(reason.code == NO_LINE.code for reason in verdict.reasons):
            again_at = max(now + IDLE, min(again_at, self._barred.again_at))
        ledger.refused(session, callback, reasons, at=now, again_at=again_at)
        return None

    def _facts(self, free: int | None) -> NodeFacts:
        try:
            self._spool.ready()
            recorder = True
        except RecorderNotReady as error:
            logger.error("the recorder is not ready: %s", error)  # noqa: TRY400 - its message says all
            recorder = False
        barred = self._barred
        return NodeFacts(
            recorder_ready=recorder,
            line_ready=barred is None,
            draining=self.draining,
            agents_free=free,
            line_fault=(barred.text, barred.text_en) if barred else None,
        )


@dataclass(frozen=True, slots=True)
class Days:
    """The days and times that scripts name: today, the day of a promised call, and times to choose from (B-20)."""

    today: date
    promised: date
    slots: tuple[datetime, ...]


def days_to_name(rules: ContactRules, calendars: Calendars, now: datetime) -> Days:
    """The next day with a window, and the first instants of the next ``SLOTS`` parts of days with one."""
    times, today = Times((rules.windows.hours,)), china(now).date()
    tomorrow = datetime.combine(today + timedelta(days=1), time(0), CHINA)
    until = tomorrow.date() + timedelta(days=30)
    slots: list[datetime] = []
    after = tomorrow
    while len(slots) < SLOTS and (found := first_moment(times, calendars, after=after, until=until)):
        slots.append(found)
        after = part_end(found)
    return Days(today, china(slots[0] if slots else tomorrow).date(), tuple(slots))


def told_of(session: Session, callback: Callback, days: Days, *, ask_events: bool) -> Told:
    """What a call of ``callback`` on that day may speak; ``ask_events``: also what its events brought."""
    return Told(
        callback.client,
        days.promised,
        days.today,
        marketer=lookup.marketer(session, callback.client),
        slots=days.slots,
        event=lookup.event_data(session, callback) if ask_events else {},
    )


def rings_an_agent(flow: Flow) -> bool:
    """Whether every way through the script leads to an agent, so that a call without one is pointless."""
    seen, ahead = set[str](), [flow.entry]
    while ahead:
        name = ahead.pop()
        step = flow.steps[name]
        if isinstance(step, End):
            return False
        if name not in seen and not isinstance(step, Handoff):
            seen.add(name)
            ahead += targets(step).values()
    return True


def _asked_for(flow: Flow, callback: Callback) -> bool:
    """Whether ``flow`` is the script of the callback now; a plan may have changed while it was made ready (C-06)."""
    return (JOINED.join(flow.parts), flow.language) == (wanted_flow(callback), callback.client.language)
