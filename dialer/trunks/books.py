"""The books of the trunks: what all nodes share about channels, rates, faults and maintenance, kept in the database.

The rule of this module: a call is counted before it leaves, in the transaction of its lease, with the trunks' rows
locked in the order of their names; so no two nodes together exceed a limit. Whoever writes here and into the audit
chain in one transaction comes here first, so that nobody waits for each other in a circle.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from core import audit
from core import settings as configured
from core.errors import HuifangError, SettingsError
from core.settings import Settings
from dialer.calling import whys
from dialer.calling.dispositions import Disposition
from dialer.lines.base import EndedBy, Ending, TrunkHealth
from dialer.tables import LIVING, Attempt, TrunkHealthRow, TrunkState
from dialer.trunks.breaker import SAYS_NOTHING, TRUNK_FAULTS, Breaker, BreakerRules
from dialer.trunks.choosing import NoTrunk, Trunk, choose, may_fail_over, tried


class UnknownTrunk(HuifangError):
    """No trunk of that name: take one that `huifang trunks` lists."""


HEALTH_EVERY = timedelta(seconds=30)
"""How often a node writes what it sees of the trunks although nothing has changed."""

KNOWN = timedelta(seconds=1)
"""How long a node believes that a trunk it saw free is free; the take itself always reads the books."""

Health = Callable[[], Iterable[TrunkHealth]]


@dataclass(frozen=True, slots=True)
class Taken:
    """A channel of a trunk, taken for one call: its name, and where the call goes."""

    name: str
    address: str


class Trunks:
    """The trunks as one node uses them."""

    def __init__(self, settings: Settings, *, health: Health) -> None:
        """SettingsError when a limit of a trunk or of the breaker cannot be kept."""
        check(settings)
        self._settings = settings
        self._node = settings.node.name
        self._health = health
        self._kept: tuple[datetime, tuple[TrunkHealth, ...]] | None = None
        self._free: tuple[datetime, datetime] | None = None  # from when and until when ``take`` saw a trunk free

    def look(self, session: Session, now: datetime) -> NoTrunk | None:
        """None when some trunk takes a call now; nothing is locked, so ``take`` may still find none.

        What the last ``take`` left free is believed for ``KNOWN``.
        """
        if self._free is not None and self._free[0] <= now < self._free[1]:
            return None
        found = choose(self._standing(session, lock=False), now=now)
        return found if isinstance(found, NoTrunk) else None

    def take(
        self, session: Session, now: datetime, *, key: str, avoid: frozenset[str] = frozenset()
    ) -> Taken | NoTrunk:
        """A channel for the call that ``key`` names, inside the transaction that makes its attempt.

        The caller must store the attempt with the trunk's name in the same transaction: that is what fills the channel.
        Trunks of ``avoid`` only when no other is free.
        """
        self._free, standing_now = None, self._standing(session, lock=True)
        chosen = choose(standing_now, now=now, key=key, avoid=avoid)
        if isinstance(chosen, NoTrunk):
            return chosen
        breaker_then = chosen.breaker.after_call(breaker_rules(self._settings), now)
        values = {"next_call_at": chosen.after_call(now), **asdict(breaker_then)}
        session.execute(update(TrunkState).where(TrunkState.name == chosen.name).values(values))
        self._free = _left_free(standing_now, chosen, now)
        return Taken(chosen.name, self._settings.trunks[chosen.name].address)

    def keep_health(self, session: Session, now: datetime) -> None:
        """Write what this node sees of the trunks, when that has changed or a while ago."""
        seen = tuple(self._health())
        if self._kept is None or self._kept[1] != seen or now - self._kept[0] >= HEALTH_EVERY:
            health(session, self._node, seen)
            self._kept = now, seen

    def _standing(self, session: Session, *, lock: bool) -> list[Trunk]:
        return standing(session, self._settings, self._health(), lock=lock)


def _left_free(trunks: Sequence[Trunk], taken: Trunk, now: datetime) -> tuple[datetime, datetime]:
    """From when a trunk takes the next call, once ``taken`` has one more, and until when that is believed."""
    used = replace(taken, in_use=taken.in_use + 1, next_call_at=taken.after_call(now))
    following = choose([used if one is taken else one for one in trunks], now=now)
    return (following.again_at if isinstance(following, NoTrunk) else now), now + KNOWN


def check(settings: Settings) -> None:
    """SettingsError when a limit of a trunk or of the breaker cannot be kept."""
    for name, trunk in settings.trunks.items():
        if trunk.calls_per_second <= 0:
            raise SettingsError(f"trunk.{name}.calls_per_second = {trunk.calls_per_second}: give more than 0")
        if trunk.weight < 0 or trunk.channels < 0:
            raise SettingsError(f"trunk.{name}: weight and channels must not be below 0")
        if trunk.keys not in ("told", "tones"):
            raise SettingsError(f"trunk.{name}.keys = {trunk.keys!r}: give told or tones (docs/lines.md)")
    line = settings.line
    if line.breaker_failures < 1 or not 0 < line.breaker_seconds <= line.breaker_max_seconds:
        raise SettingsError(
            "line.breaker_failures must be at least 1, line.breaker_seconds above 0 and not above breaker_max_seconds"
        )


def breaker_rules(settings: Settings) -> BreakerRules:
    """The breaker's numbers."""
    line = settings.line
    return BreakerRules(
        line.breaker_failures, timedelta(seconds=line.breaker_seconds), timedelta(seconds=line.breaker_max_seconds)
    )


