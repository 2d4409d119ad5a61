"""The register of scripts on SQLite and PostgreSQL: persons who act at the same moment, and the last guard."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

from core.audit import require_whole
from core.db import Database
from ivr_flows import register
from ivr_flows.loader import load_flow, load_sources
from ivr_flows.model import Flow
from ivr_flows.register import ChangedMeanwhile, Hand
from ivr_flows.tables import FlowState, FlowVersion

pytestmark = pytest.mark.contract

NOW = datetime(2026, 11, 23, 1, 30, tzinfo=UTC)
AUTHOR = Hand("user:1", "user:1")
PERSONS = 4


@pytest.fixture(params=["sqlite", "postgresql"])
def db(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty database of each kind."""
    sqlite = request.param == "sqlite"
    url = f"sqlite:///{tmp_path / 'huifang.db'}" if sqlite else str(request.getfixturevalue("postgres_url"))
    database = Database(url)
    database.migrate()
    yield database
    database.close()


def script(goodbye: str = "再见。") -> Flow:
    """One script, or another version of it."""
    flow = load_flow("hen_survey", "zh-CN")
    sources = dict(flow.sources)
    sources["passages/closing.yaml"] = sources["passages/closing.yaml"].replace("再见。", goodbye)
    return load_sources(sources, flow.name, flow.language, flow.company)


def at_once(act: Callable[[int], object]) -> list[object]:
    """What became of the same act by several persons at the same moment: its result or its refusal."""
    start = threading.Barrier(PERSONS)

    def run(number: int) -> object:
        start.wait(30)
        try:
            return act(number)
        except ChangedMeanwhile as refused:
            return refused

    with ThreadPoolExecutor(PERSONS) as pool:
        return list(pool.map(run, range(PERSONS)))


@pytest.mark.rule("C-09")
def test_a_version_comes_back_whole(db: Database) -> None:
    flow = script()
    with db.write() as session:
        register.submit(session, [flow], by=AUTHOR, at=NOW)
    with db.session() as session:
        kept = register.version(session, flow.hash[:10])
        assert register.flow_of(kept) == flow
        assert kept.submitted_at == NOW
        assert register.meant(session, "hen_survey", FlowState.SUBMITTED) == (kept,)


@pytest.mark.rule("E-13")
def test_only_the_first_of_several_approvals_counts(db: Database) -> None:
    flow = script()
    with db.write() as session:
        register.submit(session, [flow], by=AUTHOR, at=NOW)

    def approve(number: int) -> object:
        with db.write() as session:
            return register.approve(session, [flow.hash], by=Hand(f"user:{number + 2}", "user"), at=NOW)

    made = at_once(approve)
    assert sum(isinstance(one, ChangedMeanwhile) for one in made) == PERSONS - 1
    with db.session() as session:
        assert register.is_approved(session, flow.hash)
        assert require_whole(session) == 2


def test_a_script_that_several_hand_in_at_once_waits_once(db: Database) -> None:
    flow = script()

    def submit(number: int) -> object:
        with db.write() as session:
            return register.submit(session, [flow], by=Hand(f"user:{number}", "user"), at=NOW)

    at_once(submit)
    with db.session() as session:
        assert [row.state for row in register.versions(session)] == [FlowState.SUBMITTED]
        assert require_whole(session) == 1


def test_the_database_itself_refuses_a_second_approved_version(db: Database) -> None:
    with db.write() as session:
        for flow in (script(), script("再会。")):
            rows = register.submit(session, [flow], by=AUTHOR, at=NOW)
            register.approve(session, rows, by=Hand("user:2", "user:2"), at=NOW)
    with pytest.raises(IntegrityError), db.write() as session:
        session.execute(update(FlowVersion).values(state=FlowState.APPROVED))
