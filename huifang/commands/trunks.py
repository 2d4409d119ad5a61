"""Commands about the trunks: how they stand, and taking one out for maintenance."""

from __future__ import annotations

from dataclasses import asdict

import click

from core.clock import china
from dialer.tables import TrunkHealthRow
from dialer.trunks import books
from dialer.trunks.overview import TrunkNow, trunks_now
from huifang.context import Context
from huifang.output import console, print_json, print_table

pass_context = click.make_pass_decorator(Context)
COLUMNS = ("trunk", "state", "calls", "a second", "answered", "last hour", "faults", "last fault", "health by node")


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def trunks(click_context: click.Context, as_json: bool) -> None:
    """How every trunk stands: calls, rate, the last hour, faults, and how each node sees it."""
    if click_context.invoked_subcommand is None:
        _tell(click_context.ensure_object(Context), as_json)


def _tell(context: Context, as_json: bool) -> None:
    now = context.clock.now()
    with context.db.session() as session:
        found = trunks_now(session, context.settings, now)
    if as_json:
        print_json({"at": china(now).isoformat(), "trunks": [_document(one) for one in found]})
    else:
        print_table("trunks", COLUMNS, [_row(one) for one in found])


def _document(trunk: TrunkNow) -> dict[str, object]:
    given = trunk.given
    limits = {"channels": given.channels, "calls_per_second": given.calls_per_second} if given else {}
    shares = {"priority": given.priority, "weight": given.weight} if given else {}
    told = {name: value for name, value in asdict(trunk).items() if name not in {"given", "health"}}
    seen = [{**_seen(row), "at": china(row.at).isoformat()} for row in trunk.health]
    return {**told, **limits, **shares, "answer_ratio": trunk.answer_ratio, "faults": trunk.faults, "health": seen}


def _seen(row: TrunkHealthRow) -> dict[str, object]:
    return {"node": row.node, "registered": row.registered, "reachable": row.reachable, "detail": row.detail}


def _row(trunk: TrunkNow) -> tuple[object, ...]:
    given, ratio = trunk.given, trunk.answer_ratio
    return (
        trunk.name,
        trunk.state if trunk.opened_until is None else f"{trunk.state} until {china(trunk.opened_until):%H:%M:%S}",
        f"{trunk.in_use} of {given.channels}" if given else trunk.in_use,
        given.calls_per_second if given else "not in the settings",
        "" if ratio is None else f"{ratio:.0%}",
        ", ".join(f"{name} {times}" for name, times in trunk.dispositions.items()),
        trunk.faults,
        f"{trunk.last_fault} {china(trunk.last_fault_at):%m-%d %H:%M}" if trunk.last_fault_at else "",
        "; ".join(_health(row) for row in trunk.health),
    )


def _health(row: TrunkHealthRow) -> str:
    words = {True: "yes", False: "NO", None: "not asked"}
    return f"{row.node}: registered {words[row.registered]}, answers {words[row.reachable]}"


@trunks.command()
@click.argument("name")
@click.option("--by", required=True, help="Who takes it out.")
@pass_context
def drain(context: Context, name: str, by: str) -> None:
    """Take the trunk NAME out: no new call over it, live calls end by themselves."""
    with context.db.write() as session:
        books.require(session, context.settings, name)
        changed = books.drain(session, name, by=by, at=context.clock.now())
        left = books.channels_in_use(session).get(name, 0)
    console().print(f"{name} {'is' if changed else 'was already'} drained; calls that are left: {left}")


@trunks.command()
@click.argument("name")
@click.option("--by", required=True, help="Who takes it into use.")
@pass_context
def undrain(context: Context, name: str, by: str) -> None:
    """Take the trunk NAME into use again; its faults are forgotten."""
    with context.db.write() as session:
        books.require(session, context.settings, name)
        changed = books.undrain(session, name, by=by, at=context.clock.now())
    console().print(f"{name} is in use again" if changed else f"{name} was not drained")


COMMANDS = (trunks,)
