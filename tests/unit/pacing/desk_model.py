"""A small model of a desk for the tests of pacing: calls ring, talk, ask, wait and are handled, event by event.

It knows nothing of the database; ``may_dial`` is asked as the node asks it, with what the node could know.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from random import Random

from dialer.calling.abandonment import Tally
from dialer.calling.forecasts import FlowHistory, Forecast, Needs, chance_of, forecast
from dialer.calling.pacing import CallNeed, LiveCall, PacingRules, PacingState, may_dial

FLOW, PROGRAMME = "flow", "P"


@dataclass(frozen=True)
class World:
    """What is true: the means of exponential or uniform times in seconds, and shares."""

    agents: int = 5
    channels: int = 40
    hours: float = 4.0
    needs: Needs = Needs.MAYBE
    asks: float = 0.1  # of answered calls
    answers: float = 0.45
    ring_s: tuple[float, float] = (4.0, 20.0)
    no_answer_s: float = 30.0
    asks_after_s: tuple[float, float] = (15.0, 90.0)
    quiet_s: tuple[float, float] = (20.0, 140.0)
    handle_s: float = 180.0
    wrap_up_s: float = 20.0
    patience_s: float = 30.0  # then another call is promised
    gap_s: float = 0.5

    def history(self, calls: int = 1000, factor: float = 1.0) -> FlowHistory:
        """What the books of such a desk would say after ``calls`` answered calls; ``factor`` makes the share wrong."""
        asked = calls if self.needs is Needs.ALWAYS else round(calls * self.asks * factor)
        asks = tuple(_spread(self.asks_after_s, asked))
        quiets = tuple(_spread(self.quiet_s, calls - asked))
        rings = tuple(_spread(self.ring_s, calls))
        return FlowHistory(round(calls / self.answers), asks, quiets, rings, (self.handle_s,) * max(asked, 1))


def _spread(between: tuple[float, float], number: int) -> list[float]:
    first, last = between
    return [first + (last - first) * (place + 0.5) / number for place in range(number)]


@dataclass
class Run:
    """What happened."""

    placed: int = 0
    answered: int = 0
    asked: int = 0
    abandoned: int = 0
    promised: int = 0
    handled_s: float = 0.0
    seconds: float = 0.0
    agents: int = 0
    fallbacks: int = 0
    worst: float = 0.0  # the highest share of the ledger at any time, once it has its sample

    @property
    def use(self) -> float:
        """The share of the agents' time that was spent talking or wrapping up."""
        return self.handled_s / (self.seconds * self.agents)

    @property
    def of_asked(self) -> float:
        """Abandoned calls of those to be connected."""
        return self.abandoned / max(1, self.asked)


@dataclass(eq=False)
class Line:
    """One call in the model."""

    reserves: bool
    answered_at: float | None = None
    asked_at: float | None = None


