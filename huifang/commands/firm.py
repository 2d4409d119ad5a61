"""Commands about the firm's own matters: holiday notices, what waits for call-backs, what must follow from them."""

from __future__ import annotations

import calendar as months
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

import click

from core.calendars import Calendars
from core.clock import china
from core.errors import CalendarUnknown
from core.notices import doubts, load_notices
from dialer.following import duties as owed
from dialer.following import gates as waiting
from dialer.following.gates import GateAnswer
from dialer.following.plans import Following
from dialer.programmes.model import ACTIONS
from dialer.tables import DutyState
from huifang.context import Context
from huifang.output import console, print_json, print_table

pass_context = click.make_pass_decorator(Context)


@click.group()
def calendar() -> None:
    """Working days and trading days, and the firm's own holiday notices."""


@calendar.command()
@click.argument("file", type=click.Path(exists=True, path_type=Path))
@click.option("--json", "as_json", is_flag=True)
def check(file: Path, as_json: bool) -> None:
    """Check the holiday notice FILE (or a folder of them); exit 1 when it cannot be used."""
    notices = load_notices(file)
    found = [{"year": one.year, "title": one.title, "doubts": list(doubts(one))} for one in notices]
    if as_json:
        print_json(found)
        return
    for one in found:
        console().print(f"{one['year']}: {one['title']}: in order")
        for doubt in one["doubts"] if isinstance(one["doubts"], list) else ():
            console().print(f"  look again: {doubt}")


@calendar.command()
@click.option("--month", type=click.DateTime(["%Y-%m"]), default=None, help="Default: this month.")
@click.option("--branch", default="", help="With the holidays of that branch.")
@click.option("--json", "as_json", is_flag=True)
@pass_context
def show(context: Context, month: datetime | None, branch: str, as_json: bool) -> None:
    """What each day of a month is: working day, trading day, or not known yet."""
    first = month.date() if month else china(context.clock.now()).date().replace(day=1)
    last = months.monthrange(first.year, first.month)[1]
    rows = [_day(context.calendars, first.replace(day=number), branch) for number in range(1, last + 1)]
    if as_json:
        print_json(rows)
        return
    columns = ["day", "weekday", "working day", "Shanghai", "Hong Kong"]
    print_table(f"{first:%Y-%m}", columns, [tuple(row.values()) for row in rows])


def _day(calendars: Calendars, day: date, branch: str) -> dict[str, object]:
    return {
        "day": day.isoformat(),
        "weekday": day.strftime("%a"),
        "working_day": _known(lambda: calendars.is_working_day(day) and not calendars.is_branch_holiday(branch, day)),
        "XSHG": _known(lambda: calendars.is_trading_day(day, "XSHG")),
        "XHKG": _known(lambda: calendars.is_trading_day(day, "XHKG")),
    }


def _known(ask: Callable[[], bool]) -> str:
    try:
        return "yes" if ask() else "no"
    except CalendarUnknown:
        return "unknown"


@click.group()
def gates() -> None:
    """What waits for call-backs: the activation of accounts, the departure of staff."""


@gates.command()
@click.argument("client_id")
@click.option("--json", "as_json", is_flag=True)
@pass_context
def activation(context: Context, client_id: str, as_json: bool) -> None:
    """May the account of CLIENT_ID be activated (A-23)? Exit 3 when not."""
    with context.db.session() as session:
        _answer(waiting.activation(session, client_id, context.pack), as_json)


@gates.command()
@click.argument("staff_id")
@click.option("--json", "as_json", is_flag=True)
@pass_context
def departure(context: Context, staff_id: str, as_json: bool) -> None:
    """May the member of staff STAFF_ID leave (A-91)? Exit 3 when not."""
    with context.db.session() as session:
        _answer(waiting.departure(session, staff_id, context.pack), as_json)


@gates.command()
@click.argument("staff_id")
@click.option("--text", required=True, help="The compliance conclusion or handling opinion.")
@click.option("--by", required=True, help="Who concludes.")
@pass_context
def conclude(context: Context, staff_id: str, text: str, by: str) -> None:
    """Write the compliance conclusion about STAFF_ID, who leaves; once, when his clients' call-backs are closed."""
    with context.db.write() as session:
        tell = bool(context.settings.webhook.url)
        waiting.conclude(session, staff_id, text, by=by, at=context.clock.now(), pack=context.pack, tell=tell)
    console().print(f"{staff_id}: concluded")


def _answer(answer: GateAnswer, as_json: bool) -> None:
    if as_json:
        print_json(answer.as_json())
    else:
        console().print("open" if answer.open else "closed")
        for reason in answer.reasons:
            console().print(f"  {reason.code}: {reason.text} / {reason.text_en} {reason.programme}")
    if not answer.open:
        raise SystemExit(3)


@click.group()
def duties() -> None:
    """What must follow from call-backs: messages, problems to be handled, reports, feedback."""


@duties.command("list")
@click.option("--state", type=click.Choice([*(state.value for state in DutyState), "all"]), default="open")
@click.option("--kind", type=click.Choice(sorted(ACTIONS)), default=None)
@click.option("--client", "client_id", default=None, help="Of one client only.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=200, show_default=True)
@click.option("--json", "as_json", is_flag=True)
@pass_context
def list_(context: Context, state: str, kind: str | None, client_id: str | None, limit: int, as_json: bool) -> None:
    """Duties, those due first before the others."""
    wanted = None if state == "all" else DutyState(state)
    with context.db.session() as session:
        found = owed.listing(session, context.clock.now(), state=wanted, kind=kind, client_id=client_id, limit=limit)
    if as_json:
        print_json(found)
        return
    columns = ("duty_id", "kind", "client_id", "programme", "outcome", "channel", "due_at", "state", "rule")
    print_table(f"{len(found)} duties", columns, [[one[name] for name in columns] for one in found])


@duties.command()
@click.argument("duty_id")
@click.option("--by", required=True, help="Who did it.")
@click.option("--note", default="", help="What was done.")
@pass_context
def done(context: Context, duty_id: str, by: str, note: str) -> None:
    """Mark the duty DUTY_ID as done; a handled problem owes the client feedback."""
    following = Following(context.pack, context.calendars, bool(context.settings.webhook.url))
    with context.db.write() as session:
        made = owed.complete(session, duty_id, by=by, at=context.clock.now(), following=following, note=note)
        told = [f"{one.kind} {one.duty_id}" for one in made]
    console().print(f"{duty_id}: done" + (f"; now owed: {', '.join(told)}" if told else ""))


@duties.command()
@click.argument("duty_id")
@click.option("--by", required=True, help="Who takes it back.")
@click.option("--note", required=True, help="Why.")
@pass_context
def cancel(context: Context, duty_id: str, by: str, note: str) -> None:
    """Take the duty DUTY_ID back."""
    with context.db.write() as session:
        owed.cancel(session, duty_id, by=by, at=context.clock.now(), note=note)
    console().print(f"{duty_id}: cancelled")


COMMANDS = (calendar, gates, duties)
