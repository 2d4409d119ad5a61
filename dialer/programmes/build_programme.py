"""Turns the text of one programme into typed values: whom, when, by when, how many, by whom, and what follows.

The rule of this module: what the source leaves open is noted with its path and stops this programme only.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from core.calendars import Exchange
from dialer.programmes.layers import OPEN, Part
from dialer.programmes.model import (
    VOICE,
    Action,
    Bounds,
    DayKind,
    Deadline,
    Due,
    Exemption,
    KeyTest,
    Lists,
    Notice,
    Per,
    Programme,
    Quota,
    Retention,
    Suppression,
    TopList,
    Trigger,
    Unit,
)
from dialer.programmes.scope import Expression, parse_answers, parse_scope

NOBODY = Expression("open", lambda _: False)
"""Stands for a scope that is open; the programme does not run."""

OWN_END = frozenset({Trigger.PERIOD, Trigger.FESTIVAL})
"""Triggers that bring their own deadline; one that a pack below left open means nothing to them."""

Actions = Mapping[str, tuple[Action, ...]]


def programme_of(part: Part, *, automatic: str, shared: Actions) -> Programme:
    """The programme at ``part``; ``automatic`` and ``shared`` outcomes are the pack's, where it says nothing itself."""
    channels = part.texts("channels")
    if not part.has("channels"):
        raise part.error("channels is missing: name them, or write open")
    due = _due(part)
    programme = Programme(
        key=part.key,
        title=part.text("title"),
        title_en=part.text("title_en", part.text("title")),
        rules=part.texts("rules"),
        due=due,
        scope=part.typed("scope", parse_scope) if part.given("scope") else NOBODY,
        executor=part.text("executor") if part.given("executor") else _missing(part, "executor"),
        channels=channels,
        flow=part.text("flow", ""),
        any_of=tuple(_key_test(inner) for inner in part.parts("any_of") if inner.given("when")),
        special_channels=part.texts("special_channels"),
        group=part.text("group", ""),
        purposes=part.texts("purposes"),
        deadline=None if due.kind in OWN_END else deadline_of(part, "deadline"),
        quotas=tuple(_quota(inner) for inner in part.parts("coverage") if _share_is_given(inner)),
        bounds=tuple(
            _bounds(inner) for inner in part.parts("coverage") if inner.has("at_least") or inner.has("at_most")
        ),
        tops=tuple(_top(inner) for inner in part.parts("top") if inner.given("most")),
        rotation=part.part("rotation").rule() if part.has("rotation") else "",
        spread=part.yes("spread"),
        exemptions=tuple(_exemption(inner) for inner in part.parts("exempt") if inner.given("when")),
        suppressions=tuple(_suppression(inner) for inner in part.parts("suppress")),
        cancelled_by=_cancelled_by(part),
        notice=notice_of(part.part("notice")) if part.has("notice") else None,
        lists=_lists(part.part("lists")) if part.has("lists") else None,
        gates=part.texts("gates"),
        passes=part.part("passes").typed("when", parse_answers) if part.given("passes") else None,
        outcomes={**shared, **actions(part, "outcomes")},
        automatic=_automatic(part, automatic, by_voice=bool(VOICE.intersection(channels))),
        recording=_valued(part, "recording", "required"),
        retention=retention_of(part),
    )
    _check(part, programme)
    return _with_open_values(part, programme)


def _with_open_values(part: Part, programme: Programme) -> Programme:
    mine = [".".join(map(str, place)) for place in part.layers.opened if place[: len(part.where)] == part.where]
    values = {name: getattr(programme, name) for name in Programme.__slots__}
    return Programme(**{**values, "open_values": tuple(mine)})


def _missing(part: Part, key: str) -> str:
    if not part.has(key):
        raise part.error(f"{key} is missing")
    return OPEN


