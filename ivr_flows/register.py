"""The life of a script: draft, submitted, approved by a second person, retired. Only approved versions are dialed.

A version is its hash (`Flow.hash`): the name of the firm, the language and every text are in it, so that what was
approved cannot be another text than what is said. Both languages of a script are submitted, approved and retired
together. One version of a name and language is approved at a time: approving another retires it for new calls, while
calls under way and old recordings keep theirs. Every step leaves a link in the audit chain.

LifeCycleError
├── UnknownVersion      no version of this name or hash was ever submitted
├── SamePerson          who submitted a version may not approve it (E-13)
├── ChangedMeanwhile    what was looked at is not what stands there now
└── NoLongerFits        this program makes another script of the version's files
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, undefer

from core import audit
from core.errors import HuifangError
from ivr_flows.errors import FlowRefused
from ivr_flows.loader import load_sources
from ivr_flows.merging import JOINED
from ivr_flows.model import Flow
from ivr_flows.tables import FlowState, FlowVersion

SHORTEST_PREFIX = 6
"""So many characters of a hash may stand for the whole one where a person writes it."""


class LifeCycleError(HuifangError):
    """Nothing was changed; read what the message says and look at the script again."""


class UnknownVersion(LifeCycleError):
    """Give the name of a submitted script, or at least six characters of the hash of one version."""


class SamePerson(LifeCycleError):
    """Let somebody else approve: four eyes have to see a script before it is spoken to a client."""


class ChangedMeanwhile(LifeCycleError):
    """Look at the script again: somebody was faster, or its file was changed after it was submitted."""


class NoLongerFits(LifeCycleError):
    """Submit the script again and have it approved: the version's files make another one with this program."""


@dataclass(frozen=True, slots=True)
class Hand:
    """Who acts. `person` is the same for all accounts of one person; `actor` is the account, for the audit chain."""

    person: str
    actor: str


# --- asked by the dialer ---------------------------------------------------------------------------------------------


def approved(session: Session, name: str, language: str) -> FlowVersion | None:
    """The version of `name` in `language` that is dialed; None: nobody is called with this script."""
    wanted = select(FlowVersion).where(FlowVersion.name == name, FlowVersion.language == language)
    return session.scalars(wanted.where(FlowVersion.state == FlowState.APPROVED)).first()


def is_approved(session: Session, flow_hash: str) -> bool:
    """Whether calls may be made with this version now; of a merged call-back (`HASH+HASH`) with all its parts."""
    parts = set(flow_hash.split(JOINED))
    good = select(func.count()).where(FlowVersion.hash.in_(parts), FlowVersion.state == FlowState.APPROVED)
    return session.scalar(good) == len(parts)


def approved_hashes(session: Session) -> dict[str, frozenset[str]]:
    """Name -> the approved versions, one a language."""
    wanted = select(FlowVersion.name, FlowVersion.hash).where(FlowVersion.state == FlowState.APPROVED)
    found: dict[str, set[str]] = {}
    for name, flow_hash in session.execute(wanted).tuples():
        found.setdefault(name, set()).add(flow_hash)
    return {name: frozenset(hashes) for name, hashes in found.items()}


def flow_of(version: FlowVersion) -> Flow:
    """The script as it was submitted, made again from its own files; NoLongerFits when that gives another one."""
    try:
        flow = load_sources(version.sources, version.name, version.language, version.company)
    except FlowRefused as refused:
        raise NoLongerFits(f"{_called(version)} cannot be read by this program any more: {refused}") from refused
    if flow.hash != version.hash:
        raise NoLongerFits(f"{_called(version)} would be another script with this program: submit it anew")
    return flow


# --- looking up ------------------------------------------------------------------------------------------------------


def versions(session: Session, name: str | None = None) -> Sequence[FlowVersion]:
    """Every version, or those of one script, the newest first; without its files and its text."""
    wanted = select(FlowVersion).order_by(FlowVersion.submitted_at.desc(), FlowVersion.language.desc())
    return session.scalars(wanted if name is None else wanted.where(FlowVersion.name == name)).all()


