"""Reads a firm's holiday notices; a notice is right as a whole or refused with file, line and column.

A notice is one year in YAML: the State Council's days off and make-up days (调休), closed days of exchanges and of
branches. Dates are written out, so that the file can be held against the paper it was typed from.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import cast

from core.calendars import DAY, FESTIVALS, ChinaCalendars, Exchange, Notice
from core.errors import CalendarUnknown
from core.yaml import Document, Value, Where, YamlError, check_schema, load_strict

SCHEMA = Path(__file__).parent / "notice.schema.json"
MAX_FILES = 100
MAX_NOTICE_BYTES = 500_000

Days = Mapping[date, Where]
"""Days and where each of them stands in the file."""


def load_notices(path: Path) -> tuple[Notice, ...]:
    """The notices in the file ``path`` or in every ``*.yaml`` of that folder, by year (B-08).

    YamlError names the place of the first mistake; a folder without notices and a year told twice are mistakes too.
    """
    first: dict[int, Path] = {}
    notices = []
    for file in _files(path):
        notice = load_notice(file)
        if notice.year in first:
            raise YamlError(
                f"{file}: the year {notice.year} stands in {first[notice.year]} too; keep one notice a year"
            )
        first[notice.year] = file
        notices.append(notice)
    return tuple(sorted(notices, key=lambda notice: notice.year))


def load_notice(path: Path) -> Notice:
    """The notice in one file; YamlError names the place of the first mistake."""
    if path.is_file() and path.stat().st_size > MAX_NOTICE_BYTES:
        raise YamlError(f"{path}: larger than {MAX_NOTICE_BYTES} bytes; this is not a holiday notice")
    return notice_in(load_strict(path))


def notice_in(document: Document) -> Notice:
    """The notice in a loaded document; YamlError names the place of the first mistake."""
    check_schema(document, json.loads(SCHEMA.read_text("utf-8")))
    return _notice(document, cast("dict[str, Value]", document.data))


def doubts(notice: Notice) -> Iterator[str]:
    """What is allowed and still looks like a forgotten line: to be read by a person before the notice is used."""
    if notice.holidays is not None:
        yield from _working_festivals(notice, notice.holidays)
    closed = notice.exchanges.get("XSHG")
    if closed is None:
        yield "no closed days of XSHG: its trading days come from the library alone"
    else:
        for day in sorted((notice.holidays or frozenset()) - closed):
            if day.weekday() < 5:
                yield f"{day}: a holiday on which XSHG is not closed"


def _working_festivals(notice: Notice, holidays: frozenset[date]) -> Iterator[str]:
    for name in FESTIVALS:
        day = notice.festivals.get(name) or _festival(name, notice.year)
        if day and day not in holidays:
            yield f"{day}: {name} is not among the holidays"


def _festival(name: str, year: int) -> date | None:
    try:
        return ChinaCalendars().festival(name, year)
    except CalendarUnknown:
        return None


def _files(path: Path) -> Sequence[Path]:
    if not path.is_dir():
        return [path]
    files = sorted(path.glob("*.yaml"))
    if not files:
        raise YamlError(f"{path}: no notice (*.yaml) in this folder; name a file, or leave firm.calendar empty")
    if len(files) > MAX_FILES:
        raise YamlError(f"{path}: more than {MAX_FILES} files; keep one notice a year in a folder of their own")
    return files


def _notice(document: Document, data: Mapping[str, Value]) -> Notice:
    year = int(str(data["year"]))
    holidays = _days(document, ("holidays",), data.get("holidays", []), year)
    makeup = _days(document, ("makeup",), data.get("makeup", []), year)
    _check_whole(document, data)
    _check_makeup(document, holidays, makeup)
    return Notice(
        year=year,
        holidays=frozenset(holidays) if "holidays" in data else None,
        makeup=frozenset(makeup),
        festivals={
            name: _day(document, ("festivals", name), str(text), year)
            for name, text in cast("dict[str, Value]", data.get("festivals", {})).items()
        },
        exchanges=cast("Mapping[Exchange, frozenset[date]]", _closed(document, "exchanges", data, year)),
        branches=_closed(document, "branches", data, year),
        title=str(data.get("title", "")),
        source=str(data.get("source", "")),
    )


def _closed(document: Document, key: str, data: Mapping[str, Value], year: int) -> Mapping[str, frozenset[date]]:
    """Closed days by the name of an exchange or a branch."""
    places = cast("dict[str, dict[str, Value]]", data.get(key, {}))
    return {
        name: frozenset(_days(document, (key, name, "closed"), place["closed"], year)) for name, place in places.items()
    }


def _check_whole(document: Document, data: Mapping[str, Value]) -> None:
    if "makeup" in data and "holidays" not in data:
        raise document.error(("makeup",), "make-up days without holidays; write the whole notice of the year")
    if not {"holidays", "exchanges", "branches", "festivals"}.intersection(data):
        raise document.error((), "the notice says nothing; write holidays, exchanges, branches or festivals")


def _check_makeup(document: Document, holidays: Days, makeup: Days) -> None:
    for day, where in makeup.items():
        if day.weekday() < 5:
            raise document.error(where, f"{day} is a {day:%A}; a make-up day is a Saturday or a Sunday")
        if day in holidays:
            raise document.error(where, f"{day} is a holiday too ({document.at(holidays[day])}); keep one")


def _days(document: Document, where: Where, entries: Value, year: int) -> Days:
    found: dict[date, Where] = {}
    for number, entry in enumerate(entries):
        place = (*where, number)
        for day in _span(document, place, str(entry), year):
            if day in found:
                raise document.error(place, f"{day} stands twice, first at {document.at(found[day])}; keep one")
            found[day] = place
    return found


def _span(document: Document, where: Where, text: str, year: int) -> Iterator[date]:
    """The days of ``first..last`` or of a single date."""
    first_text, _, last_text = text.partition("..")
    day = _day(document, where, first_text, year)
    last = _day(document, where, last_text, year) if last_text else day
    if last < day:
        raise document.error(where, f"{text} ends before it begins; write the earlier day first")
    while day <= last:
        yield day
        day += DAY


def _day(document: Document, where: Where, text: str, year: int) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise document.error(where, f"{text} is no day of the calendar") from error
    if day.year != year:
        raise document.error(where, f"{day} is not in {year}; write it into the notice of its own year")
    return day
