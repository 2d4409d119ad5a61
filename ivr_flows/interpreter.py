"""Follows a flow: takes a state and an event, gives the next state and what the call must do. No I/O, no clock.

Rules that hold for every flow, whatever its author wrote:

* **Completeness (C-06).** A mandatory passage counts only when it was played to its end; broken off, it is played
  again, and after its limit an agent is called. A question whose prompt may not be barged over is not answered before
  its prompt has ended: a key pressed early is held until then.
* **Passed (D-02)** needs every mandatory passage and every required question that concerns the client, each answered
  rightly. One wrong answer, even if mended later, keeps the flow from passing by itself: an agent decides.
* **A wish for a person.** "0" leads to an agent at once, except in a mandatory passage (it is finished first, then the
  agent is called), in `match` and `digits` (there it is a digit; silence and failure lead to an agent), and where times
  are offered (there it is "none of them").
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

from ivr_flows import judging
from ivr_flows.checks import missing_facts
from ivr_flows.errors import FlowFactsMissing, FlowMismatch
from ivr_flows.events import (
    Action,
    AgentJoined,
    AgentLeft,
    AgentUnavailable,
    By,
    Event,
    HungUp,
    Key,
    KeyPress,
    Listen,
    Picked,
    PromptFinished,
    Read,
    Recorded,
    RecordOpen,
    Show,
    Silence,
    SpeechBegan,
    Spoke,
    StopPlaying,
    Verdict,
)
from ivr_flows.judging import complete
from ivr_flows.model import Appointment, Digits, End, Facts, Flow, Handoff, Match, Open, Question, Retry, Say, VoiceTask
from ivr_flows.state import Medium, Mode, State, but
from ivr_flows.understanding import understand
from ivr_flows.walking import (
    Result,
    again_or_leave,
    answered,
    cause_of,
    confirmation,
    enter,
    finish,
    leave,
    no_match,
    number,
    play,
    prompts_of,
    proved,
    read_back,
    store,
)

ECHO_MS = 700
"""A key this soon after the one that ended the last step is the same press twice, not an answer to the next step."""

AGENT_KEY, REPEAT_KEY, RESTART_KEY, END_KEY = "0", "*", "#", "#"
_SPEECH = (SpeechBegan, Spoke)
_WITH_PEOPLE = frozenset({Mode.RINGING, Mode.AGENT, Mode.WRAP_UP, Mode.SCREEN})


def start(flow: Flow, facts: Facts, *, medium: Medium = "call") -> Result:
    """Begin the flow for a client. Raises FlowFactsMissing when a fact it compares or speaks is empty."""
    if missing := missing_facts(flow, facts):
        lacking = ", ".join(missing)
        raise FlowFactsMissing(f"flow {flow.name} needs {lacking}: complete the client's data, then plan again")
    mode = Mode.PLAYING if medium == "call" else Mode.SCREEN
    return enter(flow, State(flow=flow.hash, facts=dict(facts), medium=medium, mode=mode), flow.entry, "start")


def step(flow: Flow, state: State, event: Event) -> Result:
    """One event. Events that mean nothing in this state change nothing and ask for nothing.

    Raises FlowMismatch when the state was made by another version of the script.
    """
    if state.flow != flow.hash:
        ran = state.flow[:12]
        raise FlowMismatch(f"the call runs script {ran}, not {flow.hash[:12]}: load that version of {flow.name}")
    if state.mode is Mode.ENDED:
        return state, []
    return _hung_up(flow, state) if isinstance(event, HungUp) else _advance(flow, state, event)


def _advance(flow: Flow, state: State, event: Event) -> Result:
    if isinstance(event, _SPEECH):
        return _speech(flow, state, event)
    if state.mode in _WITH_PEOPLE:
        return _agent_event(flow, state, event)
    match state.mode, event:
        case Mode.PLAYING | Mode.CLOSING, PromptFinished(prompt_id=prompt) if prompt == state.playing[-1]:
            return _prompt_finished(flow, state, event.complete)
        case Mode.PLAYING | Mode.LISTENING | Mode.RECORDING, Key():
            return _key(flow, state, event)
        case Mode.LISTENING | Mode.RECORDING, Silence() | Recorded():
            return _waited(flow, state, event)
        case _:
            return state, []


# --- prompts ---------------------------------------------------------------------------------------------------------


def _prompt_finished(flow: Flow, state: State, whole: bool) -> Result:
    match flow.steps[state.step]:
        case Say() as item:
            return _said(flow, state, item, whole)
        case Question() as item if state.confirming is not None:
            return _wait_for_confirmation(state, item)
        case Question() as item if not whole and not item.barge_in:
            return play(flow, state, prompts_of(item, state))
        case Question() as item:
            return _wait(flow, state, item)
        case _:
            return finish(state, state.verdict or Verdict(None, None, ()), hang_up=True)


def _said(flow: Flow, state: State, item: Say, whole: bool) -> Result:
    if item.not_played and not whole:
        return _again(flow, but(state, not_played=state.not_played + 1), item.not_played, "not_played")
    state, proof = proved(state, item, "ivr")
    if state.wish:
        after, actions = enter(flow, state, flow.agent, "wish")
    else:
        after, actions = enter(flow, state, item.next, "next")
    return after, [*proof, *actions]


def _wait(flow: Flow, state: State, item: Question) -> Result:
    """The question has been asked: take the key that was pressed meanwhile, or wait for one."""
    if isinstance(item, Open):
        return but(state, mode=Mode.RECORDING, playing=()), [RecordOpen(item.max_ms, item.silence_ms)]
    listening = but(state, mode=Mode.LISTENING, playing=(), held=None)
    if state.held:
        return _pressed(flow, listening, item, state.held)
    return listening, [_listen(item)]


def _listen(item: Question) -> Listen:
    kind: Literal["key", "digits"] = "digits" if isinstance(item, Match | Digits) else "key"
    return Listen(item.no_input.after_ms, kind, item.voice)


# --- keys ------------------------------------------------------------------------------------------------------------


def _key(flow: Flow, state: State, key: Key) -> Result:
    match flow.steps[state.step]:
        case Say(mandatory=True):
            return but(state, wish=state.wish or key.digit == AGENT_KEY), []
        case Say() as item:
            return _key_in_statement(flow, state, item, key)
        case Question() as item if state.confirming is not None:
            return _key_in_confirmation(flow, state, item, key)
        case Question() as item:
            return _key_in_question(flow, state, item, key)
        case _:
            return state, []


def _key_in_statement(flow: Flow, state: State, item: Say, key: Key) -> Result:
    if key.digit == AGENT_KEY:
        return _stopping(enter(flow, state, flow.agent, "wish"))
    if key.digit == REPEAT_KEY:
        return _stopping(play(flow, state, item.prompts))
    if item.barge_in and not _echo(state, key):
        return _stopping(enter(flow, state, item.next, "next"))
    return state, []


def _key_in_question(flow: Flow, state: State, item: Question, key: Key) -> Result:
    if state.mode is Mode.PLAYING and _echo(state, key):
        return state, []
    numbers = isinstance(item, Match | Digits)
    if key.digit == AGENT_KEY and isinstance(item, Appointment):
        return _stopping(enter(flow, state, item.outcomes["none"], "none"))
    if key.digit == AGENT_KEY and not numbers:
        return _stopping(enter(flow, state, flow.agent, "wish"))
    if key.digit == (RESTART_KEY if isinstance(item, Match) else REPEAT_KEY):
        return _stopping(play(flow, state, prompts_of(item, state)))
    if state.speaking and not numbers:
        return but(state, held=key), []  # what he is saying may contradict it
    return _answer_key(flow, state, item, key)


def _answer_key(flow: Flow, state: State, item: Question, key: Key) -> Result:
    """A key other than the common ones: an answer now, later, or not at all."""
    if state.mode is Mode.LISTENING:
        return _pressed(flow, state, item, key)
    if isinstance(item, Open):
        return state, []
    if not item.barge_in:
        return but(state, held=key), []
    return _stopping(_pressed(flow, but(state, mode=Mode.LISTENING, playing=()), item, key))


def _echo(state: State, key: Key) -> bool:
    return state.last_key_ms is not None and 0 <= key.at_ms - state.last_key_ms < ECHO_MS


def _stopping(result: Result) -> Result:
    state, actions = result
    return state, [StopPlaying(), *actions]


def _pressed(flow: Flow, state: State, item: Question, key: Key) -> Result:
    """A key that may be an answer (`state` is listening)."""
    state = _with_key(state, item, key)
    if isinstance(item, Match | Digits):
        return _digit(flow, state, item, key.digit)
    value = judging.value_of_key(item, key.digit, state)
    if value is None:
        return no_match(flow, state, item)
    return answered(flow, state, item, value)


def _with_key(state: State, item: Question, key: Key) -> State:
    hidden = isinstance(item, Match) or (isinstance(item, Digits) and item.masked)
    press = KeyPress("*" if hidden else key.digit, key.at_ms)
    return but(state, keys=(*state.keys, press), last_key_ms=key.at_ms, held=None)


def _digit(flow: Flow, state: State, item: Match | Digits, digit: str) -> Result:
    """Collect until the number is whole; each digit starts the timer again."""
    most = item.digits if isinstance(item, Match) else item.most
    if isinstance(item, Digits) and digit == END_KEY:
        return number(flow, state, item, state.entered)
    entered = state.entered + digit
    if len(entered) < most:
        return but(state, entered=entered, speaking=False), [_listen(item)]
    return number(flow, state, item, entered)


# --- speech ----------------------------------------------------------------------------------------------------------


def _speech(flow: Flow, state: State, event: SpeechBegan | Spoke) -> Result:
    """Speech means something at a question that may be answered by it, and to what is read back."""
    item = flow.steps[state.step]
    if not isinstance(item, Question) or item.voice is None:
        return state, []
    if isinstance(event, SpeechBegan):
        return _speech_began(state, item)
    if state.mode is not Mode.LISTENING or not state.speaking:
        return state, []
    if state.confirming is not None:
        return _confirmed_by_voice(flow, but(state, speaking=False), item, event)
    return _spoke(flow, state, item, item.voice, event)


def _speech_began(state: State, item: Question) -> Result:
    """A word stops a prompt that may be barged over; then the recogniser's reading is awaited."""
    if state.mode is Mode.LISTENING:
        return but(state, speaking=True), []
    if state.mode is not Mode.PLAYING or not (item.barge_in or state.confirming is not None):
        return state, []
    return but(state, mode=Mode.LISTENING, playing=(), speaking=True), [StopPlaying()]


