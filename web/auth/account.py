"""The signed-in user as the views see him: a value read from his row on every request.

A session holds the account's number and a fingerprint of its password hash; disabling the account or changing the
password therefore ends every session at once.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from flask_login import UserMixin
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.security import check_password_hash, generate_password_hash

from web.tables import Role, User

PASSWORD_METHOD = "scrypt"  # noqa: S105 - a method's name


@dataclass(frozen=True)
class Account(UserMixin):  # type: ignore[misc]
    """Who is signed in."""

    user_id: int
    name: str
    role: Role
    staff_id: str | None
    language: str | None
    fingerprint: str

    def get_id(self) -> str:
        """What the session remembers."""
        return f"{self.user_id}:{self.fingerprint}"

    @property
    def actor(self) -> str:
        """The name of this account in the audit chain."""
        return f"user:{self.user_id}"


def remembered(session: Session, session_id: str) -> Account | None:
    """The account a session speaks of; None when it was disabled or its password changed since."""
    number, _, fingerprint = session_id.partition(":")
    user = session.get(User, int(number)) if number.isdecimal() else None
    if user is None or user.disabled or _fingerprint(user) != fingerprint:
        return None
    return _account(user)


def authenticated(session: Session, login: str, password: str) -> Account | None:
    """The account with this login and password; None, after the same effort, for any reason it is not."""
    user = session.scalars(select(User).where(User.login == login)).first()
    matches = check_password_hash(user.password_hash if user else _NOBODY, password)
    return _account(user) if user and matches and not user.disabled else None


def _account(user: User) -> Account:
    return Account(
        user_id=user.user_id,
        name=user.name,
        role=Role(user.role),
        staff_id=user.staff_id,
        language=user.language,
        fingerprint=_fingerprint(user),
    )


def _fingerprint(user: User) -> str:
    return hashlib.sha256(user.password_hash.encode()).hexdigest()[:16]


# A hash no password has: checking it takes as long as checking a real one, so that logins cannot be guessed by time.
_NOBODY = "scrypt:32768:8:1$nobodyhasthissalt$" + "0" * 128


def password_hash(password: str) -> str:
    """The stored form of ``password``."""
    return generate_password_hash(password, method=PASSWORD_METHOD)
