"""The books of the trunks on SQLite and PostgreSQL: nodes at the same time keep the limits together, to the call."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core import audit
from core.db import Database
from core.errors import SettingsError
from core.ids import new_id
from core.settings import Line, Settings, Trunk
from dialer.calling import whys
from dialer.calling.dispositions import Disposition
from dialer.lines.base import EndedBy, Ending, TrunkHealth
from dialer.tables import Attempt, AttemptState, Callback, TrunkHealthRow, TrunkState
from dialer.trunks import books
from dialer.trunks.books import Taken, Trunks
from dialer.trunks.choosing import NoTrunk

pytestmark = pytest.mark.contract

NOW = datetime(2026, 11, 23, 1, 30, tzinfo=UTC)
NODES, LOOKS = 4, 25


@pytest.fixture(params=["sqlite", "postgresql"])
def db(request: pytest.FixtureRequest, tmp_path: Path, owe: Callable[..., Callback]) -> Iterator[Database]:
    """A database of each kind with one client who is owed one callback."""
    sqlite = request.param == "sqlite"
    url = f"sqlite:///{tmp_path / 'huifang.db'}" if sqlite else str(request.getfixturevalue("postgres_url"))
    database = Database(url)
    database.migrate()
    with database.write() as session:
        owe(session)
    yield database
    database.close()


def settings(**trunks: Trunk) -> Settings:
    """Two trunks of one priority, unless told otherwise."""
    known = trunks or {"a": Trunk(address="127.0.0.1:5070"), "b": Trunk(address="127.0.0.1:5080")}
    return Settings(line=Line(breaker_failures=3), trunks=known)


def place(session: Session, trunk: str, at: datetime, **changed: object) -> Attempt:
    """An attempt as the lease makes it."""
    values: dict[str, object] = {
        "attempt_id": new_id(at),
        "callback_id": "B1",
        "client_id": "C1",
        "node": "n1",
        "phone": "13900000001",
        "gate": {},
        "flow": "new_account",
        "flow_hash": "f",
        "language": "zh-CN",
        "started_at": at,
        "sip_reasons": [],
        "provisionals": [],
        "trunk": trunk,
    }
    attempt = Attempt(**(values | changed))
    session.add(attempt)
    session.flush()
    return attempt


def at_the_same_time(work: Callable[[int], list[datetime]]) -> list[datetime]:
    """What ``NODES`` threads that start together bring home, in order."""
    start = threading.Barrier(NODES)

    def run(node: int) -> list[datetime]:
        start.wait(30)
        return work(node)

    with ThreadPoolExecutor(NODES) as pool:
        return sorted(moment for found in pool.map(run, range(NODES)) for moment in found)


def looks(db: Database, given: Settings, step: timedelta) -> list[datetime]:
    """When the calls left that ``NODES`` nodes placed, each looking ``LOOKS`` times on its own clock."""

    def work(node: int) -> list[datetime]:
        trunks, placed = Trunks(given, health=tuple), list[datetime]()
        for look in range(LOOKS):
            now = NOW + look * step + timedelta(milliseconds=node)
            with db.write() as session:
                taken = trunks.take(session, now, key=f"{node}:{look}")
                if isinstance(taken, Taken):
                    place(session, taken.name, now, node=f"n{node}")
                    placed.append(now)
        return placed

    return at_the_same_time(work)


def test_nodes_together_never_exceed_the_channels_of_a_trunk(db: Database) -> None:
    given = settings(
        a=Trunk(address="x", channels=5, calls_per_second=1e6), b=Trunk(address="y", channels=3, calls_per_second=1e6)
    )
    placed = looks(db, given, timedelta(seconds=1))
    with db.session() as session:
        assert books.channels_in_use(session) == {"a": 5, "b": 3}
    assert len(placed) == 8


def test_nodes_together_never_exceed_the_rate_of_a_trunk(db: Database) -> None:
    given = settings(a=Trunk(address="x", channels=1000, calls_per_second=4.0))
    looks(db, given, timedelta(milliseconds=60))
    with db.session() as session:
        calls = session.scalar(select(func.count()).select_from(Attempt))
        last = session.get_one(TrunkState, "a").next_call_at
    assert last is not None
    assert calls is not None
    assert 1 < calls <= 1 + 4 * LOOKS * 0.06  # the first, then four a second of the time that passed
    assert last - NOW >= calls * timedelta(seconds=1) / 4


def test_a_channel_is_free_again_when_its_call_has_ended(db: Database) -> None:
    trunks = Trunks(settings(a=Trunk(address="x", channels=1)), health=tuple)
    with db.write() as session:
        assert isinstance(trunks.take(session, NOW, key="1"), Taken)
        attempt = place(session, "a", NOW)
        full = trunks.look(session, NOW + timedelta(seconds=1))
        assert full is not None
        assert full.waits
        attempt.state = AttemptState.ENDED
        assert trunks.look(session, NOW + timedelta(seconds=1)) is None


def test_a_node_leaves_a_trunk_that_it_cannot_reach(db: Database) -> None:
    seen = [TrunkHealth("a", None, False, NOW, "no answer"), TrunkHealth("b", True, True, NOW)]
    trunks = Trunks(settings(), health=lambda: seen)
    with db.write() as session:
        for call in range(5):
            taken = trunks.take(session, NOW + timedelta(seconds=call), key=str(call))
            assert taken == Taken("b", "127.0.0.1:5080")


def test_what_a_node_sees_is_kept_for_the_page(db: Database) -> None:
    seen = [TrunkHealth("a", None, False, NOW, "no answer")]
    trunks = Trunks(settings(), health=lambda: seen)
    for reachable in (False, True, True):
        seen[0] = TrunkHealth("a", True, reachable, NOW)
        with db.write() as session:
            trunks.keep_health(session, NOW)
    with db.session() as session:
        row = session.scalars(select(TrunkHealthRow)).one()
        assert (row.trunk, row.node, row.registered, row.reachable) == ("a", "node-1", True, True)


def end(session: Session, given: Settings, trunk: str, at: datetime, disposition: Disposition, **facts: object) -> None:
    """One call over ``trunk`` that ends at once."""
    attempt = place(session, trunk, at, state=AttemptState.ENDED, disposition=disposition)
    ending = Ending(EndedBy.FAR_END, at, **facts)  # type: ignore[arg-type]
    books.report(session, given, attempt, disposition=disposition, ending=ending, now=at)


def test_faults_in_a_row_open_the_breaker_and_the_far_sides_word_closes_it(db: Database) -> None:
    given, trunks = settings(a=Trunk(address="x")), Trunks(settings(a=Trunk(address="x")), health=tuple)
    later = NOW + timedelta(seconds=40)
    with db.write() as session:
        for number in range(3):
            end(session, given, "a", NOW + timedelta(seconds=number), Disposition.TRUNK_CONGESTION, status=503)
        barred = trunks.look(session, NOW + timedelta(seconds=5))
        assert isinstance(barred, NoTrunk)
        assert not barred.waits
        assert session.get_one(TrunkState, "a").last_fault == "trunk_congestion 503"
    with db.write() as session:
        assert isinstance(trunks.take(session, later, key="probe"), Taken)
        assert trunks.look(session, later + timedelta(seconds=1)) is not None
        place(session, "a", later)
        books.heard(session, "a", placed_at=later)
        assert trunks.look(session, later + timedelta(seconds=1)) is None


@pytest.mark.parametrize(
    "disposition", [Disposition.BUSY, Disposition.INVALID_NUMBER, Disposition.ANSWERED, Disposition.BLOCKED_BY_NETWORK]
)
def test_any_final_word_of_the_far_side_begins_the_row_of_faults_anew(db: Database, disposition: Disposition) -> None:
    given = settings()
    with db.write() as session:
        for _ in range(2):
            end(session, given, "a", NOW, Disposition.OUR_FAULT)
        end(session, given, "a", NOW + timedelta(seconds=1), disposition, status=486)
        assert session.get_one(TrunkState, "a").failures == 0


@pytest.mark.parametrize("disposition", [Disposition.CANCELLED, Disposition.INTERRUPTED])
def test_endings_of_ours_say_nothing_about_a_trunk(db: Database, disposition: Disposition) -> None:
    with db.write() as session:
        end(session, settings(), "a", NOW, Disposition.OUR_FAULT)
        end(session, settings(), "a", NOW, disposition)
        assert session.get_one(TrunkState, "a").failures == 1


def test_a_503_that_says_when_to_come_back_opens_the_breaker_for_so_long(db: Database) -> None:
    with db.write() as session:
        end(session, settings(), "a", NOW, Disposition.TRUNK_CONGESTION, status=503, retry_after_s=77)
        end(session, settings(), "b", NOW, Disposition.TRUNK_CONGESTION, status=500, retry_after_s=77)
        assert session.get_one(TrunkState, "a").opened_until == NOW + timedelta(seconds=77)
        assert session.get_one(TrunkState, "b").opened_until is None


def test_reports_of_many_nodes_are_all_counted(db: Database) -> None:
    given = Settings(line=Line(breaker_failures=1000), trunks={"a": Trunk(address="x")})

    def work(node: int) -> list[datetime]:
        for _ in range(LOOKS):
            with db.write() as session:
                end(session, given, "a", NOW, Disposition.OUR_FAULT)
        return []

    at_the_same_time(work)
    with db.session() as session:
        assert session.get_one(TrunkState, "a").failures == NODES * LOOKS


@pytest.mark.parametrize(
    ("calls", "told"),
    [
        (["a"], [True]),
        (["a", "b"], [True, False]),  # every trunk has failed: the ladder's delay
        (["a", "a"], [True, False]),  # the other was full by then: the ladder's delay
        (["a", "b", "a"], [True, False, True]),  # after the delay a new try begins
        (["gone", "a", "b"], [True, True, False]),
    ],
)
def test_a_fault_of_the_trunk_moves_the_call_to_another_one_once_a_trunk(
    db: Database, calls: list[str], told: list[bool]
) -> None:
    again = []
    for number, trunk in enumerate(calls):
        with db.write() as session:
            at = NOW + timedelta(seconds=number)
            attempt = place(session, trunk, at, state="ended", disposition="trunk_congestion")
            again.append(books.other_may(session, settings(), attempt, at))
            code = whys.OTHER_TRUNK.code if again[-1] else "after_delay"
            attempt.callback.next_why = {"code": code}
    assert again == told


def test_only_a_fault_of_the_trunk_moves_a_call_and_only_to_a_trunk_in_order(db: Database) -> None:
    with db.write() as session:
        busy = place(session, "a", NOW, state="ended", disposition="busy")
        assert not books.other_may(session, settings(), busy, NOW)
        failed = place(session, "a", NOW, state="ended", disposition="our_fault")
        assert books.other_may(session, settings(), failed, NOW)
        books.drain(session, "b", by="user:1", at=NOW)
        assert not books.other_may(session, settings(), failed, NOW)


def test_a_drained_trunk_takes_no_call_and_keeps_those_it_has(db: Database) -> None:
    given = settings(a=Trunk(address="x"))
    trunks = Trunks(given, health=tuple)
    with db.write() as session:
        place(session, "a", NOW)
        assert books.drain(session, "a", by="user:1", at=NOW)
        assert not books.drain(session, "a", by="user:2", at=NOW)
        barred = trunks.take(session, NOW, key="1")
        assert isinstance(barred, NoTrunk)
        assert barred.text == "线路不可用：a 维护停用"
        assert books.channels_in_use(session) == {"a": 1}
    with db.write() as session:
        assert books.undrain(session, "a", by="user:2", at=NOW)
        assert not books.undrain(session, "a", by="user:2", at=NOW)
        assert isinstance(trunks.take(session, NOW, key="1"), Taken)
    with db.session() as session:
        links = session.scalars(select(audit.AuditLink).order_by(audit.AuditLink.number)).all()
        assert [(link.actor, link.action, link.subject) for link in links] == [
            ("user:1", "trunk.drained", "a"),
            ("user:2", "trunk.undrained", "a"),
        ]


@pytest.mark.parametrize(
    "broken",
    [
        Settings(trunks={"a": Trunk(address="x", calls_per_second=0)}),
        Settings(trunks={"a": Trunk(address="x", weight=-1)}),
        Settings(trunks={"a": Trunk(address="x", channels=-1)}),
        Settings(line=Line(breaker_failures=0)),
        Settings(line=Line(breaker_seconds=700.0)),
    ],
)
def test_limits_that_cannot_be_kept_are_refused_when_the_node_starts(broken: Settings) -> None:
    with pytest.raises(SettingsError):
        Trunks(broken, health=tuple)
