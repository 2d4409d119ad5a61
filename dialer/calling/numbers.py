"""A client's numbers: which can be dialed at all, and which comes next for a callback.

The rule of this module: a callback has one budget of attempts over all numbers (the gate counts it); here only the
number is chosen. A number that turned out not to exist is not dialed again for the same callback.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache, lru_cache

import phonenumbers

from dialer.calling.dispositions import Disposition
from dialer.programmes.facts import PastAttempt

DEAD = frozenset({Disposition.INVALID_NUMBER, Disposition.BLOCKED_BY_NETWORK})
"""Endings after which dialing the same number again for the same callback is pointless."""


def next_number(phones: Sequence[str], attempts: Iterable[PastAttempt]) -> str | None:
    """Which of ``phones`` to dial next, given the callback's own earlier attempts; None when none is left.

    The number with the fewest attempts, the first of them in the client's order. Attempts that never reached a phone
    (``counts`` False) use up no number's turn, and numbers that cannot be dialed are passed over.
    """
    turns = dict.fromkeys(filter(dialable, phones), 0)
    for past in attempts:
        if past.disposition in DEAD:
            turns.pop(past.phone, None)
        elif past.counts and past.phone in turns:
            turns[past.phone] += 1
    return min(turns, key=turns.__getitem__, default=None)


def dialable(phone: str) -> bool:
    """Whether ``phone`` (E.164 or Chinese national form) is a valid number."""
    return _mobiles().fullmatch(phone) is not None or _valid(phone)


@cache
def _mobiles() -> re.Pattern[str]:
    """Chinese mobile numbers by the library's own numbering plan: nearly all that is asked about, and fast."""
    plan = phonenumbers.PhoneMetadata.metadata_for_region("CN", None)
    pattern = plan.mobile.national_number_pattern if plan and plan.mobile else None
    return re.compile(pattern or r"(?!)", re.ASCII)


@lru_cache(maxsize=1 << 16)
def _valid(phone: str) -> bool:
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(phone, "CN"))
    except phonenumbers.NumberParseException:
        return False
