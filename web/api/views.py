"""The REST interface: thin, the same queries and the same masks as the pages, described by ``openapi.yaml``.

It uses the session of the pages. Searching is a POST, because words of a search never stand in an address.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from flask import Blueprint, abort, jsonify, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_wtf.csrf import generate_csrf
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from dialer.following import gates
from dialer.following.gates import GateAnswer
from dialer.programmes.model import Pack
from dialer.tables import Client, Staff
from transcribe.errors import QueryError
from transcribe.tables import Channel
from web.access import Permission, route, signed_in
from web.api import explained, shapes
from web.board import counts
from web.board.coverage import coverage_by_branch, samples_of
from web.board.views import moments_now
from web.board.wanted import Wanted
from web.calls import queries
from web.calls.detail import call_page
from web.calls.filters import Filter, page_of
from web.clients.explanation import may_see
from web.clients.views import explain_now
from web.context import context
from web.faults import answer
from web.programmes import firm_pack
from web.search.found import PAGE_SIZE, find

api = Blueprint("api", __name__, url_prefix="/api/v1")


@cache
def document() -> dict[str, Any]:
    """The OpenAPI document."""
    found: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("openapi.yaml").read_text(encoding="utf-8"))
    return found


def _request_schema() -> dict[str, Any]:
    schema: dict[str, Any] = document()["components"]["schemas"]["SearchRequest"]
    return schema


@route(api, "/openapi.json", Permission.PUBLIC)
def openapi() -> ResponseReturnValue:
    """The description of this interface."""
    return jsonify(document())


@route(api, "/session", Permission.SIGNED_IN)
def session() -> ResponseReturnValue:
    """Who I am, and the token that every POST needs in ``X-CSRFToken``."""
    account = signed_in()
    return jsonify(user=account.user_id, role=account.role, csrf_token=generate_csrf())


@route(api, "/calls", Permission.READ_CALL)
def calls() -> ResponseReturnValue:
    """Callbacks under a filter, page by page."""
    wanted = Filter.read({key: value for key, value in request.args.items() if key != "s"})
    with context().db.session() as db:
        found = queries.callbacks(wanted, None, signed_in())
        page = page_of(request.args, queries.count(db, found))
        rows = queries.callbacks_page(db, found, page)
        listed = [shapes.callback(row, signed_in().role) for row in rows]
    return jsonify(total=page.total, page=page.number, pages=page.last, calls=listed)


@route(api, "/calls/<callback_id>", Permission.READ_CALL)
def call(callback_id: str) -> ResponseReturnValue:
    """One callback with its attempts, answers and handoffs."""
    with context().db.session() as db:
        page = call_page(db, callback_id, None, signed_in())
        if page is None:
            abort(404)
        return jsonify(shapes.callback_with_attempts(page.callback, signed_in().role))


@route(api, "/clients/<client_id>/explanation", Permission.READ_CLIENT)
def explanation(client_id: str) -> ResponseReturnValue:
    """Why the client is called, by whom, until when, under which rules; and why he is not."""
    told = explain_now(client_id)
    if told is None:
        abort(404)
    return jsonify(explained.explanation(told, signed_in().role))


@route(api, "/coverage", Permission.READ_DAY)
def coverage() -> ResponseReturnValue:
    """Coverage against target of the samples, and the items due, of a period: this month when none is asked for."""
    wanted = Wanted.read(request.args).in_period(moments_now().today)
    wanted = Wanted(since=wanted.since, until=wanted.until, programme=wanted.programme)
    with context().db.session() as db:
        samples = coverage_by_branch(db, samples_of(db, wanted))
        lines = counts.by_programme(db, wanted, firm_pack().pack)
    return jsonify(
        since=wanted.since or None,
        until=wanted.until or None,
        samples=[explained.covered(one) for one in samples],
        programmes=[explained.fates(one) for one in lines if wanted.programme in ("", one.programme)],
    )


@route(api, "/gates/activation/<client_id>", Permission.READ_CLIENT)
def activation(client_id: str) -> ResponseReturnValue:
    """May the client's account be activated (A-23, D-07)?"""
    with context().db.session() as db:
        if db.get(Client, client_id) is None or not may_see(db, client_id, signed_in()):
            abort(404)
        return _gate(lambda pack: gates.activation(db, client_id, pack))


@route(api, "/gates/departure/<staff_id>", Permission.READ_DAY)
def departure(staff_id: str) -> ResponseReturnValue:
    """May the member of staff leave (A-91, D-08)?"""
    with context().db.session() as db:
        if db.get(Staff, staff_id) is None:
            abort(404)
        return _gate(lambda pack: gates.departure(db, staff_id, pack))


def _gate(asked: Callable[[Pack], GateAnswer]) -> ResponseReturnValue:
    """The answer of a gate; 503 without a pack, because then nobody knows what it waits for."""
    pack = firm_pack().pack
    if pack is None:
        return answer(503, _("The policy pack cannot be read; nothing is planned and nobody is called."))
    return jsonify(asked(pack).as_json())


@route(api, "/search", Permission.READ_DAY, methods=("POST",))
def search() -> ResponseReturnValue:
    """Sentences that hold the words."""
    asked: Any = request.get_json(silent=True)
    fault = best_match(Draft202012Validator(_request_schema()).iter_errors(asked))
    if fault:
        place = "".join(f" {part}" for part in fault.absolute_path)
        return answer(400, _("The request%(place)s: %(fault)s", place=place, fault=fault.message))
    text, page = str(asked["text"]), int(asked.get("page", 1))
    channel = Channel(asked["channel"]) if "channel" in asked else None
    wanted = Filter.read({key: str(asked.get(key, "")) for key in ("since", "until")})
    try:
        with context().db.session() as db:
            found = find(db, text, wanted, signed_in(), channel=channel, offset=(page - 1) * PAGE_SIZE, limit=PAGE_SIZE)
    except QueryError:
        return answer(400, _("These words cannot be searched for. Give at least one letter or character."))
    return jsonify(total=found.total, page=page, hits=[shapes.hit(item, signed_in().role) for item in found.calls])
