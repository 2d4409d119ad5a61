"""The JSON of the rules: a client's explanation and the coverage of the programmes, as the pages show them.

The rule of this module: the same values as the pages, both languages of every sentence that was stored in both, the
name masked by role.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from dialer.gate import Verdict
from dialer.planning.plan import REASONS, reason_of
from dialer.programmes.windows import Interval
from dialer.tables import Callback, Duty, Escalation, Item, Skip
from web.api.shapes import Json
from web.board.counts import Fates
from web.board.coverage import Covered, Share
from web.board.wanted import DRAWN, FATES
from web.clients.explanation import Explanation, Owed, Place
from web.clients.standing import Standing
from web.masking import masked_name
from web.tables import Role


def explanation(told: Explanation, role: Role) -> Json:
    """Why one client is called, by whom, until when, under which rules; and why he is not."""
    client = told.client
    return {
        "at": _text(told.at),
        "client": {"client_id": client.client_id, "name": masked_name(client.name, role), "branch": client.branch},
        "pack_fault": told.read.fault,
        "gate": _verdict(told.verdict),
        "owed": [_owed(one) for one in told.owed],
        "done": [_done(one) for one in told.done],
        "skipped": [_skip(one) for one in told.skips],
        "samples": [_place(one) for one in told.places],
        "programmes": [_standing(one) for one in told.standings],
        "duties": [_duty(one) for one in told.duties],
        "escalations": [_escalation(one) for one in told.escalations],
    }


def covered(one: Covered) -> Json:
    """One sample with its quotas, for the firm and for each branch."""
    sample = one.sample
    return {
        "sample_id": sample.sample_id,
        "programme": sample.programme,
        "period": sample.period,
        "first": _text(sample.first),
        "last": _text(sample.last),
        "seed": sample.seed,
        "base_digest": sample.base_digest,
        "excluded": dict(one.excluded),
        "quotas": [
            _share(share) | {"branches": [_share(part) for part in one.branches if part.number == share.number]}
            for share in one.shares
        ],
    }


def fates(line: Fates) -> Json:
    """One programme's items of a period by what became of them."""
    counted = {code: line.counts.get(code, 0) for code in FATES}
    return {"programme": line.programme, "due": line.due, "skipped": line.skipped, **counted}


def _share(share: Share) -> Json:
    return {
        "branch": share.branch,
        "rule": share.rule,
        "share": share.share,
        "base": share.base,
        "target": share.target,
        "covered": share.covered,
        "members": {code: share.drawn.get(code, 0) for code in DRAWN},
    }


def _owed(one: Owed) -> Json:
    callback = one.callback
    return {
        "callback_id": callback.callback_id,
        "state": callback.state,
        "mode": callback.mode,
        "executor": callback.executor,
        "flow": callback.flow,
        "reason": callback.reason,
        "next_attempt_at": _text(callback.next_attempt_at),
        "why_then": callback.next_why,
        "appointment_at": _text(callback.appointment_at),
        "due_on": _text(callback.due_on),
        "due_at": _text(callback.due_at),
        "provisional": callback.provisional,
        "next_at": _text(one.next_at),
        "windows": _intervals(one.windows),
        "first_chance": _text(one.first_chance),
        "gate_then": _verdict(one.then) if one.then else None,
        "items": [_item(item) for item in callback.items],
    }


def _item(item: Item) -> Json:
    return {
        "programme": item.programme,
        "rule_ids": item.rule_ids,
        "trigger": item.trigger,
        "ground": item.ground,
        "due_on": _text(item.due_on),
        "due_at": _text(item.due_at),
        "deadline_unit": item.deadline_unit,
        "planned_on": _text(item.planned_on),
        "provisional": item.provisional,
        "state": item.state,
    }


def _done(callback: Callback) -> Json:
    return {
        "callback_id": callback.callback_id,
        "programmes": [item.programme for item in callback.items],
        "outcome": callback.outcome,
        "closed_at": _text(callback.closed_at),
        "closed_reason": callback.closed_reason,
    }


def _skip(row: Skip) -> Json:
    text, text_en = _reason(row.code, row.detail)
    return {
        "programme": row.programme,
        "trigger_key": row.trigger_key,
        "code": row.code,
        "text": text,
        "text_en": text_en,
        "due_on": _text(row.due_on),
    }


def _place(place: Place) -> Json:
    return {
        "sample_id": place.sample.sample_id,
        "position": place.member.position + 1,
        "state": place.member.state,
        "on": _text(place.member.on),
        "waiting_before": place.before,
        "quotas": [_share(share) for share in place.shares],
    }


def _standing(one: Standing) -> Json:
    return {"programme": one.programme.key, "standing": one.code, "reason": one.skip.code if one.skip else None}


def _duty(duty: Duty) -> Json:
    return {
        "kind": duty.kind,
        "programme": duty.programme,
        "to": duty.to,
        "contents": duty.contents,
        "channel": duty.channel,
        "rule": duty.rule,
        "due_at": _text(duty.due_at),
        "state": duty.state,
    }


def _escalation(row: Escalation) -> Json:
    text, text_en = _reason(row.code, row.detail)
    return {
        "programme": row.programme,
        "code": row.code,
        "text": text,
        "text_en": text_en,
        "due_on": _text(row.due_on),
        "raised_at": _text(row.raised_at),
        "resolved_at": _text(row.resolved_at),
    }


def _verdict(verdict: Verdict) -> Json:
    return {
        "allowed": verdict.allowed,
        "at": _text(verdict.at),
        "reasons": [reason.as_json() for reason in verdict.reasons],
    }


def _reason(code: str, detail: str) -> tuple[str, str]:
    return reason_of(code, detail) if code in REASONS else (code, code)


def _intervals(windows: Iterable[Interval]) -> list[list[Any]]:
    return [[start.isoformat(), end.isoformat()] for start, end in windows]


def _text(moment: datetime | date | None) -> str | None:
    return moment.isoformat() if moment else None
