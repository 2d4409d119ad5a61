"""Whether a call may be placed now, given the agents whom it and the calls on the line may ask for.

The rule of this module: pure, and nobody is dialed who would be kept waiting. ``progressive`` keeps the chance that any
call asks while no agent is left at or below ``epsilon``; ``ratio`` and ``predictive`` dial more than that, and only
while the ledger of abandoned calls could bear it if every call beyond the agents at hand were abandoned. What cannot be
known is progressive (docs/pacing.md).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from itertools import accumulate
from typing import Any

from core.errors import HuifangError
from dialer.calling.abandonment import Tally, within
from dialer.calling.forecasts import Forecast, Needs
from dialer.calling.whys import Why


class BadPacing(HuifangError):
    """Mend the value of [pacing] that the message names."""

    exit_code = 2


class Mode(StrEnum):
    """How boldly is dialed."""

    PROGRESSIVE = "progressive"
    RATIO = "ratio"
    PREDICTIVE = "predictive"


class Unstaffed(StrEnum):
    """What happens to scripts that may need an agent while nobody is on duty who could serve the client."""

    PROMISE = "promise"  # they are dialed; the script promises another call
    HOLD = "hold"  # they wait


@dataclass(frozen=True, slots=True)
class PacingRules:
    """The firm's settings under [pacing]; BadPacing names a value that makes no sense."""

    mode: str
    epsilon: float
    reserve_from: float
    unstaffed: str
    ratio: float
    ratio_limit: float
    predictive_target: float
    abandonment_limit: float
    abandonment_days: int
    answer_to_agent_s: float
    minimum_sample: int
    history_calls: int
    history_days: int

    def __post_init__(self) -> None:
        """Check every value."""
        for name, kind in (("mode", Mode), ("unstaffed", Unstaffed)):
            _check(name, getattr(self, name) in list(kind), f"one of {', '.join(kind)}")
        for name in ("epsilon", "reserve_from", "predictive_target", "abandonment_limit"):
            _check(name, 0 <= getattr(self, name) <= 1, "a share from 0 to 1")
        for name in ("ratio", "ratio_limit", "answer_to_agent_s"):
            _check(name, getattr(self, name) > 0, "more than 0")
        for name in ("abandonment_days", "minimum_sample", "history_calls", "history_days"):
            _check(name, getattr(self, name) >= 1, "1 or more")
        _check("predictive_target", self.predictive_target <= self.abandonment_limit, "at most abandonment_limit")


def rules_of(settings: Any) -> PacingRules:
    """The table [pacing] of the settings as rules; BadPacing names a value that makes no sense."""
    return PacingRules(**asdict(settings.pacing))


def _check(name: str, good: bool, wanted: str) -> None:
    if not good:
        raise BadPacing(f"pacing.{name}: give {wanted}")


@dataclass(frozen=True, slots=True)
class LiveCall:
    """A call on the line that has no agent and may still ask for one.

    ``chance`` is that of asking from here on once answered, 1.0 while it waits for an agent already; ``reserves`` that
    a seat is kept for it; ``agents`` those on duty who may serve its client.
    """

    chance: float
    agents: frozenset[str]
    answered: bool = False
    reserves: bool = False


@dataclass(frozen=True, slots=True)
class PacingState:
    """The line at one moment, over all nodes.

    ``at_hand`` are the agents who are free, or being rung for a call of ``live`` that waits; ``ledger`` is by
    programme, None when it could not be read.
    """

    at_hand: frozenset[str] = frozenset()
    live: tuple[LiveCall, ...] = ()
    ledger: Mapping[str, Tally] | None = None


@dataclass(frozen=True, slots=True)
class CallNeed:
    """A call that somebody would like to place.

    ``agents`` are those on duty who may serve its client, ``programmes`` those in whose ledgers it would stand.
    """

    forecast: Forecast
    agents: frozenset[str]
    programmes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class PacingVerdict:
    """Whether the call may be placed, whether a seat is kept for it, and why.

    ``fallback`` says why a bolder mode was not used, None when it was or when none is set.
    """

    allowed: bool
    reserves_agent: bool
    why: Why
    fallback: Why | None = None


