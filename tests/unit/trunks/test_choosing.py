"""Which trunk takes the next call, and why none does."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import settings as configured
from core.errors import SettingsError
from core.settings import Settings
from dialer.trunks.books import check
from dialer.trunks.breaker import Breaker
from dialer.trunks.choosing import PASSING, Bar, NoTrunk, Trunk, choose, may_fail_over, tried

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 23, 1, 30, tzinfo=UTC)
LATER = NOW + timedelta(seconds=20)
ONE = Trunk("one")

health = st.sampled_from([None, True, False])
moments = st.none() | st.integers(-60, 60).map(lambda seconds: NOW + timedelta(seconds=seconds))


@st.composite
def trunks(draw: st.DrawFn) -> list[Trunk]:
    names = draw(st.lists(st.sampled_from(["a", "b", "c", "d"]), unique=True, max_size=4))
    return [
        Trunk(
            name,
            priority=draw(st.integers(1, 3)),
            weight=draw(st.integers(0, 5)),
            channels=draw(st.integers(0, 3)),
            in_use=draw(st.integers(0, 3)),
            next_call_at=draw(moments),
            breaker=Breaker(5, draw(moments), NOW - timedelta(minutes=5)),
            drained=draw(st.booleans()),
            registered=draw(health),
            reachable=draw(health),
        )
        for name in names
    ]


@given(trunks(), st.text(max_size=5), st.frozensets(st.sampled_from(["a", "b"])))
def test_only_a_trunk_without_any_bar_is_chosen_and_no_better_one_was_free(
    known: list[Trunk], key: str, avoid: frozenset[str]
) -> None:
    chosen = choose(known, now=NOW, key=key, avoid=avoid)
    if isinstance(chosen, Trunk):
        assert chosen.bar(NOW) is None
        better = [one for one in known if one.bar(NOW) is None and one.name not in avoid]
        if better:
            assert chosen.name not in avoid or not better
            assert chosen.priority == min(one.priority for one in better)


@given(trunks(), st.frozensets(st.sampled_from(["a", "b"])))
def test_who_gets_no_trunk_learns_why_and_when_to_look_again(known: list[Trunk], avoid: frozenset[str]) -> None:
    found = choose(known, now=NOW, avoid=avoid)
    if isinstance(found, NoTrunk):
        assert found.again_at > NOW
        assert found.waits == any(bar in PASSING for bar in found.bars.values())
        assert found.bars.keys() <= {one.name for one in known}
        for name in found.bars:
            assert name in found.text
            assert name in found.text_en


@given(trunks())
def test_a_call_waits_or_leaves_as_long_as_any_trunk_is_in_order(known: list[Trunk]) -> None:
    found = choose(known, now=NOW)
    if any(one.in_order(NOW) for one in known):
        assert isinstance(found, Trunk) or found.waits
    else:
        assert isinstance(found, NoTrunk)
        assert not found.waits


@pytest.mark.parametrize(
    ("changed", "bar"),
    [
        ({"drained": True}, Bar.DRAINED),
        ({"breaker": Breaker(5, LATER, NOW)}, Bar.OPEN),
        ({"registered": False}, Bar.UNREGISTERED),
        ({"reachable": False}, Bar.UNREACHABLE),
        ({"in_use": 30}, Bar.FULL),
        ({"next_call_at": LATER}, Bar.RATE),
        ({"registered": None, "reachable": None}, None),
        ({"breaker": Breaker(5, NOW, NOW)}, None),  # half-open: the probe
        ({"next_call_at": NOW}, None),
    ],
)
def test_each_reason_bars_a_trunk_by_itself(changed: dict[str, object], bar: Bar | None) -> None:
    assert replace(ONE, **changed).bar(NOW) is bar  # type: ignore[arg-type]


def test_a_lower_number_goes_first_and_its_rate_is_waited_for_but_not_its_channels() -> None:
    first, second = Trunk("first", priority=1), Trunk("second", priority=2)
    assert choose([second, first], now=NOW) == first
    full = replace(first, in_use=30)
    assert choose([full, second], now=NOW) == second
    hurried = replace(first, next_call_at=LATER)
    waits = choose([hurried, second], now=NOW)
    assert isinstance(waits, NoTrunk)
    assert (waits.again_at, waits.waits) == (LATER, True)
    assert choose([replace(first, reachable=False), second], now=NOW) == second


@given(st.lists(st.integers(1, 6), min_size=2, max_size=4), st.integers(0, 10**6))
def test_calls_are_shared_by_weight_over_time(weights: list[int], seed: int) -> None:
    known = [Trunk(f"t{number}", weight=weight) for number, weight in enumerate(weights)]
    calls = 600
    drawn = Counter(getattr(choose(known, now=NOW, key=f"{seed}:{call}"), "name", "") for call in range(calls))
    for trunk in known:
        share = trunk.weight / sum(weights)
        deviation = (calls * share * (1 - share)) ** 0.5
        assert abs(drawn[trunk.name] - calls * share) < 6 * deviation


@given(trunks(), st.text(max_size=5))
def test_the_same_call_draws_the_same_trunk_on_every_node(known: list[Trunk], key: str) -> None:
    there, here = choose(known, now=NOW, key=key), choose(reversed(known), now=NOW, key=key)
    assert getattr(there, "name", None) == getattr(here, "name", None)


@given(st.lists(st.integers(0, 400), max_size=60), st.integers(1, 10))
def test_the_rate_limit_never_lets_more_calls_into_a_second_than_it_says(gaps_ms: list[int], rate: int) -> None:
    trunk, now, placed = Trunk("one", calls_per_second=float(rate)), NOW, list[datetime]()
    for gap in gaps_ms:
        now += timedelta(milliseconds=gap)
        if trunk.bar(now) is None:
            trunk = replace(trunk, next_call_at=trunk.after_call(now))
            placed.append(now)
    second = timedelta(seconds=1)
    for begin in placed:
        assert sum(begin <= at < begin + second for at in placed) <= rate


def test_a_node_that_looks_when_it_is_told_to_uses_the_whole_rate() -> None:
    trunk, now = Trunk("one", calls_per_second=5.0), NOW
    for _ in range(20):
        assert choose([trunk], now=now) == trunk
        trunk = replace(trunk, next_call_at=trunk.after_call(now))
        wait = choose([trunk], now=now)
        assert isinstance(wait, NoTrunk)
        now = wait.again_at
    assert now - NOW == timedelta(seconds=4)


def test_a_trunk_that_failed_this_callback_comes_last() -> None:
    a, b = Trunk("a"), Trunk("b", priority=2)
    assert choose([a, b], now=NOW, avoid=frozenset("a")) == b
    assert choose([a, replace(b, drained=True)], now=NOW, avoid=frozenset("a")) == a
    assert choose([a, replace(b, in_use=30)], now=NOW, avoid=frozenset("a")) == a
    assert choose([a, b], now=NOW, avoid=frozenset("ab")) == a


def test_a_try_remembers_the_trunks_that_failed_in_it() -> None:
    assert tried([]) == frozenset()
    assert tried([("a", True)]) == {"a"}
    assert tried([("a", True), ("b", True)]) == {"a", "b"}
    assert tried([("a", True), ("b", False)]) == frozenset()
    assert tried([("a", True), ("b", True), ("a", True)]) == {"a"}
    assert tried([(None, True)]) == frozenset()


@given(trunks(), st.frozensets(st.sampled_from(["a", "b", "c", "d"])))
def test_a_call_fails_over_only_to_a_trunk_in_order_that_has_not_failed(
    known: list[Trunk], failed: frozenset[str]
) -> None:
    wanted = {one.name for one in known if one.in_order(NOW)} - failed
    assert may_fail_over(known, failed, NOW) == bool(wanted)


def test_the_reasons_are_told_in_both_languages() -> None:
    found = choose([replace(ONE, drained=True), Trunk("two", breaker=Breaker(5, LATER, NOW))], now=NOW)
    assert isinstance(found, NoTrunk)
    assert found.text == "线路不可用：one 维护停用；two 连续故障，停用至 09:30:20"
    assert found.text_en == "no trunk takes calls: one is drained for maintenance; two failed and rests until 09:30:20"
    assert found.again_at == LATER
    nothing = choose([], now=NOW)
    assert isinstance(nothing, NoTrunk)
    assert nothing.text == "线路不可用：未配置线路"


@pytest.mark.parametrize("trunk", [{"keys": "inband"}, {"calls_per_second": 0.0}, {"channels": -1}])
def test_a_trunk_that_cannot_be_meant_so_is_refused(trunk: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=r"trunk\.main"):
        check(Settings(trunks={"main": configured.Trunk(address="192.0.2.1:5060", **trunk)}))
