"""Reads policy packs: a shipped one by name, a firm's own by path; ``extends`` lays one over another.

The rule of this module: a pack is right as a whole or refused with file, line and column. A mapping is laid over the
mapping below it key by key; lists, texts and the blocks of ``WHOLE`` replace what stood there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar, cast

from core.yaml import Document, Value, Where, check_schema, load_strict
from dialer.calling.dispositions import NOT_THE_CLIENTS, Disposition
from dialer.programmes.errors import PackError
from dialer.programmes.facts import WEEKDAYS, Span
from dialer.programmes.model import (
    Cap,
    ContactRules,
    DayKind,
    Deadline,
    Exemption,
    FollowUp,
    Pack,
    Per,
    Programme,
    Quota,
    Retention,
    Retries,
    Rung,
    Unit,
    Windows,
)
from dialer.programmes.scope import Expression, ScopeError, parse_scope
from dialer.programmes.strictness import loosened

PACKS = Path(__file__).parent / "packs"
SCHEMA = Path(__file__).parent / "pack.schema.json"
OPEN = "open"
WHOLE = frozenset({"windows", "trigger", "deadline"})
CONTACT = ("windows", "caps", "interval", "ring_limit", "retries", "follow_ups")
_UNITS = {"s": "seconds", "min": "minutes", "h": "hours", "d": "days"}
T = TypeVar("T")


def shipped_packs() -> tuple[str, ...]:
    """Names of the packs that come with the program."""
    return tuple(sorted(path.stem for path in PACKS.glob("*.yaml")))


def load_pack(pack: str) -> Pack:
    """The pack of that name or in that file (setting ``firm.pack``); YamlError or PackError names the mistake.

    A pack may be stricter than the one it extends, never weaker (``strictness``). Open values are not a mistake of the
    pack: ``Pack.runnable`` refuses them when the pack is to be used.
    """
    chain = _chain(_find(pack, Path()))
    built = _built(chain)
    weaker = list(loosened(built, _built(chain[1:]))) if len(chain) > 1 else []
    if weaker:
        raise PackError(f"{chain[0].source}: weaker than the rules of {built.lineage[0]}: {'; '.join(weaker)}")
    return built


def _built(chain: Sequence[Document]) -> Pack:
    lineage = tuple(_text_of(document, "pack") for document in chain[1:])
    return _Builder(_Layers(tuple(reversed(chain)))).pack(lineage)


def _find(pack: str, beside: Path) -> Path:
    if re.fullmatch(r"\w+", pack):
        shipped = PACKS / f"{pack}.yaml"
        if shipped.exists():
            return shipped
    elif (beside / pack).exists():
        return beside / pack
    raise PackError(
        f"there is no policy pack {pack!r}: give one of {', '.join(shipped_packs())} or the path of your own YAML file"
    )


def _chain(path: Path) -> list[Document]:
    """The pack's document and those it extends, nearest first."""
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    documents: list[Document] = []
    seen: set[Path] = set()
    following: Path | None = path
    while following is not None:
        if following.resolve() in seen:
            raise PackError(f"{path}: extends itself by way of {documents[-1].source}; remove one `extends`")
        seen.add(following.resolve())
        document = load_strict(following)
        check_schema(document, schema)
        documents.append(document)
        base = cast("dict[str, Value]", document.data).get("extends")
        following = _find(str(base), following.parent) if base else None
    return documents


def _text_of(document: Document, key: str) -> str:
    return str(cast("dict[str, Value]", document.data)[key])


class _Layers:
    """Documents laid over one another, the lowest first; knows which of them a value came from."""

    def __init__(self, documents: tuple[Document, ...]) -> None:
        self._owners: dict[Where, Document] = {(): documents[-1]}
        self.data: dict[str, Value] = {}
        for document in documents:
            data = dict(cast("dict[str, Value]", document.data))
            self.data = self._laid(self.data, data, (), document)

    def _laid(
        self, below: Mapping[str, Value], above: Mapping[str, Value], where: Where, owner: Document
    ) -> dict[str, Value]:
        merged = dict(below)
        for key, value in above.items():
            here = (*where, key)
            under = below.get(key)
            self._owners[here] = owner
            deep = isinstance(under, dict) and isinstance(value, dict) and key not in WHOLE
            base = under if deep and isinstance(under, dict) else {}
            merged[key] = self._laid(base, value, here, owner) if isinstance(value, dict) else value
        return merged

    def error(self, where: Where, message: str) -> PackError:
        """A PackError at the line and column where that value stands."""
        known = where
        while known not in self._owners:
            known = known[:-1]
        return PackError(f"{self._owners[known].at(where)}: {message}")


