"""`huifang nodes`: which dialer processes live, what they carry, and taking one out for maintenance."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import click
from sqlalchemy.orm import Session

from core.clock import china
from dialer.nodes import registry
from dialer.nodes.leadership import JOBS, leader
from dialer.nodes.registry import ALIVE
from dialer.nodes.times import SILENCE_S
from dialer.tables import DialerNode
from huifang.context import Context
from huifang.output import console, print_json, print_table

pass_context = click.make_pass_decorator(Context)
COLUMNS = (
    "node",
    "state",
    "host",
    "version",
    "since",
    "heartbeat",
    "calls",
    "late over 100 ms",
    "starved",
    "looks left out",
    "leads",
)


@dataclass(frozen=True, slots=True)
class NodeLine:
    """One node as its row shows it; ``silent_s`` is the age of its last heartbeat."""

    name: str
    state: str
    host: str
    version: str
    incarnation: str
    started_at: datetime
    heartbeat_at: datetime
    silent_s: float
    calls: int
    leads: bool
    figures: dict[str, Any]


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def nodes(click_context: click.Context, as_json: bool) -> None:
    """The dialer processes of this database: state, heartbeat, calls, and who leads."""
    if click_context.invoked_subcommand is None:
        _tell(click_context.ensure_object(Context), as_json)


def _tell(context: Context, as_json: bool) -> None:
    now = context.clock.now()
    with context.db.session() as session:
        lines = _lines(session, now)
    if as_json:
        print_json({"at": china(now).isoformat(), "nodes": lines})
    else:
        print_table("nodes", COLUMNS, [_row(line) for line in lines])


def _lines(session: Session, now: datetime) -> list[NodeLine]:
    leads = leader(session, JOBS, now)
    return [_line(row, now, leads == row.name) for row in registry.nodes(session)]


def _line(row: DialerNode, now: datetime, leads: bool) -> NodeLine:
    return NodeLine(
        name=row.name,
        state=row.state,
        host=row.host,
        version=row.version,
        incarnation=row.incarnation,
        started_at=row.started_at,
        heartbeat_at=row.heartbeat_at,
        silent_s=round((now - row.heartbeat_at).total_seconds(), 1),
        calls=row.calls,
        leads=leads and row.state in ALIVE,
        figures=row.figures,
    )


def _row(line: NodeLine) -> tuple[object, ...]:
    silent = line.state in ALIVE and line.silent_s > SILENCE_S
    figures = line.figures
    return (
        line.name,
        f"{line.state}, silent" if silent else line.state,
        line.host,
        line.version,
        f"{china(line.started_at):%Y-%m-%d %H:%M}",
        f"{line.silent_s:.0f} s ago",
        line.calls,
        figures.get("late_100ms"),
        figures.get("starved_frames"),
        figures.get("missed_looks"),
        "yes" if line.leads else "",
    )


@nodes.command()
@click.argument("name")
@pass_context
def drain(context: Context, name: str) -> None:
    """Let a node dial nothing new; its live calls go on. It learns of it within three seconds."""
    with context.db.write() as session:
        done = registry.drain(session, name, by="cli", at=context.clock.now())
    console().print(f"{name} {'dials nothing new from now on' if done else 'is not dialing'}")


@nodes.command()
@click.argument("name")
@pass_context
def undrain(context: Context, name: str) -> None:
    """Let a drained node dial again."""
    with context.db.write() as session:
        done = registry.undrain(session, name, by="cli", at=context.clock.now())
    console().print(f"{name} {'dials again' if done else 'is not drained'}")


COMMANDS = (nodes,)
