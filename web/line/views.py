"""The line's page: every trunk and every node now; an operator may take a trunk out for maintenance there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from flask import Blueprint, abort, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from dialer.calling.answers import classes, confusions
from dialer.trunks import books
from dialer.trunks.overview import nodes_now, trunks_now
from web.access import Permission, route, signed_in
from web.context import context

ANSWERS_DAYS = 30
line = Blueprint("line", __name__, template_folder="templates")


@route(line, "/line", Permission.READ_LINE)
def trunks() -> ResponseReturnValue:
    """How every trunk and every node stands."""
    here = context()
    now = here.clock.now()
    with here.db.session() as session:
        told = {"trunks": trunks_now(session, here.settings, now), "nodes": nodes_now(session, now)}
        answers = confusions(session, since=now - timedelta(days=ANSWERS_DAYS))
    columns = classes(answers)
    return render_template("line/trunks.html", at=now, answers=answers, columns=columns, days=ANSWERS_DAYS, **told)


@route(line, "/line/<name>/drain", Permission.MANAGE_LINE, methods=("POST",))
def drain(name: str) -> ResponseReturnValue:
    """No new call over the trunk; live ones end by themselves."""
    changed = _change(name, lambda session, by, at: books.drain(session, name, by=by, at=at))
    flash(_("Trunk %(name)s takes no new calls.", name=name), "success" if changed else "warning")
    return redirect(url_for("line.trunks"))


@route(line, "/line/<name>/undrain", Permission.MANAGE_LINE, methods=("POST",))
def undrain(name: str) -> ResponseReturnValue:
    """The trunk takes calls again."""
    changed = _change(name, lambda session, by, at: books.undrain(session, name, by=by, at=at))
    flash(_("Trunk %(name)s is in use.", name=name), "success" if changed else "warning")
    return redirect(url_for("line.trunks"))


def _change(name: str, change: Callable[[Session, str, datetime], bool]) -> bool:
    here, account = context(), signed_in()
    try:
        with here.db.write() as session:
            books.require(session, here.settings, name)
            return change(session, account.actor, here.clock.now())
    except books.UnknownTrunk:
        abort(404)
