"""Finding a client, and a client's page. An address holds the client's id and codes, nothing he could be known by."""

from __future__ import annotations

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from web.access import Permission, may, route, signed_in
from web.board import counts
from web.board.pages import KINDS, Places, listed, places
from web.board.views import moments_now
from web.board.wanted import Wanted
from web.clients.explanation import Explanation, explanation
from web.context import context
from web.programmes import firm_pack
from web.saved_text import save, saved

clients = Blueprint("clients", __name__, template_folder="templates")
ENDPOINTS = {"open": "board.open_callbacks", "clients": "clients.found"}  # the others are named like their list


@route(clients, "/clients", Permission.READ_DAY)
def found() -> ResponseReturnValue:
    """Clients by name, number or id."""
    wanted = Wanted.read(request.args)
    text = saved(wanted.s)
    with context().db.session() as session:
        page = listed(session, "clients", wanted, request.args, moments=moments_now(), text=text)
        branches = counts.branches(session)
    return render_template("clients/found.html", found=page, wanted=wanted, text=text, branches=branches)


@route(clients, "/clients", Permission.READ_DAY, methods=("POST",))
def look() -> ResponseReturnValue:
    """Look for a client: the words are saved, the rest goes into the address."""
    text = request.form.get("text", "").strip()
    wanted = Wanted(branch=request.form.get("branch", "").strip(), s=save(text) if text else "")
    return redirect(url_for("clients.found", **wanted.arguments()))


@route(clients, "/clients/<client_id>", Permission.READ_CLIENT)
def client(client_id: str) -> ResponseReturnValue:
    """One client's page; ``list`` and ``place`` say where the reader came from."""
    told = explain_now(client_id)
    if told is None:
        abort(404)
    kind, place = request.args.get("list", ""), request.args.get("place", "")
    came = kind in KINDS and place.isdecimal() and len(place) < 9 and may(Permission.READ_DAY)
    wanted = Wanted.read(request.args)
    return render_template(
        "clients/client.html",
        told=told,
        wanted=wanted,
        kind=kind if came else "",
        back=ENDPOINTS.get(kind, f"board.{kind}"),
        place=int(place) if came else 0,
        around=_places(kind, wanted, int(place)) if came else None,
    )


def explain_now(client_id: str) -> Explanation | None:
    """The explanation of one client as the visitor may see it at this moment."""
    here = context()
    with here.db.session() as session:
        return explanation(
            session, client_id, signed_in(), at=here.clock.now(), read=firm_pack(), calendars=here.calendars
        )


def _places(kind: str, wanted: Wanted, place: int) -> Places:
    with context().db.session() as session:
        return places(session, kind, wanted, place, moments=moments_now(), text=saved(wanted.s))
