"""Coverage against target: every quota of every sample, for the firm and for each of its branches (H-15).

The rule of this module: covered is who was reached, nothing else; the firm-wide target binds, and a branch's share of
it is its own base times the quota, rounded up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from dialer.planning.sampling import Draw, owed
from dialer.planning.stored import draw_of
from dialer.tables import Client, Sample, SampleMember
from web.board.lists import DRAWN, with_items
from web.board.wanted import Wanted

MOST = 200  # samples on one page; a weekly list makes four or five a month

Counts = Mapping[tuple[int, str], int]
"""(strata, where they are) -> how many members."""


@dataclass(frozen=True, slots=True)
class Share:
    """One quota of one sample, for the firm (``branch`` empty) or for one branch.

    ``share`` is shown as a text such as ``10 %``; ``drawn`` counts the members by where they are.
    """

    sample_id: str
    number: int
    rule: str
    share: str
    branch: str
    base: int
    target: int
    drawn: Mapping[str, int]

    @property
    def covered(self) -> int:
        """Members who were reached, and those whom the programme reaches by message."""
        return self.drawn.get("done", 0) + self.drawn.get("message", 0)

    def wanted(self, drawn: str = "") -> Wanted:
        """The list of the members counted under ``drawn``."""
        return Wanted(sample=self.sample_id, quota=str(self.number), branch=self.branch, drawn=drawn)


@dataclass(frozen=True, slots=True)
class Covered:
    """One sample: its firm-wide shares, those of each branch, and who was left out of the base."""

    sample: Sample
    shares: Sequence[Share]
    branches: Sequence[Share] = ()
    excluded: Mapping[str, int] = field(default_factory=dict)


def samples_of(session: Session, wanted: Wanted) -> Sequence[Sample]:
    """The samples whose period meets the days of ``wanted``, at most 200, the latest periods first."""
    first, last = wanted.days()
    found = select(Sample).order_by(Sample.programme, Sample.first.desc(), Sample.sample_id).limit(MOST)
    if wanted.programme:
        found = found.where(Sample.programme == wanted.programme)
    found = found.where(Sample.last >= first) if first else found
    return session.scalars(found.where(Sample.first <= last) if last else found).all()


def coverage(session: Session, samples: Sequence[Sample], *, branch: str = "") -> list[Covered]:
    """How far each sample is, for the firm or for ``branch``."""
    counts = _counts(session, samples, branch)
    return [
        Covered(one, _shares(draw_of(one), counts.get(one.sample_id, {}), branch), excluded=one.excluded)
        for one in samples
    ]


def coverage_by_branch(session: Session, samples: Sequence[Sample]) -> list[Covered]:
    """The same with a line for each branch."""
    whole = coverage(session, samples)
    parts = _counts_by_branch(session, samples)
    lines = {one.sample_id: _branches(draw_of(one), parts.get(one.sample_id, {})) for one in samples}
    return [replace(one, branches=lines[one.sample.sample_id]) for one in whole]


def targets(draw: Draw, counts: Counts, branch: str = "") -> list[tuple[int, int]]:
    """Base and target of each quota; where everybody is called the target is whoever is still there."""
    return [_target(draw, counts, number, branch) for number in range(len(draw.quotas))]


def _target(draw: Draw, counts: Counts, number: int, branch: str) -> tuple[int, int]:
    base = _in_base(draw, number, branch)
    if draw.quotas[number].share != 1:
        return base, owed(draw.quotas[number].share, base)
    left = ("missed", "passed_over", "out")  # nobody can stand in for them: the planner's own count leaves them out
    return base, sum(n for (strata, drawn), n in counts.items() if strata >> number & 1 and drawn not in left)


def _in_base(draw: Draw, number: int, branch: str) -> int:
    if not branch:
        return draw.in_base(number)
    return sum(n for strata, n in draw.base.get(branch, {}).items() if strata >> number & 1)


def _shares(draw: Draw, counts: Counts, branch: str) -> list[Share]:
    return [
        Share(
            sample_id=draw.sample_id,
            number=number,
            rule=quota.rule,
            share=f"{float(quota.share * 100):g} %",
            branch=branch,
            base=base,
            target=target,
            drawn=_drawn(counts, number),
        )
        for number, (quota, (base, target)) in enumerate(zip(draw.quotas, targets(draw, counts, branch), strict=True))
    ]


def _drawn(counts: Counts, number: int) -> Counter[str]:
    found: Counter[str] = Counter()
    for (strata, drawn), n in counts.items():
        found[drawn] += n if strata >> number & 1 else 0
    return found


def _branches(draw: Draw, parts: Mapping[str, Counts]) -> list[Share]:
    names = sorted({*draw.base, *parts} - {""})
    return [share for name in names for share in _shares(draw, parts.get(name, {}), name)]


def _counts(session: Session, samples: Sequence[Sample], branch: str) -> dict[str, dict[tuple[int, str], int]]:
    columns = (SampleMember.sample_id, SampleMember.strata)
    counted = select(*columns, DRAWN.label("drawn"), func.count())
    found = with_items(counted).where(_among(samples)).group_by(*columns, "drawn")
    if branch:
        found = found.join(Client, Client.client_id == SampleMember.client_id).where(Client.branch == branch)
    return _grouped((sample_id, strata, drawn, n) for sample_id, strata, drawn, n in session.execute(found))


def _counts_by_branch(session: Session, samples: Sequence[Sample]) -> dict[str, dict[str, dict[tuple[int, str], int]]]:
    columns = (SampleMember.sample_id, Client.branch, SampleMember.strata)
    counted = with_items(select(*columns, DRAWN.label("drawn"), func.count()))
    found = counted.join(Client, Client.client_id == SampleMember.client_id).where(_among(samples))
    parts: dict[str, dict[str, dict[tuple[int, str], int]]] = {}
    for sample_id, branch, strata, drawn, n in session.execute(found.group_by(*columns, "drawn")):
        parts.setdefault(sample_id, {}).setdefault(branch, {})[strata, drawn] = n
    return parts


def _among(samples: Sequence[Sample]) -> ColumnElement[bool]:
    return SampleMember.sample_id.in_([one.sample_id for one in samples])


def _grouped(rows: Iterable[tuple[str, int, str, int]]) -> dict[str, dict[tuple[int, str], int]]:
    found: dict[str, dict[tuple[int, str], int]] = {}
    for sample_id, strata, drawn, n in rows:
        found.setdefault(sample_id, {})[strata, drawn] = n
    return found
