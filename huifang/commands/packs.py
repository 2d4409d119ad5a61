"""Commands about policy packs: list, check, new."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import click

from core.clock import china
from dialer.programmes import contradictions, template, year
from dialer.programmes.finding import Finding
from dialer.programmes.load import load_pack, pack_documents, shipped_packs
from dialer.programmes.model import Pack
from dialer.programmes.opened import meaning
from dialer.programmes.said import Language, Said
from dialer.programmes.words import Section, explain
from dialer.programmes.year import Entry, Row
from huifang.context import Context
from huifang.output import print_json, print_table

pass_context = click.make_pass_decorator(Context)
language_option = click.option(
    "--language", type=click.Choice(["zh-CN", "en"]), default="zh-CN", show_default=True, help="Of the explanation."
)
HEADINGS = {
    "year": Said("年度安排", "The year"),
    "row": Said("项目", "what"),
    "found": Said("矛盾", "Contradictions"),
    "none": Said("没有发现矛盾", "No contradictions"),
    "stops": Said("无法执行", "impossible"),
    "warns": Said("提醒", "warning"),
    "legend": Said(
        "首行为可拨天数；● 随时；数字为当月完成期限或节日的日期（×n 为当月到期的轮数）；· 进行中；? 未定或未知；~ 暂定",
        "first line: days with windows; ● as events come; a number: the day it is due by, or of the festival (×n: "
        "rounds that end in the month); · running; ? open or unknown; ~ provisional",
    ),
}
MARKS: dict[str, str] = {"continuous": "●", "running": "·", "open": "?", "unknown": "?"}


@click.group()
def pack() -> None:
    """The policy packs: the firm's rules as data."""


@pack.command("list")
@language_option
@click.option("--json", "as_json", is_flag=True)
def list_(language: Language, as_json: bool) -> None:
    """List the packs that come with the program: title, what each extends, programmes, values left open."""
    packs = [load_pack(name) for name in shipped_packs()]
    if as_json:
        print_json([_summary(one) for one in packs])
        return
    rows = [
        (one.name, _title(one, language), " < ".join(one.lineage), len(one.programmes), len(one.everything_open()))
        for one in packs
    ]
    print_table("packs", ["pack", "title", "extends", "programmes", "open"], rows)


@pack.command()
@click.argument("name", metavar="[PACK]", required=False)
@language_option
@click.option(
    "--year", "drawn", type=click.IntRange(2000, 2099), default=None, help="The year drawn; default: this one."
)
@click.option("--json", "as_json", is_flag=True)
@pass_context
def check(context: Context, name: str | None, language: Language, drawn: int | None, as_json: bool) -> None:
    """Explain PACK (default: the firm's) in words, draw its year as a table, list its contradictions.

    PACK is a shipped pack by name or a file. Exit status 1 when a contradiction makes a programme impossible: a cap
    below its frequency, a deadline that no window of the year can meet, nobody left who may call or be called. Every
    other contradiction is a warning. A pack that cannot be read, or is weaker than the one it extends, is refused.
    """
    checked = load_pack(name or context.settings.firm.pack)
    today = china(context.clock.now()).date()
    drawn = drawn or today.year
    found = contradictions.find(checked, context.calendars, first=today)
    rows = year.table(checked, drawn, context.calendars)
    if as_json:
        print_json(_as_json(checked, language, drawn, rows, found))
    else:
        _print_sections(explain(checked, language).sections)
        _print_year(rows, drawn, language)
        _print_findings(found, language)
    if any(one.impossible for one in found):
        raise SystemExit(1)


@pack.command()
@click.argument("name", metavar="PACK")
def new(name: str) -> None:
    """Print a pack of the firm's own that extends PACK, every open value as an entry to be set at its place."""
    click.echo(template.new(name, load_pack(name), pack_documents(name)), nl=False)


def _title(one: Pack, language: Language) -> str:
    return one.title if language == "zh-CN" else one.title_en


def _summary(one: Pack) -> dict[str, Any]:
    return {
        "pack": one.name,
        "title": one.title,
        "title_en": one.title_en,
        "extends": list(one.lineage),
        "programmes": list(one.programmes),
        "runs": not one.open_values,
        "open": list(one.everything_open()),
    }


def _as_json(
    one: Pack, language: Language, drawn: int, rows: Iterable[Row], found: Iterable[Finding]
) -> dict[str, Any]:
    return {
        **_summary(one),
        "open": [{"place": name, **_both(meaning(one, name))} for name in one.everything_open()],
        "language": language,
        "sections": [asdict(section) for section in explain(one, language).sections],
        "year": {"year": drawn, "rows": [asdict(row) for row in rows]},
        "contradictions": [asdict(finding) for finding in found],
    }


def _both(said: tuple[str, str]) -> dict[str, str]:
    return {"text": said[0], "text_en": said[1]}


def _print_sections(sections: Iterable[Section]) -> None:
    for section in sections:
        rules = f"  [{', '.join(section.rules)}]" if section.rules else ""
        click.echo(f"\n{section.title}{rules}")
        for paragraph in section.paragraphs:
            click.echo(f"  {paragraph}")


def _print_year(rows: Iterable[Row], drawn: int, language: Language) -> None:
    click.echo()
    columns = [HEADINGS["row"].words(language), *map(str, year.MONTHS)]
    lines = [
        [row.title if language == "zh-CN" else row.title_en, *("\n".join(map(_mark, month)) for month in row.months)]
        for row in rows
    ]
    print_table(f"{HEADINGS['year'].words(language)} {drawn}", columns, lines)
    click.echo(HEADINGS["legend"].words(language))


def _mark(entry: Entry) -> str:
    """A month's entry in a few characters."""
    guess = "~" if entry.provisional else ""
    if entry.on is not None:
        return f"{guess}{entry.on.day}" + (f"×{entry.count}" if entry.count > 1 else "")
    return f"{guess}{MARKS.get(entry.kind, entry.count)}"


def _print_findings(found: Iterable[Finding], language: Language) -> None:
    every = sorted(found, key=lambda one: not one.impossible)
    click.echo(f"\n{HEADINGS['found' if every else 'none'].words(language)}")
    for one in every:
        text = one.text if language == "zh-CN" else one.text_en
        rules = f" [{', '.join(one.rules)}]" if one.rules else ""
        click.echo(f"  {HEADINGS['stops' if one.impossible else 'warns'].words(language)}  {one.place}: {text}{rules}")


COMMANDS = (pack,)
