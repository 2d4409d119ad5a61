"""The books of an attempt that is over: its facts, its disposition, what becomes of its callback, its recording.

The rule of this module: one transaction an attempt. A fault of ours consumes no attempt and keeps the recording; a node
that died leaves attempts that count (design rule 2). An attempt that another node took over is not settled twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from dialer.calling import ledger
from dialer.calling.dispositions import Disposition, Judged, judge_ending
from dialer.calling.session import SessionResult
from dialer.calling.settling import Settling, retry, settle
from dialer.desk import agents
from dialer.lines.base import Call
from dialer.rooms import Rooms
from dialer.tables import LIVING, Attempt, CallbackState
from dialer.trunks import books as trunks
from recordings import sealing
from recordings.tables import Recording
from recordings.writer import Spool
from transcribe import queue


@dataclass(frozen=True, slots=True)
class Endings:
    """Closes attempts of one node."""

    rooms: Rooms
    spool: Spool

    def judged(self, call: Call) -> Judged:
        """The disposition of a call that has ended, from the facts of the line."""
        return judge_ending(
            call.ending,
            answered=call.answered_at is not None,
            provisionals=call.provisionals,
            dialed_at=call.dialed_at,
            ring_limit_s=self.rooms.pack.runnable().ring_limit.total_seconds(),
        )

    def finish(
        self, lease: ledger.Lease, call: Call | None, result: SessionResult, judged: Judged, session: Session
    ) -> None:
        """Keep everything about the attempt and move its callback on, unless that was taken over and has gone on."""
        now, rooms = self.rooms.clock.now(), self.rooms
        attempt, gone_on = ledger.for_its_end(session, lease.attempt_id)
        trunks.report(
            session,
            rooms.settings,
            attempt,
            disposition=judged.disposition,
            ending=call.ending if call else None,
            now=now,
        )
        if not result.recorded:
            sealing.discard(session, self.spool, lease.recording_id)
        if gone_on:
            ledger.ended_late(session, attempt, call, result, judged, at=now)
            return
        ledger.ended(session, lease.attempt_id, call, result, judged, at=now)
        other = trunks.other_may(session, rooms.settings, attempt, now, health=rooms.line.health())
        settle(session, attempt, result, judged, replace(self._settling(), other_trunk=other))

    def abandon(self, attempt_id: str, session: Session) -> str | None:
        """A fault of ours ended the call: it consumes no attempt; returns the recording that is to be sealed."""
        attempt, _ = ledger.for_its_end(session, attempt_id)
        if attempt.state not in LIVING:
            return None
        recorded = not sealing.discard(session, self.spool, attempt.recording_id or "")
        judged = Judged(Disposition.OUR_FAULT, "a fault of the node; see its log")
        ledger.ended(
            session,
            attempt_id,
            None,
            SessionResult(recorded=recorded),
            judged,
            at=self.rooms.clock.now(),
        )
        retry(session, attempt, judged.disposition, self._settling())
        return attempt.recording_id

    def unheld(self, held: frozenset[str], session: Session) -> list[str]:
        """The ids of attempts that the books count as ours and living, and that are none of ``held``."""
        ours = select(Attempt.attempt_id).where(
            Attempt.node == self.rooms.settings.node.name, Attempt.state.in_(LIVING)
        )
        return [attempt_id for attempt_id in session.scalars(ours) if attempt_id not in held]

    def close_interrupted(self, session: Session) -> list[str]:
        """Close what died with the last run of this node; returns the ids of its attempts.

        What others took over is closed already; of those only recordings that never began are left, and forgotten.
        """
        node = self.rooms.settings.node.name
        self._forget_empty(session, ledger.interrupted_recordings(session, node))
        return self.close_node(session, node)

    def close_node(self, session: Session, node: str, *, spool_at_hand: bool = True) -> list[str]:
        """Close what died with ``node``; returns the ids of its attempts.

        Its agents are free again, its claims gone, its callbacks go on by the ladder. ``spool_at_hand`` False: the
        spool of this object is not the dead node's, so its recordings stay as they are.
        """
        now = self.rooms.clock.now()
        agents.release_node(session, node, now)
        ledger.release_claims(session, node)
        dead = ledger.interrupted(session, node, now, by=self.rooms.settings.node.name)
        if spool_at_hand:
            self._forget_empty(session, dead)
        for attempt in dead:
            if attempt.callback.state == CallbackState.CALLING:  # an agent may have closed it from his screen
                retry(session, attempt, Disposition.INTERRUPTED, self._settling())
        return [attempt.attempt_id for attempt in dead]

    def _forget_empty(self, session: Session, dead: Iterable[Attempt]) -> None:
        for attempt in dead:
            if attempt.recording_id and sealing.discard(session, self.spool, attempt.recording_id):
                attempt.recording_id = None

    def seal(self, recording_id: str, *, recovered: bool = False) -> None:
        """Bring a closed recording into the archive and let it be transcribed; reads files, so in a thread of its own.

        What ``recordings.sealing.seal`` raises when the archive refuses: the spool keeps the file then. ``recovered``:
        its node died while it was written.
        """
        rooms = self.rooms
        sealing.seal(
            rooms.db,
            rooms.archive,
            self.spool,
            recording_id,
            actor=f"node:{rooms.settings.node.name}",
            clock=rooms.clock,
            recovered=recovered,
            along=self._enqueue,
        )

    def recover_recordings(self) -> int:
        """Seal what a crash left in the spool; returns how many recordings."""
        rooms = self.rooms
        node = rooms.settings.node.name
        found = sealing.recover(rooms.db, rooms.archive, self.spool, node=node, clock=rooms.clock, along=self._enqueue)
        return len(found.sealed)

    def _enqueue(self, session: Session, recording: Recording) -> None:
        language = session.scalars(select(Attempt.language).where(Attempt.attempt_id == recording.attempt_id)).one()
        queue.enqueue(
            session,
            recording_id=recording.recording_id,
            attempt_id=recording.attempt_id,
            language=language,
            at=self.rooms.clock.now(),
        )

    def _settling(self) -> Settling:
        rooms = self.rooms
        told = bool(rooms.settings.webhook.url)
        return Settling(rooms.pack.runnable(), rooms.calendars, rooms.clock.now(), rooms.pack, webhooks=told)
