"""`huifang reclassify`: the table of dispositions run again over old attempts."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from core.clock import CHINA
from dialer.calling.reclassify import Change
from dialer.calling.reclassify import reclassify as run_again
from huifang.context import Context
from huifang.output import console, print_json, print_table

pass_context = click.make_pass_decorator(Context)
FOREVER = datetime(9999, 1, 1, tzinfo=UTC)


@click.command()
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), required=True, help="First day of the attempts.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), default=None, help="The day after the last; today's too.")
@click.option("--dry-run", is_flag=True, help="Show what would change, change nothing.")
@click.option("--json", "as_json", is_flag=True)
@pass_context
def reclassify(context: Context, since: datetime, until: datetime | None, dry_run: bool, as_json: bool) -> None:
    """Judge old attempts again by today's table, from the facts kept with each; call-backs are not moved."""
    ends = until.replace(tzinfo=CHINA) if until else FOREVER
    with context.db.write() as session:
        changes = run_again(
            session,
            since=since.replace(tzinfo=CHINA),
            until=ends,
            ring_limit_s=context.pack.runnable().ring_limit.total_seconds(),
            at=context.clock.now(),
            actor="cli",
            dry_run=dry_run,
        )
    if as_json:
        print_json({"dry_run": dry_run, "changed": changes})
    else:
        _show(changes, dry_run)


def _show(changes: list[Change], dry_run: bool) -> None:
    rows = [(one.attempt_id, one.before, one.after, one.why, f"{one.confidence:.1f}") for one in changes]
    if rows:
        print_table("reclassified", ["attempt", "before", "after", "why", "confidence"], rows)
    console().print(f"{len(changes)} {'would change' if dry_run else 'changed'}")


COMMANDS = (reclassify,)
