"""Follows a flow: takes a state and an event, gives the next state and what the call must do. No I/O, no clock.

Rules that hold for every flow, whatever its author wrote:

* **Completeness (C-06).** A mandatory passage counts only when it was played to its end; broken off, it is played
  again, and after its limit an agent is called. A question whose prompt may not be barged over is not answered before
  its prompt has ended: a key pressed early is held until then.
* **Passed (D-02)** needs every mandatory passage and every required question that concerns the client, each answered
  rightly. One wrong answer, even if mended later, keeps the flow from passing by itself: an agent decides.
* **A wish for a person.** "0" leads to an agent at once, except in a mandatory passage (it is finished first, then the
  agent is called) and in `match` (there it is a digit; silence and failure lead to an agent).
* **"*"** says the prompt again, except in a mandatory passage and in `match` (there it stands for X; "#" starts again).
* **Hang-up.** With an agent on the line the agent still sets the outcome (`AgentLeft` finishes). While a goodbye is
  being said, the verdict it belongs to stands. While an agent is being looked for, nothing is settled. Anywhere else
  the flow finishes `passed` if all that D-02 needs was complete, otherwise with no outcome; the reason is
  `hung_up:STEP`.
* **An end.** Every `Play` is a turn; after `max_turns` an agent is called, and where one was tried, the call ends.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from ivr_flows.checks import MATCHES, applies, missing_facts
from ivr_flows.errors import FlowFactsMissing, FlowMismatch
from ivr_flows.events import (
    Action,
    AgentJoined,
    AgentLeft,
    AgentUnavailable,
    Answer,
    Event,
    Finish,
    HangUp,
    HungUp,
    Key,
    KeyPress,
    Listen,
    Play,
    PromptFinished,
    Recorded,
    RecordOpen,
    RingAgent,
    Silence,
    StopPlaying,
    Store,
    Verdict,
)
from ivr_flows.model import Ask, Choice, End, Facts, Flow, Handoff, Match, Open, Question, Retry, Say, Scale, Step
from ivr_flows.state import Mode, State

Result = tuple[State, list[Action]]

ECHO_MS = 700
"""A key this soon after the one that ended the last step is the same press twice, not an answer to the next step."""

AGENT_KEY, REPEAT_KEY, RESTART_KEY = "0", "*", "#"


def start(flow: Flow, facts: Facts) -> Result:
    """Begin the flow for a client. Raises FlowFactsMissing when a fact it compares or speaks is empty."""
    if missing := missing_facts(flow, facts):
        lacking = ", ".join(missing)
        raise FlowFactsMissing(f"flow {flow.name} needs {lacking}: complete the client's data, then plan again")
    return _enter(flow, State(flow=flow.hash, facts=facts), flow.entry, "start")


def step(flow: Flow, state: State, event: Event) -> Result:
    """Advance by one event. Events that mean nothing in this state change nothing and ask for nothing.

    Raises FlowMismatch when the state was made by another version of the script.
    """
    if state.flow != flow.hash:
        ran = state.flow[:12]
        raise FlowMismatch(f"the call runs script {ran}, not {flow.hash[:12]}: load that version of {flow.name}")
    if state.mode is Mode.ENDED:
        return state, []
    return _hung_up(flow, state) if isinstance(event, HungUp) else _advance(flow, state, event)


def _advance(flow: Flow, state: State, event: Event) -> Result:
    match state.mode, event:
        case Mode.RINGING | Mode.AGENT | Mode.WRAP_UP, _:
            return _agent_event(flow, state, event)
        case Mode.PLAYING | Mode.CLOSING, PromptFinished(prompt_id=prompt) if prompt == state.playing[-1]:
            return _prompt_finished(flow, state, event.complete)
        case Mode.PLAYING | Mode.LISTENING | Mode.RECORDING, Key():
            return _key(flow, state, event)
        case Mode.LISTENING | Mode.RECORDING, Silence() | Recorded():
            return _waited(flow, state, event)
        case _:
            return state, []


def complete(flow: Flow, state: State) -> bool:
    """Whether all that `passed` needs is there: every passage heard, every required answer right, none wrong (D-02)."""
    return not _wrong(state) and not _missing(flow, state)


def _wrong(state: State) -> tuple[str, ...]:
    return tuple(f"wrong:{answer.step}" for answer in state.answers if answer.passed is False)


def _missing(flow: Flow, state: State) -> tuple[str, ...]:
    right = {answer.step for answer in state.answers if answer.passed}
    lacking = (item.id for item in flow.steps.values() if _needed(item) and applies(item, state.facts))
    return tuple(f"missing:{item}" for item in lacking if item not in right and item not in state.heard)


def _needed(item: Step) -> bool:
    return (isinstance(item, Say) and item.mandatory) or (isinstance(item, Question) and item.required)


# --- entering a step -------------------------------------------------------------------------------------------------


def _enter(flow: Flow, state: State, target: str, cause: str) -> Result:
    """Go to `target`, or where its condition sends this client; the step's counters start at 0 again."""
    item = flow.steps[target]
    while not applies(item, state.facts) and item.otherwise:
        item = flow.steps[item.otherwise]
    why = f"{cause}:{state.step}" if isinstance(item, Handoff) else state.why
    fresh = replace(state, step=item.id, no_input=0, no_match=0, not_played=0, why=why)
    match item:
        case Handoff():
            return _ring(flow, fresh, item)
        case End():
            return _close(flow, fresh, item)
        case _:
            return _play(flow, fresh, item.prompts)


