"""The lists of callbacks, attempts and gate refusals, and the page of one call."""

from __future__ import annotations

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from dialer.calling.answers import LABELS, NoSuchAnswer, label
from dialer.calling.evidence.answering import Answer
from dialer.tables import Callback, GateRefusal
from web.access import Permission, may, route, signed_in
from web.calls import queries
from web.calls.detail import call_page
from web.calls.filters import PAGE_SIZE, Filter, page_of
from web.calls.neighbours import neighbours
from web.context import context
from web.saved_text import save, saved

calls = Blueprint("calls", __name__, template_folder="templates")
KINDS = ("attempts", "callbacks")


@route(calls, "/attempts", Permission.READ_DAY)
def attempts() -> ResponseReturnValue:
    """The list of attempts."""
    wanted = Filter.read(request.args)
    with context().db.session() as session:
        found = queries.attempts(wanted, saved(wanted.s), signed_in())
        page = page_of(request.args, queries.count(session, found))
        rows = queries.attempts_page(session, found, page)
        choices = {"branches": queries.branches(session), "programmes": queries.programmes(session)}
    return render_template("calls/attempts.html", wanted=wanted, text=saved(wanted.s), page=page, rows=rows, **choices)


@route(calls, "/callbacks", Permission.READ_DAY)
def callbacks() -> ResponseReturnValue:
    """The list of callbacks."""
    wanted = Filter.read(request.args)
    with context().db.session() as session:
        found = queries.callbacks(wanted, saved(wanted.s), signed_in())
        page = page_of(request.args, queries.count(session, found))
        rows = queries.callbacks_page(session, found, page)
        choices = {"branches": queries.branches(session), "programmes": queries.programmes(session)}
    return render_template("calls/callbacks.html", wanted=wanted, text=saved(wanted.s), page=page, rows=rows, **choices)


@route(calls, "/lists/<kind>", Permission.READ_DAY, methods=("POST",))
def narrow(kind: str) -> ResponseReturnValue:
    """Apply the filter form: the words are saved, the rest goes into the address."""
    if kind not in KINDS:
        abort(404)
    text = request.form.get("text", "").strip()
    arguments = Filter.read(request.form).arguments() | ({"s": save(text)} if text else {})
    return redirect(url_for(f"calls.{kind}", **arguments))


@route(calls, "/refusals", Permission.READ_DAY)
def refusals() -> ResponseReturnValue:
    """The list of moments at which the gate said no; ``reason`` narrows it to one code."""
    wanted, reason = Filter.read(request.args), request.args.get("reason", "")
    with context().db.session() as session:
        found = queries.refusals(wanted)
        rows = [row for row in session.scalars(found) if not reason or reason in _codes(row)]
        page = page_of(request.args, len(rows))
        shown = rows[page.offset : page.offset + PAGE_SIZE]
        loaded = select(Callback).where(Callback.callback_id.in_({row.callback_id for row in shown}))
        named = {item.callback_id: item for item in session.scalars(loaded.options(selectinload(Callback.client)))}
    return render_template("calls/refusals.html", wanted=wanted, reason=reason, page=page, rows=shown, callbacks=named)


@route(calls, "/calls/<callback_id>", Permission.READ_CALL)
def call(callback_id: str) -> ResponseReturnValue:
    """One call's page; ``attempt`` chooses the recording, ``at`` the millisecond it opens at."""
    wanted, kind = Filter.read(request.args), request.args.get("list", "")
    with context().db.session() as session:
        page = call_page(session, callback_id, request.args.get("attempt"), signed_in())
        if page is None:
            abort(404)
        around = None
        if kind in KINDS and may(Permission.READ_DAY):
            attempt_id = page.attempt.attempt_id if page.attempt else ""
            around = neighbours(
                session, kind, wanted, saved(wanted.s), signed_in(), callback_id=callback_id, attempt_id=attempt_id
            )
    at = request.args.get("at", "0")
    return render_template(
        "calls/call.html",
        page=page,
        at=int(at) if at.isdecimal() and len(at) < 10 else 0,
        wanted=wanted,
        kind=kind if kind in (*KINDS, "search") else "",
        channel=request.args.get("channel"),
        around=around,
        who=[answer.value for answer in LABELS],
    )


@route(calls, "/calls/<callback_id>/answered/<attempt_id>", Permission.LABEL_ANSWER, methods=("POST",))
def answered(callback_id: str, attempt_id: str) -> ResponseReturnValue:
    """Say who answered an attempt; what was said before stays in the audit chain."""
    account, said = signed_in(), request.form.get("answer", "")
    with context().db.write() as session:
        page = call_page(session, callback_id, attempt_id, account)
        if page is None or page.attempt is None or page.attempt.attempt_id != attempt_id or said not in list(Answer):
            abort(404)
        try:
            at = context().clock.now()
            label(session, attempt_id, Answer(said), by=account.name, actor=account.actor, at=at)
        except NoSuchAnswer:
            abort(404)
    flash(_("Kept: who answered."), "success")
    return redirect(url_for("calls.call", callback_id=callback_id, attempt=attempt_id))


def _codes(row: GateRefusal) -> set[str]:
    return {str(reason.get("code", "")) for reason in row.reasons}
