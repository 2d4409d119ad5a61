"""The ``huifang`` commands (design.md 5.2), grouped by what they touch.

A command's module is loaded when it is called: asking the gate must not wait for the web server's libraries.
"""

from __future__ import annotations

import importlib
from pathlib import Path

import click

from huifang.context import Context

MODULES = {
    "run": ("up", "node", "web", "transcribe", "sim", "demo"),
    "data": ("import", "plan", "gate"),
    "scripts": ("flow",),
    "evidence": ("search", "verify", "models"),
    "house": ("doctor", "user", "agent"),
    "firm": ("calendar", "gates", "duties"),
    "rules": ("rules",),
    "simulate": ("simulate",),
    "packs": ("pack",),
    "prompts": ("prompts",),
    "pacing": ("pacing",),
    "trunks": ("trunks",),
    "reclassify": ("reclassify",),
    "answers": ("answers",),
    "nodes": ("nodes",),
}


class LazyGroup(click.Group):
    """A group that knows its commands by name and loads the module of the one that is wanted."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Every command, in the order in which they are told of."""
        return [name for names in MODULES.values() for name in names]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command of that name, None when there is none."""
        module = next((module for module, names in MODULES.items() if cmd_name in names), None)
        if module is None:
            return None
        loaded = importlib.import_module(f"huifang.commands.{module}")
        commands: tuple[click.Command, ...] = loaded.COMMANDS
        return next(command for command in commands if command.name == cmd_name)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="huifang")
@click.option(
    "--config", type=click.Path(path_type=Path), default=None, help="Settings file; default: huifang.toml if present."
)
@click.pass_context
def cli(context: click.Context, config: Path | None) -> None:
    """Huifang (回访): compliance call-backs for securities firms."""
    context.obj = context.with_resource(Context(config))
