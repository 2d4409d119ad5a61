"""The audit chain: whatever is done to it afterwards shows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from core.audit import GENESIS, Anchor, AuditLink, append, head, link_hash, require_whole, verify
from core.db import Base
from core.errors import AuditError

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
FIELDS = ["number", "at", "actor", "action", "subject", "content", "previous", "hash"]


@contextmanager
def _chain(length: int) -> Iterator[Session]:
    engine = sa.create_engine("sqlite://", execution_options={"write": True})
    Base.metadata.create_all(engine, tables=[AuditLink.__table__])
    with Session(engine) as session:
        for number in range(1, length + 1):
            append(
                session,
                at=NOW + timedelta(seconds=number),
                actor=f"node:{number % 2}",
                action="recording.sealed",
                subject=f"rec{number}",
                content={"sha256": "ab" * number},
            )
        yield session
    engine.dispose()


def _broken(session: Session, anchor: Anchor | None = None) -> list[int]:
    session.flush()
    session.expire_all()
    return [link.number for link in verify(session, anchor)]


def test_an_empty_chain_is_whole() -> None:
    with _chain(0) as session:
        assert require_whole(session) == 0
        assert head(session) is None


def test_links_count_from_one_and_hold_the_hash_before_them() -> None:
    with _chain(3) as session:
        links = list(session.scalars(sa.select(AuditLink).order_by(AuditLink.number)))
        assert [link.number for link in links] == [1, 2, 3]
        assert [link.previous for link in links] == [GENESIS, links[0].hash, links[1].hash]
        assert require_whole(session) == 3


@settings(max_examples=40)
@given(WORDS, WORDS, WORDS, st.dictionaries(WORDS, WORDS | st.integers() | st.booleans(), max_size=3))
def test_any_words_make_a_whole_chain(actor: str, action: str, subject: str, content: dict[str, object]) -> None:
    with _chain(1) as session:
        append(session, at=NOW, actor=actor, action=action, subject=subject, content=content)
        assert _broken(session) == []


def test_the_zone_in_which_the_time_was_given_does_not_matter() -> None:
    with _chain(0) as session:
        append(session, at=NOW.astimezone(ZoneInfo("Asia/Shanghai")), actor="a", action="b", subject="c")
        assert _broken(session) == []


@settings(max_examples=60)
@given(st.integers(1, 6), st.sampled_from(FIELDS), WORDS, st.integers(1, 10**6))
def test_changing_any_field_of_any_link_is_found(number: int, name: str, word: str, by: int) -> None:
    with _chain(6) as session:
        link = session.get_one(AuditLink, number)
        old = getattr(link, name)
        new = {"number": number + 5 + by, "at": NOW - timedelta(microseconds=by)}.get(
            name, word + "x" if word + "x" != old else "y"
        )
        session.execute(sa.update(AuditLink).where(AuditLink.number == number).values({name: new}))
        assert _broken(session)


@given(WORDS, WORDS, st.integers(0, 12))
def test_moving_a_character_from_one_field_into_the_next_is_found(actor: str, action: str, cut: int) -> None:
    joined = f"{actor}\n{action}"
    one = AuditLink(number=1, at=NOW, actor=actor, action=action, subject="s", content="{}", previous=GENESIS)
    other = AuditLink(
        number=1, at=NOW, actor=joined[:cut], action=joined[cut:][1:], subject="s", content="{}", previous=GENESIS
    )
    same = (one.actor, one.action) == (other.actor, other.action)
    assert (link_hash(one) == link_hash(other)) is same


@settings(max_examples=20)
@given(st.integers(1, 5))
def test_removing_a_link_is_found(number: int) -> None:
    with _chain(6) as session:
        session.execute(sa.delete(AuditLink).where(AuditLink.number == number))
        assert number in _broken(session)


@settings(max_examples=20)
@given(st.integers(1, 6), st.integers(1, 6))
def test_swapping_two_links_is_found(one: int, other: int) -> None:
    with _chain(6) as session:
        for old, new in ((one, 100), (other, one), (100, other)):
            session.execute(sa.update(AuditLink).where(AuditLink.number == old).values(number=new))
        assert bool(_broken(session)) is (one != other)


@settings(max_examples=20)
@given(st.integers(1, 6))
def test_a_cut_tail_is_found_against_the_head_that_was_written_down(number: int) -> None:
    with _chain(6) as session:
        anchor = head(session)
        session.execute(sa.delete(AuditLink).where(AuditLink.number >= number))
        assert _broken(session) == []
        assert _broken(session, anchor) == [number]


def test_a_chain_written_anew_is_found_against_the_head_that_was_written_down() -> None:
    with _chain(3) as session:
        anchor = head(session)
    with _chain(2) as session:
        append(session, at=NOW, actor="forger", action="recording.sealed", subject="rec3")
        assert _broken(session) == []
        assert _broken(session, anchor) == [3]


def test_a_chain_that_grew_still_holds_the_head_that_was_written_down() -> None:
    with _chain(2) as session:
        anchor = head(session)
        append(session, at=NOW, actor="a", action="b", subject="c")
        assert _broken(session, anchor) == []


def test_the_first_broken_link_stops_who_needs_the_whole_chain() -> None:
    with _chain(3) as session:
        session.execute(sa.update(AuditLink).where(AuditLink.number == 2).values(subject="other"))
        session.expire_all()
        with pytest.raises(AuditError, match="audit link 2: its content was changed"):
            require_whole(session)


def test_a_link_that_is_rolled_back_leaves_no_gap() -> None:
    with _chain(1) as session:
        session.commit()
        append(session, at=NOW, actor="a", action="b", subject="rolled back")
        session.rollback()
        append(session, at=NOW, actor="a", action="b", subject="kept")
        assert require_whole(session) == 2
