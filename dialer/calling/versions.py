"""Which version of a script is dialed, and the script itself.

The rule of this module: what is dialed comes from the register of approved versions, made again from the files that
were approved; a file that somebody changes meanwhile changes no call.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from sqlalchemy import select
from sqlalchemy.orm import undefer

from core.db import Database
from core.errors import HuifangError
from ivr_flows import register
from ivr_flows.loader import load_flow
from ivr_flows.model import Flow
from ivr_flows.tables import FlowState, FlowVersion


class NotApproved(HuifangError):
    """Submit the script and have it approved by a second person: `huifang flow submit`, `huifang flow approve`."""


class Versions(Protocol):
    """Finds the version of a script that is in force."""

    def in_force(self, name: str, language: str) -> str:
        """Its hash; NotApproved when there is none."""
        ...

    def load(self, name: str, language: str) -> Flow:
        """The script of that version; NotApproved, or an error that says why it cannot be made."""
        ...


class Registered:
    """The register of approved versions."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def in_force(self, name: str, language: str) -> str:
        """See ``Versions``."""
        wanted = select(FlowVersion.hash).where(FlowVersion.name == name, FlowVersion.language == language)
        with self._db.session() as session:
            found = session.scalars(wanted.where(FlowVersion.state == FlowState.APPROVED)).first()
        if found is None:
            raise NotApproved(f"no version of the script {name} ({language}) is approved: see `huifang flow list`")
        return found

    def load(self, name: str, language: str) -> Flow:
        """See ``Versions``."""
        wanted = select(FlowVersion).options(undefer(FlowVersion.sources))
        with self._db.session() as session:
            version = session.scalars(wanted.where(FlowVersion.hash == self.in_force(name, language))).one()
            return register.flow_of(version)


class Shipped:
    """The files beside the program, whatever anybody approved: to look at what calls would be."""

    def __init__(self, companies: Mapping[str, str]) -> None:
        """``companies`` is the firm's name by language, as the greeting says it (C-01)."""
        self._companies = companies

    def in_force(self, name: str, language: str) -> str:
        """See ``Versions``."""
        return self.load(name, language).hash

    def load(self, name: str, language: str) -> Flow:
        """See ``Versions``."""
        return load_flow(name, language, company=self._companies[language])
