"""The carrier as a child process, for tests and the demo."""

from __future__ import annotations

import contextlib
import selectors
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from core.clock import Clock, SystemClock
from simulator.errors import StartError
from simulator.journal import Json, read_lines

READY_S = 60.0
STOP_S = 5.0


@dataclass(frozen=True, slots=True)
class Launch:
    """How to start the carrier; ``seed`` None takes the table's."""

    config: Path
    log: Path
    port: int = 0
    rtp_ports: tuple[int, int] = (20000, 20999)
    seed: int | None = None
    host: str = "127.0.0.1"

    def command(self) -> list[str]:
        """The command line."""
        first, last = self.rtp_ports
        seed = [] if self.seed is None else ["--seed", str(self.seed)]
        flags = ["--config", str(self.config), "--log", str(self.log), "--host", self.host, "--port", str(self.port)]
        return [sys.executable, "-m", "simulator", *flags, "--rtp-ports", f"{first}-{last}", *seed]


class SimulatorProcess:
    """A running carrier: ``with SimulatorProcess(Launch(config, log)) as carrier: dial(carrier.uri("138..."))``.

    Raises StartError with the child's own message when it does not come up. It is stopped by its own pid.
    """

    def __init__(self, launch: Launch, clock: Clock | None = None) -> None:
        self.launch = launch
        self.port = 0
        self._clock = clock or SystemClock()
        self._child: subprocess.Popen[str] | None = None
        self._stderr: IO[str] | None = None

    def start(self) -> Self:
        """Start the child and wait for its ready line."""
        self._stderr = tempfile.TemporaryFile(mode="w+")  # noqa: SIM115 -- lives as long as the child
        self._child = subprocess.Popen(  # noqa: S603 -- our own interpreter and arguments
            self.launch.command(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            text=True,
        )
        line = self._ready_line()
        if not line.startswith("ready sip:"):
            self.stop()
            raise StartError(f"the simulated carrier did not start: {self.stderr().strip() or 'no ready line'}")
        self.port = int(line.rsplit(":", 1)[1])
        return self

    def stop(self) -> None:
        """SIGTERM, and SIGKILL when it has not ended after 5 s."""
        child = self._child
        if child is None:
            return
        child.terminate()
        try:
            child.wait(STOP_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        if child.stdout is not None:
            child.stdout.close()

    @property
    def pid(self) -> int:
        """The child's pid."""
        return self._child.pid if self._child is not None else 0

    @property
    def returncode(self) -> int | None:
        """The child's exit status, None while it runs."""
        return None if self._child is None else self._child.poll()

    def uri(self, number: str) -> str:
        """The SIP URI of a subscriber."""
        return f"sip:{number}@{self.launch.host}:{self.port}"

    def log_lines(self, event: str | None = None) -> list[dict[str, Json]]:
        """The journal so far, or its lines of one event (``invite``, ``call``)."""
        lines = read_lines(self.launch.log)
        return lines if event is None else [line for line in lines if line["event"] == event]

    def wait_for(self, matches: Callable[[dict[str, Json]], bool], timeout_s: float = 10.0) -> dict[str, Json]:
        """The first ``call`` line that ``matches``, waiting for it; StartError when it does not come in time."""
        deadline = self._clock.monotonic() + timeout_s
        with selectors.DefaultSelector() as nap:
            while True:
                found = next((line for line in self.log_lines("call") if matches(line)), None)
                if found is not None:
                    return found
                if self._clock.monotonic() >= deadline:
                    raise TimeoutError(f"no such call in {self.launch.log} within {timeout_s} s")
                nap.select(0.02)

    def stderr(self) -> str:
        """What the child wrote to stderr."""
        if self._stderr is None:
            return ""
        self._stderr.seek(0)
        return self._stderr.read()

    def _ready_line(self) -> str:
        child = self._child
        if child is None or child.stdout is None:
            return ""
        with selectors.DefaultSelector() as selector:
            selector.register(child.stdout, selectors.EVENT_READ)
            return child.stdout.readline().strip() if selector.select(READY_S) else ""

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        with contextlib.suppress(OSError):
            if self._stderr is not None:
                self._stderr.close()
