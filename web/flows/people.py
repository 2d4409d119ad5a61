"""Who handed in and who approved: one person, whichever of his accounts he uses."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.errors import HuifangError
from ivr_flows.register import Hand
from web.access import GRANTS, Permission
from web.auth.account import Account
from web.tables import Role, User


class NotAllowed(HuifangError):
    """Name an account of the pages whose role may do this (`huifang user add --role ...`)."""


def hand(account: Account) -> Hand:
    """The person behind a signed-in account: two accounts of one member of staff are one person (E-13)."""
    return Hand(_person(account.staff_id, account.user_id), account.actor)


def hand_of(session: Session, login: str, permission: Permission) -> Hand:
    """The person behind a login, for the command line; NotAllowed unless the account may do it."""
    user = session.scalars(select(User).where(User.login == login)).first()
    roles = sorted(role.value for role, granted in GRANTS.items() if permission in granted)
    if user is None or user.disabled:
        raise NotAllowed(f"{login} is no account of the pages: add one with the role {' or '.join(roles)}")
    if permission not in GRANTS[Role(user.role)]:
        raise NotAllowed(f"{login} has the role {user.role}; only {' or '.join(roles)} may do this")
    return Hand(_person(user.staff_id, user.user_id), f"user:{user.user_id}")


def names(session: Session, persons: Iterable[str | None]) -> dict[str, str]:
    """Person -> the name of his account; one without an account is missing."""
    wanted = {person for person in persons if person}
    users = session.scalars(select(User).order_by(User.user_id.desc()))
    found = {_person(user.staff_id, user.user_id): user.name for user in users}
    return {person: found[person] for person in wanted if person in found}


def _person(staff_id: str | None, user_id: int) -> str:
    return f"staff:{staff_id}" if staff_id else f"user:{user_id}"
