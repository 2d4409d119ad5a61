"""Accounts of the pages, for the command line (`huifang user add`).

UserError
├── LoginTaken      another account has this login
└── PasswordWeak    the password breaks a rule named in the message
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import audit
from core.errors import HuifangError
from web.auth.account import password_hash
from web.language import LANGUAGES
from web.tables import Role, User

SHORTEST = 12
_LOGIN = re.compile(r"[a-z0-9][a-z0-9._-]{1,31}")


class UserError(HuifangError):
    """Mend the named value and give the command again; nothing was stored."""


class LoginTaken(UserError):
    """Choose another login, or enable the account that has it."""


class PasswordWeak(UserError):
    """Give a longer or less obvious password, or none: one is then made."""


@dataclass(frozen=True, slots=True)
class NewUser:
    """A stored account. ``password`` is set only when it was made here: show it once, it is kept nowhere."""

    user_id: int
    login: str
    password: str | None


def add_user(
    session: Session,
    *,
    login: str,
    name: str,
    password: str | None,
    role: Role,
    staff_id: str | None,
    language: str | None,
    at: datetime,
    actor: str = "cli",
) -> NewUser:
    """Store an account inside the caller's transaction, with a link in the audit chain.

    ``password`` None makes one of 20 characters. Raises LoginTaken, PasswordWeak, or UserError for any other value.
    """
    _check(session, login, role, staff_id, language)
    made = secrets.token_urlsafe(15) if password is None else None
    _check_password(login, password or made or "")
    user = User(
        login=login,
        name=name,
        password_hash=password_hash(password or made or ""),
        role=role,
        language=language,
        staff_id=staff_id,
        created_at=at,
        disabled=False,
    )
    session.add(user)
    session.flush()
    content = {"role": role.value}
    audit.append(session, at=at, actor=actor, action="user.added", subject=f"user:{user.user_id}", content=content)
    return NewUser(user.user_id, login, made)


def _check(session: Session, login: str, role: Role, staff_id: str | None, language: str | None) -> None:
    if not _LOGIN.fullmatch(login):
        raise UserError(f"login {login!r}: give 2 to 32 of a-z, 0-9, dot, dash, underscore")
    if language is not None and language not in LANGUAGES:
        raise UserError(f"language {language!r}: give one of {', '.join(LANGUAGES)}")
    if role is Role.AGENT and not staff_id:
        raise UserError("an agent's account needs the staff_id of the person who takes the calls")
    if session.scalars(select(User).where(User.login == login)).first():
        raise LoginTaken(f"login {login!r} is taken; choose another one")


def _check_password(login: str, password: str) -> None:
    if len(password) < SHORTEST:
        raise PasswordWeak(f"the password has {len(password)} characters; give at least {SHORTEST}, or none at all")
    if len(set(password)) < 5 or login in password.lower():
        raise PasswordWeak("the password repeats a few characters or holds the login; give another one")
