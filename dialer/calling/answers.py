"""Who answered, judged from the recording of the call once it is transcribed, beside what people know of it.

The rule of this module: shadow. The judge hears what a live call would have heard, when it would have heard it, and its
verdict moves nothing: no call is hung up, no call-back closed. Beside it stands the label: who it was by the word of a
person who listened, or a person because he pressed a key that was asked for. Out of both comes a confusion matrix for
every trunk, which shows what acting on the verdicts would have cost (an answered call is no confirmation: rule 4).
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, case, func, select
from sqlalchemy.orm import Session

from core import audit
from core.db import Database
from core.errors import HuifangError
from dialer.calling.evidence.announcements import Phrases
from dialer.calling.evidence.answering import (
    FRAME_MS,
    MACHINES,
    Answer,
    AnswerJudge,
    AnswerRules,
    AnswerVerdict,
    replay,
)
from dialer.calling.evidence.tones import ToneDetector, ToneVerdict
from dialer.calling.voice import Voices
from dialer.lines.base import FRAME_BYTES
from dialer.tables import LIVING, Attempt, AttemptState
from dialer.tables import Answer as Reply
from transcribe.tables import Channel, Segment, Transcript, TranscriptState

logger = logging.getLogger(__name__)
BATCH = 50  # attempts read at a time
RECOGNISED = timedelta(seconds=0.8)
"""How long after a piece of speech its text is known: what whisper-base takes for a short clip (docs/evidence.md)."""
LABELS = tuple(answer for answer in Answer if answer is not Answer.UNKNOWN)

Read = Callable[[str, int, int], bytes]


class NoSuchAnswer(HuifangError):
    """There is no answered attempt to label; take one from a call's page."""


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
        return replay(AnswerJudge(self.phrases, self.rules), self._speaking(pcm), tones(pcm), texts)

    def _speaking(self, pcm: bytes) -> list[bool]:
        detector = self.voices.take()
        try:
            return [detector.feed(frame) for frame in frames(pcm)]
        finally:
            self.voices.give_back(detector)


def frames(pcm: bytes) -> Iterator[bytes]:
    """The whole frames of 20 ms."""
    for start in range(0, len(pcm) - FRAME_BYTES + 1, FRAME_BYTES):
        yield pcm[start : start + FRAME_BYTES]


def tones(pcm: bytes) -> list[tuple[int, ToneVerdict]]:
    """Every tone with the millisecond at which it was known."""
    detector = ToneDetector()
    told = ((number * FRAME_MS, detector.feed(frame)) for number, frame in enumerate(frames(pcm), start=1))
    return [(at_ms, tone) for at_ms, tone in told if tone is not None]


def judge_answers(db: Database, shadow: Shadow) -> int:
    """Judge every answered call that waits for it, the oldest first; returns how many were judged.

    A recording that cannot be read is told of and looked at again the next time.
    """
    return sum(_judged(db, call, shadow) for call in _waiting(db))


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


def _waiting(db: Database) -> Iterator[AnsweredCall]:
    last = ""
    while True:
        with db.session() as session:
            calls = [
                _call(session, attempt, transcript) for attempt, transcript in session.execute(_page(last)).tuples()
            ]
        if not calls:
            return
        yield from calls
        last = calls[-1].attempt_id


def _page(after: str) -> Select[tuple[Attempt, str]]:
    return (
        select(Attempt, Transcript.transcript_id)
        .join(Transcript, Transcript.recording_id == Attempt.recording_id)
        .where(
            Attempt.state.not_in((*LIVING, AttemptState.INTERRUPTED)),
            Attempt.answered_at.is_not(None),
            Attempt.answer_class.is_(None),
            Attempt.recording_id.is_not(None),
            Attempt.attempt_id > after,
            Transcript.state == TranscriptState.DONE,
        )
        .order_by(Attempt.attempt_id)
        .limit(BATCH)
    )