def standing(
    session: Session, settings: Settings, health: Iterable[TrunkHealth] = (), *, lock: bool = False
) -> list[Trunk]:
    """Every trunk of the settings as the books have it and ``health`` sees it.

    With ``lock`` no other transaction takes a channel until this one has ended; it must be a write.
    """
    rows = _rows(session, tuple(settings.trunks), lock=lock)
    seen = {one.trunk: one for one in health}
    in_use = channels_in_use(session)  # after the lock: counts what others have committed by now
    return [
        _trunk(name, given, rows.get(name), in_use.get(name, 0), seen.get(name))
        for name, given in settings.trunks.items()
    ]


def _trunk(
    name: str, given: configured.Trunk, row: TrunkState | None, in_use: int, health: TrunkHealth | None
) -> Trunk:
    return Trunk(
        name,
        priority=given.priority,
        weight=given.weight,
        channels=given.channels,
        calls_per_second=given.calls_per_second,
        in_use=in_use,
        next_call_at=row.next_call_at if row else None,
        breaker=breaker(row),
        drained=bool(row and row.drained),
        registered=health.registered if health else None,
        reachable=health.reachable if health else None,
    )


def channels_in_use(session: Session) -> dict[str, int]:
    """The calls on each trunk, all nodes together."""
    living = select(Attempt.trunk, func.count()).where(Attempt.state.in_(LIVING), Attempt.trunk.is_not(None))
    return {str(name): count for name, count in session.execute(living.group_by(Attempt.trunk)).tuples()}


def breaker(row: TrunkState | None) -> Breaker:
    """The breaker as stored."""
    return Breaker(row.failures, row.opened_until, row.last_fault_at) if row else Breaker()


def other_may(
    session: Session, settings: Settings, attempt: Attempt, now: datetime, *, health: Iterable[TrunkHealth] = ()
) -> bool:
    """Whether ``attempt``, which has just ended, failed by its trunk's fault and another may take the call at once.

    A try begins with an attempt of the ladder. A trunk that fails twice in one try ends it, so it cannot loop.
    """
    if attempt.trunk is None or attempt.disposition not in TRUNK_FAULTS:
        return False
    before = _failed_before(attempt)
    failed = before | {attempt.trunk}
    return attempt.trunk not in before and may_fail_over(standing(session, settings, health), failed, now)


def _failed_before(attempt: Attempt) -> frozenset[str]:
    """The trunks that failed before in the try of ``attempt``; none when the ladder began it."""
    if (attempt.callback.next_why or {}).get("code") != whys.OTHER_TRUNK.code:
        return frozenset()
    made = sorted(attempt.callback.attempts, key=lambda one: (one.started_at, one.attempt_id))
    return tried(faults(one for one in made if one.attempt_id != attempt.attempt_id))


def faults(made: Iterable[Attempt]) -> list[tuple[str | None, bool]]:
    """Of each attempt its trunk, and whether that was at fault."""
    return [(one.trunk, one.disposition in TRUNK_FAULTS) for one in made]


