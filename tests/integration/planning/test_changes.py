"""What a night changes in a real database: samples, messages, cancellations, escalations, provisional dates."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, select

from core.calendars import ChinaCalendars, FirmCalendars
from core.clock import SimulatedClock
from core.db import Database
from core.notices import load_notices
from dialer.calling import outcomes
from dialer.planning.nightly import Night, run_nightly_plan
from dialer.planning.sampling import MemberState
from dialer.programmes.facts import ItemState
from dialer.programmes.load import load_pack
from dialer.tables import (
    Callback,
    CallbackState,
    Client,
    Duty,
    Escalation,
    Event,
    Item,
    Outcome,
    PlanRun,
    Sample,
    SampleMember,
    Skip,
)
from tests.integration.planning.rows import client, event

pytestmark = pytest.mark.integration

MONDAY = date(2026, 11, 23)
EVENING = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
OFF = "\n".join(
    f"  {key}: {{enabled: no}}"
    for key in load_pack("demo_firm").programmes
    if key not in ("new_account", "existing_client")
)
FIRM = f"""pack: firm
extends: demo_firm
refusal: {{contents: [investment_risk, trading_risk], channels: [sms], sender: hq, rule: D-10}}
programmes:
{OFF}
  new_account:
    cancelled_by: {{events: [account_closed, account_review_failed], rule: D-28}}
    notice: {{contents: [risk_reminder], channels: [sms, email], rule: A-36}}
  liquidation:
    title: 强制平仓后回访
    title_en: After liquidation
    rules: [A-83]
    trigger: {{event: forced_liquidation}}
    scope: all
    coverage: [{{share: 100%, rule: firm}}]
    deadline: {{amount: 5, unit: working_day, rule: firm}}
    executor: hq_call_centre
    channels: [recorded_phone]
    flow: existing_client
    passes: {{when: all, rule: firm}}
"""


@pytest.fixture
def night(tmp_path: Path) -> Night:
    path = tmp_path / "firm.yaml"
    path.write_text(FIRM, encoding="utf-8")
    return Night(load_pack(str(path)), ChinaCalendars(), MONDAY, {}, seed="fixed")


def after(night: Night, days: int) -> Night:
    return replace(night, day=night.day + timedelta(days=days))


def run(db: Database, clock: SimulatedClock, night: Night) -> str:
    """Plans the night at 02:00 of its day; the run's mode."""
    at = datetime.combine(night.day, datetime.min.time(), UTC) - timedelta(hours=6)
    clock.advance((at - clock.now()).total_seconds())
    return run_nightly_plan(db, clock, night).mode


def rows(db: Database, table: type, *columns: str) -> set[tuple[object, ...]]:
    with db.session() as session:
        return {tuple(getattr(row, name) for name in columns) for row in session.scalars(select(table))}


def add(db: Database, *news: object) -> None:
    with db.write() as session:
        session.add_all(news)


def existing(count: int) -> list[Client]:
    return [
        client(
            f"X{n:03}", phones=[f"139{n:08}"], opened_on=date(2024, 5, 1), status="dormant" if n % 10 == 0 else "active"
        )
        for n in range(count)
    ]


@pytest.mark.rule("A-36")
@pytest.mark.rule("B-23")
@pytest.mark.rule("D-10")
def test_messages_beside_and_instead_of_calls_are_owed_once(db: Database, clock: SimulatedClock, night: Night) -> None:
    run(db, clock, night)
    run(db, clock, replace(night, full=True))
    assert rows(db, Duty, "client_id", "kind", "channel", "rule") == {
        ("N1", "message", "sms", "A-36"),
        ("N2", "message", "sms", "D-10"),
    }
    with db.session() as session:
        assert Counter(session.scalars(select(Duty.client_id))) == {"N1": 1, "N2": 1}


@pytest.mark.rule("D-28")
@pytest.mark.rule("J-13")
def test_an_event_that_undoes_the_reason_cancels_what_is_owed(
    db: Database, clock: SimulatedClock, night: Night
) -> None:
    run(db, clock, night)
    add(db, event("E9", "N1", EVENING, type="account_review_failed", imported_at=EVENING))
    assert run(db, clock, after(night, 1)) == "incremental"
    assert rows(db, Item, "trigger_key", "state") == {("new_account:E1", ItemState.CANCELLED)}
    assert rows(db, Callback, "state", "outcome", "closed_reason") == {(CallbackState.CLOSED, None, "cancelled")}


@pytest.mark.rule("A-39")
@pytest.mark.rule("H-15")
def test_a_sample_is_kept_with_its_base_its_order_and_whom_it_excludes(
    db: Database, clock: SimulatedClock, night: Night
) -> None:
    add(db, *existing(200))
    run(db, clock, night)
    with db.session() as session:
        sample = session.scalars(select(Sample)).one()
        members = list(session.scalars(select(SampleMember).order_by(SampleMember.position)))
    assert (sample.sample_id, sample.drawn_on, sample.excluded) == ("existing_client:2026", MONDAY, {"exempt": 20})
    assert sum(n for counts in sample.base.values() for n in counts.values()) == 180
    assert [member.position for member in members] == list(range(len(members)))
    assert {member.state for member in members} == {MemberState.PLANNED, MemberState.WAITING}


