"""Going from step to step: entering one, saying it, keeping its answer, leaving it. No I/O, no clock.

The rule of this module: whatever is said is a turn, and turns are limited, so that no call goes on for ever.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from ivr_flows import judging
from ivr_flows.checks import applies
from ivr_flows.events import (
    Action,
    Answer,
    By,
    Finish,
    HangUp,
    Play,
    RingAgent,
    Show,
    Store,
    Verdict,
)
from ivr_flows.model import Appointment, Digits, End, Flow, Handoff, Match, Question, Say, Step, StepBase, VoiceTask
from ivr_flows.state import Mode, State, but

Result = tuple[State, list[Action]]


def enter(flow: Flow, state: State, target: str, cause: str, outcome: str = "") -> Result:
    """Go to `target`, or where its condition sends this client; the step's counters start at 0 again.

    `cause` tells an agent why he is called (`cause:STEP`), `outcome` is the arrow that was walked.
    """
    path = [*state.path, (state.step, outcome or cause, target)]
    item = flow.steps[target]
    while not applies(item, state.facts) and item.otherwise:
        path.append((item.id, "otherwise", item.otherwise))
        item = flow.steps[item.otherwise]
    why, at = (f"{cause}:{state.step}", state.step) if isinstance(item, Handoff) else (state.why, state.at)
    fresh = but(state, step=item.id, at=at, no_input=0, no_match=0, not_played=0, why=why, path=tuple(path))
    if isinstance(item, Question) and len(flow.parts) > 1 and (before := known(fresh, item)):
        return taken_over(flow, fresh, item, before)
    match item:
        case _ if on_screen(state):
            return show(flow, fresh, item)
        case Handoff():
            return ring(flow, fresh, item)
        case End():
            return close(flow, fresh, item)
        case Appointment() if not any(judging.slot(item, str(n), fresh) for n in range(1, len(item.offers) + 1)):
            return enter(flow, fresh, item.outcomes["none"], "none")
        case _:
            return play(flow, fresh, prompts_of(item, fresh))


def prompts_of(item: StepBase, state: State) -> tuple[str, ...]:
    """What is said at a step; an appointment offers the times that are there."""
    if not isinstance(item, Appointment):
        return item.prompts
    offers = (offer for number, offer in enumerate(item.offers, 1) if judging.slot(item, str(number), state))
    return item.prompts + tuple(prompt for offer in offers for prompt in offer)


def known(state: State, item: Question) -> Answer | None:
    """The answer that this question has had at another step of a merged call-back."""
    asked = (one for one in state.answers if one.question == item.question and one.step != item.id)
    return next((one for one in asked if one.value is not None), None)


def taken_over(flow: Flow, state: State, item: Question, before: Answer) -> Result:
    """It is not asked again: the answer counts for this step's rules too. A turn, so that nothing goes in circles."""
    if state.turns >= flow.max_turns:
        return give_up(flow, state)
    hidden = isinstance(item, Match | Digits)
    passed = before.passed if hidden else judging.passes(item, before.value or "", state)
    taken = replace(before, step=item.id, rules=item.rules, passed=passed, required=item.required)
    kept = but(state, answers=(*state.answers, taken), turns=state.turns + 1)
    outcome = judging.outcome(item, before.value or "", passed)
    after, actions = enter(flow, kept, item.outcomes[outcome], cause_of(outcome, passed), outcome)
    return after, [Store(taken), *actions]


def cause_of(outcome: str, passed: bool | None) -> str:
    return "wrong_answer" if passed is False else outcome


def play(flow: Flow, state: State, prompts: tuple[str, ...]) -> Result:
    if state.turns >= flow.max_turns:
        return give_up(flow, state)
    item = flow.steps[state.step]
    fresh = unanswered(state, mode=Mode.PLAYING, playing=prompts, turns=state.turns + 1)
    voice = item.voice if item.barge_in and isinstance(item, Question) else None
    return fresh, [Play(prompts, item.barge_in, voice)]


_UNANSWERED: Mapping[str, Any] = {
    "entered": "",
    "keys": (),
    "held": None,
    "speaking": False,
    "spoken": (),
    "spoke_ms": None,
    "confirming": None,
}


def unanswered(state: State, **changes: Any) -> State:
    """The state with changes; nothing of what was said or pressed so far belongs to what comes."""
    return but(state, **_UNANSWERED, **changes)


def give_up(flow: Flow, state: State) -> Result:
    """The call goes round in circles: to an agent, or where one was already tried, to its end."""
    if not state.agent_tried:
        return enter(flow, state, flow.agent, "limit")
    return finish(state, Verdict(None, None, (f"limit:{state.step}",)), hang_up=True)


def ring(flow: Flow, state: State, item: Handoff) -> Result:
    """Look for an agent at once, while the client is told to hold."""
    ringing = unanswered(state, mode=Mode.RINGING, playing=item.prompts, agent_tried=True, wish=False)
    return ringing, [Play(item.prompts, barge_in=False), RingAgent(state.why, flow.language)]


