"""Commands about what was said and whether it is genuine: search, verify, models."""

from __future__ import annotations

from datetime import datetime

import click
from rich.progress import Progress

from core.clock import CHINA, china
from huifang.context import Context
from huifang.output import console, print_json, print_table
from recordings.verify import verify_all
from transcribe.models import fetch as fetch_model
from transcribe.models import list_models
from transcribe.search import SearchQuery
from transcribe.search import search as search_text
from transcribe.tables import Channel

pass_context = click.make_pass_decorator(Context)
a_day = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M"])


@click.command()
@click.argument("text")
@click.option("--channel", type=click.Choice([channel.value for channel in Channel]), help="Whose voice.")
@click.option("--since", type=a_day, help="Recorded at or after, Chinese time.")
@click.option("--until", type=a_day, help="Recorded before, Chinese time.")
@click.option("--limit", type=click.IntRange(1, 200), default=20, show_default=True)
@click.option("--json", "as_json", is_flag=True)
@pass_context
def search(
    context: Context,
    text: str,
    channel: str | None,
    since: datetime | None,
    until: datetime | None,
    limit: int,
    as_json: bool,
) -> None:
    """Find TEXT in the transcripts, Chinese or English, one character or a "phrase"."""
    query = SearchQuery(
        text=text,
        channel=Channel(channel) if channel else None,
        since=since and since.replace(tzinfo=CHINA),
        until=until and until.replace(tzinfo=CHINA),
        limit=limit,
    )
    with context.db.session() as session:
        page = search_text(session, query)
    if as_json:
        print_json(page)
        return
    rows = [
        (f"{china(hit.recorded_at):%Y-%m-%d %H:%M}", hit.recording_id, hit.channel.value, _time(hit.at_ms), hit.snippet)
        for hit in page.hits
    ]
    print_table(f"{page.total} found", ["recorded", "recording", "voice", "at", "text"], rows)


def _time(milliseconds: int) -> str:
    seconds = milliseconds // 1000
    return f"{seconds // 60}:{seconds % 60:02}"


@click.command()
@click.option("--all", "everything", is_flag=True, help="Every recording and the whole chain (the default so far).")
@click.option("--json", "as_json", is_flag=True)
@pass_context
def verify(context: Context, everything: bool, as_json: bool) -> None:  # noqa: ARG001 - a sample is a later choice
    """Re-hash the recordings and walk the audit chain; exit 1 on any difference."""
    report = verify_all(context.db, context.archive)
    if as_json:
        print_json(report)
    else:
        console().print(f"{report.checked} recordings, {report.links} links, {len(report.differences)} differences")
        for difference in report.differences:
            console().print(f"  {difference.subject}: {difference.kind}: {difference.detail}")
    if report.differences:
        raise SystemExit(1)


@click.group()
def models() -> None:
    """Recogniser models."""


@models.command("list")
@click.option("--json", "as_json", is_flag=True)
@pass_context
def list_(context: Context, as_json: bool) -> None:
    """What is here, and how the rest comes."""
    found = list_models(context.settings.models_dir)
    if as_json:
        print_json(found)
        return
    rows = [
        (model.name, model.engine, " ".join(model.languages), "yes" if model.present else model.remedy, model.licence)
        for model in found
    ]
    print_table("models", ["name", "engine", "languages", "present", "licence"], rows)


@models.command()
@click.argument("name")
@click.option("--mirror", default=None, help="Take it from this address instead of the publisher's.")
@pass_context
def fetch(context: Context, name: str, mirror: str | None) -> None:
    """Bring the model NAME: checksum-verified, resumable."""
    with Progress(console=console()) as bar:
        task = bar.add_task(name, total=None)
        status = fetch_model(
            name,
            context.settings.models_dir,
            mirror=mirror,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    console().print(f"{status.name}: {status.path}")


COMMANDS = (search, verify, models)
