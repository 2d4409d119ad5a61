"""Walks a flow by hand in a terminal (`huifang flow run`): the same interpreter, texts instead of audio.

As a call: keys are typed as keys, words as words. As an agent's screen or a form: what is shown is read, answers are
picked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ivr_flows.events import (
    Action,
    AgentJoined,
    AgentLeft,
    AgentUnavailable,
    Answer,
    Candidate,
    Event,
    Finish,
    HungUp,
    Key,
    Picked,
    Play,
    PromptFinished,
    Read,
    Recorded,
    Show,
    Silence,
    SpeechBegan,
    Spoke,
    Store,
    Verdict,
)
from ivr_flows.interpreter import start, step
from ivr_flows.judging import slot
from ivr_flows.model import Appointment, Ask, Choice, End, Facts, Flow, Question, Scale, Step
from ivr_flows.state import Medium, Mode, State

HELP = "keys 0-9 * #; words are spoken; Enter: silence; h: hang up; while ringing a: an agent takes it, n: none is free"
SCREEN_HELP = "Enter: read it; a value: picked; h: leave"
KEYS = "0123456789*#"

_PACE_MS = 2000


def run(
    flow: Flow, facts: Facts, read_key: Callable[[str], str], write: Callable[[str], None], *, medium: Medium = "call"
) -> Verdict:
    """Play the flow to its end and return the verdict.

    `read_key(prompt)` gives one line of input: the keys above (several digits in one line are pressed one after the
    other) or what is said; `write(line)` shows one line. Raises FlowFactsMissing as `interpreter.start` does.
    """
    write(HELP if medium == "call" else SCREEN_HELP)
    state, actions = start(flow, facts, medium=medium)
    pending: Iterator[Event] = iter(())
    for turn in range(1_000_000):
        _show(flow, facts, actions, write)
        if state.mode is Mode.ENDED:
            break
        event = _by_itself(state, actions) or next(pending, None)
        while event is None:
            pending = iter(_typed(flow, state, read_key(f"{state.at or state.step} [{state.mode}] "), turn))
            event = next(pending, None)
        state, actions = step(flow, state, event)
    return state.verdict or Verdict(None, None, ())


def _by_itself(state: State, actions: list[Action]) -> Event | None:
    """In a terminal every prompt is at its end as soon as it is written."""
    return PromptFinished(state.playing[-1], True) if any(isinstance(action, Play) for action in actions) else None


def _typed(flow: Flow, state: State, line: str, turn: int) -> list[Event]:
    word, at = line.strip(), turn * _PACE_MS
    if word.lower() == "h":
        return [HungUp()]
    if state.mode is Mode.RINGING:
        return [AgentJoined("terminal") if word.lower() == "a" else AgentUnavailable()]
    if state.mode in {Mode.AGENT, Mode.WRAP_UP, Mode.SCREEN}:
        return [_on_screen(flow, state, word)]
    if state.mode is Mode.RECORDING and word not in {"0", "*"}:
        return [Recorded(at, at + _PACE_MS, len(word) * 200)]
    return _called(word, at)


def _called(word: str, at: int) -> list[Event]:
    """What a client does on the telephone: nothing, keys, or words."""
    if not word:
        return [Silence(_PACE_MS)]
    if all(character in KEYS for character in word):
        return [Key(digit, at) for digit in word]
    return [SpeechBegan(at), Spoke((Candidate(word, 1.0),), at, at + _PACE_MS)]


def _on_screen(flow: Flow, state: State, word: str) -> Event:
    outcomes = {"passed": AgentLeft("passed"), "not_passed": AgentLeft("not_passed"), "refused": AgentLeft("refused")}
    item = flow.steps.get(state.at)
    if isinstance(item, Question) and word and word not in outcomes:
        return Picked(item.id, word)
    if item is not None and not word and (state.mode is Mode.SCREEN or not isinstance(item, End)):
        return Read(item.id)
    return outcomes.get(word, AgentLeft(None))


def _show(flow: Flow, facts: Facts, actions: list[Action], write: Callable[[str], None]) -> None:
    for action in actions:
        match action:
            case Play(prompts=prompts):
                write("> " + "".join(_text(flow, facts, prompt) for prompt in prompts))
            case Show(step=name):
                write("# " + _read_out(flow, facts, flow.steps[name]))
            case Store(answer=answer):
                write(f"  {answer.question} = {_shown(answer)}")
            case Finish(verdict=verdict):
                write(f"= {verdict.outcome or verdict.follow_up or 'not settled'} {' '.join(verdict.reasons)}")
            case _:
                write(f"  ({type(action).__name__})")


def _read_out(flow: Flow, facts: Facts, item: Step) -> str:
    """The text of a step on a screen, with what may be picked."""
    words = "".join(_text(flow, facts, prompt) for prompt in item.prompts)
    match item:
        case Ask() | Choice():
            return f"{words} [{' / '.join(item.keys.values())}]"
        case Scale():
            return f"{words} [1-{item.top}]"
        case Appointment():
            state = State(flow=flow.hash, facts=facts)
            offered = [str(n) for n in range(1, len(item.offers) + 1) if slot(item, str(n), state)]
            times = (f"{n}: {facts['slot_' + n]}" for n in offered)
            return f"{words} [{' / '.join(times)}]"
        case _:
            return words


def _text(flow: Flow, facts: Facts, prompt_id: str) -> str:
    prompt = flow.prompts[prompt_id]
    return facts.get(prompt.slot, "") if prompt.slot else prompt.text


def _shown(answer: Answer) -> str:
    mark = {True: "right", False: "wrong", None: "recorded"}[answer.passed]
    return f"{answer.value or 'no answer'} ({mark})"
