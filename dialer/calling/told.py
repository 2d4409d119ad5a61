"""What a call knows about its client, as the script may compare and speak it. Made before the INVITE, kept in memory.

The names of the facts are those of `ivr_flows.checks`; what an event brings is taken only under such a name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from core.clock import china
from dialer.programmes.windows import day_part
from dialer.tables import Client
from ivr_flows import spoken
from ivr_flows.checks import FROM_EVENTS
from ivr_flows.errors import VoiceError

NAMES = frozenset({"account_agent", "staff_member"})
"""Facts of events that are names of persons."""


@dataclass(frozen=True, slots=True)
class Told:
    """The client, and what the dialer knows beside him: who developed him, days and times to name, his event."""

    client: Client = field(repr=False)
    callback_day: date
    today: date
    marketer: str | None = field(default=None, repr=False)
    slots: tuple[datetime, ...] = ()
    event: Mapping[str, object] = field(default_factory=dict, repr=False)

    def facts(self) -> dict[str, str]:
        """The facts by name; what is not known is empty or missing."""
        client, language = self.client, self.client.language
        brought = {name: str(value) for name, value in self.event.items() if name in FROM_EVENTS and value is not None}
        return {
            **brought,
            **{name: called(brought[name], language) for name in NAMES & brought.keys()},
            "id_last4": client.id_last4 or "",
            "phone_last4": str(client.phones[0])[-4:] if client.phones else "",
            "client_name": called(client.name, language, str(client.prefers.get("name_reading", ""))),
            "developed_by": client.developed_by,
            "marketer": called(self.marketer, language) if self.marketer else "",
            "callback_day": spoken.day(self.callback_day, self.today, language),
            **_offers(self.slots, self.today, language),
        }


def _offers(slots: tuple[datetime, ...], today: date, language: str) -> dict[str, str]:
    """Times as they are spoken (`slot_1`) and as they are kept when one is agreed (`slot_at_1`)."""
    said = {f"slot_{number}": _slot(at, today, language) for number, at in enumerate(slots, 1)}
    return said | {f"slot_at_{number}": at.isoformat() for number, at in enumerate(slots, 1)}


def _slot(at: datetime, today: date, language: str) -> str:
    return spoken.slot(china(at).date(), day_part(at), today, language)


def called(full: str, language: str, reading: str = "") -> str:
    """A person's name as it is spoken; a reading that does not fit the name is left aside."""
    try:
        return spoken.name(full, language, reading=reading)
    except VoiceError:
        return spoken.name(full, language)
