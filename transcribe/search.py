"""Find what was said: every hit names the recording and the second.

Newest first. Who may see which recordings, and every filter that lies outside of this room (branch, outcome, client),
comes as a subquery of recording ids, so that the total and the pages are right for that person.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from recordings.tables import Recording
from transcribe.index import TextIndex, text_index
from transcribe.script import primary
from transcribe.tables import Channel, Segment, Transcript
from transcribe.tokens import Term, highlights, parse

SNIPPET = 80  # characters
BEFORE = 20  # of them before the first found place
LARGEST_PAGE = 200


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """What to look for and where. ``recording_ids`` selects the ids that may be found; None means all."""

    text: str
    channel: Channel | None = None
    language: str | None = None  # zh finds zh-CN too
    since: datetime | None = None  # recording started at or after
    until: datetime | None = None  # recording started before
    recording_ids: Select[tuple[str]] | None = None
    limit: int = 20
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Hit:
    """One utterance that has every term; times in milliseconds of the recording."""

    segment_id: int
    recording_id: str
    attempt_id: str
    recorded_at: datetime
    language: str
    channel: Channel
    start_ms: int
    end_ms: int
    at_ms: int  # where the first found word begins: play from here
    text: str
    snippet: str
    highlights: tuple[tuple[int, int], ...]  # half-open ranges of the snippet
    confidence: float | None


@dataclass(frozen=True, slots=True)
class SearchPage:
    """One page of hits; ``total`` counts all of them."""

    total: int
    hits: tuple[Hit, ...]


def search(session: Session, query: SearchQuery) -> SearchPage:
    """The utterances that have every term of ``query.text``, the newest first (F-08).

    EmptyQuery and QueryTooLong are the only errors a text can cause. ``limit`` is at most 200.
    """
    terms = parse(query.text)
    index = text_index(session)
    found = _where(select(func.count()), index, terms, query)
    page = (
        _where(select(Segment, Transcript, Recording.started_at), index, terms, query)
        .order_by(index.key.desc())
        .limit(max(1, min(query.limit, LARGEST_PAGE)))
        .offset(max(0, query.offset))
    )
    hits = tuple(_hit(segment, transcript, at, terms) for segment, transcript, at in session.execute(page))
    return SearchPage(session.scalar(found) or 0, hits)


def _where(statement: Select[Any], index: TextIndex, terms: Sequence[Term], query: SearchQuery) -> Select[Any]:
    statement = (
        statement.select_from(index.table)
        .join(Segment, Segment.segment_id == index.key)
        .join(Transcript, Transcript.transcript_id == Segment.transcript_id)
        .join(Recording, Recording.recording_id == Segment.recording_id)
        .where(index.matches(terms))
    )
    if query.channel:
        statement = statement.where(Segment.channel == query.channel)
    if query.language:
        spoken = primary(query.language)
        statement = statement.where((Transcript.language == spoken) | Transcript.language.startswith(f"{spoken}-"))
    if query.since:
        statement = statement.where(Recording.started_at >= query.since)
    if query.until:
        statement = statement.where(Recording.started_at < query.until)
    if query.recording_ids is not None:
        statement = statement.where(Segment.recording_id.in_(query.recording_ids))
    return statement


def _hit(segment: Segment, transcript: Transcript, recorded_at: datetime, terms: Sequence[Term]) -> Hit:
    places = highlights(segment.text, terms)
    snippet, shown = snip(segment.text, places)
    return Hit(
        segment_id=segment.segment_id,
        recording_id=segment.recording_id,
        attempt_id=transcript.attempt_id,
        recorded_at=recorded_at,
        language=transcript.language,
        channel=Channel(segment.channel),
        start_ms=segment.start_ms,
        end_ms=segment.end_ms,
        at_ms=_moment(segment, places[0][0]) if places else segment.start_ms,
        text=segment.text,
        snippet=snippet,
        highlights=shown,
        confidence=segment.confidence,
    )


def snip(text: str, places: Sequence[tuple[int, int]]) -> tuple[str, tuple[tuple[int, int], ...]]:
    """At most SNIPPET characters of ``text`` around the first place, and the places inside of them."""
    first = places[0][0] if places else 0
    start = max(0, min(first - BEFORE, len(text) - SNIPPET))
    end = min(len(text), start + SNIPPET)
    inside = tuple(
        (max(low, start) - start, min(high, end) - start) for low, high in places if low < end and high > start
    )
    return text[start:end], inside


def _moment(segment: Segment, place: int) -> int:
    """When the word at character ``place`` of the segment's text begins."""
    position = 0
    for word in segment.words:
        begins = segment.text.find(word["word"], position)
        if begins < 0:
            break
        position = begins + len(word["word"])
        if position > place:
            return int(word["start_ms"])
    return segment.start_ms
