"""A firm may ask more of itself than the rules do, never less: what a pack loosens against those it extends.

Pure; ``load_pack`` refuses a pack of which this finds anything.
"""

from __future__ import annotations

from collections.abc import Iterator

from dialer.programmes.model import Pack, Programme, Quota, Retention, Unit

_DAYS = {Unit.DAY: 1, Unit.WEEK: 7, Unit.MONTH: 30, Unit.HALF_YEAR: 182, Unit.YEAR: 365}


def loosened(pack: Pack, base: Pack) -> Iterator[str]:
    """In words, every value of ``pack`` that is weaker than the one of ``base`` it replaces."""
    for key, programme in pack.programmes.items():
        if key in base.programmes:
            yield from _coverage(programme, base.programmes[key])
            yield from _deadline(programme, base.programmes[key])
    for name, own in pack.retention.items():
        wanted = base.retention.get(name)
        if wanted and _days(own) < _days(wanted):
            less = f"{own.amount} {own.unit} is less than {wanted.amount} {wanted.unit}"
            yield f"retention.{name}: {less} ({wanted.rule})"


def _coverage(programme: Programme, base: Programme) -> Iterator[str]:
    for quota in base.quotas:
        if not any(_covers(own, quota) for own in programme.quotas):
            whom = f" of {quota.of.text}" if quota.of else ""
            yield f"programmes.{programme.key}.coverage: {quota.rule} asks for at least {float(quota.share):.0%}{whom}"


def _covers(own: Quota, wanted: Quota) -> bool:
    mine, theirs = (quota.of.text if quota.of else None for quota in (own, wanted))
    return mine == theirs and own.share >= wanted.share


def _deadline(programme: Programme, base: Programme) -> Iterator[str]:
    own, wanted = programme.deadline, base.deadline
    if own and wanted and own.unit == wanted.unit and own.amount > wanted.amount:
        yield f"programmes.{programme.key}.deadline: {wanted.rule} allows {wanted.amount} {wanted.unit} at most"


def _days(retention: Retention) -> int:
    return retention.amount * _DAYS[retention.unit]
