"""How often a node proves that it lives, and when others stop believing it. They belong together: change them together.

Safe, because a node stops dialing (``FENCE_S`` after its last proof, by its own clock) before anybody else may declare
it dead (``SILENCE_S`` of unchanged heartbeat, by theirs): no clocks are compared between machines. Fast, because
``SILENCE_S`` and three turns make less than the 30 s that a dead node's call-backs may wait.
"""

from __future__ import annotations

BEAT_S = 3.0
"""A node writes its heartbeat, and looks at the others', this often."""

FENCE_S = 12.0
"""Without a stored heartbeat for so long a node sends no INVITE."""

SILENCE_S = 15.0
"""Without a new heartbeat for so long a node is dead; a beat longer than FENCE_S, for an INVITE already on its way."""

IDLE_S = 8.0
"""PostgreSQL ends a transaction in which a node says nothing for so long: one that stands still must not keep the locks
that the others need to look at it."""

LEADER_S = 30.0
"""A leader that does not renew its lease for so long is followed by another."""
