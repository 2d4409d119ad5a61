"""A small flow that uses every verb, and a scripted client that walks any flow on virtual time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ivr_flows import build
from ivr_flows.document import parse
from ivr_flows.errors import FlowError
from ivr_flows.events import Action, Event, Finish, Key, Play, PromptFinished, Recorded, Silence, Store, Verdict
from ivr_flows.interpreter import start, step
from ivr_flows.loader import load_flow
from ivr_flows.model import Facts, Flow, Question
from ivr_flows.prompts import Catalogue
from ivr_flows.state import Mode, State
from ivr_flows.verify import verify

SMALL = """\
flow: small
version: 1
language: en
title: A small flow
entry: hello
agent: agent
max_turns: 30
defaults:
  no_input: {after: 6s, limit: 3, say: {1: [again], 2: [slow]}, then: agent}
  no_match: {limit: 3, say: {1: [again]}, then: agent}
prompts:
  hello: Hello from {company}.
  again: Once more.
  slow: Slowly.
  who: Who are you?
  right: Is it right?
  which: Which one?
  mark: How good?
  tell: Tell us.
  bye: Bye.
  wait: Please hold.
  later: "{callback_day}"
steps:
  hello: {say: [hello], mandatory: true, next: who}
  who: {match: [who], question: who, check: id_last4, digits: 4, outcomes: {matched: right}}
  right: {ask: [right], question: right, pass: yes, outcomes: {yes: which, no: agent}}
  which: {choice: [which], question: which, keys: {1: a, 2: b}, outcomes: {a: mark, b: mark}}
  mark: {scale: [mark], question: mark, outcomes: {marked: tell}}
  tell: {open: [tell], question: tell, max: 20s, silence: 2s, outcomes: {recorded: bye}}
  bye: {end: [bye], outcome: passed}
  agent: {handoff: [wait], unavailable: promise}
  promise: {end: [later], follow_up: promised_callback}
"""

FACTS = {"id_last4": "123X", "callback_day": "Tuesday", "developed_by": "self", "marketer": "Wang Ming"}


@pytest.fixture
def small_text() -> str:
    return SMALL


@pytest.fixture
def facts() -> Facts:
    return dict(FACTS)


@pytest.fixture
def faults_of() -> Callable[[str], list[FlowError]]:
    """Every fault of a flow given as text, audio and twins left aside."""

    def check(text: str) -> list[FlowError]:
        document, faults = parse(text, "small.yaml")
        if faults or not isinstance(document.tree, dict):
            return faults
        return verify(build.flow(document.tree, "Huifang", {}), document)

    return check


@pytest.fixture
def small(small_text: str) -> Flow:
    document, faults = parse(small_text, "small.yaml")
    assert not faults
    assert isinstance(document.tree, dict)
    return build.flow(document.tree, "Huifang", {})


@pytest.fixture(scope="session")
def shipped() -> Callable[[str, str], Flow]:
    """A shipped script, loaded once."""
    loaded: dict[tuple[str, str], Flow] = {}

    def load(name: str, language: str = "zh-CN") -> Flow:
        if (name, language) not in loaded:
            loaded[name, language] = load_flow(name, language)
        return loaded[name, language]

    return load


@dataclass
class Walk:
    """A call on virtual time: prompts last as long as their audio, silences as long as the timer."""

    flow: Flow
    facts: Facts
    catalogue: Catalogue = field(default_factory=Catalogue)
    state: State = field(init=False)
    actions: list[Action] = field(init=False)
    seen: list[Action] = field(init=False)
    at_ms: int = 0

    def __post_init__(self) -> None:
        self.state, self.actions = start(self.flow, self.facts)
        self.seen = list(self.actions)

    def send(self, event: Event) -> list[Action]:
        """One event; returns (and keeps) what it asked for."""
        self.state, self.actions = step(self.flow, self.state, event)
        self.seen += self.actions
        return self.actions

    def key(self, digit: str, after_ms: int = 1500) -> list[Action]:
        self.at_ms += after_ms
        return self.send(Key(digit, self.at_ms))

    def finish_prompt(self, whole: bool = True) -> list[Action]:
        self.at_ms += sum(self._lasts(prompt) for prompt in self.state.playing)
        return self.send(PromptFinished(self.state.playing[-1], whole))

    def silence(self) -> list[Action]:
        item = self.flow.steps[self.state.step]
        after = item.no_input.after_ms if isinstance(item, Question) else 0
        self.at_ms += after
        return self.send(Silence(after))

    def speak(self, ms: int) -> list[Action]:
        started, self.at_ms = self.at_ms, self.at_ms + ms + 3000
        return self.send(Recorded(started, self.at_ms, ms))

    def answer_rightly(self) -> list[Action]:
        """The answer that the script hopes for at this step."""
        item = self.flow.steps[self.state.step]
        if self.state.mode is Mode.RECORDING:
            return self.speak(1000)
        if type(item).__name__ == "Match":
            return self.key(self.facts["id_last4"].replace("X", "*")[len(self.state.entered)])
        return self.key("2" if getattr(item, "expected", "yes") == "no" else "1")

    def advance(self) -> None:
        """One event of a client who listens and answers rightly."""
        if self.state.mode in {Mode.PLAYING, Mode.CLOSING}:
            self.finish_prompt()
        else:
            self.answer_rightly()

    def moments(self) -> Iterator[State]:
        """Every state of the call of such a client, the last one ended."""
        while self.state.mode is not Mode.ENDED:
            yield self.state
            self.advance()

    @property
    def said(self) -> list[str]:
        return [prompt for action in self.seen if isinstance(action, Play) for prompt in action.prompts]

    @property
    def answers(self) -> dict[str, str | None]:
        return {action.answer.question: action.answer.value for action in self.seen if isinstance(action, Store)}

    @property
    def verdict(self) -> Verdict:
        (finish,) = [action for action in self.seen if isinstance(action, Finish)]
        return finish.verdict

    def _lasts(self, prompt_id: str) -> int:
        prompt = self.flow.prompts[prompt_id]
        return 1000 if prompt.slot or not self.catalogue.find(prompt) else round(self.catalogue.seconds(prompt) * 1000)


@pytest.fixture
def walk() -> Callable[..., Walk]:
    return Walk


@pytest.fixture
def scenarios() -> Path:
    return Path(__file__).parent / "scenarios"
