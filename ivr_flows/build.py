"""Turns a document that fits the schema into typed steps: durations to milliseconds, defaults into every step."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Literal, TypedDict, cast

from ivr_flows.document import Tree
from ivr_flows.model import (
    Ask,
    Choice,
    End,
    Flow,
    FollowUp,
    Handoff,
    Match,
    Open,
    OutcomeName,
    Prompt,
    Retry,
    Say,
    Scale,
    Step,
)

Fields = Mapping[str, "Tree"]

_UNITS = {"ms": 1, "s": 1000, "m": 60_000}
_BARGE_IN = frozenset({"match", "choice", "scale"})
_NOT_PLAYED_LIMIT = 3


def flow(tree: Fields, company: str, lines: Mapping[str, int]) -> Flow:
    """Build the flow; `company` is spoken wherever a text says {company}, `lines` are the line of each step."""
    prompts = {
        name: prompt(name, _text(tree, "language"), str(text), company) for name, text in _map(tree, "prompts").items()
    }
    steps = {
        name: _Step(tree, name, cast("Fields", body), lines.get(name, 0)).build()
        for name, body in _map(tree, "steps").items()
    }
    return Flow(
        name=_text(tree, "flow"),
        version=int(_text(tree, "version")),
        language=_text(tree, "language"),
        title=_text(tree, "title"),
        company=company,
        entry=_text(tree, "entry"),
        agent=_text(tree, "agent"),
        max_turns=int(_text(tree, "max_turns")),
        steps=steps,
        prompts=prompts,
        hash=identity(tree, company),
        document=tree,
    )


def identity(tree: Fields, company: str) -> str:
    """The flow's identity: sha256 over the canonical document with the firm's name filled in (C-09)."""
    canonical = json.dumps(
        {"company": company, "document": tree}, ensure_ascii=False, sort_keys=True, separators=(",", ":")
    )
    return hashlib.sha256(canonical.encode()).hexdigest()


def prompt(name: str, language: str, text: str, company: str) -> Prompt:
    """A prompt; one that is a single {fact} is spoken in the call."""
    if text.startswith("{") and text.endswith("}") and text != "{company}":
        return Prompt(name, language, "", text[1:-1])
    return Prompt(name, language, " ".join(text.replace("{company}", company).split()))


def milliseconds(text: str) -> int:
    """ "800ms", "6s" or "2m" as milliseconds."""
    number = text.rstrip("ms")
    return int(number) * _UNITS[text[len(number) :]]


def _text(fields: Fields, name: str) -> str:
    return str(fields[name])


def _map(fields: Fields, name: str) -> Fields:
    return cast("Fields", fields.get(name, {}))


def _names(value: Tree) -> tuple[str, ...]:
    return tuple(str(item) for item in cast("Iterable[Tree]", value))


class _Common(TypedDict):
    id: str
    prompts: tuple[str, ...]
    barge_in: bool
    when: str | None
    otherwise: str | None
    rules: tuple[str, ...]
    line: int


class _QuestionFields(TypedDict):
    question: str
    outcomes: Mapping[str, str]
    no_input: Retry
    no_match: Retry


class _Step:
    """One step's fields with its defaults at hand: the step's own, then the verb's, then the flow's."""

    def __init__(self, tree: Fields, name: str, body: Fields, line: int) -> None:
        self._tree, self._name, self._body, self._line = tree, name, body, line
        self._verb = next(verb for verb in _BUILDERS if verb in body)

    def build(self) -> Step:
        return _BUILDERS[self._verb](self)

    def say(self) -> Say:
        mandatory = self._flag("mandatory", False)
        lost = self._lost() if mandatory else None
        return Say(**self._common(), next=_text(self._body, "next"), mandatory=mandatory, not_played=lost)

    def ask(self) -> Ask:
        keys = self._strings("keys") or {"1": "yes", "2": "no"}
        wanted = cast('Literal["yes", "no", "any"]', _text(self._body, "pass"))
        return Ask(**self._common(), **self._question(), keys=keys, expected=wanted)

    def match(self) -> Match:
        check, digits = _text(self._body, "check"), int(_text(self._body, "digits"))
        return Match(**self._common(), **self._question(), check=check, digits=digits)

    def choice(self) -> Choice:
        return Choice(**self._common(), **self._question(), keys=self._strings("keys"))

    def scale(self) -> Scale:
        return Scale(**self._common(), **self._question(), top=int(str(self._body.get("top", "5"))))

    def open(self) -> Open:
        longest, silence = (milliseconds(_text(self._body, name)) for name in ("max", "silence"))
        return Open(**self._common(), **self._question(), max_ms=longest, silence_ms=silence)

    def handoff(self) -> Handoff:
        return Handoff(**self._common(), unavailable=_text(self._body, "unavailable"))

    def end(self) -> End:
        outcome = cast("OutcomeName | None", self._body.get("outcome"))
        return End(**self._common(), outcome=outcome, follow_up=cast("FollowUp | None", self._body.get("follow_up")))

    def _common(self) -> _Common:
        return {
            "id": self._name,
            "prompts": _names(self._body[self._verb]),
            "barge_in": self._flag("barge_in", self._verb in _BARGE_IN),
            "when": cast("str | None", self._body.get("when")),
            "otherwise": cast("str | None", self._body.get("otherwise")),
            "rules": _names(self._body.get("rules", [])),
            "line": self._line,
        }

    def _question(self) -> _QuestionFields:
        return {
            "question": _text(self._body, "question"),
            "outcomes": self._strings("outcomes"),
            "no_input": _retry(cast("Fields", self._scoped("no_input"))),
            "no_match": _retry(cast("Fields", self._scoped("no_match"))),
        }

    def _scoped(self, name: str) -> Tree | None:
        defaults = _map(self._tree, "defaults")
        scopes = (self._body, _map(defaults, self._verb), defaults)
        return next((scope[name] for scope in scopes if name in scope), None)

    def _flag(self, name: str, default: bool) -> bool:
        value = self._scoped(name)
        return default if value is None else value == "true"

    def _strings(self, name: str) -> dict[str, str]:
        return {key: str(value) for key, value in _map(self._body, name).items()}

    def _lost(self) -> Retry:
        fields = self._scoped("not_played")
        return _retry(cast("Fields", fields)) if fields else Retry(_NOT_PLAYED_LIMIT, _text(self._tree, "agent"))


def _retry(fields: Fields) -> Retry:
    said = _map(fields, "say")
    after = milliseconds(_text(fields, "after")) if "after" in fields else 0
    prompts = tuple(_names(said[count]) for count in sorted(said))
    return Retry(int(_text(fields, "limit")), _text(fields, "then"), prompts, after)


_BUILDERS: Mapping[str, Callable[[_Step], Step]] = {
    "say": _Step.say,
    "ask": _Step.ask,
    "match": _Step.match,
    "choice": _Step.choice,
    "scale": _Step.scale,
    "open": _Step.open,
    "handoff": _Step.handoff,
    "end": _Step.end,
}
