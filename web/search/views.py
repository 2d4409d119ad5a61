"""The search page. Words are posted and saved (``web.saved_text``); the address of the result holds only their id."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from transcribe.errors import QueryError
from transcribe.tables import Channel
from web.access import Permission, route, signed_in
from web.calls.filters import Filter
from web.context import context
from web.saved_text import save, saved
from web.search.found import PAGE_SIZE, Found, find
from web.search.marks import marked

search = Blueprint("search", __name__, template_folder="templates")


@route(search, "/search", Permission.READ_DAY, methods=("POST",))
def ask() -> ResponseReturnValue:
    """Take the words and go to their result."""
    text = request.form.get("text", "").strip()
    narrowed = Filter.read({key: request.form.get(key, "") for key in ("since", "until")}).arguments()
    arguments = narrowed | ({"s": save(text)} if text else {})
    channel = _channel(request.form.get("channel", ""))
    if channel:
        arguments["channel"] = channel
    return redirect(url_for("search.result", **arguments))


@route(search, "/search", Permission.READ_DAY)
def result() -> ResponseReturnValue:
    """The form, and what was found."""
    wanted, channel = Filter.read(request.args), _channel(request.args.get("channel", ""))
    text = saved(wanted.s) if wanted.s else None
    number = int(page) if (page := request.args.get("page", "1")).isdecimal() and 0 < len(page) < 6 else 1
    found, fault = _found(text, wanted, channel, max(number, 1))
    return render_template(
        "search/result.html",
        wanted=wanted,
        text=text,
        dropped=bool(wanted.s) and text is None,
        channel=channel,
        found=found,
        fault=fault,
        number=max(number, 1),
        last=-(-found.total // PAGE_SIZE) if found else 0,
        mark=lambda hit: marked(hit, signed_in().role),
    )


def _found(text: str | None, wanted: Filter, channel: Channel | None, number: int) -> tuple[Found | None, bool]:
    """What was found, and whether the words cannot be searched for."""
    if not text:
        return None, False
    try:
        with context().db.session() as session:
            offset = (number - 1) * PAGE_SIZE
            return find(session, text, wanted, signed_in(), channel=channel, offset=offset, limit=PAGE_SIZE), False
    except QueryError:
        return None, True


def _channel(text: str) -> Channel | None:
    return Channel(text) if text in set(Channel) else None
