"""Search finds exactly what the pinned definition says, on SQLite and on PostgreSQL."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from core.db import Database
from recordings.tables import Recording
from transcribe import queue
from transcribe.errors import EmptyQuery, QueryTooLong
from transcribe.index import rebuild
from transcribe.search import Hit, SearchQuery, search
from transcribe.tables import Channel, Transcript, TranscriptState
from transcribe.tokens import canonical, parse

pytestmark = pytest.mark.contract

START = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
Tell = Callable[..., str]

# Few characters, so that random queries hit: Han of both scripts, kana, Hangul, letters, digits, full width, marks.
ALPHABET = "客户服务费買买乾体麼かン커피abAB12Ａé '\"，。、-*\\:&|()^\u0301\n"
texts = st.text(ALPHABET, max_size=24)
queries = st.one_of(st.text(ALPHABET, min_size=1, max_size=5), st.text(ALPHABET, min_size=1, max_size=12))


def found(session: Session, query: str, **filters: object) -> list[Hit]:
    return list(search(session, SearchQuery(query, limit=200, **filters)).hits)  # type: ignore[arg-type]


def shown(session: Session, query: str, **filters: object) -> list[str]:
    return sorted(hit.text for hit in found(session, query, **filters))


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(said=st.lists(texts, max_size=6), asked=st.lists(queries, min_size=1, max_size=6))
def test_it_finds_what_a_naive_comparison_finds(db: Database, tell: Tell, said: list[str], asked: list[str]) -> None:
    asked += [line[start : start + 3] for line in said for start in range(0, len(line), 5)]
    with db.session() as session:
        tell(session, "r1", client=said)
        for query in asked:
            try:
                terms = parse(query)
            except EmptyQuery:
                continue
            expected = [line for line in said if all(term.needle in canonical(line) for term in terms)]
            page = search(session, SearchQuery(query, limit=200))
            assert sorted(hit.text for hit in page.hits) == sorted(expected), query
            assert page.total == len(expected)
            assert all(hit.highlights for hit in page.hits), query
        session.rollback()


SPOKEN = "客户说全权委托他买ETF，代码510300。"
HITS = [
    "客户",
    "户",
    "托",
    "全权委托",
    '"全权 委托"',
    "權委託",
    "买ETF",
    "ETF",
    "etf",
    "ＥＴＦ",
    "ETF 委托",
    "委托 ETF",
    "510300",
]
MISSES = ["托权", "户说好", '"委托 全权"', "ET", "51030", "委托 天气", "权，委"]
NOTHING = ["", " ", "\n", '"', '""', "***", "，。", "' --", "\ud800", "\x00"]
ABSURD = ["a" * 500, "客" * 500, "客 " * 250, "a b " * 125, '"' * 499 + "a", "NEAR(a b) -c tokens:x*"]
ABSURD += [" ".join(map(str, range(130))), "".join(map(chr, range(0x4E00, 0x4FF0)))]


@pytest.mark.rule("F-08")
def test_it_finds_short_long_phrase_and_mixed_queries(db: Database, tell: Tell) -> None:
    with db.session() as session:
        tell(session, "r1", client=[SPOKEN, "今天天气很好"])
        assert {query: shown(session, query) for query in HITS} == {query: [SPOKEN] for query in HITS}


def test_it_does_not_find_what_was_not_said(db: Database, tell: Tell) -> None:
    with db.session() as session:
        tell(session, "r1", client=[SPOKEN, "今天天气很好"])
        assert {query: shown(session, query) for query in MISSES} == {query: [] for query in MISSES}


def test_a_text_without_anything_searchable_is_an_empty_query(db: Database) -> None:
    with db.session() as session:
        for query in NOTHING:
            with pytest.raises(EmptyQuery):
                search(session, SearchQuery(query))


def test_absurd_queries_are_answered(db: Database, tell: Tell) -> None:
    with db.session() as session:
        tell(session, "r1", client=["你好"])
        assert [search(session, SearchQuery(query)).total for query in ABSURD] == [0] * len(ABSURD)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=st.text(max_size=60))
def test_no_text_makes_the_database_complain(db: Database, query: str) -> None:
    with db.session() as session, contextlib.suppress(EmptyQuery):
        assert search(session, SearchQuery(query)).total == 0


def test_a_query_longer_than_a_person_types_is_refused(db: Database) -> None:
    with db.session() as session, pytest.raises(QueryTooLong, match="at most 500"):
        search(session, SearchQuery("客" * 501))


def test_it_filters_by_channel_language_time_and_permission(db: Database, tell: Tell) -> None:
    with db.session() as session:
        tell(session, "r1", client=["风险一"], firm=["风险二"], day=0)
        tell(session, "r2", client=["风险三"], language="en", day=1)
        assert shown(session, "风险", channel=Channel.FIRM) == ["风险二"]
        assert shown(session, "风险", language="zh") == ["风险一", "风险二"]
        assert shown(session, "风险", since=START + timedelta(hours=1)) == ["风险三"]
        assert shown(session, "风险", until=START + timedelta(hours=1)) == ["风险一", "风险二"]
        allowed = select(Recording.recording_id).where(Recording.node == "node-1", Recording.recording_id == "r2")
        page = search(session, SearchQuery("风险", recording_ids=allowed))
        assert [hit.text for hit in page.hits] == ["风险三"]
        assert page.total == 1


def test_pages_are_newest_first_and_the_total_counts_all(db: Database, tell: Tell) -> None:
    with db.session() as session:
        tell(session, "r1", client=[f"第{number}句委托" for number in range(7)])
        pages = [search(session, SearchQuery("委托", limit=3, offset=offset)) for offset in (0, 3, 6, 9)]
        assert [page.total for page in pages] == [7, 7, 7, 7]
        listed = [hit.segment_id for page in pages for hit in page.hits]
        assert listed == sorted(listed, reverse=True)
        assert len(set(listed)) == 7


def test_a_newer_transcript_takes_the_place_of_the_older_in_the_index(db: Database, tell: Tell) -> None:
    with db.session() as session:
        older = tell(session, "r1", client=["全拳委托", "旧的"])
        tell(session, "r1", client=["全权委托"])
        assert shown(session, "委托") == ["全权委托"]
        assert shown(session, "旧的") == []
        row = session.get(Transcript, older)
        assert row is not None
        session.refresh(row)
        assert row.state == TranscriptState.SUPERSEDED


@pytest.mark.rule("M-04")
def test_a_forgotten_recording_is_found_no_more_and_others_are(db: Database, tell: Tell) -> None:
    with db.session() as session:
        tell(session, "r1", client=["全拳委托"])
        tell(session, "r1", client=["全权委托"])
        tell(session, "r2", client=["也说委托"])
        assert queue.forget(session, "r1") == 2
        assert shown(session, "委托") == ["也说委托"]
        assert session.scalar(text("SELECT count(*) FROM segment")) == 1
        assert search(session, SearchQuery("权")).total == 0


def test_a_rebuilt_index_finds_the_same(db: Database, tell: Tell) -> None:
    with db.session() as session:
        tell(session, "r1", client=["全拳委托"])
        tell(session, "r1", client=["全权委托", "买ETF"])
        before = {query: shown(session, query) for query in ("委托", "etf", "拳")}
        assert rebuild(session) == 2
        assert {query: shown(session, query) for query in ("委托", "etf", "拳")} == before
