"""How much a line engine carries: two-way calls, call set-up, bridged pairs, coming and going calls.

The far end is SIPp with RTP echo on loopback, so it takes part of the same machine. Every case runs in a process of its
own, several times; the figures are medians. The last line of the output is one JSON object.

    python tests/benchmarks/lines/bench_lines.py [--runs 3] [--seconds 15] [--loads 150,200]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from core.clock import SystemClock
from dialer.lines.baresip_line import BaresipLine
from dialer.lines.base import FRAME_BYTES, Answered, Ended, Trunk

TICK_S = 0.02
LEAD_FRAMES = 4  # 80 ms written ahead: what a dialer does to survive a busy tick
TONE = bytes(range(256)) * 5  # any non-silent audio; 1,280 bytes are four frames

SCENARIO = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE scenario SYSTEM "sipp.dtd">
<scenario name="echo">
<recv request="INVITE"/>
<send retrans="500"><![CDATA[

SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:];tag=[pid]Echo[call_number]
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:[local_ip]:[local_port];transport=[transport]>
Content-Type: application/sdp
Content-Length: [len]

v=0
o=echo 1 1 IN IP4 127.0.0.1
s=-
c=IN IP4 127.0.0.1
t=0 0
m=audio [media_port] RTP/AVP 8
a=rtpmap:8 PCMA/8000

]]></send>
<recv request="ACK"/>
<recv request="BYE"/>
<send><![CDATA[

SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

]]></send>
</scenario>
"""


def free_port():
    """An even loopback UDP port that was free a moment ago."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        if port % 2 == 0:
            return port


@contextmanager
def echo(folder):
    """SIPp that answers every call and returns its audio; yields its port and pid."""
    scenario = Path(folder) / "echo.xml"
    scenario.write_text(SCENARIO)
    port = free_port()
    command = [
        shutil.which("sipp") or "sipp",
        "-sf",
        str(scenario),
        "-i",
        "127.0.0.1",
        "-mi",
        "127.0.0.1",
        "-p",
        str(port),
    ]
    process = subprocess.Popen(
        [*command, "-p", str(port), "-mp", str(free_port()), "-rtp_echo", "-nostdin"],
        cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    time.sleep(0.5)
    try:
        yield port, process.pid
    finally:
        process.kill()
        process.wait()


def cpu_seconds(pid):
    """CPU used so far by a process, all threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def connect(line, port, count):
    """``count`` answered calls, and how long it took from the first dial to the last answer."""
    answered = asyncio.Semaphore(0)
    calls = []
    start = time.perf_counter()
    for number in range(count):
        call = await line.dial(f"sip:{13800000000 + number}@127.0.0.1:{port}")
        call.subscribe(lambda event: answered.release() if isinstance(event, Answered) else None)
        calls.append(call)
    async with asyncio.timeout(20):
        for _ in calls:
            await answered.acquire()
    for call in calls:
        call.read()  # what came during the set-up
    return calls, time.perf_counter() - start


async def hang_up(calls):
    """End all calls; how long it took."""
    ended = asyncio.Semaphore(0)
    start = time.perf_counter()
    for call in calls:
        call.subscribe(lambda event: ended.release() if isinstance(event, Ended) else None)
        await call.hang_up()
        for other in calls:  # the rest is still recorded
            other.read()
    async with asyncio.timeout(20):
        for _ in calls:
            await ended.acquire()
    return time.perf_counter() - start


async def ticks(seconds, work):
    """``work(frames due)`` every 20 ms; the share of ticks that began more than 20 ms late, and the worst (ms)."""
    start, done, late, worst, count = time.perf_counter(), 0, 0, 0.0, 0
    while (now := time.perf_counter() - start) < seconds:
        due = int(now / TICK_S) + 1
        work(due - done)
        lateness = now - count * TICK_S
        late, worst = late + (lateness > TICK_S), max(worst, lateness)
        done, count = due, due
        await asyncio.sleep(max(0.0, start + done * TICK_S - time.perf_counter()))
    return late, worst * 1000