def _spoke(flow: Flow, state: State, item: Question, task: VoiceTask, event: Spoke) -> Result:
    held, spoke = state.held, (event.start_ms, event.end_ms)
    heard = but(state, speaking=False, held=None, spoken=event.candidates, spoke_ms=spoke)
    said = understand(task, event.candidates)
    if held is not None:
        return _key_beside_speech(flow, heard, item, held, said.value)
    if said.wish == "agent":
        return enter(flow, heard, flow.agent, "wish")
    if said.wish == "repeat":
        return play(flow, heard, prompts_of(item, heard))
    if said.value is None:
        return no_match(flow, heard, item)
    return _said_value(flow, heard, item, said.value, said.sure)


def _said_value(flow: Flow, state: State, item: Question, value: str, sure: bool) -> Result:
    """What was understood: taken when it is sure, else read back; numbers of the client's identity never are."""
    if judging.picked(item, value, state) is None or (isinstance(item, Match) and not sure):
        return no_match(flow, state, item)
    if not isinstance(item, Match) and (not sure or item.confirm == "always"):
        return read_back(flow, state, item, value)
    if isinstance(item, Match | Digits):
        return number(flow, state, item, value)
    return answered(flow, state, item, value)


def _key_beside_speech(flow: Flow, state: State, item: Question, key: Key, said: str | None) -> Result:
    """A key pressed while he spoke. What contradicts itself is read back, as the key has it."""
    value = judging.value_of_key(item, key.digit, state)
    if value is None or said is None or said == value:
        return _pressed(flow, state, item, key)
    return read_back(flow, _with_key(state, item, key), item, value)


