"""A call without a network: the test is the far end and the clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from dialer.calling.media import Clip, MediaLoop
from dialer.calling.session import CallSession, Script, TakenAnswer
from dialer.calling.voice import Voices
from dialer.desk.handoff import AgentLeg
from dialer.lines.base import Answered, CallEvent, CallState, Digit, Ended, EndedBy, Ending
from ivr_flows.loader import load_flow

NOW = datetime(2026, 11, 23, 1, 30, tzinfo=UTC)
FACTS = {
    "client_name": "测试",
    "id_last4": "1234",
    "phone_last4": "0001",
    "developed_by": "self",
    "marketer": "",
    "callback_day": "星期二",
    "slot_1": "星期二上午",
    "slot_at_1": "2026-11-24T09:00:00+08:00",
}
PROMPT_MS = 200


class FarEnd:
    """The other end of one call, in the test's hands."""

    def __init__(self) -> None:
        self.state = CallState.DIALING
        self.ending: Ending | None = None
        self.heard = bytearray()
        self.asked_to_end = False
        self.flushed = 0
        self.says = b""
        self.now = NOW
        self._listeners: list[Callable[[CallEvent], None]] = []

    def subscribe(self, listener: Callable[[CallEvent], None]) -> Callable[[], None]:
        self._listeners.append(listener)
        if self.ending is not None:
            listener(Ended(self.ending))  # as the line protocol promises
        return lambda: self._listeners.remove(listener)

    def tell(self, event: CallEvent) -> None:
        for listener in tuple(self._listeners):
            listener(event)

    def answer(self) -> None:
        self.state = CallState.ANSWERED
        self.tell(Answered(self.now))

    def press(self, keys: str) -> None:
        for key in keys:
            self.tell(Digit(key, 100, NOW))

    def end(self, by: EndedBy = EndedBy.FAR_END) -> None:
        if self.ending is None:
            self.state, self.ending = CallState.ENDED, Ending(by, self.now)
            self.tell(Ended(self.ending))

    def read(self) -> bytes:
        said, self.says = self.says, b""
        return said

    def write(self, pcm: bytes) -> int:
        if self.state is not CallState.ANSWERED:
            return 0
        self.heard += pcm
        return len(pcm)

    def flush(self) -> None:
        self.flushed += 1

    async def hang_up(self) -> None:
        self.asked_to_end = True
        self.end(EndedBy.US)


class Tape:
    """A recording in memory; breaks when told to."""

    def __init__(self) -> None:
        self.client, self.firm = bytearray(), bytearray()
        self.broken = False

    def write(self, client: bytes, firm: bytes) -> None:
        if self.broken:
            raise OSError(28, "No space left on device")
        self.client += client
        self.firm += firm


class Desk:
    """A desk that rings when the test says so."""

    def __init__(self) -> None:
        self.rules = SimpleNamespace(wrap_up_seconds=1)
        self.asked: list[str] = []
        self.late: list[AgentLeg] = []
        self.found: asyncio.Future[AgentLeg | None] | None = None
        self.ringing: asyncio.Task[AgentLeg | None] | None = None

    def ring(self, reason: str) -> asyncio.Task[AgentLeg | None]:
        self.asked.append(reason)
        self.found = asyncio.get_running_loop().create_future()

        async def wait(found: asyncio.Future[AgentLeg | None]) -> AgentLeg | None:
            return await found

        self.ringing = asyncio.create_task(wait(self.found))
        return self.ringing

    async def too_late(self, leg: AgentLeg) -> None:
        self.late.append(leg)
        await leg.call.hang_up()


@dataclass
class Stage:
    """One session and everything around it; ``pass_ms`` lets time pass."""

    client: FarEnd = field(default_factory=FarEnd)
    desk: Desk = field(default_factory=Desk)
    tape: Tape = field(default_factory=Tape)
    answers: list[TakenAnswer] = field(default_factory=list)
    ticks: list[Callable[[], None]] = field(default_factory=list)
    session: Any = None
    running: Any = None

    @property
    def due_at(self) -> datetime:
        """The instant for which the ticks of now are."""
        return self.client.now

    def add(self, tick: Callable[[], None]) -> None:
        self.ticks.append(tick)

    def remove(self, tick: Callable[[], None]) -> None:
        self.ticks.remove(tick)

    async def pass_ms(self, milliseconds: int) -> None:
        for _ in range(milliseconds // 20):
            self.client.now += timedelta(milliseconds=20)
            for tick in tuple(self.ticks):
                tick()
            await asyncio.sleep(0)
            await asyncio.sleep(0)

    async def question(self) -> None:
        """Until the running prompts are over and the flow listens."""
        await self.pass_ms(1500)

    async def agent_answers(self, *, gone: bool = False) -> FarEnd:
        agent = FarEnd()
        agent.state = CallState.ANSWERED
        if gone:
            agent.end()
        assert self.desk.found is not None
        self.desk.found.set_result(AgentLeg("h1", "S1", agent))
        await self.pass_ms(100)
        return agent

    async def result(self) -> Any:
        return await asyncio.wait_for(self.running, 5)


class Silent:
    """A voice detector that hears what the test says."""

    def __init__(self) -> None:
        self.speaking = False

    def reset(self) -> None:
        """Nothing is kept."""

    def feed(self, frame: bytes) -> bool:
        return self.speaking


@pytest.fixture
def play() -> Callable[[Callable[[Stage], Any]], Any]:
    """``play(scenario)`` runs the coroutine function ``scenario(stage)`` against a session that is dialing."""

    def run(scenario: Callable[[Stage], Any], **changed: Any) -> Any:
        async def main() -> Any:
            stage = Stage()
            stage.session = _session(stage, changed)
            stage.running = asyncio.create_task(stage.session.run())
            await asyncio.sleep(0)
            return await asyncio.wait_for(scenario(stage), 20)

        return asyncio.run(main())

    return run


def _session(stage: Stage, changed: dict[str, Any]) -> CallSession:
    flow = load_flow("new_account", "zh-CN")
    clips = {name: Clip(name, f"h-{name}", b"\x10\x10" * (PROMPT_MS * 8)) for name in flow.prompts}
    script = Script(
        flow, FACTS, clips, Clip("question", "q", b"\x20\x20" * 800), Clip("apology", "a", b"\x30\x30" * 800)
    )
    options: dict[str, Any] = {
        "loop": stage,
        "writer": stage.tape,
        "on_answer": stage.answers.append,
        "ring_agent": stage.desk.ring,
        "desk": stage.desk,
        "voices": Voices(Silent),  # type: ignore[arg-type]
        "ring_limit_s": 5.0,
    }
    return CallSession(stage.client, script, **(options | changed))  # type: ignore[arg-type]


__all__ = ["MediaLoop", "play"]
