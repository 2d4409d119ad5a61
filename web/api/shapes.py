"""The JSON of the API: plain values, times as ISO 8601 UTC, personal data masked by role."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from dialer.tables import Answer, Attempt, Callback, Handoff
from web.masking import masked, masked_name, masked_text
from web.search.found import FoundCall
from web.tables import Role

Json = dict[str, Any]


def callback(row: Callback, role: Role) -> Json:
    """One callback as a list shows it."""
    return {
        "callback_id": row.callback_id,
        "client": {"client_id": row.client_id, "name": masked_name(row.client.name, role), "branch": row.client.branch},
        "programmes": [item.programme for item in row.items],
        "rule_ids": sorted({rule for item in row.items for rule in item.rule_ids}),
        "state": row.state,
        "outcome": row.outcome,
        "due_on": _text(row.due_on),
        "closed_at": _text(row.closed_at),
        "attempts": len(row.attempts),
    }


def callback_with_attempts(row: Callback, role: Role) -> Json:
    """One callback with everything that happened to it."""
    return callback(row, role) | {"attempts": [_attempt(item, role) for item in row.attempts]}


def hit(found: FoundCall, role: Role) -> Json:
    """One sentence with the call it belongs to."""
    return {
        "callback_id": found.attempt.callback_id,
        "attempt_id": found.attempt.attempt_id,
        "recording_id": found.hit.recording_id,
        "channel": found.hit.channel,
        "start_ms": found.hit.start_ms,
        "end_ms": found.hit.end_ms,
        "text": masked_text(found.hit.text, role),
    }


def _attempt(row: Attempt, role: Role) -> Json:
    return {
        "attempt_id": row.attempt_id,
        "phone": masked(row.phone, role),
        "state": row.state,
        "started_at": _text(row.started_at),
        "answered_at": _text(row.answered_at),
        "ended_at": _text(row.ended_at),
        "sip_status": row.sip_status,
        "sip_phrase": row.sip_phrase,
        "sip_reasons": row.sip_reasons,
        "disposition": row.disposition,
        "recording_id": row.recording_id,
        "flow": row.flow,
        "flow_hash": row.flow_hash,
        "answers": [_answer(item) for item in row.answers],
        "handoffs": [_handoff(item) for item in row.handoffs],
    }


def _answer(row: Answer) -> Json:
    return {
        "question": row.question,
        "rule": row.rule,
        "value": row.value,
        "passed": row.passed,
        "answered_by": row.answered_by,
        "start_ms": row.start_ms,
        "end_ms": row.end_ms,
    }


def _handoff(row: Handoff) -> Json:
    return {
        "reason": row.reason,
        "staff_id": row.staff_id,
        "result": row.result,
        "requested_at": _text(row.requested_at),
        "joined_at": _text(row.joined_at),
        "left_at": _text(row.left_at),
        "outcome": row.outcome,
    }


def _text(moment: datetime | date | None) -> str | None:
    return moment.isoformat() if moment else None