NO_AGENT_NEEDED = Why("no_agent_needed", "该话术不转人工", "its script never leads to an agent")
PROMISED = Why("nobody_on_duty_promise", "无坐席当班，话术将约定再次回访", "nobody is on duty: the script will promise")
RESERVED = Why("agent_reserved", "已为该呼叫预留坐席", "an agent's seat is kept for it")
WITHIN_EPSILON = Why("shortage_unlikely", "坐席短缺的可能性在限度之内", "a shortage of agents is unlikely enough")
WITHIN_RATIO = Why("within_ratio", "未超过每坐席呼叫数", "within the calls for each agent at hand")
WITHIN_TARGET = Why("within_target", "预计放弃率在目标之内", "the abandonment to expect is within the target")
NOBODY_ON_DUTY = Why("nobody_on_duty", "没有坐席当班", "nobody who could serve the client is on duty")
NO_AGENT_AT_HAND = Why("no_agent_at_hand", "没有空闲坐席", "no agent who may serve the client is at hand")
SPOKEN_FOR = Why("agents_spoken_for", "空闲坐席已为在线呼叫预留", "calls on the line may need the agents at hand")
LEDGER_UNKNOWN = Why("ledger_unknown", "放弃率无法计算，按渐进方式拨打", "the share of abandoned calls cannot be told")
LEDGER_FULL = Why("ledger_full", "放弃率接近上限，按渐进方式拨打", "the ledger of abandoned calls bears no more")
HISTORY_SHORT = Why("history_short", "该话术历史数据不足，按渐进方式拨打", "its script has too little history")


def may_dial(state: PacingState, rules: PacingRules, need: CallNeed) -> PacingVerdict:
    """Whether a call with that ``need`` may be placed now.

    More agents at hand who serve everybody never turn a yes into a no; more calls on the line, or likelier ones, never
    a no into a yes.
    """
    if need.forecast.needs is Needs.NEVER:
        return PacingVerdict(True, False, NO_AGENT_NEEDED)
    if not need.agents:
        return _unstaffed(rules, need)
    careful = _progressive(state, rules, need)
    if careful.allowed or rules.mode == Mode.PROGRESSIVE:
        return careful
    against = bold_against(state, rules, need)
    if against is not None:
        return replace(careful, fallback=against)
    bold = WITHIN_RATIO if rules.mode == Mode.RATIO else WITHIN_TARGET
    fits = _within_ratio if rules.mode == Mode.RATIO else _within_target
    return PacingVerdict(True, False, bold) if fits(state, rules, need) else careful


def most_calls(state: PacingState, rules: PacingRules, need: CallNeed, *, most: int) -> int:
    """How many calls like this one may be placed at this moment, one after the other, up to ``most``."""
    for number in range(most):
        verdict = may_dial(state, rules, need)
        if not verdict.allowed:
            return number
        placed = LiveCall(need.forecast.chance, need.agents, reserves=verdict.reserves_agent)
        state = replace(state, live=(*state.live, placed))
    return most


def bold_against(state: PacingState, rules: PacingRules, need: CallNeed) -> Why | None:
    """Why ``ratio`` and ``predictive`` may not place this call; None when nothing speaks against them.

    Every programme's ledger must stay at or below the limit even if all the calls beyond the agents at hand, this one
    included, were abandoned.
    """
    forecast = need.forecast
    measured = (forecast.answer_rate, forecast.ring_s, forecast.asks_after_s, forecast.handle_s)
    if rules.mode == Mode.PREDICTIVE and (None in measured or forecast.calls < rules.minimum_sample):
        return HISTORY_SHORT
    exposed = max(0, len(_rivals(state, need.agents)) + 1 - len(need.agents & state.at_hand))
    bears = [
        within(state.ledger, code, limit=rules.abandonment_limit, sample=rules.minimum_sample, more=exposed)
        for code in need.programmes
    ]
    if not bears or None in bears:
        return LEDGER_UNKNOWN
    return None if all(bears) else LEDGER_FULL


# --- progressive -----------------------------------------------------------------------------------------------------


def _unstaffed(rules: PacingRules, need: CallNeed) -> PacingVerdict:
    if need.forecast.needs is Needs.MAYBE and rules.unstaffed == Unstaffed.PROMISE:
        return PacingVerdict(True, False, PROMISED)
    return PacingVerdict(False, False, NOBODY_ON_DUTY)


