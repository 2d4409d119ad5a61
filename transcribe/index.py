"""The text index beside the segments: FTS5 on SQLite, tsvector with GIN on PostgreSQL, fed with the same tokens.

The index holds exactly the segments of done transcripts. SQLite keeps no copy of the text (contentless), so a row must
be removed with the very tokens it was added with: always through this module, never by hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import sqlalchemy as sa
from sqlalchemy.orm import Session

from transcribe.tables import Segment, Transcript, TranscriptState
from transcribe.tokens import Term, tokens

LAST_POSITION = 16383  # PostgreSQL keeps no position beyond; a segment of 25 s has a few hundred
BATCH = 1000

Rows = Sequence[tuple[int, str]]


class TextIndex(Protocol):
    """The index of one kind of database; rows are (segment_id, text)."""

    table: sa.TableClause
    key: sa.ColumnClause[int]

    def add(self, session: Session, rows: Rows) -> None:
        """Index new segments."""
        ...

    def remove(self, session: Session, rows: Rows) -> None:
        """Take segments out; ``rows`` carry the text they were indexed with."""
        ...

    def clear(self, session: Session) -> None:
        """Take everything out."""
        ...

    def matches(self, terms: Sequence[Term]) -> sa.ColumnElement[bool]:
        """The condition that a row has every term."""
        ...


class SqliteIndex:
    """A contentless FTS5 table whose rowid is the segment's id."""

    key: sa.ColumnClause[int] = sa.column("rowid", sa.Integer)
    table = sa.table("segment_index", key)

    def add(self, session: Session, rows: Rows) -> None:
        """See ``TextIndex``."""
        self._write(session, "INSERT INTO segment_index (rowid, tokens) VALUES (:id, :tokens)", rows)

    def remove(self, session: Session, rows: Rows) -> None:
        """See ``TextIndex``; FTS5's 'delete' command, since SQLite before 3.43 has no delete on contentless tables."""
        statement = "INSERT INTO segment_index (segment_index, rowid, tokens) VALUES ('delete', :id, :tokens)"
        self._write(session, statement, rows)

    def clear(self, session: Session) -> None:
        """See ``TextIndex``."""
        session.execute(sa.text("INSERT INTO segment_index (segment_index) VALUES ('delete-all')"))

    def matches(self, terms: Sequence[Term]) -> sa.ColumnElement[bool]:
        """See ``TextIndex``."""
        expression = " AND ".join(f'"{" ".join(term.phrase)}"' + ("*" if term.open_end else "") for term in terms)
        return sa.text("segment_index MATCH :expression").bindparams(expression=expression)  # type: ignore[return-value]

    def _write(self, session: Session, statement: str, rows: Rows) -> None:
        values = [{"id": number, "tokens": " ".join(tokens(text))} for number, text in rows]
        if values:
            session.execute(sa.text(statement), values)


class PostgresIndex:
    """A tsvector a segment, its positions our own."""

    key: sa.ColumnClause[int] = sa.column("segment_id", sa.Integer)
    table = sa.table("segment_index", key, sa.column("tokens"))

    def add(self, session: Session, rows: Rows) -> None:
        """See ``TextIndex``."""
        values = [{"id": number, "tokens": _tsvector(tokens(text))} for number, text in rows]
        if values:
            statement = "INSERT INTO segment_index (segment_id, tokens) VALUES (:id, CAST(:tokens AS tsvector))"
            session.execute(sa.text(statement), values)

    def remove(self, session: Session, rows: Rows) -> None:
        """See ``TextIndex``."""
        if rows:
            statement = sa.text("DELETE FROM segment_index WHERE segment_id = :id")
            session.execute(statement, [{"id": number} for number, _ in rows])

    def clear(self, session: Session) -> None:
        """See ``TextIndex``."""
        session.execute(sa.text("DELETE FROM segment_index"))

    def matches(self, terms: Sequence[Term]) -> sa.ColumnElement[bool]:
        """See ``TextIndex``."""
        expression = " & ".join(f"({_phrase(term)})" for term in terms)
        statement = sa.text("segment_index.tokens @@ CAST(:expression AS tsquery)")
        return statement.bindparams(expression=expression)  # type: ignore[return-value]


def text_index(session: Session) -> TextIndex:
    """The index of the database that ``session`` is on."""
    return SqliteIndex() if session.get_bind().dialect.name == "sqlite" else PostgresIndex()


def rebuild(session: Session) -> int:
    """Make the index anew from the stored segments (after a restore, or when the tokens changed); how many segments."""
    index = text_index(session)
    index.clear(session)
    done = sa.select(Segment.segment_id, Segment.text).join(Transcript).where(Transcript.state == TranscriptState.DONE)
    count = 0
    for part in session.execute(done).partitions(BATCH):
        index.add(session, [(row.segment_id, row.text) for row in part])
        count += len(part)
    return count


def _tsvector(found: Sequence[str]) -> str:
    return " ".join(f"'{_quoted(token)}':{min(number, LAST_POSITION)}" for number, token in enumerate(found, start=1))


def _phrase(term: Term) -> str:
    return " <-> ".join(f"'{_quoted(token)}'" for token in term.phrase) + (":*" if term.open_end else "")


def _quoted(token: str) -> str:
    return token.replace("\\", "\\\\").replace("'", "''")
