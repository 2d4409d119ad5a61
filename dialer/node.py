"""One dialer process: claims callbacks, asks the gate, places calls, keeps the books, comes back after a crash.

Start: what died with the last run is closed as interrupted and its recordings are recovered, before the first call.
Stop (SIGTERM): nothing new is dialed, live calls end by themselves, then the process ends.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import partial

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.calendars import Calendars
from core.clock import CHINA, Clock, china
from core.db import Database
from core.errors import HuifangError
from core.settings import Settings
from dialer.calling import ledger
from dialer.calling.dispatch import NEEDS_A_PERSON, look_again
from dialer.calling.dispositions import Disposition, Judged, judge_ending
from dialer.calling.media import MediaLoop
from dialer.calling.scripts import Scripts, ScriptUnready
from dialer.calling.session import CallSession, Script, SessionResult, TakenAnswer
from dialer.calling.settling import Settling, retry, settle
from dialer.calling.voice import VoiceDetector
from dialer.desk import agents
from dialer.desk.handoff import AgentLeg, HandoffDesk
from dialer.gate import NodeFacts, Verdict, judge
from dialer.lines.base import Call, Line, LineError
from dialer.planning import lookup
from dialer.programmes.model import ContactRules, Pack
from dialer.programmes.windows import Times, first_moment
from dialer.store import Posts, Store
from dialer.tables import Attempt, AttemptState, Callback, Client
from ivr_flows.model import End, Flow, Handoff, targets
from recordings import sealing
from recordings.archive import Archive
from recordings.errors import RecorderNotReady
from recordings.writer import RecordingWriter, Spool
from transcribe import queue

logger = logging.getLogger(__name__)

IDLE_S = 0.5  # how long the node waits before it looks for work again
CLEAR_UP_S = 60.0  # how often what a fault left open is tried again
ATTEMPT_HEADER = "X-Huifang-Attempt"  # lets a carrier's log be matched with our attempts


@dataclass(frozen=True, slots=True)
class Rooms:
    """What a node works with."""

    settings: Settings
    clock: Clock
    calendars: Calendars
    db: Database
    archive: Archive
    line: Line
    pack: Pack
    scripts: Scripts


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
class Job:
    """One leased attempt on its way."""

    lease: ledger.Lease
    client_id: str
    uri: str
    script: Script
    posts: Posts


class Node:
    """Holds up to ``line.channels`` calls."""

    def __init__(self, rooms: Rooms) -> None:
        """OpenValue when the pack leaves a value open that calling needs."""
        self._rooms = rooms
        self._name = rooms.settings.node.name
        self._rules = rooms.pack.runnable()
        self._clock = rooms.clock
        self._store = Store(rooms.db)
        self._loop = MediaLoop(rooms.clock)
        folder = rooms.settings.var / "spool" / self._name
        self._spool = Spool(folder, rooms.clock, min_free_bytes=rooms.settings.node.min_free_mb << 20)
        self._desk = HandoffDesk(
            rooms.line,
            self._store,
            rooms.clock,
            node=self._name,
            rules=rooms.settings.desk,
            avoided=rooms.pack.series_avoided,
        )
        self._voices: list[VoiceDetector] = []
        self._live: dict[str, asyncio.Task[None]] = {}
        self._failed: list[str] = []
        self._unsealed: list[str] = []
        self._draining = False

    def drain(self) -> None:
        """Dial nothing new; ``run`` ends when the last live call has ended."""
        self._draining = True

    async def run(self) -> None:
        """Recover, then dial until drained."""
        await self.recover()
        await self._rooms.line.start()
        ticking = asyncio.create_task(self._loop.run())
        try:
            await self._dial_until_drained()
        finally:
            ticking.cancel()
            done = self._loop.figures
            logger.info(
                "ticks %d, late %d, dropped %d, worst %d ms", done.ticks, done.late, done.dropped, done.worst_ms
            )
            await self._rooms.line.close()
            self._spool.close()
            self._store.close()

    async def recover(self) -> None:
        """Close what died with the last run of this node: attempts, agents' calls, recordings."""
        dead = await self._store.write(self._close_interrupted)
        rooms = self._rooms
        found = await self._store.run(
            partial(sealing.recover, rooms.db, rooms.archive, self._spool, node=self._name, clock=self._clock)
        )
        for recording in found.sealed:
            await self._enqueue(recording.recording_id)
        logger.info("recovered %d attempts and %d recordings", len(dead), len(found.sealed))

    async def _dial_until_drained(self) -> None:
        gap = 1.0 / self._rooms.settings.line.calls_per_second
        cleared_at = self._clock.monotonic()
        while not self._draining:
            dialed = len(self._live) < self._rooms.settings.line.channels and await self._dial_next()
            if self._clock.monotonic() - cleared_at > CLEAR_UP_S:
                await self._clear_up()
                cleared_at = self._clock.monotonic()
            await self._clock.sleep(gap if dialed else IDLE_S)
        while self._live:
            await asyncio.wait(self._live.values())
        await self._clear_up()

    async def _dial_next(self) -> bool:
        """Take the most pressing callback through the gate; True when a call was started."""
        waiting = await self._store.write(self._next_allowed)
        if waiting is None:
            return False
        try:
            script = await asyncio.to_thread(self._prepare, waiting)
        except HuifangError as error:
            await self._store.write(partial(self._script_unready, waiting, error))
            return False
        job = await self._store.write(partial(self._lease, waiting, script))
        if job is None:
            return False
        task = asyncio.create_task(self._call(job))
        self._live[job.lease.attempt_id] = task
        task.add_done_callback(lambda done: self._done(job.lease.attempt_id, done))
        return True

    def _done(self, attempt_id: str, task: asyncio.Task[None]) -> None:
        del self._live[attempt_id]
        if not task.cancelled() and task.exception() is not None:
            logger.error("attempt %s failed", attempt_id, exc_info=task.exception())
            self._failed.append(attempt_id)

    async def _clear_up(self) -> None:
        """Bring to an end what a fault of ours left open: attempts in the books, recordings in the spool."""
        while self._failed:
            await self._store.write(partial(self._abandon, self._failed.pop()))
        waiting, self._unsealed = self._unsealed, []
        for recording_id in waiting:
            await self._seal(recording_id)

    # --- one call ----------------------------------------------------------------------------------------------------

    async def _call(self, job: Job) -> None:
        """From the opened recorder to the sealed recording: no recording, no call (design rule 3)."""
        call, result = None, SessionResult()
        try:
            writer = await asyncio.to_thread(self._spool.open, job.lease.recording_id)
            try:
                voice = self._voices.pop() if self._voices else await asyncio.to_thread(VoiceDetector)
                call = await self._rooms.line.dial(job.uri, headers={ATTEMPT_HEADER: job.lease.attempt_id})
                result = await self._live_call(job, call, writer, voice)  # subscribes before anything else can happen
                self._voices.append(voice)
            finally:
                await asyncio.to_thread(_close, writer)  # it waits for the disk, the tick must not
            judged = self._judged(call)
        except (LineError, RecorderNotReady) as error:
            judged = Judged(Disposition.OUR_FAULT, str(error))
        await job.posts.flush()
        await self._store.write(partial(self._finish, job, call, result, judged))
        if result.leg:
            await self._desk.left(result.leg, outcome_known=result.agent_outcome is not None)
        if result.recorded:
            await self._seal(job.lease.recording_id)

    async def _live_call(self, job: Job, call: Call, writer: RecordingWriter, voice: VoiceDetector) -> SessionResult:
        job.posts.post(lambda db: ledger.went_live(db, job.lease.attempt_id))
        session = CallSession(
            call,
            job.script,
            loop=self._loop,
            writer=writer,
            on_answer=partial(self._keep_answer, job),
            ring_agent=partial(self._ring_agent, job),
            desk=self._desk,
            voice=voice,
            ring_limit_s=self._rules.ring_limit.total_seconds(),
        )
        return await session.run()

    def _judged(self, call: Call) -> Judged:
        return judge_ending(
            call.ending,
            answered=call.answered_at is not None,
            provisionals=call.provisionals,
            dialed_at=call.dialed_at,
            ring_limit_s=self._rules.ring_limit.total_seconds(),
        )

    def _keep_answer(self, job: Job, taken: TakenAnswer) -> None:
        at = self._clock.now()
        job.posts.post(lambda session: ledger.answered(session, job.lease, taken, at=at))

    def _ring_agent(self, job: Job, reason: str) -> asyncio.Task[AgentLeg | None]:
        finding = self._desk.find(attempt_id=job.lease.attempt_id, client_id=job.client_id, reason=reason)
        return asyncio.create_task(finding)

    async def _seal(self, recording_id: str) -> None:
        """Into the archive; when the archive refuses, the spool keeps it and it is tried again."""
        rooms = self._rooms
        sealed = partial(
            sealing.seal,
            rooms.db,
            rooms.archive,
            self._spool,
            recording_id,
            actor=f"node:{self._name}",
            clock=self._clock,
        )
        try:
            await self._store.run(sealed)
            await self._enqueue(recording_id)
        except HuifangError as error:
            logger.error("recording %s is not sealed yet: %s", recording_id, error)  # noqa: TRY400 - it says all
            self._unsealed.append(recording_id)

    async def _enqueue(self, recording_id: str) -> None:
        def change(session: Session) -> None:
            attempt = session.scalars(select(Attempt).where(Attempt.recording_id == recording_id)).one()
            queue.enqueue(
                session,
                recording_id=recording_id,
                attempt_id=attempt.attempt_id,
                language=attempt.language,
                at=self._clock.now(),
            )

        await self._store.write(change)

    # --- in the store's thread ---------------------------------------------------------------------------------------

    def _next_allowed(self, session: Session) -> Waiting | None:
        now = self._clock.now()
        for callback in ledger.ready(session, now, limit=self._rooms.settings.line.channels):
            if self._judge(session, callback, now) is not None:  # asked again when the script is ready
                marketer = lookup.marketer(session, callback.client)
                return Waiting(callback.callback_id, callback.flow, callback.client, marketer)
        return None

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

    def _lease(self, waiting: Waiting, script: Script, session: Session) -> Job | None:
        """The gate again, at the instant of dialing, then the attempt's row (design rules 1 and 2)."""
        now = self._clock.now()
        callback = session.get_one(Callback, waiting.callback_id)
        allowed = self._judge(session, callback, now, script)
        if allowed is None:
            return None
        lease = ledger.lease(
            session,
            callback,
            node=self._name,
            phone=allowed.phone,
            gate=allowed.verdict.as_json(),
            flow_hash=script.flow.hash,
            at=now,
        )
        if lease is None:
            return None
        sealing.begin(session, recording_id=lease.recording_id, attempt_id=lease.attempt_id, node=self._name, at=now)
        uri = f"sip:{allowed.phone}@{self._rooms.settings.line.trunk}"
        return Job(lease, callback.client_id, uri, script, Posts(self._store))

    def _facts(self, free: int | None) -> NodeFacts:
        try:
            self._spool.ready()
            recorder = True
        except RecorderNotReady as error:
            logger.error("the recorder is not ready: %s", error)  # noqa: TRY400 - its message says all
            recorder = False
        return NodeFacts(recorder_ready=recorder, line_ready=True, draining=self._draining, agents_free=free)

    def _prepare(self, waiting: Waiting) -> Script:
        now = self._clock.now()
        day = next_calling_day(self._rules, self._rooms.calendars, now)
        return self._rooms.scripts.prepare(
            waiting.flow, waiting.client, marketer=waiting.marketer, callback_day=day, today=china(now).date()
        )

    def _script_unready(self, waiting: Waiting, error: HuifangError, session: Session) -> None:
        now = self._clock.now()
        lacking = "、".join(error.missing) if isinstance(error, ScriptUnready) else "请运行 huifang doctor 查看原因"
        text = f"话术无法对该客户播放：{lacking}"
        reason = {"code": "script_unready", "text": text, "text_en": str(error), "rule": "C-06"}
        callback = session.get_one(Callback, waiting.callback_id)
        ledger.refused(session, callback, [reason], at=now, again_at=now + NEEDS_A_PERSON)

    def _finish(self, job: Job, call: Call | None, result: SessionResult, judged: Judged, session: Session) -> None:
        attempt = ledger.ended(
            session,
            job.lease.attempt_id,
            call,
            result,
            disposition=judged.disposition,
            counts=judged.consumes_attempt,
            cause=judged.why,
            at=self._clock.now(),
        )
        if not result.recorded:
            sealing.discard(session, self._spool, job.lease.recording_id)
        settle(session, attempt, result, judged, self._settling())

    def _abandon(self, attempt_id: str, session: Session) -> None:
        """A fault of ours ended the call: it consumes no attempt, its recording is kept."""
        attempt = session.get_one(Attempt, attempt_id)
        if attempt.state in (AttemptState.LEASED, AttemptState.LIVE):
            recorded = not sealing.discard(session, self._spool, attempt.recording_id or "")
            judged = Judged(Disposition.OUR_FAULT, "a fault of the node; see its log")
            result = SessionResult(recorded=recorded)
            ledger.ended(
                session,
                attempt_id,
                None,
                result,
                disposition=judged.disposition,
                counts=False,
                cause=judged.why,
                at=self._clock.now(),
            )
            retry(session, attempt, judged.disposition, self._settling())
            if attempt.recording_id:
                self._unsealed.append(attempt.recording_id)

    def _close_interrupted(self, session: Session) -> list[str]:
        now = self._clock.now()
        agents.release_node(session, self._name, now)
        dead = ledger.interrupted(session, self._name, now)
        for attempt in dead:
            if attempt.recording_id and sealing.discard(session, self._spool, attempt.recording_id):
                attempt.recording_id = None
            retry(session, attempt, Disposition.INTERRUPTED, self._settling())
        return [attempt.attempt_id for attempt in dead]

    def _settling(self) -> Settling:
        told = bool(self._rooms.settings.webhook.url)
        return Settling(self._rules, self._rooms.calendars, self._clock.now(), self._rooms.pack, webhooks=told)


def _close(writer: RecordingWriter) -> None:
    """End the file; one that cannot be ended is kept, and sealing mends it."""
    try:
        writer.close()
    except HuifangError as error:
        logger.error("a recording could not be closed: %s", error)  # noqa: TRY400 - its message says all


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
