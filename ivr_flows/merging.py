"""One contact for several programmes: their flows behind one another, as one flow (一事一扰 avoided).

Opening, identity and closing are the first flow's. Where a flow would end well, the next one's own questions begin. A
question that several of them ask is asked once: the interpreter takes over the answer (`walking.taken_over`), provided
that all of them mean the same by it; otherwise each asks it under its own name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ivr_flows.model import Appointment, Flow, Handoff, Prompt, Question, Retry, Say, Step, targets

JOINED = "+"
"""Between the names, and between the hashes, of what was merged."""


def merge(flows: Sequence[Flow]) -> Flow:
    """One flow for all of them, in their order, each once; a single one is returned as it is.

    Its hash is theirs joined by "+", so that each version can be found; `parts` names them, and the steps of the
    second flow on carry its name: `gal_key.STEP`.
    """
    first, *others = {flow.hash: flow for flow in flows}.values()
    merged = first
    for other in others:
        merged = _joined(merged, other)
    return merged


def _joined(merged: Flow, other: Flow) -> Flow:
    ids = {name: f"{other.name}.{name}" for name in other.steps}
    ids |= {other.agent: merged.agent, other.closing: merged.closing}
    said = {name: _free(prompt, merged, other) for name, prompt in other.prompts.items()}
    asked = {step.question: step for step in merged.steps.values() if isinstance(step, Question)}
    joining = _Joining(other, merged, ids, {name: prompt.id for name, prompt in said.items()}, asked)
    onward = {merged.closing: ids[other.body]}
    steps = {name: _led(step, onward) for name, step in merged.steps.items()}
    steps |= {ids[name]: joining.step(other.steps[name]) for name in _body(other)}
    return replace(
        merged,
        title=f"{merged.title} + {other.title}",
        max_turns=merged.max_turns + other.max_turns,
        steps=steps,
        prompts={**merged.prompts, **{prompt.id: prompt for prompt in said.values()}},
        hash=f"{merged.hash}{JOINED}{other.hash}",
        parts=(*merged.parts, *other.parts),
        document={},
        sources={},
    )


def _body(flow: Flow) -> list[str]:
    """The steps of the flow's own: what can be reached from its body without its closing and its agent."""
    shared = {flow.closing, flow.agent}
    seen, waiting = {flow.body}, [flow.body]
    while waiting:
        new = set(targets(flow.steps[waiting.pop()]).values()) - seen - shared
        seen |= new
        waiting += new
    return [name for name in flow.steps if name in seen]


def _free(prompt: Prompt, merged: Flow, other: Flow) -> Prompt:
    """The prompt under a name that says nothing else in the merged flow."""
    taken = merged.prompts.get(prompt.id, prompt)
    return prompt if (taken.text, taken.slot) == (prompt.text, prompt.slot) else _named(prompt, other.name)


def _named(prompt: Prompt, flow: str) -> Prompt:
    return replace(prompt, id=f"{flow}.{prompt.id}")


@dataclass(frozen=True, slots=True)
class _Joining:
    """How the steps of one flow are called in the merged one."""

    flow: Flow
    merged: Flow
    ids: Mapping[str, str]
    said: Mapping[str, str]
    asked: Mapping[str, Question]

    def step(self, step: Step) -> Step:
        led = _led(step, self.ids)
        named = replace(led, id=self.ids[step.id], prompts=self._said(step.prompts))
        if isinstance(named, Appointment):
            named = replace(named, offers=tuple(self._said(offer) for offer in named.offers))
        return self._question(named) if isinstance(named, Question) else named

    def _question(self, step: Question) -> Step:
        other = self.asked.get(step.question)
        same = other is None or (_same_meaning(step, other) and self._same_words(step, other))
        name = step.question if same else f"{self.flow.name}.{step.question}"
        named: Step = replace(
            step,
            question=name,
            no_input=self._retry(step.no_input),
            no_match=self._retry(step.no_match),
            echo={value: self._said(prompts) for value, prompts in step.echo.items()},
        )  # type: ignore[assignment]
        return named

    def _same_words(self, step: Question, other: Question) -> bool:
        """Whether the client would hear the same twice (`step` says its prompts by their names in the merged flow)."""
        renamed = {new: self.flow.prompts[old] for old, new in self.said.items()}
        said = [(renamed[prompt].text, renamed[prompt].slot) for prompt in step.prompts]
        heard = [(self.merged.prompts[prompt].text, self.merged.prompts[prompt].slot) for prompt in other.prompts]
        return said == heard

    def _retry(self, retry: Retry) -> Retry:
        return replace(retry, prompts=tuple(self._said(prompts) for prompts in retry.prompts))

    def _said(self, prompts: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(self.said[prompt] for prompt in prompts)


def _same_meaning(one: Question, other: Question) -> bool:
    """Whether an answer to the one is an answer to the other, right or wrong for both."""
    judged = ("expected", "check", "keys", "top", "digits")
    return type(one) is type(other) and all(getattr(one, name, None) == getattr(other, name, None) for name in judged)


def _led(step: Step, ids: Mapping[str, str]) -> Step:
    """The step with its targets renamed."""

    def to(name: str) -> str:
        return ids.get(name, name)

    step = replace(step, otherwise=to(step.otherwise)) if step.otherwise else step
    match step:
        case Say(not_played=lost):
            return replace(step, next=to(step.next), not_played=replace(lost, then=to(lost.then)) if lost else None)
        case Handoff():
            return replace(step, unavailable=to(step.unavailable))
        case Question():
            return replace(
                step,
                outcomes={outcome: to(target) for outcome, target in step.outcomes.items()},
                no_input=replace(step.no_input, then=to(step.no_input.then)),
                no_match=replace(step.no_match, then=to(step.no_match.then)),
            )
        case _:
            return step


def versions(flow: str, hashes: str) -> dict[str, str]:
    """Name -> version of each part of what a call ran, from its joined name and hash."""
    return dict(zip(flow.split(JOINED), hashes.split(JOINED), strict=False))
