"""From owed items to contacts: everything due to one client by one executor is one call-back (B-14).

The rule of this module: pure; most urgent first; what the pack keeps apart is never put together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date

from dialer.planning.plan import PlannedCallback
from dialer.planning.rules import Owed
from dialer.programmes.facts import PastItem
from dialer.programmes.model import VOICE, Merging
from dialer.programmes.words_tables import CHANNELS


def merged(
    owed: Iterable[Owed], past: Mapping[str, Sequence[PastItem]], merging: Merging, day: date
) -> list[PlannedCallback]:
    """The contacts of a plan for ``day``, the most urgent first; ``past`` are the clients' items of earlier plans."""
    groups: dict[str, list[Owed]] = defaultdict(list)
    for one in owed:
        groups[one.client.client_id].append(one)
    callbacks = [
        callback
        for client_id, mine in groups.items()
        for callback in _of_client(mine, past.get(client_id, ()), merging, day)
    ]
    return sorted(callbacks, key=lambda callback: (callback.priority, callback.client_id, callback.executor))


def _of_client(
    owed: Sequence[Owed], past: Sequence[PastItem], merging: Merging, day: date
) -> Iterator[PlannedCallback]:
    """One client's contacts; a call-back that one of them joins is looked at with its items by the next."""
    waiting: dict[str, list[_Part]] = defaultdict(list)
    for item in past:
        if item.joinable:
            waiting[item.callback_id].append((item.executor, item.automatic, item.programme))
    for contact in _contacts(owed, merging):
        joins = _joins(contact, waiting, merging)
        if joins is not None:
            waiting[joins] += map(_part, contact)
        yield _callback(contact, joins, day)


_Part = tuple[str, bool, str]
"""Executor, whether the machine may take the answers, programme: what decides who shares a call."""


def _part(one: Owed) -> _Part:
    return one.programme.executor, one.programme.automatic and not wished(one), one.programme.key


def _together(one: _Part, other: _Part, merging: Merging) -> bool:
    return one[:2] == other[:2] and (one[2] == other[2] or merging.together(one[2], other[2]))


def _contacts(owed: Sequence[Owed], merging: Merging) -> list[list[Owed]]:
    """One client's items, put together where executor and kind of call agree and the pack does not keep them apart."""
    contacts: list[list[Owed]] = []
    for one in sorted(owed, key=lambda one: (one.item.due_at, one.item.trigger_key)):
        fitting = (c for c in contacts if all(_together(_part(one), _part(other), merging) for other in c))
        contact = next(fitting, None)
        if contact is None:
            contacts.append([one])
        else:
            contact.append(one)
    return contacts


def _callback(contact: Sequence[Owed], joins: str | None, day: date) -> PlannedCallback:
    urgent = contact[0]
    first = min(contact, key=lambda one: one.reach.first).reach
    return PlannedCallback(
        client_id=urgent.client.client_id,
        branch=urgent.client.branch,
        language=urgent.client.language,
        items=tuple(one.item for one in contact),
        not_before=day,
        due_on=urgent.item.due_on,
        due_at=urgent.item.due_at,
        windows=first.windows,
        next_attempt_at=first.first,
        executor=urgent.programme.executor,
        automatic=_part(urgent)[1],
        priority=int(f"{min(one.reach.last_day for one in contact):%Y%m%d}"),
        reason="；".join(_why(one) for one in contact),
        reason_en="; ".join(_why_en(one) for one in contact),
        provisional=first.provisional,
        joins=joins,
    )


def _joins(contact: Sequence[Owed], waiting: Mapping[str, Sequence[_Part]], merging: Merging) -> str | None:
    """The client's call-back that still waits and may take these items; never one of another executor."""
    for callback_id, parts in sorted(waiting.items()):
        if all(_together(_part(one), part, merging) for one in contact for part in parts):
            return callback_id
    return None


def wished(one: Owed) -> str:
    """The channel other than a call that the client prefers and the programme permits (B-22); empty when there is none.

    People then contact him that way: the machine does not call.
    """
    channel = one.client.prefers.get("channel")
    permitted = (*one.programme.channels, *one.programme.special_channels)
    return channel if isinstance(channel, str) and channel in permitted and channel not in VOICE else ""


def _why(one: Owed) -> str:
    item, channel = one.item, wished(one)
    ground = f"，{item.ground}" if item.ground else ""
    mark = "（暂定）" if item.provisional else ""
    how = f"，按客户意愿以{CHANNELS[channel].zh}联系（B-22）" if channel else ""
    return f"{item.title}（{'、'.join(item.rule_ids)}{ground}），须于 {item.due_on}{mark} 前完成{how}"


def _why_en(one: Owed) -> str:
    item, channel = one.item, wished(one)
    ground = f"; {item.ground}" if item.ground else ""
    mark = " (provisional)" if item.provisional else ""
    how = f", by {CHANNELS[channel].en} as the client prefers (B-22)" if channel else ""
    return f"{item.title_en} ({', '.join(item.rule_ids)}{ground}), due on {item.due_on}{mark}{how}"
