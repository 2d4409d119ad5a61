"""The firm's policy pack as the pages read it: titles in two languages, and what is wrong with it when it is.

The rule of this module: a page opens whatever the pack is like; a pack that cannot be read is a text to be shown. A
firm's own file is read again when it changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from core.errors import HuifangError
from dialer.programmes.amount_words import rounds, within
from dialer.programmes.load import load_pack
from dialer.programmes.model import Pack, Per
from web.context import context
from web.language import is_chinese


@dataclass(frozen=True, eq=False)
class PackRead:
    """A pack, or the loader's words about why it cannot be read (file, line, column, remedy).

    One reading is one object, so that what is worked out of it can be kept as long as the file stays as it is.
    """

    pack: Pack | None
    fault: str = ""


def firm_pack() -> PackRead:
    """The pack of the setting ``firm.pack``."""
    return read_pack(context().settings.firm.pack)


def read_pack(name: str) -> PackRead:
    """The pack of that name or in that file."""
    return _read(name, _changed_at(name))


def programme_title(code: str) -> str:
    """The programme's title in the language of the page; its code when the pack does not know it (any more)."""
    pack = firm_pack().pack
    found = pack.programmes.get(code) if pack else None
    if found is None:
        return code if is_chinese() else code.replace("_", " ")
    return found.title if is_chinese() else found.title_en


def programme_choices(codes: list[str]) -> list[tuple[str, str]]:
    """Codes with their titles, for a list to choose from."""
    return [(code, programme_title(code)) for code in codes]


def executor_title(code: str) -> str:
    """Who makes the calls, in the language of the page; the code when the pack does not name them (any more)."""
    pack = firm_pack().pack
    found = pack.executors.get(code) if pack else None
    if found is None:
        return code.replace("_", " ")
    return found.title if is_chinese() else found.title_en


def deadline_words(code: str) -> str:
    """The programme's deadline in its own unit and the source's words, or how often it is due; empty when unknown."""
    pack = firm_pack().pack
    found = pack.programmes.get(code) if pack else None
    if found is None or (found.deadline is None and found.period is None):
        return ""
    said = within(found.deadline) if found.deadline else rounds(found.due.times, found.period or Per.YEAR)
    return said.zh if is_chinese() else said.en


def _changed_at(name: str) -> int:
    try:
        return Path(name).stat().st_mtime_ns
    except OSError:
        return 0  # a shipped pack, or one that is not there: the loader says which


@lru_cache(maxsize=16)
def _read(name: str, changed_at: int) -> PackRead:  # noqa: ARG001 - part of the key
    try:
        return PackRead(load_pack(name))
    except (HuifangError, OSError) as error:
        return PackRead(None, str(error))
