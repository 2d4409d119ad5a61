"""What becomes of a simulated call-back after an attempt: its outcome, or another time. Pure.

The rule of this module: the same order and the same functions as ``calling.settling``: first what an agent entered,
then what the script proved, then what was agreed with the client, and only then the pack's ladder.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from core.calendars import Calendars
from core.clock import china
from core.errors import CalendarUnknown
from dialer.calling import numbers, retries, whys
from dialer.calling.dispositions import NOT_THE_CLIENTS, Disposition
from dialer.calling.outcomes import AGENT_OUTCOMES, CALL_AGAIN
from dialer.calling.retries import Case, FollowUpName, GiveUp, Next, RetryAt
from dialer.programmes.facts import BadPreference, ClientFacts, PastAttempt
from dialer.programmes.model import ContactRules
from dialer.programmes.windows import times_of
from dialer.simulation.books import Callback
from dialer.simulation.far_end import Reply
from dialer.tables import Outcome


@dataclass(frozen=True, slots=True)
class Settling:
    """What deciding needs beside the call-back; ``attempts`` are its own, the one that ended included."""

    rules: ContactRules
    calendars: Calendars
    now: datetime
    client: ClientFacts
    attempts: Sequence[PastAttempt]


@dataclass(frozen=True, slots=True)
class Closing:
    """The call-back ends so."""

    outcome: Outcome
    reason: str


@dataclass(frozen=True, slots=True)
class Moving:
    """The call-back goes on at ``step.at``.

    ``kind`` is what the move is counted as, empty for the ladder; ``follow_up`` and ``appointment_at`` as in the table.
    """

    step: RetryAt
    kind: str = ""
    follow_up: str | None = None
    appointment_at: datetime | None = None


Settled = Closing | Moving


def settle(callback: Callback, reply: Reply, by: Settling) -> Settled:
    """What follows from an attempt whose disposition stands in the call-back already, as its last one."""
    match reply.does:
        case "agent":
            return _after_agent(callback, reply, by)
        case "passed" | "not_passed" | "refused":
            return Closing(Outcome(reply.does), "flow")  # of everything owed: one call asks all its scripts (B-14)
        case "appointment":
            return _agreed(callback, "appointment", reply, by)
        case "promised":
            return _agreed(callback, "promised_callback", reply, by)
        case _:
            return _ladder(callback, reply.disposition, by)


def _after_agent(callback: Callback, reply: Reply, by: Settling) -> Settled:
    outcome = AGENT_OUTCOMES[reply.agent_says]
    if outcome is not None:
        return Closing(outcome, "agent")
    earlier = max(0, callback.moved["appointment"] - 1)  # as ``calling.settling`` counts: this talk agreed nothing
    step = _worked_out(lambda: _follow_up(callback, "appointment", earlier, reply, by), by)
    if isinstance(step, GiveUp):
        return _unreachable(step)
    return Moving(step, "call_again", "appointment")


def _agreed(callback: Callback, name: FollowUpName, reply: Reply, by: Settling) -> Settled:
    step = _worked_out(lambda: _follow_up(callback, name, callback.moved[name], reply, by), by)
    if isinstance(step, GiveUp):
        return _unreachable(step)
    return Moving(step, name, name, step.at if name == "appointment" else None)


def _follow_up(callback: Callback, name: FollowUpName, earlier: int, reply: Reply, by: Settling) -> Next:
    return retries.next_follow_up(
        by.rules,
        name,
        earlier,
        made=retries.counted(callback.dispositions),
        now=by.now,
        case=_case(callback, by, appointment=name == "appointment"),
        part=reply.part,
    )


def _ladder(callback: Callback, disposition: Disposition, by: Settling) -> Settled:
    """An appointment that a fault of ours or of the trunk spoiled stays one."""
    kept = callback.follow_up == "appointment" and disposition in NOT_THE_CLIENTS
    step = _worked_out(
        lambda: retries.next_step(
            by.rules,
            disposition,
            callback.dispositions[:-1],
            now=by.now,
            case=_case(callback, by, appointment=kept),
            numbers_left=disposition in numbers.DEAD and numbers.next_number(by.client.phones, by.attempts) is not None,
        ),
        by,
    )
    if isinstance(step, GiveUp):
        return _unreachable(step)
    return Moving(step, "", *(("appointment", callback.appointment_at) if kept else ()))


def _unreachable(step: GiveUp) -> Closing:
    return Closing(Outcome.UNREACHABLE, step.reason)


def _case(callback: Callback, by: Settling, *, appointment: bool = False) -> Case:
    times = times_of(by.rules.windows, by.client, china(by.now).date(), appointment=appointment)
    return Case(times, by.calendars, callback.due_at)


def _worked_out(step: Callable[[], Next], by: Settling) -> Next:
    """The step; where a calendar or the client's wish cannot be read, a later look, at which the gate decides."""
    try:
        return step()
    except CalendarUnknown:
        return RetryAt(by.now + CALL_AGAIN, whys.CALENDAR_UNKNOWN)
    except BadPreference:
        return RetryAt(by.now + CALL_AGAIN, whys.WISH_UNREADABLE)
