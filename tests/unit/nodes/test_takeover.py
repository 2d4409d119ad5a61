"""Take-over: what a dead node had is closed once, its recordings are saved, and a late ending is not settled twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from core import audit
from core.audit import AuditLink
from core.clock import SimulatedClock
from core.db import Database
from dialer.calling import ledger
from dialer.calling.dispositions import Disposition, Judged
from dialer.calling.endings import Endings
from dialer.calling.session import SessionResult
from dialer.desk import agents
from dialer.nodes import leadership, registry
from dialer.nodes.registry import Me, Seen
from dialer.nodes.seat import Seat
from dialer.nodes.takeover import TakenOver, TakeOver
from dialer.rooms import Rooms
from dialer.tables import Agent, AgentState, Attempt, AttemptState, Callback, CallbackState, Leader, NodeState, Staff
from ivr_flows.events import Verdict
from recordings import sealing
from recordings.tables import Recording, RecordingState
from recordings.writer import Spool
from tests.unit.nodes.conftest import N1, N2, NOW

pytestmark = pytest.mark.unit

SECOND = bytes(16000)  # a second of one side


def lease(db: Database, me: Me = N1) -> ledger.Lease | None:
    with db.write() as session:
        taken = ledger.lease(
            session,
            session.get_one(Callback, "B1"),
            node=me.name,
            phone="13900000001",
            gate={},
            flow_hash="f",
            ring_limit_s=30,
            incarnation=me.incarnation,
            at=NOW,
        )
        if taken is not None:
            sealing.begin(session, recording_id=taken.recording_id, attempt_id=taken.attempt_id, node=me.name, at=NOW)
    return taken


@pytest.fixture
def leased(db: Database) -> ledger.Lease:
    """n1 and n2 live; n1 has leased the callback, holds an agent and leads."""
    with db.write() as session:
        for me in (N1, N2):
            registry.register(session, me, NOW)
        session.add(Staff(staff_id="S1", name="坐席", branch="北京", series="callcentre", languages=["zh-CN"]))
        session.flush()
        session.add(Agent(staff_id="S1", sip_uri="sip:1@pbx", state=AgentState.TALKING, state_since=NOW, node="n1"))
        leadership.hold(session, leadership.JOBS, N1, NOW)
    taken = lease(db)
    assert taken is not None
    return taken


def spool(rooms: Rooms, name: str = "n1") -> Spool:
    return Spool(rooms.settings.var / "spool" / name, rooms.clock, min_free_bytes=0)


@pytest.fixture
def seat(rooms: Callable[..., Rooms]) -> Iterator[Seat]:
    """The seat of n1, as its process holds it."""
    taken = Seat(rooms().settings.var / "spool" / "n1")
    taken.take("i1")
    yield taken
    taken.release()


def take_over(rooms: Rooms) -> TakenOver | None:
    dead = Seen("n1", "i1", NOW)
    with rooms.db.write() as session:
        return TakeOver(rooms).declare(dead, session)


def attempt_of(db: Database, taken: ledger.Lease) -> Attempt:
    with db.session() as session:
        return session.get_one(Attempt, taken.attempt_id)


def callback(db: Database) -> Callback:
    with db.session() as session:
        return session.get_one(Callback, "B1")


def recording(db: Database, taken: ledger.Lease) -> Recording | None:
    with db.session() as session:
        return session.get(Recording, taken.recording_id)


def actions(db: Database) -> list[str]:
    with db.session() as session:
        assert list(audit.verify(session)) == []
        return list(session.scalars(select(AuditLink.action).order_by(AuditLink.number)))


# --- what is closed --------------------------------------------------------------------------------------------------


def test_a_dead_nodes_attempts_agents_and_leadership_are_free_again(
    db: Database, rooms: Callable[..., Rooms], leased: ledger.Lease
) -> None:
    taken = take_over(rooms())
    assert taken is not None
    assert taken.attempts == (leased.attempt_id,)
    attempt, moved = attempt_of(db, leased), callback(db)
    assert (attempt.state, attempt.disposition, attempt.counts) == ("interrupted", "interrupted", True)
    assert moved.state == CallbackState.PLANNED
    assert moved.next_attempt_at > NOW
    assert moved.next_why is not None
    with db.session() as session:
        agent = session.get_one(Agent, "S1")
        assert (agent.state, agent.node) == (AgentState.FREE, None)
        assert session.get_one(Leader, leadership.JOBS).until <= NOW
        assert session.get_one(registry.DialerNode, "n1").state == NodeState.DEAD
        link = session.scalars(select(AuditLink).where(AuditLink.action == "attempt.interrupted")).one()
        assert link.actor == "node:n2"
    assert take_over(rooms()) is None, "once"


def test_claims_of_the_dead_are_cleared_and_those_of_the_living_stay(
    db: Database, rooms: Callable[..., Rooms], leased: ledger.Lease
) -> None:
    with db.write() as session:
        session.add(_another("B2", "n1"))
        session.add(_another("B3", "n2"))
    take_over(rooms())
    with db.session() as session:
        claims = {one.callback_id: one.claimed_by for one in session.scalars(select(Callback))}
    assert claims == {"B1": None, "B2": None, "B3": "n2"}


def _another(callback_id: str, claimed_by: str) -> Callback:
    return Callback(
        callback_id=callback_id,
        plan_id="P1",
        client_id="C1",
        pack="GAL",
        flow="new_account",
        language="zh-CN",
        executor="hq",
        priority=1,
        reason="",
        due_on=NOW.date(),
        due_at=NOW,
        next_attempt_at=NOW,
        created_at=NOW,
        claimed_by=claimed_by,
        claimed_until=NOW + timedelta(seconds=60),
    )


def test_a_callback_that_an_agent_closed_from_his_screen_stays_closed(
    db: Database, rooms: Callable[..., Rooms], leased: ledger.Lease
) -> None:
    with db.write() as session:
        closed = session.get_one(Callback, "B1")
        closed.state, closed.outcome = CallbackState.CLOSED, "passed"
    take_over(rooms())
    assert attempt_of(db, leased).state == AttemptState.INTERRUPTED
    assert (callback(db).state, callback(db).outcome) == (CallbackState.CLOSED, "passed")


# --- recordings ------------------------------------------------------------------------------------------------------


def record(rooms: Rooms, taken: ledger.Lease, seconds: int) -> None:
    folder = spool(rooms)
    with folder.open(taken.recording_id) as writer:
        for _ in range(seconds):
            writer.write(SECOND, SECOND)
    folder.close()


@pytest.mark.rule("F-13")
def test_recordings_on_a_shared_disk_are_sealed_by_whoever_takes_over(
    db: Database, rooms: Callable[..., Rooms], leased: ledger.Lease, seat: Seat
) -> None:
    record(rooms(), leased, 2)
    seat.release()
    taken = take_over(rooms())
    assert taken is not None
    assert TakeOver(rooms()).recover_recordings(taken) == 1
    row = recording(db, leased)
    assert row is not None
    assert (row.state, row.recovered, row.duration_ms) == (RecordingState.SEALED, True, 2000)
    assert not spool(rooms()).path(leased.recording_id).exists()


def test_a_recording_that_never_began_is_forgotten(
    db: Database, rooms: Callable[..., Rooms], leased: ledger.Lease, seat: Seat
) -> None:
    record(rooms(), leased, 0)
    seat.release()
    take_over(rooms())
    assert recording(db, leased) is None
    assert attempt_of(db, leased).recording_id is None


@pytest.mark.rule("F-13")
def test_the_spool_of_a_process_that_only_hangs_is_left_to_it(
    db: Database, rooms: Callable[..., Rooms], leased: ledger.Lease, seat: Seat
) -> None:
    record(rooms(), leased, 1)
    taken = take_over(rooms())
    assert taken is not None
    assert TakeOver(rooms()).recover_recordings(taken) == 0
    row = recording(db, leased)
    assert row is not None
    assert row.state == RecordingState.WRITING


@pytest.mark.rule("F-13")
def test_recordings_on_another_machine_wait_for_their_own_node(
    db: Database, rooms: Callable[..., Rooms], leased: ledger.Lease, seat: Seat
) -> None:
    record(rooms("n1"), leased, 1)
    seat.release()
    taken = take_over(rooms("n2", var="elsewhere"))
    assert taken is not None
    assert TakeOver(rooms("n2", var="elsewhere")).recover_recordings(taken) == 0
    mine = Endings(rooms("n1"), spool(rooms("n1")))
    with db.write() as session:
        assert mine.close_interrupted(session) == []
    assert mine.recover_recordings() == 1


def test_a_node_that_was_taken_over_forgets_its_empty_recordings_when_it_starts_again(
    db: Database, rooms: Callable[..., Rooms], leased: ledger.Lease, seat: Seat
) -> None:
    record(rooms("n1"), leased, 0)
    seat.release()
    take_over(rooms("n2", var="elsewhere"))
    assert recording(db, leased) is not None
    with db.write() as session:
        Endings(rooms("n1"), spool(rooms("n1"))).close_interrupted(session)
    assert recording(db, leased) is None


# --- the one who was declared dead and lives -------------------------------------------------------------------------


def finish(rooms: Rooms, taken: ledger.Lease, result: SessionResult, disposition: Disposition) -> None:
    endings = Endings(rooms, spool(rooms))
    with rooms.db.write() as session:
        endings.finish(taken, None, result, Judged(disposition, "test"), session)


PASSED = SessionResult(verdict=Verdict("passed", None, ()), recorded=True)


def test_a_late_ending_is_the_truth_while_the_callback_only_waits(
    db: Database, rooms: Callable[..., Rooms], leased: ledger.Lease
) -> None:
    take_over(rooms())
    finish(rooms("n1"), leased, PASSED, Disposition.ANSWERED)
    attempt = attempt_of(db, leased)
    assert (attempt.state, attempt.disposition) == (AttemptState.ENDED, "answered")
    assert (callback(db).state, callback(db).outcome) == (CallbackState.CLOSED, "passed")


def test_an_invite_that_was_held_back_costs_the_client_no_attempt(
    db: Database, rooms: Callable[..., Rooms], leased: ledger.Lease
) -> None:
    take_over(rooms())
    finish(rooms("n1"), leased, SessionResult(), Disposition.OUR_FAULT)
    assert (attempt_of(db, leased).disposition, attempt_of(db, leased).counts) == ("our_fault", False)
    assert callback(db).state == CallbackState.PLANNED


def _called_again(db: Database) -> None:
    again = lease(db, N2)
    assert again is not None


def _closed(db: Database) -> None:
    with db.write() as session:
        session.get_one(Callback, "B1").state = CallbackState.CLOSED


def _talked(db: Database) -> None:
    with db.write() as session:
        session.get_one(Callback, "B1").state = CallbackState.WRAP_UP


@pytest.mark.parametrize("gone_on", [_called_again, _closed, _talked])
def test_a_late_ending_keeps_its_facts_and_moves_nothing_once_the_callback_has_gone_on(
    db: Database, rooms: Callable[..., Rooms], leased: ledger.Lease, gone_on: Callable[[Database], None]
) -> None:
    take_over(rooms())
    gone_on(db)
    before = callback(db)
    finish(rooms("n1"), leased, PASSED, Disposition.ANSWERED)
    attempt, after = attempt_of(db, leased), callback(db)
    assert (attempt.state, attempt.disposition) == (AttemptState.INTERRUPTED, "interrupted")
    assert attempt.verdict is not None
    assert attempt.recording_id == leased.recording_id
    assert (after.state, after.outcome, after.next_attempt_at) == (before.state, before.outcome, before.next_attempt_at)
    assert actions(db)[-1] == "attempt.ended_late"


def test_an_attempt_that_ended_again_after_its_retry_was_made_moves_nothing(
    db: Database, rooms: Callable[..., Rooms], leased: ledger.Lease
) -> None:
    take_over(rooms())
    again = lease(db, N2)
    assert again is not None
    finish(rooms("n2"), again, SessionResult(), Disposition.BUSY)
    before = callback(db)
    assert before.state == CallbackState.PLANNED
    finish(rooms("n1"), leased, PASSED, Disposition.ANSWERED)
    assert callback(db).outcome is None
    assert callback(db).next_attempt_at == before.next_attempt_at


def test_what_was_posted_before_the_take_over_does_not_bring_the_attempt_back(
    db: Database, rooms: Callable[..., Rooms], leased: ledger.Lease
) -> None:
    take_over(rooms())
    with db.write() as session:
        ledger.went_live(session, leased.attempt_id)
    assert attempt_of(db, leased).state == AttemptState.INTERRUPTED


# --- leasing ---------------------------------------------------------------------------------------------------------


def test_a_node_that_was_declared_dead_leases_nothing(
    db: Database, rooms: Callable[..., Rooms], leased: ledger.Lease
) -> None:
    take_over(rooms())
    assert lease(db, N1) is None
    assert lease(db, Me("n2", "of another process")) is None
    assert lease(db, N2) is not None


@pytest.mark.rule("B-19")
def test_a_client_in_a_call_is_not_leased_for_another_callback(
    db: Database, rooms: Callable[..., Rooms], leased: ledger.Lease
) -> None:
    with db.write() as session:
        session.add(_another("B2", "n2"))
        session.flush()
        other = session.get_one(Callback, "B2")
        args = {"node": "n2", "phone": "1", "gate": {}, "flow_hash": "f", "ring_limit_s": 30.0, "at": NOW}
        assert ledger.lease(session, other, **args) is None  # type: ignore[arg-type]
        session.get_one(Attempt, leased.attempt_id).state = AttemptState.ENDED
        session.flush()
        assert ledger.lease(session, other, **args) is not None  # type: ignore[arg-type]


def test_the_clock_of_the_dead_does_not_matter(db: Database, rooms: Callable[..., Rooms], leased: ledger.Lease) -> None:
    late = rooms(clock=SimulatedClock(NOW - timedelta(days=1)))
    assert take_over(late) is not None


def test_the_spool_folders_are_where_nodes_record(tmp_path: Path) -> None:
    from dialer.nodes.takeover import spool_folder

    assert spool_folder(tmp_path, "n1") == tmp_path / "spool" / "n1"


def test_a_node_that_was_taken_over_does_not_move_an_agent_whom_another_holds(
    db: Database, rooms: Callable[..., Rooms], leased: ledger.Lease
) -> None:
    take_over(rooms())
    with db.write() as session:
        session.get_one(Agent, "S1").node = "n2"
        agents.set_state(session, "S1", AgentState.WRAP_UP, at=NOW, held_by="n1")
        session.expire_all()
        assert session.get_one(Agent, "S1").state == AgentState.FREE
        agents.set_state(session, "S1", AgentState.WRAP_UP, at=NOW, held_by="n2")
        session.expire_all()
        assert session.get_one(Agent, "S1").state == AgentState.WRAP_UP
