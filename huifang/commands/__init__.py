"""The ``huifang`` commands (design.md 5.2), grouped by what they touch."""

from __future__ import annotations

from pathlib import Path

import click

from huifang.commands import data, evidence, house, run, scripts
from huifang.context import Context


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="huifang")
@click.option(
    "--config", type=click.Path(path_type=Path), default=None, help="Settings file; default: huifang.toml if present."
)
@click.pass_context
def cli(context: click.Context, config: Path | None) -> None:
    """Huifang (回访): compliance call-backs for securities firms."""
    context.obj = context.with_resource(Context(config))


for module in (run, data, scripts, evidence, house):
    for command in module.COMMANDS:
        cli.add_command(command)
