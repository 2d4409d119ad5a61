"""Turns a flattened flow into typed steps in one language: durations to milliseconds, texts to prompts."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Literal, TypedDict, cast

from ivr_flows.document import Tree
from ivr_flows.flatten import Flat
from ivr_flows.library import Fields
from ivr_flows.model import (
    Appointment,
    Ask,
    Choice,
    Confirm,
    Digits,
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
    VoiceTask,
)

_UNITS = {"ms": 1, "s": 1000, "m": 60_000}
_BARGE_IN = frozenset({"match", "choice", "scale", "digits", "appointment"})
PAUSES = " ，,。.、；;：:"
"""What stands around a spoken fact and is not spoken itself."""
_FIELD = re.compile(r"(\{\w+\})")
_YES_NO = {"1": "yes", "2": "no"}
_VOICES: Mapping[str, Literal["yes_no", "digits", "scale", "choice"]] = {
    "ask": "yes_no",
    "match": "digits",
    "digits": "digits",
    "scale": "scale",
    "choice": "choice",
}


def flow(tree: Fields, flat: Flat, language: str, company: str, *, sources: Mapping[str, str]) -> Flow:
    """Build the flow in `language`; `company` is spoken wherever a text says {company}.

    `tree` is the flow's own document (name, title, entry...), `flat` its steps written out, `sources` its files.
    """
    said = {name: prompts(name, language, str(texts[language]), company) for name, texts in flat.texts.items()}
    builders = {name: _Step(name, body, said, flat.origins[name], language) for name, body in flat.steps.items()}
    head = {key: str(tree[key]) for key in ("flow", "version", "entry", "body", "closing", "agent", "max_turns")}
    title = str(cast("Fields", tree["title"])[language])
    texts = {name: str(texts[language]) for name, texts in flat.texts.items()}
    document = {**head, "title": title, "language": language, "texts": texts, "steps": flat.steps}
    return Flow(
        name=head["flow"],
        version=int(head["version"]),
        language=language,
        title=title,
        company=company,
        entry=head["entry"],
        body=head["body"],
        closing=head["closing"],
        agent=head["agent"],
        max_turns=int(head["max_turns"]),
        steps={name: builder.build() for name, builder in builders.items()},
        prompts={prompt.id: prompt for pieces in said.values() for prompt in pieces},
        hash=identity(document, company),
        parts=(head["flow"],),
        document=document,
        sources=sources,
    )


def identity(document: Mapping[str, object], company: str) -> str:
    """The flow's identity: sha256 over the canonical flattened document with the firm's name filled in (C-09)."""
    canonical = json.dumps(
        {"company": company, "document": document}, ensure_ascii=False, sort_keys=True, separators=(",", ":")
    )
    return hashlib.sha256(canonical.encode()).hexdigest()


def prompts(name: str, language: str, text: str, company: str) -> tuple[Prompt, ...]:
    """A text as prompts: what is fixed, and between it each {fact} that is spoken in the call."""
    pieces = [piece for piece in _FIELD.split(text.replace("{company}", company)) if piece.strip(PAUSES)]
    if len(pieces) == 1:
        return (_prompt(name, language, pieces[0]),)
    return tuple(_prompt(f"{name}.{number}", language, piece.lstrip(PAUSES)) for number, piece in enumerate(pieces, 1))


def _prompt(name: str, language: str, piece: str) -> Prompt:
    if _FIELD.fullmatch(piece):
        return Prompt(name, language, "", piece[1:-1])
    return Prompt(name, language, " ".join(piece.split()))


def milliseconds(text: str) -> int:
    """ "800ms", "6s" or "2m" as milliseconds."""
    number = text.rstrip("ms")
    return int(number) * _UNITS[text[len(number) :]]


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
    voice: VoiceTask | None
    confirm: Confirm
    echo: Mapping[str, tuple[str, ...]]


class _Step:
    """One flattened step in one language."""

    def __init__(
        self, name: str, body: Fields, said: Mapping[str, tuple[Prompt, ...]], origin: tuple[object, ...], language: str
    ) -> None:
        self._name, self._body, self._texts, self._language = name, body, said, language
        self._verb = next(verb for verb in _BUILDERS if verb in body)
        document, place = origin
        self._line = getattr(document, "places", {}).get(place, (0, 0))[0]

    def build(self) -> Step:
        return _BUILDERS[self._verb](self)

    def say(self) -> Say:
        lost = self._retry("not_played") if "not_played" in self._body else None
        return Say(**self._common(), next=self._text("next"), mandatory=self._flag("mandatory"), not_played=lost)

    def ask(self) -> Ask:
        wanted = cast('Literal["yes", "no", "any"]', self._body.get("pass", "any"))
        return Ask(**self._common(), **self._question(), keys=self._keys(), expected=wanted, check=self._check())

    def match(self) -> Match:
        return Match(**self._common(), **self._question(), check=self._text("check"), digits=int(self._text("digits")))

    def choice(self) -> Choice:
        wanted = str(self._body.get("pass", "any"))
        return Choice(**self._common(), **self._question(), keys=self._keys(), expected=wanted, check=self._check())

    def scale(self) -> Scale:
        return Scale(**self._common(), **self._question(), top=self._top())

    def digits(self) -> Digits:
        length = cast("Fields", self._body["length"])
        least, most = int(str(length["min"])), int(str(length["max"]))
        masked, check = self._flag("mask"), self._check()
        return Digits(**self._common(), **self._question(), least=least, most=most, masked=masked, check=check)

    def open(self) -> Open:
        longest, silence = (milliseconds(self._text(name)) for name in ("max", "silence"))
        return Open(**self._common(), **self._question(), max_ms=longest, silence_ms=silence)

    def appointment(self) -> Appointment:
        offers = tuple(self._said(offer) for offer in cast("Iterable[Tree]", self._body["offers"]))
        return Appointment(**self._common(), **self._question(), offers=offers)

    def handoff(self) -> Handoff:
        return Handoff(**self._common(), unavailable=self._text("unavailable"))

    def end(self) -> End:
        outcome = cast("OutcomeName | None", self._body.get("outcome"))
        return End(**self._common(), outcome=outcome, follow_up=cast("FollowUp | None", self._body.get("follow_up")))

    def _common(self) -> _Common:
        return {
            "id": self._name,
            "prompts": self._said(self._body[self._verb]),
            "barge_in": self._flag("barge_in", self._verb in _BARGE_IN),
            "when": cast("str | None", self._body.get("when")),
            "otherwise": cast("str | None", self._body.get("otherwise")),
            "rules": tuple(str(rule) for rule in cast("Iterable[Tree]", self._body.get("rules", []))),
            "line": self._line,
        }

    def _question(self) -> _QuestionFields:
        echo = cast("Fields", self._body["echo"])
        return {
            "question": self._text("question"),
            "outcomes": {name: str(target) for name, target in cast("Fields", self._body["outcomes"]).items()},
            "no_input": self._retry("no_input"),
            "no_match": self._retry("no_match"),
            "voice": self._voice(bool(echo)),
            "confirm": cast("Confirm", self._body.get("confirm", "unsure")),
            "echo": {value: self._said(names) for value, names in echo.items()},
        }

    def _voice(self, echoed: bool) -> VoiceTask | None:
        if not self._flag("voice") or not (echoed or self._verb == "match"):
            return None
        return VoiceTask(_VOICES[self._verb], self._language, options=self._spoken())

    def _spoken(self) -> dict[str, tuple[str, ...]]:
        """Each value and how it is said; a mark only by its number (the words for it are the recogniser's data)."""
        if self._verb == "scale":
            return {str(mark): () for mark in range(1, self._top() + 1)}
        if self._verb != "choice":
            return {}
        options = cast("Mapping[str, Mapping[str, Fields]]", self._body["options"])
        heard = {value: cast("Iterable[Tree]", option["said"][self._language]) for value, option in options.items()}
        return {value: tuple(str(phrase) for phrase in phrases) for value, phrases in heard.items()}

    def _keys(self) -> dict[str, str]:
        if self._verb == "choice":
            options = cast("Mapping[str, Fields]", self._body["options"])
            return {str(option["key"]): value for value, option in options.items()}
        given = cast("Fields", self._body.get("keys", _YES_NO))
        return {key: str(value) for key, value in given.items()}

    def _check(self) -> str | None:
        return str(self._body["check"]) if "check" in self._body else None

    def _top(self) -> int:
        return int(str(self._body.get("top", "5")))

    def _text(self, name: str) -> str:
        return str(self._body[name])

    def _flag(self, name: str, default: bool = False) -> bool:
        return default if name not in self._body else self._body[name] == "yes"

    def _said(self, names: Tree) -> tuple[str, ...]:
        return tuple(prompt.id for name in cast("Iterable[Tree]", names) for prompt in self._texts[str(name)])

    def _retry(self, name: str) -> Retry:
        fields = cast("Fields", self._body[name])
        said = cast("Fields", fields.get("say", {}))
        after = milliseconds(str(fields["after"])) if "after" in fields else 0
        prompts = tuple(self._said(said[count]) for count in sorted(said))
        return Retry(int(str(fields["limit"])), str(fields["then"]), prompts, after)


_BUILDERS: Mapping[str, Callable[[_Step], Step]] = {
    "say": _Step.say,
    "ask": _Step.ask,
    "match": _Step.match,
    "choice": _Step.choice,
    "scale": _Step.scale,
    "digits": _Step.digits,
    "open": _Step.open,
    "appointment": _Step.appointment,
    "handoff": _Step.handoff,
    "end": _Step.end,
}
