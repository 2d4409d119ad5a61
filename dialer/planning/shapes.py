"""A plan as JSON (design.md 5.4): what ``huifang plan --json`` prints."""

from __future__ import annotations

from core.clock import china
from dialer.planning.plan import Plan, PlannedCallback, PlannedItem, PlannedNotice
from dialer.programmes.windows import Interval


def plan_json(plan: Plan) -> dict[str, object]:
    """The plan as ``huifang plan --json`` prints it (design.md 5.4): ``{"callbacks": [...], "skipped": [...]}``.

    ``refused`` are the programmes that did not run because values are open, ``notices`` the messages that are owed.
    """
    return {
        "callbacks": [_callback_json(callback) for callback in plan.callbacks],
        "skipped": [
            {
                "client_id": left.client_id,
                "programme": left.programme,
                "code": left.code,
                "reason": left.reason,
                "reason_en": left.reason_en,
            }
            for left in plan.skipped
        ],
        "notices": [_notice_json(notice) for notice in plan.notices],
        "cancelled": [{"trigger_key": one.trigger_key, "reason": one.reason} for one in plan.cancelled],
        "refused": [{"programme": one.programme, "open": list(one.open_values)} for one in plan.refused],
    }


def _notice_json(notice: PlannedNotice) -> dict[str, object]:
    return {
        "client_id": notice.client_id,
        "programme": notice.programme,
        "contents": list(notice.contents),
        "channels": list(notice.channels),
        "due_at": china(notice.due_at).isoformat(),
        "rule": notice.rule,
    }


def _callback_json(callback: PlannedCallback) -> dict[str, object]:
    return {
        "client_id": callback.client_id,
        "items": [_item_json(item) for item in callback.items],
        "not_before": callback.not_before.isoformat(),
        "due_on": callback.due_on.isoformat(),
        "windows": [_window_json(interval) for interval in callback.windows],
        "executor": callback.executor,
        "automatic": callback.automatic,
        "priority": callback.priority,
        "provisional": callback.provisional,
        "reason": callback.reason,
        "reason_en": callback.reason_en,
        "joins": callback.joins,
    }


def _item_json(item: PlannedItem) -> dict[str, object]:
    return {
        "pack": item.pack,
        "programme": item.programme,
        "rule_ids": list(item.rule_ids),
        "trigger": item.trigger,
        "due_on": item.due_on.isoformat(),
        "deadline_unit": item.deadline_unit,
        "flow": item.flow,
        "ground": item.ground,
    }


def _window_json(interval: Interval) -> list[str]:
    return [f"{china(moment):%Y-%m-%dT%H:%M}" for moment in interval]
