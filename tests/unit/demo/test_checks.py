"""The demo's judge must be able to condemn: every kind of disagreement with the carrier's log is found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from core.db import Database
from dialer.tables import Attempt, Callback
from huifang.demo.checks import Expectation, differences
from recordings.tables import Recording

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 23, 1, 30, tzinfo=UTC)
AGREED = {"C1": Expectation(("answered",), "passed", False)}


def line(**changed: Any) -> dict[str, Any]:
    """The carrier's line of one answered call of ten seconds."""
    return {
        "number": "13900000001",
        "headers": {"X-Huifang-Attempt": "A1"},
        "status": 200,
        "ended_by": "bye_them",
        "answered_at": NOW.isoformat(),
        "ended_at": (NOW + timedelta(seconds=10)).isoformat(),
        "provisionals": [],
    } | changed


@pytest.fixture
def judge(
    tmp_path: Path, owe: Callable[..., Callback], an_attempt: Callable[..., Attempt]
) -> Iterator[Callable[..., list[str]]]:
    """``judge(calls, invites)`` against books that hold one answered, passed, recorded attempt."""
    db = Database(f"sqlite:///{tmp_path / 'day.db'}")
    db.migrate()
    with db.write() as session:
        owe(session, state="closed", outcome="passed")
        session.add(an_attempt(state="ended", disposition="answered", recording_id="R1"))
        session.add(
            Recording(recording_id="R1", attempt_id="A1", node="n", state="sealed", started_at=NOW, duration_ms=10_000)
        )

    def run(
        calls: list[dict[str, Any]] | None = None,
        invites: list[dict[str, Any]] | None = None,
        expected: dict[str, Expectation] | None = None,
    ) -> list[str]:
        seen = [line()] if calls is None else calls
        with db.session() as session:
            return list(differences(session, seen, seen if invites is None else invites, expected or AGREED))

    yield run
    db.close()


def test_a_day_that_agrees_has_no_differences(judge: Callable[..., list[str]]) -> None:
    assert judge() == []


@pytest.mark.parametrize(
    ("calls", "invites", "words"),
    [
        ([], [], "reached the carrier 0 times"),
        ([line()], [line(), line()], "reached the carrier 2 times"),
        ([line()], [line(), line(headers={"X-Huifang-Attempt": "A2"})], "not in the books"),
        ([line()], [line(), line(headers={})], "not in the books"),
        ([line(status=486, ended_by="final")], None, "the carrier says 486"),
        ([line(ended_by="cancel")], None, "ended by cancel"),
        ([line(ended_at=(NOW + timedelta(seconds=14)).isoformat())], None, "the carrier's call 14.0 s"),
    ],
)
def test_every_disagreement_is_told(judge: Callable[..., list[str]], calls: Any, invites: Any, words: str) -> None:
    assert any(words in told for told in judge(calls, invites))


@pytest.mark.parametrize(
    "wanted",
    [
        Expectation(("busy",), "passed", False),
        Expectation(("answered",), None, False),
        Expectation(("answered",), "passed", True),
        Expectation(("answered", "answered"), "passed", False),
    ],
)
def test_a_client_who_was_treated_otherwise_than_expected_is_told(
    judge: Callable[..., list[str]], wanted: Expectation
) -> None:
    assert any("client C1: expected" in told for told in judge(expected={"C1": wanted}))


def test_a_client_nobody_expected_anything_of_but_who_is_missing_is_told(judge: Callable[..., list[str]]) -> None:
    assert any("client C9" in told for told in judge(expected={"C9": Expectation(("busy",), None, False)}))
