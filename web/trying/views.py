"""The page on which a script is tried: read to a client by an agent, or filled in by the client himself."""

from __future__ import annotations

from typing import Literal, cast

from flask import Blueprint, abort, render_template, request
from flask.typing import ResponseReturnValue

from ivr_flows.events import Picked, Read
from ivr_flows.loader import DEMO_COMPANY
from ivr_flows.model import Flow
from ivr_flows.state import Medium
from web.access import Permission, route
from web.context import context
from web.flows.drafts import firm_flows
from web.language import chosen_language
from web.trying import walk as walking

trying = Blueprint("trying", __name__, template_folder="templates")
MEDIA: tuple[Literal["desk", "form"], ...] = ("desk", "form")


@route(trying, "/flows/<name>/try", Permission.SIGNED_IN, methods=("GET", "POST"))
def step(name: str) -> ResponseReturnValue:
    """One moment of the walk; the page sends back what was read and picked so far."""
    given = request.values
    language, medium = given.get("language") or chosen_language(), given.get("medium", MEDIA[1])
    if language not in DEMO_COMPANY or medium not in MEDIA:
        abort(404)
    flow = _flow(name, language)
    conditions = [one for one in given.getlist("condition") if one in walking.conditions_of(flow)]
    events = walking.events_of(request.form.get("walked", ""))
    events = _moved(events) if request.method == "POST" else []
    facts = walking.facts_of(conditions)
    return render_template(
        "trying/step.html",
        flow=flow,
        medium=medium,
        language_tried=language,
        conditions=conditions,
        possible=walking.conditions_of(flow),
        sample=walking.SAMPLE,
        walked=walking.as_text(events),
        begun=bool(events),
        shown=walking.walk(flow, facts, cast("Medium", medium), events),
    )


def _moved(events: list[walking.Event]) -> list[walking.Event]:
    """The events, and what was just done at the step that the page showed."""
    at, value = request.form.get("step", ""), request.form.get("value")
    match request.form.get("do", ""):
        case "back":
            return events[:-1]
        case "again":
            return []
        case "read":
            return [*events, Read(at)]
        case "pick" if value is not None:
            return [*events, Picked(at, value[: walking.LONGEST])]
        case _:
            return events


def _flow(name: str, language: str) -> Flow:
    found = [flow for flow in firm_flows(context().settings.firm, name) if flow.language == language]
    return found[0] if found else abort(404)
