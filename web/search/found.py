"""Search hits together with the call they belong to, for the page and for the API."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, selectinload

from dialer.tables import Attempt, Callback
from recordings.tables import Recording
from transcribe.search import Hit, SearchQuery, search
from transcribe.tables import Channel
from web.auth.account import Account
from web.calls.filters import Filter
from web.calls.queries import visible_to

PAGE_SIZE = 20


@dataclass(frozen=True, slots=True)
class FoundCall:
    """One hit and the attempt in whose recording it was said."""

    hit: Hit
    attempt: Attempt


@dataclass(frozen=True, slots=True)
class Found:
    """One page of a search."""

    total: int
    calls: Sequence[FoundCall]


def find(
    session: Session, text: str, wanted: Filter, account: Account, *, channel: Channel | None, offset: int, limit: int
) -> Found:
    """Sentences that hold ``text`` in calls that ``account`` may see; QueryError when nothing can be searched for."""
    since, until = wanted.bounds()
    query = SearchQuery(
        text=text,
        channel=channel,
        since=since,
        until=until,
        recording_ids=_visible(account),
        limit=limit,
        offset=offset,
    )
    page = search(session, query)
    attempts = _attempts(session, [hit.attempt_id for hit in page.hits])
    return Found(page.total, [FoundCall(hit, attempts[hit.attempt_id]) for hit in page.hits])


def _visible(account: Account) -> Select[tuple[str]]:
    joined = select(Recording.recording_id).join(Attempt, Attempt.attempt_id == Recording.attempt_id)
    return joined.join(Callback, Callback.callback_id == Attempt.callback_id).where(visible_to(account))


def _attempts(session: Session, attempt_ids: Sequence[str]) -> dict[str, Attempt]:
    wanted = (
        select(Attempt)
        .where(Attempt.attempt_id.in_(attempt_ids))
        .options(
            selectinload(Attempt.callback).selectinload(Callback.client),
            selectinload(Attempt.callback).selectinload(Callback.items),
        )
    )
    return {attempt.attempt_id: attempt for attempt in session.scalars(wanted)}
