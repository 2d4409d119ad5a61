"""How many calls the whole product carries: gate, INVITE, script with prompts, keys, two-channel recording, database.

The far end is SIPp on the same machine, which presses keys and returns our audio. Node processes run as on a site; what
they did is read from their database and their recordings. The last line of the output is one JSON object; BENCH_QUICK=1
runs one minute.

    python tests/benchmarks/calls/bench_calls.py [--case bare|load|setup|short|clean] [--calls 125] [--minutes 5]
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import far_end as far
import site_maker as making
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.db import Database
from dialer.tables import Attempt, Callback
from recordings.tables import Recording

HERE = Path(__file__).parent
LIFE_S = 25.0
RATE = 5.0
WARM_S = 3.0
LEVELS = (125, 150, 175, 200, 225, 250)
FAULTS = ("starved_frames", "dropped_bytes", "late_ticks_100ms")
FEW = 0.2  # memory a call: what a process grew by from this share of the calls to all of them
QUICK = os.environ.get("BENCH_QUICK") == "1"


def load(folder: Path, *, calls: int, minutes: float, nodes: int) -> dict[str, Any]:
    """``calls`` simultaneous calls for ``minutes``, as many new ones a second as keeps them up."""
    seconds, site = minutes * 60, making.make(folder)
    life = max(LIFE_S, calls / RATE)
    rate = calls / life
    ramp = calls / rate
    total = int((ramp + seconds) * rate)
    with far.far_end(far.answers(life), folder) as end, ExitStack() as stack:
        names = [f"n{number}" for number in range(nodes)]
        running = [stack.enter_context(site.node(name, port=end.port, channels=calls * 2)) for name in names]
        making.fill(site, total, first=timedelta(seconds=WARM_S), gap_s=1 / rate, prefix="L")
        time.sleep(WARM_S + ramp * FEW)
        few_mb = sum(far.rss_mb(process.pid) for process in running)
        time.sleep(ramp * (1 - FEW) + WARM_S)
        before, began = _cpu(running), time.perf_counter()
        far_before = end.cpu_s()
        time.sleep(seconds / 2)
        peak_mb = sum(far.rss_mb(process.pid) for process in running)
        time.sleep(max(0.0, seconds / 2 - WARM_S))
        used, wall = _cpu(running) - before, time.perf_counter() - began
        far_used = end.cpu_s() - far_before
        time.sleep(life + 10)
    found = _read(site)
    found |= {
        "cores": round(used / wall, 3),
        "far_end_cores": round(far_used / wall, 3),
        "cpu_ms_per_call_s": round(used / (wall * calls) * 1000, 3),
        "mb_per_call": round((peak_mb - few_mb) / (calls * (1 - FEW)), 3),
        "minutes": minutes,
        "cps": round(rate, 2),
        "nodes": nodes,
    }
    return found | _ticks([site.log(name) for name in names])


def _cpu(running: list[subprocess.Popen[bytes]]) -> float:
    return sum(far.cpu_seconds(process.pid) for process in running)


@contextmanager
def _session(site: making.Site) -> Iterator[Session]:
    db = Database(site.database)
    with db.session() as session:
        yield session
    db.close()


def _read(site: making.Site) -> dict[str, Any]:
    """What the database and the recordings say."""
    with _session(site) as session:
        attempts = session.scalars(select(Attempt)).all()
        callbacks = {one.callback_id: one for one in session.scalars(select(Callback))}
        lengths = {one.recording_id: one.duration_ms for one in session.scalars(select(Recording))}
    media = [one.media or {} for one in attempts if one.answered_at]
    errors = [_error_ms(one, lengths) for one in attempts if one.answered_at and one.recording_id in lengths]
    waits = [(one.dialed_at - _due(one, callbacks)).total_seconds() * 1000 for one in attempts if one.dialed_at]
    return {
        "attempts": len(attempts),
        "answered": len(media),
        "dispositions": _counts(one.disposition or "none" for one in attempts),
        "starved_frames": sum(one.get("starved_frames", 0) for one in media),
        "dropped_bytes": sum(one.get("dropped_bytes", 0) for one in media),
        "calls": _most_at_once(attempts),
        "recordings": len(errors),
        "recording_error_ms_max": max(errors, default=None),
        "recording_error_ms_median": statistics.median(errors) if errors else None,
        "due_to_invite_p95_ms": round(statistics.quantiles(waits, n=20)[-1], 1) if len(waits) > 20 else None,
        "due_to_invite_median_ms": round(statistics.median(waits), 1) if waits else None,
    }


def _error_ms(attempt: Attempt, lengths: dict[str, int | None]) -> float:
    """How far the recording's length is from what the call sent in RTP, both from the answer to the end."""
    sent = (attempt.media or {}).get("packets_sent", 0) * 20
    return abs((lengths[attempt.recording_id or ""] or 0) - sent)


def _due(attempt: Attempt, callbacks: dict[str, Callback]) -> Any:
    return callbacks[attempt.callback_id].created_at


def _counts(words: Any) -> dict[str, int]:
    found: dict[str, int] = {}
    for word in words:
        found[word] = found.get(word, 0) + 1
    return found


def _most_at_once(attempts: Any) -> int:
    steps = [(one.answered_at, 1) for one in attempts if one.answered_at and one.ended_at]
    steps += [(one.ended_at, -1) for one in attempts if one.answered_at and one.ended_at]
    level = most = 0
    for _, step in sorted(steps):
        level += step
        most = max(most, level)
    return most


