"""The pages of the scripts: the list, one version in both languages, two versions side by side, and one call's walk."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from dialer.tables import Attempt
from ivr_flows import comparing, reading, register
from ivr_flows.reading import ReadStep
from ivr_flows.register import ChangedMeanwhile, Hand, LifeCycleError, SamePerson
from ivr_flows.tables import FlowState, FlowVersion
from web.access import Permission, route, signed_in
from web.calls.detail import call_page
from web.context import context
from web.flows.drafts import Standing, firm_flows, standings
from web.flows.people import hand, names
from web.flows.replay import replay

flows = Blueprint("flows", __name__, template_folder="templates")


@dataclass(frozen=True, slots=True)
class Row:
    """One step, and each thing that is said at it in every language: (when, the words)."""

    step: ReadStep
    said: list[tuple[str, list[str]]]


@route(flows, "/flows", Permission.SIGNED_IN)
def overview() -> ResponseReturnValue:
    """Every script with the version that is dialed and what waits."""
    found = firm_flows(context().settings.firm)
    with context().db.session() as session:
        every = register.versions(session)
        people = names(session, _persons(every))
    return render_template("flows/overview.html", standings=standings(every, found), people=people)


@route(flows, "/flows/<name>", Permission.SIGNED_IN)
def script(name: str) -> ResponseReturnValue:
    """One script: every version of it, and the draft when its file was changed."""
    with context().db.session() as session:
        every = register.versions(session, name)
        people = names(session, _persons(every))
    standing = _standing(name, every)
    return render_template("flows/script.html", standing=standing, versions=every, people=people)


@route(flows, "/flows/versions/<flow_hash>", Permission.SIGNED_IN)
def version(flow_hash: str) -> ResponseReturnValue:
    """One version: its texts by step in both languages, its rules, its state; approved or retired here."""
    with context().db.session() as session:
        one = _version(session, flow_hash)
        other = register.other_language(session, one)
        waiting = register.together(session, one.name, FlowState.SUBMITTED)
        dialed = register.together(session, one.name, FlowState.APPROVED)
        people = names(session, _persons([one, *waiting]))
    pair = sorted((row for row in (one, other) if row), key=lambda row: row.language, reverse=True)
    return render_template(
        "flows/version.html",
        one=one,
        pair=pair,
        rows=_beside([reading.steps_of(row.document, row.company) for row in pair]),
        waiting=waiting,
        live=waiting if one.state == FlowState.SUBMITTED else dialed,
        dialed=next((row for row in dialed if row.language == one.language), None),
        people=people,
        own=hand(signed_in()).person,
    )


@route(flows, "/flows/versions/<flow_hash>/beside/<other_hash>", Permission.SIGNED_IN)
def beside(flow_hash: str, other_hash: str) -> ResponseReturnValue:
    """Two versions side by side: `other_hash` is the newer one."""
    with context().db.session() as session:
        old, new = (_version(session, one) for one in (flow_hash, other_hash))
        versions = register.versions(session, new.name)
    steps = [reading.steps_of(row.document, row.company) for row in (old, new)]
    heads = [reading.head_of(row.document) | {"company": row.company} for row in (old, new)]
    changes = comparing.compare(*steps)
    shown = changes if request.args.get("all") else [change for change in changes if change.kind != "same"]
    return render_template(
        "flows/beside.html",
        old=old,
        new=new,
        versions=[one for one in versions if one.language == new.language],
        head=comparing.compare_heads(*heads),
        changes=shown,
        same=len(changes) - len(shown),
    )


@route(flows, "/flows/<name>/submit", Permission.FLOW_SUBMIT, methods=("POST",))
def submit(name: str) -> ResponseReturnValue:
    """Hand the draft in for approval: exactly the texts that the page showed (`seen`)."""
    drafts = list(_standing(name, ()).drafts.values())
    note = request.form.get("note", "").strip()[:200]

    def change(session: Session, by: Hand, at: datetime) -> Sequence[FlowVersion]:
        if {flow.hash for flow in drafts} != set(request.form.getlist("seen")):
            raise ChangedMeanwhile(f"the files of {name} were changed after the page was opened")
        return register.submit(session, drafts, by=by, at=at, note=note)

    return _changed(change, name, _("Submitted; a second person has to approve it."))


@route(flows, "/flows/<name>/approve", Permission.FLOW_APPROVE, methods=("POST",))
def approve(name: str) -> ResponseReturnValue:
    """Let the versions that were looked at be dialed."""
    seen = request.form.getlist("seen")
    return _changed(
        lambda session, by, at: register.approve(session, _of(session, name, seen), by=by, at=at),
        name,
        _("Approved: new calls are made with it."),
    )


@route(flows, "/flows/<name>/retire", Permission.FLOW_APPROVE, methods=("POST",))
def retire(name: str) -> ResponseReturnValue:
    """Take versions out of use; the reason is asked for."""
    seen, note = request.form.getlist("seen"), request.form.get("note", "").strip()[:200]
    if not note:
        flash(_("Nothing was changed: say why it is retired."), "danger")
        return redirect(url_for("flows.script", name=name))
    return _changed(
        lambda session, by, at: register.retire(session, _of(session, name, seen), by=by, at=at, note=note),
        name,
        _("Retired: no new call is made with it."),
    )


@route(flows, "/calls/<callback_id>/script/<attempt_id>", Permission.READ_CALL)
def walked(callback_id: str, attempt_id: str) -> ResponseReturnValue:
    """One attempt against the script that it ran, each step with its second of the recording."""
    with context().db.session() as session:
        page = call_page(session, callback_id, attempt_id, signed_in())
        if page is None or page.attempt is None or page.attempt.attempt_id != attempt_id:
            abort(404)
        shown = replay(session, session.get_one(Attempt, attempt_id))
    at = request.args.get("at", "0")
    opened = int(at) if at.isdecimal() and len(at) < 10 else 0
    return render_template("flows/walked.html", page=page, replay=shown, recording=page.recording, at=opened)


def _changed(
    change: Callable[[Session, Hand, datetime], Sequence[FlowVersion]], name: str, done: str
) -> ResponseReturnValue:
    here = context()
    try:
        with here.db.write() as session:
            made = change(session, hand(signed_in()), here.clock.now())
        flash(done if made else _("Nothing was changed: all of it is approved already."), "success")
    except LifeCycleError as error:
        flash(_refused(error), "danger")
    return redirect(url_for("flows.script", name=name))


def _refused(error: LifeCycleError) -> str:
    """Why not, in the visitor's language; the details of the register behind it."""
    if isinstance(error, SamePerson):
        return str(_("Nothing was changed: who submitted a script may not approve it."))
    if isinstance(error, ChangedMeanwhile):
        return (
            str(_("Nothing was changed: the script is not as you saw it any more. Look at it again.")) + f" ({error})"
        )
    return str(_("Nothing was changed.")) + f" ({error})"


