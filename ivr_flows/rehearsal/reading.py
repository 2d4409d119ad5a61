"""From the checked tree of a document to typed scenarios. No fault is found here: the schema has been through it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

from ivr_flows.build import milliseconds
from ivr_flows.document import Document, Tree
from ivr_flows.events import Candidate
from ivr_flows.model import OutcomeName
from ivr_flows.rehearsal.model import (
    NONE,
    USUAL,
    AgentPolicy,
    Expected,
    Forbidden,
    Kind,
    Leave,
    Place,
    Press,
    Quiet,
    Rehearsals,
    Reply,
    Say,
    Scenario,
    Talk,
    Turn,
)

Fields = Mapping[str, Tree]
SURE, BESIDE = 0.95, 0.04
"""How sure a recogniser is of words without a number; each further reading is a little less likely."""
_YES = frozenset({"true", "yes"})


def rehearsals(document: Document) -> Rehearsals:
    """Every scenario of the document, `usual` first."""
    fields = cast("Fields", document.tree)
    written = cast("Fields", fields.get("scenarios", {}))
    usual = _scenario(fields, USUAL, {"kind": "pass", "expect": {"outcome": "passed"}}, ("answers",))
    made = {name: _scenario(fields, name, cast("Fields", body), ("scenarios", name)) for name, body in written.items()}
    return Rehearsals(str(fields["flow"]), {USUAL: usual, **made}, document)


def _scenario(file: Fields, name: str, body: Fields, place: Place) -> Scenario:
    client = {**cast("Mapping[str, str]", file.get("client", {})), **cast("Mapping[str, str]", body.get("client", {}))}
    answers = {**cast("Fields", file["answers"]), **cast("Fields", body.get("answers", {}))}
    turns = cast("list[Fields]", body.get("turns", []))
    return Scenario(
        name=name,
        kind=cast("Kind", body["kind"]),
        client=client,
        answers={step: _replies(given) for step, given in answers.items()},
        agent=_agent(body.get("agent", "unavailable")),
        turns=tuple(_turn(turn, (*place, "turns", at)) for at, turn in enumerate(turns)),
        expected=_expected(cast("Fields", body.get("expect", {}))),
        place=place,
    )


def _agent(given: Tree) -> AgentPolicy:
    if isinstance(given, dict):
        return AgentPolicy(joins=True, outcome=cast("OutcomeName", given["joins"]))
    return AgentPolicy(joins=given == "joins")


# --- replies ---------------------------------------------------------------------------------------------------------


def _replies(given: Tree) -> tuple[Reply, ...]:
    items = given if isinstance(given, list) else [given]
    return tuple(_reply(item) for item in items)


def _reply(given: Tree) -> Reply:
    if isinstance(given, dict):
        return act(given) or Quiet()
    return Quiet() if given == "silence" else Press(str(given).replace(" ", ""))


def acts(fields: Fields) -> list[str]:
    """What is done, by key; a reply has exactly one of them."""
    return [name for name in ("key", "keys", "say", "speak", "silence", "hang_up") if name in fields]


def act(fields: Fields) -> Reply | None:
    """The reply that a mapping tells; None when it tells none."""
    after = milliseconds(str(fields["after"])) if "after" in fields else None
    match acts(fields):
        case ["key" | "keys" as name]:
            return Press(str(fields[name]).replace(" ", ""), after)
        case ["say"]:
            return Say(_readings(fields["say"], float(str(fields.get("confidence", SURE)))), after)
        case ["speak"]:
            return Talk(milliseconds(str(fields["speak"])), after)
        case ["silence"]:
            return Quiet()
        case ["hang_up"]:
            return Leave(after)
        case _:
            return None


def _readings(given: Tree, confidence: float) -> dict[str, tuple[Candidate, ...]]:
    if isinstance(given, dict):
        return {language: _candidates(words, confidence) for language, words in given.items()}
    words = given if isinstance(given, list) else [given]
    return {_language(str(words[0])): _candidates(given, confidence)}


def _candidates(words: Tree, confidence: float) -> tuple[Candidate, ...]:
    texts = words if isinstance(words, list) else [words]
    return tuple(Candidate(str(text), max(0.0, confidence - BESIDE * at)) for at, text in enumerate(texts))


def _language(text: str) -> str:
    """Words written without their language are in the one of their characters."""
    return "en" if text.isascii() else "zh-CN"


# --- expectations ----------------------------------------------------------------------------------------------------


def _turn(fields: Fields, place: Place) -> Turn:
    return Turn(
        at=_text(fields, "at"),
        reply=act(fields),
        during=_text(fields, "during"),
        expected=_expected(cast("Fields", fields.get("expect", {}))),
        place=place,
    )


def _expected(fields: Fields) -> Expected:
    return Expected(
        at=_text(fields, "at"),
        said=_texts(fields, "said"),
        stored=_stored(fields.get("stored", fields.get("answers", {}))),
        read_back=str(fields["read_back"]) in _YES if "read_back" in fields else None,
        within_ms=_ms(fields, "within"),
        agent=_text(fields, "agent"),
        outcome=_text(fields, "outcome"),
        follow_up=_text(fields, "follow_up"),
        reasons=_texts(fields, "reasons"),
        asked=_texts(fields, "asked"),
        not_asked=_texts(fields, "not_asked"),
        lasts_at_most_ms=_ms(fields, "lasts_at_most"),
        never=_forbidden(cast("Fields", fields.get("never", {}))),
    )


def _forbidden(fields: Fields) -> Forbidden:
    return Forbidden(**{name: _texts(fields, name) for name in fields})


def _stored(given: Tree) -> dict[str, str | None]:
    if isinstance(given, dict):
        return {question: str(value) for question, value in given.items()}
    names = given if isinstance(given, list) else [given]
    return {str(name): None for name in names if name != NONE}


def _text(fields: Fields, name: str) -> str | None:
    return str(fields[name]) if name in fields else None


def _texts(fields: Fields, name: str) -> tuple[str, ...]:
    return tuple(_each(fields.get(name, [])))


def _each(given: Tree) -> Iterator[str]:
    yield from (str(item) for item in (given if isinstance(given, list) else [given]))


def _ms(fields: Fields, name: str) -> int | None:
    return milliseconds(str(fields[name])) if name in fields else None