def _valued(part: Part, key: str, default: str) -> str:
    """A word that may stand alone or with its rule as ``{value, rule}``."""
    if not part.has(key):
        return default
    inner = part.part(key)
    word = inner.text("value") if isinstance(inner.value, dict) else str(inner.value)
    if word == OPEN:
        part.note(key)
    return word


def _automatic(part: Part, of_pack: str, *, by_voice: bool) -> bool:
    """Whether the IVR's answer is a valid confirmation (M-03)."""
    word = _valued(part, "automatic", of_pack)
    if by_voice and word == OPEN:
        part.note("automatic")
    return by_voice and word == "yes"


def _due(part: Part) -> Due:
    if not part.given("trigger"):
        if not part.has("trigger"):
            raise part.error("trigger is missing")
        return Due(Trigger.EVENT)
    trigger = part.part("trigger")
    kinds = [kind for kind in Trigger if trigger.has(kind.value)]
    if len(kinds) != 1 and kinds != [Trigger.EVENT, Trigger.PERIOD]:
        raise trigger.error(
            f"give one of {', '.join(kind.value for kind in Trigger)} (a sample of events: event, period)"
        )
    return Due(
        kind=kinds[0],
        events=trigger.texts("event"),
        collapse=trigger.text("collapse", "group"),
        period=trigger.maybe("period", Per),
        times=trigger.maybe("times", int) or 1,
        after=deadline_of(trigger, "inactive"),
        festivals=trigger.texts("festival"),
    )


def _key_test(part: Part) -> KeyTest:
    return KeyTest(part.typed("when", parse_scope), part.text("title"), part.rule())


def deadline_of(part: Part, key: str) -> Deadline | None:
    """The deadline under ``key``; None when there is none or something of it is open."""
    if not part.given(key):
        return None
    inner = part.part(key)
    before = inner.text("before", "")
    if before == "event_date" or (before == "contract_end" and not inner.has("amount")):
        return Deadline(0, Unit.DAY, DayKind.EVERY_DAY, words=inner.text("words", ""), before=before, rule=inner.rule())
    for needed in ("amount", "unit"):
        if not inner.has(needed):
            raise inner.error(f"{needed} is missing; write open when the source gives none")
    given = [inner.given("amount"), inner.given("unit"), _day_is_settled(inner), _exchange_is_settled(inner)]
    return _deadline(inner) if all(given) else None


def _deadline(part: Part) -> Deadline:
    return Deadline(
        amount=part.typed("amount", int),
        unit=part.typed("unit", Unit),
        day_type=part.maybe("day_type", DayKind),
        exchange=part.maybe("exchange", _exchange) or "XSHG",
        words=part.text("words", ""),
        before=part.text("before", ""),
        rule=part.rule(),
    )


def _exchange(text: str) -> Exchange:
    return "XHKG" if text == "XHKG" else "XSHG"


def _day_is_settled(part: Part) -> bool:
    """A bare "day" says nothing about weekends until the firm does (M-27)."""
    if part.text("unit") != Unit.DAY or part.text("day_type", OPEN) != OPEN:
        return True
    part.note("day_type")
    return False


def _exchange_is_settled(part: Part) -> bool:
    return not part.has("exchange") or part.given("exchange")


def _share_is_given(part: Part) -> bool:
    return part.given("share")


def _percent(text: str) -> Fraction:
    return Fraction(text.rstrip("%")) / 100


def _quota(part: Part) -> Quota:
    share = part.typed("share", _percent)
    least, most = part.maybe("at_least", _percent), part.maybe("at_most", _percent)
    if (least is not None and share < least) or (most is not None and share > most):
        bounds = f"{part.text('at_least', '0%')} to {part.text('at_most', '100%')}"
        raise part.part("share").error(f"{part.text('share')} lies outside {bounds} ({part.rule()})")
    return Quota(share, part.maybe("of", parse_scope), part.rule())


def _bounds(part: Part) -> Bounds:
    least, most = part.maybe("at_least", _percent), part.maybe("at_most", _percent)
    return Bounds(least or Fraction(0), Fraction(1) if most is None else most, part.text("of", ""), part.rule())


