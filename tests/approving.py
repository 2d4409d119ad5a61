"""Scripts in force for a site under test: handed in by one person, approved by another, as on every site."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlalchemy.orm import Session

from ivr_flows import register
from ivr_flows.loader import load_flow
from ivr_flows.model import Flow
from ivr_flows.register import Hand


def approve(session: Session, names: Iterable[str], at: datetime) -> None:
    """Let the shipped scripts ``names`` be dialed, in both languages."""
    for name in names:
        flows = [load_flow(name, language) for language in ("zh-CN", "en")]
        waiting = register.submit(session, flows, by=Hand("author", "author"), at=at)
        register.approve(session, waiting, by=Hand("auditor", "auditor"), at=at)


class Shipped:
    """Every shipped script is in force (``dialer.calling.versions.Versions``), for tests without a register."""

    def __init__(self, companies: Mapping[str, str]) -> None:
        """``companies`` is the firm's name by language."""
        self._companies = companies

    def in_force(self, name: str, language: str) -> str:
        """The hash of the shipped file."""
        return self.load(name, language).hash

    def load(self, name: str, language: str) -> Flow:
        """The shipped file."""
        return load_flow(name, language, company=self._companies[language])
