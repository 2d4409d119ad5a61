"""Who answered, judged from the recording of the call once it is transcribed.

The rule of this module: the judge hears what a live call would have heard, when it would have heard it, and its verdict
moves nothing: no call is hung up, no call-back closed (an answered call is no confirmation: design rule 4).
``dialer.calling.answers`` compares it with what people know.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from core.db import Database
from core.errors import HuifangError
from dialer.calling.evidence.announcements import Phrases
from dialer.calling.evidence.answering import AnswerJudge, AnswerRules, AnswerVerdict, replay
from dialer.calling.evidence.tones import tones_of
from dialer.calling.transcribed import a_page, clients_side, waiting
from dialer.calling.voice import Voices
from dialer.tables import Attempt
from transcribe.tables import Transcript

logger = logging.getLogger(__name__)
RECOGNISED = timedelta(seconds=1.3)
"""How long after a piece of speech its text is known: what whisper-base takes for a few seconds (docs/evidence.md)."""

Read = Callable[[str, int, int], bytes]


@dataclass(frozen=True, slots=True)
class AnsweredCall:
    """One answered attempt: where its answer stands in its recording, and the client's words after it.

    ``texts`` are (start, end, words) in milliseconds since the answer.
    """

    attempt_id: str
    recording_id: str
    answer_ms: int
    texts: tuple[tuple[int, int, str], ...]


@dataclass(frozen=True, slots=True)
class Shadow:
    """What judging in the shadow needs; ``read`` gives the client's channel between two milliseconds (8 kHz s16le)."""

    read: Read
    phrases: Phrases
    rules: AnswerRules
    voices: Voices = field(default_factory=Voices)

    def judge(self, call: AnsweredCall) -> AnswerVerdict:
        """The verdict that the live call would have had; a HuifangError when the recording cannot be read."""
        pcm = self.read(call.recording_id, call.answer_ms, call.answer_ms + self.rules.watch_ms)
        late = RECOGNISED // timedelta(milliseconds=1)
        texts = [(end + late, start, words) for start, end, words in call.texts]
        return replay(AnswerJudge(self.phrases, self.rules), self._speaking(pcm), tones_of(pcm), texts)

    def _speaking(self, pcm: bytes) -> list[bool]:
        detector = self.voices.take()
        try:
            return detector.hear(pcm)
        finally:
            self.voices.give_back(detector)


def judge_answers(db: Database, shadow: Shadow) -> int:
    """Judge every answered call that waits for it, the oldest first; returns how many were judged.

    A recording that cannot be read is told of and looked at again the next time.
    """
    return sum(_judged(db, call, shadow) for call in waiting(db, _page))


def _judged(db: Database, call: AnsweredCall, shadow: Shadow) -> bool:
    try:
        verdict = shadow.judge(call)
    except HuifangError as error:
        logger.error("the answer of attempt %s cannot be judged: %s", call.attempt_id, error)  # noqa: TRY400 - it says all
        return False
    with db.write() as session:
        attempt = session.get_one(Attempt, call.attempt_id)
        attempt.answer_class, attempt.answer_evidence = verdict.kind.value, verdict.as_json()
    return True


def _page(session: Session, after: str) -> list[AnsweredCall]:
    wanted = a_page(after, Attempt.answered_at.is_not(None), Attempt.answer_class.is_(None))
    return [_call(session, attempt, transcript) for attempt, transcript in session.execute(wanted).tuples()]


def _call(session: Session, attempt: Attempt, transcript: Transcript) -> AnsweredCall:
    answer_ms = answered_after_ms(attempt)
    said = clients_side(session, transcript.transcript_id, answer_ms)
    texts = tuple((max(0, one.start_ms - answer_ms), one.end_ms - answer_ms, one.text) for one in said)
    return AnsweredCall(attempt.attempt_id, attempt.recording_id or "", answer_ms, texts)


def answered_after_ms(attempt: Attempt) -> int:
    """Where the answer stands in the recording, which begins with the first early media, else with the answer."""
    media = (datetime.fromisoformat(str(one["at"])) for one in attempt.provisionals if one.get("media"))
    began = next(media, None)
    if began is None or attempt.answered_at is None:
        return 0
    return max(0, (attempt.answered_at - began) // timedelta(milliseconds=1))
