"""One page of each list of the board with what its rows show: the rows, their clients, where the reader stands.

The rule of this module: a row leads to its client's page and carries its place in the list, so that the page can lead
to the next one (style 6.4, rules 4 and 5).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, joinedload, selectinload

from dialer.tables import Callback, Client, Escalation, Item, SampleMember, Skip
from web.board import lists
from web.board.counts import count
from web.board.lists import Moments
from web.board.wanted import Wanted
from web.calls.filters import PAGE_SIZE, Page, page_of

KINDS = ("items", "open", "escalations", "skipped", "members", "clients")


@dataclass(frozen=True, slots=True)
class Listed:
    """One page of a list; ``clients`` are those of its rows, by id. An unknown client has none."""

    kind: str
    wanted: Wanted
    page: Page
    rows: Sequence[Any]
    clients: Mapping[str, Client]


@dataclass(frozen=True, slots=True)
class Places:
    """The clients before and after a place of a list, with their places; None at the ends."""

    previous: tuple[int, str] | None
    next: tuple[int, str] | None


def listed(
    session: Session,
    kind: str,
    wanted: Wanted,
    asked: Mapping[str, str],
    *,
    moments: Moments,
    text: str | None = None,
) -> Listed:
    """The page of the list ``kind`` that the address with the arguments ``asked`` wants."""
    found = _select(kind, wanted, moments, text)
    page = page_of(asked, count(session, found))
    chosen = session.execute(_loaded(kind, found).limit(PAGE_SIZE).offset(page.offset))
    rows = chosen.all() if kind == "members" else chosen.scalars().all()
    ids = {_client_id(kind, row) for row in rows}
    known = session.scalars(select(Client).where(Client.client_id.in_(ids)))
    return Listed(kind, wanted, page, rows, {client.client_id: client for client in known})


def places(
    session: Session, kind: str, wanted: Wanted, place: int, *, moments: Moments, text: str | None = None
) -> Places:
    """Who stands around ``place`` (from 0) in the list ``kind`` under the same filter."""
    first = max(0, place - 1)
    column = _CLIENT_OF[kind]
    around = _select(kind, wanted, moments, text)
    if kind == "items":
        around = around.join(Callback, Callback.callback_id == Item.callback_id)
    found = session.scalars(around.with_only_columns(column).limit(place + 2 - first).offset(first)).all()
    by_place: dict[int, str] = {first + number: client_id for number, client_id in enumerate(found)}
    before, after = by_place.get(place - 1), by_place.get(place + 1)
    return Places((place - 1, before) if before else None, (place + 1, after) if after else None)


def _select(kind: str, wanted: Wanted, moments: Moments, text: str | None) -> Select[Any]:
    if kind == "open":
        return lists.open_callbacks(wanted, moments)
    return lists.clients(wanted, text) if kind == "clients" else _PLAIN[kind](wanted)


def _loaded(kind: str, found: Select[Any]) -> Select[Any]:
    if kind == "items":
        return found.options(joinedload(Item.callback))
    return found.options(selectinload(Callback.items)) if kind == "open" else found


def _client_id(kind: str, row: Any) -> str:
    if kind == "members":
        return str(row[0].client_id)
    return str(row.callback.client_id if kind == "items" else row.client_id)


_PLAIN: Mapping[str, Callable[[Wanted], Select[Any]]] = {
    "items": lists.items,
    "escalations": lists.escalations,
    "skipped": lists.skips,
    "members": lists.members,
}
_CLIENT_OF: Mapping[str, Any] = {
    "items": Callback.client_id,
    "open": Callback.client_id,
    "escalations": Escalation.client_id,
    "skipped": Skip.client_id,
    "members": SampleMember.client_id,
    "clients": Client.client_id,
}
