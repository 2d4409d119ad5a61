"""The bare loop beside which the product is measured: the same SIP library, every call fed and recorded, nothing else.

    python tests/benchmarks/calls/bare.py PORT CALLS RATE SECONDS LIFE

Keeps CALLS calls up for SECONDS, of which RATE a second are new; the far end ends each after LIFE. The last line of the
output is one JSON object.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path

from core.clock import SystemClock
from dialer.lines.baresip_line import BaresipLine
from dialer.lines.base import FRAME_BYTES, Answered, Call, Ended

try:
    from dialer.lines.base import Trunk
except ImportError:
    Trunk = None
TICK_S = 0.02
TONE = bytes(range(256)) * 5


class Bare:
    """The calls that live now, and the file of each."""

    def __init__(self, folder: Path) -> None:
        self.calls: dict[Call, object] = {}
        self.ended: list[Call] = []
        self._folder = folder

    def welcome(self, call: Call) -> None:
        """Take part in a call from its answer to its end."""
        call.subscribe(lambda event: self._take(call, event))

    def _take(self, call: Call, event: object) -> None:
        if isinstance(event, Answered):
            self.calls[call] = (self._folder / f"{id(call)}.raw").open("wb")
            call.write(bytes(2 * FRAME_BYTES))
        elif isinstance(event, Ended) and call in self.calls:
            self.calls.pop(call).close()  # type: ignore[attr-defined]
            self.ended.append(call)

    def tick(self) -> None:
        """Feed and record one frame of every call."""
        pcm = TONE[:FRAME_BYTES]
        for call, file in self.calls.items():
            heard = call.read()
            call.write(pcm)
            file.write(heard)  # type: ignore[attr-defined]
            file.write(pcm)  # type: ignore[attr-defined]


async def run(port: int, load: int, rate: float, seconds: float) -> dict[str, float]:
    """The whole run; processor seconds are counted from the moment all calls are up."""
    with tempfile.TemporaryDirectory() as folder:
        line = BaresipLine(SystemClock(), listen="127.0.0.1:0", caller_id="4008001234", **_trunk(port))
        await line.start()
        bare, number, start, due, late = Bare(Path(folder)), 0, time.perf_counter(), time.perf_counter(), 0
        ramp = load / rate
        cpu = call_seconds = 0.0
        while (now := time.perf_counter()) - start < ramp + seconds:
            if now - start < ramp:
                cpu, call_seconds = time.process_time(), 0.0
            if number < (now - start) * rate:
                bare.welcome(await line.dial(f"sip:138{number:08}@127.0.0.1:{port}"))
                number += 1
            bare.tick()
            call_seconds += TICK_S * len(bare.calls)
            due += TICK_S
            late += time.perf_counter() - due > 0.1
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
        used = time.process_time() - cpu
        await line.close()
        return {"cpu_ms_per_call_s": used / call_seconds * 1000, "late_ticks_100ms": late, "calls": number}


def _trunk(port: int) -> dict[str, object]:
    return {"trunks": [Trunk(name="far", address=f"127.0.0.1:{port}")]} if Trunk else {}


if __name__ == "__main__":
    where, calls, per_second, length = sys.argv[1:5]
    print(json.dumps(asyncio.run(run(int(where), int(calls), float(per_second), float(length)))))
