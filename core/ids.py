"""Identifiers: time-ordered, unique without a central counter, safe in file names and URLs."""

from __future__ import annotations

import secrets
from datetime import datetime

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no i, l, o, u


def new_id(now: datetime) -> str:
    """A 20-character id that sorts by ``now`` (milliseconds) and ends in 50 random bits."""
    return _base32(int(now.timestamp() * 1000), 10) + _base32(secrets.randbits(50), 10)


def _base32(number: int, width: int) -> str:
    digits = []
    for _ in range(width):
        number, rest = divmod(number, 32)
        digits.append(_ALPHABET[rest])
    return "".join(reversed(digits))
