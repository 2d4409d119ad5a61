"""Next and previous call inside the list the reader came from (style 6.4, rule 5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from sqlalchemy.orm import Session

from dialer.tables import Attempt, Callback
from web.auth.account import Account
from web.calls import queries
from web.calls.filters import Filter

Place = tuple[str, str]  # callback, attempt ("" in a list of callbacks)


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The rows before and after this one; None at the ends."""

    previous: Place | None
    next: Place | None


def neighbours(
    session: Session,
    kind: str,
    wanted: Filter,
    text: str | None,
    account: Account,
    *,
    callback_id: str,
    attempt_id: str,
) -> Neighbours:
    """The neighbours of a call in the list ``kind`` under the same filter."""
    rows: Sequence[Place]
    if kind == "attempts":
        of_attempts = queries.attempts(wanted, text, account).with_only_columns(Attempt.callback_id, Attempt.attempt_id)
        rows = [(row[0], row[1]) for row in session.execute(of_attempts)]
        return _around(rows, (callback_id, attempt_id))
    of_callbacks = queries.callbacks(wanted, text, account).with_only_columns(Callback.callback_id)
    rows = [(row[0], "") for row in session.execute(of_callbacks)]
    return _around(rows, (callback_id, ""))


def _around(rows: Sequence[Place], here: Place) -> Neighbours:
    pairs = list(pairwise(rows))
    before = next((first for first, second in pairs if second == here), None)
    after = next((second for first, second in pairs if first == here), None)
    return Neighbours(before, after)