def _play(flow: Flow, state: State, prompts: tuple[str, ...]) -> Result:
    if state.turns >= flow.max_turns:
        return _give_up(flow, state)
    barge_in = flow.steps[state.step].barge_in
    playing = replace(state, mode=Mode.PLAYING, playing=prompts, turns=state.turns + 1, entered="", keys=(), held=None)
    return playing, [Play(prompts, barge_in)]


def _give_up(flow: Flow, state: State) -> Result:
    """The call goes round in circles: to an agent, or where one was already tried, to its end."""
    if not state.agent_tried:
        return _enter(flow, state, flow.agent, "limit")
    return _finish(state, Verdict(None, None, (f"limit:{state.step}",)), hang_up=True)


def _ring(flow: Flow, state: State, item: Handoff) -> Result:
    """Look for an agent at once, while the client is told to hold."""
    ringing = replace(state, mode=Mode.RINGING, playing=item.prompts, agent_tried=True, wish=False, held=None)
    return ringing, [Play(item.prompts, barge_in=False), RingAgent(state.why, flow.language)]


def _close(flow: Flow, state: State, item: End) -> Result:
    closing = replace(state, mode=Mode.CLOSING, playing=item.prompts, verdict=_judge(flow, state, item))
    return closing, [Play(item.prompts, barge_in=False)]


def _judge(flow: Flow, state: State, item: End) -> Verdict:
    """The end's candidate; `passed` only if D-02 holds."""
    because = (state.why,) if state.why else ()
    if item.outcome != "passed" or complete(flow, state):
        return Verdict(item.outcome, item.follow_up, because)
    wrong = _wrong(state)
    return Verdict("not_passed" if wrong else None, item.follow_up, (*because, *wrong, *_missing(flow, state)))


# --- prompts ---------------------------------------------------------------------------------------------------------


def _prompt_finished(flow: Flow, state: State, whole: bool) -> Result:
    match flow.steps[state.step]:
        case Say() as item:
            return _said(flow, state, item, whole)
        case Question() as item if not whole and not item.barge_in:
            return _play(flow, state, item.prompts)
        case Question() as item:
            return _wait(flow, state, item)
        case _:
            return _finish(state, state.verdict or Verdict(None, None, ()), hang_up=True)


def _said(flow: Flow, state: State, item: Say, whole: bool) -> Result:
    if item.not_played and not whole:
        return _again(flow, replace(state, not_played=state.not_played + 1), item.not_played, "not_played")
    if item.mandatory:
        state = replace(state, heard=(*state.heard, item.id))
    if state.wish:
        return _enter(flow, state, flow.agent, "wish")
    return _enter(flow, state, item.next, "next")


def _wait(flow: Flow, state: State, item: Question) -> Result:
    """The question has been asked: take the key that was pressed meanwhile, or wait for one."""
    if isinstance(item, Open):
        return replace(state, mode=Mode.RECORDING, playing=()), [RecordOpen(item.max_ms, item.silence_ms)]
    listening = replace(state, mode=Mode.LISTENING, playing=(), held=None)
    if state.held:
        return _pressed(flow, listening, item, state.held)
    return listening, [_listen(item)]


