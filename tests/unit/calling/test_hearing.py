"""What the network said before the answer, judged when its recording has been transcribed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select

from core.clock import CHINA, SimulatedClock
from core.db import Database
from core.errors import HuifangError
from dialer.calling import ledger
from dialer.calling.evidence.announcements import load_phrases
from dialer.calling.hearing import hear
from dialer.tables import Attempt, AttemptState, Callback
from transcribe.tables import Channel, Segment, Transcript, TranscriptState

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=CHINA)
PHRASES = load_phrases()
SILENCE = bytes(16_000)


def busy() -> bytes:
    """Six bursts of 450 Hz, 350 ms on and off."""
    time = np.arange(int(8000 * 0.35)) / 8000
    burst = np.concatenate([6000 * np.sin(2 * np.pi * 450 * time), np.zeros(len(time))])
    return np.tile(burst, 6).astype("<i2").tobytes()


@pytest.fixture
def db(tmp_path: Path, owe: Callable[..., Callback]) -> Iterator[Database]:
    """One attempt that ended as 480 after early media and was recorded; its transcript waits."""
    database = Database(f"sqlite:///{tmp_path / 'heard.db'}")
    database.migrate()
    with database.write() as session:
        callback = owe(session)
        ledger.lease(session, callback, node="n1", phone="13900000001", gate={}, flow_hash="f", ring_limit_s=30, at=NOW)
        attempt = session.scalars(select(Attempt)).one()
        attempt.state, attempt.disposition = AttemptState.ENDED, "unreachable"
        attempt.dialed_at, attempt.ended_at, attempt.ended_by = NOW, NOW + timedelta(seconds=6), "far_end"
        attempt.sip_status, attempt.sip_phrase = 480, "Temporarily Unavailable"
        attempt.provisionals = [{"status": 183, "phrase": "", "at": NOW.isoformat(), "media": True}]
        row = Transcript(
            transcript_id="T1",
            recording_id=attempt.recording_id,
            attempt_id=attempt.attempt_id,
            language="zh-CN",
            state=TranscriptState.PENDING,
            created_at=NOW,
        )
        session.add(row)
    yield database
    database.close()


def transcribed(db: Database, *texts: str) -> None:
    with db.write() as session:
        transcript = session.get_one(Transcript, "T1")
        transcript.state = TranscriptState.DONE
        for number, text in enumerate(texts):
            known = {"transcript_id": "T1", "recording_id": transcript.recording_id, "words": [], "confidence": None}
            times = {"start_ms": 1000 * number, "end_ms": 1000 * number + 900}
            session.add(Segment(channel=Channel.CLIENT, text=text, **known, **times))


def heard(db: Database, pcm: bytes = SILENCE) -> int:
    return hear(db, lambda _: pcm, PHRASES, SimulatedClock(NOW))


def attempt_of(db: Database) -> Attempt:
    with db.session() as session:
        return session.scalars(select(Attempt)).one()


def test_an_announcement_gives_the_attempt_its_class_and_its_disposition(db: Database) -> None:
    transcribed(db, "您好，", "您拨打的号码是空号，请核对后再拨。")
    assert heard(db) == 1
    attempt = attempt_of(db)
    assert attempt.disposition == "invalid_number"
    assert attempt.early is not None
    assert (attempt.early["kind"], attempt.early["by"]) == ("invalid_number", "announcement")
    assert heard(db) == 0, "once"


def test_a_tone_is_heard_where_nobody_speaks(db: Database) -> None:
    transcribed(db)
    assert heard(db, busy()) == 1
    assert (attempt_of(db).early or {})["kind"] == "busy"


def test_ordinary_words_are_kept_as_nothing_and_change_nothing(db: Database) -> None:
    transcribed(db, "喂你好哪位")
    assert heard(db) == 1
    assert (attempt_of(db).early or {})["kind"] == "none"
    assert attempt_of(db).disposition == "unreachable"


def test_words_that_are_not_understood_are_listened_to_again_in_their_language(db: Database) -> None:
    asked: list[tuple[bytes, str]] = []

    def again(pcm: bytes, language: str) -> tuple[str, ...]:
        asked.append((pcm, language))
        return ("您拨打的手机以及机", "您拨打的号码是空号")

    transcribed(db, "连后连波椒的后码接空后")
    assert hear(db, lambda _: SILENCE, PHRASES, SimulatedClock(NOW), again) == 1
    assert asked == [(SILENCE, "zh-CN")]
    assert attempt_of(db).disposition == "invalid_number"
    assert (attempt_of(db).early or {})["text"] == "您拨打的号码是空号"


def test_what_is_not_transcribed_yet_waits(db: Database) -> None:
    assert heard(db) == 0
    assert attempt_of(db).early is None


def test_a_recording_that_cannot_be_read_is_tried_again(db: Database) -> None:
    def broken(_: str) -> bytes:
        raise HuifangError("the archive is out of reach")

    transcribed(db, "您拨打的号码是空号")
    assert hear(db, broken, PHRASES, SimulatedClock(NOW)) == 0
    assert heard(db) == 1