def report(
    session: Session,
    settings: Settings,
    attempt: Attempt,
    *,
    disposition: Disposition,
    ending: Ending | None,
    now: datetime,
) -> None:
    """What the end of ``attempt`` says about its trunk.

    Trunk congestion, faults and silence count against it, a 503 with Retry-After opens its breaker for that time, and
    whatever else the far side said closes it. Without ``ending`` no INVITE left, which says nothing.
    """
    if attempt.trunk is None or ending is None or _says_nothing(disposition, ending):
        return
    if disposition not in TRUNK_FAULTS:
        heard(session, attempt.trunk, placed_at=attempt.started_at)
        return
    row = _rows(session, (attempt.trunk,), lock=True)[attempt.trunk]
    asked = ending.retry_after_s if ending.status == 503 else None
    rules, before = breaker_rules(settings), breaker(row)
    _keep(row, before.after_fault(rules, placed_at=attempt.started_at, now=now, retry_after_s=asked))
    row.last_fault = f"{disposition.value} {ending.status or ''}".strip()


def heard(session: Session, trunk: str | None, *, placed_at: datetime) -> None:
    """The far side of a call placed over ``trunk`` at ``placed_at`` has been heard of: the trunk works."""
    faulty = or_(TrunkState.failures > 0, TrunkState.opened_until.is_not(None))
    if trunk is None or session.scalar(select(TrunkState.name).where(TrunkState.name == trunk, faulty)) is None:
        return  # nothing to forget, and no row to wait for
    locked = _rows(session, (trunk,), lock=True)[trunk]
    _keep(locked, breaker(locked).after_success(placed_at))


def _says_nothing(disposition: Disposition, ending: Ending) -> bool:
    """We took the call back, or waited to our limit without a word."""
    silent = disposition is Disposition.UNREACHABLE and ending.by is EndedBy.US and ending.status is None
    return silent or disposition in SAYS_NOTHING


def require(session: Session, settings: Settings, name: str) -> None:
    """UnknownTrunk unless the settings or the books know the trunk ``name``."""
    if name not in settings.trunks and session.get(TrunkState, name) is None:
        raise UnknownTrunk(f"no trunk {name!r}; `huifang trunks` lists those that there are")


def drain(session: Session, name: str, *, by: str, at: datetime) -> bool:
    """Take a trunk out for maintenance: no new call over it, live ones end by themselves; False when it is out."""
    row = _rows(session, (name,), lock=True)[name]
    if row.drained:
        return False
    row.drained, row.drained_by, row.drained_at = True, by, at
    audit.append(session, at=at, actor=by, action="trunk.drained", subject=name)
    return True


def undrain(session: Session, name: str, *, by: str, at: datetime) -> bool:
    """Take a trunk into use again, its faults forgotten; False when it is in use."""
    row = _rows(session, (name,), lock=True)[name]
    if not row.drained:
        return False
    row.drained, row.drained_by, row.drained_at = False, None, None
    row.failures, row.opened_until = 0, None
    audit.append(session, at=at, actor=by, action="trunk.undrained", subject=name)
    return True


def health(session: Session, node: str, rows: Iterable[TrunkHealth]) -> None:
    """Keep how ``node`` sees the trunks."""
    for one in rows:
        row = session.get(TrunkHealthRow, (one.trunk, node)) or TrunkHealthRow(trunk=one.trunk, node=node)
        row.registered, row.reachable, row.detail, row.at = one.registered, one.reachable, one.detail, one.at
        session.add(row)


def _keep(row: TrunkState, kept: Breaker) -> None:
    row.failures, row.opened_until, row.last_fault_at = kept.failures, kept.opened_until, kept.last_fault_at


def _rows(session: Session, names: Sequence[str], *, lock: bool) -> Mapping[str, TrunkState]:
    """The stored rows by name; with ``lock`` every one of ``names`` has its row, read anew and locked."""
    wanted = select(TrunkState).where(TrunkState.name.in_(names)).order_by(TrunkState.name)
    if not lock:
        return {row.name: row for row in session.scalars(wanted)}
    locked = wanted.with_for_update().execution_options(populate_existing=True)
    found = {row.name: row for row in session.scalars(locked)}
    if len(found) == len(names):
        return found
    _make_rows(session, [name for name in names if name not in found])
    return {row.name: row for row in session.scalars(locked)}


def _make_rows(session: Session, names: Sequence[str]) -> None:
    """A row for each of ``names``, unless another node was faster."""
    values = [{"name": name, "failures": 0, "last_fault": "", "drained": False} for name in sorted(names)]
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    session.execute(dialect.insert(TrunkState).values(values).on_conflict_do_nothing())
