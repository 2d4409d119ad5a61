"""Who must be called, why, by when and in which windows: pure, reproducible, nobody left out in silence.

The rule of this module: the same data, the same key and the same day give the same plan. A full run looks at everybody,
an incremental one at what changed since the last run and at periods that begin; both plan the same items.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from itertools import chain

from core.calendars import DAY, Calendars
from dialer.planning.merging import merged
from dialer.planning.periodic import Draws
from dialer.planning.plan import Cancelled, Plan, PlannedNotice, Refused, Skipped
from dialer.planning.rules import Owed, Rules, expressions_of, midnight
from dialer.planning.source import Source
from dialer.planning.triggers import Case, Found, cases_of, festivals_due, known_of, of_case, of_festival, undone
from dialer.programmes.facts import ClientFile, PastItem
from dialer.programmes.model import Pack, Programme
from dialer.programmes.periods import due

BRANCH_DAYS = timedelta(days=31)
"""A branch that is closed counts its working days later than the firm: a silence is looked for so much further back,
then each client is judged exactly."""


def plan(
    pack: Pack,
    source: Source,
    *,
    day: date,
    calendars: Calendars,
    key: str,
    since: date | None = None,
    flow_hashes: Mapping[str, frozenset[str]] | None = None,
) -> Plan:
    """The plan for ``day`` (Chinese date) from what ``source`` tells (A-13).

    ``key`` is the firm's secret from which samples are seeded; ``since`` the day of the last run for an incremental
    one, None for a full one; ``flow_hashes`` the versions of the scripts in force. A programme with open values is
    refused and named; OpenValue when the pack leaves open what every call needs.
    """
    rules = Rules(pack, pack.runnable(), pack.ready(), day, calendars, source.figures(day), flow_hashes or {})
    return _Run(rules, source, key, since).plan()


class _Run:
    """One run: collects what it finds, client by client, then draws the samples, then makes contacts."""

    def __init__(self, rules: Rules, source: Source, key: str, since: date | None) -> None:
        self._rules = rules
        self._source = source
        self._draws = Draws(rules, source, key)
        self._festivals = festivals_due(rules)
        self._since = since
        self._owed: list[Owed] = []
        self._skipped: dict[str, Skipped] = {}
        self._notices: list[PlannedNotice] = []
        self._cancelled: list[Cancelled] = []
        self._past: dict[str, Sequence[PastItem]] = {}
        self._seen: set[str] | None = None

    def plan(self) -> Plan:
        rules = self._rules
        for file in self._files():
            self._look(file)
        for file, found in chain(self._draws.lists(), self._draws.drawn()):
            self._take(file, (found,))
        pack = rules.pack
        return Plan(
            day=rules.day,
            pack=pack.name,
            callbacks=tuple(merged(self._owed, self._past, pack.merging, rules.day)),
            skipped=tuple(sorted(self._skipped.values(), key=lambda left: (left.client_id, left.trigger_key))),
            notices=tuple(self._notices),
            cancelled=tuple(self._cancelled),
            refused=tuple(Refused(one.key, one.open_values) for one in pack.programmes.values() if one.open_values),
            draws=self._draws.touched(),
            looked_at=None if self._seen is None else frozenset(self._seen),
        )

    # --- whom to look at ---------------------------------------------------------------------------------------------

    def _files(self) -> Iterator[ClientFile]:
        """Everybody, or those who changed and those whose silence became long enough."""
        if self._since is None or self._concerns_everybody(self._since):
            yield from self._source.everybody()
            return
        self._seen = set()
        for file in chain(self._source.changed(), self._silent(self._since)):
            if file.client_id not in self._seen:
                self._seen.add(file.client_id)
                yield file

    def _concerns_everybody(self, since: date) -> bool:
        """Whether a period or a festival begins, or a programme asks about the day or a figure that changed."""
        before, now = self._source.figures(since), self._rules.figures
        moved = {"day", *(name for name in {**before, **now} if before.get(name) != now.get(name))}
        asked = (found.names for one in self._rules.programmes for found in expressions_of(one))
        return bool(self._festivals) or self._draws.begin_something() or any(map(moved.intersection, asked))

    def _silent(self, since: date) -> Iterator[ClientFile]:
        for programme, latest in self._rules.by_silence:
            first = latest
            while self._silent_on(programme, first) > since:
                first -= DAY
            yield from self._source.silent(first - BRANCH_DAYS, latest)

    def _silent_on(self, programme: Programme, last_trade: date) -> date:
        """The day on which the silence since ``last_trade`` is long enough."""
        after = programme.due.after
        return due(after, midnight(last_trade), self._rules.calendars).on if after else last_trade

    # --- looking -----------------------------------------------------------------------------------------------------

    def _look(self, file: ClientFile) -> None:
        facts, known = self._rules.facts_of(file.client), known_of(file)
        for case in cases_of(self._rules, file, facts, known):
            self._take(file, of_case(case) if case.programme.due.period is None else self._draws.sampled(case))
        for programme, name, day in self._festivals:
            self._take(file, of_festival(Case(self._rules, programme, file, facts, known), name, day))
        self._take(file, self._draws.consider(file, facts, known))
        if file.past:
            self._take(file, undone(self._rules, file))

    def _take(self, file: ClientFile, found: Iterable[Found]) -> None:
        for one in found:
            match one:
                case Owed():
                    self._owed.append(one)
                    self._rules.note(one)
                    self._past[file.client_id] = file.past
                case Skipped():
                    self._skipped[one.trigger_key] = one
                case PlannedNotice():
                    self._notices.append(one)
                case Cancelled():
                    self._cancelled.append(one)
