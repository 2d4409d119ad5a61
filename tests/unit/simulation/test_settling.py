"""What becomes of a simulated call-back after an attempt."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from core.calendars import ChinaCalendars
from dialer.calling.dispositions import Disposition
from dialer.planning.plan import PlannedItem
from dialer.programmes.facts import ClientFacts
from dialer.simulation.books import Books, Callback, Item
from dialer.simulation.far_end import Reply
from dialer.simulation.settling import Closing, Settling, settle
from dialer.tables import Outcome
from tests.unit.gate.firm import contact

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 23, 2, tzinfo=UTC)
DUE = {"due_on": date(2026, 12, 1), "due_at": datetime(2026, 12, 1, 16, tzinfo=UTC)}


def owed(flow: str) -> Item:
    """An open item whose script is ``flow``."""
    named = {"pack": "GAL", "programme": flow, "title": flow, "title_en": flow, "trigger": flow, "trigger_key": flow}
    return Item(PlannedItem(**named, **DUE, rule_ids=(), deadline_unit="day", flow=flow), NOW.date())  # type: ignore[arg-type]


def merged() -> Callback:
    """One contact for two programmes, answered a moment ago."""
    ids = {"callback_id": "K1", "client_id": "C1", "flow": "new_account", "executor": "centre"}
    kinds = {"automatic": True, "provisional": False, "priority": 1}
    items = [owed("new_account"), owed("existing_client")]
    return Callback(**ids, **kinds, **DUE, next_attempt_at=NOW, items=items, dispositions=[Disposition.ANSWERED])  # type: ignore[arg-type]


@pytest.mark.rule("B-14")
def test_one_call_of_a_merged_callback_asks_every_script_of_it() -> None:
    callback, closed = merged(), list[Callback]()
    callback.heard |= callback.flows
    by = Settling(contact(), ChinaCalendars(), NOW, ClientFacts("C1"), ())
    settled = settle(callback, Reply(Disposition.ANSWERED, 3.0, "passed", 60.0), by)
    assert settled == Closing(Outcome.PASSED, "flow"), "nobody is called again for the second script"
    books = Books(closed.append)
    books.open[callback.callback_id] = callback
    books.close(callback, settled.outcome, settled.reason, NOW)
    assert [item.heard for item in closed[0].items] == ["new_account", "existing_client"]


def test_what_is_not_owed_any_more_is_not_asked() -> None:
    callback = merged()
    callback.items[1].state = callback.items[1].state.CANCELLED
    assert callback.flows == {"new_account"}
