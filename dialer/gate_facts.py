"""What the gate looks at and what it answers: values only; the way in is ``dialer.gate``.

The rule of this module: everything the gate may need to know stands here, and what is not known stands here as such.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time

from core.calendars import Calendars
from core.clock import china
from dialer.programmes.facts import ClientFacts, PastAttempt, StaffFacts
from dialer.programmes.model import ContactRules, Pack


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason against dialing: a stable code, the words in two languages, the rule behind it."""

    code: str
    text: str
    text_en: str
    rule: str = ""

    def as_json(self) -> dict[str, str]:
        """The reason as stored with attempts and refusals."""
        return {"code": self.code, "text": self.text, "text_en": self.text_en, "rule": self.rule}


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the call may leave, and every reason against it."""

    at: datetime
    reasons: tuple[Reason, ...]

    @property
    def allowed(self) -> bool:
        """True when nothing speaks against it."""
        return not self.reasons

    def as_json(self) -> dict[str, object]:
        """``{"allowed", "at", "reasons"}``: what ``attempt.gate`` keeps and ``huifang gate --json`` prints."""
        reasons = [reason.as_json() for reason in self.reasons]
        return {"allowed": self.allowed, "at": china(self.at).isoformat(), "reasons": reasons}


@dataclass(frozen=True, slots=True)
class CallbackFacts:
    """The callback to be dialed.

    ``programmes`` are those it is still owed for, ``due_at`` the instant by which it must be finished (None: the end of
    the day ``due_on``), ``appointment_at`` what was agreed with the client, ``provisional`` that it was planned beyond
    the published holidays, ``flow_approved`` whether the script to be followed is the approved one, ``needs_agent``
    whether that script always leads to an agent, ``mode`` a value of ``CallbackMode``.
    """

    callback_id: str
    open: bool
    due_on: date
    not_before: datetime
    programmes: frozenset[str]
    executor: str = ""
    due_at: datetime | None = None
    appointment_at: datetime | None = None
    provisional: bool = False
    flow_approved: bool = True
    needs_agent: bool = False
    mode: str = "automatic"


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """The machine's side; ``agents_free`` None means that nobody counted the agents.

    ``line_fault`` says in Chinese and English why the line is not ready, when that is known.
    """

    recorder_ready: bool
    line_ready: bool
    draining: bool
    agents_free: int | None = None
    line_fault: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class GateInput:
    """Everything the gate looks at.

    ``attempts`` are the client's earlier attempts of this year and the last, of every callback; ``elsewhere`` those to
    the same ``phone`` for other clients, for caps that count numbers. ``callback`` None means that nothing is owed to
    the client; ``pack`` None that the pack could not be read; ``node`` None leaves the machine's side out (questions of
    people, never an INVITE); ``caller`` is the member of staff who wants to call by hand, None the dialer;
    ``in_a_call`` that a call to the client is on the line already, for whatever callback.
    """

    now: datetime
    client: ClientFacts
    phone: str | None
    callback: CallbackFacts | None
    attempts: tuple[PastAttempt, ...]
    pack: Pack | None
    calendars: Calendars
    node: NodeFacts | None
    caller: StaffFacts | None = None
    elsewhere: tuple[PastAttempt, ...] = ()
    in_a_call: bool = False

    @property
    def programmes(self) -> frozenset[str]:
        """The programmes that the call would be for; empty when that is not known."""
        return self.callback.programmes if self.callback else frozenset()


@dataclass(frozen=True, slots=True)
class Question:
    """A gate's input with what every check of a complete pack needs: the rules, and ``asked.now`` in Chinese time."""

    asked: GateInput
    pack: Pack
    rules: ContactRules
    day: date
    clock: time


def second(moment: datetime) -> str:
    """``moment`` as people read it, Chinese time."""
    return f"{china(moment):%Y-%m-%d %H:%M:%S}"
