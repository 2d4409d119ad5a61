"""How commands talk: one JSON document with ``--json``, a table for people, one clear line for errors."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table


def console() -> Console:
    """Standard output for people."""
    return Console(highlight=False)


def print_json(value: Any) -> None:
    """``value`` (dataclasses, dates and paths included) as one JSON document on standard output."""
    print(json.dumps(value, ensure_ascii=False, indent=2, default=_plain))  # noqa: T201 - the command's result


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table for people; says so when it is empty."""
    table = Table(*columns, title=title, title_justify="left")
    count = 0
    for row in rows:
        table.add_row(*("" if cell is None else str(cell) for cell in row))
        count += 1
    console().print(table if count else f"{title}: none")


def _plain(value: object) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, set | frozenset | tuple):
        return list(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
