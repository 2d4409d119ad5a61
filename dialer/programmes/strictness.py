"""A firm may ask more of itself than the rules do, never less: what a pack loosens against those it extends.

Pure; ``load_pack`` refuses a pack of which this finds anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from dialer.programmes.model import Avoidance, Pack, Programme, Quota, Retention, TopList, Unit

_DAYS = {Unit.DAY: 1, Unit.WEEK: 7, Unit.MONTH: 30, Unit.HALF_YEAR: 182, Unit.YEAR: 365}


def loosened(pack: Pack, base: Pack) -> Iterator[str]:
    """In words, every value of ``pack`` that is weaker than the one of ``base`` it replaces."""
    for key, programme in pack.programmes.items():
        if key in base.programmes:
            yield from _programme(programme, base.programmes[key])
    yield from _retention("retention", pack.retention, base.retention)
    for rule in base.avoidance:
        if not any(_avoids(own, rule) for own in pack.avoidance):
            yield f"avoidance: {rule.rule} keeps away {', '.join(sorted(rule.series)) or 'the introducer'}"


def _programme(programme: Programme, base: Programme) -> Iterator[str]:
    yield from _coverage(programme, base)
    yield from _bounds(programme, base)
    yield from _tops(programme, base)
    yield from _deadline(programme, base)
    yield from _retention(f"programmes.{programme.key}.retention", programme.retention, base.retention)


def _coverage(programme: Programme, base: Programme) -> Iterator[str]:
    for quota in base.quotas:
        if not any(_covers(own, quota) for own in programme.quotas):
            whom = f" of {quota.of.text}" if quota.of else ""
            yield f"programmes.{programme.key}.coverage: {quota.rule} asks for at least {float(quota.share):.0%}{whom}"


def _bounds(programme: Programme, base: Programme) -> Iterator[str]:
    """A share that the rules leave to the firm within bounds stays within them."""
    for bounds in base.bounds:
        mine = [quota.share for quota in programme.quotas if (quota.of.text if quota.of else "") == bounds.of]
        if any(not bounds.at_least <= share <= bounds.at_most for share in mine):
            allowed = f"{float(bounds.at_least):.0%} to {float(bounds.at_most):.0%}"
            yield f"programmes.{programme.key}.coverage: {bounds.rule} allows {allowed}"


def _covers(own: Quota, wanted: Quota) -> bool:
    mine, theirs = (quota.of.text if quota.of else None for quota in (own, wanted))
    return mine == theirs and own.share >= wanted.share


def _tops(programme: Programme, base: Programme) -> Iterator[str]:
    for top in base.tops:
        if not any(_lists(own, top) for own in programme.tops):
            yield f"programmes.{programme.key}.top: {top.rule} asks for the first {top.most}"


def _lists(own: TopList, wanted: TopList) -> bool:
    return (own.by, own.events, own.where) == (wanted.by, wanted.events, wanted.where) and own.most >= wanted.most


def _deadline(programme: Programme, base: Programme) -> Iterator[str]:
    own, wanted = programme.deadline, base.deadline
    if own and wanted and own.unit == wanted.unit and own.amount > wanted.amount:
        yield f"programmes.{programme.key}.deadline: {wanted.rule} allows {wanted.amount} {wanted.unit} at most"


def _retention(where: str, own: Mapping[str, Retention], base: Mapping[str, Retention]) -> Iterator[str]:
    for name, mine in own.items():
        wanted = base.get(name)
        if wanted and _days(mine) < _days(wanted):
            less = f"{mine.amount} {mine.unit} is less than {wanted.amount} {wanted.unit}"
            yield f"{where}.{name}: {less} ({wanted.rule})"


def _avoids(own: Avoidance, wanted: Avoidance) -> bool:
    wide = not own.programmes or (bool(wanted.programmes) and own.programmes >= wanted.programmes)
    return wide and own.series >= wanted.series and (own.introducer or not wanted.introducer)


def _days(retention: Retention) -> int:
    return retention.amount * _DAYS[retention.unit]
