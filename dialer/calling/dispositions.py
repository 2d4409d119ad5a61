"""How an attempt ended, from the raw facts of the network: one table, the first row that fits wins.

The rule of this module: facts in, verdict out. The facts stay with the attempt, so a better table can be run again
over old calls. A Q.850 cause says more than the SIP status it was mapped to, so its rows come first.

An answered call is only that: whether the client proved who he is and what he confirmed is the flow's verdict.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from dialer.lines.base import EndedBy, Ending, Provisional


class Disposition(StrEnum):
    """How an attempt ended on the network (拨打结果); the value is what is stored."""

    ANSWERED = "answered"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    REJECTED = "rejected"
    INVALID_NUMBER = "invalid_number"
    SUSPENDED = "suspended"
    UNREACHABLE = "unreachable"  # switched off, out of coverage
    BLOCKED_BY_NETWORK = "blocked_by_network"
    TRUNK_CONGESTION = "trunk_congestion"
    OUR_FAULT = "our_fault"
    CANCELLED = "cancelled"  # we took the call back before the ring limit (drain, shutdown)
    INTERRUPTED = "interrupted"  # the node died during the attempt


NOT_THE_CLIENTS = frozenset({Disposition.TRUNK_CONGESTION, Disposition.OUR_FAULT, Disposition.CANCELLED})
"""Dispositions that say nothing about the client: the call never reached him, so no attempt is used up.

``INTERRUPTED`` is not among them: the phone may have rung (design rule 2).
"""


SURE = 0.8
"""From which confidence on an announcement or a tone counts as evidence (docs/evidence.md)."""


@dataclass(frozen=True, slots=True)
class Early:
    """What was heard before the answer: a tone or an announcement (``calling.evidence``), and how surely."""

    kind: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Facts:
    """What the line reported about one attempt.

    ``rang`` is True after a 180 or early media; ``waited_s`` counts from the INVITE to the end;
    ``alerted_s`` counts from the first 180 only, because a 183 may carry an announcement instead of ringing;
    ``causes`` are Q.850 causes in the order of the Reason headers; ``text`` is every phrase and reason in one line.
    ``replied`` is False when not even a 100 came back; ``early`` is what was heard before the answer (``Early``).
    """

    answered: bool
    by: EndedBy | None
    status: int | None
    causes: tuple[int, ...]
    rang: bool
    waited_s: float
    alerted_s: float
    ring_limit_s: float
    text: str = ""
    replied: bool = True
    early: Early | None = None

    @property
    def heard(self) -> str:
        """The kind of what was heard before the answer, empty unless it was heard surely enough."""
        return self.early.kind if self.early is not None and self.early.confidence >= SURE else ""

    @property
    def waited_out(self) -> bool:
        """We waited to our limit; half a second is lost on timers and the wire."""
        return self.waited_s >= self.ring_limit_s - 0.5


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table; an empty condition fits everything.

    ``causes`` and ``statuses`` fit when any is present; ``rang``/``waited_out`` must equal;
    ``alerted_from`` is the least time of true ringing in seconds; ``text`` is searched, case ignored; ``heard`` are
    kinds of tones and announcements before the answer. ``confidence`` says how far the row can be trusted.
    """

    disposition: Disposition
    why: str
    causes: frozenset[int] = frozenset()
    statuses: frozenset[int] = frozenset()
    by: EndedBy | None = None
    rang: bool | None = None
    waited_out: bool | None = None
    alerted_from: float = 0.0
    text: str = ""
    replied: bool | None = None
    heard: frozenset[str] = frozenset()
    confidence: float = 0.9

    def fits(self, facts: Facts) -> bool:
        """Whether every condition holds."""
        return (
            (not self.causes or not self.causes.isdisjoint(facts.causes))
            and (not self.statuses or facts.status in self.statuses)
            and self.by in (None, facts.by)
            and self.rang in (None, facts.rang)
            and self.waited_out in (None, facts.waited_out)
            and facts.alerted_s >= self.alerted_from
            and self.replied in (None, facts.replied)
            and (not self.heard or facts.heard in self.heard)
            and (not self.text or re.search(self.text, facts.text, re.IGNORECASE) is not None)
        )


