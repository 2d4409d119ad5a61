"""Makes one plain list of steps out of a flow: passages put in, shared questions filled in, defaults written out.

What comes out names every target, every text and every limit by itself, so that nothing has to be looked up any more:
it is what the interpreter walks, what the hash is taken over, and what a reader of an old version sees.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import cast

from ivr_flows.document import Document, Place, Tree
from ivr_flows.errors import FlowError
from ivr_flows.library import Fields, Library

VERBS = ("say", "ask", "match", "choice", "scale", "digits", "open", "appointment", "handoff", "use", "end")
QUESTIONS = ("ask", "match", "choice", "scale", "digits", "open", "appointment")
OWN = ("rules", "when", "pass", "check", "keys", "options", "length", "mask", "top", "slots", "outcome", "follow_up")
SCOPED = ("barge_in", "voice", "confirm", "max", "silence")
RETRIES = ("no_input", "no_match", "not_played")
DIGITS = "0123456789"


@dataclass(slots=True)
class Flat:
    """A flow without anything to look up: steps in order, the texts that they say, and where each step is written."""

    steps: dict[str, dict[str, Tree]] = field(default_factory=dict)
    texts: dict[str, Fields] = field(default_factory=dict)
    origins: dict[str, tuple[Document, Place]] = field(default_factory=dict)
    faults: list[FlowError] = field(default_factory=list)

    def error(self, step: str, keys: Iterable[str], code: str, message: str, hint: str) -> FlowError:
        """A fault of a step, at the place of the first key path that is written there."""
        document, place = self.origins[step]
        return document.error((*place, *keys), code, message, hint)


@dataclass(frozen=True, slots=True)
class _Frame:
    """A document while its steps are written out: the flow itself, or a passage at the step that uses it."""

    document: Document
    ids: Mapping[str, str]
    """Its step names as ids of the whole flow."""
    space: str = ""
    """What stands before the ids of its texts."""
    exits: Mapping[str, str] = field(default_factory=dict)
    roots: Mapping[str, str] = field(default_factory=dict)

    @property
    def fields(self) -> Fields:
        return cast("Fields", self.document.tree)


def flatten(document: Document, library: Library) -> Flat:
    """The flow of `document`; its faults come with it, as far as they concern names and defaults."""
    fields = cast("Fields", document.tree)
    names = cast("Fields", fields["steps"])
    roots = {name: str(fields[name]) for name in ("agent", "closing")}
    made = _Flattener(library, Flat())
    made.document(_Frame(document, {name: name for name in names}, roots=roots))
    return made.flat


@dataclass(frozen=True, slots=True)
class _Flattener:
    library: Library
    flat: Flat

    def document(self, frame: _Frame) -> None:
        """Write out every step of the frame's document."""
        for name, body in cast("Fields", frame.fields["steps"]).items():
            one = _Body(frame, name, cast("Fields", body))
            self.flat.origins[frame.ids[name]] = (frame.document, ("steps", name))
            if "use" in one.fields:
                self._use(one)
            else:
                self._step(one)

    # --- passages ----------------------------------------------------------------------------------------------------

    def _use(self, one: _Body) -> None:
        name, step = str(one.fields["use"]), one.id
        passage = self.library.passage(name)
        if passage is None or not isinstance(passage.tree, dict) or "steps" not in passage.tree:
            known = ", ".join(self.library.passages()) or "none"
            self._fault(one, ("use",), "unknown-passage", f"no passage is called {name}", f"there are: {known}")
            return
        exits = [str(name) for name in cast("list[Tree]", passage.tree["exits"])]
        targets = self._outcomes(one, exits, {})
        names = list(cast("Fields", passage.tree["steps"]))
        ids = {other: f"{step}.{other}" for other in names} | {names[0]: step}
        left = {exit: str(target) for exit, target in targets.items()}
        self.document(_Frame(passage, ids, name, left, one.frame.roots))
        self._condition(one)

    def _condition(self, one: _Body) -> None:
        """A passage with a condition is skipped as a whole: by its first step."""
        if "when" in one.fields and (first := self.flat.steps.get(one.id)) is not None:
            first["when"] = one.fields["when"]
            first["otherwise"] = self._target(one, str(one.fields["otherwise"]), ("otherwise",))

    # --- steps -------------------------------------------------------------------------------------------------------

    def _step(self, one: _Body) -> None:
        one = self._with_question(one)
        verb = next((verb for verb in VERBS if verb in one.fields), None)
        if verb is None:
            return
        made: dict[str, Tree] = {verb: list(self._said(one, one.fields[verb], (verb,)))}
        own = (*OWN, "digits") if verb == "match" else OWN  # there it is their number, elsewhere a verb
        made |= {key: one.fields[key] for key in own if key in one.fields}
        made |= {key: found for key in SCOPED if (found := self._scoped(one, verb, key)[0]) is not None}
        if "otherwise" in one.fields:
            made["otherwise"] = self._target(one, str(one.fields["otherwise"]), ("otherwise",))
        if verb in QUESTIONS:
            self._question(one, verb, made)
        elif verb == "say":
            made["next"] = self._target(one, str(one.fields["next"]), ("next",))
            self._mandatory(one, made)
        elif verb == "handoff":
            made["unavailable"] = self._target(one, str(one.fields["unavailable"]), ("unavailable",))
        self.flat.steps[one.id] = made

    def _mandatory(self, one: _Body, made: dict[str, Tree]) -> None:
        if one.fields.get("mandatory") == "yes":
            made["mandatory"] = "yes"
            made["not_played"] = self._retry(one, "say", "not_played") or {
                "limit": "3",
                "then": self._root("agent", one),
            }

    def _question(self, one: _Body, verb: str, made: dict[str, Tree]) -> None:
        made["question"] = str(one.fields.get("question", one.name))
        made["outcomes"] = self._outcomes(one, _values(verb, one.fields), self._wrong(one, verb))
        for key in ("no_input", "no_match"):
            retry = self._retry(one, verb, key)
            if retry is None:
                message, hint = f"{one.id} has no {key}, and no defaults for it", "write it, or defaults"
                self._fault(one, (), "missing-key", message, hint)
                retry = {"after": "6s", "limit": "1", "then": self._root("agent", one)}
            made[key] = retry
        made["echo"] = self._echo(one, verb, made)
        if verb == "appointment":
            times = range(1, int(str(one.fields.get("slots", "3"))) + 1)
            offers = ([f"slot_{time}", f"slot_press_{time}"] for time in times)
            made["offers"] = [list(self._said(one, cast("Tree", names), (verb,))) for names in offers]

    def _with_question(self, one: _Body) -> _Body:
        """The step with what `questions.yaml` says of its question."""
        if any(verb in one.fields for verb in VERBS):
            return one
        name = str(one.fields.get("question", ""))
        shared = cast("Fields", cast("Fields", self.library.questions.tree)["questions"])
        if name not in shared:
            known = "write its verb here, or the question in questions.yaml"
            self._fault(one, ("question",), "unknown-question", f"no shared question is called {name}", known)
            return one
        body = cast("Fields", shared[name])
        texts = cast("Fields", body["texts"])
        filled = {key: value for key, value in body.items() if key != "texts"} | dict(one.fields)
        return _Body(one.frame, one.name, filled, name, texts)

    def _wrong(self, one: _Body, verb: str) -> Mapping[str, str]:
        """The values that the rule does not want, and where they lead; `wrong` is what a check refuses."""
        wanted, values = one.fields.get("pass"), _values(verb, one.fields)
        bad = [value for value in values if wanted not in (None, "any", value)]
        if verb in ("ask", "choice") and "check" in one.fields:
            bad.append("wrong")
        if not bad:
            return {}
        target = self._defaulted_target(one, verb, "wrong")
        return {value: target for value in bad if target}

    def _defaulted_target(self, one: _Body, verb: str, key: str) -> str | None:
        found, frame = self._scoped(one, verb, key)
        return None if found is None else self._target_in(frame, one, str(found), (key,))

    def _outcomes(self, one: _Body, values: Iterable[str], wrong: Mapping[str, str]) -> dict[str, Tree]:
        given = cast("Fields", one.fields.get("outcomes", {}))
        wanted = [*values, *(value for value in wrong if value == "wrong")]
        for name in given.keys() - set(wanted):
            hint = f"its outcomes are {', '.join(wanted) or 'none'}"
            self._fault(one, ("outcomes", name), "open-outcomes", f"{one.id} has no outcome {name}", hint)
        made: dict[str, Tree] = {}
        for value in wanted:
            if value in given:
                made[value] = self._target(one, str(given[value]), ("outcomes", value))
            elif value in wrong:
                made[value] = wrong[value]
            elif "next" in one.fields:
                made[value] = self._target(one, str(one.fields["next"]), ("next",))
            else:
                hint = "handle it under outcomes, or write next"
                self._fault(one, ("outcomes",), "open-outcomes", f"{one.id}: {value} leads nowhere", hint)
        return made

    # --- defaults ----------------------------------------------------------------------------------------------------

    def _scoped(self, one: _Body, verb: str, key: str) -> tuple[Tree | None, _Frame]:
        """The value of `key` for a step and the document it stands in: the step's, its verb's, the document's own."""
        if key in one.fields:
            return one.fields[key], one.frame
        common = _Frame(self.library.common, {}, "", {}, one.frame.roots)
        for frame in (one.frame, common):
            defaults = cast("Fields", frame.fields.get("defaults", {}))
            for scope in (cast("Fields", defaults.get(verb, {})), defaults):
                if key in scope:
                    return scope[key], frame
        return None, one.frame

    def _retry(self, one: _Body, verb: str, key: str) -> dict[str, Tree] | None:
        found, frame = self._scoped(one, verb, key)
        if found is None:
            return None
        fields = cast("Fields", found)
        made: dict[str, Tree] = dict(fields)
        made["then"] = self._target_in(frame, one, str(fields["then"]), (key, "then"))
        said = cast("Fields", fields.get("say", {}))
        owner = one if frame is one.frame else _Body(frame, one.name, one.fields, step=one.id)
        made["say"] = {count: list(self._said(owner, ids, (key, "say", count))) for count, ids in said.items()}
        return made

    # --- names -------------------------------------------------------------------------------------------------------

    def _root(self, name: str, one: _Body) -> str:
        return one.frame.roots[name]

    def _target(self, one: _Body, name: str, keys: tuple[str, ...]) -> str:
        return self._target_in(one.frame, one, name, keys)

    def _target_in(self, frame: _Frame, one: _Body, name: str, keys: tuple[str, ...]) -> str:
        """The id of a target: an exit, a step of the same document, or the flow's agent or closing."""
        for known in (frame.exits, frame.ids, frame.roots):
            if name in known:
                return known[name]
        message = f"{one.id}: {'.'.join(keys)} leads to {name}, which is no step"
        self._fault(one, keys, "dangling-target", message, "name an existing step")
        return name

    def _said(self, one: _Body, given: Tree, keys: tuple[str, ...]) -> Iterator[str]:
        """The ids of what is said, each text kept once."""
        names = [given] if isinstance(given, str) else given
        for name in names:
            found = self._text(one, str(name))
            if found is None:
                message = f"{one.id} says {name}, which has no text"
                self._fault(one, keys, "missing-prompt", message, "write its text under texts")
            else:
                yield found

    def _text(self, one: _Body, name: str) -> str | None:
        own = cast("Fields", one.frame.fields.get("texts", {}))
        common = cast("Fields", cast("Fields", self.library.common.tree or {}).get("texts", {}))
        spaces = ((one.question, one.texts), (one.frame.space, own), ("", common))
        for space, texts in spaces:
            if name in texts:
                full = f"{space}.{name}" if space and space != name else name
                self.flat.texts[full] = cast("Fields", texts[name])
                return full
        return None

    def _echo(self, one: _Body, verb: str, made: Mapping[str, Tree]) -> dict[str, Tree]:
        """What reads a spoken answer back, when the step may be answered by voice; else nothing."""
        if made.get("voice") != "yes" or verb in ("match", "open", "appointment"):
            return {}
        spoken = _echoed(verb, one.fields)
        if spoken is None:
            return {}
        frame = {"_before": "read_back_before", "_after": "read_back_after"}
        return {value: list(self._said(one, name, (verb,))) for value, name in (frame | spoken).items()}

    def _fault(self, one: _Body, keys: tuple[str, ...], code: str, message: str, hint: str) -> None:
        """At the step where it is written, else in the defaults of its document or of those in common."""
        document, place = self.flat.origins[one.id]
        if keys and (*place, *keys[:1]) not in document.places:
            verb = next((verb for verb in VERBS if verb in one.fields), "")
            places = (("defaults", verb, *keys), ("defaults", *keys))
            found = [(d, p) for d in (document, self.library.common) for p in places if p in d.places]
            document, place = found[0] if found else (document, place)
            keys = () if found else keys
        self.flat.faults.append(document.error((*place, *keys), code, message, hint))