def _call(session: Session, attempt: Attempt, transcript_id: str) -> AnsweredCall:
    answer_ms = answered_after_ms(attempt)
    theirs = (Segment.transcript_id == transcript_id, Segment.channel == Channel.CLIENT, Segment.end_ms > answer_ms)
    said = session.scalars(select(Segment).where(*theirs).order_by(Segment.start_ms))
    texts = tuple((max(0, one.start_ms - answer_ms), one.end_ms - answer_ms, one.text) for one in said)
    return AnsweredCall(attempt.attempt_id, attempt.recording_id or "", answer_ms, texts)


def answered_after_ms(attempt: Attempt) -> int:
    """Where the answer stands in the recording, which begins with the first early media, else with the answer."""
    media = (datetime.fromisoformat(str(one["at"])) for one in attempt.provisionals if one.get("media"))
    began = next(media, None)
    if began is None or attempt.answered_at is None:
        return 0
    return max(0, (attempt.answered_at - began) // timedelta(milliseconds=1))


def label(session: Session, attempt_id: str, answer: Answer, *, by: str, at: datetime) -> None:
    """Keep who answered by the word of ``by``, who heard it, with a link in the audit chain; NoSuchAnswer."""
    attempt = session.get(Attempt, attempt_id)
    if attempt is None or attempt.answered_at is None or answer not in LABELS:
        raise NoSuchAnswer("this attempt was not answered, or that is no answer; reload the page and choose again")
    content = {"before": attempt.answer_label, "after": answer.value, "judged": attempt.answer_class}
    attempt.answer_label, attempt.labelled_by, attempt.labelled_at = answer.value, by, at
    audit.append(session, at=at, actor=by, action="attempt.labelled", subject=attempt_id, content=content)


@dataclass(frozen=True, slots=True)
class Confusion:
    """One trunk's matrix: how often the label of a row was judged as the class of a column."""

    trunk: str
    counts: Mapping[str, Mapping[str, int]]
    unlabelled: Mapping[str, int]  # judged, and nobody knows who it was

    @property
    def labelled(self) -> int:
        """Calls of which both are known."""
        return sum(sum(row.values()) for row in self.counts.values())

    @property
    def right(self) -> int:
        """Of these, those that were judged right."""
        return sum(row.get(label, 0) for label, row in self.counts.items())

    @property
    def persons(self) -> int:
        """Calls that a person answered."""
        return sum(self.counts.get(Answer.PERSON, {}).values())

    @property
    def persons_lost(self) -> int:
        """Persons on whom acting on the verdict would have hung up: what must be 0 before anybody acts on it."""
        return sum(self.counts.get(Answer.PERSON, {}).get(machine, 0) for machine in MACHINES)


def confusions(session: Session, *, since: datetime) -> list[Confusion]:
    """The matrix of every trunk over the calls answered from ``since`` on, the trunks by name."""
    found: dict[str, dict[str, Counter[str]]] = {}
    for trunk, known, judged, times in session.execute(_counted(since)).tuples():
        found.setdefault(trunk or "", {}).setdefault(known or "", Counter())[judged] += times
    return [_confusion(trunk, rows) for trunk, rows in sorted(found.items())]


def _confusion(trunk: str, rows: Mapping[str, Counter[str]]) -> Confusion:
    counts = {known: dict(row) for known, row in sorted(rows.items()) if known}
    return Confusion(trunk, counts, dict(rows.get("", {})))


def _counted(since: datetime) -> Select[Any]:
    keys = func.json_array_length(Reply.evidence["keys"])
    keyed = select(Reply.answer_id).where(Reply.attempt_id == Attempt.attempt_id, keys > 0)
    known = func.coalesce(Attempt.answer_label, case((keyed.exists(), Answer.PERSON.value))).label("known")
    rows = select(Attempt.trunk, known, Attempt.answer_class, func.count())
    judged = rows.where(Attempt.answered_at >= since, Attempt.answer_class.is_not(None))
    return judged.group_by(Attempt.trunk, known, Attempt.answer_class)


def classes(found: Sequence[Confusion]) -> list[str]:
    """The columns that the matrices need, in the order of ``Answer``."""
    seen = {judged for one in found for row in (*one.counts.values(), one.unlabelled) for judged in row}
    return [answer.value for answer in Answer if answer.value in seen]