def _top(part: Part) -> TopList:
    if part.has("by") == part.has("events"):
        raise part.error("give either `by` (a field of the client) or `events` (whose amounts are added up)")
    where = part.maybe("where", parse_scope)
    return TopList(part.typed("most", int), part.text("by", ""), frozenset(part.texts("events")), where, part.rule())


def _exemption(part: Part) -> Exemption:
    return Exemption(part.typed("when", parse_scope), part.text("reason"), part.rule())


def _suppression(part: Part) -> Suppression:
    if part.has("within") == part.has("lookback_months"):
        raise part.error("give either `within` (a calendar period) or `lookback_months`")
    return Suppression(
        programmes=frozenset(part.texts("programmes")),
        reason=part.text("reason"),
        within=part.maybe("within", Per),
        lookback_months=part.maybe("lookback_months", int) or 0,
        same_flow=part.yes("same_flow"),
        rule=part.rule(),
    )


def _cancelled_by(part: Part) -> tuple[str, ...]:
    if not part.has("cancelled_by"):
        return ()
    inner = part.part("cancelled_by")
    return inner.texts("events") if isinstance(inner.value, dict) else part.texts("cancelled_by")


def notice_of(part: Part) -> Notice:
    """The message at ``part``."""
    return Notice(part.texts("contents"), part.texts("channels"), part.text("sender", ""), part.rule())


def _lists(part: Part) -> Lists:
    return Lists(part.text("fixed_by"), part.texts("branch_may"), part.text("thresholds_by", ""), part.rule())


def actions(part: Part, key: str) -> dict[str, tuple[Action, ...]]:
    """What follows each outcome, by outcome."""
    if not part.has(key):
        return {}
    outcomes = part.part(key)
    return {name: tuple(_action(inner) for inner in outcomes.parts(name)) for name in outcomes.value}


def _action(part: Part) -> Action:
    return Action(
        kind=part.text("do"),
        to=part.texts("to"),
        contents=part.texts("contents"),
        channel=part.text("channel", ""),
        within=deadline_of(part, "within"),
        words=part.text("words", ""),
        rule=part.rule(),
    )


def retention_of(part: Part) -> dict[str, Retention]:
    """How long each kind of record is kept, by kind; open kinds are noted."""
    kinds = part.value.get("retention", {})
    return {kind: _retention(part.part("retention").part(kind)) for kind in kinds if part.part("retention").given(kind)}


def _retention(part: Part) -> Retention:
    return Retention(part.typed("amount", int), part.typed("unit", Unit), part.rule())


def _check(part: Part, programme: Programme) -> None:
    """What belongs together in one programme."""
    due = programme.due
    if not programme.rules:
        raise part.error("rules is missing: name the rules this programme follows")
    if programme.by_voice and not programme.flow:
        raise part.error("flow is missing: name the script of the call")
    if due.kind in (Trigger.EVENT, Trigger.PERIOD) and not part.has("coverage") and not part.has("top"):
        raise part.error("coverage is missing: give at least one share, such as - {share: 100%}")
    _check_sample(part, programme)
    if due.kind in (Trigger.EVENT, Trigger.INACTIVE, Trigger.DEPARTURE) and not part.has("deadline"):
        raise part.error("deadline is missing: an event needs one")
    if due.kind in OWN_END and part.text("deadline", OPEN) != OPEN:
        raise part.part("deadline").error("a programme per period ends with its period; remove the deadline")


def _check_sample(part: Part, programme: Programme) -> None:
    due = programme.due
    sampled = any(quota.share < 1 for quota in programme.quotas)
    if due.events and due.period is None and sampled and not part.part("trigger").has("period"):
        raise part.part("coverage").error(
            "a programme that an event triggers calls every client: give one share of 100%, "
            "or the period over which its sample is counted (trigger: {event: ..., period: week})"
        )