def _listen(item: Question) -> Listen:
    return Listen(item.no_input.after_ms, "digits" if isinstance(item, Match) else "key")


# --- keys ------------------------------------------------------------------------------------------------------------


def _key(flow: Flow, state: State, key: Key) -> Result:
    match flow.steps[state.step]:
        case Say(mandatory=True):
            return replace(state, wish=state.wish or key.digit == AGENT_KEY), []
        case Say() as item:
            return _key_in_statement(flow, state, item, key)
        case Question() as item:
            return _key_in_question(flow, state, item, key)
        case _:
            return state, []


def _key_in_statement(flow: Flow, state: State, item: Say, key: Key) -> Result:
    if key.digit == AGENT_KEY:
        return _stopping(_enter(flow, state, flow.agent, "wish"))
    if key.digit == REPEAT_KEY:
        return _stopping(_play(flow, state, item.prompts))
    if item.barge_in and not _echo(state, key):
        return _stopping(_enter(flow, state, item.next, "next"))
    return state, []


def _key_in_question(flow: Flow, state: State, item: Question, key: Key) -> Result:
    if state.mode is Mode.PLAYING and _echo(state, key):
        return state, []
    if key.digit == AGENT_KEY and not isinstance(item, Match):
        return _stopping(_enter(flow, state, flow.agent, "wish"))
    if key.digit == (RESTART_KEY if isinstance(item, Match) else REPEAT_KEY):
        return _stopping(_play(flow, state, item.prompts))
    return _answer_key(flow, state, item, key)


def _answer_key(flow: Flow, state: State, item: Question, key: Key) -> Result:
    """A key other than the common ones: an answer now, later, or not at all."""
    if state.mode is Mode.LISTENING:
        return _pressed(flow, state, item, key)
    if isinstance(item, Open):
        return state, []
    if not item.barge_in:
        return replace(state, held=key), []
    return _stopping(_pressed(flow, replace(state, mode=Mode.LISTENING, playing=()), item, key))


def _echo(state: State, key: Key) -> bool:
    return state.last_key_ms is not None and 0 <= key.at_ms - state.last_key_ms < ECHO_MS


def _stopping(result: Result) -> Result:
    state, actions = result
    return state, [StopPlaying(), *actions]


def _pressed(flow: Flow, state: State, item: Question, key: Key) -> Result:
    """A key that may be an answer (`state` is listening)."""
    shown = "*" if isinstance(item, Match) else key.digit
    state = replace(state, keys=(*state.keys, KeyPress(shown, key.at_ms)), last_key_ms=key.at_ms)
    match item:
        case Match():
            return _digit(flow, state, item, key.digit)
        case Ask() | Choice() if value := item.keys.get(key.digit):
            return _answered(flow, state, item, value, value)
        case Scale() if key.digit in _marks(item):
            return _answered(flow, state, item, key.digit, "marked")
        case _:
            return _no_match(flow, state, item)


def _marks(item: Scale) -> str:
    return "123456789"[: item.top]


def _digit(flow: Flow, state: State, item: Match, digit: str) -> Result:
    """Collect until the number is whole; each digit starts the timer again."""
    entered = state.entered + digit
    if len(entered) < item.digits:
        return replace(state, entered=entered), [_listen(item)]
    if MATCHES[item.check](entered, state.facts):
        return _answered(flow, state, item, "*" * item.digits, "matched")
    return _no_match(flow, state, item)


# --- answers, silence, wrong keys ------------------------------------------------------------------------------------


def _answered(flow: Flow, state: State, item: Question, value: str, outcome: str) -> Result:
    passed = _passes(item, value)
    kept, store = _store(state, item, value, passed)
    after, actions = _enter(flow, kept, item.outcomes[outcome], "wrong_answer" if passed is False else outcome)
    return after, [store, *actions]


def _passes(item: Question, value: str) -> bool | None:
    match item:
        case Ask(expected="yes" | "no" as wanted):
            return value == wanted
        case Match():
            return True
        case _:
            return None


