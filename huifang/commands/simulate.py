"""The command that rehearses a campaign: a month of planning and dialing that never was."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import click
from rich.progress import Progress

from core.clock import china
from dialer.simulation.campaign import Setup, run_campaign
from dialer.simulation.example import Lent, load_for_simulation
from dialer.simulation.report import Report, as_json, report_of
from dialer.simulation.statistics import SHIPPED, load_statistics
from huifang.context import Context
from huifang.output import console, print_json, print_table

pass_context = click.make_pass_decorator(Context)


@click.command()
@click.option("--pack", default=None, help="A shipped pack or the firm's own file; default: the one in the settings.")
@click.option("--clients", type=click.IntRange(1, 2_000_000), default=1000, show_default=True)
@click.option("--days", type=click.IntRange(1, 400), default=30, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed gives the same campaign.")
@click.option("--start", type=click.DateTime(["%Y-%m-%d"]), default=None, help="Default: today.")
@click.option("--channels", type=click.IntRange(1, 10_000), default=None, help="Default: line.channels.")
@click.option("--agents", type=click.IntRange(0, 10_000), default=5, show_default=True)
@click.option(
    "--far-end",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    default=SHIPPED,
    help="The statistics of clients and of what they do; default: the shipped ones.",
)
@click.option("--json", "as_json_", is_flag=True)
@pass_context
def simulate(
    context: Context,
    pack: str | None,
    clients: int,
    days: int,
    seed: int,
    start: datetime | None,
    channels: int | None,
    agents: int,
    far_end: Path,
    as_json_: bool,
) -> None:
    """Rehearse a campaign: the real planner, gate and retry ladder against statistics of how clients answer."""
    lent = load_for_simulation(pack or context.settings.firm.pack)
    setup = Setup(
        pack=lent.pack,
        calendars=context.calendars,
        statistics=load_statistics(far_end),
        clients=clients,
        days=days,
        seed=seed,
        start=start.date() if start else china(context.clock.now()).date(),
        channels=channels or context.settings.line.channels,
        agents=agents,
        calls_per_second=context.settings.line.calls_per_second,
        wrap_up=timedelta(seconds=context.settings.desk.wrap_up_seconds),
    )
    began = context.clock.monotonic()
    report = _run(setup, quiet=as_json_)
    seconds = context.clock.monotonic() - began
    if as_json_:
        print_json(as_json(report, seconds=seconds, lent=lent.values))
    else:
        _show(report, lent, seconds)


def _run(setup: Setup, *, quiet: bool) -> Report:
    with Progress(transient=True, disable=quiet) as progress:
        task = progress.add_task(f"{setup.clients} clients, {setup.days} days", total=setup.days)
        return report_of(run_campaign(setup, on_day=lambda: progress.advance(task)))


def _show(report: Report, lent: Lent, seconds: float) -> None:
    figures = as_json(report)
    if lent.values:
        console().print(
            f"{lent.pack.name} leaves open: {', '.join(lent.values)}; the simulation took the example values of "
            f"{lent.template}. No plan and no call ever does."
        )
    whole = ("events", "planned", "messages", "attempts", "talks", "window_use")
    rows_whole = [*((name, figures[name]) for name in whole), ("seconds", f"{seconds:.1f}")]
    print_table("campaign", ["figure", "value"], rows_whole)
    rows = [
        (one.programme, one.period, one.base, one.target, one.covered, one.waiting, f"{one.share:.1%}")
        for one in report.coverage
    ]
    print_table("coverage", ["programme", "period", "base", "target", "reached", "waiting", "share"], rows)
    deadlines = report.deadlines
    missed = [("in time", deadlines.met), *((f"missed: {name}", n) for name, n in sorted(deadlines.missed.items()))]
    print_table(f"deadlines: {deadlines.due} fell due", ["", "items"], missed)
    for name in ("outcomes", "dispositions", "attempts_per_client", "refusals", "skipped", "follow_ups"):
        counts = figures[name]
        print_table(name.replace("_", " "), ["", "count"], counts.items() if isinstance(counts, dict) else ())
    refused = [(one.programme, ", ".join(one.open_values)) for one in report.campaign.refused]
    if refused:
        print_table("programmes that did not run: their values are open", ["programme", "open values"], refused)


COMMANDS = (simulate,)
