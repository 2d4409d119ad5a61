"""Counting the arrows that calls walked: every call once an arrow, one version, merged ones by their part."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from core.db import Database
from dialer.calling.walked import HUNG_UP, of_version, through, walked
from dialer.tables import Answer, Attempt, Callback, Client, PlanRun

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
WHOLE = [["", "start", "hello"], ["hello", "next", "who"], ["who", "yes", "end"]]
ANEW = [["", "start", "hello"], ["hello", "next", "who"], ["who", "no", "hello"], ["hello", "next", "who"]]


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    made = Database(f"sqlite:///{tmp_path_factory.mktemp('walked') / 'walked.db'}")
    made.migrate()
    with made.write() as session:
        _somebody(session)
    yield made
    made.close()


@pytest.fixture
def session(db: Database) -> Iterator[Session]:
    with db.write() as session:
        session.execute(delete(Answer))
        session.execute(delete(Attempt))
        yield session


def _somebody(session: Session) -> None:
    columns = {"name": "n", "kind": "person", "phones": [], "branch": "b", "opened_on": date(2020, 1, 1)}
    columns |= {"status": "active", "developed_by": "self", "tags": [], "prefers": {}, "phone_opt_out": False}
    session.add(Client(client_id="C", language="zh-CN", changed_at=NOW, **columns))
    session.add(PlanRun(plan_id="P", at=NOW, for_date=NOW.date(), pack="p", seed="", counts={}))
    session.flush()
    columns = {"client_id": "C", "pack": "p", "flow": "f", "language": "zh-CN", "executor": "e", "priority": 1}
    columns |= {"reason": "r", "due_on": NOW.date(), "due_at": NOW, "next_attempt_at": NOW, "created_at": NOW}
    session.add(Callback(callback_id="CB", plan_id="P", **columns))


def call(
    session: Session,
    path: list[Any] | None,
    *,
    flow: str = "f",
    flow_hash: str = "aaa",
    at: datetime = NOW,
    reasons: tuple[str, ...] = (),
    asked: dict[str, int] | None = None,
) -> None:
    """One attempt that went `path`; `asked`: step -> the millisecond at which it was asked."""
    number = session.scalar(select(func.count()).select_from(Attempt))
    facts = {"node": "n", "phone": "1", "gate": {}, "language": "zh-CN", "sip_reasons": [], "provisionals": []}
    verdict = {"outcome": None, "follow_up": None, "reasons": list(reasons)}
    row = Attempt(attempt_id=f"A{number}", callback_id="CB", client_id="C", flow=flow, flow_hash=flow_hash, **facts)
    row.state, row.started_at, row.path, row.verdict = "ended", at, path, verdict
    session.add(row)
    session.flush()
    for step, start in (asked or {}).items():
        told = {"question": step, "value": "yes", "answered_by": "ivr", "evidence": {}, "at": at}
        ids = {"answer_id": f"A{number}-{step}", "attempt_id": f"A{number}", "callback_id": "CB", "step": step}
        session.add(Answer(**ids, **told, start_ms=start, end_ms=start + 900))
    session.flush()


def listed(session: Session, step: str, outcome: str = "", name: str = "f", flow_hash: str = "aaa") -> int:
    """How many calls the list shows for an arrow."""
    found = select(func.count()).select_from(Attempt).where(*of_version(name, flow_hash), through(name, step, outcome))
    return session.scalar(found) or 0


def test_nothing_was_walked_without_calls(session: Session) -> None:
    call(session, None)
    found = walked(session, "f", "aaa")
    assert (found.calls.total, dict(found.calls.arrows), found.seconds) == (0, {}, {})


def test_every_call_counts_once_an_arrow_however_often_it_went_there(session: Session) -> None:
    call(session, WHOLE)
    call(session, WHOLE)
    call(session, ANEW)
    calls = walked(session, "f", "aaa").calls
    assert calls.total == 3
    assert dict(calls.entered) == {"hello": 3, "who": 3, "end": 2}
    assert dict(calls.arrows) == {("hello", "next"): 3, ("who", "yes"): 2, ("who", "no"): 1}
    assert calls.share(("who", "yes")) == pytest.approx(2 / 3)


def test_a_client_who_hung_up_is_lost_at_the_step_where_he_was(session: Session) -> None:
    call(session, WHOLE[:2], reasons=("hung_up:who",))
    call(session, WHOLE, reasons=("wrong_answer:who",))
    assert dict(walked(session, "f", "aaa").calls.lost) == {"who": 1}
    assert listed(session, "who", HUNG_UP) == 1


@pytest.mark.rule("C-09")
def test_only_the_calls_of_the_version_and_of_the_period_count(session: Session) -> None:
    call(session, WHOLE)
    call(session, WHOLE, flow_hash="bbb")
    call(session, WHOLE, flow="another")
    call(session, WHOLE, at=NOW + timedelta(days=2))
    day = timedelta(days=1)
    assert walked(session, "f", "aaa").calls.total == 2
    assert walked(session, "f", "aaa", since=NOW, until=NOW + day).calls.total == 1
    assert walked(session, "f", "aaa", since=NOW + day).calls.total == 1
    assert walked(session, "f", "aaa", until=NOW).calls.total == 0


def test_a_merged_call_counts_for_each_part_under_its_own_names(session: Session) -> None:
    path = [["", "start", "hello"], ["hello", "next", "who"], ["who", "yes", "g.key"], ["g.key", "no", "agent"]]
    call(session, path, flow="f+g", flow_hash="aaa+ggg", reasons=("hung_up:g.key",), asked={"who": 2000, "g.key": 5000})
    first, second = walked(session, "f", "aaa"), walked(session, "g", "ggg")
    assert dict(first.calls.arrows) == {("hello", "next"): 1, ("who", "yes"): 1}
    assert dict(first.calls.lost) == {}
    assert dict(second.calls.arrows) == {("key", "no"): 1}
    assert dict(second.calls.entered) == {"key": 1}
    assert dict(second.calls.lost) == {"key": 1}
    assert (first.seconds, second.seconds) == ({"who": 2.0}, {"key": 5.0})
    assert listed(session, "key", "no", "g", "ggg") == listed(session, "key", HUNG_UP, "g", "ggg") == 1
    assert listed(session, "key", "no", "f") == 0


def test_seconds_are_the_average_until_the_question_was_asked(session: Session) -> None:
    call(session, WHOLE, asked={"who": 4000})
    call(session, WHOLE, asked={"who": 8000})
    assert walked(session, "f", "aaa").seconds == {"who": 6.0}


def test_steps_whose_names_are_alike_are_told_apart(session: Session) -> None:
    call(session, [["", "start", "a_b"], ["a_b", "yes", "axb"], ["axb", "yes", "c.a_b"]])
    assert listed(session, "a_b", "yes") == listed(session, "axb", "yes") == 1
    assert listed(session, "a%", "yes") == listed(session, "b", "yes") == listed(session, "b") == 0


STEPS = st.sampled_from(["a", "b", "g.a", "g.b"])
WAYS = st.lists(st.tuples(STEPS, st.sampled_from(["yes", "no"]), STEPS), max_size=6)


@given(st.lists(st.tuples(WAYS, st.sampled_from(["f", "g", "f+g", "g+f"])), max_size=6))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_number_is_that_of_the_list_it_opens(session: Session, made: list[tuple[list[Any], str]]) -> None:
    session.execute(delete(Attempt))
    for way, flow in made:
        call(session, [list(arrow) for arrow in way], flow=flow, flow_hash=flow.replace("f", "aaa").replace("g", "ggg"))
    for name, flow_hash in (("f", "aaa"), ("g", "ggg")):
        calls = walked(session, name, flow_hash).calls
        own = {arrow: number for arrow, number in calls.arrows.items() if "." not in arrow[0]}
        assert {arrow: listed(session, *arrow, name, flow_hash) for arrow in own} == own
        assert Counter({step: listed(session, step, "", name, flow_hash) for step in "ab"}) == Counter(
            {step: calls.entered.get(step, 0) for step in "ab"}
        )
