"""The archive's table: one row a recording, from the moment it is opened."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base


class RecordingState(StrEnum):
    """Where a recording is in its life."""

    WRITING = "writing"  # a node is writing it into its spool
    SEALED = "sealed"  # in the archive, its hash in the audit chain
    LOST = "lost"  # nothing could be recovered; the row says why


class Recording(Base):
    """Two-channel audio of one attempt: left the client, right our side (F-07)."""

    __tablename__ = "recording"

    recording_id: Mapped[str] = mapped_column(primary_key=True)
    attempt_id: Mapped[str] = mapped_column(unique=True)
    node: Mapped[str] = mapped_column(index=True)
    state: Mapped[str] = mapped_column(default=RecordingState.WRITING, index=True)
    started_at: Mapped[datetime]
    sealed_at: Mapped[datetime | None]
    recovered: Mapped[bool] = mapped_column(default=False)  # its node died while writing
    object: Mapped[str | None]  # name inside the archive
    sha256: Mapped[str | None]
    size_bytes: Mapped[int | None] = mapped_column(BigInteger)  # a day of audio is more than 2 GiB
    duration_ms: Mapped[int | None]
    speech: Mapped[dict[str, Any] | None]  # per channel: {"client": {"rms_dbfs": ..}, ...}
    audit_number: Mapped[int | None]  # the link that sealed it, or that says it is lost
    note: Mapped[str | None]
