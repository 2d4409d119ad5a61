"""The carrier's own log: JSON lines, appended and flushed one by one.

``invite`` is written when a call arrives, ``call`` when it has ended, so a call cut off by a killed node is still
visible. The demo compares what the node says about its day with this file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from simulator.errors import StartError

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


class Journal:
    """Appends events to ``path``; every line is on its way to the disk before ``write`` returns."""

    def __init__(self, path: Path) -> None:
        self._file = _open(path)

    def write(self, event: str, fields: Mapping[str, Json]) -> None:
        """Append one line ``{"event": event, **fields}``."""
        self._file.write(json.dumps({"event": event, **fields}, ensure_ascii=False) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _open(path: Path) -> TextIO:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("a", encoding="utf-8")
    except OSError as error:
        raise StartError(
            f"cannot write the carrier's log {path}: {error.strerror}; name a writable file with --log"
        ) from error


def read_lines(path: Path) -> list[dict[str, Json]]:
    """Every complete line of a journal; a last line still being written is left out."""
    if not path.exists():
        return []
    complete, _, _ = path.read_text(encoding="utf-8").rpartition("\n")
    return [json.loads(line) for line in complete.splitlines()]