def _store(
    state: State, item: Question, value: str | None, passed: bool | None, heard: Recorded | None = None
) -> tuple[State, Store]:
    answer = Answer(
        question=item.question,
        step=item.id,
        rules=item.rules,
        value=value,
        passed=passed,
        required=item.required,
        keys=state.keys,
        no_input=state.no_input,
        no_match=state.no_match,
        prompts=item.prompts,
        start_ms=heard.start_ms if heard else None,
        end_ms=heard.end_ms if heard else None,
    )
    return replace(state, answers=(*state.answers, answer), entered=""), Store(answer)


def _waited(flow: Flow, state: State, event: Silence | Recorded) -> Result:
    """The waiting is over: an answer was spoken, or nothing came."""
    item = flow.steps[state.step]
    if not isinstance(item, Open) or not isinstance(event, Recorded) or event.speech_ms <= 0:
        return _silent(flow, state)
    kept, store = _store(state, item, "recorded", None, event)
    after, actions = _enter(flow, kept, item.outcomes["recorded"], "recorded")
    return after, [store, *actions]


def _silent(flow: Flow, state: State) -> Result:
    item = flow.steps[state.step]
    if not isinstance(item, Question):
        return state, []
    state = replace(state, no_input=state.no_input + 1)
    return _again_or_leave(flow, state, item, "no_input")


def _no_match(flow: Flow, state: State, item: Question) -> Result:
    state = replace(state, no_match=state.no_match + 1)
    return _again_or_leave(flow, state, item, "no_match")


def _again_or_leave(flow: Flow, state: State, item: Question, cause: Literal["no_input", "no_match"]) -> Result:
    """Ask again with the prompt for this count, or record that there is no answer and go on to the retry's `then`."""
    count, retry = (state.no_input, item.no_input) if cause == "no_input" else (state.no_match, item.no_match)
    if count < retry.limit:
        said = retry.prompts[min(count, len(retry.prompts)) - 1] if retry.prompts else ()
        return _play(flow, state, (*said, *item.prompts))
    if isinstance(item, Match) and cause == "no_match":
        kept, store = _store(state, item, "*" * item.digits, False)
    else:
        kept, store = _store(state, item, None, None)
    after, actions = _enter(flow, kept, retry.then, cause)
    return after, [store, *actions]


def _again(flow: Flow, state: State, retry: Retry, cause: str) -> Result:
    """Play a passage again from its start, or leave it."""
    if state.not_played < retry.limit:
        return _play(flow, state, flow.steps[state.step].prompts)
    return _enter(flow, state, retry.then, cause)


# --- agents and ends -------------------------------------------------------------------------------------------------


def _agent_event(flow: Flow, state: State, event: Event) -> Result:
    item = flow.steps[state.step]
    match state.mode, event:
        case Mode.RINGING, PromptFinished():
            return replace(state, playing=()), []
        case Mode.RINGING, AgentJoined(agent_id=agent):
            return replace(state, mode=Mode.AGENT, agent=agent, playing=()), _silence_if(state)
        case Mode.RINGING, AgentUnavailable() if isinstance(item, Handoff):
            after, actions = _enter(flow, state, item.unavailable, "unavailable")
            return after, [*_silence_if(state), *actions]
        case Mode.AGENT | Mode.WRAP_UP, AgentLeft(outcome=outcome):
            reasons = (state.why,) if outcome else (state.why, f"no_outcome:{state.step}")
            return _finish(state, Verdict(outcome, None, reasons), hang_up=state.mode is Mode.AGENT)
        case _:
            return state, []


def _silence_if(state: State) -> list[Action]:
    return [StopPlaying()] if state.playing else []


def _hung_up(flow: Flow, state: State) -> Result:
    """The rules of the module docstring for a client who is gone."""
    reason = f"hung_up:{state.step}"
    match state.mode:
        case Mode.AGENT | Mode.WRAP_UP:
            return replace(state, mode=Mode.WRAP_UP), []
        case Mode.CLOSING if state.verdict:
            return _finish(state, replace(state.verdict, reasons=(*state.verdict.reasons, reason)))
        case Mode.RINGING:
            return _finish(state, Verdict(None, None, (state.why, reason)))
        case _:
            return _finish(state, Verdict("passed" if complete(flow, state) else None, None, (reason,)))


def _finish(state: State, verdict: Verdict, *, hang_up: bool = False) -> Result:
    ended = replace(state, mode=Mode.ENDED, playing=(), verdict=verdict, entered="", held=None)
    return ended, [*([HangUp()] if hang_up else []), Finish(verdict)]
