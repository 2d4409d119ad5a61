"""What a scenario expects, compared with what happened. Every difference is a sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from ivr_flows.events import Answer, Event, Key, Play, Recorded, Spoke
from ivr_flows.rehearsal.model import NONE, Expected, Forbidden, Kind, Scenario, Turn
from ivr_flows.rehearsal.names import said as is_said
from ivr_flows.rehearsal.runner import turn_name
from ivr_flows.rehearsal.trace import Moment, Trace, rang, said, stored


def judge(scenario: Scenario, trace: Trace) -> list[str]:
    """Everything that differs; empty: the call went as the scenario tells."""
    return [*_turns(trace), *_whole(scenario.expected, trace), *_kind(scenario.kind, trace)]


# --- turns -----------------------------------------------------------------------------------------------------------


def _turns(trace: Trace) -> Iterator[str]:
    ends = [act.moments for act in trace.acts[1:]] + [len(trace.moments)]
    for act, end in zip(trace.acts, ends, strict=True):
        if act.turn is not None:
            window = trace.moments[act.moments : end]
            yield from (f"{turn_name(act.turn.place)}: {problem}" for problem in _turn(act.turn, window))


def _turn(turn: Turn, window: Sequence[Moment]) -> Iterator[str]:
    wanted, steps = turn.expected, [moment.state.step for moment in window]
    if wanted.at is not None and wanted.at not in steps:
        yield f"the flow is at {steps[-1] if steps else 'no step'}, not at {wanted.at}"
    if wanted.read_back is not None and wanted.read_back != _read_back(window):
        yield "the answer is not read back" if wanted.read_back else "the answer is read back"
    yield from _common(wanted, window)
    yield from _within(wanted, window)


def _read_back(window: Sequence[Moment]) -> bool:
    return any(moment.state.confirming is not None for moment in window)


def _within(wanted: Expected, window: Sequence[Moment]) -> Iterator[str]:
    """From the key, or the end of the words, to the first prompt after it."""
    if wanted.within_ms is None:
        return
    first = next((moment for moment in window if any(isinstance(action, Play) for action in moment.actions)), None)
    took = None if first is None else first.at_ms - _done_at(first.event, window[0].at_ms)
    if took is None or took > wanted.within_ms:
        yield f"the next prompt comes {'never' if took is None else f'after {took} ms'}, not within {wanted.within_ms}"


def _done_at(event: Event | None, began_ms: int) -> int:
    match event:
        case Key(at_ms=at):
            return at
        case Spoke(end_ms=at) | Recorded(end_ms=at):
            return at
        case _:
            return began_ms


# --- turn or call ----------------------------------------------------------------------------------------------------


def _common(wanted: Expected, window: Sequence[Moment]) -> Iterator[str]:
    spoken, kept, reasons = list(said(window)), list(stored(window)), list(rang(window))
    yield from (f"{text} is not said" for text in wanted.said if not is_said(spoken, text))
    for question, value in wanted.stored.items():
        yield from _answer(question, value, kept)
    if wanted.agent is not None and wanted.agent not in (reasons or [NONE]):
        yield f"an agent is rung for {', '.join(reasons) or 'nothing'}, not for {wanted.agent}"
    yield from _never(wanted.never, window, spoken, kept, reasons)


def _answer(question: str, value: str | None, kept: Sequence[Answer]) -> Iterator[str]:
    found = [answer.value or NONE for answer in kept if question in (answer.step, answer.question)]
    if not found:
        yield f"no answer to {question} is kept"
    elif value is not None and value not in found:
        yield f"the answer to {question} is {', '.join(found)}, not {value}"


def _never(
    never: Forbidden, window: Sequence[Moment], spoken: Sequence[str], kept: Sequence[Answer], reasons: Sequence[str]
) -> Iterator[str]:
    answered = {name for answer in kept for name in (answer.step, answer.question)}
    steps = {moment.state.step for moment in window}
    forbidden: Iterable[tuple[tuple[str, ...], Callable[[str], bool], str]] = (
        (never.stored, lambda name: name in answered, "an answer to {} is kept"),
        (never.said, lambda name: is_said(spoken, name), "{} is said"),
        (never.at, lambda name: name in steps, "the flow is at {}"),
        (never.agent, lambda name: any(reason.startswith(name) for reason in reasons), "an agent is rung for {}"),
    )
    for names, happened, words in forbidden:
        yield from (f"{words.format(name)}, which must not happen" for name in names if happened(name))


def _whole(wanted: Expected, trace: Trace) -> Iterator[str]:
    yield from _common(wanted, trace.moments)
    verdict = trace.verdict
    outcome = (verdict.outcome if verdict else None) or NONE
    follow_up = (verdict.follow_up if verdict else None) or NONE
    if verdict is None:
        yield "the flow has no end"
    never = wanted.never
    ends = (
        ("outcome", outcome, wanted.outcome, never.outcome),
        ("follow_up", follow_up, wanted.follow_up, never.follow_up),
    )
    for what, have, want, unwanted in ends:
        if want is not None and have != want:
            yield f"{what} is {have}{_because(trace)}, not {want}"
        if have in unwanted:
            yield f"{what} is {have}, which must not happen"
    if wanted.reasons and (verdict is None or not set(wanted.reasons) <= set(verdict.reasons)):
        yield f"the reasons are {', '.join(verdict.reasons) if verdict else 'none'}, not {', '.join(wanted.reasons)}"
    yield from _asked(wanted, trace)
    if wanted.lasts_at_most_ms is not None and trace.lasted_ms > wanted.lasts_at_most_ms:
        yield f"the call lasts {trace.lasted_ms / 1000:.0f} s, not {wanted.lasts_at_most_ms / 1000:.0f} s at most"


def _because(trace: Trace) -> str:
    reasons = trace.verdict.reasons if trace.verdict else ()
    return f" ({', '.join(reasons)})" if reasons else ""


def _asked(wanted: Expected, trace: Trace) -> Iterator[str]:
    steps = {moment.state.step for moment in trace.moments}
    yield from (f"{step} is not asked" for step in wanted.asked if step not in steps)
    yield from (f"{step} is asked, which must not happen" for step in wanted.not_asked if step in steps)


# --- kinds -----------------------------------------------------------------------------------------------------------


def _kind(kind: Kind, trace: Trace) -> Iterator[str]:
    """Whether the call is of the kind that the scenario claims: a name alone rehearses nothing."""
    verdict = trace.verdict
    outcome, follow_up = (verdict.outcome, verdict.follow_up) if verdict else (None, None)
    outcomes = {outcome for _, outcome, _ in trace.path}
    shown = {
        "pass": outcome == "passed",
        "failing": any(answer.passed is False for answer in stored(trace.moments)),
        "silence": any(word in ("silence", "recorded nothing") for word in trace.client_events),
        "inconvenient": follow_up == "appointment",
        "wrong_person": outcome is None and any(_last(step) == "wrong_person" for step in _steps(trace)),
        "refusal": outcome == "refused",
        "wish": "wish" in outcomes,
        "other": True,
    }
    if not shown[kind]:
        yield f"the call is not of the kind {kind}{_because(trace)}"


def _steps(trace: Trace) -> Iterator[str]:
    return (target for _, _, target in trace.path)


def _last(step: str) -> str:
    return step.rpartition(".")[2]