def _wait_for_confirmation(state: State, item: Question) -> Result:
    listening = but(state, mode=Mode.LISTENING, playing=())
    return listening, [Listen(item.no_input.after_ms, "key", confirmation(item))]


def _key_in_confirmation(flow: Flow, state: State, item: Question, key: Key) -> Result:
    pressed = but(state, mode=Mode.LISTENING, playing=(), speaking=False)
    stop: list[Action] = [StopPlaying()] if state.mode is Mode.PLAYING else []
    match key.digit:
        case "0":
            after, actions = enter(flow, pressed, flow.agent, "wish")
        case "1":
            after, actions = _confirmed(flow, _with_key(pressed, item, key), item)
        case "2":
            after, actions = _denied(flow, _with_key(pressed, item, key), item)
        case _:
            after, actions = _unclear(flow, pressed, item)
    return after, [*stop, *actions]


def _confirmed_by_voice(flow: Flow, state: State, item: Question, event: Spoke) -> Result:
    said = understand(VoiceTask("confirm", flow.language), event.candidates)
    if said.wish == "agent":
        return enter(flow, state, flow.agent, "wish")
    if said.sure and said.value == "yes":
        return _confirmed(flow, state, item)
    if said.sure and said.value == "no":
        return _denied(flow, state, item)
    return _unclear(flow, state, item)


