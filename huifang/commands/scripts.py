"""Commands about scripts: check, show, run."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from huifang.commands.drawing import picture
from huifang.commands.flows_life import LIFE
from huifang.commands.rehearse import test
from huifang.context import Context
from huifang.output import console, print_json
from ivr_flows import terminal
from ivr_flows.checks import SPOKEN
from ivr_flows.loader import FLOWS, check_file, load_flow, names
from ivr_flows.merging import JOINED, merge
from ivr_flows.prompts import Catalogue
from ivr_flows.state import Medium

pass_context = click.make_pass_decorator(Context)
languages = click.Choice(["zh-CN", "en"])


@click.group(commands=[*LIFE, test])
def flow() -> None:
    """The approved scripts."""


@flow.command()
@click.argument("files", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--json", "as_json", is_flag=True)
@pass_context
def check(context: Context, files: tuple[Path, ...], as_json: bool) -> None:
    """Check FILES (default: every shipped script); exit 1 when one has a fault."""
    paths = files or tuple(FLOWS / f"{name}.yaml" for name in dict.fromkeys(name for name, _ in names()))
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
@click.option("--coverage", is_flag=True, help="With --svg: which arrows the rehearsals walk.")
@click.option("--calls", is_flag=True, help="With --svg: the numbers of real calls of the dialed version.")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="With --calls: only calls from this day on.")
@pass_context
def show(
    context: Context, name: str, language: str, svg: bool, coverage: bool, calls: bool, since: datetime | None
) -> None:
    """Print the steps of the script NAME, or its picture with --svg."""
    if (coverage or calls or since) and not svg:
        raise click.UsageError("--coverage, --calls and --since belong to --svg: add it")
    if svg:
        click.echo(picture(context, name, language, rehearsed=coverage, calls=calls, since=since))
        return
    script = load_flow(name, language, catalogue=_catalogue(context))
    console().print(f"{script.title} ({script.name}, {script.language}, version {script.version}, {script.hash[:12]})")
    for step in script.steps.values():
        said = " ".join(script.prompts[prompt].text for prompt in step.prompts)
        console().print(f"  {step.id:28} {', '.join(step.rules):18} {said}")


@flow.command()
@click.argument("name")
@click.option("--language", type=languages, default="zh-CN", show_default=True)
@click.option("--fact", "facts", multiple=True, metavar="KEY=VALUE", help="What is known about the client.")
@click.option(
    "--medium",
    type=click.Choice(["call", "desk", "form"]),
    default="call",
    show_default=True,
    help="As a telephone call, as an agent reads it from his screen, or as a client fills it in.",
)
@pass_context
def run(context: Context, name: str, language: str, facts: tuple[str, ...], medium: Medium) -> None:
    """Go through the script NAME in the terminal: keys answer, words are spoken, Enter is silence, h hangs up.

    NAME+NAME goes through the scripts of a merged call-back.
    """
    companies = {"zh-CN": context.settings.firm.name, "en": context.settings.firm.name_en}
    script = merge([load_flow(part, language, company=companies[language]) for part in name.split(JOINED)])
    known = dict.fromkeys(SPOKEN, "……") | {"id_last4": "1234", "phone_last4": "5678", "developed_by": "self"}
    known |= dict(fact.split("=", 1) for fact in facts if "=" in fact)
    verdict = terminal.run(script, known, _read_key, click.echo, medium=medium)
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
