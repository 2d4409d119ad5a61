"""Commands about scripts: check, show, run."""

from __future__ import annotations

from pathlib import Path

import click

from huifang.context import Context
from huifang.output import console, print_json
from ivr_flows import terminal
from ivr_flows.graph import to_svg
from ivr_flows.loader import FLOWS, check_file, load_flow
from ivr_flows.prompts import Catalogue

pass_context = click.make_pass_decorator(Context)
languages = click.Choice(["zh-CN", "en"])


@click.group()
def flow() -> None:
    """The approved scripts."""


@flow.command()
@click.argument("files", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--json", "as_json", is_flag=True)
@pass_context
def check(context: Context, files: tuple[Path, ...], as_json: bool) -> None:
    """Check FILES (default: every shipped script); exit 1 when one has a fault."""
    paths = files or tuple(sorted(FLOWS.glob("*/*.yaml")))
    faults = {str(path): [str(fault) for fault in check_file(path, catalogue=_catalogue(context))] for path in paths}
    if as_json:
        print_json([{"file": file, "faults": found} for file, found in faults.items()])
    for file, found in faults.items():
        for line in () if as_json else found or [f"{Path(file).name}: in order"]:
            console().print(line)
    if any(faults.values()):
        raise SystemExit(1)


@flow.command()
@click.argument("name")
@click.option("--language", type=languages, default="zh-CN", show_default=True)
@click.option("--svg", is_flag=True, help="Draw it.")
@pass_context
def show(context: Context, name: str, language: str, svg: bool) -> None:
    """Print the steps of the script NAME, or its picture with --svg."""
    script = load_flow(name, language, catalogue=_catalogue(context))
    if svg:
        click.echo(to_svg(script))
        return
    console().print(f"{script.title} ({script.name}, {script.language}, version {script.version}, {script.hash[:12]})")
    for step in script.steps.values():
        said = " ".join(script.prompts[prompt].text for prompt in step.prompts)
        console().print(f"  {step.id:28} {', '.join(step.rules):18} {said}")


@flow.command()
@click.argument("name")
@click.option("--language", type=languages, default="zh-CN", show_default=True)
@click.option("--fact", "facts", multiple=True, metavar="KEY=VALUE", help="What is known about the client.")
@pass_context
def run(context: Context, name: str, language: str, facts: tuple[str, ...]) -> None:
    """Go through the script NAME in the terminal: keys answer, Enter is silence, h or Ctrl-D hangs up."""
    known = {"id_last4": "1234", "developed_by": "self", "callback_day": "……", "marketer": "……"}
    known |= dict(fact.split("=", 1) for fact in facts if "=" in fact)
    verdict = terminal.run(load_flow(name, language, catalogue=_catalogue(context)), known, _read_key, click.echo)
    console().print(f"verdict: {verdict.outcome or verdict.follow_up or 'open'} {' '.join(verdict.reasons)}")


def _read_key(prompt: str) -> str:
    try:
        return str(click.prompt(prompt, default="", show_default=False))
    except click.exceptions.Abort:
        return "h"  # Ctrl-D hangs up


def _catalogue(context: Context) -> Catalogue:
    studio = context.settings.firm.studio
    return Catalogue(site=Path(studio) if studio else None)


COMMANDS = (flow,)
