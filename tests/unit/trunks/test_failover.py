"""What a fault of the trunk costs a call-back: no attempt, and no delay while another trunk may take the call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from core.calendars import ChinaCalendars
from core.clock import CHINA
from core.db import Database
from dialer.calling import ledger
from dialer.calling.dispositions import Disposition, Judged
from dialer.calling.session import SessionResult
from dialer.calling.settling import Settling, settle
from dialer.gate import NO_LINE, judge
from dialer.gate_facts import NodeFacts
from dialer.programmes.load import load_pack
from dialer.tables import Attempt, Callback
from tests.unit.gate.firm import ALLOWED

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=CHINA)
PACK = load_pack("demo_firm")
BY = Settling(PACK.runnable(), ChinaCalendars(), NOW, PACK)


@pytest.fixture
def after(tmp_path: Path, owe: Callable[..., Callback]) -> Callable[..., Callback]:
    """``after(by)``: the callback once an attempt over trunk "a" has ended as congestion."""

    def make(by: Settling) -> Callback:
        db = Database(f"sqlite:///{tmp_path / 'books.db'}")
        db.migrate()
        with db.write() as session:
            callback, judged = owe(session), Judged(Disposition.TRUNK_CONGESTION, "test")
            lease = ledger.lease(
                session,
                callback,
                node="n1",
                phone="13900000001",
                gate={},
                flow_hash="f",
                ring_limit_s=30,
                trunk="a",
                at=by.now,
            )
            assert lease is not None
            assert session.get_one(Attempt, lease.attempt_id).trunk == "a"
            attempt = ledger.ended(session, lease.attempt_id, None, SessionResult(), judged, at=by.now)
            settle(session, attempt, SessionResult(), judged, by)
            assert not attempt.counts
        db.close()
        return callback

    return make


def test_the_call_is_due_again_at_once_over_another_trunk(after: Callable[..., Callback]) -> None:
    callback = after(replace(BY, other_trunk=True))
    assert callback.next_attempt_at == NOW
    assert callback.next_why is not None
    assert callback.next_why["code"] == "other_trunk"


def test_without_another_trunk_the_ladder_waits(after: Callable[..., Callback]) -> None:
    callback = after(BY)
    assert callback.next_attempt_at == NOW + timedelta(minutes=5)


@pytest.mark.rule("B-01")
def test_no_trunk_is_a_reason_to_call_outside_the_windows(after: Callable[..., Callback]) -> None:
    evening = NOW.replace(hour=23)
    callback = after(replace(BY, other_trunk=True, now=evening))
    assert callback.next_attempt_at > evening + timedelta(hours=6)


def test_the_gate_says_why_there_is_no_line() -> None:
    node = NodeFacts(recorder_ready=True, line_ready=False, draining=False, line_fault=("甲 维护停用", "a is drained"))
    reasons = judge(replace(ALLOWED, node=node)).reasons
    assert [(one.code, one.text, one.text_en) for one in reasons] == [(NO_LINE.code, "甲 维护停用", "a is drained")]
