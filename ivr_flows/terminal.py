"""Walks a flow by hand in a terminal (`huifang flow run`): the same interpreter, texts instead of audio."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ivr_flows.events import (
    Action,
    AgentJoined,
    AgentLeft,
    AgentUnavailable,
    Answer,
    Event,
    Finish,
    HungUp,
    Key,
    Play,
    PromptFinished,
    Recorded,
    Silence,
    Store,
    Verdict,
)
from ivr_flows.interpreter import start, step
from ivr_flows.model import Facts, Flow
from ivr_flows.state import Mode, State

HELP = "keys 0-9 * #; Enter: silence; h: hang up; while ringing a: an agent takes it, n: none is free"

_PACE_MS = 2000


def run(flow: Flow, facts: Facts, read_key: Callable[[str], str], write: Callable[[str], None]) -> Verdict:
    """Play the flow to its end and return the verdict.

    `read_key(prompt)` gives one line of input: the keys above (several digits in one line are pressed one after the
    other); `write(line)` shows one line. Raises FlowFactsMissing as `interpreter.start` does.
    """
    write(HELP)
    state, actions = start(flow, facts)
    pending: Iterator[Event] = iter(())
    for turn in range(1_000_000):
        _show(flow, facts, actions, write)
        if state.mode is Mode.ENDED:
            break
        event = _by_itself(state, actions) or next(pending, None)
        while event is None:
            pending = iter(_typed(state, read_key(f"{state.step} [{state.mode}] "), turn))
            event = next(pending, None)
        state, actions = step(flow, state, event)
    return state.verdict or Verdict(None, None, ())


def _by_itself(state: State, actions: list[Action]) -> Event | None:
    """In a terminal every prompt is at its end as soon as it is written."""
    return PromptFinished(state.playing[-1], True) if any(isinstance(action, Play) for action in actions) else None


def _typed(state: State, line: str, turn: int) -> list[Event]:
    word = line.strip().lower()
    at = turn * _PACE_MS
    if word == "h":
        return [HungUp()]
    if state.mode is Mode.RINGING:
        return [AgentJoined("terminal") if word == "a" else AgentUnavailable()]
    if state.mode in {Mode.AGENT, Mode.WRAP_UP}:
        return [_outcome(word)]
    if state.mode is Mode.RECORDING and word not in {"0", "*"}:
        return [Recorded(at, at + _PACE_MS, len(word) * 200)]
    return [Key(digit, at) for digit in word if digit in "0123456789*#"] or [Silence(_PACE_MS)]


def _outcome(word: str) -> AgentLeft:
    match word:
        case "passed" | "not_passed" | "refused":
            return AgentLeft(word)
        case _:
            return AgentLeft(None)


def _show(flow: Flow, facts: Facts, actions: list[Action], write: Callable[[str], None]) -> None:
    for action in actions:
        match action:
            case Play(prompts=prompts):
                write("> " + "".join(_text(flow, facts, prompt) for prompt in prompts))
            case Store(answer=answer):
                write(f"  {answer.question} = {_shown(answer)}")
            case Finish(verdict=verdict):
                write(f"= {verdict.outcome or verdict.follow_up or 'not settled'} {' '.join(verdict.reasons)}")
            case _:
                write(f"  ({type(action).__name__})")


def _text(flow: Flow, facts: Facts, prompt_id: str) -> str:
    prompt = flow.prompts[prompt_id]
    return facts.get(prompt.slot, "") if prompt.slot else prompt.text


def _shown(answer: Answer) -> str:
    mark = {True: "right", False: "wrong", None: "recorded"}[answer.passed]
    return f"{answer.value or 'no answer'} ({mark})"
