"""Turns the merged text of a pack into typed values: what stands for the whole pack, and who is who.

The rule of this module: a value the source leaves open stays open and is named; a contradiction inside one value is an
error at its place.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping
from datetime import date, timedelta

from dialer.calling.dispositions import NOT_THE_CLIENTS, Disposition
from dialer.programmes.build_programme import actions, deadline_of, notice_of, programme_of, retention_of
from dialer.programmes.facts import WEEKDAYS, Span
from dialer.programmes.layers import OPEN, Layers, Part
from dialer.programmes.model import (
    Action,
    Avoidance,
    Cap,
    CapPer,
    ContactRules,
    DayKind,
    Executor,
    FollowUp,
    Hours,
    Merging,
    Pack,
    Per,
    Programme,
    Retries,
    Rung,
    Segment,
    TimeLimit,
    Windows,
)
from dialer.programmes.scope import Expression, parse_scope

CONTACT = ("windows", "caps", "interval", "ring_limit", "retries", "follow_ups")
_UNITS = {"s": "seconds", "min": "minutes", "h": "hours", "d": "days"}


def build(layers: Layers, lineage: tuple[str, ...], digest: str) -> Pack:
    """The pack that the documents of ``layers`` make; PackError at the place of the first mistake."""
    root = layers.root
    open_contact = tuple(key for key in CONTACT if _is_open(root, key))
    programmes = _programmes(root)
    windows = _windows(root.part("windows")) if "windows" not in open_contact else None
    caps = tuple(_cap(part) for part in root.parts("caps"))
    pack = Pack(
        name=root.text("pack"),
        title=root.text("title", root.text("pack")),
        title_en=root.text("title_en", root.text("pack")),
        lineage=lineage,
        programmes=programmes,
        retention=retention_of(root),
        contact=None if open_contact or windows is None else _contact(root, windows, caps),
        windows=windows,
        caps=caps,
        universe=_universe(root),
        groups=_groups(root),
        provisions={p.key: str(p.value) for p in root.parts("provisions") if p.key != "rule"},
        executors={part.key: _executor(part) for part in root.parts("executors")},
        avoidance=tuple(_avoidance(part) for part in root.parts("avoidance")),
        merging=_merging(root),
        refusal=notice_of(root.part("refusal")) if root.given("refusal") else None,
        limits=_limits(root, "problems"),
        reports=_limits(root, "reports"),
        reviewed_on=root.maybe("reviewed_on", date.fromisoformat),
        digest=digest,
        open_values=(*open_contact, *(("universe",) if root.text("universe", "") == OPEN else ())),
        unset=tuple(_open_elsewhere(layers)),
    )
    _check_names(root, pack)
    return pack


def _is_open(root: Part, key: str) -> bool:
    value = root.value.get(key, OPEN)
    return bool(value == OPEN or (isinstance(value, dict) and value.get("time") == OPEN))


def duration(text: str) -> timedelta:
    """``30s``, ``10min``, ``2h`` or ``1d`` as a time."""
    found = re.fullmatch(r"(\d+)(s|min|h|d)", text)
    if not found:
        raise ValueError(f"{text!r} is not a time; write it like 30s, 10min, 2h or 1d")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def _programmes(root: Part) -> dict[str, Programme]:
    shared = actions(root, "outcomes")
    enabled = [part for part in root.parts("programmes") if part.text("enabled", "yes") == "yes"]
    return {part.key: _one(root, part, shared) for part in enabled}


def _one(root: Part, part: Part, shared: Mapping[str, tuple[Action, ...]]) -> Programme:
    return programme_of(part, automatic=root.text("automatic", OPEN), shared=shared)


def _open_elsewhere(layers: Layers) -> Iterable[str]:
    """Open values of the whole pack that stop nothing; those of programmes stay with them."""
    stopping = ("programmes", "universe", *CONTACT)
    inside = [
        place for place in layers.opened if place[0] not in stopping or (place[0] == "windows" and len(place) > 1)
    ]
    return [".".join(map(str, place)) for place in inside]


def _contact(root: Part, windows: Windows, caps: tuple[Cap, ...]) -> ContactRules:
    follow_ups = root.part("follow_ups")
    appointment = follow_ups.part("appointment")
    return ContactRules(
        windows=windows,
        caps=caps,
        interval=_time(root, "interval"),
        retries=_retries(root.part("retries")),
        ring_limit=_time(root, "ring_limit"),
        promised_callback=_follow_up(follow_ups.part("promised_callback")),
        appointment=_follow_up(appointment),
        appointment_early=appointment.maybe("early", duration) or timedelta(0),
    )


def _time(root: Part, key: str) -> timedelta:
    ruled = root.part(key)
    return ruled.typed("time", duration) if isinstance(ruled.value, dict) else root.typed(key, duration)


def _windows(part: Part) -> Windows:
    """The windows; hours of a segment or of appointments that are open leave those clients the ordinary ones."""
    known = [inner for inner in part.parts("segments") if not inner.has("every") or inner.given("every")]
    segments = tuple(Segment(inner.typed("when", parse_scope), _hours(inner)) for inner in known)
    return Windows(_hours(part), segments, _appointments(part))


def _appointments(part: Part) -> Hours | None:
    if not part.given("appointments"):
        return None
    inner = part.part("appointments")
    return None if inner.has("value") and not inner.given("value") else _hours(inner)


def _hours(part: Part) -> Hours:
    named = {number: _spans(part, day) for number, day in enumerate(WEEKDAYS) if part.has(day)}
    every = _spans(part, "every")
    if not every and not any(named.values()):
        raise part.error("no window at all; give `every` or the weekdays")
    return Hours(part.typed("days", DayKind), every, named, part.rule())


def _spans(part: Part, key: str) -> tuple[Span, ...]:
    spans: list[Span] = []
    for inner in part.parts(key):
        try:
            spans.append(Span.parse(inner.value))
        except ValueError as error:
            raise inner.error(str(error)) from error
    spans.sort()
    for first, second in itertools.pairwise(spans):
        if second.start < first.end:
            raise part.part(key).error(f"the windows {first} and {second} overlap; write them as one")
    return tuple(spans)


def _cap(part: Part) -> Cap:
    return Cap(
        most=part.typed("most", int),
        per=part.typed("per", CapPer),
        answered_only=part.text("count", "attempts") == "talks",
        by_number=part.text("of", "client") == "number",
        exempt=frozenset(part.texts("exempt")),
        when=part.maybe("when", parse_scope),
        rule=part.rule(),
    )


def _retries(part: Part) -> Retries:
    after = part.part("after")
    rungs = {disposition: _rung(after.part(disposition.value), disposition) for disposition in Disposition}
    return Retries(rungs, part.typed("total", int), part.rule())


def _rung(part: Part, disposition: Disposition) -> Rung:
    ours = disposition in NOT_THE_CLIENTS
    if part.value == "never":
        if ours:
            raise part.error(f"{disposition} says nothing about the client and cannot end his call-back; give a delay")
        return Rung(timedelta(0), most=0)
    if ours and part.has("most"):
        raise part.error(f"{disposition} uses up no attempt, so `most` means nothing here; leave it away")
    return Rung(part.typed("delay", duration), part.maybe("most", int), part.yes("other_day_part"))


def _follow_up(part: Part) -> FollowUp:
    return FollowUp(part.typed("delay", duration), part.typed("most", int))


def _universe(root: Part) -> Expression | None:
    return root.part("universe").typed("when", parse_scope) if root.given("universe") else None


def _groups(root: Part) -> dict[str, tuple[str, str]]:
    if not root.has("groups"):
        return {}
    return {p.key: (p.text("title"), p.text("title_en", p.text("title"))) for p in root.part("groups").parts("classes")}


def _executor(part: Part) -> Executor:
    title = part.text("title")
    return Executor(
        part.key, title, part.text("title_en", title), part.text("level"), frozenset(part.texts("series")), part.rule()
    )


def _avoidance(part: Part) -> Avoidance:
    rule = Avoidance(
        frozenset(part.texts("series")), part.yes("introducer"), frozenset(part.texts("programmes")), part.rule()
    )
    if not rule.series and not rule.introducer:
        raise part.error("says nobody; give `series` or `introducer: yes`")
    return rule


def _merging(root: Part) -> Merging:
    if not root.has("merge"):
        return Merging()
    part = root.part("merge")
    return Merging(tuple(frozenset(str(name) for name in group.value) for group in part.parts("apart")), part.rule())


def _limits(root: Part, key: str) -> dict[str, TimeLimit]:
    return {part.key: _limit(part) for part in root.parts(key)}


def _limit(part: Part) -> TimeLimit:
    return TimeLimit(
        key=part.key,
        title=part.text("title"),
        title_en=part.text("title_en", part.text("title")),
        owner=part.text("owner", ""),
        to=part.texts("to"),
        within=deadline_of(part, "within"),
        every=part.maybe("every", Per),
        words=part.text("words", ""),
        rule=part.rule(),
    )


def _check_names(root: Part, pack: Pack) -> None:
    """Every programme, executor and group that a value names must be there."""
    known = root.value.get("programmes", {})
    for place in _programme_names(root):
        if place.value not in known:
            raise place.error(f"there is no programme {place.value!r}; there are {', '.join(known)}")
    for part in root.parts("programmes"):
        for key, there in (("executor", pack.executors), ("group", pack.groups)):
            if part.has(key) and there and part.value[key] not in (OPEN, *there):
                raise part.part(key).error(f"there is no {key} {part.value[key]!r}; there are {', '.join(there)}")


def _programme_names(root: Part) -> Iterable[Part]:
    for cap in root.parts("caps"):
        yield from cap.parts("exempt")
    for rule in root.parts("avoidance"):
        yield from rule.parts("programmes")
    for programme in root.parts("programmes"):
        for suppression in programme.parts("suppress"):
            yield from suppression.parts("programmes")
    if root.has("merge"):
        for group in root.part("merge").parts("apart"):
            yield from (group.part(number) for number in range(len(group.value)))
