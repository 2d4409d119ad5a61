"""Scripts in force for a site under test: handed in by one person, approved by another, as on every site."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy.orm import Session

from ivr_flows import register
from ivr_flows.loader import load_flow
from ivr_flows.register import Hand


def approve(session: Session, names: Iterable[str], at: datetime) -> None:
    """Let the shipped scripts ``names`` be dialed, in both languages."""
    for name in names:
        flows = [load_flow(name, language) for language in ("zh-CN", "en")]
        waiting = register.submit(session, flows, by=Hand("author", "author"), at=at)
        register.approve(session, waiting, by=Hand("auditor", "auditor"), at=at)
