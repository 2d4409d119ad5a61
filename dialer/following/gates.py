"""What waits for call-backs: the activation of an account (A-23, D-07), the departure of staff (A-91, D-08).

The rule of this module: a gate is open only when everything behind it is shown; it is closed with every reason, and
nothing here opens it for a client who refuses (M-25): the firm must decide, and the answer says so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from core import audit
from core.errors import HuifangError
from dialer.following import webhooks
from dialer.programmes.facts import ItemState
from dialer.programmes.model import Pack
from dialer.tables import Callback, Client, Conclusion, Item, Outcome, Staff

GateName = Literal["activation", "departure"]
TEXTS: dict[str, tuple[str, str]] = {
    "waiting": ("回访尚未完成", "the call-back is not finished"),
    "not_passed": ("回访不通过", "the call-back was not passed"),
    "refused": (
        "客户拒绝回访，短信不能代替；须由公司决定如何处理",
        "the client refuses, and a message does not take its place; the firm must decide",
    ),
    "missed": ("未能联系到客户；须由公司决定如何处理", "the client was not reached; the firm must decide"),
    "nothing_planned": ("尚未安排这项回访", "no such call-back has been planned"),
    "no_conclusion": ("尚无合规结论或处理意见", "there is no compliance conclusion or handling opinion yet"),
}
THE_FIRM_DECIDES = frozenset({"refused", "missed"})


class GateRefused(HuifangError):
    """Nothing was written; the message says what must come first."""


@dataclass(frozen=True, slots=True)
class GateReason:
    """One thing that keeps a gate closed; ``firm_decides`` when no further call will open it."""

    code: str
    text: str
    text_en: str
    programme: str = ""
    item_id: str = ""
    firm_decides: bool = False


@dataclass(frozen=True, slots=True)
class GateAnswer:
    """Whether ``subject`` (a client, a member of staff) may pass the gate, and everything that stands against it."""

    gate: GateName
    subject: str
    reasons: tuple[GateReason, ...] = ()

    @property
    def open(self) -> bool:
        """True when nothing stands against it."""
        return not self.reasons

    def as_json(self) -> dict[str, Any]:
        """``{"gate", "subject", "open", "reasons": [{"code", "text", "text_en", "programme", ...}]}``."""
        reasons = [asdict(reason) for reason in self.reasons]
        return {"gate": self.gate, "subject": self.subject, "open": self.open, "reasons": reasons}


def gated(pack: Pack, gate: GateName) -> tuple[str, ...]:
    """The programmes for whose call-backs that gate waits."""
    return tuple(key for key, programme in pack.programmes.items() if gate in programme.gates)


def activation(session: Session, client_id: str, pack: Pack) -> GateAnswer:
    """May the client's account be activated? Every gated programme's newest item must have passed, none may be open.

    An item that is older than a newer one of its programme says nothing about the new account. A programme of which
    nothing was planned keeps the gate closed: a missing call-back is not a passed one.
    """
    reasons: list[GateReason] = []
    for programme in gated(pack, "activation"):
        items = _items(session, client_id, programme)
        if not items:
            reasons.append(_reason("nothing_planned", programme))
        reasons += (reason for item in items if (reason := _against(item, newest=item is items[-1])))
    return GateAnswer("activation", client_id, tuple(reasons))


def departure(session: Session, staff_id: str, pack: Pack) -> GateAnswer:
    """May the member of staff leave? His clients' call-backs must be closed, and a conclusion must be there (A-91)."""
    reasons = [_reason("waiting", item.programme, item.item_id) for item in _waiting(session, staff_id, pack)]
    if session.get(Conclusion, staff_id) is None:
        reasons.append(_reason("no_conclusion"))
    return GateAnswer("departure", staff_id, tuple(reasons))


def conclude(
    session: Session, staff_id: str, text: str, *, by: str, at: datetime, pack: Pack, tell: bool = False
) -> Conclusion:
    """Write the compliance conclusion about a member of staff who leaves; ``tell`` other systems that the gate opened.

    GateRefused when the text is empty, nobody has that id, call-backs of his clients are not closed yet, or there is
    a conclusion already: it is written once, by one person, on everything that was found.
    """
    _may_conclude(session, staff_id, text, pack)
    conclusion = Conclusion(staff_id=staff_id, text=text.strip(), by=by, at=at)
    session.add(conclusion)
    session.flush()
    content = {"text_sha256": hashlib.sha256(conclusion.text.encode()).hexdigest()}
    audit.append(session, at=at, actor=by, action="staff.concluded", subject=staff_id, content=content)
    if tell:
        webhooks.put(session, "gate.opened", {"gate": "departure", "staff_id": staff_id}, at=at)
    return conclusion


def _may_conclude(session: Session, staff_id: str, text: str, pack: Pack) -> None:
    if not text.strip():
        raise GateRefused("the conclusion is empty; write what was found and what follows from it")
    if session.get(Staff, staff_id) is None:
        raise GateRefused(f"there is no member of staff {staff_id!r}; check the id")
    if session.get(Conclusion, staff_id) is not None:
        raise GateRefused(f"there is a conclusion about {staff_id} already; it is written once")
    waiting = len(_waiting(session, staff_id, pack))
    if waiting:
        raise GateRefused(f"{waiting} call-backs to clients of {staff_id} are not closed yet; finish them first")


def _against(item: Item, *, newest: bool) -> GateReason | None:
    outcome = item.callback.outcome
    if item.state == ItemState.OPEN:
        return _reason("waiting", item.programme, item.item_id)
    if not newest or (item.state == ItemState.DONE and outcome == Outcome.PASSED):
        return None
    known = outcome in (Outcome.NOT_PASSED, Outcome.REFUSED) and item.state == ItemState.DONE
    return _reason(str(outcome) if known else "missed", item.programme, item.item_id)


def _reason(code: str, programme: str = "", item_id: str = "") -> GateReason:
    return GateReason(code, *TEXTS[code], programme, item_id, code in THE_FIRM_DECIDES)


def _items(session: Session, client_id: str, programme: str) -> Sequence[Item]:
    """What was planned for the client under that programme, oldest first; second calls and cancelled items apart."""
    wanted = (
        select(Item)
        .join(Callback, Item.callback_id == Callback.callback_id)
        .where(Callback.client_id == client_id, Callback.confirms.is_(None))
        .where(Item.programme == programme, Item.state != ItemState.CANCELLED)
        .options(joinedload(Item.callback))
        .order_by(Item.planned_on, Item.item_id)
    )
    return session.scalars(wanted).all()


def _waiting(session: Session, staff_id: str, pack: Pack) -> Sequence[Item]:
    """Items of departure programmes that are still owed to clients of that member of staff."""
    wanted = (
        select(Item)
        .join(Callback, Item.callback_id == Callback.callback_id)
        .join(Client, Callback.client_id == Client.client_id)
        .where(Client.introducer_id == staff_id, Item.state == ItemState.OPEN)
        .where(Item.programme.in_(gated(pack, "departure")))
        .order_by(Item.item_id)
    )
    return session.scalars(wanted).all()


def opened_by(session: Session, callback: Callback, pack: Pack) -> Iterator[dict[str, Any]]:
    """Bodies of ``gate.opened`` for gates that the closing of ``callback`` has opened."""
    waiting_for = set(gated(pack, "activation"))
    passed = callback.outcome == Outcome.PASSED and callback.confirms is None
    concerned = passed and any(item.programme in waiting_for for item in callback.items)
    if concerned and activation(session, callback.client_id, pack).open:
        yield {"gate": "activation", "client_id": callback.client_id}