@dataclass(frozen=True, slots=True)
class _Body:
    """One step as it is written, in its document."""

    frame: _Frame
    name: str
    fields: Fields
    question: str = ""
    texts: Fields = field(default_factory=dict)
    step: str = ""

    @property
    def id(self) -> str:
        return self.step or self.frame.ids[self.name]


def _values(verb: str, fields: Fields) -> list[str]:
    """The closed set of outcomes of a verb."""
    match verb:
        case "ask":
            return ["yes", "no"]
        case "choice":
            return list(cast("Fields", fields["options"]))
        case "appointment":
            return ["agreed", "none"]
        case _:
            return [{"match": "matched", "scale": "marked", "digits": "entered", "open": "recorded"}[verb]]


def _echoed(verb: str, fields: Fields) -> dict[str, str] | None:
    """Value -> text id; None when a value has no words of its own, so that it cannot be read back."""
    match verb:
        case "ask":
            return {"yes": "value_yes", "no": "value_no"}
        case "scale":
            return {mark: f"mark_{mark}" for mark in DIGITS[1 : int(str(fields.get("top", "5"))) + 1]}
        case "digits":
            return {digit: f"digit_{digit}" for digit in DIGITS}
        case _:
            options = cast("Mapping[str, Fields]", fields["options"])
            named = {value: str(option["text"]) for value, option in options.items() if {"text", "said"} <= set(option)}
            return named if len(named) == len(options) else None
