"""The statistical far end: how an attempt ends, how long it takes, what an answered person does.

The rule of this module: the same client answers the n-th attempt alike in every campaign of one seed, however many
channels dial, so that two campaigns differ by what was changed and not by luck. The numbers stand in ``far_end.yaml``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Literal, cast, get_args

from dialer.calling.dispositions import Disposition
from dialer.calling.retries import DayPart
from dialer.programmes.windows import day_part
from dialer.simulation.weights import Part, Spread, Weights

Does = Literal["passed", "not_passed", "refused", "appointment", "agent", "nothing", "promised"]
"""What comes of an answered call; ``promised``: it wanted an agent, and none was free."""

DAY_PARTS: tuple[DayPart, ...] = get_args(DayPart)


@dataclass(frozen=True, slots=True)
class FarEnd:
    """The weights; ``dispositions`` by part of the day, ``ring`` and ``talk`` in seconds."""

    dispositions: tuple[Weights, ...]
    ring: Mapping[str, Spread]
    does: Weights
    talk: Mapping[str, Spread]
    parts: Weights
    agent_says: Weights


@dataclass(frozen=True, slots=True)
class Reply:
    """What the far end does with one attempt.

    ``ring_s`` runs from dialing to the answer or the end. ``does`` is None when nobody answered; then ``talk_s`` is 0.
    ``part`` is the part of the day chosen for an appointment, ``agent_says`` what an agent would enter after the talk,
    ``promised_s`` how long the talk is when no agent is free.
    """

    disposition: Disposition
    ring_s: float
    does: Does | None = None
    talk_s: float = 0.0
    part: DayPart | None = None
    agent_says: str = ""
    promised_s: float = 0.0


def far_end_of(root: Part) -> FarEnd:
    """The far end that a file of statistics describes."""
    endings = root.part("dispositions")
    return FarEnd(
        dispositions=tuple(endings.weights(part) for part in DAY_PARTS),
        ring=root.spreads("ring"),
        does=root.weights("does"),
        talk=root.spreads("talk"),
        parts=root.weights("appointment"),
        agent_says=root.weights("agent"),
    )


def reply(far_end: FarEnd, chance: Random, *, at: datetime, ring_limit_s: float) -> Reply:
    """What happens to an attempt made at ``at``; a phone that nobody answers rings to the limit."""
    disposition = Disposition(far_end.dispositions[day_part(at)].draw(chance))
    if disposition is Disposition.NO_ANSWER:
        return Reply(disposition, ring_limit_s)
    ring_s = min(far_end.ring[disposition].draw(chance), ring_limit_s)
    if disposition is not Disposition.ANSWERED:
        return Reply(disposition, ring_s)
    does = cast("Does", far_end.does.draw(chance))
    return Reply(
        disposition,
        ring_s,
        does,
        far_end.talk[does].draw(chance),
        _part(far_end.parts.draw(chance)) if does == "appointment" else None,
        far_end.agent_says.draw(chance) if does == "agent" else "",
        far_end.talk["promised"].draw(chance) if does == "agent" else 0.0,
    )


def _part(drawn: str) -> DayPart | None:
    return next((part for part in DAY_PARTS if part == drawn), None)
