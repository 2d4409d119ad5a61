"""The committed audio of the shipped scripts: `python -m ivr_flows.voices` renders it, `--check` only lists.

The same as `huifang prompts render --committed`, for a source tree without settings. Audio that no script needs any
more is listed as an orphan and removed with `--prune`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ivr_flows import rendering
from ivr_flows.loader import DEMO_COMPANY
from ivr_flows.model import Prompt
from ivr_flows.prompts import COMMITTED, Catalogue
from ivr_flows.rendering import orphans, wanted


@click.command()
@click.option("--check", is_flag=True, help="List missing and orphaned audio; exit 1 if there is any.")
@click.option("--prune", is_flag=True, help="Remove orphaned audio.")
@click.option("--company", help="Speak for this firm instead of the demo firm; needs --language and --site.")
@click.option("--language", type=click.Choice(sorted(DEMO_COMPANY)), help="Only this language.")
@click.option("--site", type=click.Path(path_type=Path), help="The site's prompt folder instead of the committed one.")
def main(check: bool, prune: bool, company: str | None, language: str | None, site: Path | None) -> None:
    """Render missing prompts."""
    if company and not (language and site):
        raise click.UsageError("--company also needs --language and --site")
    companies = {language: company} if company and language else None
    catalogue = Catalogue(site)
    needed = [prompt for prompt in wanted(companies) if language in (None, prompt.language)]
    missing, left = [prompt for prompt in needed if not catalogue.find(prompt)], orphans()
    if check:
        _list(missing, left)
        sys.exit(1 if missing or left else 0)
    failed = _render_all(missing, site / "audio" if site else COMMITTED)
    for path in left if prune else []:
        path.unlink()
        click.echo(f"removed {path.name}")
    sys.exit(1 if failed else 0)


def _list(missing: list[Prompt], left: list[Path]) -> None:
    for prompt in missing:
        click.echo(f"missing  {prompt.language} {prompt.id}")
    for path in left:
        click.echo(f"orphan   {path.parent.name}/{path.name}")
    click.echo(f"{len(missing)} missing, {len(left)} orphaned")


def _render_all(missing: list[Prompt], target: Path) -> int:
    """How many could not be spoken."""
    failed = 0
    for done, result in enumerate(rendering.render(missing, target), start=1):
        failed += bool(result.fault)
        prompt = result.prompt
        click.echo(f"{done}/{len(missing)} {prompt.language} {prompt.id} {result.fault}".rstrip())
    return failed


if __name__ == "__main__":
    main()