def version(session: Session, text: str) -> FlowVersion:
    """The version of a hash, or of its first characters; UnknownVersion when none or several begin so."""
    wanted = select(FlowVersion).options(undefer(FlowVersion.sources), undefer(FlowVersion.document))
    found = _beginning(session, wanted, text)
    if len(found) != 1:
        raise UnknownVersion(f"{len(found) or 'no'} version{'s' if found else ''} of a script begin with {text!r}")
    return found[0]


def together(session: Session, name: str, state: FlowState) -> tuple[FlowVersion, ...]:
    """The versions of one script in a state: one a language."""
    wanted = select(FlowVersion).where(FlowVersion.name == name, FlowVersion.state == state)
    return tuple(session.scalars(wanted.order_by(FlowVersion.language.desc())))


def meant(session: Session, text: str, *states: FlowState) -> tuple[FlowVersion, ...]:
    """What a person means by a name or by the beginning of a hash: both languages, in the first state that has some.

    UnknownVersion when there is nothing in these states.
    """
    for state in states:
        if found := together(session, text, state):
            return found
    by_hash = _beginning(session, select(FlowVersion).where(FlowVersion.state.in_(states)), text)
    if len(by_hash) != 1:
        raise UnknownVersion(
            f"{text}: no script of this name or hash is {' or '.join(states)}; see `huifang flow list`"
        )
    return together(session, by_hash[0].name, FlowState(by_hash[0].state))


def other_language(session: Session, one: FlowVersion) -> FlowVersion | None:
    """The version of the other language that belongs to `one`: submitted with it, else the last one before it."""
    wanted = select(FlowVersion).options(undefer(FlowVersion.document))
    wanted = wanted.where(FlowVersion.name == one.name, FlowVersion.language != one.language)
    before = wanted.where(FlowVersion.submitted_at <= one.submitted_at)
    before = before.order_by(FlowVersion.submitted_at.desc(), (FlowVersion.state == one.state).desc())
    after = wanted.order_by(FlowVersion.submitted_at)
    return session.scalars(before.limit(1)).first() or session.scalars(after.limit(1)).first()


def _beginning(session: Session, wanted: Select[tuple[FlowVersion]], text: str) -> Sequence[FlowVersion]:
    if len(text) < SHORTEST_PREFIX:
        return []
    return session.scalars(wanted.where(FlowVersion.hash.startswith(text, autoescape=True)).limit(2)).all()


# --- the steps of its life -------------------------------------------------------------------------------------------


def submit(
    session: Session, flows: Sequence[Flow], *, by: Hand, at: datetime, note: str = ""
) -> tuple[FlowVersion, ...]:
    """Hand in the languages of one script for approval; returns what waits now, without what is approved already.

    What was submitted of this script before and not yet approved is taken back. ChangedMeanwhile when somebody hands in
    the same version at the same moment.
    """
    made = [_submitted(session, flow, by, at, note) for flow in flows]
    return tuple(one for one in made if one.state == FlowState.SUBMITTED)


def approve(
    session: Session, seen: Collection[FlowVersion | str], *, by: Hand, at: datetime
) -> tuple[FlowVersion, ...]:
    """Let the versions that were looked at be dialed; those they replace are retired for new calls.

    `seen` are the submitted versions (or hashes) of one script as the person saw them: all of them that wait.
    SamePerson for who submitted one of them, ChangedMeanwhile when they are not what waits now.
    """
    rows = _locked(session, _hashes(seen))
    for row in rows:
        _may_be_approved(row, by)
    _nothing_newer_waits(session, rows)
    for row in rows:
        _replace(session, row, by, at)
        row.state, row.approved_by, row.approved_at = FlowState.APPROVED, by.person, at
        with _alone(row):
            session.flush()
        _link(session, "flow.approved", row, by, at, submitted_by=row.submitted_by)
    return rows


def retire(
    session: Session, seen: Collection[FlowVersion | str], *, by: Hand, at: datetime, note: str
) -> tuple[FlowVersion, ...]:
    """Take versions out of use, or back before they are approved: no new call is made with them.

    One person may do this: it stops calls and starts none. ChangedMeanwhile when one is retired already.
    """
    rows = _locked(session, _hashes(seen))
    for row in rows:
        if row.state == FlowState.RETIRED:
            raise ChangedMeanwhile(f"{_called(row)} was retired already: {row.note or row.retired_by}")
        _retired(session, row, by, at, note)
    return rows


