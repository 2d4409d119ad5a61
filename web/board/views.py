"""The programme board, one programme by branch, and the lists behind their numbers."""

from __future__ import annotations

from flask import Blueprint, abort, render_template, request
from flask.typing import ResponseReturnValue

from dialer.tables import Sample
from web.access import Permission, route
from web.board import counts
from web.board.coverage import coverage, coverage_by_branch, samples_of
from web.board.lists import Moments
from web.board.pages import listed
from web.board.wanted import DRAWN, FATES, RISKS, Wanted
from web.calls import queries
from web.context import context
from web.programmes import firm_pack

board = Blueprint("board", __name__, template_folder="templates")


@route(board, "/board", Permission.READ_DAY)
def overview() -> ResponseReturnValue:
    """Every programme of the period in one line, what is covered, what is at risk, who was left out."""
    read, moments = firm_pack(), moments_now()
    wanted = Wanted.read(request.args).in_period(moments.today)
    with context().db.session() as session:
        run = counts.newest_run(session)
        told = {
            "run": run,
            "not_run": counts.not_run(run, read.pack),
            "lines": counts.by_programme(session, wanted, read.pack),
            "covered": coverage(session, samples_of(session, wanted), branch=wanted.branch),
            "risks": counts.risks(session, wanted, moments),
            "left_out": counts.left_out(session, wanted),
            "escalated": counts.escalated(session, wanted),
            "branches": counts.branches(session),
        }
    return render_template("board/overview.html", wanted=wanted, read=read, fates=FATES, risk_codes=RISKS, **told)


@route(board, "/board/programmes/<code>", Permission.READ_DAY)
def programme(code: str) -> ResponseReturnValue:
    """One programme, a line for each branch."""
    wanted = Wanted.read({**request.args, "programme": code, "branch": ""}).in_period(moments_now().today)
    pack = firm_pack().pack
    with context().db.session() as session:
        lines = counts.by_branch(session, wanted)
        covered = coverage_by_branch(session, samples_of(session, wanted))
    if not lines and not covered and (pack is None or code not in pack.programmes):
        abort(404)
    known = pack.programmes.get(code) if pack else None
    return render_template(
        "board/programme.html", wanted=wanted, lines=lines, covered=covered, fates=FATES, drawn_codes=DRAWN, known=known
    )


@route(board, "/board/items", Permission.READ_DAY)
def items() -> ResponseReturnValue:
    """Items by deadline."""
    return _list("items", codes=FATES)


@route(board, "/board/open", Permission.READ_DAY)
def open_callbacks() -> ResponseReturnValue:
    """Open call-backs by the time that is left."""
    return _list("open", codes=RISKS)


@route(board, "/board/escalations", Permission.READ_DAY)
def escalations() -> ResponseReturnValue:
    """Deadlines that cannot be met."""
    return _list("escalations")


@route(board, "/board/skipped", Permission.READ_DAY)
def skipped() -> ResponseReturnValue:
    """Clients in scope who get no call-back, and why."""
    return _list("skipped")


@route(board, "/board/members", Permission.READ_DAY)
def members() -> ResponseReturnValue:
    """The members of one sample in the order in which they are drawn."""
    with context().db.session() as session:
        sample = session.get(Sample, request.args.get("sample", ""))
    if sample is None:
        abort(404)
    return _list("members", sample=sample, codes=DRAWN)


def _list(kind: str, **more: object) -> ResponseReturnValue:
    wanted = Wanted.read(request.args)
    with context().db.session() as session:
        found = listed(session, kind, wanted, request.args, moments=moments_now())
        known = {"branches": counts.branches(session), "programmes": queries.programmes(session)}
    return render_template(f"board/{kind}.html", found=found, wanted=wanted, **known, **more)


def moments_now() -> Moments:
    """Where the classes of deadline risk end at this moment."""
    return Moments.of(context().clock.now(), context().calendars)