@dataclass
class Desk:
    """Runs one world under one set of rules."""

    world: World
    rules: PacingRules
    seed: int
    history: FlowHistory
    before: Tally = field(default_factory=Tally)  # what the ledger holds when it begins
    learns: bool = False

    def __post_init__(self) -> None:
        """Nothing is on the line yet."""
        self.now, self.run, self.chance = 0.0, Run(agents=self.world.agents), Random(self.seed)
        self.free = [str(number) for number in range(self.world.agents)]
        self.everybody = frozenset(self.free)
        self.live: list[Line] = []
        self.waiting: list[Line] = []
        self.busy_channels = 0
        self.ledger = self.before
        self.agenda: list[tuple[float, int, Callable[[], None]]] = []
        self.order = count()
        self.asks: list[float] = []
        self.quiets: list[float] = []
        self.learned_at = 0.0

    def play(self) -> Run:
        """Run the world to its end."""
        end = self.world.hours * 3600
        self.at(0.0, self.look)
        while self.agenda and self.agenda[0][0] <= end:
            self.now, _, act = heapq.heappop(self.agenda)
            act()
        self.run.seconds = end
        return self.run

    def at(self, moment: float, act: Callable[[], None]) -> None:
        heapq.heappush(self.agenda, (moment, next(self.order), act))

    # --- dialing ---

    def look(self) -> None:
        self.at(self.now + self.world.gap_s, self.look)
        if self.busy_channels >= self.world.channels:
            return
        verdict = may_dial(self.state(), self.rules, CallNeed(self.forecast(), self.everybody, frozenset({PROGRAMME})))
        self.run.fallbacks += verdict.fallback is not None
        if verdict.allowed:
            self.place(Line(verdict.reserves_agent))

    def forecast(self) -> Forecast:
        return forecast(FLOW, self.world.needs, self.known())

    def known(self) -> FlowHistory:
        if self.learns and self.now - self.learned_at > 60:
            self.learned_at = self.now
            self.history = FlowHistory(self.run.placed, tuple(sorted(self.asks)), tuple(sorted(self.quiets)))
        return self.history

    def state(self) -> PacingState:
        live = tuple(self.seen(line) for line in self.live)
        return PacingState(frozenset(self.free), live, {PROGRAMME: self.ledger})

    def seen(self, line: Line) -> LiveCall:
        if line.asked_at is not None:
            return LiveCall(1.0, self.everybody, answered=True)
        age = 0.0 if line.answered_at is None else self.now - line.answered_at
        chance = chance_of(self.world.needs, self.history, age)
        return LiveCall(chance, self.everybody, line.answered_at is not None, line.reserves)

    # --- a call ---

    def place(self, line: Line) -> None:
        self.run.placed += 1
        self.busy_channels += 1
        self.live.append(line)
        if self.chance.random() < self.world.answers:
            self.at(self.now + self.chance.uniform(*self.world.ring_s), lambda: self.answered(line))
        else:
            self.at(self.now + self.world.no_answer_s, lambda: self.over(line))

    def answered(self, line: Line) -> None:
        line.answered_at = self.now
        self.run.answered += 1
        share = 1.0 if self.world.needs is Needs.ALWAYS else self.world.asks
        if self.chance.random() < share:
            self.at(self.now + self.chance.uniform(*self.world.asks_after_s), lambda: self.asks_for_an_agent(line))
        else:
            talk = self.chance.uniform(*self.world.quiet_s)
            self.quiets.append(talk)
            self.at(self.now + talk, lambda: self.over(line))

    def asks_for_an_agent(self, line: Line) -> None:
        line.asked_at = self.now
        self.asks.append(self.now - (line.answered_at or 0.0))
        self.run.asked += 1
        self.waiting.append(line)
        self.at(self.now + self.world.patience_s, lambda: self.gives_up(line))
        self.join()

    def join(self) -> None:
        while self.free and self.waiting:
            agent, line = self.free.pop(0), self.waiting.pop(0)
            self.live.remove(line)
            late = self.now - (line.asked_at or 0.0) > self.rules.answer_to_agent_s
            self.book(Tally(1, late=1) if late else Tally(1, joined=1))
            talk = self.chance.expovariate(1 / self.world.handle_s)
            self.run.handled_s += talk + self.world.wrap_up_s
            self.at(self.now + talk, self.channel_free)
            self.at(self.now + talk + self.world.wrap_up_s, lambda agent=agent: self.back(agent))  # type: ignore[misc]

    def back(self, agent: str) -> None:
        self.free.append(agent)
        self.join()

    def gives_up(self, line: Line) -> None:
        if line in self.waiting:
            self.waiting.remove(line)
            self.book(Tally(1, lost=1))
            self.run.promised += 1
            self.over(line)

    def book(self, one: Tally) -> None:
        self.ledger += one
        self.run.abandoned += one.abandoned
        if self.ledger.asked >= self.rules.minimum_sample:
            self.run.worst = max(self.run.worst, self.ledger.of_asked or 0.0)

    def over(self, line: Line) -> None:
        self.live.remove(line)
        self.channel_free()

    def channel_free(self) -> None:
        self.busy_channels -= 1
