"""The page of prompts: what the scripts say, how each text stands, and how a client hears it.

Nothing of clients is here, so everybody who is signed in may read and listen.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from flask import Blueprint, Response, abort, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _

from ivr_flows.model import Prompt
from ivr_flows.prompts import Catalogue, as_heard
from ivr_flows.rendering import Entry, State, needs, survey
from web.access import Permission, route
from web.calls.filters import PAGE_SIZE, page_of
from web.context import context
from web.language import LANGUAGES, chosen_language

STATES: Mapping[str, object] = {
    State.SYNTHESISED: _("synthesised"),
    State.STUDIO: _("studio recording"),
    State.UNPROVEN: _("studio recording, text not known"),
    State.OLDER: _("recording older than its text"),
    State.MISSING: _("no audio"),
}
prompts = Blueprint("prompts", __name__, template_folder="templates")


@route(prompts, "/prompts", Permission.SIGNED_IN)
def listing() -> ResponseReturnValue:
    """Every prompt; ``flow``, ``language`` and ``state`` narrow the list."""
    entries = _survey()
    wanted = {
        "flow": request.args.get("flow", ""),
        "language": request.args.get("language", chosen_language()),
        "state": request.args.get("state", ""),
    }
    found = [entry for entry in entries if _matches(entry, wanted)]
    page = page_of(request.args, len(found))
    return render_template(
        "prompts/listing.html",
        entries=found[page.offset : page.offset + PAGE_SIZE],
        page=page,
        wanted=wanted,
        flows=sorted({flow for entry in entries for flow in entry.flows}),
        spoken=LANGUAGES,
        states=STATES,
        refused=needs(_companies()).refused,
        waiting=sum(entry.path is None for entry in entries),
    )


@route(prompts, "/prompts/<language>/<digest>/<prompt_id>/sound", Permission.SIGNED_IN)
def sound(language: str, digest: str, prompt_id: str) -> ResponseReturnValue:
    """The prompt as a WAV file, coded for the telephone and decoded; 404 when the text is not in use or has none."""
    entry = _find(language, digest, prompt_id)
    if entry is None or entry.path is None:
        abort(404)
    response = Response(as_heard(_catalogue().audio(entry.prompt)), mimetype="audio/wav")
    response.accept_ranges = "bytes"
    response.make_conditional(request.environ, accept_ranges=True, complete_length=response.content_length)
    return response


def _find(language: str, digest: str, prompt_id: str) -> Entry | None:
    wanted = (language, digest, prompt_id)
    return next((one for one in _survey() if (one.prompt.language, one.hash, one.prompt.id) == wanted), None)


def _matches(entry: Entry, wanted: Mapping[str, str]) -> bool:
    prompt: Prompt = entry.prompt
    return (
        wanted["flow"] in ("", *entry.flows)
        and wanted["language"] in ("", prompt.language)
        and wanted["state"] in ("", entry.state)
    )


def _companies() -> Mapping[str, str]:
    firm = context().settings.firm
    return {"zh-CN": firm.name, "en": firm.name_en}


def _catalogue() -> Catalogue:
    folder = context().settings.firm.studio
    return Catalogue(Path(folder) if folder else None)


def _survey() -> list[Entry]:
    return survey(_catalogue(), _companies())
