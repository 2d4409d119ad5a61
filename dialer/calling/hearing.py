"""What was said before the answer, once its recording is transcribed: the verdict is kept with the attempt.

The rule of this module: the recording of an attempt that nobody answered is the clip; its transcript is the text. The
verdict may move the disposition (``reclassify``), never the call-back. A recording that cannot be read is told of and
looked at again later. A second listening that fails costs the verdict nothing but its readings.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlalchemy.orm import Session

from core.clock import Clock
from core.db import Database
from core.errors import HuifangError
from dialer.calling.evidence.announcements import Phrases
from dialer.calling.evidence.verdict import EarlyVerdict, judge_early
from dialer.calling.reclassify import judge_again, store
from dialer.calling.transcribed import a_page, clients_side, waiting
from dialer.tables import Attempt
from transcribe.tables import Transcript

logger = logging.getLogger(__name__)
ACTOR = "hearing"
Read = Callable[[str], bytes]
ListenAgain = Callable[[bytes, str], Sequence[str]]
"""Further readings of 8 kHz s16le audio in a language (``zh-CN``); none when it cannot."""


@dataclass(frozen=True, slots=True)
class Clip:
    """The early media of one attempt: its recording, and what a recogniser read in it and where."""

    attempt_id: str
    recording_id: str
    language: str
    text: str
    heard_at: tuple[int, int] | None


def no_more(_pcm: bytes, _language: str) -> Sequence[str]:
    """The second listening of an installation without one: no further reading."""
    return ()


def hear(db: Database, read: Read, phrases: Phrases, clock: Clock, listen_again: ListenAgain = no_more) -> int:
    """Judge the early media of every attempt that waits for it; returns how many were judged.

    ``read`` gives the client's channel of a recording (8 kHz s16le); a HuifangError of it leaves the attempt for the
    next time and keeps nobody behind it waiting. ``listen_again`` is asked where words were heard that are not
    wholly an announcement's.
    """

    def judge(clip: Clip) -> EarlyVerdict:
        pcm = read(clip.recording_id)
        again = partial(listen_again, pcm, clip.language)
        return judge_early(pcm, clip.text, phrases, heard_at=clip.heard_at, again=again)

    return sum(_heard(db, clip, judge, clock) for clip in waiting(db, _page))


def _heard(db: Database, clip: Clip, judge: Callable[[Clip], EarlyVerdict], clock: Clock) -> bool:
    try:
        verdict = judge(clip)
    except HuifangError as error:
        logger.error("the early media of attempt %s cannot be read: %s", clip.attempt_id, error)  # noqa: TRY400 - it says all
        return False
    with db.write() as session:
        keep(session, clip.attempt_id, verdict, at=clock.now())
    return True


def keep(session: Session, attempt_id: str, verdict: EarlyVerdict, *, at: datetime) -> None:
    """Store what was heard with the attempt, and the disposition that the table gives now."""
    attempt = session.get_one(Attempt, attempt_id)
    attempt.early = verdict.as_json()
    judged = judge_again(attempt, attempt.ring_limit_s or 0.0)
    if judged is not None and judged.disposition != attempt.disposition:
        store(session, attempt, judged, at=at, actor=ACTOR)


def _page(session: Session, after: str) -> list[Clip]:
    wanted = a_page(after, Attempt.answered_at.is_(None), Attempt.early.is_(None))
    return [
        Clip(attempt.attempt_id, attempt.recording_id or "", transcript.language, *_said(session, transcript))
        for attempt, transcript in session.execute(wanted).tuples()
    ]


def _said(session: Session, transcript: Transcript) -> tuple[str, tuple[int, int] | None]:
    """What the client's channel says, and where."""
    said = clients_side(session, transcript.transcript_id)
    text = " ".join(segment.text for segment in said)
    return text, (said[0].start_ms, said[-1].end_ms) if said else None
