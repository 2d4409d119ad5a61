"""The planner at the size of a large firm: from scratch, the night after, its growth, the gate, a simulated month.

The last line is one JSON object. Each planning runs in a process of its own, so that its memory is its own; figures are
medians of several runs.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, date, datetime
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "gate"))

from population import fill, touch

from core.calendars import FirmCalendars
from core.clock import ShiftedClock, SystemClock
from core.db import Database
from dialer.planning.nightly import Night, run_nightly_plan
from dialer.programmes.load import load_pack

DAY, NEXT = date(2026, 11, 23), date(2026, 11, 24)
FIRST_NIGHT = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)  # 02:00 of DAY in China
NEWS = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SECOND_NIGHT = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)
CHANGES_PER_MILLION = 10_000


def at(moment: datetime) -> ShiftedClock:
    """A clock that stands at ``moment`` now and runs on."""
    return ShiftedClock(moment - SystemClock().now())


def one_planning(clients: int, pack: str) -> dict[str, Any]:
    """Fill a database, plan from scratch, add a day's news, plan the next night."""
    with tempfile.TemporaryDirectory(prefix="huifang-plan-") as folder:
        db = Database(f"sqlite:///{folder}/firm.db")
        db.migrate()
        fill(db, clients, clients // 5, day=DAY, seed=7)
        rules, calendars = load_pack(pack), FirmCalendars(())
        night = Night(rules, calendars, DAY, {})
        began = time.perf_counter()
        first = run_nightly_plan(db, at(FIRST_NIGHT), night)
        seconds = time.perf_counter() - began
        changes = max(1, clients * CHANGES_PER_MILLION // 1_000_000)
        touch(db, changes, at=NEWS, day=NEXT, clients=clients, seed=8)
        began = time.perf_counter()
        second = run_nightly_plan(db, at(SECOND_NIGHT), Night(rules, calendars, NEXT, {}))
        incremental = time.perf_counter() - began
        db.close()
    return {
        "clients": clients,
        "events": clients // 5,
        "seconds": round(seconds, 2),
        "incremental_seconds": round(incremental, 2),
        "changes": changes,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "callbacks": first.callbacks,
        "skipped": sum(first.skipped.values()),
        "incremental_mode": second.mode,
        "incremental_callbacks": second.callbacks + second.joined,
    }


def in_a_process(clients: int, pack: str) -> dict[str, Any]:
    """``one_planning`` in a process of its own."""
    command = [sys.executable, __file__, "--one", str(clients), "--pack", pack]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    print(f"  {found}", flush=True)
    return found


def middle(runs: list[dict[str, Any]], name: str) -> float:
    """The median of one figure."""
    return round(median(float(run[name]) for run in runs), 2)


def simulated(pack: str) -> dict[str, Any]:
    """A month of 100,000 clients; the command's own JSON."""
    command = [sys.executable, "-m", "huifang", "simulate", "--pack", pack, "--clients", "100000", "--days", "30"]
    began = time.perf_counter()
    done = subprocess.run([*command, "--seed", "7", "--json"], check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return {"sim_seconds": round(time.perf_counter() - began, 1), "window_use": round(found["window_use"], 4)}


def measured(clients: int, pack: str, runs: int) -> dict[str, Any]:
    """All figures of the benchmark."""
    from bench_gate import gate_per_s

    small = [in_a_process(clients // 10, pack) for _ in range(runs)]
    large = [in_a_process(clients, pack) for _ in range(runs)]
    seconds, small_seconds = middle(large, "seconds"), middle(small, "seconds")
    return {
        "clients": clients,
        "events": clients // 5,
        "pack": pack,
        "seconds": seconds,
        "peak_mb": max(run["peak_mb"] for run in large),
        "incremental_seconds": middle(large, "incremental_seconds"),
        "growth_100k_1m": round(seconds / small_seconds, 2),
        **simulated(pack),
        "gate_per_s": round(gate_per_s()),
        "runs": runs,
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
    }


def main() -> None:
    """Run it; ``--one`` is for the processes it starts."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--clients", type=int, default=1_000_000)
    arguments.add_argument("--pack", default="demo_firm", help="GAL with the values it leaves open set as examples")
    arguments.add_argument("--runs", type=int, default=3)
    arguments.add_argument("--one", type=int, default=0, help=argparse.SUPPRESS)
    given = arguments.parse_args()
    found = one_planning(given.one, given.pack) if given.one else measured(given.clients, given.pack, given.runs)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
