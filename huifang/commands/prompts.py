"""Commands about prompts: what has audio, rendering what has none, studio recordings and how they sound to a client."""

from __future__ import annotations

import getpass
from collections.abc import Iterable, Mapping
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from core.errors import SettingsError
from huifang.context import Context
from huifang.output import console, print_json, print_table
from ivr_flows import rendering, studio
from ivr_flows.loader import DEMO_COMPANY
from ivr_flows.model import Prompt
from ivr_flows.prompts import COMMITTED, Catalogue, as_heard, prompt_hash
from ivr_flows.rendering import Entry, Needs, Rendered, State

pass_context = click.make_pass_decorator(Context)
language_option = click.option("--language", type=click.Choice(sorted(DEMO_COMPANY)), help="Only this language.")
json_option = click.option("--json", "as_json", is_flag=True)
_NAMED = 2
committed_option = click.option("--committed", is_flag=True, help="The source tree's own audio, for the demo firm.")


@click.group()
def prompts() -> None:
    """What the scripts say: its audio, rendered or recorded."""


@prompts.command(name="list")
@click.argument("flows", nargs=-1, metavar="[FLOW]...")
@language_option
@click.option("--missing", is_flag=True, help="Only those without audio.")
@click.option("--stale", is_flag=True, help="Only those whose studio recording is older than its text.")
@committed_option
@json_option
@pass_context
def list_(
    context: Context,
    flows: tuple[str, ...],
    language: str | None,
    missing: bool,
    stale: bool,
    committed: bool,
    as_json: bool,
) -> None:
    """Every prompt of FLOW (default: of all), and how it stands."""
    entries = _chosen(_entries(context, committed), flows, language)
    entries = [entry for entry in entries if not missing or entry.path is None]
    entries = [entry for entry in entries if not stale or entry.state in {State.OLDER, State.UNPROVEN}]
    if as_json:
        print_json([_document(entry) for entry in entries])
        return
    rows = [(one.prompt.language, one.prompt.id, one.state, _flows(one), escape(one.prompt.text)) for one in entries]
    print_table("prompts", ["language", "prompt", "state", "flows", "text"], rows)


@prompts.command()
@click.argument("flows", nargs=-1, metavar="[FLOW]...")
@language_option
@committed_option
@click.option("--workers", type=click.IntRange(1, 8), default=1, show_default=True, help="Voices at once, 0.6 GB each.")
@json_option
@pass_context
def render(
    context: Context, flows: tuple[str, ...], language: str | None, committed: bool, workers: int, as_json: bool
) -> None:
    """Render what FLOW (default: every script) says and has no audio yet; exit 1 when a text could not be spoken."""
    refused = _needs(context, committed).refused
    entries = _chosen(_entries(context, committed), flows, language)
    waiting = {(entry.prompt.language, entry.prompt.text): entry.prompt for entry in entries if entry.path is None}
    target = COMMITTED if committed else _studio(context) / "audio"
    done = list(_followed(rendering.render(waiting.values(), target, workers=workers), len(waiting)))
    failed = [result for result in done if result.fault]
    if as_json:
        print_json(
            {"rendered": len(done) - len(failed), "failed": [_failure(one) for one in failed], "refused": refused}
        )
    else:
        _tell(len(done) - len(failed), failed, refused)
    if failed or refused:
        raise SystemExit(1)


@prompts.command()
@language_option
@json_option
@pass_context
def report(context: Context, language: str | None, as_json: bool) -> None:
    """Studio recordings whose text has changed since, or that nobody knows the text of; exit 1 when there are any."""
    entries = _chosen(_entries(context), (), language)
    stale = [entry for entry in entries if entry.state in {State.OLDER, State.UNPROVEN}]
    if as_json:
        print_json([_document(entry) for entry in stale])
    else:
        rows = [
            (one.prompt.language, one.prompt.id, one.state, *_recorded(one), escape(one.prompt.text)) for one in stale
        ]
        columns = ["language", "prompt", "state", "recorded at", "by", "text now"]
        print_table("recordings older than their text", columns, rows)
    if stale:
        raise SystemExit(1)