def test_a_member_who_was_not_reached_is_replaced_and_the_next_night_reads_only_what_changed(
    db: Database, clock: SimulatedClock, night: Night
) -> None:
    add(db, *existing(200))
    run(db, clock, night)
    with db.write() as session:
        chosen = session.scalars(select(Callback).join(Item).where(Item.programme == "existing_client")).all()
        for callback in chosen:
            outcomes.close(session, callback, Outcome.UNREACHABLE, reason="retries_used_up", at=EVENING, actor="test")
    lost = {callback.client_id for callback in chosen}
    assert lost
    assert run(db, clock, after(night, 1)) == "incremental"
    states = rows(db, SampleMember, "client_id", "state")
    assert {(client_id, MemberState.MISSED) for client_id in lost} <= states
    planned = {client_id for client_id, state in states if state == MemberState.PLANNED}
    assert planned
    assert not planned & lost


def test_incremental_nights_plan_what_full_nights_plan(db: Database, clock: SimulatedClock, night: Night) -> None:
    add(db, *existing(120))
    items: dict[bool, set[tuple[object, ...]]] = {}
    for full in (False, True):
        for day in range(4):
            new = EVENING + timedelta(days=day)
            add(
                db,
                client(f"D{full}{day}", changed_at=new),
                event(f"E{full}{day}", f"D{full}{day}", new, imported_at=new),
            )
            run(db, clock, replace(after(night, day), full=full))
        items[full] = {(key.replace(str(full), ""), due) for key, due in rows(db, Item, "trigger_key", "due_on")}
        with db.write() as session:
            for table in (Item, Callback, SampleMember, Sample, Skip, Duty, Escalation, PlanRun):
                session.execute(delete(table))
            session.execute(delete(Event).where(Event.event_id.startswith(f"E{full}")))
            session.execute(delete(Client).where(Client.client_id.startswith(f"D{full}")))
        clock.advance(-86400 * 4)
    assert items[False] == items[True]


@pytest.mark.rule("B-08")
def test_a_deadline_that_cannot_be_met_is_escalated_until_it_is_planned_after_all(
    db: Database, clock: SimulatedClock, night: Night
) -> None:
    with db.write() as session:
        session.get_one(Client, "N1").prefers = {"windows": ["19:00-20:00"]}
    run(db, clock, night)
    assert rows(db, Escalation, "client_id", "code", "due_on", "branch", "resolved_at") == {
        ("N1", "no_window", date(2026, 12, 16), "上海", None)
    }
    with db.write() as session:
        changed = session.get_one(Client, "N1")
        changed.prefers, changed.changed_at = {}, EVENING
    run(db, clock, after(night, 1))
    assert rows(db, Item, "trigger_key") == {("new_account:E1",)}
    assert all(resolved is not None for (resolved,) in rows(db, Escalation, "resolved_at"))
    assert ("N1",) not in rows(db, Skip, "client_id")


def test_what_is_open_on_its_last_calling_day_is_escalated_until_it_ends(
    db: Database, clock: SimulatedClock, night: Night
) -> None:
    run(db, clock, night)
    assert rows(db, Escalation, "code") == set()
    last = replace(night, day=date(2026, 12, 16))
    run(db, clock, last)
    assert rows(db, Escalation, "trigger_key", "code", "branch", "resolved_at") == {
        ("new_account:E1", "last_day", "上海", None)
    }
    with db.write() as session:
        callback = session.scalars(select(Callback)).one()
        outcomes.close(session, callback, Outcome.PASSED, reason="flow", at=clock.now(), actor="test")
    run(db, clock, after(last, 1))
    assert all(resolved is not None for (resolved,) in rows(db, Escalation, "resolved_at"))


@pytest.mark.rule("B-08")
def test_dates_beyond_the_published_holidays_are_provisional_until_the_notice_comes(
    db: Database, clock: SimulatedClock, night: Night, tmp_path: Path
) -> None:
    late = replace(night, day=date(2026, 12, 30))
    at = datetime(2026, 12, 30, 2, tzinfo=UTC)
    add(db, event("L1", "N1", at - timedelta(days=1), type="forced_liquidation", imported_at=at - timedelta(days=1)))
    run(db, clock, late)
    assert ("liquidation:L1", date(2027, 1, 5), True) in rows(db, Item, "trigger_key", "due_on", "provisional")
    notice = tmp_path / "2027.yaml"
    notice.write_text(
        'title: 2027\nyear: 2027\nsource: 国务院办公厅\nholidays: ["2027-01-01..2027-01-05"]\nmakeup: ["2027-01-09"]\n',
        encoding="utf-8",
    )
    known = replace(late, calendars=FirmCalendars(load_notices(notice)))
    assert run(db, clock, known) == "full"
    assert ("liquidation:L1", date(2027, 1, 8), False) in rows(db, Item, "trigger_key", "due_on", "provisional")
    assert rows(db, Callback, "provisional") == {(False,)}