def _submitted(session: Session, flow: Flow, by: Hand, at: datetime, note: str) -> FlowVersion:
    known = session.get(FlowVersion, flow.hash, with_for_update=True)
    if known and known.state != FlowState.RETIRED:
        return known
    for waiting in together(session, flow.name, FlowState.SUBMITTED):
        if waiting.language == flow.language:
            _retired(session, waiting, by, at, f"submitted anew as {flow.hash[:12]}")
    row = known or _new(flow)
    row.state, row.submitted_by, row.submitted_at, row.note = FlowState.SUBMITTED, by.person, at, note
    row.approved_by = row.approved_at = row.retired_by = row.retired_at = None
    session.add(row)
    with _alone(row):
        session.flush()
    _link(session, "flow.submitted", row, by, at)
    return row


def _new(flow: Flow) -> FlowVersion:
    return FlowVersion(
        hash=flow.hash,
        name=flow.name,
        language=flow.language,
        version=flow.version,
        title=flow.title,
        company=flow.company,
        sources=dict(flow.sources),
        document=dict(flow.document),
    )


def _may_be_approved(row: FlowVersion, by: Hand) -> None:
    if row.state == FlowState.APPROVED:
        raise ChangedMeanwhile(f"{_called(row)} was approved already, by {row.approved_by}")
    if row.state == FlowState.RETIRED:
        raise ChangedMeanwhile(f"{_called(row)} was retired meanwhile: {row.note}; submit it again first")
    if row.submitted_by == by.person:
        raise SamePerson(f"{_called(row)} was submitted by {by.person}: a second person has to approve it")


def _nothing_newer_waits(session: Session, rows: Sequence[FlowVersion]) -> None:
    """Whoever approves has seen every language that waits: both go into use, or none."""
    for name in {row.name for row in rows}:
        waiting = {row.hash for row in together(session, name, FlowState.SUBMITTED)}
        if unseen := waiting - {row.hash for row in rows}:
            told = ", ".join(sorted(one[:12] for one in unseen))
            raise ChangedMeanwhile(f"{name} waits also with {told}, which was not looked at: look at it again")


def _replace(session: Session, row: FlowVersion, by: Hand, at: datetime) -> None:
    former = approved(session, row.name, row.language)
    if former is not None:
        _retired(session, former, by, at, f"replaced by {row.hash[:12]}")


def _retired(session: Session, row: FlowVersion, by: Hand, at: datetime, note: str) -> None:
    row.state, row.retired_by, row.retired_at, row.note = FlowState.RETIRED, by.person, at, note
    session.flush()  # before another takes its place: one is approved at a time
    _link(session, "flow.retired", row, by, at)


def _locked(session: Session, hashes: Collection[str]) -> tuple[FlowVersion, ...]:
    wanted = select(FlowVersion).where(FlowVersion.hash.in_(hashes)).order_by(FlowVersion.hash)
    fresh = wanted.with_for_update().execution_options(populate_existing=True)
    rows = tuple(session.scalars(fresh))
    if missing := set(hashes) - {row.hash for row in rows}:
        raise UnknownVersion(f"no version of a script has the hash {', '.join(sorted(missing))}")
    return rows


def _hashes(seen: Collection[FlowVersion | str]) -> set[str]:
    return {one if isinstance(one, str) else one.hash for one in seen}


@contextmanager
def _alone(row: FlowVersion) -> Iterator[None]:
    called = _called(row)
    try:
        yield
    except IntegrityError as error:
        raise ChangedMeanwhile(f"somebody else changed {called} at the same moment: look at it again") from error


def _called(row: FlowVersion) -> str:
    return f"{row.name} ({row.language}, {row.hash[:12]})"


def _link(session: Session, action: str, row: FlowVersion, by: Hand, at: datetime, **more: str) -> None:
    content = {"name": row.name, "language": row.language, "version": row.version, "by": by.person, **more}
    audit.append(session, at=at, actor=by.actor, action=action, subject=row.hash, content=content)
