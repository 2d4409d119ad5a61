"""Who may sign in to the pages."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base


class Role(StrEnum):
    """What a user is allowed to do."""

    AGENT = "agent"
    AUDITOR = "auditor"
    OPERATOR = "operator"  # of the telephone line; sees no client
    AUTHOR = "author"  # of the scripts, in the call centre (C-08); sees no client


class User(Base):
    """An account of the pages."""

    __tablename__ = "web_user"

    user_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    login: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    password_hash: Mapped[str]
    role: Mapped[str]
    language: Mapped[str | None]
    staff_id: Mapped[str | None]
    created_at: Mapped[datetime]
    disabled: Mapped[bool] = mapped_column(default=False)
