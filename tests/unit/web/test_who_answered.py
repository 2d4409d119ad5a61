"""Who answered: said on the call's page by whoever listened, compared with the judge on the line's page."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from core.audit import AuditLink
from dialer.tables import Attempt

pytestmark = pytest.mark.unit

VERDICT = {"kind": "voicemail", "confidence": 0.85, "at_ms": 3400, "why": "announcement"}


@pytest.fixture
def judged(day: Any) -> Attempt:
    """An answered attempt of the day that the judge took for a mailbox."""
    with day.db.write() as session:
        attempt = session.scalars(select(Attempt).where(Attempt.answered_at.is_not(None))).first()
        assert attempt is not None
        attempt.trunk, attempt.answer_class, attempt.answer_evidence = "carrier-a", "voicemail", VERDICT
        session.flush()
        session.expunge(attempt)
    return attempt


def page_of(attempt: Attempt) -> str:
    return f"/calls/{attempt.callback_id}?attempt={attempt.attempt_id}"


def say(visitor: Any, attempt: Attempt, answer: str) -> Any:
    return visitor.post(f"/calls/{attempt.callback_id}/answered/{attempt.attempt_id}", {"answer": answer})


def test_the_page_tells_what_was_judged_and_asks_who_it_was(bob: Any, judged: Attempt) -> None:
    bob.post("/language", {"language": "en"})
    page = bob.get(page_of(judged)).text
    assert "a voicemail, 85 %, after 3.4 s" in page
    assert "Who answered?" in page


def test_what_is_said_is_kept_shown_and_chained(bob: Any, day: Any, judged: Attempt) -> None:
    assert say(bob, judged, "person").status_code == 302
    with day.db.session() as session:
        link = session.scalars(select(AuditLink).where(AuditLink.action == "attempt.labelled")).one()
        kept = session.get_one(Attempt, judged.attempt_id)
    assert (kept.answer_label, kept.labelled_by) == ("person", "稽核乙")
    assert link.actor.startswith("user:")
    shown = bob.get(page_of(judged)).text
    assert 'value="person" aria-pressed="true"' in shown


@pytest.mark.parametrize("answer", ["", "unknown", "somebody"])
def test_a_word_that_is_no_answer_changes_nothing(bob: Any, day: Any, judged: Attempt, answer: str) -> None:
    assert say(bob, judged, answer).status_code == 404
    with day.db.session() as session:
        assert session.get_one(Attempt, judged.attempt_id).answer_label is None


def test_an_attempt_of_another_callback_is_not_labelled(bob: Any, judged: Attempt) -> None:
    path = f"/calls/{judged.callback_id}/answered/no-such"
    assert bob.post(path, {"answer": "person"}).status_code == 404


def test_an_agent_is_neither_asked_nor_heard(alice: Any, judged: Attempt) -> None:
    assert say(alice, judged, "person").status_code == 403


def test_the_line_shows_the_matrix_of_the_trunk(bob: Any, judged: Attempt) -> None:
    say(bob, judged, "person")
    bob.post("/language", {"language": "en"})
    page = bob.get("/line").text
    assert "carrier-a" in page
    assert "0 of 1 known ones judged right, 1 of 1 persons taken for a machine" in page


def test_a_line_without_judged_calls_says_when_there_will_be_some(bob: Any) -> None:
    bob.post("/language", {"language": "en"})
    assert "No answered call has been judged yet" in bob.get("/line").text
