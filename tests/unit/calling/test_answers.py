"""Who answered, judged in the shadow, beside what people know of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from sqlalchemy import select

from core.audit import AuditLink
from core.clock import CHINA
from core.db import Database
from core.errors import HuifangError
from dialer.calling.answers import NoSuchAnswer, confusions, label
from dialer.calling.evidence.announcements import load_phrases
from dialer.calling.evidence.answering import Answer, AnswerRules
from dialer.calling.shadow import AnsweredCall, Shadow, answered_after_ms, judge_answers
from dialer.tables import Answer as Reply
from dialer.tables import Attempt, Callback
from transcribe.tables import Channel, Segment, Transcript, TranscriptState

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=CHINA)
SPEECH = Path(__file__).parents[2] / "data" / "speech"
SILENCE = bytes(8 * 16_000)


def somebody_speaks() -> bytes:
    """Half a second of nothing, then a real voice that speaks on for more than three seconds."""
    pcm, _ = sf.read(SPEECH / "en_librispeech_1995.8k_alaw.wav", dtype="int16")
    return bytes(8000) + np.asarray(pcm).astype("<i2").tobytes()


def shadow(pcm: bytes, asked: list[tuple[str, int, int]] | None = None) -> Shadow:
    def read(recording_id: str, start_ms: int, end_ms: int) -> bytes:
        if asked is not None:
            asked.append((recording_id, start_ms, end_ms))
        return pcm

    return Shadow(read, load_phrases(), AnswerRules())


def test_words_count_from_the_moment_at_which_a_live_call_would_know_them() -> None:
    call = AnsweredCall("A1", "R1", 0, ((500, 2600, "您好这里是语音信箱请在提示音后留言"),))
    verdict = shadow(somebody_speaks()).judge(call)
    assert verdict.kind is Answer.VOICEMAIL
    assert 2600 + 1300 <= verdict.at_ms <= 2600 + 1320


def test_who_speaks_on_is_a_person_three_seconds_after_speech_began() -> None:
    verdict = shadow(somebody_speaks()).judge(AnsweredCall("A1", "R1", 0, ()))
    assert (verdict.kind, verdict.confidence) == (Answer.PERSON, AnswerRules().doubt)
    assert verdict.at_ms <= 500 + 700 + AnswerRules().decide_ms  # the recording's own silence and the detector's


def test_only_the_time_after_the_answer_is_heard() -> None:
    asked: list[tuple[str, int, int]] = []
    assert shadow(SILENCE, asked).judge(AnsweredCall("A1", "R1", 7000, ())).kind is Answer.SILENCE
    assert asked == [("R1", 7000, 27_000)]


@pytest.fixture
def db(tmp_path: Path, owe: Callable[..., Callback], an_attempt: Callable[..., Attempt]) -> Iterator[Database]:
    """One answered attempt, recorded from early media on, whose transcript is done."""
    database = Database(f"sqlite:///{tmp_path / 'answers.db'}")
    database.migrate()
    with database.write() as session:
        owe(session)
        media = {"status": 183, "phrase": "", "at": NOW.isoformat(), "media": True}
        session.add(
            an_attempt(
                state="ended",
                trunk="main",
                disposition="answered",
                answered_at=NOW + timedelta(seconds=6),
                recording_id="R1",
                provisionals=[{**media, "status": 180, "media": False}, media],
            )
        )
        session.flush()
        known = {"transcript_id": "T1", "recording_id": "R1"}
        session.add(Transcript(attempt_id="A1", language="zh-CN", state=TranscriptState.DONE, created_at=NOW, **known))
        session.flush()
        said = ((1000, 3000, "您拨打的用户正在接听请稍候"), (6500, 9000, "您好这里是语音信箱请在提示音后留言"))
        for start, end, text in said:
            times = {"start_ms": start, "end_ms": end}
            session.add(Segment(channel=Channel.CLIENT, text=text, words=[], confidence=None, **known, **times))
    yield database
    database.close()


def the_attempt(db: Database) -> Attempt:
    with db.session() as session:
        return session.scalars(select(Attempt)).one()


def test_what_the_network_said_before_the_answer_is_not_the_clients(db: Database) -> None:
    assert answered_after_ms(the_attempt(db)) == 6000
    assert judge_answers(db, shadow(somebody_speaks())) == 1
    stored = the_attempt(db)
    assert stored.answer_class == "voicemail"
    assert stored.answer_evidence is not None
    assert "接听" not in stored.answer_evidence["text"]
    assert stored.disposition == "answered"  # a shadow moves nothing
    assert judge_answers(db, shadow(SILENCE)) == 0  # and judges once


def test_a_recording_that_cannot_be_read_waits_for_the_next_time(db: Database) -> None:
    def broken(*_: object) -> bytes:
        raise HuifangError("the disk is away; bring it back")

    assert judge_answers(db, Shadow(broken, load_phrases(), AnswerRules())) == 0
    assert the_attempt(db).answer_class is None
    assert judge_answers(db, shadow(somebody_speaks())) == 1


def test_a_label_is_kept_with_a_link_in_the_chain(db: Database) -> None:
    with db.write() as session:
        label(session, "A1", Answer.PERSON, by="bob", actor="user:3", at=NOW)
    assert (the_attempt(db).answer_label, the_attempt(db).labelled_by) == ("person", "bob")
    with db.session() as session:
        link = session.scalars(select(AuditLink).where(AuditLink.action == "attempt.labelled")).one()
    assert (link.actor, link.subject) == ("user:3", "A1")


@pytest.mark.parametrize(("attempt_id", "answer"), [("A1", Answer.UNKNOWN), ("A9", Answer.PERSON)])
def test_what_cannot_be_a_label_is_refused(db: Database, attempt_id: str, answer: Answer) -> None:
    with db.write() as session, pytest.raises(NoSuchAnswer):
        label(session, attempt_id, answer, by="bob", actor="user:3", at=NOW)


def judged(db: Database, **given: object) -> None:
    with db.write() as session:
        attempt = session.scalars(select(Attempt)).one()
        for name, value in given.items():
            setattr(attempt, name, value)


def pressed(db: Database, *keys: dict[str, object]) -> None:
    with db.write() as session:
        session.add(
            Reply(
                answer_id="X1",
                attempt_id="A1",
                callback_id="B1",
                step="s",
                question="q",
                value="yes",
                answered_by="ivr",
                start_ms=0,
                end_ms=1,
                evidence={"keys": list(keys)},
                at=NOW,
            )
        )


def matrix(db: Database) -> list[tuple[str, dict[str, dict[str, int]], dict[str, int], int]]:
    with db.session() as session:
        found = confusions(session, since=NOW)
        return [
            (one.trunk, {k: dict(v) for k, v in one.counts.items()}, dict(one.unlabelled), one.persons_lost)
            for one in found
        ]


def test_who_pressed_a_key_is_a_person_and_one_taken_for_a_machine_is_counted(db: Database) -> None:
    judged(db, answer_class="voicemail")
    assert matrix(db) == [("main", {}, {"voicemail": 1}, 0)]
    pressed(db, {"key": "1", "at_ms": 4000})
    assert matrix(db) == [("main", {"person": {"voicemail": 1}}, {}, 1)]


def test_a_question_without_a_key_proves_nobody(db: Database) -> None:
    judged(db, answer_class="silence")
    pressed(db)
    assert matrix(db) == [("main", {}, {"silence": 1}, 0)]


def test_the_word_of_whoever_listened_wins(db: Database) -> None:
    judged(db, answer_class="voicemail", answer_label="voicemail")
    pressed(db, {"key": "1", "at_ms": 4000})
    assert matrix(db) == [("main", {"voicemail": {"voicemail": 1}}, {}, 0)]


def test_calls_before_the_given_day_are_left_out(db: Database) -> None:
    judged(db, answer_class="person", answered_at=NOW - timedelta(days=1))
    assert matrix(db) == []
