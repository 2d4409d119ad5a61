"""Clocks: the simulated one moves only when told, the shifted one runs at real speed from another day."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.clock import ShiftedClock, SimulatedClock, SystemClock, china

pytestmark = pytest.mark.unit

START = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)


async def _let_tasks_run() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_the_simulated_clock_stands_still_until_it_is_advanced() -> None:
    clock = SimulatedClock(START)
    assert (clock.now(), clock.monotonic()) == (START, 0.0)
    clock.advance(90)
    assert (clock.now(), clock.monotonic()) == (START + timedelta(seconds=90), 90.0)


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=12))
def test_sleepers_wake_in_the_order_of_their_time(naps: list[int]) -> None:
    async def scene() -> list[int]:
        clock, woken = SimulatedClock(START), list[int]()

        async def sleeper(nap: int) -> None:
            await clock.sleep(nap)
            woken.append(nap)

        tasks = [asyncio.create_task(sleeper(nap)) for nap in naps]
        await _let_tasks_run()
        clock.advance(1000)
        await asyncio.gather(*tasks)
        return woken

    assert asyncio.run(scene()) == sorted(naps)


def test_a_sleeper_sleeps_on_until_its_own_second() -> None:
    async def scene() -> tuple[bool, bool]:
        clock = SimulatedClock(START)
        task = asyncio.create_task(clock.sleep(10))
        await _let_tasks_run()
        clock.advance(9.999)
        await _let_tasks_run()
        early = task.done()
        clock.advance(0.001)
        await _let_tasks_run()
        return early, task.done()

    assert asyncio.run(scene()) == (False, True)


def test_a_cancelled_sleeper_does_not_stop_the_clock() -> None:
    async def scene() -> bool:
        clock = SimulatedClock(START)
        cancelled, waiting = asyncio.create_task(clock.sleep(1)), asyncio.create_task(clock.sleep(2))
        await _let_tasks_run()
        cancelled.cancel()
        await _let_tasks_run()
        clock.advance(2)
        await _let_tasks_run()
        return cancelled.cancelled() and waiting.done()

    assert asyncio.run(scene())


def test_a_negative_sleep_ends_with_the_next_advance() -> None:
    async def scene() -> bool:
        clock = SimulatedClock(START)
        task = asyncio.create_task(clock.sleep(-5))
        await _let_tasks_run()
        clock.advance(0)
        await _let_tasks_run()
        return task.done()

    assert asyncio.run(scene())


@given(st.timedeltas(timedelta(days=-4000), timedelta(days=4000)))
def test_the_shifted_clock_is_the_machines_clock_moved(shift: timedelta) -> None:
    clock, machine = ShiftedClock(shift), SystemClock()
    before, shown, after = machine.now(), clock.now(), machine.now()
    assert shown.tzinfo is UTC
    assert before <= shown - shift <= after


def test_the_machines_clock_is_aware_and_never_runs_backwards() -> None:
    clock = SystemClock()
    before = clock.monotonic()
    asyncio.run(clock.sleep(-1))
    assert clock.now().tzinfo is UTC
    assert clock.monotonic() >= before


def test_windows_are_read_in_chinese_time() -> None:
    assert china(START).isoformat() == "2026-11-23T09:00:00+08:00"
