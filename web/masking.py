"""Personal data on screens, masked by role in one place (design rule 8, E-32)."""

from __future__ import annotations

import re

from web.tables import Role

_CHINESE_DIGITS = "零〇一二三四五六七八九幺"
# Seven or more digits in a row are a telephone, account or identity number, never a quantity someone says in a call.
_LONG_NUMBER = re.compile(rf"(?:\d[ \-]?){{6,}}[\dXx]|[{_CHINESE_DIGITS}]{{7,}}")


def masked(value: str, role: Role) -> str:
    """A telephone or identity number, its length kept: an agent sees the last four characters, an auditor the ends."""
    if len(value) <= 4:
        return "•" * len(value)
    start = 3 if role is Role.AUDITOR and len(value) >= 8 else 0
    return value[:start] + "•" * (len(value) - start - 4) + value[-4:]


def masked_name(name: str, role: Role) -> str:
    """A client's name: whole for an auditor, for an agent what he needs to address him."""
    return name if role is Role.AUDITOR or len(name) < 2 else name[0] + "•" * min(len(name) - 1, 2)


def masked_text(text: str, role: Role) -> str:
    """Free text (a transcript, a raw fact) with every long number in it masked; no character moves."""
    return _LONG_NUMBER.sub(lambda found: masked(found.group(), role), text)
