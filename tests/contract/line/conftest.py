"""The fixtures of the line contract: engines in turn, a far end, somebody who watches.

A scenario is written beside the test that needs it, as steps of the ``Carrier``; SIPp runs it and its exit code tells
whether the engine sent what the scenario expects. Audio is our own few lines of RTP. Neither knows the engine.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

from dialer.lines.base import Call, CallEvent, Line
from tests.contract.line.carrier import BOUND_S, Carrier, free_port
from tests.contract.line.certificates import Authority
from tests.contract.line.engines import ENGINES
from tests.contract.line.rtp import Audio
from tests.contract.line.wire import Wire


def pytest_configure(config: pytest.Config) -> None:
    """Register the mark by which a test says what it asks of an engine."""
    config.addinivalue_line("markers", "needs(capability): what the test asks of an engine (contract/line/engines.py)")


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a coroutine test on a loop of its own."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    wanted = inspect.signature(pyfuncitem.obj).parameters

    async def bounded() -> None:
        async with asyncio.timeout(60):
            await pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in wanted})

    asyncio.run(bounded())
    return True


@pytest.fixture(params=sorted(ENGINES))
def engine(request: pytest.FixtureRequest) -> Callable[..., Line]:
    """``engine(**settings)``: a line of each engine in turn, not started."""
    chosen = ENGINES[request.param]
    for mark in request.node.iter_markers("needs"):
        for capability in mark.args:
            if capability in chosen.cannot:
                pytest.skip(f"{request.param} cannot {capability}: {chosen.cannot[capability]}")
    return chosen.make


@pytest.fixture
def open_line(engine: Callable[..., Line]):
    """``async with open_line() as line``: a started line of each engine in turn."""
    return _opener(engine)


@pytest.fixture
def open_baresip():
    """The same for baresip alone, where a test looks into it."""
    return _opener(ENGINES["baresip"].make)


def _opener(engine: Callable[..., Line]):
    @asynccontextmanager
    async def opened(**settings):
        line = engine(**settings)
        await line.start()
        try:
            yield line
        finally:
            async with asyncio.timeout(BOUND_S):
                await line.close()

    return opened


@pytest.fixture
def watch() -> Callable[[Call], Watcher]:
    """``watch(call)`` collects the call's events."""
    return Watcher


class Watcher:
    """The events of one call, in order."""

    def __init__(self, call: Call) -> None:
        self.events: list[CallEvent] = []
        self._news = asyncio.Event()
        call.subscribe(self._take)

    def _take(self, event: CallEvent) -> None:
        self.events.append(event)
        self._news.set()

    async def until(self, kind: type | tuple[type, ...], seconds: float = BOUND_S, count: int = 1):
        """The ``count``-th event of ``kind``, waiting for it at most ``seconds``."""
        async with asyncio.timeout(seconds):
            while len(found := [event for event in self.events if isinstance(event, kind)]) < count:
                self._news.clear()
                await self._news.wait()
        return found[count - 1]

    @property
    def names(self) -> list[str]:
        """The kinds of the events so far."""
        return [type(event).__name__ for event in self.events]


@pytest.fixture
def carrier(tmp_path: Path) -> Iterator[Carrier]:
    """A far end; whatever it started is stopped by its own pid."""
    far_end = Carrier(tmp_path)
    yield far_end
    far_end.stop()


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """A certificate authority of this test's own."""
    return Authority(tmp_path)


@pytest.fixture
def audio() -> Iterator[Audio]:
    """A far end's RTP port."""
    port = Audio()
    yield port
    port.close()


@pytest.fixture
def other_audio() -> Iterator[Audio]:
    """Another one."""
    port = Audio()
    yield port
    port.close()


@pytest.fixture
def unused_port() -> int:
    """A loopback UDP port on which nobody listens."""
    return free_port()


@pytest.fixture
def tone() -> Callable[[int, float], bytes]:
    """``tone(hertz, seconds)``: a sine at a quarter of full scale."""

    def sine(hertz: int, seconds: float) -> bytes:
        time = np.arange(int(8000 * seconds)) / 8000
        return (8192 * np.sin(2 * np.pi * hertz * time)).astype("<i2").tobytes()

    return sine


@pytest.fixture
def pitch() -> Callable[[bytes], tuple[float, float]]:
    """``pitch(pcm)``: the strongest frequency in Hz and the level (RMS) of the audio from its first loud sample on."""

    def measure(pcm: bytes) -> tuple[float, float]:
        samples = np.frombuffer(pcm, "<i2").astype(float)
        assert samples.size >= 4000, "less than half a second of audio came"
        voiced = samples[np.flatnonzero(abs(samples) > 500)[0] :] if (abs(samples) > 500).any() else samples
        voiced = voiced[: voiced.size // 2 * 2]
        spectrum = abs(np.fft.rfft(voiced * np.hanning(voiced.size)))
        return float(spectrum.argmax() * 8000 / voiced.size), float(np.sqrt((voiced**2).mean()))

    return measure


@pytest.fixture
def wire() -> Iterator[Wire]:
    """A far end without SIPp."""
    port = Wire()
    yield port
    port.close()