ALERTING = frozenset({180, 181, 182})
"""Provisional statuses of a phone that rings, is forwarded or is queued (RFC 3261 section 21.1)."""

BUSY_RING_S = 3.0
"""A gateway may send 180 before its switch knows that the line is busy; a person needs longer to press "decline"."""

SUSPENDING = frozenset({"suspended", "out_of_service", "incoming_restricted"})
FORWARDING = frozenset({"voicemail", "assistant"})
BUSYING = frozenset({"busy"})
"""Kinds of ``calling.evidence`` that mean one disposition."""

_D = Disposition
TABLE: tuple[Row, ...] = (
    # What the network said in words explains any ending, ours included (peers' tables know only the code).
    Row(_D.INVALID_NUMBER, "announcement: no such number", heard=frozenset({"invalid_number"})),
    Row(_D.SUSPENDED, "announcement: suspended or barred", heard=SUSPENDING),
    Row(_D.UNREACHABLE, "announcement: switched off or out of reach", heard=frozenset({"powered_off", "unreachable"})),
    Row(_D.NO_ANSWER, "announcement: nobody answers; forwarded", heard=frozenset({"no_answer", *FORWARDING})),
    # "The subscriber is on the phone" is also said for calls that were declined or not answered, so a long ring wins.
    Row(_D.REJECTED, "announcement: busy, after ringing", heard=BUSYING, alerted_from=BUSY_RING_S, confidence=0.5),
    Row(_D.BUSY, "announcement or tone: busy", heard=BUSYING, confidence=0.7),
    Row(_D.TRUNK_CONGESTION, "congestion tone without ringing", heard=frozenset({"congestion"}), confidence=0.7),
    # Ours next: nobody else's code explains a call that we took back.
    Row(_D.OUR_FAULT, "the trunk said nothing at all", by=EndedBy.US, waited_out=True, replied=False),
    Row(_D.NO_ANSWER, "rang to our limit", by=EndedBy.US, rang=True, waited_out=True),
    Row(_D.UNREACHABLE, "not even ringing within our limit", by=EndedBy.US, waited_out=True),
    Row(_D.CANCELLED, "taken back before the limit", by=EndedBy.US),
    # The network blocks us: 608 (RFC 8688), 607 (RFC 8197), 603 with analytics text.
    Row(_D.BLOCKED_BY_NETWORK, "607/608", statuses=frozenset({607, 608})),
    Row(_D.BLOCKED_BY_NETWORK, "603 by call analytics", statuses=frozenset({603}), text=r"v=analytics|network blocked"),
    # Limits of the trunk, whatever status carries them.
    Row(_D.TRUNK_CONGESTION, "rate or channel limit named", rang=False, text=r"\bcps\b|quota|too many calls"),
    # Q.850 causes.
    Row(_D.INVALID_NUMBER, "unallocated, no route, changed, bad format", causes=frozenset({1, 2, 3, 22, 28})),
    Row(_D.UNREACHABLE, "subscriber absent", causes=frozenset({20})),
    Row(_D.REJECTED, "busy after ringing: declined", causes=frozenset({17}), alerted_from=BUSY_RING_S, confidence=0.6),
    Row(_D.BUSY, "user busy", causes=frozenset({17})),
    Row(_D.NO_ANSWER, "no user responding, no answer", causes=frozenset({18, 19})),
    Row(_D.REJECTED, "call rejected after ringing", causes=frozenset({21}), rang=True),
    Row(_D.BLOCKED_BY_NETWORK, "call rejected without ringing", causes=frozenset({21}), rang=False),
    Row(_D.UNREACHABLE, "destination out of order", causes=frozenset({27})),
    Row(_D.SUSPENDED, "incoming calls barred", causes=frozenset({55})),
    Row(_D.TRUNK_CONGESTION, "no circuit, congestion, out of order", causes=frozenset({34, 38, 41, 42, 44, 47})),
    # SIP statuses.
    Row(_D.INVALID_NUMBER, "404/410/484/604", statuses=frozenset({404, 410, 484, 604})),
    Row(_D.UNREACHABLE, "480", statuses=frozenset({480}), confidence=0.5),
    Row(_D.REJECTED, "486/600 after ringing", statuses=frozenset({486, 600}), alerted_from=BUSY_RING_S, confidence=0.6),
    Row(_D.BUSY, "486/600", statuses=frozenset({486, 600})),
    Row(_D.REJECTED, "603", statuses=frozenset({603})),
    Row(_D.NO_ANSWER, "408/487 after ringing", statuses=frozenset({408, 487}), rang=True),
    Row(_D.BLOCKED_BY_NETWORK, "403", statuses=frozenset({403})),
    Row(_D.TRUNK_CONGESTION, "503", statuses=frozenset({503})),
    # A phone that rang and whose call then broke was disturbed: that counts, whoever failed.
    Row(_D.NO_ANSWER, "lost after ringing", rang=True),
    Row(_D.OUR_FAULT, "no response, 4xx/5xx of the trunk or our own stack"),
)


