"""One dialer process: claims callbacks, asks the gate, places calls, keeps the books, comes back after a crash.

Start: what died with the last run is closed as interrupted and its recordings are recovered, before the first call.
Meanwhile the node proves to the others that it lives and looks whether they do (``dialer.nodes``).
Stop (SIGTERM): nothing new is dialed, live calls end by themselves, then the process ends.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial

from sqlalchemy.exc import DBAPIError

from core.errors import HuifangError
from dialer.calling import ledger
from dialer.calling.claims import IDLE_S, Claims, Leased, Waiting
from dialer.calling.dispositions import Disposition, Judged
from dialer.calling.endings import Endings
from dialer.calling.media import MediaLoop
from dialer.calling.session import CallSession, SessionResult, TakenAnswer
from dialer.calling.voice import Voices
from dialer.calling.voice_answers import listeners
from dialer.calling.watching import watches
from dialer.desk.handoff import AgentLeg, HandoffDesk
from dialer.lines.base import Answered, Call, CallEvent, LineError
from dialer.lines.inband import KeyDetector
from dialer.nodes.membership import Fenced, Jobs, Membership, Sights
from dialer.rooms import Rooms
from dialer.store import Posts, Store
from recordings.errors import RecorderNotReady
from recordings.writer import RecordingWriter, Spool

logger = logging.getLogger(__name__)

FULL_S = 0.02  # how long the node waits for one of its own calls to end
CLEAR_UP_S = 60.0  # how often what a fault left open is tried again
ATTEMPT_HEADER = "X-Huifang-Attempt"  # lets a carrier's log be matched with our attempts


@dataclass(frozen=True, slots=True)
class Job:
    """One leased attempt on its way, and the changes that its call posts."""

    leased: Leased
    posts: Posts

    @property
    def lease(self) -> ledger.Lease:
        """The right to send one INVITE."""
        return self.leased.lease


class Node:
    """Holds up to ``line.channels`` calls."""

    def __init__(self, rooms: Rooms, jobs: Jobs | None = None) -> None:
        """``jobs`` run while this node leads. OpenValue when the pack leaves a value open that calling needs."""
        self._rooms = rooms
        self._name = rooms.settings.node.name
        self._rules = rooms.pack.runnable()
        self._clock = rooms.clock
        self._store = Store(rooms.db)
        self._loop = MediaLoop(rooms.clock)
        folder = rooms.settings.var / "spool" / self._name
        self._spool = Spool(folder, rooms.clock, min_free_bytes=rooms.settings.node.min_free_mb << 20)
        self._claims = Claims(rooms, self._spool)
        self._endings = Endings(rooms, self._spool)
        self._desk = HandoffDesk(
            rooms.line,
            self._store,
            rooms.clock,
            node=self._name,
            rules=rooms.settings.desk,
            avoided=rooms.pack.series_avoided,
        )
        self._voices = Voices()
        self._watches = watches(rooms.settings)
        self._listeners = listeners(rooms.settings)
        self._live: dict[str, asyncio.Task[None]] = {}
        self._faults = 0  # of ours, since the start
        self._cleared = 0  # how many of them were cleared up behind
        self._unsealed: list[str] = []
        self._starved = 0
        sights = Sights(lambda: len(self._live), self._figures, lambda: self._claims.draining, self.drain)
        self._membership = Membership(rooms, self._store, sights, jobs=jobs)
        self._claims.incarnation = self._membership.me.incarnation

    def drain(self) -> None:
        """Dial nothing new; ``run`` ends when the last live call has ended."""
        self._claims.draining = True

    async def run(self) -> None:
        """Join the other nodes, recover, then dial until drained.

        NameTaken when another process has this node's name, DeclaredDead when others took over meanwhile.
        """
        await self._membership.join()
        try:
            await self._work()
        finally:
            await self._membership.leave()
            self._spool.close()
            self._store.close()
            if self._watches is not None:
                self._watches.close()
            if self._listeners is not None:
                self._listeners.close()
        self._membership.check()

    async def _work(self) -> None:
        await self.recover()
        if self._listeners is not None:  # the first client who speaks does not wait for a model to be read
            await asyncio.gather(*self._listeners.warm(), return_exceptions=True)
        await self._rooms.line.start()
        ticking = asyncio.create_task(self._loop.run())
        try:
            await self._dial_until_drained()
        finally:
            ticking.cancel()
            self._loop.figures.log()
            await self._rooms.line.close()

    async def recover(self) -> None:
        """Close what died with the last run of this node: attempts, agents' calls, recordings."""
        dead = await self._store.write(self._endings.close_interrupted)
        sealed = await self._store.run(self._endings.recover_recordings)
        logger.info("recovered %d attempts and %d recordings", len(dead), sealed)

    async def _dial_until_drained(self) -> None:
        cleared_at = self._clock.monotonic()
        while not self._claims.draining:
            began = self._clock.monotonic()
            pause = await self._turn()
            if began - cleared_at > CLEAR_UP_S:
                await self._clear_up()
                cleared_at = began
            await self._clock.sleep(max(0.0, began + pause - self._clock.monotonic()))
        while self._live:
            await asyncio.wait(self._live.values())
        await self._clear_up()

    async def _turn(self) -> float:
        """A dial turn; the books out of reach end no call and no node: it looks again until they can be reached."""
        try:
            return await self._dial_turn()
        except DBAPIError as error:
            self._faults += 1
            logger.error("nothing can be dialed, the books are out of reach: %s", type(error).__name__)  # noqa: TRY400
            return IDLE_S

    async def _dial_turn(self) -> float:
        """Start a call when one is due and a channel is free; after how many seconds to look again."""
        line = self._rooms.settings.line
        if self._membership.drained or not self._membership.may_dial:
            return IDLE_S
        if self._voices.short:
            await asyncio.to_thread(self._voices.make)
        if len(self._live) >= line.channels:
            return FULL_S
        if self._claims.learning_due:
            await asyncio.to_thread(self._claims.learn)
        if await self._dial_next():
            return 1.0 / line.calls_per_second
        return self._claims.idle_for()

    async def _dial_next(self) -> bool:
        """Take the most pressing callback through the gate; True when a call was started."""
        found = await self._store.write_first(self._claims.next_call)
        leased = await self._with_script(found) if isinstance(found, Waiting) else found
        if leased is None:
            return False
        job = Job(leased, Posts(self._store))
        task = asyncio.create_task(self._call(job))
        self._live[job.lease.attempt_id] = task
        task.add_done_callback(lambda done: self._done(job.lease.attempt_id, done))
        return True

    async def _with_script(self, waiting: Waiting) -> Leased | None:
        """Make the script ready off the event loop, then ask the gate again and lease."""
        try:
            script = await asyncio.to_thread(self._claims.prepare, waiting)
        except HuifangError as error:
            await self._store.write(partial(self._claims.unready, waiting, error))
            return None
        return await self._store.write_first(partial(self._claims.lease, waiting, script))

    def _done(self, attempt_id: str, task: asyncio.Task[None]) -> None:
        del self._live[attempt_id]
        if not task.cancelled() and task.exception() is not None:
            logger.error("attempt %s failed", attempt_id, exc_info=task.exception())
            self._faults += 1

    async def _clear_up(self) -> None:
        """Bring to an end what a fault of ours left open: attempts in the books, recordings in the spool."""
        try:
            await self._abandon_unheld()
        except DBAPIError as error:
            logger.error("nothing can be cleared up yet: %s", type(error).__name__)  # noqa: TRY400
            return
        waiting, self._unsealed = self._unsealed, []
        for recording_id in waiting:
            await self._seal(recording_id)

    async def _abandon_unheld(self) -> None:
        """Attempts of ours that no call holds: it failed, or the lease was stored and its answer lost on the way."""
        faults = self._faults
        if faults == self._cleared:
            return
        for attempt_id in await self._store.write(partial(self._endings.unheld, frozenset(self._live))):
            kept = await self._store.write(partial(self._endings.abandon, attempt_id))
            if kept is not None:
                self._unsealed.append(kept)
        self._cleared = faults

    def _figures(self) -> Mapping[str, float]:
        """What the heartbeat shows of the media loop, since the start of this process."""
        missed = self._watches.missed if self._watches else 0
        answers = asdict(self._listeners.figures) if self._listeners else {}
        return {
            **asdict(self._loop.figures),
            "starved_frames": self._starved,
            "missed_looks": missed,
            "faults": self._faults,
            **{f"answers_{name}": count for name, count in answers.items()},
        }

    # --- one call ----------------------------------------------------------------------------------------------------

    async def _call(self, job: Job) -> None:
        """From the opened recorder to the sealed recording: no recording, no call (design rule 3)."""
        call, result = None, SessionResult()
        try:
            writer = await asyncio.to_thread(self._spool.open, job.lease.recording_id)
            try:
                self._membership.require()  # others may have this attempt by now
                call = await self._rooms.line.dial(
                    job.leased.uri, trunk=job.leased.trunk, headers={ATTEMPT_HEADER: job.lease.attempt_id}
                )
                result = await self._live_call(job, call, writer)  # subscribes before anything else can happen
            finally:
                await asyncio.to_thread(_close, writer)  # it waits for the disk, the tick must not
            judged = self._endings.judged(call)
            self._starved += call.stats.starved_frames if call.stats else 0
        except (LineError, RecorderNotReady, Fenced) as error:
            judged = Judged(Disposition.OUR_FAULT, str(error))
        await job.posts.flush()
        await self._store.write(partial(self._endings.finish, job.lease, call, result, judged))
        if result.leg:
            await self._desk.left(result.leg, outcome_known=result.agent_outcome is not None)
        if result.recorded:
            await self._seal(job.lease.recording_id)

    async def _live_call(self, job: Job, call: Call, writer: RecordingWriter) -> SessionResult:
        job.posts.post(lambda db: ledger.went_live(db, job.lease.attempt_id))
        call.subscribe(partial(self._keep_pick_up, job))
        session = CallSession(
            call,
            job.leased.script,
            loop=self._loop,
            writer=writer,
            on_answer=partial(self._keep_answer, job),
            ring_agent=partial(self._ring_agent, job),
            desk=self._desk,
            voices=self._voices,
            ring_limit_s=self._rules.ring_limit.total_seconds(),
            tone_keys=KeyDetector() if self._rooms.settings.trunks[job.leased.trunk].keys == "tones" else None,
            listeners=self._listeners,
            watch=self._watches.follow(job.leased.script.flow.language) if self._watches else None,
        )
        return await session.run()

    def _keep_pick_up(self, job: Job, event: CallEvent) -> None:
        if isinstance(event, Answered):
            at = self._clock.now()
            job.posts.post(lambda session: ledger.picked_up(session, job.lease.attempt_id, at))

    def _keep_answer(self, job: Job, taken: TakenAnswer) -> None:
        at = self._clock.now()
        job.posts.post(lambda session: ledger.answered(session, job.lease, taken, at=at))

    def _ring_agent(self, job: Job, reason: str) -> asyncio.Task[AgentLeg | None]:
        finding = self._desk.find(attempt_id=job.lease.attempt_id, client_id=job.leased.client_id, reason=reason)
        return asyncio.create_task(finding)

    async def _seal(self, recording_id: str) -> None:
        """Into the archive; when the archive refuses, the spool keeps it and it is tried again."""
        try:
            await self._store.run(partial(self._endings.seal, recording_id))
        except (HuifangError, DBAPIError) as error:
            told = type(error).__name__ if isinstance(error, DBAPIError) else error
            logger.error("recording %s is not sealed yet: %s", recording_id, told)  # noqa: TRY400 - it says all
            self._unsealed.append(recording_id)


def _close(writer: RecordingWriter) -> None:
    """End the file; one that cannot be ended is kept, and sealing mends it."""
    try:
        writer.close()
    except HuifangError as error:
        logger.error("a recording could not be closed: %s", error)  # noqa: TRY400 - its message says all
