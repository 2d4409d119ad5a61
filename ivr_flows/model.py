"""What a flow is: frozen values, built only by the loader, read by the interpreter.

A step is one verb. Every verb has a closed set of outcomes, and every outcome has a target, so that a flow can be
checked before it ever rings at a client's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Language = Literal["zh-CN", "en"]
Confirm = Literal["unsure", "always"]
OutcomeName = Literal["passed", "not_passed", "refused"]
FollowUp = Literal["promised_callback", "appointment"]
Facts = Mapping[str, str]
"""What the call knows about the client: `id_last4`, `developed_by`, `marketer`, `callback_day`..."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """One spoken text. `slot` names the fact to be spoken instead when the text is known only in the call."""

    id: str
    language: str
    text: str
    slot: str | None = None


@dataclass(frozen=True, slots=True)
class VoiceTask:
    """What a recogniser may hear at a step: the kind of answer, its language, and the phrases it is restricted to.

    `options` are the values that count and how each is said (`choice`, `scale`); empty for the other kinds, whose
    words are data of their own (`ivr_flows/phrases`).
    """

    kind: Literal["yes_no", "digits", "scale", "choice", "confirm"]
    language: str
    phrases: tuple[str, ...] = ()
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Retry:
    """What happens when the client is silent, or presses a key that means nothing.

    `prompts[n]` is said after the n-th time (the last one repeats); at the `limit`-th time the flow goes to `then`.
    Counters belong to a step and start again at 0 when the step is entered again.
    """

    limit: int
    then: str
    prompts: tuple[tuple[str, ...], ...] = ()
    after_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StepBase:
    """What every step has: its id, its prompts, and perhaps a condition on the client (`when`, else `otherwise`)."""

    id: str
    prompts: tuple[str, ...]
    barge_in: bool = False
    when: str | None = None
    otherwise: str | None = None
    rules: tuple[str, ...] = ()
    line: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Say(StepBase):
    """A statement. A mandatory one is played to its end or the flow does not go on (outcome `not_played`)."""

    next: str
    mandatory: bool = False
    not_played: Retry | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Question(StepBase):
    """A step that waits for the client; `outcomes` maps what he may answer to the next step.

    `voice` is what he may say (None: keys only), `confirm` when a spoken answer is read back, `echo` the prompts that
    read a value back.
    """

    question: str
    outcomes: Mapping[str, str]
    no_input: Retry
    no_match: Retry
    voice: VoiceTask | None = None
    confirm: Confirm = "unsure"
    echo: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def required(self) -> bool:
        """Whether `passed` needs this question answered rightly (D-02)."""
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask(Question):
    """Yes or no. `expected` is the answer that the rule wants ("any": only recorded, or judged by `check`)."""

    expected: Literal["yes", "no", "any"]
    keys: Mapping[str, str]
    check: str | None = None

    @property
    def required(self) -> bool:
        """Unless any answer will do."""
        return self.expected != "any" or self.check is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Match(Question):
    """Digits compared with what the firm knows, by a named check. "*" is entered for an X, "#" starts again.

    The digits themselves never leave the interpreter: answers and dumps hold stars.
    """

    check: str
    digits: int

    @property
    def required(self) -> bool:
        """Always: nothing passes for a client who was not identified (C-05, D-05)."""
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice(Question):
    """One of a list: key -> value; every value is an outcome. `check` compares the value with what the firm knows."""

    keys: Mapping[str, str]
    expected: str = "any"
    check: str | None = None

    @property
    def required(self) -> bool:
        """When one value is the right one, or a check decides."""
        return self.expected != "any" or self.check is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale(Question):
    """A mark from 1 to `top`; outcome `marked`."""

    top: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Digits(Question):
    """A number of `least` to `most` digits, ended by "#" or by its longest length; outcome `entered`.

    `masked`: answers hold stars. `check` refuses numbers that the firm does not know.
    """

    least: int
    most: int
    masked: bool = False
    check: str | None = None

    @property
    def required(self) -> bool:
        """When a check decides."""
        return self.check is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Open(Question):
    """A spoken answer after a beep, until "#", `silence_ms` of silence, or `max_ms`; outcome `recorded`."""

    max_ms: int
    silence_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Appointment(Question):
    """Offers the times that the call knows (facts `slot_1`...), one a key; outcomes `agreed` and `none`.

    The answer is the time as the fact `slot_at_N` gives it. Times that are not there are not offered.
    """

    offers: tuple[tuple[str, ...], ...]
    """The prompts of each time, in the order of its key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handoff(StepBase):
    """Ring a live agent; when none is free, go to `unavailable`."""

    unavailable: str


@dataclass(frozen=True, slots=True, kw_only=True)
class End(StepBase):
    """Say goodbye and hang up. `outcome` is a candidate: `passed` still needs every pass condition (D-02)."""

    outcome: OutcomeName | None = None
    follow_up: FollowUp | None = None


Step = Say | Ask | Match | Choice | Scale | Digits | Open | Appointment | Handoff | End


def targets(step: Step) -> Mapping[str, str]:
    """Outcome name -> step id, for every outcome of the step's verb and its condition."""
    otherwise = {"otherwise": step.otherwise} if step.otherwise else {}
    return {**otherwise, **_own_targets(step)}


def _own_targets(step: Step) -> Mapping[str, str]:
    match step:
        case Say(next=target, not_played=lost):
            return {"next": target, **({"not_played": lost.then} if lost else {})}
        case Handoff(unavailable=target):
            return {"unavailable": target}
        case End():
            return {}
        case Question():
            return {**step.outcomes, "no_input": step.no_input.then, "no_match": step.no_match.then}


def all_prompts(step: Step) -> tuple[str, ...]:
    """Every prompt id the step can say: its own, its retries', its offers, and what it reads back."""
    said = [step.prompts]
    if isinstance(step, Question):
        said += [*step.no_input.prompts, *step.no_match.prompts, *step.echo.values()]
    if isinstance(step, Appointment):
        said += step.offers
    return tuple(dict.fromkeys(prompt for prompts in said for prompt in prompts))


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """One approved script in one language for one firm; `hash` is the identity stored with every call (C-09).

    `body` is its first question of its own, `closing` the step that ends it well; `parts` are the flows of a merged
    call-back. `sources` are the files that it was made of, so that it can be made again years later.
    """

    name: str
    version: int
    language: str
    title: str
    company: str
    entry: str
    body: str
    closing: str
    agent: str
    max_turns: int
    steps: Mapping[str, Step]
    prompts: Mapping[str, Prompt]
    hash: str
    parts: tuple[str, ...] = ()
    document: Mapping[str, object] = field(default_factory=dict, repr=False, compare=False)
    sources: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)