def _ticks(logs: list[str]) -> dict[str, Any]:
    """The sums of what the nodes' media loops told at their end."""
    found = [
        re.search(r"ticks (\d+), late (\d+), over 100 ms (\d+), dropped (\d+), worst (\d+) ms", log) for log in logs
    ]
    rows = [[int(number) for number in one.groups()] for one in found if one]
    if len(rows) != len(logs):
        raise SystemExit("a node ended without telling its ticks:\n" + "\n".join(log[-2000:] for log in logs))
    return {
        "ticks": sum(row[0] for row in rows),
        "late_ticks": sum(row[1] for row in rows),
        "late_ticks_100ms": sum(row[2] + row[3] for row in rows),
        "worst_tick_ms": max(row[4] for row in rows),
    }


def bare(folder: Path, *, calls: int, seconds: float) -> dict[str, Any]:
    """The same load on the same SIP library without the product."""
    life = max(LIFE_S, calls / RATE)
    with far.far_end(far.answers(life), folder) as end:
        command = [sys.executable, str(HERE / "bare.py"), str(end.port), str(calls), str(calls / life), str(seconds)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    return making.last_json(done.stdout)


def setup(folder: Path, *, nodes: int, calls: int = 120) -> dict[str, Any]:
    """How many calls a second are set up when all are due at once, from the first answer to the last."""
    site = making.make(folder)
    with far.far_end(far.answers(LIFE_S), folder) as end, ExitStack() as stack:
        for number in range(nodes):
            stack.enter_context(site.node(f"n{number}", port=end.port, channels=calls))
        making.fill(site, calls, first=timedelta(seconds=WARM_S), gap_s=0.0, prefix="S")
        time.sleep(WARM_S + LIFE_S + 10)
    with _session(site) as session:
        answered = sorted(one.answered_at for one in session.scalars(select(Attempt)) if one.answered_at)
    return {
        "setup_rate": round((len(answered) - 1) / (answered[-1] - answered[0]).total_seconds(), 1),
        "set_up": len(answered),
    }


def clean(folder: Path, *, nodes: int, seconds: float = 40.0) -> dict[str, Any]:
    """The largest number of simultaneous calls of ``LEVELS`` without a fault, at five new ones a second or more."""
    most, told = 0, {}
    for calls in LEVELS:
        place = folder / str(calls)
        place.mkdir()
        found = load(place, calls=calls, minutes=seconds / 60, nodes=nodes)
        told[str(calls)] = {name: found[name] for name in (*FAULTS, "recording_error_ms_max", "cores")}
        print("clean", calls, json.dumps(told[str(calls)]), flush=True)
        if any(found[name] for name in FAULTS) or found["recording_error_ms_max"] > 40:
            break
        most = calls
    return {"max_clean_calls": most, "levels": told}


def short(folder: Path, *, count: int) -> dict[str, Any]:
    """Whether ``count`` short calls in a row (refused) leave something behind in the process."""
    site = making.make(folder)
    with (
        far.far_end(far.refuses("486 Busy Here"), folder) as end,
        site.node("n0", port=end.port, channels=50) as process,
    ):
        making.fill(site, count, first=timedelta(seconds=WARM_S), gap_s=0.0, prefix="R")
        time.sleep(WARM_S + 20)
        begin, level = _ended(site), far.rss_mb(process.pid)
        while _ended(site) < count:
            time.sleep(2)
        grown = far.rss_mb(process.pid) - level
    return {"short_calls": count - begin, "short_calls_growth_mb": round(grown, 1)}


def _ended(site: making.Site) -> int:
    with _session(site) as session:
        return session.scalars(select(func.count()).where(Attempt.disposition.is_not(None))).one()


def main() -> None:
    """Run the cases and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--case", default="all", choices=["all", "load", "bare", "setup", "short", "clean"])
    parser.add_argument("--calls", type=int, default=125)
    parser.add_argument("--nodes", type=int, default=2, help="node processes on this machine")
    parser.add_argument("--minutes", type=float, default=1.0 if QUICK else 5.0)
    parser.add_argument("--short-calls", type=int, default=1000 if QUICK else 20_000)
    args = parser.parse_args()
    results: dict[str, Any] = {}
    cases: dict[str, Any] = {
        "bare": lambda folder: {
            f"bare_{key}": value
            for key, value in bare(folder, calls=args.calls, seconds=min(60, args.minutes * 60)).items()
        },
        "load": lambda folder: load(folder, calls=args.calls, minutes=args.minutes, nodes=args.nodes),
        "setup": lambda folder: setup(folder, nodes=args.nodes),
        "clean": lambda folder: clean(folder, nodes=args.nodes),
        "short": lambda folder: short(folder, count=args.short_calls),
    }
    for name, case in cases.items():
        if args.case in ("all", name):
            with tempfile.TemporaryDirectory() as folder:
                results |= case(Path(folder))
            print(name, json.dumps(results), flush=True)
    if {"bare_cpu_ms_per_call_s", "cpu_ms_per_call_s"} <= results.keys():
        results["ratio_to_bare"] = round(results["cpu_ms_per_call_s"] / results["bare_cpu_ms_per_call_s"], 2)
    print(json.dumps({"benchmark": "calls", "quick": QUICK, **results}))


if __name__ == "__main__":
    main()
