"""Calls over real SIP and RTP in which clients answer by key or by voice, and how long each waits for what comes next.

The node's side is the product: the line, the session, the interpreter, the end-pointing, the recognisers in processes
of their own; recordings go nowhere. The far end is the simulator (far_end.py), where everything is timed. Prompts are
tones, each step at a loudness of its own, so that the next prompt is told apart from the rest of the last one.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import soundfile
import yaml

from core.clock import SystemClock
from core.settings import Settings, Transcribe
from dialer.calling.media import Clip, MediaLoop
from dialer.calling.session import CallSession, Script
from dialer.calling.voice import Voices
from dialer.calling.voice_answers import ListenerRules, Listeners
from dialer.lines.baresip_line import BaresipLine
from dialer.lines.base import Trunk
from ivr_flows.interpreter import ECHO_MS
from ivr_flows.loader import FLOWS, load_flow
from ivr_flows.model import VoiceTask
from simulator.process import Launch, SimulatorProcess
from transcribe.choosing import choose
from transcribe.models import fetch

DATA = Path(__file__).resolve().parents[2] / "data"
RATE = 8000
LOUDNESS = {"first": 2000.0, "second": 6000.0, "": 16000.0}  # of each step's prompt, and of every other prompt
PROMPT_S = 1.0
APART_MS = 1000  # sound with a longer gap in it is two utterances
QUIET_MS = 100  # this long between two packets with sound is a pause in what we say
SPREAD_S = 3.0  # calls are answered within this time, so that not all clients speak in the same moment
LOADS_S = 60
FACTS = {"callback_day": "tomorrow"}

HEAD = """\
flow: bench
version: 1
title: {zh-CN: 测速, en: How fast}
entry: first
body: first
closing: bye
agent: agent
max_turns: 999
texts:
  first: {zh-CN: 第一, en: First.}
  second: {zh-CN: 第二, en: Second.}
  bye: {zh-CN: 再见, en: Bye.}
  wait: {zh-CN: 请稍候, en: Please hold.}
steps:
  bye: {end: bye, outcome: passed}
  agent: {handoff: wait, unavailable: bye}
"""
KOREAN = {"coffee": ("나 에게 커피 를 줘",), "walk": ("걸어 갔다",), "water": ("물",)}
CHOICE = """\
  STEP:
    choice: STEP
    rules: [C-23]
    options:
      coffee: {key: 1, text: value_yes, said: {zh-CN: [咖啡], en: [coffee]}}
      walk: {key: 2, text: value_no, said: {zh-CN: [走], en: [walk]}}
      water: {key: 3, text: read_back_before, said: {zh-CN: [水], en: [water]}}
    outcomes: {coffee: NEXT, walk: NEXT, water: bye}
