"""Identifiers: time-ordered, unique without a central counter, safe in file names and URLs."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no i, l, o, u
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def new_id(now: datetime) -> str:
    """A 20-character id that sorts by ``now`` (milliseconds) and ends in 50 random bits."""
    # Whole milliseconds: a float timestamp would round two neighbours into one.
    return _base32((now - _EPOCH) // timedelta(milliseconds=1), 10) + _base32(secrets.randbits(50), 10)


def _base32(number: int, width: int) -> str:
    digits = []
    for _ in range(width):
        number, rest = divmod(number, 32)
        digits.append(_ALPHABET[rest])
    return "".join(reversed(digits))