def _confirmed(flow: Flow, state: State, item: Question) -> Result:
    value = state.confirming or ""
    if isinstance(item, Digits):
        return number(flow, state, item, value)
    return answered(flow, state, item, value)


def _denied(flow: Flow, state: State, item: Question) -> Result:
    """It was misheard: the question is asked again, as after any answer that means nothing."""
    return no_match(flow, but(state, confirming=None), item)


def _unclear(flow: Flow, state: State, item: Question) -> Result:
    """Neither yes nor no to what was read back: it is read once more, and counted."""
    counted = but(state, no_match=state.no_match + 1)
    if counted.no_match >= item.no_match.limit:
        return leave(flow, but(counted, confirming=None), item, "no_match")
    return read_back(flow, counted, item, state.confirming or "")


# --- silence ---------------------------------------------------------------------------------------------------------


def _waited(flow: Flow, state: State, event: Silence | Recorded) -> Result:
    """The waiting is over: an answer was spoken, or nothing came."""
    item = flow.steps[state.step]
    if isinstance(item, Question) and state.confirming is not None:
        return _unclear(flow, state, item)
    if isinstance(item, Digits) and len(state.entered) >= item.least:
        return number(flow, state, item, state.entered)
    if not isinstance(item, Open) or not isinstance(event, Recorded) or event.speech_ms <= 0:
        return _silent(flow, state)
    heard = but(state, spoke_ms=(event.start_ms, event.end_ms))
    kept, stored = store(heard, judging.answer(item, "recorded", None, heard, by="ivr"))
    after, actions = enter(flow, kept, item.outcomes["recorded"], "recorded")
    return after, [stored, *actions]


def _silent(flow: Flow, state: State) -> Result:
    item = flow.steps[state.step]
    if not isinstance(item, Question):
        return state, []
    if state.held:  # he spoke, and nothing more is told of it: the key counts
        return _pressed(flow, but(state, speaking=False), item, state.held)
    return again_or_leave(flow, but(state, no_input=state.no_input + 1), item, "no_input")


def _again(flow: Flow, state: State, retry: Retry, cause: str) -> Result:
    """Play a passage again from its start, or leave it."""
    if state.not_played < retry.limit:
        return play(flow, state, flow.steps[state.step].prompts)
    return enter(flow, state, retry.then, cause)


# --- agents, screens and ends ----------------------------------------------------------------------------------------


