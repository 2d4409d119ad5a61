"""Titles of the firm's programmes, as its policy pack gives them in two languages."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from core.errors import HuifangError
from dialer.programmes.load import load_pack
from web.context import context
from web.language import is_chinese

Titles = Mapping[str, tuple[str, str]]


def programme_title(code: str) -> str:
    """The programme's title in the language of the page; its code when the pack does not know it (any more)."""
    titles = _titles(context().settings.firm.pack)
    chinese, english = titles.get(code, (code, code.replace("_", " ")))
    return chinese if is_chinese() else english


def programme_choices(codes: list[str]) -> list[tuple[str, str]]:
    """Codes with their titles, for a list to choose from."""
    return [(code, programme_title(code)) for code in codes]


@lru_cache(maxsize=8)
def _titles(pack: str) -> Titles:
    try:
        programmes = load_pack(pack).programmes
    except HuifangError:
        return {}  # the gate refuses every call for it; the pages still open
    return {code: (programme.title, programme.title_en) for code, programme in programmes.items()}
