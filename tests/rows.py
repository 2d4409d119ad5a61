"""Rows that the tests of several rooms need: one client who is owed one callback."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest
from sqlalchemy.orm import Session

from dialer.tables import Attempt, Callback, Client, PlanRun

MORNING = datetime(2026, 11, 23, 1, 30, tzinfo=UTC)  # 09:30 in China, a Monday


@pytest.fixture
def a_client() -> Callable[..., Client]:
    """``a_client(introducer_id="S1")``: client C1, not yet in any database."""

    def make(**changed: object) -> Client:
        values: dict[str, object] = {
            "client_id": "C1",
            "name": "测试",
            "kind": "person",
            "phones": ["13900000001"],
            "branch": "北京",
            "opened_on": date(2026, 11, 1),
            "status": "active",
            "introducer_id": None,
            "developed_by": "self",
            "tags": [],
            "prefers": {},
            "phone_opt_out": False,
            "language": "zh-CN",
            "changed_at": MORNING,
        }
        return Client(**(values | changed))

    return make


@pytest.fixture
def owe(a_client: Callable[..., Client]) -> Callable[..., Callback]:
    """``owe(session, outcome="passed")``: client C1, plan P1 and callback B1 in the database."""

    def store(session: Session, **changed: object) -> Callback:
        session.add(a_client())
        session.add(PlanRun(plan_id="P1", at=MORNING, for_date=MORNING.date(), pack="GAL", seed="1", counts={}))
        session.flush()
        values: dict[str, object] = {
            "callback_id": "B1",
            "plan_id": "P1",
            "client_id": "C1",
            "pack": "GAL",
            "flow": "new_account",
            "language": "zh-CN",
            "executor": "hq_call_centre",
            "priority": 1,
            "reason": "新开户",
            "due_on": date(2026, 12, 1),
            "due_at": datetime(2026, 12, 1, 16, tzinfo=UTC),  # midnight in China
            "next_attempt_at": MORNING,
            "created_at": MORNING,
        }
        callback = Callback(**(values | changed))
        session.add(callback)
        session.flush()
        return callback

    return store


@pytest.fixture
def an_attempt() -> Callable[..., Attempt]:
    """``an_attempt(disposition="busy")``: attempt A1 of callback B1, not yet in any database."""

    def make(**changed: object) -> Attempt:
        values: dict[str, object] = {
            "attempt_id": "A1",
            "callback_id": "B1",
            "client_id": "C1",
            "node": "n1",
            "phone": "13900000001",
            "gate": {},
            "flow": "new_account",
            "flow_hash": "f",
            "language": "zh-CN",
            "started_at": MORNING,
            "sip_reasons": [],
            "provisionals": [],
        }
        return Attempt(**(values | changed))

    return make