@dataclass(frozen=True, slots=True)
class Judged:
    """A disposition, the row that gave it, and whether it uses up an attempt."""

    disposition: Disposition
    why: str
    confidence: float = 1.0

    @property
    def consumes_attempt(self) -> bool:
        """False when the call never reached the client's phone."""
        return self.disposition not in NOT_THE_CLIENTS


def classify(facts: Facts, table: Sequence[Row] = TABLE) -> Judged:
    """The verdict of the first row that fits; ``ANSWERED`` when the call was answered."""
    if facts.answered:
        return Judged(Disposition.ANSWERED, "answered")
    for row in table:
        if row.fits(facts):
            return Judged(row.disposition, row.why, row.confidence)
    return Judged(Disposition.OUR_FAULT, "no row fits")


def judge_ending(
    ending: Ending | None,
    *,
    answered: bool,
    dialed_at: datetime,
    provisionals: Iterable[Provisional],
    ring_limit_s: float,
    early: Early | None = None,
) -> Judged:
    """The verdict about one attempt as the line told it.

    ``ending`` None means that nobody saw the end (the node died): ``INTERRUPTED``. An answered call is ``ANSWERED``
    however it ended. ``ring_limit_s`` counts from ``dialed_at``; ``early`` is what was heard before the answer.
    """
    if ending is None:
        return Judged(Disposition.INTERRUPTED, "the node did not see the end")
    facts = facts_of(
        ending, answered=answered, dialed_at=dialed_at, provisionals=provisionals, ring_limit_s=ring_limit_s
    )
    return classify(replace(facts, early=early))


def facts_of(
    ending: Ending, *, answered: bool, dialed_at: datetime, provisionals: Iterable[Provisional], ring_limit_s: float
) -> Facts:
    """The line's report in the terms of the table; 180, 181, 182 and 183 with media count as ringing."""
    told = tuple(provisionals)
    alerted_at = next((one.at for one in told if one.status in ALERTING), None)
    return Facts(
        answered=answered,
        by=ending.by,
        status=ending.status,
        causes=q850_causes(ending.reasons),
        rang=any(one.media or one.status in ALERTING for one in told),
        waited_s=_seconds(dialed_at, ending.at),
        alerted_s=_seconds(alerted_at, ending.at),
        ring_limit_s=ring_limit_s,
        text=" ".join([ending.phrase, *ending.reasons, ending.cause]),
        replied=bool(told) or ending.status is not None,
    )


def _seconds(start: datetime | None, end: datetime) -> float:
    return max(0.0, (end - start).total_seconds()) if start else 0.0


def q850_causes(reasons: Iterable[str]) -> tuple[int, ...]:
    """The Q.850 causes of Reason header values (RFC 3326 section 2), several in one header included."""
    return tuple(int(found) for text in reasons for found in _Q850.findall(text))


_Q850 = re.compile(r"Q\.850\s*(?:;[^,;]*)*?;\s*cause\s*=\s*(\d{1,3})", re.IGNORECASE)
