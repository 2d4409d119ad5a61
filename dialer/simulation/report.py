"""What a campaign came to, in figures: coverage, deadlines, attempts, how well the channels were used. Pure.

The rule of this module: it counts what the campaign kept and decides nothing. An item is in time when its call-back had
an outcome on or before the day it was due; one that is still owed and not yet due counts nowhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from core.calendars import DAY
from dialer.planning.sampling import Draw, MemberState
from dialer.programmes.facts import ItemState
from dialer.simulation.books import Callback, Item
from dialer.simulation.campaign import Campaign


@dataclass(frozen=True, slots=True)
class Coverage:
    """One sample (or the events of one programme): its base, how many it asks for, how many were reached."""

    programme: str
    period: str
    base: int
    target: int
    covered: int
    waiting: int

    @property
    def share(self) -> float:
        """The part of the base that was reached, 0 to 1."""
        return self.covered / self.base if self.base else 0.0


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Items that fell due within the campaign; ``missed`` by programme."""

    due: int
    met: int
    missed: Counter[str]


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that ``huifang simulate`` prints."""

    campaign: Campaign
    coverage: tuple[Coverage, ...]
    deadlines: Deadlines
    outcomes: Counter[str]
    dispositions: Counter[str]
    attempts_per_client: Counter[int]
    skipped: Counter[str]
    talks: int


def report_of(campaign: Campaign) -> Report:
    """The figures of a campaign."""
    calls = campaign.calls
    per_client = Counter(call.callback.client_id for call in calls)
    callbacks = campaign.books.callbacks.values()
    return Report(
        campaign=campaign,
        coverage=tuple(_coverage(campaign)),
        deadlines=_deadlines(campaign, callbacks),
        outcomes=Counter(str(one.outcome or one.closed_reason or "open") for one in callbacks),
        dispositions=Counter(str(call.reply.disposition) for call in calls),
        attempts_per_client=Counter(per_client.values()),
        skipped=Counter(code for _, code in campaign.books.skipped.values()),
        talks=sum(call.reply.does is not None for call in calls),
    )


def as_json(report: Report, *, seconds: float | None = None, lent: tuple[str, ...] = ()) -> dict[str, object]:
    """The report as ``--json`` prints it (docs/simulation.md); ``seconds`` is how long it took, left out when None."""
    campaign, setup, usage = report.campaign, report.campaign.setup, report.campaign.usage
    found: dict[str, object] = {
        "pack": setup.pack.name,
        "clients": setup.clients,
        "days": setup.days,
        "seed": setup.seed,
        "start": setup.start.isoformat(),
        "channels": setup.channels,
        "agents": setup.agents,
        "events": len(campaign.events),
        "planned": len(campaign.books.callbacks),
        "messages": len(campaign.books.notices),
        "attempts": len(campaign.calls),
        "talks": report.talks,
        "outcomes": _sorted(report.outcomes),
        "coverage": [_coverage_json(one) for one in report.coverage],
        "deadlines": _deadlines_json(report.deadlines),
        "attempts_per_client": {str(n): report.attempts_per_client[n] for n in sorted(report.attempts_per_client)},
        "window_use": round(usage.window_use, 6),
        "busy_channel_s": round(usage.busy_for.total_seconds(), 3),
        "idle_channel_s": round(usage.idle_for.total_seconds(), 3),
        "refusals": _sorted(campaign.refusals),
        "skipped": _sorted(report.skipped),
        "dispositions": _sorted(report.dispositions),
        "follow_ups": _sorted(campaign.follow_ups),
        "refused_programmes": [{"programme": one.programme, "open": list(one.open_values)} for one in campaign.refused],
        "taken_from_example": list(lent),
    }
    return found if seconds is None else {**found, "seconds": round(seconds, 2)}


def _sorted(counts: Counter[str]) -> dict[str, int]:
    return {name: counts[name] for name in sorted(counts)}


def _coverage_json(one: Coverage) -> dict[str, object]:
    return {
        "programme": one.programme,
        "period": one.period,
        "base": one.base,
        "target": one.target,
        "covered": one.covered,
        "waiting": one.waiting,
        "share": round(one.share, 6),
    }


def _deadlines_json(deadlines: Deadlines) -> dict[str, object]:
    return {
        "due": deadlines.due,
        "met": deadlines.met,
        "missed": sum(deadlines.missed.values()),
        "missed_by_programme": _sorted(deadlines.missed),
    }


def _coverage(campaign: Campaign) -> Iterator[Coverage]:
    items = campaign.books.items
    for draw in sorted(campaign.firm.samples.values(), key=lambda draw: draw.sample_id):
        yield _of_sample(draw, items)
    sampled = {draw.programme for draw in campaign.firm.samples.values()}
    by_programme: dict[str, list[Item]] = {}
    for item in items.values():
        if item.planned.programme not in sampled:
            by_programme.setdefault(item.planned.programme, []).append(item)
    left = Counter(programme for programme, _ in campaign.books.skipped.values())
    for programme in sorted(by_programme):
        yield _of_events(programme, by_programme[programme], left[programme])


def _of_sample(draw: Draw, items: dict[str, Item]) -> Coverage:
    numbers = range(len(draw.quotas))
    members = (items.get(one.trigger_key) for one in draw.members if one.state is MemberState.PLANNED)
    states = Counter(item.state for item in members if item is not None)
    base = sum(n for counts in draw.base.values() for n in counts.values())
    target = max((draw.target(number) for number in numbers), default=0)
    return Coverage(draw.programme, draw.period, base, target, states[ItemState.DONE], states[ItemState.OPEN])


def _of_events(programme: str, items: list[Item], left: int) -> Coverage:
    states = Counter(item.state for item in items)
    owed = len(items) - states[ItemState.CANCELLED]
    return Coverage(programme, "", owed + left, owed, states[ItemState.DONE], states[ItemState.OPEN])


def _deadlines(campaign: Campaign, callbacks: Iterable[Callback]) -> Deadlines:
    setup = campaign.setup
    last = setup.start + (setup.days - 1) * DAY
    items = [item for callback in callbacks for item in callback.items if item.state is not ItemState.CANCELLED]
    fallen_due = [item for item in items if item.planned.due_on <= last or item.state is not ItemState.OPEN]
    met = [item for item in fallen_due if _in_time(item)]
    missed = Counter(item.planned.programme for item in fallen_due if not _in_time(item))
    return Deadlines(len(fallen_due), len(met), missed)


def _in_time(item: Item) -> bool:
    closed: date | None = item.closed_on
    return item.state is ItemState.DONE and closed is not None and closed <= item.planned.due_on