def _progressive(state: PacingState, rules: PacingRules, need: CallNeed) -> PacingVerdict:
    """No group of agents at hand may run short: the call's own, and those of calls that share agents with it.

    While no more calls compete for anybody of a group than it has agents, each of its calls finds one, whoever took
    whom before.
    """
    reserves = need.forecast.chance >= rules.reserve_from
    mine = _weight(LiveCall(need.forecast.chance, need.agents, reserves=reserves), rules)
    pool = need.agents & state.at_hand
    for group in {pool, *(call.agents & state.at_hand for call in _rivals(state, pool))}:
        wanted = [mine, *(_weight(call, rules) for call in _rivals(state, group))]
        if shortage(wanted, len(group), enough=rules.epsilon) > rules.epsilon:
            return PacingVerdict(False, False, SPOKEN_FOR if pool else NO_AGENT_AT_HAND)
    return PacingVerdict(True, reserves, RESERVED if reserves else WITHIN_EPSILON)


def _weight(call: LiveCall, rules: PacingRules) -> float:
    """A call for which a seat is kept, or which will more likely ask than not, counts as one that asks."""
    return 1.0 if call.reserves or call.chance >= rules.reserve_from else call.chance


def _rivals(state: PacingState, agents: frozenset[str]) -> list[LiveCall]:
    """The calls on the line that may ask for anybody of ``agents``."""
    return [call for call in state.live if call.chance > 0 and not agents.isdisjoint(call.agents)]


def shortage(chances: Iterable[float], agents: int, *, enough: float = 1.0) -> float:
    """The chance that more than ``agents`` of the calls ask, each by its own chance (exact, Poisson-binomial).

    It may stop as soon as the result is known to be greater than ``enough``.
    """
    open_chances = [chance for chance in chances if chance > 0]
    spare = agents - sum(chance >= 1 for chance in open_chances)
    if spare < 0:
        return 1.0
    asked, short = [1.0] + [0.0] * spare, 0.0  # asked[k]: the chance that k of the calls so far ask
    for chance in sorted((chance for chance in open_chances if chance < 1), reverse=True):
        short += asked[spare] * chance
        if short > enough:
            break
        for k in range(spare, 0, -1):
            asked[k] += (asked[k - 1] - asked[k]) * chance
        asked[0] *= 1 - chance
    return short


# --- ratio and predictive --------------------------------------------------------------------------------------------


def _within_ratio(state: PacingState, rules: PacingRules, need: CallNeed) -> bool:
    return len(_rivals(state, need.agents)) + 1 <= min(rules.ratio, rules.ratio_limit) * len(
        need.agents & state.at_hand
    )


def _within_target(state: PacingState, rules: PacingRules, need: CallNeed) -> bool:
    return expected_abandonment(state, need) <= rules.predictive_target


def expected_abandonment(state: PacingState, need: CallNeed) -> float:
    """The share of abandoned calls to expect among those that ask, this one included; 1.0 when it cannot be told.

    Calls that ring are answered at the script's rate; each busy agent is done, by an exponential handling time, with
    the chance ``1 - exp(-lead / handle)`` until a call placed now asks (``lead`` = ringing + time to the request).
    """
    forecast = need.forecast
    if not (forecast.answer_rate and forecast.handle_s) or forecast.ring_s is None or forecast.asks_after_s is None:
        return 1.0
    mine = LiveCall(forecast.chance, need.agents)
    chances = [_asks(call, forecast.answer_rate) for call in (mine, *_rivals(state, need.agents))]
    done = 1 - math.exp(-(forecast.ring_s + forecast.asks_after_s) / forecast.handle_s)
    at_hand = len(need.agents & state.at_hand)
    short = _overflow(_distribution(chances), at_hand, _distribution([done] * (len(need.agents) - at_hand)))
    return short / sum(chances) if sum(chances) else 1.0


def _asks(call: LiveCall, answer_rate: float) -> float:
    return call.chance if call.answered else call.chance * answer_rate


def _distribution(chances: Sequence[float]) -> list[float]:
    """The chance that 0, 1, 2... of the events happen."""
    found = [1.0]
    for chance in chances:
        found = [a * (1 - chance) + b * chance for a, b in zip([*found, 0.0], [0.0, *found], strict=True)]
    return found


def _overflow(wanted: Sequence[float], agents: int, more: Sequence[float]) -> float:
    """The mean of what is wanted beyond ``agents`` and ``more`` of them (a distribution)."""
    tails = list(accumulate(reversed(wanted)))[::-1]  # tails[k]: the chance that k or more are wanted
    beyond = [*list(accumulate(reversed(tails)))[::-1], 0.0]  # beyond[k]: the mean of max(0, wanted - k + 1)
    return sum(chance * beyond[min(agents + extra + 1, len(wanted))] for extra, chance in enumerate(more))
