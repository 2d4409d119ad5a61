"""The page of a drawn script, with the numbers of real calls or what rehearsals walk, and its style sheet."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, Response, abort, render_template, request
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from core.clock import china
from dialer.calling.walked import HUNG_UP, walked
from ivr_flows.errors import FlowRefused
from ivr_flows.graph import STYLE, to_svg
from ivr_flows.layout import Arrow
from ivr_flows.model import Flow
from ivr_flows.rehearsal import coverage, of_flow, rehearse_all
from web.access import Permission, route
from web.context import context
from web.flowmap.arrows import step_rows
from web.flowmap.choosing import choices, chosen, drawn, language_of, period
from web.flowmap.words import word
from web.language import chosen_language

SHOWN = ("calls", "rehearsals")
PAGE_STYLE = """\
.flow-picture{background:#fff;text-align:center}.flow-picture svg{max-width:none}
.flow-arrows{margin-top:1.25rem}
"""
flowmap = Blueprint("flowmap", __name__, template_folder="templates")


@route(flowmap, "/flows/<name>/map", Permission.SIGNED_IN)
def picture(name: str) -> ResponseReturnValue:
    """One version drawn; `show` chooses what is on its arrows, `since` and `until` the days of the calls."""
    here, arguments = context(), request.args
    language, days = language_of(arguments, chosen_language()), period(arguments, china(here.clock.now()).date())
    with here.db.session() as session:
        found = choices(session, name, language, here.settings.firm)
        one = chosen(found, arguments.get("version", "")) or abort(404)
        flow = drawn(session, one)
        first, last = days.bounds()
        told = walked(session, name, one.hash, since=first, until=last)
    show = arguments.get("show", "") if arguments.get("show", "") in SHOWN else SHOWN[0]
    rehearsed = _rehearsed(flow) if flow and show == "rehearsals" else None
    calls = told.calls if told.calls.total and show == "calls" else None
    svg = to_svg(flow, coverage=rehearsed, calls=calls, words=word, standalone=False) if flow else ""
    return render_template(
        "flowmap/map.html",
        name=name,
        spoken=language,
        choices=found,
        one=one,
        flow=flow,
        days=days,
        show=show,
        svg=Markup(svg),  # noqa: S704 - every text in it was escaped by to_svg
        rehearsed=rehearsed,
        total=told.calls.total,
        rows=step_rows(flow, told) if flow and told.calls.total else [],
        word=word,
        hung_up=HUNG_UP,
    )


@route(flowmap, "/flows/map.css", Permission.PUBLIC)
def style() -> ResponseReturnValue:
    """The style of the picture: the content policy of the pages forbids styles inside it."""
    return Response(STYLE + PAGE_STYLE, mimetype="text/css", headers={"Cache-Control": "max-age=3600"})


def _rehearsed(flow: Flow) -> Mapping[Arrow, int] | None:
    """How many rehearsals walk each arrow; None when those that are here do not fit this version."""
    try:
        return coverage(flow, rehearse_all(flow, of_flow(flow))).walked
    except FlowRefused:
        return None