"""
ASK = "  STEP: {ask: STEP, rules: [C-18], barge_in: yes, outcomes: {yes: NEXT, no: NEXT}}\n"


@dataclass(frozen=True)
class Case:
    """Who answers how: `clips` are said in turn by half of the calls each; without any, a key is pressed.

    `cut`: the key is pressed while the prompt plays. `spread_s`: within this time the calls are answered.
    """

    calls: int
    seconds: float
    step: str = CHOICE
    engine: str = ""
    language: str = "zh-CN"
    clips: tuple[str, ...] = ()
    cut: bool = False
    spread_s: float = SPREAD_S


def flow_of(case, folder):
    """The flow of two questions that lead to each other; with Vosk, its answers are the Korean phrases."""
    steps = "".join(case.step.replace("STEP", one).replace("NEXT", two) for one, two in _ROUND)
    (folder / "bench.yaml").write_text(HEAD + steps, "utf-8")
    (folder / "common.yaml").write_text((FLOWS / "common.yaml").read_text("utf-8"), "utf-8")
    flow = load_flow("bench", "zh-CN", folder=folder)
    if case.engine != "vosk":
        return flow
    task = VoiceTask("choice", case.language, options=KOREAN)
    heard = {name: replace(flow.steps[name], voice=task) for name in ("first", "second")}
    return replace(flow, steps={**flow.steps, **heard})


_ROUND = (("first", "second"), ("second", "first"))


def tone(loudness, seconds=PROMPT_S):
    """A prompt of whole frames, each as loud as the others (400 Hz is eight periods in 20 ms)."""
    samples = np.sin(2 * np.pi * 400 * np.arange(int(seconds * RATE)) / RATE) * loudness * 2**0.5
    return samples.astype("<i2").tobytes()


def clips_of(flow):
    """The sound of every prompt."""
    return {name: Clip(name, name, tone(LOUDNESS.get(name, LOUDNESS[""]))) for name in flow.prompts}


def spoken(name):
    """A client's words from their first voiced sample to their last: a clip of tests/data/speech, or of the answers."""
    if not name.endswith(".wav"):
        rows = yaml.safe_load((DATA / "answers" / "manifest.yaml").read_text("utf-8"))
        row = next(one for one in rows if f"{one['text']} {one['voice']}" == name)
        sound, _ = soundfile.read(DATA / "answers" / row["file"], dtype="int16", start=row["start"], stop=row["end"])
    else:
        sound, _ = soundfile.read(DATA / "speech" / name, dtype="int16")
    frames = sound[: len(sound) // 80 * 80].reshape(-1, 80).astype(float)
    loud = np.flatnonzero((frames**2).mean(axis=1) ** 0.5 > 0.05 * np.abs(sound).max())
    return sound[loud[0] * 80 : (loud[-1] + 1) * 80]


@dataclass(frozen=True)
class Carrier(Launch):
    """The simulator with its witness."""

    witness: Path = Path()

    def command(self):
        """As the simulator's own, by way of far_end.py."""
        own = super().command()
        return [sys.executable, str(Path(__file__).parent / "far_end.py"), str(self.witness), *own[3:]]


def table(case, folder):
    """Every subscriber of the far end."""
    (folder / "clips").mkdir()
    for number, name in enumerate(case.clips):
        soundfile.write(folder / "clips" / f"said{number}.wav", spoken(name), RATE, subtype="PCM_16")
    says = [{"say": f"said{number}"} for number in range(len(case.clips))] or [{"press": "1"}]
    common = {"kind": "confirms", "quiet_s": 0.4, "react_s": 0.3, "ring_s": 0.1, "ring_jitter_s": case.spread_s}
    if case.cut:
        common |= {"impatient": True, "barge_in_s": 0.5}
    people = {_number(call): {**common, "then": says[call % len(says)]} for call in range(case.calls)}
    path = folder / "table.yaml"
    path.write_text(json.dumps({"seed": 5, "clips": "clips", "subscribers": people}), "utf-8")
    return path


def _number(call):
    return f"1390000{call:04}"


def run(case):
    """Make the calls; the milliseconds of every answer, and how the call went."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        listeners = _listeners(case, folder)
        try:
            seen = asyncio.run(_calls(case, folder, listeners))
        finally:
            if listeners is not None:
                listeners.close()
        rows = json.loads((folder / "witness.json").read_text("utf-8"))
    waits = measured(rows, "said" if case.clips else "key")
    return {**seen, **waits}


def _listeners(case, folder):
    if not case.engine:
        return None
    models = folder / "models"
    if case.engine == "whisper":
        fetch("whisper-base", models)
    spec = choose(Settings(transcribe=Transcribe(models=str(models), engines=case.engine)), case.language)
    return Listeners({case.language: spec}, ListenerRules())


async def _calls(case, folder, listeners):
    flow, clock = flow_of(case, folder), SystemClock()
    if listeners is not None:
        await asyncio.wait_for(asyncio.gather(*listeners.warm()), LOADS_S)
    with SimulatorProcess(Carrier(table(case, folder), folder / "far.jsonl", witness=folder / "witness.json")) as far:
        line = BaresipLine(
            clock, listen="127.0.0.1:0", caller_id="95551", trunks=[Trunk("main", f"127.0.0.1:{far.port}")]
        )
        await line.start()
        loop, voices = MediaLoop(clock), Voices()
        for _ in range(case.calls if listeners else 0):
            voices.make()
        ticking = asyncio.create_task(loop.run())
        script = Script(flow, FACTS, clips_of(flow), Clip("q", "q", tone(500)), Clip("a", "a", tone(500)))
        taken = Counter()
        sessions = [
            await _session(line, far.uri(_number(call)), script, loop=loop, voices=voices, listeners=listeners,
                           taken=taken)
            for call in range(case.calls)
        ]  # fmt: skip
        running = [asyncio.create_task(session.run()) for session in sessions]
        await asyncio.sleep(case.spread_s + case.seconds)
        for session in sessions:
            session.hang_up()
        await asyncio.wait_for(asyncio.gather(*running), 20)
        ticking.cancel()
        with suppress(asyncio.CancelledError):
            await ticking
        await line.close()
    lost = {} if listeners is None else {name: getattr(listeners.figures, name) for name in ("full", "late", "failed")}
    return {
        "answers": taken.total(),
        "late_ticks": loop.figures.late,
        "worst_tick_ms": round(loop.figures.worst_ms, 1),
        **lost,
    }


async def _session(line, uri, script, *, loop, voices, listeners, taken):
    call = await line.dial(uri)
    return CallSession(
        call,
        script,
        loop=loop,
        writer=SimpleNamespace(write=lambda *_: None),
        on_answer=lambda one: taken.update([one.answer.value]),
        ring_agent=lambda _: asyncio.create_task(_nobody()),
        desk=SimpleNamespace(rules=SimpleNamespace(wrap_up_seconds=4)),
        voices=voices,
        ring_limit_s=30,
        listeners=listeners,
    )


async def _nobody():
    return None


def measured(rows, what):
    """From what was witnessed: ms from each answer at a question to the next prompt's first sound, at the far end.

    An answer that no prompt follows is the last of its call; what is said to a read-back (of which the Korean model
    has no words) is left out and counted. `talked_over`: we spoke before the client had ended.
    """
    waits, released, over, read_back = [], [], 0, 0
    for port in {row[0] for row in rows}:
        mine = [row[1:] for row in rows if row[0] == port]
        heard = [(at, _step(level)) for kind, at, level in mine if kind == "heard"]
        let_go = [at for kind, at, _ in mine if kind == "released"]
        for began, ended in _answers([at for kind, at, _ in mine if kind == what], what):
            before, after = _prompts_around(heard, began)
            if after is None:
                continue
            if before not in dict(_ROUND):
                read_back += 1
                continue
            over += after <= ended
            waits.append(after - ended)
            up = next((at for at in let_go if at > began), None)
            released += [after - up] if up is not None else []
    return {"waits": waits, "released": released, "talked_over": over, "read_backs": read_back}


def _prompts_around(heard, began):
    """The step heard before `began`, and when the next prompt began: after quiet, or with another step's loudness."""
    for (last, before), (at, step) in pairwise(heard):
        if at > began and (step != before or at - last > QUIET_MS):
            return before, at
    return None, None


def _answers(times, what):
    """(begin, end) of every key press or utterance; a key again within the echo is the same press."""
    if not times:
        return []
    gap = APART_MS if what == "said" else ECHO_MS
    cuts = [0, *(at for at, (one, two) in enumerate(pairwise(times), 1) if two - one > gap), len(times)]
    return [(times[a], times[b - 1]) for a, b in pairwise(cuts)]


def _step(level):
    return min(LOUDNESS, key=lambda step: abs(np.log(LOUDNESS[step] / level)))
