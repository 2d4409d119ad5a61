"""Scripts that a site of a test may dial: handed in by one person and approved by another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from core.db import Database
from ivr_flows import register
from ivr_flows.loader import DEMO_COMPANY, load_flow
from ivr_flows.register import Hand

AUTHOR, APPROVER = Hand("author", "user:author"), Hand("approver", "user:approver")


def approve(db: Database, names: Iterable[str], at: datetime, companies: Mapping[str, str] = DEMO_COMPANY) -> None:
    """The shipped scripts of these names, in both languages, for the firm of that name."""
    with db.write() as session:
        for name in sorted(set(names)):
            flows = [load_flow(name, language, company=company) for language, company in companies.items()]
            waiting = register.submit(session, flows, by=AUTHOR, at=at)
            register.approve(session, waiting, by=APPROVER, at=at)
