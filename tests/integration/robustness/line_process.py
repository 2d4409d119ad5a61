"""One baresip line in a process of its own: a native crash ends this process, and the test sees it.

Commands come as JSON lines on stdin and are answered, one line each, on stdout. Every call plays a tone of its own and
keeps what it hears; the far end echoes, so a call is sound in both directions when it hears its own tone.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

from core.clock import SystemClock
from dialer.lines.baresip_line import BaresipLine
from dialer.lines.base import Call, CallEvent, Digit, Trunk

TICK_S, KEPT_BYTES = 0.02, 8000  # half a second is kept


class Talk:
    """A call that plays its tone and remembers what came back."""

    def __init__(self, call: Call, hertz: int) -> None:
        self.call = call
        self.keys = ""
        self.heard = b""
        self._played = 0
        self._hertz = hertz
        call.subscribe(self._take)

    def _take(self, event: CallEvent) -> None:
        if isinstance(event, Digit):
            self.keys += event.key

    def tick(self) -> None:
        """Keep 100 ms queued, take what came."""
        while self.call.queued_bytes < 1600:
            time = (self._played + np.arange(160)) / 8000
            if not self.call.write((8192 * np.sin(2 * np.pi * self._hertz * time)).astype("<i2").tobytes()):
                break
            self._played += 160
        self.heard = (self.heard + self.call.read())[-KEPT_BYTES:]

    def facts(self) -> dict[str, Any]:
        """State, keys, and the strongest frequency of the last half second with its level."""
        samples = np.frombuffer(self.heard, "<i2").astype(float)
        pitch = level = 0.0
        if samples.size:
            pitch = float(abs(np.fft.rfft(samples * np.hanning(samples.size))).argmax() * 8000 / samples.size)
            level = float(np.sqrt((samples**2).mean()))
        return {"state": self.call.state.value, "keys": self.keys, "pitch": pitch, "level": level}


def resident_bytes() -> int:
    """What this process occupies."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Process:
    """Reads commands, owns the line."""

    def __init__(self, settings: dict[str, Any]) -> None:
        low, high = settings["rtp_ports"]
        self._line = BaresipLine(
            SystemClock(),
            listen=settings["listen"],
            caller_id="4008001234",
            trunks=[Trunk("main", settings["trunk"])],
            rtp_ports=(low, high),
        )
        self._talks: list[Talk] = []

    async def run(self) -> None:
        """Until stdin ends or ``close`` comes."""
        await self._line.start()
        ticking = asyncio.create_task(self._tick())
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        print(json.dumps({"ready": True}), flush=True)
        while line := await reader.readline():
            order = json.loads(line)
            print(json.dumps(await self._obey(order)), flush=True)
            if order["do"] == "close":
                break
        ticking.cancel()

    async def _tick(self) -> None:
        while True:
            for talk in self._talks:
                talk.tick()
            await asyncio.sleep(TICK_S)

    async def _obey(self, order: dict[str, Any]) -> dict[str, Any]:
        match order:
            case {"do": "dial", "uri": uri, "hertz": hertz}:
                self._talks.append(Talk(await self._line.dial(uri), hertz))
            case {"do": "calls"}:
                return {"calls": [talk.facts() for talk in self._talks]}
            case {"do": "press", "call": number, "keys": keys}:
                await self._talks[number].call.send_digits(keys)
            case {"do": "hang_up", "call": number}:
                await self._talks[number].call.hang_up()
            case {"do": "memory"}:
                return {"bytes": resident_bytes()}
            case {"do": "close"}:
                await self._line.close()
            case _:
                raise ValueError(f"unknown order {order}")
        return {}


if __name__ == "__main__":
    asyncio.run(Process(json.loads(sys.argv[1])).run())