def _agent_event(flow: Flow, state: State, event: Event) -> Result:
    item = flow.steps[state.step]
    match state.mode, event:
        case (Mode.SCREEN | Mode.AGENT | Mode.WRAP_UP, Read() | Picked()) if event.step == state.at:
            return _on_screen(flow, state, event)
        case Mode.RINGING, PromptFinished():
            return but(state, playing=()), []
        case Mode.RINGING, AgentJoined(agent_id=agent):
            joined = but(state, mode=Mode.AGENT, agent=agent, playing=())
            return joined, [*_silence_if(state), Show(state.at)]
        case Mode.RINGING, AgentUnavailable() if isinstance(item, Handoff):
            after, actions = enter(flow, but(state, mode=Mode.PLAYING), item.unavailable, "unavailable")
            return after, [*_silence_if(state), *actions]
        case Mode.AGENT | Mode.WRAP_UP | Mode.SCREEN, AgentLeft(outcome=outcome) if state.medium != "form":
            reasons = (state.why,) if outcome else (state.why, f"no_outcome:{state.step}")
            return finish(state, Verdict(outcome, None, reasons), hang_up=state.mode is Mode.AGENT)
        case _:
            return state, []


def _on_screen(flow: Flow, state: State, event: Read | Picked) -> Result:
    """Somebody has read the step that is shown, or picked an answer."""
    by: By = "client" if state.medium == "form" else "agent"
    match flow.steps[state.at], event:
        case Say() as item, Read():
            told, proof = proved(state, item, by)
            after, actions = enter(flow, told, item.next, "next")
            return after, [*proof, *actions]
        case End(), Read() if state.mode is Mode.SCREEN:
            return finish(state, state.verdict or Verdict(None, None, ()))
        case Question() as item, Picked(value=given):
            return _picked(flow, state, item, given, by)
        case _:
            return state, []


def _picked(flow: Flow, state: State, item: Question, given: str, by: By) -> Result:
    """A wrong answer does not end a talk with a human: he goes on with the next question, the verdict stays."""
    value = judging.picked(item, given, state)
    passed = None if value is None else judging.passes(item, value, state)
    if value is None or (isinstance(item, Match | Digits) and passed is False):
        return _refused(flow, but(state, no_match=state.no_match + 1), item, by)
    kept, stored = store(state, judging.answer(item, value, passed, state, by=by))
    outcome = judging.outcome(item, value, passed)
    target = item.outcomes[outcome]
    if passed is False and isinstance(flow.steps[target], Handoff):
        target = _onward(item)
    after, actions = enter(flow, kept, target, cause_of(outcome, passed), outcome)
    return after, [stored, *actions]


def _refused(flow: Flow, state: State, item: Question, by: By) -> Result:
    """It is none of the question's values: shown again, and after the limit left unanswered."""
    if state.no_match < item.no_match.limit or state.medium != "form":
        return state, [Show(item.id)]
    wrong = False if isinstance(item, Match) else None
    kept, stored = store(state, judging.answer(item, None, wrong, state, by=by))
    after, actions = enter(flow, kept, item.no_match.then, "no_match")
    return after, [stored, *actions]


def _onward(item: Question) -> str:
    """Where the right answer leads."""
    wanted = getattr(item, "expected", "any")
    return item.outcomes[wanted] if wanted in item.outcomes else next(iter(item.outcomes.values()))


def _silence_if(state: State) -> list[Action]:
    return [StopPlaying()] if state.playing else []


def _hung_up(flow: Flow, state: State) -> Result:
    """The rules of the module docstring for a client who is gone."""
    reason = f"hung_up:{state.step}"
    match state.mode:
        case Mode.AGENT | Mode.WRAP_UP:
            return but(state, mode=Mode.WRAP_UP), []
        case Mode.CLOSING if state.verdict:
            return finish(state, replace(state.verdict, reasons=(*state.verdict.reasons, reason)))
        case Mode.RINGING:
            return finish(state, Verdict(None, None, (state.why, reason)))
        case _:
            return finish(state, Verdict("passed" if complete(flow, state) else None, None, (reason,)))
