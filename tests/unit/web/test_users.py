"""Accounts: the rules of logins and passwords."""

from __future__ import annotations

from typing import Any

import pytest

from web.auth.account import authenticated
from web.tables import Role, User
from web.users import LoginTaken, PasswordWeak, UserError, add_user

pytestmark = pytest.mark.unit

GOOD: dict[str, Any] = {"login": "erin", "name": "E", "password": "a-long-passphrase", "role": Role.AUDITOR}
GOOD |= {"staff_id": None, "language": "en"}


def _add(day: Any, **changed: Any) -> Any:
    with day.db.write() as session:
        return add_user(session, **(GOOD | {"at": day.clock.now()} | changed))


def test_a_new_account_can_sign_in_and_its_password_is_kept_as_scrypt(day: Any, visit: Any) -> None:
    user = _add(day, password=day.password)
    assert user.password is None
    assert visit("erin").get("/day").status_code == 200
    with day.db.session() as session:
        assert session.get_one(User, user.user_id).password_hash.startswith("scrypt:")


def test_a_made_password_is_told_once_and_works(day: Any) -> None:
    user = _add(day, password=None)
    assert len(user.password) == 20
    with day.db.session() as session:
        assert authenticated(session, "erin", user.password) is not None
        assert authenticated(session, "erin", user.password + "x") is None


@pytest.mark.parametrize("password", ["", "short", "elevenchars", "aaaaaaaaaaaaaa", "my-name-is-erin"])
def test_a_weak_password_is_refused(day: Any, password: str) -> None:
    with pytest.raises(PasswordWeak, match="give"):
        _add(day, password=password)


def test_a_login_is_given_once(day: Any) -> None:
    with pytest.raises(LoginTaken, match="choose another"):
        _add(day, login="alice")


@pytest.mark.parametrize(
    "changed", [{"login": "Erin B"}, {"login": "x"}, {"language": "fr"}, {"role": Role.AGENT, "staff_id": None}]
)
def test_a_wrong_value_is_refused_and_nothing_is_stored(day: Any, changed: dict[str, Any]) -> None:
    with pytest.raises(UserError):
        _add(day, **changed)
    with day.db.session() as session:
        assert authenticated(session, "erin", str(GOOD["password"])) is None
