"""Promise calls: the client is called at the time he was told."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from core.clock import CHINA
from dialer.following import calls
from dialer.tables import Callback, Outcome
from tests.unit.following.firm import NOW, Firm

pytestmark = pytest.mark.unit


def promise(firm: Firm, agreed: datetime) -> Callback | None:
    with firm.db.write() as session:
        first = session.get_one(Callback, "B1")
        call = calls.promise(session, first, firm.following, agreed=agreed, at=NOW)
        if call is not None:
            _ = call.items
        return call


@pytest.mark.rule("B-24")
def test_a_question_that_could_not_be_answered_brings_a_call_at_the_time_the_client_was_told(firm: Firm) -> None:
    firm.add_item("asset_change")
    firm.end(Outcome.PASSED)
    agreed = datetime(2026, 11, 24, 15, 20, tzinfo=CHINA)
    call = promise(firm, agreed)
    assert call is not None
    assert (call.confirms, call.follow_up, call.mode) == ("B1", "promised_callback", "manual")
    assert (call.next_attempt_at, call.appointment_at) == (agreed, agreed)
    assert [item.trigger_key for item in call.items] == ["promise:B1"]
    assert promise(firm, agreed) is None


def test_a_promise_for_a_time_without_a_window_is_kept_in_the_next_one(firm: Firm) -> None:
    firm.add_item("asset_change")
    call = promise(firm, datetime(2026, 12, 5, 15, tzinfo=CHINA))  # a Saturday, after the first call's deadline
    assert call is not None
    assert call.next_attempt_at == datetime(2026, 12, 7, 9, tzinfo=CHINA)
    assert call.due_at == datetime(2026, 12, 8, tzinfo=CHINA)
    assert call.due_on == call.next_attempt_at.date()


def test_a_promise_for_yesterday_or_for_nothing_is_refused(firm: Firm) -> None:
    with pytest.raises(calls.PromiseRefused):
        promise(firm, NOW + timedelta(hours=1))
    firm.add_item("asset_change")
    with pytest.raises(calls.PromiseRefused):
        promise(firm, NOW - timedelta(hours=1))
