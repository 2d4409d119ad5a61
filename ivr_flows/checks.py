"""The named checks a flow may use. A flow holds names, never expressions: what they mean is fixed here and tested.

A match check compares entered digits with a fact; a value check compares a chosen value with one; a condition decides
from the facts alone whether a step concerns this client.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ivr_flows.model import Appointment, Ask, Choice, Digits, Facts, Flow, Match, Step, all_prompts


def _id_last4(entered: str, facts: Facts) -> bool:
    """The last four of the identity number; the check character X is keyed as a star (C-05)."""
    known = facts.get("id_last4", "").upper().replace("X", "*")
    return len(known) == 4 and _same(entered, known)


def _phone_last4(entered: str, facts: Facts) -> bool:
    """The last four of a telephone number that the firm has on file (C-30)."""
    known = facts.get("phone_last4", "")
    return len(known) == 4 and _same(entered, known)


def _same(entered: str, known: str) -> bool:
    return hmac.compare_digest(entered.encode(), known.encode())


def _opening_channel(value: str, facts: Facts) -> bool:
    """The way of opening as the file has it (C-50)."""
    return bool(value) and value == facts.get("opening_channel")


@dataclass(frozen=True, slots=True)
class Condition:
    """Whether a step concerns a client: a fact has this value, or without one is known at all."""

    fact: str
    value: str = ""

    def holds(self, facts: Facts) -> bool:
        """Whether it does for a client of whom this is known."""
        return facts.get(self.fact) == self.value if self.value else bool(facts.get(self.fact))


MATCHES: Mapping[str, Callable[[str, Facts], bool]] = {"id_last4": _id_last4, "phone_last4": _phone_last4}
VALUES: Mapping[str, Callable[[str, Facts], bool]] = {"opening_channel": _opening_channel}
CONDITIONS: Mapping[str, Condition] = {
    "developed_by_marketing": Condition("developed_by", "marketing"),  # C-23, C-26..C-29, D-02 c
    "has_account_agent": Condition("account_agent"),  # C-31, C-93, C-119
    "applied_special_business": Condition("special_business"),  # C-120
    "ordinary_investor": Condition("investor_class", "ordinary"),  # C-103, C-104
    "lowest_risk_class": Condition("risk_class", "lowest"),  # C-105
    "staff_member_known": Condition("staff_member"),  # C-136
}

FROM_EVENTS: Mapping[str, str] = {
    "account_agent": "the name of the person who may act for the client (C-31)",
    "agent_scope": "what that person may do, in words",
    "opening_channel": "how the account was opened, one of the values of the question (C-50)",
    "operation": "the operation that is to be confirmed, in words (C-126)",
    "special_business": "the special business that was applied for, in words (C-120)",
    "asset_change": "the change of the assets, in words (C-129)",
    "event_day": "the day of the event, in words",
    "staff_member": "the member of staff who has left, by name (C-136)",
    "investor_class": "ordinary or professional (C-103)",
    "risk_class": "lowest, or another class (C-105)",
}
"""Facts that an event may bring in its data."""

SPOKEN: Mapping[str, str] = {
    **{name: FROM_EVENTS[name] for name in ("account_agent", "agent_scope", "operation", "special_business")},
    **{name: FROM_EVENTS[name] for name in ("asset_change", "event_day", "staff_member")},
    "callback_day": "the day of the next call (speech.day)",
    "client_name": "the client as he is addressed",
    "marketer": "the name of the marketing person",
    "slot_1": "a time that can be agreed",
    "slot_2": "a time that can be agreed",
    "slot_3": "a time that can be agreed",
}
"""Facts a text may speak, and what they are."""


def applies(step: Step, facts: Facts) -> bool:
    """Whether the step concerns this client: its `when` is absent or holds."""
    return step.when is None or CONDITIONS[step.when].holds(facts)


def missing_facts(flow: Flow, facts: Facts) -> tuple[str, ...]:
    """Facts this flow must compare or speak for this client and that are empty: do not dial while there are any."""
    concerned = [step for step in flow.steps.values() if applies(step, facts)]
    compared = {step.check for step in concerned if isinstance(step, Match | Digits | Ask | Choice) and step.check}
    offered = {
        prompt for step in concerned if isinstance(step, Appointment) for offer in step.offers for prompt in offer
    }
    prompts = (flow.prompts[prompt] for step in concerned for prompt in all_prompts(step) if prompt not in offered)
    spoken = {prompt.slot for prompt in prompts if prompt.slot}
    return tuple(sorted(name for name in compared | spoken if not facts.get(name)))


def asks_of_events(flow: Flow) -> bool:
    """Whether the flow compares, speaks or looks at anything that only an event brings."""
    spoken = {prompt.slot for prompt in flow.prompts.values()}
    looked = {CONDITIONS[step.when].fact for step in flow.steps.values() if step.when}
    compared = {getattr(step, "check", None) for step in flow.steps.values()}
    return not FROM_EVENTS.keys().isdisjoint(spoken | looked | compared)
