"""The armour: session key and cookies, CSRF, headers with a strict content policy, limits on guessing passwords."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import cast

from flask import Flask, Response, request
from flask.sessions import SecureCookieSessionInterface
from flask.typing import ResponseReturnValue, RouteCallable
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_wtf import CSRFProtect

from core.errors import SettingsError
from core.settings import Settings

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",  # Bootstrap draws its form arrows as data: images
        "media-src 'self'",
        "connect-src 'self'",
        "font-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
LOGIN_LIMIT = "10 per minute; 60 per hour"
WORKING_DAY = timedelta(hours=10)


class _Cookies(SecureCookieSessionInterface):
    """The session cookie is Secure whenever the page came over TLS, and still works on a plain loopback address."""

    def get_cookie_secure(self, app: Flask) -> bool:  # noqa: ARG002
        return request.is_secure


def init_security(app: Flask, settings: Settings) -> None:
    """Key, cookies, CSRF on every form, headers on every answer."""
    app.secret_key = secret_key(settings)
    app.session_interface = _Cookies()
    app.config.update(
        SESSION_COOKIE_NAME="huifang",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_REFRESH_EACH_REQUEST=False,  # a session ends with the working day, however busy it was
        PERMANENT_SESSION_LIFETIME=WORKING_DAY,
        WTF_CSRF_TIME_LIMIT=None,  # as long as the session
        MAX_CONTENT_LENGTH=64 * 1024,
    )
    CSRFProtect(app)
    app.after_request(_headers)


def limit_login(app: Flask) -> None:
    """Slow down guessing: failed tries per address and process."""
    limiter = Limiter(get_remote_address, app=app, storage_uri="memory://", headers_enabled=True)
    view = cast("Callable[..., ResponseReturnValue]", app.view_functions["auth.sign_in"])
    limited: RouteCallable = limiter.limit(LOGIN_LIMIT, deduct_when=_refused)(view)
    app.view_functions["auth.sign_in"] = limited


def _refused(response: Response) -> bool:
    return response.status_code == 401  # who signs in rightly uses nothing up: an office shares one address


def secret_key(settings: Settings) -> str:
    """The key of the settings, or one made once and kept in ``<var>/web.key`` for its owner only."""
    if settings.web.secret:
        if len(settings.web.secret) < 32:
            raise SettingsError("web.secret is too short; give at least 32 random characters, or leave it empty")
        return settings.web.secret
    path = settings.var / "web.key"
    try:
        _make_key(path)
        return path.read_text(encoding="ascii")
    except OSError as error:
        raise SettingsError(f"{path}: cannot keep the web key there: {error.strerror}; set web.secret") from error


def _make_key(path: Path) -> None:
    """Write a new key in one step: two processes that start together end up with the same one."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    fresh.touch(mode=0o600)
    fresh.write_text(secrets.token_hex(32), encoding="ascii")
    try:
        os.link(fresh, path)  # fails when another process was first; its key is then the key
    except FileExistsError:
        pass
    finally:
        fresh.unlink()


def _headers(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if request.is_secure:
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    if request.endpoint not in {"static", "bootstrap.static"}:
        response.headers["Cache-Control"] = "no-store"  # pages hold personal data
    return response