def close(flow: Flow, state: State, item: End) -> Result:
    closing = but(state, mode=Mode.CLOSING, playing=item.prompts, verdict=judge(flow, state, item))
    return closing, [Play(item.prompts, barge_in=False)]


def judge(flow: Flow, state: State, item: End) -> Verdict:
    """The end's candidate; `passed` only if D-02 holds."""
    because = (state.why,) if state.why else ()
    if item.outcome != "passed" or judging.complete(flow, state):
        return Verdict(item.outcome, item.follow_up, because)
    wrong = judging.wrong(state)
    return Verdict("not_passed" if wrong else None, item.follow_up, (*because, *wrong, *judging.missing(flow, state)))


def on_screen(state: State) -> bool:
    """Whether somebody reads and picks, instead of a call that plays and listens."""
    return state.medium != "call" or state.mode in (Mode.AGENT, Mode.WRAP_UP)


def show(flow: Flow, state: State, item: Step) -> Result:
    """The step is on the screen; a form has no agent to hand over to, so it goes on where none is free."""
    if isinstance(item, Handoff) and state.medium == "form":
        return enter(flow, state, item.unavailable, "unavailable")
    verdict = judge(flow, state, item) if isinstance(item, End) else None
    return unanswered(state, at=item.id, verdict=verdict), [Show(item.id)]


def answered(flow: Flow, state: State, item: Question, value: str) -> Result:
    """The question has its answer: keep it and go where it leads."""
    passed = judging.passes(item, value, state)
    kept, stored = store(state, judging.answer(item, value, passed, state, by="ivr"))
    outcome = judging.outcome(item, value, passed)
    after, actions = enter(flow, kept, item.outcomes[outcome], cause_of(outcome, passed), outcome)
    return after, [stored, *actions]


def store(state: State, answer: Answer) -> tuple[State, Store]:
    return but(state, answers=(*state.answers, answer), entered=""), Store(answer)


def again_or_leave(flow: Flow, state: State, item: Question, cause: Literal["no_input", "no_match"]) -> Result:
    """Ask again with the prompt for this count, or record that there is no answer and go on to the retry's `then`."""
    count, retry = (state.no_input, item.no_input) if cause == "no_input" else (state.no_match, item.no_match)
    if count >= retry.limit:
        return leave(flow, state, item, cause)
    said = retry.prompts[min(count, len(retry.prompts)) - 1] if retry.prompts else ()
    return play(flow, state, (*said, *prompts_of(item, state)))


def no_match(flow: Flow, state: State, item: Question) -> Result:
    return again_or_leave(flow, but(state, no_match=state.no_match + 1), item, "no_match")


def leave(flow: Flow, state: State, item: Question, cause: Literal["no_input", "no_match"]) -> Result:
    refused = cause == "no_match" and isinstance(item, Match | Digits) and item.required
    value = "*" * item.digits if refused and isinstance(item, Match) else None
    kept, stored = store(state, judging.answer(item, value, False if refused else None, state, by="ivr"))
    retry = item.no_input if cause == "no_input" else item.no_match
    after, actions = enter(flow, kept, retry.then, cause)
    return after, [stored, *actions]


def proved(state: State, item: Say, by: By) -> tuple[State, list[Action]]:
    """A mandatory passage leaves its proof (C-06)."""
    if not item.mandatory:
        return state, []
    proof = judging.played(item, state, by=by)
    return but(state, heard=(*state.heard, item.id), answers=(*state.answers, proof)), [Store(proof)]


def read_back(flow: Flow, state: State, item: Question, value: str) -> Result:
    """ "Your answer is ... One if that is right, two if not." """
    if state.turns >= flow.max_turns:
        return give_up(flow, state)
    words = item.echo[value] if value in item.echo else tuple(p for character in value for p in item.echo[character])
    prompts = (*item.echo["_before"], *words, *item.echo["_after"])
    reading = but(
        state, mode=Mode.PLAYING, playing=prompts, turns=state.turns + 1, confirming=value, held=None, speaking=False
    )
    return reading, [Play(prompts, barge_in=True, voice=confirmation(item))]


def confirmation(item: Question) -> VoiceTask | None:
    return VoiceTask("confirm", item.voice.language) if item.voice else None


def number(flow: Flow, state: State, item: Match | Digits, number: str) -> Result:
    """A whole number: right, or refused and asked for again."""
    if judging.picked(item, number, state) is None or judging.passes(item, number, state) is False:
        return no_match(flow, state, item)
    return answered(flow, state, item, number)


def finish(state: State, verdict: Verdict, *, hang_up: bool = False) -> Result:
    ended = but(state, mode=Mode.ENDED, playing=(), verdict=verdict, entered="", held=None)
    return ended, [*([HangUp()] if hang_up else []), Finish(verdict)]
