"""The words for every code on the screens, in one table. A code without a word is shown as it is, never hidden."""

from __future__ import annotations

import json
from collections.abc import Mapping

from flask_babel import lazy_gettext as _

from web.language import is_chinese

LABELS: Mapping[str, Mapping[str, object]] = {
    "role": {"agent": _("Agent"), "auditor": _("Auditor")},
    "state": {
        "planned": _("Planned"),
        "calling": _("In a call"),
        "wrap_up": _("Waits for the agent's outcome"),
        "closed": _("Closed"),
    },
    "outcome": {
        "passed": _("Passed"),
        "not_passed": _("Not passed"),
        "refused": _("Refused"),
        "unreachable": _("Unreachable"),
        "call_again": _("Call again"),
    },
    "disposition": {
        "answered": _("Answered"),
        "busy": _("Busy"),
        "no_answer": _("No answer"),
        "rejected": _("Rejected"),
        "invalid_number": _("Number does not exist"),
        "suspended": _("Number suspended"),
        "unreachable": _("Switched off or no coverage"),
        "blocked_by_network": _("Blocked by the network"),
        "trunk_congestion": _("Trunk congested"),
        "our_fault": _("Fault on our side"),
        "cancelled": _("Withdrawn by us"),
        "interrupted": _("Interrupted"),
    },
    "attempt_state": {
        "leased": _("About to be dialed"),
        "live": _("In progress"),
        "ended": _("Ended"),
        "interrupted": _("Interrupted"),
    },
    "handoff": {
        "any": _("Any handoff"),
        "joined": _("Taken by an agent"),
        "nobody_free": _("No agent was free"),
        "client_gone": _("Client hung up while waiting"),
    },
    "handoff_reason": {
        "wish": _("The client asked for a person"),
        "no_input": _("The client gave no answer"),
        "no_match": _("The answers were not understood"),
        "wrong_answer": _("An answer needs a person"),
        "limit": _("The script went on for too long"),
        "not_played": _("A notice could not be played to its end"),
    },
    "transcript": {
        "pending": _("Waits"),
        "running": _("In work"),
        "done": _("Transcribed"),
        "failed": _("Failed"),
        "superseded": _("Replaced by a newer run"),
    },
    "recording": {"writing": _("Being written"), "sealed": _("Sealed"), "lost": _("Lost")},
    "channel": {"client": _("Client"), "firm": _("Our side")},
    "number": {
        "planned_today": _("Callbacks planned"),
        "called_today": _("Callbacks attempted"),
        "attempts": _("Attempts"),
        "closed_today": _("Callbacks closed"),
        "wrap_up_open": _("Open: wait for an agent's outcome"),
        "refusals": _("Times the gate said no"),
    },
    "on": {"planned": _("Planned for"), "called": _("Called on"), "closed": _("Closed on")},
    "closed_reason": {
        "agent": _("set by the agent"),
        "flow": _("decided by the script"),
        "deadline_passed": _("the deadline passed"),
        "not_retried": _("not to be called again after this result"),
        "retries_used_up": _("all attempts are used up"),
        "no_window_before_deadline": _("no window before the deadline"),
        "follow_ups_used_up": _("moved too often"),
    },
    "gate": {
        "client_closed": _("The client's account is closed"),
        "opted_out": _("The client wants no calls"),
        "no_phone": _("No valid number"),
        "nothing_owed": _("No callback is owed"),
        "expired": _("The deadline has passed"),
        "too_early": _("Too early for the next attempt"),
        "too_soon": _("Too soon after the last talk"),
        "line_not_ready": _("The line is not ready"),
        "recorder_not_ready": _("The recorder is not ready"),
        "draining": _("The node was shutting down"),
        "pack_unreadable": _("The policy pack cannot be read"),
        "open_values": _("The policy pack leaves values open"),
        "not_a_calling_day": _("Not a calling day"),
        "outside_window": _("Outside the permitted windows"),
        "calendar_unknown": _("The calendar does not cover the day"),
        "preference_unreadable": _("The client's wishes cannot be read"),
        "against_wish": _("Outside the times the client asked for"),
        "attempts_used_up": _("All attempts are used up"),
        "cap_reached": _("The cap of the period is reached"),
        "script_unready": _("The script cannot be played to this client"),
    },
    "follow_up": {"promised_callback": _("promised to call back"), "appointment": _("appointment with the client")},
    "ended_by": {"us": _("us"), "far_end": _("the other side"), "stack": _("the line")},
    "answered_by": {"ivr": _("by key"), "agent": _("told the agent")},
    "outcome_by": {"key": _("by telephone key"), "web": _("on this site")},
    "value": {
        "yes": _("Yes"),
        "no": _("No"),
        "": _("no answer"),
        "recorded": _("spoken, recorded"),
        "marketing": _("marketing staff"),
        "branch": _("the branch"),
        "self": _("the client himself"),
        "morning": _("in the morning"),
        "afternoon": _("in the afternoon"),
    },
    "purpose": {
        "": _("Review"),
        "spot_check": _("Spot check"),
        "complaint": _("Complaint"),
        "inspection": _("Inspection"),
    },
    "flow": {"new_account": _("New account"), "existing_client": _("Existing client")},
    "difference": {
        "object_missing": _("The file is not in the archive."),
        "unreadable": _("The archive cannot be read."),
        "size": _("The file has another size than when it was sealed."),
        "hash": _("The file has another content than when it was sealed."),
        "audit_missing": _("The audit chain does not know this recording."),
        "audit_disagrees": _("The audit chain says something else about this recording."),
    },
}


def label(kind: str, code: str | None, otherwise: str = "") -> object:
    """The word for ``code`` of ``kind``; ``otherwise`` or the code itself when there is none."""
    if code is None:
        return "–"
    return LABELS.get(kind, {}).get(code) or otherwise or code.replace("_", " ")


def choices(kind: str) -> list[tuple[str, object]]:
    """Code and word of every member of ``kind``, for a list to choose from."""
    return list(LABELS[kind].items())


def reason(stored: Mapping[str, str]) -> str:
    """A gate's reason in the language of the page, with its rule; the words the gate stored that day."""
    text = stored.get("text", "") if is_chinese() else stored.get("text_en") or stored.get("text", "")
    rule = stored.get("rule", "")
    return f"{text or stored.get('code', '')} ({rule})" if rule else text or stored.get("code", "")


def handoff_reason(stored: str) -> str:
    """Why a person was needed, stored as ``code:step``."""
    code, _colon, step = stored.partition(":")
    words = str(label("handoff_reason", code))
    return f"{words} ({step.replace('_', ' ')})" if step else words


def themselves(names: list[str]) -> list[tuple[str, object]]:
    """Names that are their own words."""
    return [(name, name) for name in names]


def raw_facts(value: object) -> str:
    """A stored JSON value as indented text."""
    return json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True, default=str)
