"""Which version of a script is dialed, and the script itself.

The rule of this module: what is dialed comes from the register of approved versions, made again from the files that
were approved; a file that somebody changes meanwhile changes no call.
"""

from __future__ import annotations

from typing import Protocol

from sqlalchemy.orm import Session

from core.db import Database
from core.errors import HuifangError
from ivr_flows import register
from ivr_flows.model import Flow
from ivr_flows.tables import FlowVersion


class NotApproved(HuifangError):
    """Submit the script and have it approved by a second person: `huifang flow submit`, `huifang flow approve`."""


class Versions(Protocol):
    """Finds the version of a script that is in force."""

    def in_force(self, name: str, language: str) -> str:
        """Its hash; NotApproved when there is none."""
        ...

    def load(self, name: str, language: str) -> Flow:
        """The script of the version that is in force now; NotApproved, or an error that says why it cannot be made."""
        ...


class Registered:
    """The register of approved versions."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def in_force(self, name: str, language: str) -> str:
        """See ``Versions``."""
        with self._db.session() as session:
            return _approved(session, name, language).hash

    def load(self, name: str, language: str) -> Flow:
        """See ``Versions``."""
        with self._db.session() as session:
            return register.flow_of(_approved(session, name, language))


def _approved(session: Session, name: str, language: str) -> FlowVersion:
    found = register.approved(session, name, language)
    if found is None:
        raise NotApproved(f"no version of the script {name} ({language}) is approved: see `huifang flow list`")
    return found
