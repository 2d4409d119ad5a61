"""Which version of a script is drawn, and for which days its calls are counted: what the address asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy.orm import Session

from core.settings import Firm
from ivr_flows import register
from ivr_flows.model import Flow
from ivr_flows.tables import FlowState
from web.calls.filters import Filter
from web.flows.drafts import firm_flows
from web.language import LANGUAGES

DAYS = 30
"""So many days, the last of them today, when the address names none."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One version that can be drawn: its hash, its state, its number, and its flow when it is the draft."""

    hash: str
    state: FlowState
    version: int
    draft: Flow | None = None


def period(arguments: Mapping[str, str], today: date) -> Filter:
    """The days asked for, both included; what is not a day is not asked for."""
    wanted = {"since": (today - timedelta(days=DAYS - 1)).isoformat(), "until": today.isoformat()}
    return Filter.read({key: arguments.get(key, otherwise) for key, otherwise in wanted.items()})


def language_of(arguments: Mapping[str, str], otherwise: str) -> str:
    """The language asked for, else the visitor's."""
    asked = arguments.get("language", "")
    return asked if asked in LANGUAGES else otherwise


def choices(session: Session, name: str, language: str, firm: Firm) -> list[Choice]:
    """The versions in a language, the newest first, after the draft when the file says something new."""
    kept = [one for one in register.versions(session, name) if one.language == language]
    known = {one.hash for one in kept}
    drafts = [flow for flow in firm_flows(firm, only=name) if flow.language == language and flow.hash not in known]
    return [
        *(Choice(flow.hash, FlowState.DRAFT, flow.version, flow) for flow in drafts),
        *(Choice(one.hash, FlowState(one.state), one.version) for one in kept),
    ]


def chosen(found: Sequence[Choice], wanted: str) -> Choice | None:
    """The version asked for, else the one that is dialed, else the first."""
    asked = (one for one in found if one.hash == wanted)
    dialed = (one for one in found if one.state == FlowState.APPROVED)
    return next(asked, None) or next(dialed, None) or next(iter(found), None)


def drawn(session: Session, one: Choice) -> Flow | None:
    """The flow of a version; None when this program cannot make it again from its files."""
    if one.draft is not None:
        return one.draft
    try:
        return register.flow_of(register.version(session, one.hash))
    except register.NoLongerFits:
        return None
