"""A line in a process of its own, with live calls to SIPp, and senders that wish it ill."""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import select
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.interop.pages import block

HERE = Path(__file__).parent
BOUND_S = 20.0
PEER, STRANGER = "127.0.0.1", "127.0.0.2"
RTP_PORTS = 60  # how many the line may take


class LiveLine:
    """The line's process, its far end, and questions to both."""

    def __init__(self, folder: Path) -> None:
        self.address = (PEER, free_port())
        low = free_rtp_range()
        self.rtp_ports = range(low, low + RTP_PORTS)
        self._far_end = _FarEnd(folder)
        settings = {
            "listen": f"{PEER}:{self.address[1]}",
            "trunk": f"{PEER}:{self._far_end.port}",
            "rtp_ports": [low, low + RTP_PORTS],
        }
        self._log = (folder / "line.log").open("w+b")
        self._process = subprocess.Popen(
            [sys.executable, "-X", "faulthandler", HERE / "line_process.py", json.dumps(settings)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            # Freed memory is overwritten at once, so that a use of it is a crash and not luck.
            env={**os.environ, "PYTHONPATH": str(HERE.parents[2]), "GLIBC_TUNABLES": "glibc.malloc.perturb=85"},
        )
        self._dialed = 0
        self._live: list[int] = []

    def start(self) -> LiveLine:
        """Wait until the line is ready."""
        self._answer()
        return self

    def ask(self, do: str, **details: Any) -> dict[str, Any]:
        """One command; fails with the process's last words when it is dead or hangs."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"do": do, **details}).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pytest.fail(f"the line's process is dead\n{self._last_words()}")
        return self._answer()

    def dial(self) -> int:
        """Place a call that plays a tone of its own; returns its number once the tone came back."""
        number, self._dialed = self._dialed, self._dialed + 1
        self._live.append(number)
        self.ask("dial", uri=f"sip:13800138000@{PEER}:{self._far_end.port}", hertz=_hertz(number))
        self.until(lambda calls: _sounds(calls[number], number), f"call {number} is answered and hears its tone")
        return number

    def sound(self) -> None:
        """Every live call hears its own tone and the keys that it presses now."""
        before = self.ask("calls")["calls"]
        for number in self._live:
            self.ask("press", call=number, keys="5#")
        for number in self._live:
            keys = before[number]["keys"] + "5#"
            self.until(lambda calls, n=number, k=keys: calls[n]["keys"] == k, f"call {number} hears its keys")
            self.until(lambda calls, n=number: _sounds(calls[n], n), f"call {number} hears its own tone")

    def carries_on(self) -> None:
        """The live calls are sound, and a new one can be placed and ended."""
        self.sound()
        self.hang_up(self.dial())

    def hang_up(self, number: int) -> None:
        """End a call; the far end confirms."""
        self._live.remove(number)
        self.ask("hang_up", call=number)
        self.until(lambda calls: calls[number]["state"] == "ended", f"call {number} ends")

    def until(self, wanted: Callable[[list[dict[str, Any]]], bool], what: str) -> None:
        """Ask about the calls until ``wanted``."""
        deadline = time.monotonic() + BOUND_S
        while not wanted(calls := self.ask("calls")["calls"]):
            assert time.monotonic() < deadline, f"not seen within {BOUND_S} s: {what}; the calls: {calls}"
            select.select([], [], [], 0.05)

    def memory(self) -> int:
        """Resident bytes of the process."""
        return self.ask("memory")["bytes"]

    def finish(self) -> None:
        """Hang up everything and leave in peace."""
        for number in list(self._live):
            self.hang_up(number)
        self.ask("close")
        assert self._process.wait(BOUND_S) == 0, self._last_words()

    @property
    def descriptors(self) -> int:
        """How many files and sockets the process has open."""
        return len(list(Path(f"/proc/{self._process.pid}/fd").iterdir()))

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def stop(self) -> None:
        """End both processes, whatever happened."""
        for process in (self._process, self._far_end.process):
            if process.poll() is None:
                process.kill()
            process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()
        self._log.close()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], BOUND_S)
        line = self._process.stdout.readline() if ready else b""
        if not line:
            state = "hangs" if self._process.poll() is None else "died"
            pytest.fail(f"the line's process {state}\n{self._last_words()}")
        return json.loads(line)

    def _last_words(self) -> str:
        select.select([], [], [], 0.2)
        self._log.seek(0)
        return f"exit code {self._process.poll()}\n" + self._log.read()[-4000:].decode(errors="replace")


class _FarEnd:
    """SIPp answers every call, echoes its audio and waits for BYE."""

    def __init__(self, folder: Path) -> None:
        sipp = shutil.which("sipp")
        assert sipp, "SIPp is missing: apt-get install -y sip-tester"
        self.port, scenario = free_port(), folder / "answer.xml"
        scenario.write_text(block("sipp.md", "answer.xml"), encoding="utf-8")
        command = [sipp, "-sf", scenario, "-i", PEER, "-p", str(self.port), "-nostdin"]
        command += ["-rtp_echo", "-mi", PEER, "-mp", str(free_rtp_range())]
        with (folder / "sipp.log").open("wb") as log:
            self.process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
        wanted = f":{self.port:04X} "
        while wanted not in Path("/proc/net/udp").read_text(encoding="ascii"):
            assert self.process.poll() is None, (folder / "sipp.log").read_text()
            select.select([], [], [], 0.01)


class Sender:
    """A UDP port that sends and remembers what is answered."""

    def __init__(self, source: str) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((source, 0))
        self._socket.setblocking(False)
        self.port: int = self._socket.getsockname()[1]

    def send(self, target: tuple[str, int], *datagrams: bytes) -> None:
        """Send each of them, as fast as the socket takes them."""
        for datagram in datagrams:
            while True:
                try:
                    self._socket.sendto(datagram, target)
                except BlockingIOError:
                    select.select([], [self._socket], [])
                except ConnectionRefusedError:  # an earlier one met a closed port
                    continue
                break

    def answers(self, wait_s: float = 0.0) -> list[bytes]:
        """What has come back so far; waits up to ``wait_s`` for the first."""
        select.select([self._socket], [], [], wait_s)
        found = []
        while True:
            try:
                found.append(self._socket.recv(65535))
            except ConnectionRefusedError:
                continue
            except BlockingIOError:
                return found

    def close(self) -> None:
        """Give back the port."""
        self._socket.close()


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[LiveLine]]:
    """The lines of one test module; the last one must come to a clean end."""
    opened: list[LiveLine] = []
    yield opened
    try:
        if opened and opened[-1].alive:
            opened[-1].finish()
    finally:
        for line in opened:
            line.stop()


@pytest.fixture
def live(lines: list[LiveLine], tmp_path: Path) -> LiveLine:
    """A line with two live calls, the same for a whole module; another one when the last test killed it."""
    if not lines or not lines[-1].alive:
        lines.append(LiveLine(tmp_path))
        lines[-1].start().dial()
        lines[-1].dial()
    return lines[-1]


@pytest.fixture
def idle(tmp_path: Path) -> Iterator[LiveLine]:
    """A line without a call, for one test."""
    line = LiveLine(tmp_path)
    try:
        yield line.start()
    finally:
        line.stop()


@pytest.fixture
def peer() -> Iterator[Sender]:
    """Somebody on the configured peer's address, but not its telephone."""
    sender = Sender(PEER)
    yield sender
    sender.close()


@pytest.fixture
def stranger() -> Iterator[Sender]:
    """Somebody whom no setting names."""
    sender = Sender(STRANGER)
    yield sender
    sender.close()


@pytest.fixture(scope="session")
def torture() -> dict[str, bytes]:
    """RFC 4475's messages and some of our own, by name, as they go onto the wire."""
    return {path.stem: render(path.read_text(encoding="utf-8")) for path in sorted((HERE / "torture").glob("*.txt"))}


@pytest.fixture
def dice() -> random.Random:
    """The same random numbers in every run."""
    return random.Random(4475)


def render(text: str) -> bytes:
    """A message of the torture folder on the wire, in the RFC's own notation: lines end in CRLF, ``<repeat
    count=3>x</repeat>`` is xxx, ``<hex>0d</hex>`` an octet, and [len] the length of the body."""
    text = re.sub(r"<repeat count=(\d+)>(.*?)</repeat>", lambda m: m[2] * int(m[1]), text, flags=re.DOTALL)
    parts = re.split(r"<hex>(.*?)</hex>", text)
    octets = b"".join(
        bytes.fromhex(part) if index % 2 else part.replace("\n", "\r\n").encode() for index, part in enumerate(parts)
    )
    head, gap, body = octets.partition(b"\r\n\r\n")
    return head.replace(b"[len]", str(len(body)).encode()) + gap + body


def addressed(message: bytes, address: tuple[str, int]) -> bytes:
    """The same request to the line's own user, so that it is not refused for its address alone."""
    uri = f"sip:4008001234@{address[0]}:{address[1]}".encode()
    return re.sub(rb"\A(\S+) .*? SIP/2.0(?=\r\n)", lambda m: m[1] + b" " + uri + b" SIP/2.0", message)


def free_port() -> int:
    """A loopback UDP port that was free a moment ago."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((PEER, 0))
        return probe.getsockname()[1]


def free_rtp_range() -> int:
    """The even start of a range that nobody used a moment ago, below the ports that the system hands out."""
    for low in random.sample(range(16384, 32000, RTP_PORTS), 200):
        taken = Path("/proc/net/udp").read_text(encoding="ascii")
        if not any(f":{port:04X} " in taken for port in range(low, low + RTP_PORTS)):
            return low
    raise AssertionError("no free range of ports")


def _hertz(number: int) -> int:
    return 400 + 100 * number


def _sounds(call: dict[str, Any], number: int) -> bool:
    return call["state"] == "answered" and abs(call["pitch"] - _hertz(number)) < 20 and call["level"] > 2000
