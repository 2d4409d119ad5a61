"""Streams the rows of a CSV file, typed; a mistake is collected with its place and the reading goes on."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dialer.importing.columns import BadValue, Column, Layout
from dialer.importing.problems import Problems

MAX_ROWS = 2_000_000
"""More rows in one file are refused: the ids of a file are held in memory to find the one that stands there twice."""

Values = dict[str, object]


@dataclass(frozen=True, slots=True)
class Row:
    """One row without a mistake; holds only the columns that the file has."""

    number: int
    key: str
    values: Values


def read_rows(path: Path, layout: Layout, problems: Problems, *, allow_extra: bool, max_rows: int) -> Iterator[Row]:
    """The good rows of ``path``, one at a time; every mistake goes to ``problems``. Never holds the file in memory."""
    if not _openable(path, problems):
        return
    # Bytes that are no UTF-8 become lone surrogates, so that their row and column can be told.
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        reader = csv.reader(file, strict=True)
        columns = _header(reader, layout, problems, allow_extra=allow_extra)
        if columns:
            yield from _body(reader, columns, layout, problems, max_rows)


def _openable(path: Path, problems: Problems) -> bool:
    try:
        with path.open("rb") as file:
            start = file.read(4)
    except OSError as error:
        problems.add(0, "", "", f"cannot be read: {error.strerror}; check the path and its permissions")
        return False
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        problems.add(0, "", "", "is UTF-16; save it as CSV UTF-8")
        return False
    return True


def _header(
    reader: Iterator[list[str]], layout: Layout, problems: Problems, *, allow_extra: bool
) -> list[Column | None]:
    """The column of each field; None for one to be passed over; empty when the header is refused."""
    names = [name.strip() for name in _next(reader, 1, problems) or []]
    known, before = layout.by_name, len(problems.first)
    for name in dict.fromkeys(names):
        if names.count(name) > 1:
            problems.add(1, name, "", "this column stands twice")
        elif name not in known and not allow_extra:
            problems.add(1, name, "", f"unknown column; a file of {layout.kind} has {', '.join(known)}")
    for column in layout.columns:
        if column.essential and column.name not in names:
            problems.add(1, column.name, "", "this column is missing")
    return [known.get(name) for name in names] if len(problems.first) == before else []


def _body(
    reader: Iterator[list[str]], columns: list[Column | None], layout: Layout, problems: Problems, max_rows: int
) -> Iterator[Row]:
    seen: set[str] = set()
    number = 1
    while (fields := _next(reader, number + 1, problems)) is not None:
        number += 1
        if number - 1 > max_rows:
            problems.add(number, "", "", f"more than {max_rows} rows; split the file")
            return
        row = _row(number, fields, columns, layout, problems) if fields else None
        if row is None:
            continue
        if row.key in seen:
            problems.add(number, layout.key, row.key, "stands in an earlier row already; keep one")
            continue
        seen.add(row.key)
        yield row


def _next(reader: Iterator[list[str]], number: int, problems: Problems) -> list[str] | None:
    """The next record; None at the end, and after a mistake that makes the rest unreadable."""
    try:
        return next(reader)
    except StopIteration:
        if number == 1:
            problems.add(1, "", "", "the file is empty; its first row names the columns")
    except csv.Error as error:
        problems.add(number, "", "", f"not valid CSV ({error}); check the quotes of this row")
    return None


def _row(
    number: int, fields: list[str], columns: list[Column | None], layout: Layout, problems: Problems
) -> Row | None:
    if len(fields) != len(columns):
        problems.add(
            number, "", "", f"has {len(fields)} fields, the header has {len(columns)}; check commas and quotes"
        )
        return None
    values: Values = {}
    good = True
    for column, field in zip(columns, fields, strict=True):
        if column is None:
            continue
        try:
            values[column.name] = column.parse(_clean(field))
        except BadValue as error:
            problems.add(number, column.name, field, str(error))
            good = False
    return Row(number, str(values[layout.key]), values) if good else None


def _clean(field: str) -> str:
    if any("\ud800" <= char <= "\udfff" for char in field):
        raise BadValue("not UTF-8; save the file as CSV UTF-8")
    if any(ord(char) < 32 and char not in "\t\r\n" for char in field):
        raise BadValue("holds a control character; remove it")
    return field.strip()
