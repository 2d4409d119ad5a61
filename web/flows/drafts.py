"""The scripts as their files say now, beside what was submitted: a file that nobody submitted yet is a draft."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from core.settings import Firm
from ivr_flows.errors import FlowRefused
from ivr_flows.loader import FLOWS, load_flow, names
from ivr_flows.model import Flow
from ivr_flows.tables import FlowState, FlowVersion


@dataclass(frozen=True, slots=True)
class Standing:
    """One script: the version that is dialed, the one that waits, and the draft, each by language."""

    name: str
    titles: Mapping[str, str]
    approved: Mapping[str, FlowVersion]
    waiting: Mapping[str, FlowVersion]
    drafts: Mapping[str, Flow]

    @property
    def state(self) -> FlowState:
        """What is most to be looked at: waiting for approval, a draft, approved, or nothing in use any more."""
        if self.waiting:
            return FlowState.SUBMITTED
        if self.drafts:
            return FlowState.DRAFT
        return FlowState.APPROVED if self.approved else FlowState.RETIRED


def standings(versions: Sequence[FlowVersion], flows: Iterable[Flow]) -> list[Standing]:
    """Every script that is in the folder or was ever submitted, by name."""
    by_hash = {flow.hash: flow for flow in flows}
    named = {one.name for one in versions} | {flow.name for flow in by_hash.values()}
    return [_standing(name, versions, by_hash) for name in sorted(named)]


def _standing(name: str, versions: Sequence[FlowVersion], flows: Mapping[str, Flow]) -> Standing:
    own = [one for one in versions if one.name == name]
    live = {one.hash for one in own if one.state != FlowState.RETIRED}
    mine = [flow for flow in flows.values() if flow.name == name]
    return Standing(
        name=name,
        titles={one.language: one.title for one in reversed(own)} | {flow.language: flow.title for flow in mine},
        approved={one.language: one for one in own if one.state == FlowState.APPROVED},
        waiting={one.language: one for one in own if one.state == FlowState.SUBMITTED},
        drafts={flow.language: flow for flow in mine if flow.hash not in live},
    )


def firm_flows(firm: Firm, only: str | None = None, folder: Path = FLOWS) -> list[Flow]:
    """The scripts of the folder spoken for the firm, or both languages of one; one with a fault is left out.

    Each is read once until a file of the folder changes.
    """
    stamp = _stamp(folder)
    companies = {"zh-CN": firm.name, "en": firm.name_en}
    wanted = [(name, language) for name, language in names(folder) if only in (None, name)]
    read = [_read(name, language, companies[language], folder, stamp) for name, language in wanted]
    return [flow for flow in read if flow is not None]


def _stamp(folder: Path) -> int:
    return max((path.stat().st_mtime_ns for path in folder.glob("**/*.yaml")), default=0)


@lru_cache(maxsize=1024)
def _read(name: str, language: str, company: str, folder: Path, _stamp: int) -> Flow | None:
    try:
        return load_flow(name, language, company=company, folder=folder)
    except FlowRefused:
        return None
