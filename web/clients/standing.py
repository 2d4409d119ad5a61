"""Where one client stands with every programme of the pack: owed, done, left out, or why it does not concern him.

The rule of this module: nothing is decided anew. What the planner stored comes first; only where it stored nothing are
the planner's own functions asked why, on today's facts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from sqlalchemy.orm import Session

from core.calendars import Calendars
from dialer.planning.rules import Rules
from dialer.planning.sampling import MemberState
from dialer.planning.stored import StoredSource
from dialer.planning.triggers import Case, case_of, matters, opening
from dialer.programmes.facts import ItemState
from dialer.programmes.model import Pack, Per, Programme, Trigger
from dialer.programmes.periods import period_of
from dialer.tables import Item, Sample, SampleMember, Skip


@dataclass(frozen=True, slots=True)
class Standing:
    """One programme's line: ``code`` is labelled by ``standing``; a ``skip`` carries its reason in words."""

    programme: Programme
    code: str
    skip: Skip | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What the planner stored about the client, newest last, and the running samples by programme."""

    items: Sequence[Item]
    skips: Sequence[Skip]
    members: Sequence[tuple[SampleMember, Sample]]
    samples: Mapping[str, Sample]


def standings(
    session: Session, client_id: str, pack: Pack, known: Known, *, calendars: Calendars, day: date
) -> list[Standing]:
    """A line for each programme of ``pack``, in its order. Empty while the pack leaves open what every call needs."""
    if pack.contact is None or pack.open_values:
        return []
    source = StoredSource(session, pack, day)
    rules = Rules(pack, pack.contact, pack.ready(), day, calendars, source.figures(day))
    cases: dict[str, Case] = {}
    for file in source.some([client_id]):
        cases = {programme.key: case_of(rules, programme, file) for programme in rules.programmes}
    return [_standing(programme, known, cases.get(programme.key)) for programme in pack.programmes.values()]


def _standing(programme: Programme, known: Known, case: Case | None) -> Standing:
    mine = [item for item in known.items if item.programme == programme.key]
    if any(item.state == ItemState.OPEN for item in mine):
        return Standing(programme, "owed")
    if programme.open_values:
        return Standing(programme, "not_run")
    skip = next((one for one in reversed(known.skips) if one.programme == programme.key), None)
    if skip is not None:
        return Standing(programme, "skipped", skip)
    member = next((one for one, sample in reversed(known.members) if sample.programme == programme.key), None)
    return Standing(programme, _stored(mine, member) or (_why_nothing(case, known.samples) if case else "not_in_scope"))


def _stored(items: Sequence[Item], member: SampleMember | None) -> str:
    """What the planner stored about a programme of which nothing is owed; empty when it stored nothing."""
    drawn = member.state if member else ""
    if drawn not in ("", MemberState.PLANNED, MemberState.MISSED):
        return drawn
    if items:
        return items[-1].state
    return "message" if drawn == MemberState.PLANNED else drawn


def _why_nothing(case: Case, samples: Mapping[str, Sample]) -> str:
    """Why the planner has stored nothing about this client and programme."""
    due = case.programme.due
    if due.kind is Trigger.EVENT:
        return _of_events(case)
    if due.kind is Trigger.DEPARTURE:
        mine = samples.get(case.programme.key)
        leaves = case.file.client is not None and mine is not None and case.file.client.introducer_id == mine.period
        return "behind" if leaves else "nobody_leaves"
    return _of_periods(case, samples) if due.kind is Trigger.PERIOD else _of_days(case)


def _of_events(case: Case) -> str:
    found = list(matters(case))
    if not found:
        return "no_event"
    return "next_plan" if any(opening(case, matter) for matter in found) else "not_in_scope"


def _of_periods(case: Case, samples: Mapping[str, Sample]) -> str:
    first, _ = period_of(case.programme.due.period or Per.YEAR, case.rules.day)
    seen = replace(case, facts={**case.facts, "period_start": first})
    if not _concerns(seen):
        return "not_in_scope"
    sample = samples.get(case.programme.key)
    if sample is None or not sample.first <= case.rules.day <= sample.last:
        return "no_sample"
    return "came_later" if sample.complete else "behind"


def _of_days(case: Case) -> str:
    return "not_due" if _concerns(case) else "not_in_scope"


def _concerns(case: Case) -> bool:
    return case.rules.in_scope(case.programme, case.facts) is not None


def newest(samples: Iterable[Sample]) -> dict[str, Sample]:
    """One sample of each programme; the last one wins."""
    return {sample.programme: sample for sample in samples}
