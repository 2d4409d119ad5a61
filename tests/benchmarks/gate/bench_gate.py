"""How many verdicts a second the gate gives on one core, on a seeded mix of clients, times and attempts.

The pack is demo_firm on the real calendars; every question has another client, 0 to 8 attempts before it and an instant
in November 2026, half of them in office hours. A tenth of the clients have wishes, every twentieth has a number outside
China's mobile plan, every fourth question is about a caller. Seconds are those of the process on its core; the best of
several rounds counts, because whatever else runs on the machine only slows it down. The last line of the output is one
JSON object.

    python tests/benchmarks/gate/bench_gate.py [--questions 20000] [--rounds 5] [--profile]
"""

from __future__ import annotations

import argparse
import cProfile
import json
import pstats
import random
import time
from collections import Counter
from datetime import UTC, date, datetime, timedelta

from core.calendars import ChinaCalendars
from dialer.gate import CallbackFacts, GateInput, NodeFacts, judge
from dialer.programmes.facts import ClientFacts, PastAttempt, StaffFacts
from dialer.programmes.load import load_pack

FIRST = datetime(2026, 11, 1, tzinfo=UTC)
READY = NodeFacts(recorder_ready=True, line_ready=True, draining=False)
ENDINGS = ("busy", "no_answer", "answered", "unreachable", "trunk_congestion")
SERIES = ("callcentre", "compliance", "marketing")
WISHES = ({"windows": ["09:00-12:00"]}, {"days": ["monday", "tuesday"], "windows": ["14:00-17:00"]})


def questions(count, seed=7):
    """``count`` questions to the gate, the same for the same seed."""
    chance, pack, calendars = random.Random(seed), load_pack("demo_firm"), ChinaCalendars()
    programmes = sorted(pack.programmes)
    return [_question(chance, number, pack, calendars, programmes) for number in range(count)]


def _question(chance, number, pack, calendars, programmes):
    minutes = chance.randrange(60, 600) if chance.random() < 0.5 else chance.randrange(1440)
    now = FIRST + timedelta(days=chance.randrange(30), minutes=minutes)
    phone = f"0571{chance.randrange(80000000, 89999999)}" if number % 20 == 0 else f"139{chance.randrange(10**8):08}"
    client = ClientFacts(
        f"C{number}",
        phones=(phone,),
        introducer_id=f"S{number % 50}",
        prefers=chance.choice(WISHES) if number % 10 == 0 else {},
        asset_total=chance.uniform(0, 1e7),
    )
    callback = CallbackFacts(
        callback_id=f"K{number}",
        open=True,
        due_on=date(2026, 12, 1),
        not_before=now - timedelta(hours=1),
        programmes=frozenset({chance.choice(programmes)}),
        executor="hq_call_centre",
        due_at=datetime(2026, 12, 1, 16, tzinfo=UTC),
    )
    attempts = tuple(_attempt(chance, callback, now, phone) for _ in range(chance.randrange(9)))
    caller = StaffFacts(f"S{chance.randrange(50)}", "B", chance.choice(SERIES)) if number % 4 == 0 else None
    return GateInput(now, client, phone, callback, attempts, pack, calendars, READY, caller)


def _attempt(chance, callback, now, phone):
    ending = chance.choice(ENDINGS)
    at = now - timedelta(minutes=chance.randrange(5, 60 * 24 * 60))
    return PastAttempt(callback.callback_id, callback.programmes, at, ending, ending != "trunk_congestion", phone)


def gate_per_s(count=20_000, rounds=5):
    """Verdicts a second on one core: the best of ``rounds`` rounds over ``count`` questions."""
    asked = questions(count)
    speeds = [round(count / _seconds(asked)) for _ in range(rounds)]
    print(f"verdicts a second, first round (cold caches) to last: {speeds}")
    return max(speeds)


def _seconds(asked):
    started = time.process_time()
    for question in asked:
        judge(question)
    return time.process_time() - started


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--questions", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--profile", action="store_true", help="show where the time goes, and measure nothing")
    options = parser.parse_args()
    asked = questions(options.questions)
    if options.profile:
        profile = cProfile.Profile()
        profile.runcall(_seconds, asked)
        pstats.Stats(profile).sort_stats("tottime").print_stats(25)
        return
    found = Counter(reason.code for question in asked for reason in judge(question).reasons)
    allowed = sum(judge(question).allowed for question in asked)
    print(f"{options.questions} questions, {allowed} allowed; reasons: {dict(found.most_common())}")
    print(json.dumps({"gate_per_s": gate_per_s(options.questions, options.rounds)}))


if __name__ == "__main__":
    main()
