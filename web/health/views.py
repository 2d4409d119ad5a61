"""What machines ask. These three are open, like the login page: they hold counts and states, nothing personal."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response, jsonify
from flask.typing import ResponseReturnValue
from prometheus_client import CONTENT_TYPE_LATEST
from sqlalchemy.exc import SQLAlchemyError

from core.errors import HuifangError
from web.access import Permission, route
from web.context import context
from web.health.metrics import exposition

health = Blueprint("health", __name__)
_PROBE = ".ready"


@route(health, "/healthz", Permission.PUBLIC)
def healthz() -> ResponseReturnValue:
    """The process answers."""
    return jsonify(status="ok")


@route(health, "/readyz", Permission.PUBLIC)
def readyz() -> ResponseReturnValue:
    """Everything a page needs answers: the database at the right schema, the archive; 503 names what does not."""
    checks = {
        "database": _state(context().db.require_current),
        "archive": _state(lambda: context().archive.exists(_PROBE)),
    }
    ready = all(state == "ok" for state in checks.values())
    return jsonify(status="ok" if ready else "not ready", checks=checks), 200 if ready else 503


@route(health, "/metrics", Permission.PUBLIC)
def metrics() -> ResponseReturnValue:
    """Prometheus metrics."""
    return Response(exposition(context().db), content_type=CONTENT_TYPE_LATEST)


def _state(check: Callable[[], object]) -> str:
    try:
        check()
    except (HuifangError, SQLAlchemyError) as error:
        return type(error).__name__  # the kind only: addresses and paths are nobody's business here
    return "ok"
