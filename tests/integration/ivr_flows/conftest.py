"""Rehearsed calls once more, over real SIP and RTP: the carrier's subscribers do what the scenarios tell.

Each prompt is half a second of noise of its own instead of a sentence, so that calls are short and every prompt can be
recognised by ear. Everything else is the product: the line, the session, the interpreter.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile

from core.clock import SystemClock
from dialer.calling import session
from dialer.calling.media import Clip, MediaLoop
from dialer.calling.voice import Voices
from dialer.calling.voice_answers import Listeners
from dialer.desk.handoff import AgentLeg
from dialer.lines.baresip_line import BaresipLine
from dialer.lines.base import Answered, Trunk
from ivr_flows import interpreter
from ivr_flows.events import Candidate
from ivr_flows.model import Flow, Prompt
from ivr_flows.prompts import Catalogue
from ivr_flows.rehearsal import Lengths, Result, Trace, judge
from ivr_flows.rehearsal.client import Client
from ivr_flows.rehearsal.lines import aligned
from ivr_flows.rehearsal.model import Say
from ivr_flows.rehearsal.subscriber import behaviour, prompt_name, words
from ivr_flows.speech import by_espeak
from simulator.process import Launch, SimulatorProcess
from transcribe.recognisers.base import EngineSpec

FRAMES, RATE = 35, 8000
CASE = "rehearsed_case"
OUTCOME_KEYS = {"passed": "*1", "not_passed": "*2", "refused": "*3", None: "0"}
LONGEST_S = 120


@dataclass
class Told:
    """One call over the line: what it was on the virtual clock, and what it became."""

    flow: Flow
    rehearsed: Result
    trace: Trace
    heard: list[str]

    def problems(self) -> list[str]:
        """What differs from the scenario's expectations, judged as on the virtual clock."""
        return judge(self.rehearsed.scenario, self.trace)


class Recorder:
    """Stands where the session looks for the interpreter, and keeps the trace of each call."""

    def __init__(self) -> None:
        self.traces: dict[str, Trace] = {}
        self._began: dict[str, float] = {}
        self._clock = SystemClock()

    def start(self, flow: Flow, facts: Any) -> Any:
        self._began[facts[CASE]] = self._clock.monotonic()
        state, actions = interpreter.start(flow, facts)
        self._take(None, state, actions)
        return state, actions

    def step(self, flow: Flow, state: Any, event: Any) -> Any:
        state, actions = interpreter.step(flow, state, event)
        self._take(event, state, actions)
        return state, actions

    def _take(self, event: Any, state: Any, actions: Any) -> None:
        case = state.facts[CASE]
        at_ms = round((self._clock.monotonic() - self._began[case]) * 1000)
        self.traces.setdefault(case, Trace()).take(at_ms, event, state, actions)


