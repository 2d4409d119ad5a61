"""The overview of a day."""

from __future__ import annotations

from datetime import date, timedelta

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from core.clock import china
from web.access import Permission, route, signed_in
from web.context import context
from web.overview.counts import Counts, newest_day

overview = Blueprint("overview", __name__, template_folder="templates")


@route(overview, "/day", Permission.READ_DAY)
def day() -> ResponseReturnValue:
    """One day in numbers; today when none is asked for, or the newest day with calls when today has none."""
    today = china(context().clock.now()).date()
    with context().db.session() as session:
        on = _asked(request.args.get("on", "")) or min(newest_day(session) or today, today)
        counted = Counts(session, on, signed_in()).day()
    one = timedelta(days=1)
    return render_template(
        "overview/day.html", day=counted, before=on - one, after=on + one if on < today else None, today=today
    )


def _asked(text: str) -> date | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if date(2000, 1, 1) <= found <= date(2100, 1, 1) else None
