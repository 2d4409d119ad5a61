"""Who answered: the verdict of the judge beside the label, and the confusion matrix of every trunk out of both.

The rule of this module: the label is who it was by the word of a person who listened, or else a person because he
pressed a key that was asked for. The matrix shows what acting on the verdicts costs, or would have cost while they come
from the shadow alone (``dialer.calling.shadow``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, case, func, select
from sqlalchemy.orm import Session

from core import audit
from core.errors import HuifangError
from dialer.calling.evidence.answering import MACHINES, Answer
from dialer.tables import Answer as Reply
from dialer.tables import Attempt

LABELS = tuple(answer for answer in Answer if answer is not Answer.UNKNOWN)


class NoSuchAnswer(HuifangError):
    """There is no answered attempt to label; take one from a call's page."""


def label(session: Session, attempt_id: str, answer: Answer, *, by: str, actor: str, at: datetime) -> None:
    """Keep who answered by the word of ``by`` (a name), who heard it; ``actor`` is the same in the audit chain.

    NoSuchAnswer when the attempt was not answered, or when that is no answer.
    """
    attempt = session.get(Attempt, attempt_id)
    if attempt is None or attempt.answered_at is None or answer not in LABELS:
        raise NoSuchAnswer("this attempt was not answered, or that is no answer; reload the page and choose again")
    content = {"before": attempt.answer_label, "after": answer.value, "judged": attempt.answer_class}
    attempt.answer_label, attempt.labelled_by, attempt.labelled_at = answer.value, by, at
    audit.append(session, at=at, actor=actor, action="attempt.labelled", subject=attempt_id, content=content)


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
