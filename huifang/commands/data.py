"""Commands about who is to be called: import, plan, gate."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

import click

from core.clock import CHINA, china
from dialer.importing import (
    ImportRefused,
    ImportReport,
    import_clients,
    import_events,
    import_figures,
    import_staff,
)
from dialer.planning.lookup import explain
from dialer.planning.nightly import make_plan, store_night
from dialer.planning.plan import Plan
from dialer.planning.shapes import plan_json
from huifang.context import Context
from huifang.output import console, print_json, print_table

pass_context = click.make_pass_decorator(Context)
IMPORTS: dict[str, Callable[..., ImportReport]] = {
    "clients": import_clients,
    "events": import_events,
    "staff": import_staff,
    "figures": import_figures,
}


@click.command("import")
@click.argument("what", type=click.Choice(list(IMPORTS)))
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Check everything, store nothing.")
@click.option("--allow-extra", is_flag=True, help="Pass over columns that are not known.")
@click.option("--json", "as_json", is_flag=True)
@pass_context
def import_(context: Context, what: str, file: Path, dry_run: bool, allow_extra: bool, as_json: bool) -> None:
    """Import clients, events, staff or figures of the market from the CSV FILE: all of it or nothing."""
    try:
        report = IMPORTS[what](context.db, file, dry_run=dry_run, allow_extra=allow_extra, clock=context.clock)
    except ImportRefused as refused:
        if not as_json:
            raise
        print_json({"imported": False, "errors": [str(error) for error in refused.errors]})
        raise SystemExit(refused.exit_code) from None
    if as_json:
        print_json(report)
    else:
        console().print(f"{what}: {report}")


@click.command()
@click.option("--date", "day", type=click.DateTime(["%Y-%m-%d"]), default=None, help="Default: today.")
@click.option("--pack", default=None, help="Instead of the one in the settings.")
@click.option("--seed", default=None, help="Fixes the order of samples; default: the site's secret.")
@click.option("--full", is_flag=True, help="Look at everybody, not only at what changed since the last run.")
@click.option("--dry-run", is_flag=True, help="Show the plan, store nothing.")
@click.option("--json", "as_json", is_flag=True)
@pass_context
def plan(
    context: Context,
    day: datetime | None,
    pack: str | None,
    seed: str | None,
    full: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Who must be called that day, why, by when, in which windows; and who is left out, and why."""
    on = day.date() if day else china(context.clock.now()).date()
    night = context.night(on, pack=pack, seed=seed, full=full)
    made = make_plan(context.db, night).plan if dry_run else store_night(context.db, context.clock, night)[0]
    if as_json:
        print_json(plan_json(made))
    else:
        _show_plan(made, on)


def _show_plan(made: Plan, on: date) -> None:
    rows = [
        (
            callback.client_id,
            ", ".join(item.programme for item in callback.items),
            callback.due_on,
            callback.executor,
            callback.reason,
        )
        for callback in made.callbacks
    ]
    print_table(f"{len(rows)} call-backs for {on}", ["client", "programmes", "due", "executor", "reason"], rows)
    left = [(skipped.client_id, skipped.programme, skipped.reason) for skipped in made.skipped]
    print_table(f"{len(left)} left out", ["client", "programme", "reason"], left)
    open_values = [(one.programme, ", ".join(one.open_values)) for one in made.refused]
    if open_values:
        print_table("programmes that did not run: set these values", ["programme", "open values"], open_values)


@click.command()
@click.argument("client_id")
@click.option("--at", type=click.DateTime(["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]), default=None, help="Default: now.")
@click.option("--caller", default=None, help="The staff id of whoever wants to call by hand; default: the dialer.")
@click.option("--json", "as_json", is_flag=True)
@pass_context
def gate(context: Context, client_id: str, at: datetime | None, caller: str | None, as_json: bool) -> None:
    """May CLIENT_ID be called at that time (Chinese time)? Every reason against it; exit 3 when not."""
    moment = at.replace(tzinfo=CHINA) if at else context.clock.now()
    with context.db.session() as session:
        verdict = explain(session, client_id, at=moment, pack=context.pack, calendars=context.calendars, caller=caller)
    if as_json:
        print_json(verdict.as_json())
    else:
        console().print("allowed" if verdict.allowed else "not allowed")
        for reason in verdict.reasons:
            console().print(f"  {reason.code}: {reason.text} / {reason.text_en} {reason.rule}")
    if not verdict.allowed:
        raise SystemExit(3)


COMMANDS = (import_, plan, gate)
