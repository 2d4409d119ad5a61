"""Programmes that are owed per period, samples of events, and the clients of departing staff: bases, draws, portions.

The rule of this module: the base of a share is taken once, when the period is first looked at; the order is seeded; a
member is judged again on the day when his turn comes, and whoever cannot be called then is passed over with the reason.
Lists (the largest amounts, a leaver's clients) are taken again every night, so that late data still count.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import partial

from core.calendars import DAY, ProvisionalCalendars
from dialer.planning.bases import Base, quotas_of, strata_of
from dialer.planning.plan import PlannedNotice, Skipped
from dialer.planning.rules import Facts, Obstacle, Owed, Rules, midnight
from dialer.planning.sampling import Draw, Member, MemberState, Pace, lot, portion, seed_of
from dialer.planning.source import Source
from dialer.planning.triggers import (
    Case,
    Found,
    Matter,
    Start,
    case_of,
    collapsed,
    end_of,
    matters,
    opening,
    owed_until,
    started,
)
from dialer.programmes.facts import ClientFile, PastItem
from dialer.programmes.model import Per, Programme, TopList, Trigger
from dialer.programmes.periods import Due, due, parts_of, period_name, period_of

Span = tuple[str, date, date]
"""The name of a period (or of its part), its first and its last day."""

Told = tuple[ClientFile, Found]

REPORTED_LATE = timedelta(days=31)
"""So long after the end of a contract somebody whose leaving was not known in time is still told of."""


@dataclass(frozen=True, slots=True)
class Round:
    """A period whose clients are looked at: its base is taken in this run, or everybody in scope is called."""

    programme: Programme
    draw: Draw
    begins: date
    base: Base | None


class Draws:
    """The samples that one run looks at."""

    def __init__(self, rules: Rules, source: Source, key: str) -> None:
        self._rules = rules
        self._source = source
        self._key = key
        self._draws: dict[str, Draw] = {}
        self._bases: dict[str, Base] = {}
        self._amounts: dict[tuple[frozenset[str], date], Mapping[str, float]] = {}
        self._by_key = {programme.key: programme for programme in rules.programmes}
        periodic = (one for one in rules.programmes if one.due.kind is Trigger.PERIOD and not _by_amounts(one))
        self._rounds = [found for programme in periodic if (found := self._round(programme))]

    # --- which samples there are -------------------------------------------------------------------------------------

    def begin_something(self) -> bool:
        """Whether a period begins of which no sample is kept yet, so that everybody must be looked at."""
        return bool(self._bases)

    def touched(self) -> tuple[Draw, ...]:
        """Every sample that the run looked at, to be kept."""
        return tuple(self._draws.values())

    def _round(self, programme: Programme) -> Round | None:
        draw = self._open(programme, self._span(programme, self._rules.day))
        base = self._bases.get(draw.sample_id)
        begins, _ = period_of(programme.due.period or Per.YEAR, self._rules.day)
        everybody = any(quota.share == 1 for quota in programme.quotas)
        return Round(programme, draw, begins, base) if base or everybody else None

    def _span(self, programme: Programme, day: date) -> Span:
        per, times = programme.due.period or Per.YEAR, programme.due.times
        name = period_name(per, day)
        if times == 1:
            return name, *period_of(per, day)
        first, last, number = parts_of(per, day, times)
        return f"{name}#{number}", first, last

    def _open(self, programme: Programme, span: Span) -> Draw:
        """The sample of that programme and period; its base is taken when none is kept or the pack's shares changed."""
        sample_id = f"{programme.key}:{span[0]}"
        known = self._draws.get(sample_id)
        if known is not None:
            return known
        kept, quotas = self._source.draw(sample_id), quotas_of(programme)
        draw = kept or self._new(sample_id, programme, span)
        if programme.due.kind is Trigger.PERIOD and (kept is None or kept.quotas != quotas):
            self._take_base(draw, programme)
        draw.quotas = quotas
        self._draws[sample_id] = draw
        return draw

    def _new(self, sample_id: str, programme: Programme, span: Span) -> Draw:
        return Draw(
            sample_id,
            programme.key,
            *span,
            seed=seed_of(self._key, sample_id),
            drawn_on=self._rules.day,
            quotas=quotas_of(programme),
            at_once=programme.due.kind is not Trigger.PERIOD or not programme.quotas,
        )

    def _take_base(self, draw: Draw, programme: Programme) -> Base:
        draw.base.clear()
        draw.excluded.clear()
        base = self._bases[draw.sample_id] = Base(draw, programme, partial(self._amount, programme))
        return base

    def _amount(self, programme: Programme, top: TopList, file: ClientFile, facts: Facts) -> float | None:
        """What a list ranks by: a field, or the amounts of the client's events in the period before (A-76)."""
        if top.events:
            return self._sums(programme, top).get(file.client_id)
        found = facts.get(top.by)
        return float(found) if isinstance(found, int | float) else None

    def _sums(self, programme: Programme, top: TopList) -> Mapping[str, float]:
        per = programme.due.period or Per.WEEK
        first, last = period_of(per, period_of(per, self._rules.day)[0] - DAY)
        key = (top.events, first)
        if key not in self._amounts:
            self._amounts[key] = self._source.amounts(top.events, first, last)
        return self._amounts[key]

    # --- looking at clients ------------------------------------------------------------------------------------------

    def consider(self, file: ClientFile, facts: Facts, known: Mapping[str, PastItem]) -> Iterator[Found]:
        """Put the client into the samples of periodic programmes; yields why he does not even count."""
        for one in self._rounds if file.client is not None else ():
            key = f"{one.draw.sample_id}:{file.client_id}"
            member = one.draw.known.get(key)
            if one.base is None and member is not None and member.state not in _MAY_COME_BACK:
                continue
            facts["period_start"] = one.begins
            if self._rules.in_scope(one.programme, facts) is None:
                continue
            obstacle = self._rules.excluded(one.programme, file, facts, on=self._rules.day, but_for=key)
            if obstacle is not None:
                yield Case(self._rules, one.programme, file, facts, known).skip(key, obstacle, one.draw.last)
                if one.base is not None:
                    one.draw.excluded[obstacle.code] += 1
            elif one.base is not None:
                one.base.admit(file, facts)
            else:
                self._behind(Case(self._rules, one.programme, file, facts, known), one.draw, key)

    def _behind(self, case: Case, draw: Draw, key: str) -> None:
        """The base is taken, but everybody in scope is owed a call: at the end, or again since he can be called now."""
        member = draw.known.get(key)
        if member is None:
            _append(draw, case, key)
        elif self._obstacle(case, key) is None:
            member.state = MemberState.WAITING

    def _obstacle(self, case: Case, key: str) -> Obstacle | None:
        return self._rules.obstacle(case.programme, case.file, case.facts, on=self._rules.day, but_for=key)

    def _excluded(self, case: Case, key: str) -> Obstacle | None:
        return self._rules.excluded(case.programme, case.file, case.facts, on=self._rules.day, but_for=key)

    def sampled(self, case: Case) -> Iterator[Found]:
        """A sample of events (A-25, A-31): each matter is a member of the sample of the period it happened in."""
        for matter in matters(case):
            draw = self._open(case.programme, self._span(case.programme, matter.events[0].on))
            key = next((key for key in matter.keys if key in draw.known or key in case.known), matter.keys[0])
            if key not in draw.known and key not in case.known:
                yield from self._sampled(case, matter, draw, key)
            if key in draw.known or key in case.known:
                yield from collapsed(case, matter, key)

    def _sampled(self, case: Case, matter: Matter, draw: Draw, key: str) -> Iterator[Found]:
        begun = opening(case, matter)
        if begun is None:
            return
        obstacle = begun.obstacle or self._rules.excluded(
            case.programme, case.file, begun.case.facts, on=begun.event.on, but_for=key
        )
        if obstacle is not None:
            yield case.skip(key, obstacle)
        else:
            _append(draw, begun.case, key)

    # --- lists -------------------------------------------------------------------------------------------------------

    def lists(self) -> Iterator[Told]:
        """Take the lists of the night: the clients of everybody who leaves (A-91), the largest amounts (A-76)."""
        for programme in self._rules.programmes:
            if programme.due.kind is Trigger.DEPARTURE:
                yield from self._departures(programme)
            elif _by_amounts(programme):
                draw = self._open(programme, self._span(programme, self._rules.day))
                ids = sorted({client for top in programme.tops for client in self._sums(programme, top)})
                yield from self._listed(programme, draw, self._source.some(ids))

    def _departures(self, programme: Programme) -> Iterator[Told]:
        for one in self._source.departing(self._rules.day - REPORTED_LATE):
            left_on = one.left_on or self._rules.day
            if left_on >= self._rules.day or self._source.draw(f"{programme.key}:{one.staff_id}") is None:
                draw = self._open(programme, (one.staff_id, self._rules.day, left_on))
                draw.last = left_on
                yield from self._listed(programme, draw, self._source.assigned(one.staff_id))

    def _listed(self, programme: Programme, draw: Draw, files: Iterable[ClientFile]) -> Iterator[Told]:
        base = self._take_base(draw, programme)
        for file in files:
            case = self._case(programme, file)
            if file.client is None or self._rules.in_scope(programme, case.facts) is None:
                continue
            key = f"{draw.sample_id}:{file.client_id}"
            obstacle = None if case.settled(key) else self._excluded(case, key)
            if obstacle is None:
                base.admit(file, case.facts)
            else:
                draw.excluded[obstacle.code] += 1
                yield file, case.skip(key, obstacle, draw.last)

    # --- drawing -----------------------------------------------------------------------------------------------------

    def drawn(self) -> Iterator[Told]:
        """Take the bases, then draw today's part of every sample; what makes others unnecessary comes first."""
        for base in self._bases.values():
            base.finish(keep_all=base.draw.at_once)
        for draw in sorted(self._draws.values(), key=lambda one: bool(self._by_key[one.programme].suppressions)):
            yield from self._portion(draw)

    def _portion(self, draw: Draw) -> Iterator[Told]:
        calendars, told = ProvisionalCalendars(self._rules.calendars), list[Told]()
        pace = Pace(
            gone=sum(map(calendars.is_working_day, _days(draw.drawn_on, self._rules.day - DAY))),
            left=sum(map(calendars.is_working_day, _days(self._rules.day, draw.last))),
        )
        today = draw.at_once or calendars.is_working_day(self._rules.day)
        # Where no working day is left, whoever is owed a call in any case is told of.
        numbers = [n for n, quota in enumerate(draw.quotas) if today or (pace.left == 0 and quota.share == 1)]

        def take(waiting: Sequence[Member], nobody_else: bool) -> Iterator[Member]:
            return self._turn(draw, waiting, told, nobody_else=nobody_else)

        def enough() -> bool:
            order = self._order(draw)
            return portion(draw, day=self._rules.day, pace=pace, numbers=numbers, take=take, order=order)

        if not enough() and not draw.complete:
            self._refill(draw)
            enough()
        yield from told

    def _order(self, draw: Draw) -> Sequence[Member]:
        """The members as they are drawn; those of a sample of events came one by one, so the lot decides again."""
        if self._by_key[draw.programme].due.kind is not Trigger.EVENT:
            return draw.members
        waiting = (member for member in draw.members if member.state is MemberState.WAITING)
        return sorted(waiting, key=lambda member: lot(draw.seed, member.trigger_key))

    def _refill(self, draw: Draw) -> None:
        """The reserves are used up: take the base again and keep all of its order."""
        programme = self._by_key[draw.programme]
        base = Base(replace(draw, base={}), programme, partial(self._amount, programme))
        for file in self._source.everybody():
            case = self._case(programme, file)
            in_scope = file.client is not None and self._rules.in_scope(programme, case.facts) is not None
            if in_scope and self._excluded(case, f"{draw.sample_id}:{file.client_id}") is None:
                base.admit(file, case.facts)
        base.finish(keep_all=True)
        draw.complete = True

    def _turn(self, draw: Draw, waiting: Sequence[Member], told: list[Told], *, nobody_else: bool) -> Iterator[Member]:
        """Those of ``waiting`` who are taken; the others are passed over, or wait while others may be in time."""
        files = {file.client_id: file for file in self._source.some([member.client_id for member in waiting])}
        for member in waiting:
            file = files.get(member.client_id)
            found = list(self._judged(draw, member, file)) if file else []
            late = any(isinstance(one, Skipped) and one.code == "deadline_passed" for one in found)
            if file is None or (late and not nobody_else):
                member.state = MemberState.WAITING if file else MemberState.OUT
                continue
            told.extend((file, one) for one in found)
            member.on, member.state = self._rules.day, _state_after(found, late=late)
            if late or member.state is MemberState.PLANNED:
                yield member

    def _judged(self, draw: Draw, member: Member, file: ClientFile) -> Iterator[Found]:
        """The item of a member whose turn has come, why there is none, or nothing when he has left the scope."""
        programme = self._by_key[draw.programme]
        case = self._case(programme, file)
        if case.settled(member.trigger_key):
            return
        if programme.due.kind is Trigger.EVENT:
            matter = next((one for one in matters(case) if member.trigger_key in one.keys), None)
            yield from started(case, matter, member.trigger_key) if matter else ()
            return
        ground = self._rules.in_scope(programme, case.facts)
        if ground is not None and file.client is not None:
            trigger, unit = f"{programme.period or programme.due.kind}:{draw.period}", str(programme.period or "day")
            ground = ground or self._list(draw, member)
            start = Start(member.trigger_key, trigger, midnight(self._rules.day), {}, ground)
            yield from owed_until(case, start, self._ends(programme, draw, file.client.branch), unit)

    def _ends(self, programme: Programme, draw: Draw, branch: str) -> Due:
        """When the period or the contract ends, or before that where the firm set itself an aim."""
        end, aim = end_of(draw.last), programme.deadline
        if aim is None or aim.amount == 0:
            return end
        return min(end, due(aim, midnight(draw.drawn_on), self._rules.calendars, branch=branch), key=lambda one: one.at)

    def _list(self, draw: Draw, member: Member) -> str:
        """The rules of the lists on which the member stands (A-94, A-95)."""
        first = len(self._by_key[draw.programme].quotas)
        return ", ".join(
            quota.rule for number, quota in enumerate(draw.quotas) if number >= first and member.strata >> number & 1
        )

    def _case(self, programme: Programme, file: ClientFile) -> Case:
        case = case_of(self._rules, programme, file)
        if programme.due.kind is Trigger.PERIOD:
            case.facts["period_start"], _ = period_of(programme.due.period or Per.YEAR, self._rules.day)
        return case


_MAY_COME_BACK = frozenset({MemberState.PASSED_OVER, MemberState.OUT})


def _by_amounts(programme: Programme) -> bool:
    """Whether only lists of amounts decide: then their clients alone are looked at, not everybody."""
    return bool(programme.tops) and not programme.quotas and all(top.events for top in programme.tops)


def _append(draw: Draw, case: Case, key: str) -> None:
    """A member who came after the base was taken; he stands at the end of the order."""
    strata = strata_of(case.programme, case.facts)
    if strata:
        draw.count(case.file.client.branch if case.file.client else "", strata)
        draw.add(Member(case.file.client_id, key, strata))


def _state_after(found: Sequence[Found], *, late: bool) -> MemberState:
    if any(isinstance(one, Owed) for one in found) or (found and isinstance(found[0], PlannedNotice)):
        return MemberState.PLANNED
    if late:
        return MemberState.LATE
    return MemberState.PASSED_OVER if found else MemberState.OUT


def _days(first: date, last: date) -> list[date]:
    return [first + number * DAY for number in range((last - first).days + 1)]
