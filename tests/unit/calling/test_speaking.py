"""What tomorrow's calls name is spoken in the night, once each, and a night without a voice spoils nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session

from core.calendars import ChinaCalendars
from core.clock import ShiftedClock, SystemClock
from core.db import Database
from dialer.calling.scripts import Scripts
from dialer.calling.speaking import SpokenAhead, speak_ahead
from dialer.calling.versions import Registered
from dialer.tables import Callback, CallbackMode, Client
from huifang import speaking
from huifang.commands.run import plan_tonight
from ivr_flows.errors import VoiceError
from ivr_flows.prompts import Catalogue
from ivr_flows.speech import Speaker
from tests.approving import Shipped
from tests.unit.gate.firm import contact

pytestmark = pytest.mark.unit

NIGHT = datetime(2026, 11, 22, 18, tzinfo=UTC)  # 02:00 in China, of a Monday
COMPANIES = {"zh-CN": "汇方证券", "en": "Huifang Securities"}
NAMES = {"张涛", "李磊", "王芳", "赵敏", "周杰", "Zhou Jie"}


class Voice:
    """Says everything but one name as a click."""

    def __init__(self, dumb: str = "") -> None:
        self.said: list[tuple[str, str]] = []
        self.dumb = dumb

    def __call__(self, text: str, language: str) -> bytes:
        self.said.append((text, language))
        if text == self.dumb:
            raise VoiceError("no voice")
        return b"\x01\x00" * 80

    @property
    def named(self) -> list[str]:
        """The persons among what was said."""
        return [text for text, _ in self.said if text in NAMES]


@pytest.fixture
def db(tmp_path: Path, owe: Callable[..., Callback], a_client: Callable[..., Client]) -> Iterator[Database]:
    """Six callbacks: two of today with one name, one in English, one next week, one by hand, one provisional."""
    database = Database(f"sqlite:///{tmp_path / 'books.db'}")
    database.migrate()
    with database.write() as session:
        first = owe(session, priority=9)
        first.client.name = "张涛"
        _add(session, a_client, 2, "张涛")
        _add(session, a_client, 3, "周杰", language="en")
        _add(session, a_client, 4, "李磊", next_attempt_at=NIGHT + timedelta(days=5))
        _add(session, a_client, 5, "王芳", mode=CallbackMode.MANUAL)
        _add(session, a_client, 6, "赵敏", provisional=True)
    yield database
    database.close()


def _add(
    session: Session, a_client: Callable[..., Client], number: int, name: str, language: str = "zh-CN", **changed: Any
) -> None:
    session.add(a_client(client_id=f"C{number}", name=name, language=language))
    session.flush()
    due = datetime(2026, 12, 1, 16, tzinfo=UTC)
    values: dict[str, Any] = {
        "callback_id": f"B{number}",
        "plan_id": "P1",
        "client_id": f"C{number}",
        "pack": "GAL",
        "flow": "new_account",
        "language": language,
        "executor": "hq_call_centre",
        "priority": number,
        "reason": "新开户",
        "due_on": due.date(),
        "due_at": due,
        "next_attempt_at": NIGHT + timedelta(hours=7),
        "created_at": NIGHT,
    }
    session.add(Callback(**(values | changed)))


@pytest.fixture
def speak(db: Database, tmp_path: Path) -> Callable[..., SpokenAhead]:
    """``speak(voice, most_s=0)``: the job of that night."""

    def run(voice: Voice, versions: Any = None, **limits: float) -> SpokenAhead:
        catalogue = Catalogue(speaker=Speaker(tmp_path / "speech", voice))
        return speak_ahead(
            db,
            ShiftedClock(NIGHT - SystemClock().now()),
            rules=contact(),
            calendars=ChinaCalendars(),
            scripts=Scripts(catalogue, versions or Shipped(COMPANIES)),
            catalogue=catalogue,
            **limits,
        )

    return run


def test_everybody_who_may_be_called_tomorrow_is_named_once(speak: Callable[..., SpokenAhead]) -> None:
    voice = Voice()
    done = speak(voice)
    assert sorted(voice.named) == ["Zhou Jie", "张涛"], "nobody of next week, of people who dial, or provisional"
    assert (done.failed, done.left) == (0, 0)
    assert done.ready >= len(voice.said)
    again = Voice()
    assert speak(again) == done
    assert again.said == [], "it is on the disk now"


def test_a_name_that_cannot_be_spoken_is_counted_and_the_others_are_spoken(speak: Callable[..., SpokenAhead]) -> None:
    voice = Voice(dumb="张涛")
    done = speak(voice)
    assert (done.failed, done.left) == (1, 0)
    assert "Zhou Jie" in voice.named


def test_the_most_pressing_come_first_and_the_night_ends(speak: Callable[..., SpokenAhead]) -> None:
    voice = Voice()
    speak(voice)
    assert voice.named == ["张涛", "Zhou Jie"]
    late = Voice()
    done = speak(late, most_s=0.0)
    assert (done.ready, late.said) == (0, [])
    assert done.left > 0


def test_a_script_that_nobody_approved_names_nobody(speak: Callable[..., SpokenAhead], db: Database) -> None:
    voice = Voice()
    assert speak(voice, Registered(db)) == SpokenAhead()
    assert voice.said == []


def test_the_nightly_job_speaks_after_its_plan_and_logs_counts_only(
    tmp_path: Path, db: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    voice, config = Voice(dumb="张涛"), tmp_path / "huifang.toml"
    shift = (NIGHT - SystemClock().now()).total_seconds()
    config.write_text(
        f'[firm]\npack = "demo_firm"\n[storage]\nvar = "{tmp_path / "var"}"\n'
        f'database = "sqlite:///{tmp_path / "books.db"}"\n'
        f"[node]\nclock_shift_s = {shift}\n",
        "utf-8",
    )
    monkeypatch.setattr(speaking, "by_espeak", voice)
    monkeypatch.setattr(speaking.kokoro, "available", lambda: False)
    monkeypatch.setattr(speaking, "Registered", lambda _db: Shipped(COMPANIES))
    with caplog.at_level(logging.INFO):
        plan_tonight(str(config))
    told = [record.getMessage() for record in caplog.records if record.name == "huifang.speaking"]
    assert len(told) == 1
    assert "1 failed, 0 left" in told[0]
    assert not any(name in record.getMessage() for record in caplog.records for name in NAMES)
