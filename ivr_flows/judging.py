"""What an answer is worth: which values a question knows, whether one passes, and whether the flow may pass (D-02)."""

from __future__ import annotations

from ivr_flows.checks import MATCHES, VALUES, applies
from ivr_flows.events import Answer, By
from ivr_flows.model import Appointment, Ask, Choice, Digits, Flow, Match, Open, Question, Say, Scale, Step
from ivr_flows.state import State

PLAYED = "played"


def complete(flow: Flow, state: State) -> bool:
    """Whether all that `passed` needs is there: every passage heard, every required answer right, none wrong (D-02)."""
    return not wrong(state) and not missing(flow, state)


def wrong(state: State) -> tuple[str, ...]:
    """Wrong answers, as `wrong:STEP`. Mended by the client alone one stays wrong; an agent may hear it anew."""
    mended = {answer.step for answer in state.answers if answer.by == "agent" and answer.passed}
    bad = (answer.step for answer in state.answers if answer.passed is False and answer.step not in mended)
    return tuple(f"wrong:{step}" for step in dict.fromkeys(bad))


def missing(flow: Flow, state: State) -> tuple[str, ...]:
    """What is owed by this client and has not come, as `missing:STEP`."""
    right = {answer.step for answer in state.answers if answer.passed}
    lacking = (item.id for item in flow.steps.values() if _needed(item) and applies(item, state.facts))
    return tuple(f"missing:{item}" for item in lacking if item not in right and item not in state.heard)


def _needed(item: Step) -> bool:
    return (isinstance(item, Say) and item.mandatory) or (isinstance(item, Question) and item.required)


def passes(item: Question, value: str, state: State) -> bool | None:
    """Whether the rule wants this value; None when it is only recorded."""
    match item:
        case Match():
            return MATCHES[item.check](value, state.facts)
        case Digits(check=str(check)):
            return MATCHES[check](value, state.facts)
        case Ask(check=str(check)) | Choice(check=str(check)):
            return VALUES[check](value, state.facts)
        case Ask(expected=wanted) | Choice(expected=wanted) if wanted != "any":
            return value == wanted
        case _:
            return None


def outcome(item: Question, value: str, passed: bool | None) -> str:
    """The outcome that a value has at this question."""
    match item:
        case Ask() | Choice():
            return "wrong" if passed is False and "wrong" in item.outcomes else value
        case Match():
            return "matched"
        case Scale():
            return "marked"
        case Digits():
            return "entered"
        case Open():
            return "recorded"
        case _:
            return "agreed"


def shown(item: Question, value: str) -> str:
    """The value as it is kept: numbers of a client only as stars."""
    return "*" * len(value) if isinstance(item, Match) or (isinstance(item, Digits) and item.masked) else value


def value_of_key(item: Question, digit: str, state: State) -> str | None:
    """What one key means at a question that takes one key; None when it means nothing."""
    match item:
        case Ask() | Choice():
            return item.keys.get(digit)
        case Scale():
            return digit if digit in marks(item) else None
        case Appointment():
            return slot(item, digit, state)
        case _:
            return None


def marks(item: Scale) -> str:
    """The keys of a scale."""
    return "123456789"[: item.top]


def slot(item: Appointment, digit: str, state: State) -> str | None:
    """The time behind a key; None when none is offered there."""
    offered = digit.isdecimal() and 0 < int(digit) <= len(item.offers) and state.facts.get(f"slot_{digit}")
    return state.facts.get(f"slot_at_{digit}") or digit if offered else None


def picked(item: Question, given: str, state: State) -> str | None:
    """A value chosen or typed on a screen, if it is one of this question's; None otherwise."""
    match item:
        case Ask() | Choice():
            return given if given in item.keys.values() else None
        case Scale():
            return given if given and given in marks(item) else None
        case Appointment():
            return slot(item, given, state)
        case Match():
            typed = given.upper().replace("X", "*")
            return typed if len(typed) == item.digits and typed.strip("0123456789*") == "" else None
        case Digits():
            return given if item.least <= len(given) <= item.most and given.isascii() and given.isdigit() else None
        case _:
            return given.strip() or None


def answer(item: Question, value: str | None, passed: bool | None, state: State, *, by: By) -> Answer:
    """The reply with the evidence that the state holds."""
    start, end = state.spoke_ms or (None, None)
    return Answer(
        question=item.question,
        step=item.id,
        flow=state.flow,
        by=by,
        rules=item.rules,
        value=None if value is None else shown(item, value),
        passed=passed,
        required=item.required,
        keys=state.keys,
        no_input=state.no_input,
        no_match=state.no_match,
        prompts=item.prompts,
        start_ms=start,
        end_ms=end,
        spoken=() if isinstance(item, Match) else state.spoken,
        read_back=state.confirming is not None,
    )


def played(item: Say, state: State, *, by: By) -> Answer:
    """The proof that a mandatory passage was played, or read, to its end."""
    return Answer(
        question=item.id,
        step=item.id,
        flow=state.flow,
        by=by,
        rules=item.rules,
        value=PLAYED,
        passed=True,
        required=True,
        keys=(),
        no_input=0,
        no_match=0,
        prompts=item.prompts,
    )
