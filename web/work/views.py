"""An agent's own callbacks: those that wait for his outcome first, then the ones he finished."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session, selectinload

from dialer.calling.outcomes import OutcomeRefused, set_agent_outcome
from dialer.calling.retries import Next
from dialer.calling.settling import Settling, call_again
from dialer.tables import Attempt, Callback
from web.access import Permission, route, signed_in
from web.calls import queries
from web.calls.detail import waiting
from web.calls.filters import Filter
from web.context import context
from web.programmes import firm_pack

work = Blueprint("work", __name__, template_folder="templates")
SHOWN = 200


@route(work, "/mine", Permission.SET_OUTCOME)
def mine() -> ResponseReturnValue:
    """My list."""
    account = signed_in()
    with context().db.session() as session:
        rows = _taken(session)
        open_rows = [row for row in rows if waiting(row, account)]
        done = [row for row in rows if row not in open_rows]
    return render_template("work/mine.html", open=open_rows, done=done)


@route(work, "/calls/<callback_id>/outcome", Permission.SET_OUTCOME, methods=("POST",))
def outcome(callback_id: str) -> ResponseReturnValue:
    """Set the outcome of a talk I had; the dialer decides whether it is mine to set, and what follows from it."""
    account, said, by = signed_in(), request.form.get("outcome", ""), _settling()
    try:
        with context().db.write() as session:
            set_agent_outcome(
                session,
                callback_id,
                said,
                staff_id=account.staff_id or "",
                at=by.now if by else context().clock.now(),
                by="web",
                actor=account.actor,
                again=_again(session, callback_id, by) if by and said == "call_again" else None,
                following=by.following if by else None,
            )
    except OutcomeRefused:
        flash(_("Nothing was changed: this callback does not wait for your outcome any more."), "warning")
        return redirect(url_for("work.mine"))
    flash(_("Outcome saved."), "success")
    return redirect(url_for("work.mine"))


def _settling() -> Settling | None:
    """What deciding about a call-back needs; None while the pack cannot be used: the planner then makes up for it."""
    here, pack = context(), firm_pack().pack
    if pack is None or pack.contact is None or pack.open_values:
        return None
    return Settling(pack.contact, here.calendars, here.clock.now(), pack, bool(here.settings.webhook.url))


def _again(session: Session, callback_id: str, by: Settling) -> Next | None:
    callback = session.get(Callback, callback_id)
    return call_again(callback, by) if callback else None


def _taken(session: Session) -> list[Callback]:
    wanted = queries.callbacks(Filter(), None, signed_in()).options(
        selectinload(Callback.client),
        selectinload(Callback.items),
        selectinload(Callback.attempts).selectinload(Attempt.handoffs),
    )
    return list(session.scalars(wanted.order_by(None).order_by(Callback.created_at.desc()).limit(SHOWN)))
