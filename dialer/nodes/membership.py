"""A node among the others: it takes its name, proves that it lives, and looks whether they do.

The rule of this module: without a fresh proof no INVITE leaves (``require``), and a node that others declared dead
dials no more, lets its live calls end, and then ends with an error that says so.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
import logging
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Protocol

from sqlalchemy import event, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from core.db import Database
from core.errors import HuifangError
from core.ids import new_id
from dialer.nodes import leadership, registry
from dialer.nodes.registry import Beat, Me, NameTaken, Seen
from dialer.nodes.seat import Seat, SeatTaken
from dialer.nodes.takeover import TakenOver, TakeOver, Watch, spool_folder
from dialer.nodes.times import BEAT_S, FENCE_S, IDLE_S, LEADER_S, SILENCE_S
from dialer.rooms import Rooms
from dialer.store import Store
from dialer.tables import LIVING, Attempt

logger = logging.getLogger(__name__)

SEAT_S = 5.0  # how long another node may hold the folder while it clears up behind our last run
POLL_S = 0.25


class Fenced(HuifangError):
    """No INVITE may leave: this node has not proved for too long that it lives; others may have its call-backs."""


class DeclaredDead(HuifangError):
    """Start the node again, and find out what kept it from its database for so long (load, network, sleep)."""


class Jobs(Protocol):
    """The scheduled jobs, which only the leader runs."""

    def start(self) -> None:
        """Run them from now on; nothing happens when they are running."""
        ...

    def stop(self) -> None:
        """Start no further one; nothing happens when they are not running."""
        ...


@dataclass(frozen=True, slots=True)
class Sights:
    """What a node shows of itself with every heartbeat, and is told by the others."""

    calls: Callable[[], int]
    figures: Callable[[], Mapping[str, Any]]
    ending: Callable[[], bool]
    dead: Callable[[], None]
    """Called once, when others have declared this node dead."""


class Membership:
    """One process among the nodes of a database."""

    def __init__(self, rooms: Rooms, store: Store, sights: Sights, *, jobs: Jobs | None = None) -> None:
        settings = rooms.settings
        version = importlib.metadata.version("huifang")
        self.me = Me(settings.node.name, new_id(rooms.clock.now()), socket.gethostname(), version)
        self.drained = False
        self._rooms = rooms
        self._clock = rooms.clock
        self._store = store
        self._sights = sights
        self._jobs = jobs
        self._seat = Seat(spool_folder(settings.var, settings.node.name))
        self._takeover = TakeOver(rooms)
        self._watch = Watch()
        self._proved: tuple[float, datetime] | None = None
        self._led_at: float | None = None
        self._dead = False
        self._beating: asyncio.Task[None] | None = None
        self._errands: set[asyncio.Task[None]] = set()

    # --- joining and leaving -----------------------------------------------------------------------------------------

    async def join(self) -> None:
        """Take the name and begin to prove that this process lives.

        NameTaken or SeatTaken when another process has the name. Where that cannot be told at once (it ran on another
        machine), its heartbeat is watched for ``SILENCE_S``.
        """
        end_idle_transactions(self._rooms.db)
        gone = await self._take_seat()
        began = self._instant()
        shown = await self._register(gone, None)
        if shown.incarnation != self.me.incarnation:
            began, shown = await self._outwait(gone, shown)
        self._proved = began
        self._beating = asyncio.create_task(self._run())

    async def leave(self) -> None:
        """The end: nobody has to take anything over when it is a clean one, and another may lead at once."""
        if self._beating is not None:
            self._beating.cancel()
            await asyncio.gather(self._beating, *self._errands, return_exceptions=True)
        await self._lead(False)
        with _surviving("the end of this node could not be written"):
            await self._store.write(self._sign_off)
        self._seat.release()

    def check(self) -> None:
        """DeclaredDead when others have taken this node's calls over."""
        if self._dead:
            raise DeclaredDead(
                f"node {self.me.name} was declared dead: it could not write its heartbeat for {SILENCE_S:.0f} s, or "
                "another process took its name; others have gone on with its call-backs. Start it again, and see to "
                "what held it up (docs/nodes.md)"
            )

    def require(self) -> None:
        """Fenced unless this node proved lately enough that it lives: asked right before every INVITE."""
        if not self.may_dial:
            raise Fenced(
                f"node {self.me.name} has stored no heartbeat for {FENCE_S:.0f} s: it sends no INVITE, because others "
                "may have its call-backs by now; check the database and the load of this machine"
            )

    @property
    def may_dial(self) -> bool:
        """Whether this node proved lately enough that it lives."""
        if self._dead or self._proved is None:
            return False
        monotonic, at = self._proved
        # The monotonic clock stands still while the machine sleeps; the other one may be set back.
        age = max(self._clock.monotonic() - monotonic, (self._clock.now() - at).total_seconds())
        return age < FENCE_S

    async def _take_seat(self) -> frozenset[str]:
        until = self._clock.monotonic() + SEAT_S
        while True:
            try:
                return await asyncio.to_thread(self._seat.take, self.me.incarnation)
            except SeatTaken:
                if self._clock.monotonic() >= until:
                    raise
            await self._clock.sleep(POLL_S)

    async def _register(self, gone: frozenset[str], seen: Seen | None) -> Seen:
        def change(session: Session) -> Seen:
            shown = registry.register(session, self.me, self._clock.now(), gone=gone, seen=seen)
            if shown.incarnation == self.me.incarnation:
                leadership.inherit(session, self.me, self._clock.now())
            return shown

        return await self._store.write(change)

    async def _outwait(self, gone: frozenset[str], shown: Seen) -> tuple[tuple[float, datetime], Seen]:
        """Watch the process that has the name; the name is taken when it does not move at all."""
        logger.warning("node %s is registered already; watching whether it lives", self.me.name)
        until, now = self._clock.monotonic() + SILENCE_S, shown
        while now == shown:
            await self._clock.sleep(BEAT_S)
            began = self._instant()
            now = await self._register(gone, shown if began[0] >= until else None)
            if now.incarnation == self.me.incarnation:
                return began, now
        self._seat.release()
        raise NameTaken(
            f"a living node named {self.me.name} has this database: stop it first, or set another node.name for this "
            "one (`huifang nodes` tells where it runs)"
        )

    def _sign_off(self, session: Session) -> None:
        """An attempt that a failure left open makes it no clean end: the heartbeat ceases, others take over."""
        now = self._clock.now()
        left = select(Attempt.attempt_id).where(Attempt.node == self.me.name, Attempt.state.in_(LIVING))
        if session.scalars(left.limit(1)).first() is None:
            registry.stop(session, self.me, now)
        leadership.release(session, self.me.incarnation, now)

    # --- the turn ----------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        while not self._dead:
            began = self._instant()
            with _surviving("the heartbeat could not be stored"):
                await self._beat(began)
            if self._led_at is not None and self._clock.monotonic() - self._led_at >= LEADER_S:
                await self._lead(False)
            with _surviving("the other nodes could not be looked at"):
                await self._look()
            await self._clock.sleep(max(0.0, began[0] + BEAT_S - self._clock.monotonic()))

    def _instant(self) -> tuple[float, datetime]:
        return self._clock.monotonic(), self._clock.now()

    async def _beat(self, began: tuple[float, datetime]) -> None:
        beat, leads = await self._store.write(self._prove)
        if not beat.alive:
            await self._end()
            return
        self._proved = began  # when it was begun: others count from when it can be read, which is later
        if beat.drained != self.drained:
            logger.warning("node %s %s", self.me.name, "is drained: it dials nothing new" if beat.drained else "dials")
            self.drained = beat.drained
        if leads:
            self._led_at = began[0]
        await self._lead(leads)

    def _prove(self, session: Session) -> tuple[Beat, bool]:
        now, sights = self._clock.now(), self._sights
        beat = registry.heartbeat(
            session, self.me, now, calls=sights.calls(), figures=sights.figures(), ending=sights.ending()
        )
        return beat, beat.alive and leadership.hold(session, leadership.JOBS, self.me, now)

    async def _end(self) -> None:
        self._dead = True
        logger.error("node %s was declared dead: it dials no more and ends with its last call", self.me.name)
        await self._lead(False)
        self._sights.dead()

    async def _lead(self, leads: bool) -> None:
        if not leads:
            self._led_at = None
        if self._jobs is not None:
            await asyncio.to_thread(self._jobs.start if leads else self._jobs.stop)

    async def _look(self) -> None:
        living = await self._store.write(partial(registry.living, but=self.me.name))
        for silent in self._watch.look(living, self._clock.monotonic()):
            taken = await self._store.write(partial(self._takeover.declare, silent))
            if taken is not None:
                self._recover(taken)

    def _recover(self, taken: TakenOver) -> None:
        logger.warning(
            "node %s is dead: %d attempts closed, %d recordings to be recovered",
            taken.node.name,
            len(taken.attempts),
            len(taken.recordings),
        )
        errand = asyncio.create_task(self._seal(taken))
        self._errands.add(errand)
        errand.add_done_callback(self._errands.discard)

    async def _seal(self, taken: TakenOver) -> None:
        with _surviving("recordings of a dead node could not be recovered"):
            sealed = await self._store.run(partial(self._takeover.recover_recordings, taken))
            logger.info("recovered %d recordings of node %s", sealed, taken.node.name)


def end_idle_transactions(db: Database) -> None:
    """Every connection of this process from now on is ended by the server when it stands still in a transaction."""
    if db.is_sqlite:
        return

    @event.listens_for(db.engine, "connect")
    def _limit(connection: Any, record: Any) -> None:  # noqa: ARG001 - SQLAlchemy's signature
        limit = "SELECT set_config('idle_in_transaction_session_timeout', %s, false)"
        connection.execute(limit, (str(int(IDLE_S * 1000)),))
        connection.commit()

    db.close()  # those opened before


@contextlib.contextmanager
def _surviving(what: str) -> Any:
    """A database out of reach ends no call: the fence keeps this node from dialing until it can be reached again."""
    try:
        yield
    except (DBAPIError, HuifangError) as error:
        logger.error("%s: %s", what, error.__class__.__name__ if isinstance(error, DBAPIError) else error)  # noqa: TRY400
