"""A version of a script as people read it: its steps in order, each with everything that is said and where it leads.

Read from the flattened document that the version kept, not from the flow built of it: what was said years ago stays
readable whatever this program has become since.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import cast

VERBS = ("say", "ask", "match", "choice", "scale", "digits", "open", "appointment", "handoff", "end")
TOLD = ("pass", "check", "mandatory", "digits", "top", "length", "mask", "max", "silence", "slots", "outcome",
        "follow_up", "when", "voice", "confirm", "barge_in", "question")  # fmt: skip
"""What else stands at a step, in the order in which it is shown; a verb's own texts are shown as texts."""

Tree = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Text:
    """Something that is said at a step: `role` is when (`said`, `option 1 ready`, `no_input 2`, `read_back yes`...).

    Of an option it is what the client may say for it; `heard` is the same in the other language.
    """

    role: str
    words: str


@dataclass(frozen=True, slots=True)
class ReadStep:
    """One step: its verb, its texts, the rules it serves, its conditions, and where each outcome leads."""

    id: str
    verb: str
    texts: tuple[Text, ...]
    rules: tuple[str, ...] = ()
    told: tuple[tuple[str, str], ...] = ()
    leads: tuple[tuple[str, str], ...] = ()

    @property
    def words(self) -> str:
        """What is said when the step begins."""
        return " ".join(text.words for text in self.texts if text.role == "said")


def steps_of(document: Tree, company: str) -> dict[str, ReadStep]:
    """Step id -> step, in the order of the script; {company} is filled in, facts stay `{fact}`."""
    texts = {name: str(text).replace("{company}", company) for name, text in _tree(document.get("texts")).items()}
    steps = _tree(document.get("steps"))
    language = str(document.get("language", ""))
    return {name: _step(name, cast("Tree", body), texts, language) for name, body in steps.items()}


def head_of(document: Tree) -> dict[str, str]:
    """What is said of the whole script: title, version, where it begins and ends."""
    return {name: str(value) for name, value in document.items() if name not in ("steps", "texts")}


def _step(name: str, body: Tree, texts: Mapping[str, str], language: str) -> ReadStep:
    verb = next((verb for verb in VERBS if isinstance(body.get(verb), list)), "")
    return ReadStep(
        id=name,
        verb=verb,
        texts=tuple(_texts(verb, body, texts, language)),
        rules=tuple(str(rule) for rule in cast("list[object]", body.get("rules", []))),
        told=tuple((key, _plain(body[key])) for key in TOLD if key in body and key != verb),
        leads=tuple(_leads(body)),
    )


def _texts(verb: str, body: Tree, texts: Mapping[str, str], language: str) -> Iterator[Text]:
    def said(role: str, names: object) -> Iterator[Text]:
        words = [texts.get(str(name), str(name)) for name in cast("list[object]", names)]
        if words:
            yield Text(role, " ".join(words))

    yield from said("said", body.get(verb, []))
    for value, option in _tree(body.get("options")).items():
        yield from _option(value, cast("Tree", option), language)
    for number, offer in enumerate(cast("list[object]", body.get("offers", [])), 1):
        yield from said(f"offer {number}", offer)
    for retry in ("no_input", "no_match", "not_played"):
        for time, names in _tree(_tree(body.get(retry)).get("say")).items():
            yield from said(f"{retry} {time}", names)
    for value, names in _tree(body.get("echo")).items():
        yield from said(f"read_back {value.strip('_')}", names)


def _option(value: str, option: Tree, own: str) -> Iterator[Text]:
    for language, phrases in sorted(_tree(option.get("said")).items(), key=lambda one: one[0] != own):
        role = f"option {option.get('key', '')} {value}" if language == own else f"heard {value} {language}"
        yield Text(role, " / ".join(str(phrase) for phrase in cast("list[object]", phrases)))


def _leads(body: Tree) -> Iterator[tuple[str, str]]:
    if "otherwise" in body:
        yield "otherwise", str(body["otherwise"])
    for outcome in ("next", "unavailable"):
        if outcome in body:
            yield outcome, str(body[outcome])
    for outcome, target in _tree(body.get("outcomes")).items():
        yield outcome, str(target)
    for retry in ("no_input", "no_match", "not_played"):
        if retry in body:
            fields = _tree(body[retry])
            after = f" {fields['after']}" if "after" in fields else ""
            yield f"{retry}{after} ×{fields.get('limit', '')}", str(fields.get("then", ""))


def _tree(value: object) -> dict[str, object]:
    return dict(value) if isinstance(value, Mapping) else {}


def _plain(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {entry}" for key, entry in value.items())
    return str(value)
