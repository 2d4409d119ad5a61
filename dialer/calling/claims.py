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
from dialer.calling.dispatch import NEEDS_A_PERSON, look_again
from dialer.calling.scripts import ScriptUnready
from dialer.calling.session import Script
from dialer.gate import NodeFacts, Verdict, judge
from dialer.planning import lookup
from dialer.programmes.model import ContactRules
from dialer.programmes.windows import Times, first_moment
from dialer.rooms import Rooms
from dialer.tables import Callback, Client
from ivr_flows.model import End, Flow, Handoff, targets
from recordings import sealing
from recordings.errors import RecorderNotReady
from recordings.writer import Spool

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A callback that the gate let through a moment ago; its script is being made ready."""

    callback_id: str
    flow: str
    client: Client
    marketer: str | None


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
    script: Script


class Claims:
    """The road of a callback to its INVITE, as one node walks it."""

    def __init__(self, rooms: Rooms, spool: Spool) -> None:
        """OpenValue when the pack leaves a value open that calling needs."""
        self.draining = False
        self._rooms = rooms
        self._spool = spool
        self._node = rooms.settings.node.name
        self._rules = rooms.pack.runnable()

    def next_allowed(self, session: Session) -> Waiting | None:
        """Claim the most pressing callback that the gate lets through; None when there is none now."""
        now = self._rooms.clock.now()
        for callback in ledger.ready(session, now, limit=self._rooms.settings.line.channels, node=self._node):
            if self._judge(session, callback, now) is not None:  # asked again when the script is ready
                ledger.claim(callback, self._node, now)
                marketer = lookup.marketer(session, callback.client)
                return Waiting(callback.callback_id, callback.flow, callback.client, marketer)
        return None

    def prepare(self, waiting: Waiting) -> Script:
        """The script for this client; ScriptUnready when his data lacks what it says. Reads files, may speak."""
        now = self._rooms.clock.now()
        day = next_calling_day(self._rules, self._rooms.calendars, now)
        return self._rooms.scripts.prepare(
            waiting.flow, waiting.client, marketer=waiting.marketer, callback_day=day, today=china(now).date()
        )

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
        callback = session.get_one(Callback, waiting.callback_id)
        allowed = self._judge(session, callback, now, script)
        if allowed is None:
            return None
        lease = ledger.lease(
            session,
            callback,
            node=self._node,
            phone=allowed.phone,
            gate=allowed.verdict.as_json(),
            flow_hash=script.flow.hash,
            ring_limit_s=self._rules.ring_limit.total_seconds(),
            at=now,
        )
        if lease is None:
            return None
        sealing.begin(session, recording_id=lease.recording_id, attempt_id=lease.attempt_id, node=self._node, at=now)
        trunk = next(iter(self._rooms.settings.trunks.values()))
        return Leased(lease, callback.client_id, f"sip:{allowed.phone}@{trunk.address}", script)

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
            flow_approved=script is None or _asked_for(script.flow, callback),
            needs_agent=certain,
        )
        verdict = judge(asked)
        if verdict.allowed and asked.phone is not None:
            return Allowed(verdict, asked.phone)
        reasons = [reason.as_json() for reason in verdict.reasons]
        ledger.refused(session, callback, reasons, at=now, again_at=look_again(asked, verdict))
        return None

    def _facts(self, free: int | None) -> NodeFacts:
        try:
            self._spool.ready()
            recorder = True
        except RecorderNotReady as error:
            logger.error("the recorder is not ready: %s", error)  # noqa: TRY400 - its message says all
            recorder = False
        return NodeFacts(recorder_ready=recorder, line_ready=True, draining=self.draining, agents_free=free)


def next_calling_day(rules: ContactRules, calendars: Calendars, now: datetime) -> date:
    """The next day with a window after today: what a promised callback names."""
    tomorrow = datetime.combine(china(now).date() + timedelta(days=1), time(0), CHINA)
    until = tomorrow.date() + timedelta(days=30)
    moment = first_moment(Times((rules.windows.hours,)), calendars, after=tomorrow, until=until)
    return china(moment or tomorrow).date()


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
    return (flow.name, flow.language) == (callback.flow, callback.client.language)
