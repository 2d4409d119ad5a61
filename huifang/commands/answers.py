"""`huifang answers`: who answered, as it was judged, beside who it was."""

from __future__ import annotations

from datetime import datetime, timedelta

import click

from core.clock import CHINA
from dialer.calling.answers import Confusion, classes, confusions
from huifang.context import Context
from huifang.output import console, print_json, print_table

pass_context = click.make_pass_decorator(Context)
DAYS = 30


@click.command()
@click.option(
    "--since", type=click.DateTime(["%Y-%m-%d"]), default=None, help=f"First day; {DAYS} days ago if not given."
)
@click.option("--json", "as_json", is_flag=True)
@pass_context
def answers(context: Context, since: datetime | None, as_json: bool) -> None:
    """Who answered: for every trunk, how those who are known were judged (docs/evidence.md)."""
    begin = since.replace(tzinfo=CHINA) if since else context.clock.now() - timedelta(days=DAYS)
    with context.db.session() as session:
        found = confusions(session, since=begin)
    if as_json:
        print_json({"since": begin.isoformat(), "trunks": [_document(one) for one in found]})
        return
    for one in found:
        _show(one)
    if not found:
        console().print("no answered call has been judged since then")


def _document(one: Confusion) -> dict[str, object]:
    figures = {"labelled": one.labelled, "right": one.right, "persons": one.persons, "persons_lost": one.persons_lost}
    return {"trunk": one.trunk, "counts": one.counts, "unlabelled": one.unlabelled, **figures}


def _show(one: Confusion) -> None:
    columns = classes([one])
    rows = [(known, *(row.get(judged, "") for judged in columns)) for known, row in one.counts.items()]
    rows.append(("not known", *(one.unlabelled.get(judged, "") for judged in columns)))
    print_table(f"trunk {one.trunk or '?'}", ["it was", *(f"judged {name}" for name in columns)], rows)
    lost = f"{one.persons_lost} of {one.persons} persons taken for a machine"
    console().print(f"{one.right} of {one.labelled} known ones judged right; {lost}")


COMMANDS = (answers,)