def _of(session: Session, name: str, seen: Sequence[str]) -> list[str]:
    """The hashes, all of this script; 404 else."""
    known = {one.hash for one in register.versions(session, name)}
    if not seen or not known.issuperset(seen):
        abort(404)
    return list(seen)


def _version(session: Session, flow_hash: str) -> FlowVersion:
    try:
        return register.version(session, flow_hash)
    except register.UnknownVersion:
        abort(404)


def _standing(name: str, versions: Sequence[FlowVersion]) -> Standing:
    """How the script stands; 404 for a name that no file and no version has."""
    own = versions
    if not own:
        with context().db.session() as session:
            own = register.versions(session, name)
    found = standings(own, firm_flows(context().settings.firm, only=name))
    return found[0] if found else abort(404)


def _beside(languages: Sequence[Mapping[str, ReadStep]]) -> list[Row]:
    """The steps of the languages in one order."""
    order = dict.fromkeys(name for steps in languages for name in steps)
    return [_row([steps[name] for steps in languages if name in steps], len(languages)) for name in order]


def _row(steps: Sequence[ReadStep], languages: int) -> Row:
    said = [{text.role: text.words for text in step.texts if not text.role.startswith("heard")} for step in steps]
    said += [{}] * (languages - len(said))
    roles = dict.fromkeys(role for texts in said for role in texts)
    return Row(steps[0], [(role, [texts.get(role, "") for texts in said]) for role in roles])


def _persons(versions: Sequence[FlowVersion]) -> set[str | None]:
    return {person for one in versions for person in (one.submitted_by, one.approved_by, one.retired_by)}
