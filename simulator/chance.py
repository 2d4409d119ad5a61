"""Chance that can be repeated: one generator per call, seeded by (seed, number, ordinal of the call).

The same seed and the same calls give the same ring times and the same lost packets, in whatever order calls to
different numbers arrive.
"""

from __future__ import annotations

import hashlib
import random


def call_random(seed: int, number: str, ordinal: int) -> random.Random:
    """The generator of the ``ordinal``-th call (from 1) to ``number``."""
    digest = hashlib.sha256(f"{seed}|{number}|{ordinal}".encode()).digest()
    return random.Random(int.from_bytes(digest[:8], "big"))  # noqa: S311 -- repeatable on purpose, guards nothing


def ring_seconds(chance: random.Random, ring_s: float, jitter_s: float) -> float:
    """``ring_s`` moved by at most ``jitter_s`` either way, never below zero."""
    return max(0.0, ring_s + chance.uniform(-jitter_s, jitter_s)) if jitter_s else ring_s
