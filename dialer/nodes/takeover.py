"""Take-over: which nodes are dead, and what becomes of their calls, agents, claims and recordings.

The rule of this module: a node is dead when its heartbeat has not moved for ``SILENCE_S`` while this node looked on.
Time in which this node could not look itself (a suspended machine, a blocked database) does not count against others.
Whoever changes the dead node's row closes what it had, in the same transaction.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.errors import HuifangError
from dialer.calling.endings import Endings
from dialer.nodes import leadership, registry, seat
from dialer.nodes.registry import Seen
from dialer.nodes.times import BEAT_S, SILENCE_S
from dialer.rooms import Rooms
from recordings.tables import Recording, RecordingState
from recordings.writer import Spool

logger = logging.getLogger(__name__)


class Watch:
    """What one node sees of the others' heartbeats, by its own monotonic clock. Pure."""

    def __init__(self, *, silence_s: float = SILENCE_S, most_s: float = 2 * BEAT_S) -> None:
        """``most_s``: no two looks count for more than so many seconds."""
        self._silence_s = silence_s
        self._most_s = most_s
        self._looked_at: float | None = None
        self._silent: dict[Seen, float] = {}

    def look(self, living: Iterable[Seen], monotonic: float) -> list[Seen]:
        """The nodes whose heartbeat has not moved for too long, as of this look."""
        passed = 0.0 if self._looked_at is None else min(monotonic - self._looked_at, self._most_s)
        self._looked_at = monotonic
        self._silent = {seen: self._silent[seen] + passed if seen in self._silent else 0.0 for seen in living}
        return [seen for seen, seconds in self._silent.items() if seconds >= self._silence_s]


@dataclass(frozen=True, slots=True)
class TakenOver:
    """What this node found at a dead one."""

    node: Seen
    attempts: tuple[str, ...]
    recordings: tuple[str, ...]
    """Those still in the dead node's spool, wherever that is."""


def spool_folder(var: Path, node: str) -> Path:
    """Where a node of this name records."""
    return var / "spool" / node


@dataclass(frozen=True, slots=True)
class TakeOver:
    """Closes what dead nodes had, as one living node."""

    rooms: Rooms

    def declare(self, dead: Seen, session: Session) -> TakenOver | None:
        """In one transaction: declare ``dead``, close its attempts, move its callbacks on, free its agents and claims.

        None when it lives, or another node was faster. Its empty recordings are forgotten when its spool is at hand.
        """
        if not registry.declare_dead(session, dead):
            return None
        rooms = self.rooms
        with seat.vacant(self._folder(dead), dead.incarnation) as at_hand:
            endings = Endings(rooms, self._spool(dead))
            attempts = endings.close_node(session, dead.name, spool_at_hand=at_hand)
        leadership.release(session, dead.incarnation, rooms.clock.now())
        writing = select(Recording.recording_id).where(
            Recording.node == dead.name, Recording.state == RecordingState.WRITING
        )
        return TakenOver(dead, tuple(attempts), tuple(session.scalars(writing.order_by(Recording.recording_id))))

    def recover_recordings(self, taken: TakenOver) -> int:
        """Seal what the dead node recorded, when its spool is at hand and its process gone; returns how many.

        What is not sealed here is sealed by the node of that name when it starts again. Reads and stores files: call it
        in a thread of its own.
        """
        folder = self._folder(taken.node)
        with seat.vacant(folder, taken.node.incarnation) as at_hand:
            if not at_hand:  # another machine's disk, or a process that hangs and may yet wake
                return 0
        spool = self._spool(taken.node)
        endings = Endings(self.rooms, spool)
        try:
            return sum(_sealed(endings, spool, one) for one in taken.recordings)
        finally:
            spool.close()

    def _folder(self, dead: Seen) -> Path:
        return spool_folder(self.rooms.settings.var, dead.name)

    def _spool(self, dead: Seen) -> Spool:
        return Spool(self._folder(dead), self.rooms.clock, min_free_bytes=0)


def _sealed(endings: Endings, spool: Spool, recording_id: str) -> bool:
    """A file that is not there, or that somebody holds, is left to the node that made it."""
    if not spool.path(recording_id).exists():
        return False
    try:
        endings.seal(recording_id, recovered=True)
    except HuifangError as error:
        logger.error("recording %s is left where it is: %s", recording_id, error)  # noqa: TRY400 - it says all
        return False
    return True
