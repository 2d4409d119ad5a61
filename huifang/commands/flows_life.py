"""Commands about the life of scripts: list, submit, approve, retire, diff. They join the group ``flow``.

``--by`` names the login of whoever acts, an account of the pages: that is how two persons are told apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import click

from core.clock import china
from core.errors import HuifangError
from huifang.context import Context
from huifang.output import console, print_json, print_table
from ivr_flows import register
from ivr_flows.comparing import Change, Line, Piece, compare, compare_heads
from ivr_flows.model import Flow
from ivr_flows.reading import ReadStep, head_of, steps_of
from ivr_flows.register import ChangedMeanwhile, UnknownVersion
from ivr_flows.tables import FlowState, FlowVersion
from web.access import Permission
from web.flows.drafts import Standing, firm_flows, standings
from web.flows.people import hand_of

pass_context = click.make_pass_decorator(Context)
by_option = click.option("--by", "--as", "login", required=True, metavar="LOGIN", help="Who acts: his login.")
json_option = click.option("--json", "as_json", is_flag=True)
Side = tuple[dict[str, str], dict[str, object], str]


class NothingNamed(HuifangError):
    """Name the scripts, or give --all."""

    exit_code = 2


@click.command("list")
@click.argument("name", required=False)
@json_option
@pass_context
def list_(context: Context, name: str | None, as_json: bool) -> None:
    """Every script and how it stands, or every version of the script NAME."""
    with context.db.session() as session:
        every = register.versions(session, name)
    if name:
        _print_versions(every, as_json)
        return
    found = standings(every, firm_flows(context.settings.firm))
    if as_json:
        print_json([_standing(one) for one in found])
        return
    columns = ("script", "title", "state", "dialed", "waits", "draft")
    rows = [(one.name, _title(one), one.state, *_hashes(one)) for one in found]
    print_table(f"{len(found)} scripts", columns, rows)


@click.command()
@click.argument("names", nargs=-1)
@click.option("--all", "every", is_flag=True, help="Every script that is a draft.")
@click.option("--note", default="", help="What was changed, and why.")
@by_option
@json_option
@pass_context
def submit(context: Context, names: tuple[str, ...], every: bool, note: str, login: str, as_json: bool) -> None:
    """Hand the scripts NAMES in for approval, both languages of each, as their files are now."""
    known = _standings(context)
    wanted = [name for name, one in known.items() if one.drafts] if every else _named(names, known)
    made: list[FlowVersion] = []
    with context.db.write() as session:
        by = hand_of(session, login, Permission.FLOW_SUBMIT)
        for name in wanted:
            flows = list(known[name].drafts.values())
            made += register.submit(session, flows, by=by, at=context.clock.now(), note=note)
    _tell(made, "submitted", as_json)


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME|HASH]...")
@click.option("--all", "every", is_flag=True, help="Every script that waits.")
@by_option
@json_option
@pass_context
def approve(context: Context, names: tuple[str, ...], every: bool, login: str, as_json: bool) -> None:
    """Let submitted scripts be dialed, as a second person; both languages of each.

    A script given by its NAME is refused when its file says something else by now; give the HASH of what you read.
    """
    made: list[FlowVersion] = []
    with context.db.write() as session:
        by = hand_of(session, login, Permission.FLOW_APPROVE)
        for text in _waiting(register.versions(session)) if every else _some(names):
            waiting = register.meant(session, text, FlowState.SUBMITTED)
            _still_the_file(context, text, waiting)
            made += register.approve(session, waiting, by=by, at=context.clock.now())
    _tell(made, "approved", as_json)


@click.command()
@click.argument("name", metavar="NAME|HASH")
@click.option("--note", required=True, help="Why.")
@by_option
@json_option
@pass_context
def retire(context: Context, name: str, note: str, login: str, as_json: bool) -> None:
    """Take a script out of use for new calls, or send one back that waits (the HASH of one that waits)."""
    with context.db.write() as session:
        by = hand_of(session, login, Permission.FLOW_APPROVE)
        meant = register.meant(session, name, FlowState.APPROVED, FlowState.SUBMITTED)
        made = register.retire(session, meant, by=by, at=context.clock.now(), note=note)
    _tell(made, "retired", as_json)


@click.command()
@click.argument("old", metavar="NAME|HASH")
@click.argument("new", metavar="[HASH]", required=False)
@click.option("--language", type=click.Choice(["zh-CN", "en"]), default="zh-CN", show_default=True, help="Of a NAME.")
@json_option
@pass_context
def diff(context: Context, old: str, new: str | None, language: str, as_json: bool) -> None:
    """What two versions say differently, step by step; with one NAME: its approved version and its file."""
    before = _kept(context, old, language)
    after = _kept(context, new, language) if new else _file(context, before)
    head = compare_heads(before[0], after[0])
    changes = [change for change in compare(_steps(before), _steps(after)) if change.kind != "same"]
    if as_json:
        print_json({"head": head, "steps": changes})
        return
    for line in head:
        _print_line(line)
    for change in changes:
        _print_change(change)
    if not head and not changes:
        console().print("no difference")


def _kept(context: Context, text: str, language: str) -> Side:
    with context.db.session() as session:
        by_name = register.approved(session, text, language)
        one = register.version(session, by_name.hash if by_name else text)
    return {**head_of(one.document), "company": one.company}, one.document, one.company


def _file(context: Context, before: Side) -> Side:
    name, language = before[0]["flow"], before[0]["language"]
    found = [flow for flow in firm_flows(context.settings.firm, only=name) if flow.language == language]
    if not found:
        raise UnknownVersion(f"{name} has no file any more, or one with faults: `huifang flow check` tells")
    document = dict(found[0].document)
    return {**head_of(document), "company": found[0].company}, document, found[0].company


def _steps(side: Side) -> dict[str, ReadStep]:
    return steps_of(side[1], side[2])


def _print_line(line: Line, indent: str = "") -> None:
    if line.differs:
        click.echo(f"{indent}{line.what}:")
        click.echo(f"{indent}  - {_marked(line.old)}")
        click.echo(f"{indent}  + {_marked(line.new)}")


def _print_change(change: Change) -> None:
    click.echo(f"{change.step} ({change.kind})")
    for line in change.lines:
        _print_line(line, "  ")


def _marked(pieces: Iterable[Piece]) -> str:
    return "".join(f"[{piece.words}]" if piece.changed else piece.words for piece in pieces)


def _standings(context: Context) -> dict[str, Standing]:
    with context.db.session() as session:
        every = register.versions(session)
    return {one.name: one for one in standings(every, firm_flows(context.settings.firm))}


def _named(names: Sequence[str], known: dict[str, Standing]) -> list[str]:
    if unknown := [name for name in _some(names) if name not in known]:
        raise UnknownVersion(f"no script is called {', '.join(unknown)}, or its file has faults: `huifang flow check`")
    return list(names)


def _some(names: Sequence[str]) -> Sequence[str]:
    if not names:
        raise NothingNamed("name the scripts that are meant, or give --all")
    return names


def _waiting(every: Sequence[FlowVersion]) -> list[str]:
    return sorted({one.name for one in every if one.state == FlowState.SUBMITTED})


def _still_the_file(context: Context, text: str, waiting: Sequence[FlowVersion]) -> None:
    """Who approves by name trusts the file: it must still say what was submitted."""
    name = waiting[0].name
    now = {flow.hash for flow in firm_flows(context.settings.firm, only=name)}
    if text == name and (changed := [one.hash for one in waiting if one.hash not in now]):
        raise ChangedMeanwhile(
            f"the file of {name} was changed after it was submitted: submit it again, or approve {changed[0][:12]}"
        )


def _tell(made: Sequence[FlowVersion], done: str, as_json: bool) -> None:
    if as_json:
        print_json([_document(one) for one in made])
        return
    for one in made:
        console().print(f"{one.name} {one.language} {one.hash[:12]}: {done}")
    if not made:
        console().print(f"nothing to be {done}")


def _print_versions(every: Sequence[FlowVersion], as_json: bool) -> None:
    if as_json:
        print_json([_document(one) for one in every])
        return
    columns = ("hash", "language", "version", "state", "submitted", "approved", "retired", "note")
    print_table(f"{len(every)} versions", columns, [_row(one) for one in every])


def _row(one: FlowVersion) -> tuple[object, ...]:
    steps = (
        (one.submitted_by, one.submitted_at),
        (one.approved_by, one.approved_at),
        (one.retired_by, one.retired_at),
    )
    told = [f"{by} {china(at):%Y-%m-%d %H:%M}" if at else "" for by, at in steps]
    return one.hash[:12], one.language, one.version, one.state, *told, one.note


def _document(one: FlowVersion) -> dict[str, object]:
    return {
        "hash": one.hash,
        "name": one.name,
        "language": one.language,
        "version": one.version,
        "title": one.title,
        "state": one.state,
        "submitted_by": one.submitted_by,
        "submitted_at": _moment(one.submitted_at),
        "approved_by": one.approved_by,
        "approved_at": _moment(one.approved_at),
        "retired_by": one.retired_by,
        "retired_at": _moment(one.retired_at),
        "note": one.note,
    }


def _moment(at: datetime | None) -> str | None:
    return china(at).isoformat() if at else None


def _standing(one: Standing) -> dict[str, object]:
    return {
        "name": one.name,
        "titles": dict(one.titles),
        "state": one.state,
        "approved": {language: row.hash for language, row in one.approved.items()},
        "waiting": {language: row.hash for language, row in one.waiting.items()},
        "draft": {language: flow.hash for language, flow in one.drafts.items()},
    }


def _title(one: Standing) -> str:
    return one.titles.get("zh-CN") or next(iter(one.titles.values()))


def _hashes(one: Standing) -> tuple[str, str, str]:
    return _short(one.approved), _short(one.waiting), _short(one.drafts)


def _short(side: Mapping[str, Flow] | Mapping[str, FlowVersion]) -> str:
    return " ".join(f"{language} {side[language].hash[:10]}" for language in sorted(side, reverse=True))


LIFE = (list_, submit, approve, retire, diff)
