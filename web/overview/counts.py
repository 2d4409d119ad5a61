"""The numbers of one day, each with the list that makes it.

A number is the length of the list it links to: both come from the same select.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.clock import china
from dialer.tables import Attempt, CallbackState, GateRefusal, Outcome
from recordings.tables import Recording, RecordingState
from transcribe.tables import Transcript, TranscriptState
from web.auth.account import Account
from web.calls import queries
from web.calls.filters import Arguments, Filter

SHOWN_TRANSCRIPTS = (
    TranscriptState.PENDING,
    TranscriptState.RUNNING,
    TranscriptState.DONE,
    TranscriptState.FAILED,
)


@dataclass(frozen=True, slots=True)
class Number:
    """One figure: ``code`` names it (labelled by ``web.labels``), ``endpoint`` and ``arguments`` open its list."""

    code: str
    value: int
    endpoint: str
    arguments: Arguments


@dataclass(frozen=True, slots=True)
class Day:
    """Everything the overview shows."""

    on: date
    headline: tuple[Number, ...]
    outcomes: tuple[Number, ...]
    dispositions: tuple[Number, ...]
    handoffs: tuple[Number, ...]
    refusals: tuple[Number, ...]
    refusal_texts: dict[str, str]
    transcripts: tuple[Number, ...]
    recorded_seconds: float
    transcribed_seconds: float
    remedies: tuple[str, ...]  # what the transcripts that wait or failed say about it

    @property
    def waiting(self) -> bool:
        """Whether transcripts of the day wait or failed."""
        stuck = {TranscriptState.PENDING, TranscriptState.FAILED}
        return any(number.value for number in self.transcripts if number.code in stuck)


class Counts:
    """Counts one day for one account."""

    def __init__(self, session: Session, on: date, account: Account) -> None:
        self._session = session
        self._on = on
        self._account = account
        self._day = Filter(since=on.isoformat(), until=on.isoformat())

    def day(self) -> Day:
        """All numbers."""
        refusals, texts = self._refusals()
        return Day(
            on=self._on,
            headline=self._headline(),
            outcomes=tuple(self._callbacks(item, on="closed", outcome=item) for item in Outcome),
            dispositions=tuple(self._attempts(code, disposition=code) for code in self._codes()),
            handoffs=tuple(self._attempts(code, handoff=code) for code in ("joined", "nobody_free", "client_gone")),
            refusals=refusals,
            refusal_texts=texts,
            transcripts=tuple(self._attempts(item, transcript=item) for item in SHOWN_TRANSCRIPTS),
            recorded_seconds=self._seconds(Recording.duration_ms, Recording.state == RecordingState.SEALED),
            transcribed_seconds=self._transcribed(),
            remedies=self._remedies(),
        )

    def _headline(self) -> tuple[Number, ...]:
        return (
            self._callbacks("planned_today", on="planned"),
            self._callbacks("called_today", on="called"),
            self._attempts("attempts"),
            self._callbacks("closed_today", on="closed"),
            self._open("wrap_up_open", CallbackState.WRAP_UP),
        )

    def _callbacks(self, code: str, **narrowed: str) -> Number:
        wanted = replace(self._day, **narrowed)
        value = queries.count(self._session, queries.callbacks(wanted, None, self._account))
        return Number(code, value, "calls.callbacks", wanted.arguments())

    def _attempts(self, code: str, **narrowed: str) -> Number:
        wanted = replace(self._day, **narrowed)
        value = queries.count(self._session, queries.attempts(wanted, None, self._account))
        return Number(code, value, "calls.attempts", wanted.arguments())

    def _open(self, code: str, state: str) -> Number:
        wanted = Filter(state=state)
        value = queries.count(self._session, queries.callbacks(wanted, None, self._account))
        return Number(code, value, "calls.callbacks", wanted.arguments())

    def _codes(self) -> list[str]:
        """The dispositions of the day, most frequent first."""
        made = queries.attempts(self._day, None, self._account).order_by(None).with_only_columns(Attempt.disposition)
        return [code for code, _ in Counter(self._session.scalars(made)).most_common() if code]

    def _refusals(self) -> tuple[tuple[Number, ...], dict[str, str]]:
        rows = list(self._session.scalars(queries.refusals(self._day)))
        codes, texts = _reasons(rows)
        day = self._day.arguments()
        total = Number("refusals", len(rows), "calls.refusals", day)
        numbers = [Number(code, times, "calls.refusals", day | {"reason": code}) for code, times in codes.most_common()]
        return (total, *numbers), texts

    def _seconds(self, column: object, *conditions: object) -> float:
        made = queries.attempts(self._day, None, self._account).order_by(None).with_only_columns(Attempt.attempt_id)
        total = select(func.coalesce(func.sum(column), 0)).where(Recording.attempt_id.in_(made), *conditions)  # type: ignore[arg-type]
        return float(self._session.scalar(total) or 0) / 1000

    def _transcribed(self) -> float:
        done = select(Transcript.recording_id).where(Transcript.state == TranscriptState.DONE)
        return self._seconds(Recording.duration_ms, Recording.recording_id.in_(done))

    def _remedies(self) -> tuple[str, ...]:
        """The distinct notes of transcripts that wait or failed, whatever their day."""
        stuck = Transcript.state.in_([TranscriptState.PENDING, TranscriptState.FAILED])
        notes = select(Transcript.note).where(stuck, Transcript.note.is_not(None)).distinct().limit(5)
        return tuple(str(note) for note in self._session.scalars(notes))


def _reasons(rows: Iterable[GateRefusal]) -> tuple[Counter[str], dict[str, str]]:
    """How many refusals name each code, and the words the gate used for it."""
    codes: Counter[str] = Counter()
    texts: dict[str, str] = {}
    for row in rows:
        named = {str(reason.get("code", "")): str(reason.get("text", "")) for reason in row.reasons}
        codes.update(named.keys())
        texts |= named
    return codes, texts


def newest_day(session: Session) -> date | None:
    """The Chinese day of the newest attempt, to open on when today has none."""
    latest = session.scalar(select(func.max(Attempt.started_at)))
    return china(latest).date() if latest else None
