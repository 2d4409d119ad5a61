"""Writes docs/settings.md from the table of settings in core/settings.py; with --check it only says if it is fresh."""

from __future__ import annotations

import sys
from dataclasses import Field, fields
from pathlib import Path
from typing import Any, get_type_hints

from core.settings import NAMED, SECTIONS

TARGET = Path(__file__).resolve().parent.parent / "docs" / "settings.md"

HEAD = """\
# Settings

<!-- Generated from core/settings.py by `make docs`; a test fails when it is stale. Do not edit. -->

Settings stand in `huifang.toml`, one table a section. The environment variable of the last column overrides the file;
the same name with `_FILE` at its end reads the value from that file, which is meant for secrets. An unknown key, an
unknown section and a value of the wrong kind are refused with the place where they stand.
"""

KIND_NAMES = {"str": "text", "int": "whole number", "float": "number"}


def settings_page() -> str:
    """The whole page, ending in one newline."""
    return "\n".join([HEAD, *(_section(name, kind) for name, kind in _sections())]).rstrip("\n") + "\n"


def _sections() -> list[tuple[str, type[Any]]]:
    return [*SECTIONS.items(), *((f"{name}.NAME", kind) for name, kind in NAMED.items())]


def _section(name: str, kind: type[Any]) -> str:
    hints = get_type_hints(kind)
    rows = [_row(name, item, hints[item.name]) for item in fields(kind)]
    head = ["| Key | Kind | Default | Meaning | Environment |", "|---|---|---|---|---|"]
    return "\n".join([f"## [{name}]", "", str(kind.__doc__).strip(), "", *head, *rows, ""])


def _row(section: str, item: Field[Any], kind: type[Any]) -> str:
    default = f"`{item.default}`" if item.default != "" else "(empty)"
    variable = f"HUIFANG_{section}_{item.name}".upper().replace(".", "_")
    cells = (
        f"`{item.name}`",
        KIND_NAMES.get(kind.__name__, kind.__name__),
        default,
        item.metadata["help"].replace("<", "&lt;"),
        f"`{variable}`",
    )
    return f"| {' | '.join(cells)} |"


def main(arguments: list[str]) -> int:
    """Write the page, or with ``--check`` compare it; 1 when it is stale."""
    if arguments == ["--check"]:
        return int(TARGET.read_text(encoding="utf-8") != settings_page())
    TARGET.write_text(settings_page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
