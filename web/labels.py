"""The words for every code on the screens, in one table. A code without a word is shown as it is, never hidden."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, time

from flask_babel import lazy_gettext as _

from core.calendars import DAY
from core.clock import china
from dialer.planning.plan import REASONS, reason_of
from dialer.programmes import words_roles, words_tables
from dialer.programmes.said import Said, ruled
from web.language import is_chinese

VOCABULARY: Mapping[str, Mapping[str, Said]] = {
    "action": words_tables.ACTIONS,
    "outcome": words_tables.OUTCOMES,
    "channel": words_tables.CHANNELS,
    "content": words_roles.CONTENTS,
    "role": words_roles.ROLES,
    "event": words_tables.EVENTS,
    "festival": words_tables.FESTIVALS,
    "kind": words_tables.KINDS,
    "status": words_tables.STATUS,
    "developed_by": words_tables.DEVELOPERS,
    "tag": words_tables.TAGS,
    "period": words_tables.PERIODS,
}
"""Words of the rules, as the pack itself is told in words; everything else on the screens is in LABELS."""

LABELS: Mapping[str, Mapping[str, object]] = {
    "role": {
        "agent": _("Agent"),
        "auditor": _("Auditor"),
        "operator": _("Line operator"),
        "author": _("Script author"),
    },
    "trunk_state": {
        "closed": _("In order"),
        "open": _("Rests after faults"),
        "half_open": _("Waits for a probe call"),
        "drained": _("Drained"),
    },
    "registered": {"yes": _("registered"), "no": _("not registered")},
    "reachable": {"yes": _("answers"), "no": _("does not answer")},
    "node_state": {
        "up": _("Running"),
        "draining": _("Finishing its calls"),
        "stopped": _("Stopped"),
        "dead": _("Dead"),
    },
    "state": {
        "planned": _("Planned"),
        "calling": _("In a call"),
        "wrap_up": _("Waits for the agent's outcome"),
        "closed": _("Closed"),
    },
    "medium": {"form": _("a form that the client fills in"), "desk": _("a text that an agent reads")},
    "condition": {
        "developed_by_marketing": _("brought in by marketing staff"),
        "has_account_agent": _("somebody may act for him"),
        "applied_special_business": _("applied for a special business"),
        "ordinary_investor": _("ordinary investor"),
        "lowest_risk_class": _("lowest risk class"),
        "staff_member_known": _("the departed member of staff is known"),
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
    "answer_class": {
        "person": _("a person"),
        "voicemail": _("a voicemail"),
        "assistant": _("an assistant"),
        "fax": _("a fax"),
        "silence": _("nobody spoke"),
        "unknown": _("not known"),
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
        "cancelled": _("an event undid the reason"),
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
        "client_in_a_call": _("The client is in a call"),
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
        "provisional": _("Planned provisionally, beyond the published holidays"),
        "flow_not_approved": _("The script is not the approved one"),
        "no_agent_at_hand": _("No agent is free"),
        "programme_gone": _("The policy pack has no such programme any more"),
        "programme_open": _("The programme leaves values open"),
        "not_by_voice": _("The programme does not use the telephone"),
        "not_by_machine": _("People must make this call"),
        "introducer": _("The caller introduced this client"),
        "series_avoided": _("Staff of this series must not call"),
        "series_unknown": _("The caller's series is not known"),
        "not_this_executor": _("Somebody else must make this call"),
        "caller_left": _("The caller has left the firm"),
    },
    "fate": {
        "in_time": _("Done in time"),
        "late": _("Done late"),
        "open": _("Still open"),
        "missed": _("Missed"),
        "cancelled": _("Reason undone"),
    },
    "risk": {
        "overdue": _("Overdue"),
        "today": _("Ends today"),
        "soon": _("1–2 working days"),
        "near": _("3–5 working days"),
        "later": _("Later"),
    },
    "drawn": {
        "done": _("Reached"),
        "open": _("Planned, still open"),
        "message": _("By message"),
        "missed": _("Not reached"),
        "passed_over": _("Passed over"),
        "late": _("Turn came after the deadline"),
        "waiting": _("Not drawn yet"),
        "out": _("Left the base"),
    },
    "item_state": {
        "open": _("Still open"),
        "done": _("Done"),
        "missed": _("Missed"),
        "cancelled": _("Reason undone"),
    },
    "trigger": {
        "day": _("of the day"),
        "week": _("of the week"),
        "two_weeks": _("of the two weeks"),
        "month": _("of the month"),
        "quarter": _("of the quarter"),
        "half_year": _("of the half-year"),
        "year": _("of the year"),
        "inactive": _("no trade since"),
        "departure": _("departure of"),
        "festival": _("festival"),
        "confirm": _("to confirm how a problem was handled"),
        "promise": _("a call that was promised"),
    },
    "mode": {"automatic": _("by the dialer"), "manual": _("by hand")},
    "run": {"full": _("everybody was looked at"), "incremental": _("what had changed was looked at")},
    "duty": {"open": _("Still open"), "done": _("Done"), "cancelled": _("Taken back")},
    "standing": {
        "owed": _("A call-back is owed"),
        "not_run": _("Does not run: the firm must set values first"),
        "skipped": _("Left out"),
        "waiting": _("In the sample, not drawn yet"),
        "passed_over": _("Passed over when his turn came"),
        "late": _("His turn came after his deadline"),
        "out": _("Left the scope before his turn came"),
        "message": _("Reached by message"),
        "done": _("Done"),
        "missed": _("Ended without reaching him"),
        "cancelled": _("An event undid the reason"),
        "not_in_scope": _("Does not concern this client"),
        "no_event": _("Nothing happened that would call for it"),
        "next_plan": _("The next plan will look at it"),
        "behind": _("In scope, but behind those of the order that are kept"),
        "came_later": _("In scope, but not when the base was taken"),
        "no_sample": _("No sample of this period has been drawn yet"),
        "nobody_leaves": _("No member of staff who serves him is leaving"),
        "not_due": _("Not due yet"),
    },
    "day": {
        "working": _("Working day"),
        "makeup": _("Make-up working day"),
        "holiday": _("Holiday"),
        "weekend": _("Weekend"),
        "trading": _("Trading day"),
        "hk_closed": _("No trading in Hong Kong"),
        "hk_trading": _("Trading in Hong Kong only"),
        "branch_holiday": _("Branch closed"),
        "provisional": _("Provisional"),
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
    "flow_state": {
        "draft": _("Draft"),
        "submitted": _("Waits for approval"),
        "approved": _("Approved"),
        "retired": _("Retired"),
    },
    "change": {"same": _("unchanged"), "changed": _("changed"), "added": _("new"), "removed": _("gone")},
    "text_role": {
        "said": _("says"),
        "option": _("key"),
        "heard": _("understood"),
        "offer": _("time"),
        "no_input": _("after silence"),
        "no_match": _("after a wrong answer"),
        "not_played": _("when not played"),
        "read_back": _("read back"),
        "rules": _("rules"),
        "verb": _("kind"),
        "pass": _("right answer"),
        "check": _("compared by"),
        "mandatory": _("to be played to its end"),
        "when": _("only when"),
        "company": _("firm"),
        "title": _("title"),
        "version": _("version"),
    },
    "flow_lead": {
        "next": _("then"),
        "yes": _("yes"),
        "no": _("no"),
        "otherwise": _("otherwise"),
        "unavailable": _("no agent is free"),
        "no_input": _("silence"),
        "no_match": _("wrong answers"),
        "not_played": _("not played"),
        "matched": _("agrees"),
        "marked": _("a mark was given"),
        "recorded": _("recorded"),
        "entered": _("entered"),
        "agreed": _("agreed"),
        "none": _("none of them"),
    },
    "flow_verb": {
        "say": _("Statement"),
        "ask": _("Yes or no"),
        "match": _("Identity digits"),
        "choice": _("Choice"),
        "scale": _("Mark"),
        "digits": _("Number"),
        "open": _("Open question"),
        "appointment": _("Appointment"),
        "handoff": _("To an agent"),
        "end": _("End"),
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


def pack_word(kind: str, code: str) -> str:
    """The word of the rules for ``code`` of a kind in VOCABULARY; the code itself when there is none."""
    said = VOCABULARY[kind].get(code)
    if said is None:
        return code.replace("_", " ")
    return said.zh if is_chinese() else said.en


def trigger_words(stored: str) -> str:
    """What made an item due, stored as ``event_type:id``, ``period:name`` or the kind of a second call."""
    code, _colon, name = stored.partition(":")
    for kind in ("event", "festival"):
        if code in VOCABULARY[kind]:
            return f"{pack_word(kind, code)} ({name})" if name else pack_word(kind, code)
    words = str(label("trigger", code))
    return f"{words} {name}" if name else words


def until(moment: datetime) -> str:
    """The end of a deadline, Chinese time: the end of a day is 24:00 of that day."""
    local = china(moment)
    return f"{local.date() - DAY} 24:00" if local.time() == time(0) else f"{local:%Y-%m-%d %H:%M}"


def skip_words(code: str, detail: str = "") -> str:
    """Why somebody was left out, in the planner's own words."""
    if code not in REASONS:
        return code.replace("_", " ")
    chinese, english = reason_of(code, detail)
    return chinese if is_chinese() else english


def skip_choices() -> list[tuple[str, object]]:
    """Code and word of every reason to leave somebody out, for a list to choose from."""
    return [(code, skip_words(code)) for code in REASONS]


def choices(kind: str) -> list[tuple[str, object]]:
    """Code and word of every member of ``kind``, for a list to choose from."""
    return list(LABELS[kind].items())


def reason(stored: Mapping[str, str]) -> str:
    """A gate's reason in the language of the page, with its rule; the words the gate stored that day."""
    text = stored.get("text", "") if is_chinese() else stored.get("text_en") or stored.get("text", "")
    said = text or stored.get("code", "")
    return ruled(Said(said, said), stored.get("rule", "")).words("zh-CN" if is_chinese() else "en")


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