async def two_way(line, port, load, seconds, folder):
    """``load`` calls, each fed and recorded (both directions to disk) by Python."""
    calls, setup = await connect(line, port, load)
    files = [(Path(folder) / f"{number}.raw").open("wb") for number in range(load)]
    recorded = [0] * load

    def work(frames):
        pcm = (TONE * (frames * FRAME_BYTES // len(TONE) + 1))[: frames * FRAME_BYTES]
        for number, (call, file) in enumerate(zip(calls, files, strict=True)):
            call.write(pcm)
            heard = call.read()
            recorded[number] += len(heard)
            file.write(heard)
            file.write(pcm)

    work(LEAD_FRAMES)
    late, worst = await ticks(seconds, work)
    heard_s = min(recorded) / FRAME_BYTES * TICK_S
    for call in calls:
        call.flush()
    ending = await hang_up(calls)
    for file in files:
        file.close()
    figures = {"setup_s": setup, "hang_up_s": ending, "late_ticks": late, "worst_tick_ms": worst}
    return {**figures, "least_recorded_s": heard_s, **audio_totals(calls)}


async def bridged(line, port, load, seconds, folder):
    """``load`` pairs of calls, the audio of each handed to the other every 20 ms."""
    calls, setup = await connect(line, port, 2 * load)
    for call in calls:
        call.write(TONE)

    def work(_frames):
        for left, right in zip(calls[::2], calls[1::2], strict=True):
            one, other = left.read(), right.read()
            right.write(one)
            left.write(other)

    late, worst = await ticks(seconds, work)
    await hang_up(calls)
    return {"setup_s": setup, "late_ticks": late, "worst_tick_ms": worst, **audio_totals(calls)}


async def churn(line, port, load, seconds, _folder):
    """``load`` live calls, of which five a second end and are replaced: what a hang-up costs the others."""
    live, setup = await connect(line, port, load)
    gone = []

    def work(frames):
        pcm = (TONE * (frames * FRAME_BYTES // len(TONE) + 1))[: frames * FRAME_BYTES]
        for call in live:
            call.write(pcm)
            call.read()

    async def replace():
        while True:
            await asyncio.sleep(0.2)
            gone.append(live.pop(0))
            await gone[-1].hang_up()
            live.extend((await connect(line, port, 1))[0])
            live[-1].write(TONE)

    work(LEAD_FRAMES)
    replacing = asyncio.create_task(replace())
    late, worst = await ticks(seconds, work)
    replacing.cancel()
    for call in live:
        call.flush()
    await hang_up(live)
    figures = {"setup_s": setup, "replaced": len(gone), "late_ticks": late, "worst_tick_ms": worst}
    return {**figures, **audio_totals([call for call in [*gone, *live] if call.stats])}


def audio_totals(calls):
    """Sums over all calls' closing statistics; frames not echoed count what loopback, SIPp or we have lost."""
    stats = [call.stats for call in calls]
    return {
        "starved_frames": sum(one.starved_frames for one in stats),
        "dropped_bytes": sum(one.dropped_bytes for one in stats),
        "lost_packets": sum(one.packets_lost for one in stats),
        "sent": sum(one.packets_sent for one in stats),
        "not_echoed": sum(max(0, one.packets_sent - one.packets_received) for one in stats),
    }


async def case(kind, load, seconds):
    """One case in this process."""
    with tempfile.TemporaryDirectory() as folder, echo(folder) as (port, far_end):
        trunk = Trunk("echo", f"127.0.0.1:{port}")
        line = BaresipLine(SystemClock(), listen="127.0.0.1:0", caller_id="4008001234", trunks=[trunk])
        await line.start()
        cpu, far, wall = time.process_time(), cpu_seconds(far_end), time.perf_counter()
        result = await {"two_way": two_way, "bridged": bridged, "churn": churn}[kind](line, port, load, seconds, folder)
        wall = time.perf_counter() - wall
        result |= {"cores": (time.process_time() - cpu) / wall, "far_end_cores": (cpu_seconds(far_end) - far) / wall}
        await line.close()
    return {**result, "load_average": os.getloadavg()[0]}


def measure(kind, load, seconds, runs):
    """Medians over ``runs`` processes."""
    results = []
    for _ in range(runs):
        command = [sys.executable, __file__, "--case", kind, "--load", str(load), "--seconds", str(seconds)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 60, check=False)
        if done.returncode:
            sys.exit(f"{kind} {load}: {done.stderr[-2000:]}")
        results.append(json.loads(done.stdout.splitlines()[-1]))
        print(f"{kind:8} {load:4}", {key: round(value, 2) for key, value in results[-1].items()}, flush=True)
    medians = {key: round(statistics.median(result[key] for result in results), 3) for key in results[0]}
    return {"case": kind, "load": load, "runs": runs, "seconds": seconds, **medians}


def main():
    """Run all cases."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--loads", default="100,150,200")
    parser.add_argument("--pairs", default="50")
    parser.add_argument("--churn", default="100")
    parser.add_argument("--case", choices=["two_way", "bridged", "churn"])
    parser.add_argument("--load", type=int)
    options = parser.parse_args()
    if options.case:
        print(json.dumps(asyncio.run(case(options.case, options.load, options.seconds))))
        return
    plan = [("two_way", int(load)) for load in options.loads.split(",")]
    plan += [("bridged", int(pairs)) for pairs in options.pairs.split(",")]
    plan += [("churn", int(load)) for load in options.churn.split(",")]
    results = [measure(kind, load, options.seconds, options.runs) for kind, load in plan]
    print(json.dumps({"benchmark": "lines", "engine": "baresip", "cores_present": os.cpu_count(), "results": results}))


if __name__ == "__main__":
    main()
