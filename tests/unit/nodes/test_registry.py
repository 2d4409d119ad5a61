"""The register: one living process a name, and whoever was declared dead changes nothing any more."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import audit
from core.clock import CHINA
from core.db import Database
from dialer.nodes import registry
from dialer.nodes.registry import Beat, Me, NoSuchNode, Seen
from dialer.nodes.takeover import Watch
from dialer.nodes.times import BEAT_S, FENCE_S, SILENCE_S
from dialer.tables import DialerNode, NodeState
from tests.unit.nodes.conftest import N1, N2

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=CHINA)
AGAIN = Me("n1", "i9", "host-c", "2")


def register(db: Database, me: Me = N1, **more: object) -> Seen:
    with db.write() as session:
        return registry.register(session, me, NOW, **more)  # type: ignore[arg-type]


def beat(db: Database, me: Me = N1, seconds: float = BEAT_S, **more: object) -> Beat:
    with db.write() as session:
        at = NOW + timedelta(seconds=seconds)
        return registry.heartbeat(session, me, at, calls=1, figures={"late": 2}, **more)  # type: ignore[arg-type]


def declared_dead(db: Database, seen: Seen) -> bool:
    with db.write() as session:
        return registry.declare_dead(session, seen)


def row(db: Database, name: str = "n1") -> DialerNode:
    with db.session() as session:
        return session.get_one(DialerNode, name)


def test_a_name_belongs_to_one_living_process(db: Database) -> None:
    assert register(db).incarnation == "i1"
    shown = register(db, AGAIN)
    assert shown.incarnation == "i1", "its heartbeat may yet move"
    assert beat(db).alive
    assert register(db, AGAIN, seen=shown).incarnation == "i1", "it has moved"
    assert beat(db, AGAIN) == Beat(alive=False)


def test_a_name_is_free_when_its_process_stopped_is_gone_or_did_not_move(db: Database) -> None:
    register(db)
    with db.write() as session:
        registry.stop(session, N1, NOW)
    assert register(db, AGAIN).incarnation == "i9"
    assert register(db, N1, gone={"i9"}).incarnation == "i1"
    shown = register(db, AGAIN)
    assert register(db, AGAIN, seen=shown).incarnation == "i9"
    assert (row(db).state, row(db).host, row(db).version) == (NodeState.UP, "host-c", "2")


def test_a_heartbeat_shows_calls_and_figures(db: Database) -> None:
    register(db)
    assert beat(db) == Beat(alive=True)
    assert (row(db).calls, row(db).figures) == (1, {"late": 2})
    with db.write() as session:
        assert registry.lives(session, "n1", "i1")
        assert not registry.lives(session, "n1", "i9")


def test_a_node_is_declared_dead_once_and_only_as_it_was_seen(db: Database) -> None:
    register(db)
    register(db, N2)
    with db.session() as session:
        (seen,) = registry.living(session, but="n2")
    beat(db)
    assert not declared_dead(db, seen), "its heartbeat has moved since"
    with db.session() as session:
        (seen,) = registry.living(session, but="n2")
    assert declared_dead(db, seen)
    assert not declared_dead(db, seen)
    assert beat(db) == Beat(alive=False)
    with db.session() as session:
        assert [one.name for one in registry.living(session)] == ["n2"]
        assert not registry.lives(session, "n1", "i1")
    assert register(db, AGAIN).incarnation == "i9"


def test_the_clean_end_of_a_dead_process_does_not_stop_the_one_that_followed(db: Database) -> None:
    register(db)
    register(db, AGAIN, gone={"i1"})
    with db.write() as session:
        registry.stop(session, N1, NOW)
    assert row(db).state == NodeState.UP


def test_draining_is_learnt_with_the_next_heartbeat_and_can_be_taken_back(db: Database) -> None:
    register(db)
    with db.write() as session:
        assert registry.drain(session, "n1", by="cli", at=NOW)
        assert not registry.drain(session, "n1", by="cli", at=NOW)
    assert beat(db) == Beat(alive=True, drained=True)
    with db.write() as session:
        assert registry.undrain(session, "n1", by="cli", at=NOW)
        assert not registry.undrain(session, "n1", by="cli", at=NOW)
    assert beat(db) == Beat(alive=True)
    with db.session() as session:
        assert audit.require_whole(session) == 2


def test_a_node_that_ends_shows_it_and_stays_so_whatever_the_row_says(db: Database) -> None:
    register(db)
    assert beat(db, ending=True).drained
    with db.write() as session:
        registry.undrain(session, "n1", by="cli", at=NOW)
    assert beat(db, seconds=6, ending=True).drained


def test_a_name_that_never_registered_is_refused(db: Database) -> None:
    with db.write() as session, pytest.raises(NoSuchNode, match="huifang nodes"):
        registry.drain(session, "n7", by="cli", at=NOW)


# --- the watch -------------------------------------------------------------------------------------------------------


def seen(name: str, heartbeat: float) -> Seen:
    return Seen(name, f"i-{name}", NOW + timedelta(seconds=heartbeat))


def test_a_node_stops_dialing_before_anybody_may_declare_it_dead() -> None:
    assert FENCE_S < SILENCE_S
    assert SILENCE_S + 3 * BEAT_S <= 30


def test_a_heartbeat_that_does_not_move_is_death_after_the_silence() -> None:
    watch = Watch()
    looks = [watch.look([seen("n1", 0), seen("n2", turn)], turn * BEAT_S) for turn in range(7)]
    silent = int(SILENCE_S / BEAT_S)
    assert looks[:silent] == [[]] * silent
    assert looks[silent] == [seen("n1", 0)]


def test_time_in_which_this_node_could_not_look_does_not_count_against_others() -> None:
    watch = Watch()
    assert watch.look([seen("n1", 0)], 0.0) == []
    assert watch.look([seen("n1", 0)], 3600.0) == [], "it was we who slept"
    assert watch.look([seen("n1", 0)], 3603.0) == []


def test_a_node_that_moves_or_comes_back_starts_anew() -> None:
    watch = Watch()
    for turn in range(5):
        watch.look([seen("n1", 0)], turn * BEAT_S)
    assert watch.look([seen("n1", 1)], 5 * BEAT_S) == []
    assert watch.look([], 6 * BEAT_S) == []
    assert watch.look([seen("n1", 1)], 7 * BEAT_S) == []


@given(st.lists(st.tuples(st.floats(0, 20), st.booleans()), max_size=40))
def test_nobody_is_declared_dead_who_moved_within_the_silence(turns: list[tuple[float, bool]]) -> None:
    watch, now, moved_at, heartbeat = Watch(), 0.0, 0.0, 0
    for pause, moves in turns:
        now += pause
        if moves:
            heartbeat, moved_at = heartbeat + 1, now
        if watch.look([seen("n1", heartbeat)], now):
            assert now - moved_at >= SILENCE_S
