"""Who may do what: every route is registered with a permission, and one guard checks it before the view runs.

A route without a permission is refused for everybody (403), so that forgetting is safe. Rows are narrowed inside the
query (``web.calls.queries.visible_to``), never after it.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TypeVar, cast

from flask import Blueprint, Flask, abort, current_app, request
from flask.blueprints import BlueprintSetupState
from flask.typing import ResponseReturnValue
from flask_login import current_user

from web.auth.account import Account
from web.tables import Role

EXTENSION = "huifang.permissions"
View = TypeVar("View", bound=Callable[..., ResponseReturnValue])


class Permission(StrEnum):
    """One thing a route lets its visitor do."""

    PUBLIC = "public"
    SIGNED_IN = "signed_in"
    READ_DAY = "read_day"  # the overview, the lists, the search: everybody's calls
    READ_CALL = "read_call"  # one call's page; an agent only sees the ones he took
    READ_CLIENT = "read_client"  # one client's page; an agent only sees the clients whose calls he took
    LISTEN = "listen"
    SET_OUTCOME = "set_outcome"
    LABEL_ANSWER = "label_answer"  # say who answered, after listening
    READ_LINE = "read_line"  # trunks and nodes; nothing of clients
    MANAGE_LINE = "manage_line"  # take a trunk out for maintenance
    FLOW_SUBMIT = "flow_submit"  # hand a script in for approval: the call centre's authors (C-08)
    FLOW_APPROVE = "flow_approve"  # approve or retire a script, as a second person


GRANTS: dict[Role, frozenset[Permission]] = {
    Role.AGENT: frozenset({Permission.SIGNED_IN, Permission.READ_CALL, Permission.READ_CLIENT, Permission.SET_OUTCOME}),
    Role.AUDITOR: frozenset(
        {
            Permission.SIGNED_IN,
            Permission.READ_DAY,
            Permission.READ_CALL,
            Permission.READ_CLIENT,
            Permission.LISTEN,
            Permission.LABEL_ANSWER,
            Permission.READ_LINE,
            Permission.FLOW_APPROVE,
        }
    ),
    Role.OPERATOR: frozenset({Permission.SIGNED_IN, Permission.READ_LINE, Permission.MANAGE_LINE}),
    Role.AUTHOR: frozenset({Permission.SIGNED_IN, Permission.FLOW_SUBMIT}),
}


def route(
    blueprint: Blueprint, rule: str, permission: Permission, *, methods: tuple[str, ...] = ("GET",)
) -> Callable[[View], View]:
    """Register a view of ``blueprint`` under ``rule`` with the permission it needs."""

    def register(view: View) -> View:
        endpoint = f"{blueprint.name}.{view.__name__}"

        def declare(state: BlueprintSetupState) -> None:
            permissions(cast(Flask, state.app))[endpoint] = permission

        blueprint.add_url_rule(rule, view_func=view, methods=list(methods))
        blueprint.record(declare)
        return view

    return register


def permissions(app: Flask) -> dict[str, Permission]:
    """Endpoint -> permission, as declared by ``route``."""
    return cast(dict[str, Permission], app.extensions.setdefault(EXTENSION, {}))


def may(permission: Permission) -> bool:
    """Whether the visitor of this request holds ``permission``."""
    if permission is Permission.PUBLIC:
        return True
    return current_user.is_authenticated and permission in GRANTS[signed_in().role]


def signed_in() -> Account:
    """The account of this request; call it only behind a permission other than PUBLIC."""
    return cast(Account, current_user._get_current_object())


def guard() -> ResponseReturnValue | None:
    """Before every request: None lets it through; the login page, 401 or 403 otherwise."""
    if request.endpoint is None:
        return None  # no such page: the 404 handler answers
    needed = permissions(current_app).get(request.endpoint)
    if needed is None:
        abort(403)
    if needed is not Permission.PUBLIC and not current_user.is_authenticated:
        return cast(ResponseReturnValue, current_app.login_manager.unauthorized())  # type: ignore[attr-defined]
    if not may(needed):
        abort(403)
    return None
