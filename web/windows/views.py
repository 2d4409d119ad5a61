"""The calendar of windows. Everybody who is signed in may see when clients may be called."""

from __future__ import annotations

from datetime import date

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from core.calendars import add_months
from core.clock import china
from dialer.programmes.expression_words import whom
from dialer.programmes.model import Windows
from web.access import Permission, route
from web.board import counts
from web.context import context
from web.language import is_chinese
from web.programmes import firm_pack
from web.windows.month import month_before, month_of

windows = Blueprint("windows", __name__, template_folder="templates")


@route(windows, "/windows", Permission.SIGNED_IN)
def month() -> ResponseReturnValue:
    """One month; ``branch`` lays a branch's holidays over it, ``segment`` chooses clients with windows of their own."""
    today = china(context().clock.now()).date()
    first = _month(request.args.get("month", "")) or today.replace(day=1)
    read = firm_pack()
    rules = read.pack.windows if read.pack else None
    with context().db.session() as session:
        branches = counts.branches(session)
    branch = request.args.get("branch", "")
    chosen = _segment(request.args.get("segment", ""), rules)
    shown = month_of(first, context().calendars, rules, segment=chosen, branch=branch if branch in branches else "")
    return render_template(
        "windows/month.html",
        shown=shown,
        today=today,
        read=read,
        rules=rules,
        branches=branches,
        branch=branch,
        segment=chosen,
        segments=_segments(rules),
        before=month_before(first),
        after=add_months(first, 1),
    )


def _month(text: str) -> date | None:
    try:
        found = date.fromisoformat(f"{text[:7]}-01")
    except ValueError:
        return None
    return found if 2000 <= found.year <= 2100 else None


def _segment(text: str, rules: Windows | None) -> int | None:
    number = int(text) if text.isdecimal() and len(text) < 3 else None
    return number if rules and number is not None and number < len(rules.segments) else None


def _segments(rules: Windows | None) -> list[str]:
    """The clients of each segment in words."""
    said = [whom(segment.when) for segment in rules.segments] if rules else []
    return [one.zh if is_chinese() else one.en for one in said]