@dataclass(frozen=True, slots=True)
class _Part:
    """A value of the pack together with its place; reads its own parts, typed."""

    layers: _Layers
    where: Where
    value: Any

    def has(self, key: str) -> bool:
        return key in self.value

    def part(self, key: str | int) -> _Part:
        if isinstance(key, str) and key not in self.value:
            raise self.error(f"{key} is missing")
        return _Part(self.layers, (*self.where, key), self.value[key])

    def parts(self, key: str) -> list[_Part]:
        if not self.has(key):
            return []
        inner = self.part(key)
        return [
            inner.part(name) for name in (inner.value if isinstance(inner.value, dict) else range(len(inner.value)))
        ]

    def text(self, key: str, default: str | None = None) -> str:
        return default if default is not None and not self.has(key) else str(self.part(key).value)

    def texts(self, key: str) -> tuple[str, ...]:
        return tuple(str(part.value) for part in self.parts(key))

    def typed(self, key: str, kind: Callable[[str], T]) -> T:
        part = self.part(key)
        try:
            return kind(part.value)
        except (ValueError, ScopeError) as error:
            raise part.error(str(error)) from error

    def error(self, message: str) -> PackError:
        return self.layers.error(self.where, message)


class _Builder:
    """Turns the merged text into typed values."""

    def __init__(self, layers: _Layers) -> None:
        self._root = _Part(layers, (), layers.data)

    def pack(self, lineage: tuple[str, ...]) -> Pack:
        root = self._root
        enabled = [part for part in root.parts("programmes") if part.text("enabled", "yes") == "yes"]
        programmes = {str(part.where[-1]): _programme(part) for part in enabled}
        self._check_names(programmes)
        return Pack(
            name=root.text("pack"),
            title=root.text("title", root.text("pack")),
            title_en=root.text("title_en", root.text("pack")),
            lineage=lineage,
            programmes=programmes,
            retention={str(p.where[-1]): _retention(p) for p in root.parts("retention") if p.value != OPEN},
            contact=None if self._open_contact else self._contact(),
            excluded_series=frozenset(_excluded(root)),
            open_values=(*self._open_contact, *_open_elsewhere(root, programmes)),
        )

    @cached_property
    def _open_contact(self) -> tuple[str, ...]:
        return tuple(key for key in CONTACT if self._root.text(key, OPEN) == OPEN)

    def _contact(self) -> ContactRules:
        root, follow_ups = self._root, self._root.part("follow_ups")
        return ContactRules(
            windows=_windows(root.part("windows")),
            caps=tuple(_cap(part) for part in root.parts("caps")),
            interval=root.typed("interval", duration),
            retries=_retries(root.part("retries")),
            ring_limit=root.typed("ring_limit", duration),
            promised_callback=_follow_up(follow_ups.part("promised_callback")),
            appointment=_follow_up(follow_ups.part("appointment")),
        )

    def _check_names(self, programmes: Mapping[str, Programme]) -> None:
        known = self._root.value.get("programmes", {})
        for cap in self._root.parts("caps") if self._root.text("caps", OPEN) != OPEN else ():
            for exempt in cap.parts("exempt"):
                if exempt.value not in known:
                    raise exempt.error(f"there is no programme {exempt.value!r}; there are {', '.join(known)}")
        for key, programme in programmes.items():
            if programme.retention not in self._root.value.get("retention", {}):
                place = self._root.part("programmes").part(key)
                raise place.error(f"retention has no class {programme.retention!r}; add it under retention")


def duration(text: str) -> timedelta:
    """``30s``, ``10min``, ``2h`` or ``1d`` as a time."""
    found = re.fullmatch(r"(\d+)(s|min|h|d)", text)
    if not found:
        raise ValueError(f"{text!r} is not a time; write it like 30s, 10min, 2h or 1d")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def _open_elsewhere(root: _Part, programmes: Mapping[str, Programme]) -> tuple[str, ...]:
    names = [f"retention.{part.where[-1]}" for part in root.parts("retention") if part.value == OPEN]
    for key in programmes:
        programme = root.part("programmes").part(key)
        deadline = programme.value.get("deadline")
        if deadline == OPEN:
            names.append(f"programmes.{key}.deadline")
        elif isinstance(deadline, dict) and _day_is_open(deadline):
            names.append(f"programmes.{key}.deadline.day_type")
    return tuple(names)


def _day_is_open(deadline: Mapping[str, object]) -> bool:
    """A bare "day" says nothing about weekends until the firm does (M-27)."""
    return deadline["unit"] == Unit.DAY and deadline.get("day_type", OPEN) == OPEN