@prompts.command()
@click.argument("prompt_id", metavar="ID")
@click.option("--language", type=click.Choice(sorted(DEMO_COMPANY)), default="zh-CN", show_default=True)
@click.option("--flow", help="The script, where several have a prompt of this id.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="WAV file to write.")
@pass_context
def preview(context: Context, prompt_id: str, language: str, flow: str | None, out: Path) -> None:
    """Write the prompt ID as the client hears it: 8 kHz, coded as A-law and decoded again."""
    prompt = _one(_entries(context), prompt_id, language, flow)
    out.write_bytes(as_heard(_catalogue(context).audio(prompt)))


@prompts.group()
def record() -> None:
    """Studio recordings."""


@record.command(name="import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--prompt", "prompt_id", required=True, help="The prompt that was recorded.")
@click.option("--language", type=click.Choice(sorted(DEMO_COMPANY)), required=True)
@click.option("--flow", help="The script, where several have a prompt of this id.")
@click.option("--by", default="", help="Who spoke or took it in; default: the user of this machine.")
@json_option
@pass_context
def import_(
    context: Context, file: Path, prompt_id: str, language: str, flow: str | None, by: str, as_json: bool
) -> None:
    """Check the recording FILE, bring it to -20 dBFS at 8 kHz and let it speak for the prompt as its text is now."""
    prompt = _one(_entries(context), prompt_id, language, flow)
    who, site, at = by or getpass.getuser(), _studio(context), context.clock.now()
    taken = studio.take_in(file, prompt, prompt_hash(prompt), site, by=who, at=at)
    if as_json:
        print_json(taken)
    else:
        console().print(f"{prompt.language} {prompt.id}: {taken.seconds} s, {taken.level} dBFS, peak {taken.peak} dBFS")


def _companies(context: Context) -> dict[str, str]:
    return {"zh-CN": context.settings.firm.name, "en": context.settings.firm.name_en}


def _studio(context: Context) -> Path:
    if not context.settings.firm.studio:
        raise SettingsError("no folder for the site's prompts: set firm.studio")
    return Path(context.settings.firm.studio)


def _catalogue(context: Context, committed: bool = False) -> Catalogue:
    site = context.settings.firm.studio
    return Catalogue(Path(site) if site and not committed else None)


def _needs(context: Context, committed: bool) -> Needs:
    return rendering.needs(None if committed else _companies(context))


def _entries(context: Context, committed: bool = False) -> list[Entry]:
    return rendering.survey(_catalogue(context, committed), None if committed else _companies(context))


def _chosen(entries: list[Entry], flows: tuple[str, ...], language: str | None) -> list[Entry]:
    known = {flow for entry in entries for flow in entry.flows}
    if unknown := sorted(set(flows) - known):
        raise click.UsageError(f"no script is called {', '.join(unknown)}; there are: {', '.join(sorted(known))}")
    wanted = set(flows) or known
    return [one for one in entries if wanted & set(one.flows) and language in (None, one.prompt.language)]


def _one(entries: list[Entry], prompt_id: str, language: str, flow: str | None) -> Prompt:
    found = [one for one in entries if (one.prompt.id, one.prompt.language) == (prompt_id, language)]
    found = [one for one in found if flow is None or flow in one.flows]
    if not found:
        raise click.UsageError(f"no fixed prompt {prompt_id} in {language}: see `huifang prompts list`")
    if len(found) > 1:
        told = "; ".join(f"{one.flows[0]}: {one.prompt.text}" for one in found)
        raise click.UsageError(f"several scripts have a prompt {prompt_id}, name one with --flow: {told}")
    return found[0].prompt


def _followed(results: Iterable[Rendered], total: int) -> Iterable[Rendered]:
    """The results as they come, with a bar on standard error where somebody sees it."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("rendering", total=total)
        for result in results:
            progress.update(task, advance=1, description=f"{result.prompt.language} {result.prompt.id}")
            yield result


def _tell(rendered: int, failed: list[Rendered], refused: tuple[str, ...]) -> None:
    for result in failed:
        console().print(f"{result.prompt.language} {result.prompt.id}: {result.fault}", markup=False)
    for fault in refused:
        console().print(fault, markup=False)
    console().print(f"{rendered} rendered, {len(failed)} failed")


def _flows(entry: Entry) -> str:
    """The scripts of a prompt, the first of them by name."""
    more = len(entry.flows) - _NAMED
    return ", ".join(entry.flows[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _failure(result: Rendered) -> Mapping[str, str]:
    return {"language": result.prompt.language, "prompt": result.prompt.id, "fault": result.fault}


def _recorded(entry: Entry) -> tuple[object, object]:
    note = entry.note or {}
    return note.get("recorded_at"), note.get("by")


def _document(entry: Entry) -> Mapping[str, object]:
    at, by = _recorded(entry)
    return {
        "language": entry.prompt.language,
        "prompt": entry.prompt.id,
        "flows": entry.flows,
        "text": entry.prompt.text,
        "hash": entry.hash,
        "state": entry.state,
        "file": entry.path,
        "recorded_at": at,
        "by": by,
    }


COMMANDS = (prompts,)
