"""A small flow that uses every verb, and a scripted client that walks any flow on virtual time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ivr_flows.errors import FlowError
from ivr_flows.events import (
    Action,
    AgentUnavailable,
    Event,
    Finish,
    Key,
    Play,
    PromptFinished,
    Recorded,
    Silence,
    Store,
    Verdict,
)
from ivr_flows.interpreter import start, step
from ivr_flows.loader import check_file, load_flow
from ivr_flows.model import Ask, Choice, Digits, Facts, Flow, Match, Question, Step
from ivr_flows.prompts import Catalogue
from ivr_flows.state import Mode, State

SMALL = """\
flow: small
version: 1
title: {zh-CN: 小话术, en: A small flow}
entry: hello
body: right
closing: bye
agent: agent
max_turns: 30
defaults:
  wrong: agent
  voice: yes
  no_input: {after: 6s, limit: 3, say: {1: again, 2: slow}, then: agent}
  no_match: {limit: 3, say: {1: again}, then: agent}
texts:
  hello: {zh-CN: "您好，这里是{company}。", en: "Hello from {company}."}
  again: {zh-CN: 再说一遍。, en: Once more.}
  slow: {zh-CN: 慢慢说。, en: Slowly.}
  who: {zh-CN: 您是谁？, en: Who are you?}
  right: {zh-CN: 对吗？, en: Is it right?}
  which: {zh-CN: 哪一个？, en: Which one?}
  a: {zh-CN: 甲。, en: The first.}
  b: {zh-CN: 乙。, en: The second.}
  mark: {zh-CN: 几分？, en: How good?}
  number: {zh-CN: 多少？, en: How many?}
  when: {zh-CN: 什么时候？, en: When?}
  tell: {zh-CN: 请讲。, en: Tell us.}
  bye: {zh-CN: 再见。, en: Bye.}
  wait: {zh-CN: 请稍候。, en: Please hold.}
  later: {zh-CN: "{callback_day}", en: "We will call on {callback_day}, goodbye."}
steps:
  hello: {say: hello, mandatory: yes, next: who}
  who: {match: who, rules: [C-05], check: id_last4, digits: 4, next: right}
  right: {ask: right, rules: [C-18], pass: yes, next: which}
  which:
    choice: which
    rules: [C-23]
    options:
      a: {key: 1, text: a, said: {zh-CN: [甲], en: [the first]}}
      b: {key: 2, text: b, said: {zh-CN: [乙], en: [the second]}}
    next: mark
  mark: {scale: mark, rules: [C-24], next: number}
  number: {digits: number, rules: [C-46], length: {min: 1, max: 3}, next: when}
  when: {appointment: when, rules: [B-20], outcomes: {agreed: tell, none: tell}}
  tell: {open: tell, rules: [C-25], max: 20s, silence: 2s, next: bye}
  bye: {end: bye, outcome: passed}
  agent: {handoff: wait, unavailable: promise}
  promise: {end: later, follow_up: promised_callback}
"""

COMMON = (
    """\
defaults: {}
texts:
  read_back_before: {zh-CN: 您的回答是, en: Your answer is}
  read_back_after: {zh-CN: 对吗？, en: Is that right?}
  value_yes: {zh-CN: 是, en: "yes"}
  value_no: {zh-CN: 否, en: "no"}
"""
    + "".join(
        f"  {kind}_{number}: {{zh-CN: '{number}', en: '{number}'}}\n"
        for kind in ("digit", "mark")
        for number in range(10)
    )
    + "".join(
        f"  slot_{n}: {{zh-CN: '{{slot_{n}}}', en: '{{slot_{n}}}'}}\n"
        f"  slot_press_{n}: {{zh-CN: 请按{n}。, en: Press {n}.}}\n"
        for n in range(1, 4)
    )
)

FACTS = {
    "id_last4": "123X",
    "callback_day": "Tuesday",
    "developed_by": "self",
    "marketer": "Wang Ming",
    "client_name": "Li Lei",
    "phone_last4": "5678",
    "slot_1": "tomorrow morning",
    "slot_at_1": "2026-11-24T09:30:00+08:00",
}


@pytest.fixture
def small_text() -> str:
    return SMALL


@pytest.fixture
def facts() -> Facts:
    return dict(FACTS)


@pytest.fixture
def faults_of(tmp_path: Path) -> Callable[[str], list[FlowError]]:
    """Every fault of a flow given as text, audio left aside."""

    def check(text: str) -> list[FlowError]:
        return check_file(_folder(tmp_path, text) / "small.yaml")

    return check


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., Flow]:
    """The small flow, or one given as text, in a language."""

    def make(text: str = SMALL, language: str = "en") -> Flow:
        return load_flow("small", language, company="Huifang", folder=_folder(tmp_path, text))

    return make


def _folder(folder: Path, text: str) -> Path:
    (folder / "small.yaml").write_text(text, "utf-8")
    (folder / "common.yaml").write_text(COMMON, "utf-8")
    return folder


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Flow:
    return load_flow("small", "en", company="Huifang", folder=_folder(tmp_path_factory.mktemp("small"), SMALL))


@pytest.fixture(scope="session")
def shipped() -> Callable[[str, str], Flow]:
    """A shipped script, loaded once."""
    loaded: dict[tuple[str, str], Flow] = {}

    def load(name: str, language: str = "zh-CN") -> Flow:
        if (name, language) not in loaded:
            loaded[name, language] = load_flow(name, language)
        return loaded[name, language]

    return load


def right_key(item: Step) -> str:
    """The key of the answer that the rule wants, or of the first value."""
    if isinstance(item, Ask | Choice):
        keys = {value: key for key, value in item.keys.items()}
        return keys[item.expected] if item.expected in keys else next(iter(item.keys))
    return "1"


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
        if isinstance(item, Match):
            return self.key(self.facts[item.check].replace("X", "*")[len(self.state.entered)])
        if isinstance(item, Digits):
            return self.key("#" if len(self.state.entered) >= item.least else "1")
        return self.key(right_key(item))

    def advance(self) -> None:
        """One event of a client who listens and answers rightly."""
        if self.state.mode in {Mode.PLAYING, Mode.CLOSING}:
            self.finish_prompt()
        elif self.state.mode is Mode.RINGING:
            self.send(AgentUnavailable())
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
