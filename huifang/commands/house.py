"""Commands for whoever runs the installation: doctor, users, agents."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from core.errors import HuifangError, SettingsError
from dialer.desk.agents import employ
from dialer.tables import AgentState
from huifang.context import Context
from huifang.output import console, print_json, print_table
from ivr_flows import register
from ivr_flows.loader import load_flow, names
from ivr_flows.prompts import Catalogue
from recordings.writer import Spool
from transcribe.choosing import choose
from transcribe.recognisers.base import NoModel
from web.tables import Role
from web.users import add_user as store_user

pass_context = click.make_pass_decorator(Context)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; ``remedy`` is empty when it is in order."""

    subject: str
    found: str
    remedy: str = ""


@click.command()
@click.option("--json", "as_json", is_flag=True)
@pass_context
def doctor(context: Context, as_json: bool) -> None:
    """What is missing or misconfigured here, and the command that mends it; exit 1 when something is."""
    findings = list(_examine(context))
    if as_json:
        print_json(findings)
    else:
        rows = [(finding.subject, finding.found, finding.remedy) for finding in findings]
        print_table("doctor", ["what", "found", "remedy"], rows)
    if any(finding.remedy for finding in findings):
        raise SystemExit(1)


def _examine(context: Context) -> Iterator[Finding]:
    checks: tuple[tuple[str, Callable[[Context], str]], ...] = (
        ("database", _database),
        ("recorder", _recorder),
        ("trunk", _trunk),
        ("pack", _pack),
        ("scripts", _scripts),
    )
    for subject, check in checks:
        try:
            yield Finding(subject, check(context))
        except HuifangError as error:
            yield Finding(subject, "not in order", str(error))
    yield from (_model(context, language) for language in ("zh-CN", "en"))


def _database(context: Context) -> str:
    context.db.require_current()
    return "reachable, schema current"


def _recorder(context: Context) -> str:
    settings = context.settings
    spool = Spool(
        settings.var / "spool" / settings.node.name, context.clock, min_free_bytes=settings.node.min_free_mb << 20
    )
    spool.ready()
    spool.close()
    return "ready"


def _trunk(context: Context) -> str:
    trunks = context.settings.trunks
    if not trunks:
        raise SettingsError("write [trunk.main] with the address (host:port) of the SIP trunk into huifang.toml")
    return ", ".join(f"{name} ({trunk.address})" for name, trunk in trunks.items())


def _pack(context: Context) -> str:
    context.pack.runnable()
    return context.pack.name


def _scripts(context: Context) -> str:
    companies = {"zh-CN": context.settings.firm.name, "en": context.settings.firm.name_en}
    studio = context.settings.firm.studio
    catalogue = Catalogue(site=Path(studio) if studio else None)
    wanted = {programme.flow for programme in context.pack.ready() if programme.automatic}
    loaded = [
        load_flow(name, language, company=companies[language], catalogue=catalogue)
        for name, language in names()
        if name in wanted
    ]
    missing = sorted(wanted - {flow.name for flow in loaded})
    told = f"; not written yet, so these call-backs are not dialed: {', '.join(missing)}" if missing else ""
    return f"{len(loaded)} in order{told}{_unapproved(context, wanted - set(missing))}"


def _unapproved(context: Context, wanted: Collection[str]) -> str:
    """Which of the scripts nobody is called with, because no version of them is approved."""
    context.db.require_current()
    with context.db.session() as session:
        lacking = sorted(set(wanted) - register.approved_hashes(session).keys())
    remedy = "`huifang flow submit --all --by AUTHOR`, then `huifang flow approve --all --by AUDITOR`"
    return f"; not approved, so nobody is called with {', '.join(lacking)}: {remedy}" if lacking else ""


def _model(context: Context, language: str) -> Finding:
    choice = choose(context.settings, language)
    if isinstance(choice, NoModel):
        return Finding(f"recogniser {language}", "none", choice.note)
    return Finding(f"recogniser {language}", f"{choice.engine}: {choice.model}")


@click.group()
def user() -> None:
    """Accounts of the pages."""


@user.command()
@click.argument("login")
@click.option("--name", required=True)
@click.option("--role", type=click.Choice([role.value for role in Role]), required=True)
@click.option("--staff", default=None, help="Staff id, for agents.")
@click.option("--language", type=click.Choice(["zh-CN", "en"]), default=None)
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input; else one is made.")
@pass_context
def add(
    context: Context, login: str, name: str, role: str, staff: str | None, language: str | None, password_stdin: bool
) -> None:
    """Make an account; a password that is made is printed once."""
    given = sys.stdin.readline().strip() if password_stdin else None
    with context.db.write() as session:
        made = store_user(
            session,
            login=login,
            name=name,
            password=given,
            role=Role(role),
            staff_id=staff,
            language=language,
            at=context.clock.now(),
        )
    console().print(f"{login}: password {made.password}" if made.password else f"{login}: made")


@click.group()
def agent() -> None:
    """Agents who take transferred calls on a SIP phone."""


@agent.command("set")
@click.argument("staff_id")
@click.option("--sip", "sip_uri", required=True, help="His phone, e.g. sip:8001@pbx.example.")
@click.option("--offline", is_flag=True, help="He takes no calls for now.")
@pass_context
def set_(context: Context, staff_id: str, sip_uri: str, offline: bool) -> None:
    """Make the member of staff STAFF_ID an agent, or change his phone."""
    with context.db.write() as session:
        state = AgentState.OFFLINE if offline else AgentState.FREE
        employ(session, staff_id, sip_uri=sip_uri, state=state, at=context.clock.now())
    console().print(f"{staff_id}: {'offline' if offline else 'free'}")


COMMANDS = (doctor, user, agent)
