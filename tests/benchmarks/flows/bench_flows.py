"""How fast scripts are: loading and checking, interpreting, and what a client waits for once he has answered.

* load: `check_file` of every shipped flow in a fresh process, and the import of the loader apart; median of several.
* events: the events of rehearsed calls once more through `interpreter.step`; median of several rounds.
* keys: from the first packet of a key to the first sound of the next prompt, both at the far end (the simulator) over
  real SIP and RTP; `keys_cut`: the same, pressed while a prompt plays. A key is told when it is let go, which is 120 ms
  after its first packet; the wait from there is given too.
* vosk: from the last voiced sample of an answer to the first sound of the next prompt, 20 calls at voice questions with
  a grammar (the Korean model and real clips stand in); whisper: the same with 4 calls and whisper-base.

The last line of the output is one JSON object. BENCH_QUICK=1: few calls, short.

    python tests/benchmarks/flows/bench_flows.py [--case load|events|keys|keys_cut|vosk|vosk_at_once|whisper]
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

QUICK = os.environ.get("BENCH_QUICK") == "1"
REPLAYED = ("new_account", "existing_client", "brk_new_account", "ht_core", "m09_periodic")
ROUNDS = 5
GOALS = {
    "load_s": "<= 2",
    "events_per_s": ">= 50000",
    "key_to_audio_p95_ms": "<= 150",
    "speech_to_audio_p95_ms": "<= 900",
    "whisper_speech_to_audio_p95_ms": "<= 2000",
}


def check_all():
    """Import the loader and check every shipped flow; seconds of each."""
    began = time.perf_counter()
    from ivr_flows import loader

    imported = time.perf_counter()
    flows = [path for path in sorted(loader.FLOWS.glob("*.yaml")) if path.name not in loader.SHARED]
    faults = [str(fault) for path in flows for fault in loader.check_file(path)]
    if faults:
        raise SystemExit("\n".join(faults))
    ended = time.perf_counter()
    return {"load_s": ended - imported, "import_s": imported - began, "flows": len(flows)}


def load():
    """Median over fresh processes."""
    rounds = [_fresh("check_all") for _ in range(2 if QUICK else ROUNDS)]
    return {name: round(statistics.median(one[name] for one in rounds), 3) for name in rounds[0]}


def events():
    """Events a second, median of several rounds over every rehearsal of several flows."""
    from ivr_flows import interpreter

    calls = _rehearsed()
    count = sum(len(happened) for *_, happened in calls)
    gc.collect()
    gc.freeze()  # what the rehearsals have left behind is not the interpreter's
    speeds = []
    for _ in range(3 if QUICK else ROUNDS * 3):
        states = [interpreter.start(flow, facts)[0] for flow, facts, _ in calls]
        speeds.append(count / _seconds(interpreter.step, states, calls))
    return {
        "events_per_s": round(statistics.median(speeds)),
        "events_best_per_s": round(max(speeds)),
        "events": count,
        "events_calls": len(calls),
    }


def _seconds(step, states, calls):
    """Every call from its beginning to its end."""
    began = time.perf_counter()
    for start, (flow, _, happened) in zip(states, calls, strict=True):
        state = start
        for event in happened:
            state, _ = step(flow, state, event)
    return time.perf_counter() - began


def _rehearsed():
    """(flow, facts, events) of rehearsed calls."""
    from ivr_flows.loader import load_flow
    from ivr_flows.rehearsal import Lengths, of_flow, rehearse

    calls, lengths = [], Lengths()
    for name in REPLAYED:
        flow = load_flow(name, "zh-CN")
        for scenario in of_flow(flow).scenarios.values():
            if scenario.languages(("zh-CN",)):
                moments = rehearse(flow, scenario, lengths).trace.moments
                happened = [moment.event for moment in moments if moment.event is not None]
                calls.append((flow, dict(moments[0].state.facts), happened))
    return calls


def _cases():
    import telephone as phone

    korean = ("ko_rhino_coffee.8k_alaw.wav",)
    chinese = ("没错 jm_kumo", "没有 jm_kumo")
    calls, seconds = (6, 12) if QUICK else (20, 60)
    vosk = phone.Case(calls, seconds, engine="vosk", language="ko", clips=korean)
    return {
        "keys": phone.Case(calls, seconds / 2),
        "keys_cut": phone.Case(calls, seconds / 2, cut=True),
        "vosk": vosk,
        "vosk_at_once": phone.Case(calls, seconds / 2, engine="vosk", language="ko", clips=korean, spread_s=0.0),
        "whisper": phone.Case(2 if QUICK else 4, seconds, phone.ASK, "whisper", clips=chinese),
    }


NAMES = {
    "keys": "key_to_audio",
    "keys_cut": "key_in_prompt_to_audio",
    "vosk": "speech_to_audio",
    "vosk_at_once": "speech_at_once_to_audio",
    "whisper": "whisper_speech_to_audio",
}


def waits(case):
    """The waits of one case over the telephone."""
    import telephone as phone

    found = phone.run(_cases()[case])
    name = NAMES[case]
    figures = {**_spread(name, found.pop("waits"))}
    if released := found.pop("released"):
        figures |= _spread(name.replace("key", "key_release", 1), released)
    return figures | {f"{case}_{key}": value for key, value in found.items()}


def _spread(name, values):
    if len(values) < 2:
        return {f"{name}_p95_ms": None, f"{name}_n": len(values)}
    return {
        f"{name}_p95_ms": round(statistics.quantiles(values, n=20)[-1]),
        f"{name}_median_ms": round(statistics.median(values)),
        f"{name}_max_ms": round(max(values)),
        f"{name}_n": len(values),
    }


def _fresh(case):
    """One case in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, "--run", case], check=True, stdout=subprocess.PIPE, cwd=Path(__file__).parents[3]
    )
    return json.loads(done.stdout.splitlines()[-1])


RUN = {"check_all": check_all, "load": load, "events": events}


def main():
    """Print a table and the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--case", choices=("load", "events", *NAMES))
    parser.add_argument("--run", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.run:
        print(json.dumps(RUN[asked.run]() if asked.run in RUN else waits(asked.run)))
        return
    figures = {"load_average": round(os.getloadavg()[0], 1)}
    for case in [asked.case] if asked.case else ["load", "events", *NAMES]:
        figures |= load() if case == "load" else _fresh(case)
    figures["load_average_after"] = round(os.getloadavg()[0], 1)
    for name, value in figures.items():
        print(f"{name:38} {value!s:>10}  {GOALS.get(name, '')}")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
