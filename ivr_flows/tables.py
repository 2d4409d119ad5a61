"""The versions of the scripts: what was submitted, who approved it, when it was retired. Only the register writes them.

A version is never deleted: a recording of years ago is heard against the script that it was made with.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base


class FlowState(StrEnum):
    """Where a version is in its life. A draft is a file that was not submitted: it has no row."""

    DRAFT = "draft"
    SUBMITTED = "submitted"  # waits for a second person
    APPROVED = "approved"  # the one that is dialed
    RETIRED = "retired"  # replaced, taken back or taken out; calls under way keep it


APPROVED = "state = 'approved'"


class FlowVersion(Base):
    """One script in one language for one firm, whole enough to be made again (C-09)."""

    __tablename__ = "flow_version"
    __table_args__ = (
        Index("ix_flow_version_of", "name", "language", "state"),
        # The database itself keeps that one version at a time is dialed.
        Index(
            "uq_flow_version_approved",
            "name",
            "language",
            unique=True,
            sqlite_where=text(APPROVED),
            postgresql_where=text(APPROVED),
        ),
    )

    hash: Mapped[str] = mapped_column(primary_key=True)  # Flow.hash
    name: Mapped[str]
    language: Mapped[str]
    version: Mapped[int]
    title: Mapped[str]
    company: Mapped[str]
    sources: Mapped[dict[str, Any]] = mapped_column(deferred=True)  # file name -> text
    document: Mapped[dict[str, Any]] = mapped_column(deferred=True)  # the flattened tree
    state: Mapped[str]
    submitted_by: Mapped[str]  # a person: `staff:S1`, or `user:3` for an account that is nobody's of the staff
    submitted_at: Mapped[datetime]
    approved_by: Mapped[str | None]
    approved_at: Mapped[datetime | None]
    retired_by: Mapped[str | None]
    retired_at: Mapped[datetime | None]
    note: Mapped[str] = mapped_column(default="")