def _windows(part: _Part) -> Windows:
    named = {number: _spans(part, day) for number, day in enumerate(WEEKDAYS) if part.has(day)}
    every = _spans(part, "every")
    if not every and not any(named.values()):
        raise part.error("no window at all; give `every` or the weekdays")
    return Windows(part.typed("days", DayKind), every, named, part.text("rule", "firm"))


def _spans(part: _Part, key: str) -> tuple[Span, ...]:
    spans: list[Span] = []
    for inner in part.parts(key):
        try:
            spans.append(Span.parse(inner.value))
        except ValueError as error:
            raise inner.error(str(error)) from error
    return tuple(sorted(spans))


def _cap(part: _Part) -> Cap:
    return Cap(
        most=part.typed("most", int),
        per=part.typed("per", Per),
        answered_only=part.text("count", "attempts") == "talks",
        exempt=frozenset(part.texts("exempt")),
        rule=part.text("rule", "firm"),
    )


def _retries(part: _Part) -> Retries:
    after = part.part("after")
    rungs = {disposition: _rung(after.part(disposition.value), disposition) for disposition in Disposition}
    return Retries(rungs, part.typed("total", int), part.text("rule", "firm"))


def _rung(part: _Part, disposition: Disposition) -> Rung:
    ours = disposition in NOT_THE_CLIENTS
    if part.value == "never":
        if ours:
            raise part.error(f"{disposition} says nothing about the client and cannot end his call-back; give a delay")
        return Rung(timedelta(0), most=0)
    if ours and part.has("most"):
        raise part.error(f"{disposition} uses up no attempt, so `most` means nothing here; leave it away")
    most = part.typed("most", int) if part.has("most") else None
    return Rung(part.typed("delay", duration), most, part.text("other_day_part", "no") == "yes")


def _follow_up(part: _Part) -> FollowUp:
    return FollowUp(part.typed("delay", duration), part.typed("most", int))


def _excluded(root: _Part) -> tuple[str, ...]:
    return root.part("excluded_series").texts("series") if root.has("excluded_series") else ()


def _retention(part: _Part) -> Retention:
    return Retention(part.typed("amount", int), part.typed("unit", Unit), part.text("rule", "firm"))


def _programme(part: _Part) -> Programme:
    trigger = part.part("trigger")
    programme = Programme(
        key=str(part.where[-1]),
        title=part.text("title"),
        title_en=part.text("title_en", part.text("title")),
        rules=part.texts("rules"),
        scope=part.typed("scope", parse_scope),
        executor=part.text("executor"),
        channels=part.texts("channels"),
        flow=part.text("flow"),
        event=trigger.text("event") if trigger.has("event") else None,
        period=trigger.typed("period", Per) if trigger.has("period") else None,
        deadline=_deadline(part),
        quotas=tuple(_quota(inner) for inner in part.parts("coverage")),
        exemptions=tuple(_exemption(inner) for inner in part.parts("exempt")),
        retention=part.text("retention", "recording"),
    )
    _check_programme(part, programme)
    return programme


def _check_programme(part: _Part, programme: Programme) -> None:
    if not programme.rules:
        raise part.error("rules is missing: name the rules this programme follows")
    if not programme.quotas:
        raise part.error("coverage is missing: give at least one share, such as - {share: 100%}")
    if programme.event and [quota.share for quota in programme.quotas if quota.of is None] != [1]:
        raise part.part("coverage").error(
            "a programme that an event triggers calls every client: give one share of 100%"
        )
    if programme.event and not part.has("deadline"):
        raise part.error("deadline is missing: an event needs one")
    if programme.period and part.has("deadline"):
        raise part.part("deadline").error("a programme per period ends with its period; remove the deadline")


def _deadline(part: _Part) -> Deadline | None:
    if not part.has("deadline") or part.part("deadline").value == OPEN:
        return None
    inner = part.part("deadline")
    day_type = inner.text("day_type", OPEN)
    return Deadline(
        amount=inner.typed("amount", int),
        unit=inner.typed("unit", Unit),
        day_type=None if day_type == OPEN else DayKind(day_type),
        rule=inner.text("rule", "firm"),
    )


def _quota(part: _Part) -> Quota:
    of: Expression | None = part.typed("of", parse_scope) if part.has("of") else None
    return Quota(Fraction(part.text("share").rstrip("%")) / 100, of, part.text("rule", "firm"))


def _exemption(part: _Part) -> Exemption:
    return Exemption(part.typed("when", parse_scope), part.text("reason"), part.text("rule", "firm"))
