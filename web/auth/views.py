"""Signing in, signing out, choosing the language."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Blueprint, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import refresh
from flask_login import current_user, login_user, logout_user

from web.access import Permission, route, signed_in
from web.auth.account import authenticated
from web.context import context
from web.faults import answer, wants_json
from web.language import LANGUAGES
from web.tables import Role, User

FIRST_PAGE = {
    Role.AGENT: "work.mine",
    Role.AUDITOR: "overview.day",
    Role.OPERATOR: "line.trunks",
    Role.AUTHOR: "flows.overview",
}

auth = Blueprint("auth", __name__, template_folder="templates")


@route(auth, "/", Permission.SIGNED_IN)
def home() -> ResponseReturnValue:
    """The first page of a role."""
    return redirect(url_for(FIRST_PAGE[signed_in().role]))


@route(auth, "/login", Permission.PUBLIC)
def login() -> ResponseReturnValue:
    """The login form."""
    return redirect(url_for("auth.home")) if current_user.is_authenticated else render_template("auth/login.html")


@route(auth, "/login", Permission.PUBLIC, methods=("POST",))
def sign_in() -> ResponseReturnValue:
    """Check login and password; the message never says which of the two was wrong."""
    with context().db.session() as db:
        account = authenticated(db, request.form.get("login", "").strip(), request.form.get("password", ""))
    if account is None:
        flash(_("Login or password is not right."), "danger")
        return render_template("auth/login.html"), 401
    wanted, chosen = session.get("next", ""), session.get("language")
    session.clear()  # a new session for a new person: nothing left by the one before but the language just chosen
    session.permanent = True
    if chosen:
        session["language"] = chosen
    login_user(account)
    return redirect(_own_path(wanted) or url_for("auth.home"))


@route(auth, "/logout", Permission.SIGNED_IN, methods=("POST",))
def logout() -> ResponseReturnValue:
    """End the session."""
    logout_user()
    session.clear()
    return redirect(url_for("auth.login"))


@route(auth, "/language", Permission.PUBLIC, methods=("POST",))
def language() -> ResponseReturnValue:
    """Choose the language: kept with the account, or with the session before signing in."""
    chosen = request.form.get("language", "")
    if chosen in LANGUAGES:
        _remember(chosen)
        refresh()
    return redirect(_own_path(request.form.get("page", "")) or url_for("auth.home"))


def unauthorized() -> ResponseReturnValue:
    """Nobody is signed in: 401 for programs, the login page for people, who then come to where they wanted to go."""
    if wants_json():
        return answer(401, _("Please sign in first."))
    if request.method == "GET":
        session["next"] = request.full_path.rstrip("?")
    return redirect(url_for("auth.login"))


def _remember(chosen: str) -> None:
    session["language"] = chosen
    if current_user.is_authenticated:
        with context().db.write() as db:
            user = db.get(User, signed_in().user_id)
            if user is not None:
                user.language = chosen


def _own_path(url: str) -> str | None:
    """``url`` when it is a path of this site (never another host: open redirects)."""
    parts = urlsplit(url)
    own = url.startswith("/") and not url.startswith(("//", "/\\")) and not parts.netloc and not parts.scheme
    return url if own else None