def noise(name: str) -> np.ndarray[Any, np.dtype[np.int16]]:
    """Half a second of noise whose loudness goes its own way from frame to frame, the same for the same name."""
    chance = np.random.default_rng(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big"))
    levels = np.repeat(chance.uniform(400, 9000, FRAMES), RATE // 50)
    return np.asarray(np.clip(chance.standard_normal(len(levels)) * levels, -30000, 30000), dtype=np.int16)


@pytest.fixture(scope="module")
def over_sip(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[list[tuple[Flow, Result]]], list[Told]]]:
    """``over_sip([(flow, result of the rehearsal)...])``: all of them called at once over loopback."""
    folder = tmp_path_factory.mktemp("sip")
    patch = pytest.MonkeyPatch()
    yield lambda cases: asyncio.run(_calls(folder, cases, patch))
    patch.undo()


async def _calls(folder: Path, cases: list[tuple[Flow, Result]], patch: pytest.MonkeyPatch) -> list[Told]:
    recorder = Recorder()
    patch.setattr(session, "interpreter", recorder)
    table = _table(folder, cases)
    clock = SystemClock()
    with SimulatorProcess(Launch(table, folder / "carrier.jsonl")) as carrier:
        line = BaresipLine(
            clock, listen="127.0.0.1:0", caller_id="95551", trunks=[Trunk("main", f"127.0.0.1:{carrier.port}")]
        )
        await line.start()
        loop, voices = MediaLoop(clock), Voices()
        for _ in cases:
            voices.make()  # in the calls it would hold up the others
        ticking = asyncio.create_task(loop.run())
        calls = [_call(Site(line, loop, voices, carrier), number, *case) for number, case in enumerate(cases)]
        await asyncio.wait_for(asyncio.gather(*calls), LONGEST_S)
        ticking.cancel()
        await line.close()
    heard = {entry["number"]: entry["prompts_known"] for entry in carrier.log_lines("call")}
    return [_told(recorder, heard, number, *case) for number, case in enumerate(cases)]


def _told(recorder: Recorder, heard: dict[Any, Any], number: int, flow: Flow, result: Result) -> Told:
    trace = recorder.traces.get(str(number), Trace())
    return Told(flow, result, aligned(result.trace, trace), heard.get(_number(number), []))


@dataclass(frozen=True)
class Site:
    """What all calls share."""

    line: BaresipLine
    loop: MediaLoop
    voices: Voices
    carrier: SimulatorProcess


async def _call(site: Site, number: int, flow: Flow, result: Result) -> None:
    policy = result.scenario.agent
    facts = {**Client(flow, result.scenario).facts, CASE: str(number)}
    call = await site.line.dial(site.carrier.uri(_number(number)))

    async def agent() -> AgentLeg | None:
        if not policy.joins:
            return None
        leg = await site.line.dial(site.carrier.uri(f"agent-{policy.outcome}"))
        return AgentLeg("h", "S", await _answered(leg))

    await session.CallSession(
        call,
        session.Script(flow, facts, _clips(flow), _clip("question"), _clip("apology")),
        loop=site.loop,
        writer=SimpleNamespace(write=lambda *_: None),
        on_answer=lambda _: None,
        ring_agent=lambda _: asyncio.create_task(agent()),
        desk=SimpleNamespace(rules=SimpleNamespace(wrap_up_seconds=4)),  # type: ignore[arg-type]
        voices=site.voices,
        ring_limit_s=30,
        listeners=_listeners(flow, result),
    ).run()


class Recogniser(Executor):
    """Hears what the scenario says that a recogniser hears, one utterance after the other."""

    def __init__(self, readings: list[tuple[Candidate, ...]]) -> None:
        self._readings = readings

    def submit(self, *_: Any, **__: Any) -> Any:
        heard: Future[tuple[Candidate, ...]] = Future()
        heard.set_result(self._readings.pop(0) if self._readings else ())
        return heard


def _listeners(flow: Flow, result: Result) -> Listeners | None:
    said = [act.reply.readings[flow.language] for act in result.trace.acts if isinstance(act.reply, Say)]
    recogniser = Recogniser(said)
    spec = EngineSpec("scenario", "scenario", Path(), "")
    return Listeners({flow.language: spec}, open_executor=lambda _: recogniser) if said else None


async def _answered(call: Any) -> Any:
    answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    stop = call.subscribe(
        lambda event: isinstance(event, Answered) and not answered.done() and answered.set_result(None)
    )
    await answered
    stop()
    return call


def _number(case: int) -> str:
    return f"1390000{case:04}"


def _clip(prompt: str) -> Clip:
    return Clip(prompt, prompt, noise(prompt).tobytes())


def _clips(flow: Flow) -> dict[str, Clip]:
    return {prompt: replace(_clip(prompt_name(flow.language, prompt)), prompt=prompt) for prompt in flow.prompts}


def _table(folder: Path, cases: Iterable[tuple[Flow, Result]]) -> Path:
    subscribers: dict[str, object] = {}
    (folder / "clips").mkdir()
    for number, (flow, result) in enumerate(cases):
        subscribers[_number(number)] = {**behaviour(result.trace, flow.language), "quiet_s": 0.4, "ring_s": 0.1}
        for prompt in flow.prompts:
            path = folder / "prompts" / flow.language / f"{prompt}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, noise(prompt_name(flow.language, prompt)), RATE, subtype="PCM_16")
        for clip, text in words(result.trace, flow.language).items():
            spoken = np.frombuffer(by_espeak(text, flow.language), "<i2")
            soundfile.write(folder / "clips" / f"{clip}.wav", spoken, RATE, subtype="PCM_16")
    for outcome, keys in OUTCOME_KEYS.items():
        agent = {"kind": "agent", "wait_s": 0.2, "talk_s": 1.5, "outcome": keys, "leaves_after_s": 0.5}
        subscribers[f"agent-{outcome}"] = agent
    table = folder / "table.yaml"
    table.write_text(
        json.dumps({"seed": 3, "prompts": "prompts", "clips": "clips", "subscribers": subscribers}), "utf-8"
    )
    return table


class Unrendered(Catalogue):
    """Scripts may be called before their audio is there: what is played is noise anyhow."""

    def missing(self, flow: Flow) -> list[Prompt]:
        return []


@pytest.fixture(scope="module")
def lengths() -> Lengths:
    return Lengths(Unrendered())
