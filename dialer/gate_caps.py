"""How often a client may be called: the interval, the callback's budget, and the caps of the pack (B-12, B-17, B-18).

The rule of this module: what cannot be known counts. A cap whose clients cannot be told applies to everybody, an
attempt to an unknown number counts for every number.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache

from core.calendars import DAY
from core.clock import CHINA, china
from dialer.gate_facts import GateInput, Question, Reason, second
from dialer.programmes.facts import PastAttempt, scope_facts
from dialer.programmes.model import Cap, CapPer, Per
from dialer.programmes.periods import period_of

ROLLING = timedelta(hours=24)


def interval_reasons(question: Question) -> Iterator[Reason]:
    """Too soon after the last call to this client, whatever it was for."""
    free = interval_free_at(question.asked, question.rules.interval)
    if free is not None and question.asked.now < free:
        when = second(free)
        yield Reason(
            "too_soon", f"距上次拨打过近，{when} 后再拨", f"too soon after the last call; not before {when}", "B-18"
        )


def interval_free_at(asked: GateInput, interval: timedelta) -> datetime | None:
    """When ``interval`` since the last attempt that reached the client's phone is over; None: there was none."""
    last = max((past.started_at for past in asked.attempts if past.counts), default=None)
    return None if last is None else last + interval


def budget_reasons(question: Question) -> Iterator[Reason]:
    """The callback's one budget over all numbers and endings is used up."""
    callback = question.asked.callback
    if callback is None:
        return
    made = sum(past.counts and past.callback_id == callback.callback_id for past in question.asked.attempts)
    if made >= question.rules.retries.total:
        yield Reason("attempts_used_up", f"已拨打 {made} 次，达到上限", f"all {made} attempts are used up", "M-01")


def cap_reasons(question: Question) -> Iterator[Reason]:
    """Every cap that is reached."""
    for cap in question.rules.caps:
        counted = _counted(cap, question.asked, question.day)
        if len(counted) >= cap.most and _concerns(cap, question.asked, question.day):
            yield _reached(cap, len(counted))


def _reached(cap: Cap, made: int) -> Reason:
    who, whom = ("该号码", "to this number ") if cap.by_number else ("", "")
    return Reason(
        "cap_reached",
        f"{who}本周期（{cap.per}）已拨 {made} 次，上限 {cap.most} 次",
        f"{made} of {cap.most} calls {whom}per {cap.per} are made",
        cap.rule,
    )


def cap_free_on(cap: Cap, asked: GateInput) -> datetime:
    """When ``cap`` stops forbidding this call: now, the next period, or 24 hours after the call that fills it."""
    day = china(asked.now).date()
    counted = _counted(cap, asked, day)
    if len(counted) < cap.most or not _concerns(cap, asked, day):
        return asked.now
    if cap.per is not CapPer.ROLLING_24H:
        return _bounds(cap.per, day)[1]
    newest = sorted((past.started_at for past in counted), reverse=True)
    return (newest[cap.most - 1] if cap.most else asked.now) + ROLLING


def cap_begins(cap: Cap, now: datetime) -> datetime:
    """The first instant at which an attempt may have been made that ``cap`` counts at ``now``."""
    return now - ROLLING if cap.per is CapPer.ROLLING_24H else _bounds(cap.per, china(now).date())[0]


def _concerns(cap: Cap, asked: GateInput, day: date) -> bool:
    """Whether this call falls under the cap: not exempt, and about a client whom the cap means or may mean (B-17)."""
    if cap.exempt and asked.programmes and asked.programmes <= cap.exempt:
        return False
    if cap.when is None:
        return True
    facts = scope_facts(asked.client, day)
    return any(facts.get(name) is None for name in cap.when.names) or cap.when(facts)


def _counted(cap: Cap, asked: GateInput, day: date) -> list[PastAttempt]:
    """The attempts that fill the cap at ``asked.now``, a moment of the Chinese ``day``."""
    if cap.per is CapPer.ROLLING_24H:
        since = asked.now - ROLLING
        made = [past for past in _made(cap, asked) if past.started_at > since]
    else:
        begin, end = _bounds(cap.per, day)
        made = [past for past in _made(cap, asked) if begin <= past.started_at < end]
    return [past for past in made if _counts(cap, past)] if made else made


def _made(cap: Cap, asked: GateInput) -> tuple[PastAttempt, ...]:
    if not cap.by_number:
        return asked.attempts
    return tuple(past for past in (*asked.attempts, *asked.elsewhere) if past.phone in ("", asked.phone))


def _counts(cap: Cap, past: PastAttempt) -> bool:
    counted = past.disposition == "answered" if cap.answered_only else past.counts
    return counted and not (cap.exempt and past.programmes and past.programmes <= cap.exempt)


@lru_cache(maxsize=64)
def _bounds(per: CapPer, day: date) -> tuple[datetime, datetime]:
    """The calendar period of ``day`` in Chinese time, from (included) to (not included)."""
    first, last = period_of(Per(per.value), day)
    # In UTC, as the attempts are stored: comparing across time zones took a quarter of the gate's time.
    return _midnight(first), _midnight(last + DAY)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(0), CHINA).astimezone(UTC)
