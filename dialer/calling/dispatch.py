"""The order in which due call-backs are dialed, what they ask, how fast, and when a refused one is looked at again.

The rule of this module: pure, and the only place of these rules; the node and the simulation both go by them.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Protocol

from core.calendars import DAY
from core.clock import CHINA, china
from dialer.gate import GateInput, Verdict
from dialer.planning.lookup import next_chance
from dialer.programmes.facts import ItemState
from dialer.tables import Callback
from ivr_flows.merging import JOINED

ORDER = ("priority", "due_on", "next_attempt_at", "callback_id")
"""Columns of a call-back, the deciding one first: the client's last calling day before the deadline, the deadline, who
waits longest; the id makes the order complete, so that it is the same on every machine."""

IDLE = timedelta(seconds=0.5)
"""How long a node rests when it could not dial."""

LOOK_AGAIN = timedelta(minutes=1)
"""A refused call-back rests at least this long."""

NEEDS_A_PERSON = timedelta(hours=1)
"""Time does not cure an opt-out or a missing number: look again much later."""

MACHINE_REASONS = frozenset(
    {"recorder_not_ready", "line_not_ready", "draining", "no_agent_at_hand", "client_in_a_call"}
)
"""Reasons that pass soon, without anybody's doing."""

TIME_REASONS = frozenset(
    {"cap_reached", "too_soon", "too_early", "expired", "outside_window", "not_a_calling_day", "against_wish"}
)
"""Reasons that pass by themselves, or not at all before the deadline."""

Urgency = tuple[int, date, datetime, str]


class Ready(Protocol):
    """A call-back as the order sees it."""

    priority: int
    due_on: date
    next_attempt_at: datetime
    callback_id: str


def urgency(callback: Ready) -> Urgency:
    """The call-back's place in the order, smaller first."""
    return callback.priority, callback.due_on, callback.next_attempt_at, callback.callback_id


def look_again(asked: GateInput, verdict: Verdict) -> datetime:
    """When a refused call-back is looked at again.

    That is its next chance in time; when there is none before the deadline, the next Chinese day, as the night may
    change what is owed; soon when only the machine was against it; much later when it takes a person.
    """
    chance = next_chance(asked)
    if chance is not None and chance > asked.now:
        return max(chance, asked.now + LOOK_AGAIN)
    codes = {reason.code for reason in verdict.reasons}
    if chance is None and codes & TIME_REASONS and codes <= TIME_REASONS | MACHINE_REASONS:
        return datetime.combine(china(asked.now).date() + DAY, time(0), CHINA)
    return asked.now + (LOOK_AGAIN if codes <= MACHINE_REASONS else NEEDS_A_PERSON)


def next_look(looked: datetime, *, dialed: bool, gap: timedelta, worth: datetime) -> datetime:
    """When a node that looked for work at ``looked`` looks again.

    After a call it rests ``gap`` (calls per second). Otherwise it looks every ``IDLE``; before ``worth`` nothing can
    have changed, so those looks are passed over.
    """
    if dialed:
        return looked + gap
    return looked + max(1, -((looked - worth) // IDLE)) * IDLE


def wanted_flow(callback: Callback) -> str:
    """The scripts of everything that is still owed, the callback's own first, as one name (`NAME+NAME`)."""
    owed = sorted({item.flow for item in callback.items if item.state == ItemState.OPEN} - {callback.flow})
    return JOINED.join([callback.flow, *owed])
