"""A small finished day in real tables and a real archive, for the tests of the pages (unit and browser).

Loaded by path from both conftest files. 2026-11-23 is a Monday; the clock stands at 18:00 Chinese time.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from pathlib import Path

import numpy as np
from sqlalchemy.orm import Session

from core.clock import CHINA, SimulatedClock
from core.db import Database
from core.settings import Firm, Settings, Storage, Web
from dialer.tables import (
    Answer,
    Attempt,
    Callback,
    Client,
    Duty,
    Escalation,
    Event,
    GateRefusal,
    Handoff,
    Item,
    PlanRun,
    Sample,
    SampleMember,
    Skip,
    Staff,
)
from ivr_flows.loader import load_flow
from recordings.archive import Archive
from recordings.sealing import begin, seal
from recordings.writer import Spool
from transcribe.index import text_index
from transcribe.tables import Segment, Transcript
from web.tables import Role, User
from web.users import add_user

DAY = date(2026, 11, 23)
PASSWORD = "correct-horse-battery"
SECONDS = 24
DUE = DAY + timedelta(days=4)
DUE_AT = datetime.combine(DUE + timedelta(days=1), time(0), CHINA)
PACK = "demo_firm"
PHONES = {
    "C1": "13812345678",
    "C2": "13987654321",
    "C3": "13700001111",
    "C4": "13611112222",
    "C5": "13533334444",
    "C6": "13455556666",
}
NAMES = {"C1": "张伟", "C2": "李娜", "C3": "王芳", "C4": "赵敏", "C5": "陈晨", "C6": "周舟"}
BRANCHES = {"C1": "北京", "C2": "北京", "C5": "北京"}  # the others: 上海
OPENED = {"C3": date(2020, 3, 2), "C2": date(2019, 5, 6), "C6": date(2018, 7, 9)}  # the others: last Friday
LINES = (
    ("firm", 500, 3500, "您好，这里是汇方证券，本次通话将全程录音。"),
    ("client", 4000, 5200, "您好，请讲。"),
    ("firm", 5600, 9000, "您是否全权委托他人买卖证券？"),
    ("client", 9500, 12500, "没有全权委托，我的电话是13812345678。"),
    ("firm", 13000, 16000, "工作人员向您提示过投资风险吗？"),
    ("client", 16500, 18000, "提示过，<b>谢谢</b>。"),
    ("firm", 18500, 23000, "回访完成，感谢您的配合，再见。"),
)


@dataclass(frozen=True, slots=True)
class Day:
    """What was built, and where."""

    settings: Settings
    db: Database
    archive: Archive
    clock: SimulatedClock
    users: dict[str, int]

    @property
    def password(self) -> str:
        """Everybody's password."""
        return PASSWORD


def build(folder: Path) -> dict[str, int]:
    """Build the day in ``folder``; returns the accounts' numbers by login."""
    settings = Settings(storage=Storage(var=str(folder)), firm=Firm(pack=PACK))
    db = Database(settings.database_url)
    clock = SimulatedClock(at(18))
    try:
        db.migrate()
        archive = Archive(settings.archive_url)
        with db.write() as session:
            users = _users(session)
            _people(session)
            _callbacks(session)
            _left_out(session)
            _sample(session)
            _followed(session)
        for recording_id, attempt_id in (("rec-1", "att-1b"), ("rec-2", "att-2"), ("rec-4", "att-4")):
            _record(db, archive, folder / "spool", clock, recording_id, attempt_id)
        with db.write() as session:
            _transcripts(session)
    finally:
        db.close()
    return users


@contextmanager
def a_copy(
    built: Path, folder: Path, users: dict[str, int], *, pack: str = PACK, calendar: str = "", **web: object
) -> Iterator[Day]:
    """The day of ``built`` copied into ``folder`` and opened; ``web`` overrides settings of the pages."""
    shutil.copytree(built, folder, dirs_exist_ok=True)
    firm = Firm(pack=pack, calendar=calendar)
    settings = Settings(storage=Storage(var=str(folder)), firm=firm, web=replace(Web(), **web))
    db = Database(settings.database_url)
    try:
        yield Day(settings, db, Archive(settings.archive_url), SimulatedClock(at(18)), users)
    finally:
        db.close()


def at(hour: int, minute: int = 0, second: int = 0) -> datetime:
    """An instant of the day, Chinese time."""
    return datetime(DAY.year, DAY.month, DAY.day, hour, minute, second, tzinfo=CHINA)


def _users(session: Session) -> dict[str, int]:
    wanted = (
        ("alice", "坐席甲", Role.AGENT, "S1"),
        ("bob", "稽核乙", Role.AUDITOR, None),
        ("charlie", "离职丙", Role.AUDITOR, None),
    )
    users = {
        login: add_user(
            session, login=login, name=name, password=PASSWORD, role=role, staff_id=staff, language=None, at=at(8)
        ).user_id
        for login, name, role, staff in wanted
    }
    session.get_one(User, users["charlie"]).disabled = True
    return users


def _people(session: Session) -> None:
    counts = {"callbacks": 4, "joined": 0, "items": 4, "notices": 1, "skipped": {"opted_out": 1, "no_window": 1}}
    refused = [{"programme": "signed", "open": ["programmes.signed.coverage", "programmes.signed.deadline"]}]
    session.add(
        PlanRun(plan_id="plan-1", at=at(2), for_date=DAY, pack=PACK, seed="", counts=counts, refused=refused, seconds=3)
    )
    for number in ("S1", "S2"):
        name = {"S1": "坐席甲", "S2": "坐席丁"}[number]
        session.add(
            Staff(staff_id=number, name=name, branch="北京", series="callcentre", left_on=None, languages=["zh"])
        )
    for client_id, phone in PHONES.items():
        session.add(
            Client(
                client_id=client_id,
                name=NAMES[client_id],
                kind="person",
                phones=[phone],
                branch=BRANCHES.get(client_id, "上海"),
                opened_on=OPENED.get(client_id, date(2026, 11, 20)),
                status="active",
                introducer_id="S2" if client_id == "C1" else None,
                developed_by="broker",
                tags=[],
                prefers={"windows": ["14:00-17:00"]} if client_id == "C3" else {},
                phone_opt_out=client_id == "C5",
                language="zh-CN",
                id_last4="123X",
                changed_at=at(1),
            )
        )
    session.flush()


def _callbacks(session: Session) -> None:
    _callback(session, "cb-1", "C1", "new_account", state="closed", outcome="passed", closed_at=at(9, 40))
    _callback(session, "cb-2", "C2", "existing_client", state="wrap_up")
    _callback(session, "cb-3", "C3", "existing_client", state="planned")
    _callback(session, "cb-4", "C4", "new_account", state="wrap_up")
    _attempt(
        session,
        "att-1a",
        "cb-1",
        "C1",
        at(9, 31),
        disposition="no_answer",
        sip_status=480,
        sip_phrase="Temporarily Unavailable",
        sip_reasons=['Q.850;cause=19;text="No answer"'],
    )
    _attempt(session, "att-1b", "cb-1", "C1", at(9, 36), answered=True, recording_id="rec-1")
    _attempt(session, "att-2", "cb-2", "C2", at(10, 5), answered=True, recording_id="rec-2")
    _attempt(session, "att-3", "cb-3", "C3", at(10, 20), disposition="busy", sip_status=486, sip_phrase="Busy Here")
    _attempt(session, "att-4", "cb-4", "C4", at(11, 2), answered=True, recording_id="rec-4")
    _handoff(session, "ho-1", "att-1b", "S1", at(9, 38), outcome="passed", outcome_by="key")
    _handoff(session, "ho-2", "att-2", "S1", at(10, 7))
    _handoff(session, "ho-4", "att-4", "S2", at(11, 4))
    _answers(session)
    session.add(
        GateRefusal(
            refusal_id="ref-1",
            callback_id="cb-3",
            at=at(12),
            last_at=at(13),
            times=7,
            reasons=[
                {
                    "code": "outside_window",
                    "text": "不在可拨时段",
                    "text_en": "outside the permitted windows",
                    "rule": "B-02",
                }
            ],
        )
    )


def _callback(
    session: Session,
    callback_id: str,
    client_id: str,
    programme: str,
    *,
    state: str,
    outcome: str | None = None,
    closed_at: datetime | None = None,
) -> None:
    session.add(
        Callback(
            callback_id=callback_id,
            plan_id="plan-1",
            client_id=client_id,
            pack=PACK,
            flow=programme,
            language="zh-CN",
            executor="hq_call_centre",
            priority=1,
            reason="新开户客户回访" if programme == "new_account" else "存量客户回访",
            due_on=DUE,
            due_at=DUE_AT,
            state=state,
            next_attempt_at=at(9, 30),
            outcome=outcome,
            closed_at=closed_at,
            closed_reason="agent" if outcome else None,
            created_at=at(2),
        )
    )
    session.add(
        Item(
            item_id=f"item-{callback_id}",
            callback_id=callback_id,
            pack=PACK,
            programme=programme,
            rule_ids=["A-20", "C-86"] if programme == "new_account" else ["A-39"],
            trigger=f"account_opened:e-{callback_id}" if programme == "new_account" else "year:2026",
            trigger_key=f"{programme}:{callback_id}",
            due_on=DUE,
            due_at=DUE_AT,
            deadline_unit="month" if programme == "new_account" else "year",
            flow=programme,
            state="done" if outcome else "open",
            planned_on=DAY,
            closed_on=DAY if outcome else None,
        )
    )
    session.flush()


def _left_out(session: Session) -> None:
    """C5 wants no calls, C6 cannot be reached in time: both with the reason, the second one raised to somebody."""
    for client_id, code, detail, due_on in (
        ("C5", "opted_out", "", date(2026, 12, 20)),
        ("C6", "no_window", "2026-11-25", date(2026, 11, 25)),
    ):
        event = Event(
            event_id=f"e-{client_id}",
            client_id=client_id,
            type="account_opened",
            occurred_at=at(10) - timedelta(days=3),
            data={},
            imported_at=at(1),
        )
        skip = Skip(
            trigger_key=f"new_account:e-{client_id}",
            client_id=client_id,
            programme="new_account",
            code=code,
            detail=detail,
            due_on=due_on,
            plan_id="plan-1",
        )
        session.add_all([event, skip])
    session.add(
        Escalation(
            trigger_key="new_account:e-C6",
            code="no_window",
            client_id="C6",
            programme="new_account",
            branch="上海",
            due_on=date(2026, 11, 25),
            detail="2026-11-25",
            raised_at=at(2),
        )
    )


def _sample(session: Session) -> None:
    """Existing clients of 2026: 24 in the base, three to be called, two planned, C6 waits for his turn."""
    session.add(
        Sample(
            sample_id="existing_client:2026",
            pack=PACK,
            programme="existing_client",
            period="2026",
            first=date(2026, 1, 1),
            last=date(2026, 12, 31),
            seed="5" * 64,
            drawn_on=date(2026, 1, 1),
            quotas=[{"share": "3/20", "of": "'margin' in tags", "rule": "A-40"}, _quota("1/10", "A-39")],
            base={"北京": {"2": 9, "3": 6}, "上海": {"2": 9}},
            excluded={"exempt": 2},
            base_digest="d" * 64,
            complete=False,
            at_once=False,
        )
    )
    for position, (client_id, key, state, on) in enumerate(
        (
            ("C2", "existing_client:cb-2", "planned", DAY),
            ("C3", "existing_client:cb-3", "planned", DAY),
            ("C6", "existing_client:2026:C6", "waiting", None),
        )
    ):
        session.add(
            SampleMember(
                sample_id="existing_client:2026",
                position=position,
                client_id=client_id,
                trigger_key=key,
                strata=3 if client_id == "C2" else 2,
                state=state,
                on=on,
            )
        )


def _quota(share: str, rule: str) -> dict[str, str | None]:
    return {"share": share, "of": None, "rule": rule}


def _followed(session: Session) -> None:
    """A message instead of a call for C5, and a problem found in the call with C1."""
    for key, client_id, kind, facts in (
        ("refusal:new_account:e-C5", "C5", "message", {"to": ["client"], "channel": "sms", "rule": "D-10"}),
        ("cb-1:problem:0", "C1", "work_order", {"to": ["branch"], "channel": "", "rule": "D-12"}),
    ):
        session.add(
            Duty(
                duty_id=f"duty-{client_id}",
                key=key,
                kind=kind,
                client_id=client_id,
                callback_id="cb-1" if client_id == "C1" else None,
                programme="new_account",
                outcome="",
                contents=[],
                words="及时分析原因，采取措施" if client_id == "C1" else "",
                due_at=DUE_AT,
                created_at=at(10),
                **facts,
            )
        )


def _attempt(
    session: Session,
    attempt_id: str,
    callback_id: str,
    client_id: str,
    started: datetime,
    *,
    answered: bool = False,
    **facts: object,
) -> None:
    rang = {"status": 180, "phrase": "Ringing", "at": (started + timedelta(seconds=2)).isoformat(), "media": False}
    row = Attempt(
        attempt_id=attempt_id,
        callback_id=callback_id,
        client_id=client_id,
        node="n1",
        state="ended",
        phone=PHONES[client_id],
        gate={"allowed": True, "reasons": [], "checked": ["calendar", "window", "caps"]},
        flow="existing_client",
        flow_hash=load_flow("existing_client", "zh-CN").hash,
        language="zh-CN",
        started_at=started,
        answered_at=started + timedelta(seconds=6) if answered else None,
        ended_at=started + timedelta(seconds=30),
        sip_reasons=[],
        provisionals=[rang],
        ended_by="us" if answered else "far_end",
        disposition="answered" if answered else None,
        verdict={"outcome": "passed", "follow_up": None, "reasons": []} if answered else None,
    )
    for name, value in facts.items():
        setattr(row, name, value)
    session.add(row)
    session.flush()


def _handoff(session: Session, handoff_id: str, attempt_id: str, staff_id: str, when: datetime, **facts: str) -> None:
    session.add(
        Handoff(
            handoff_id=handoff_id,
            attempt_id=attempt_id,
            reason="wish:full_discretion",
            staff_id=staff_id,
            requested_at=when,
            joined_at=when + timedelta(seconds=8),
            left_at=when + timedelta(seconds=70),
            result="joined",
            tried=[{"staff_id": "S2", "ending": "486 Busy Here"}],
            **facts,
        )
    )


def _answers(session: Session) -> None:
    for number, (step, value, passed, begins) in enumerate(
        (("full_discretion", "no", True, 5600), ("risk_told", "yes", True, 13000), ("client_service", "5", None, 18500))
    ):
        session.add(
            Answer(
                answer_id=f"ans-{number}",
                attempt_id="att-1b",
                callback_id="cb-1",
                step=step,
                question=step,
                rule="C-86",
                value=value,
                passed=passed,
                answered_by="ivr",
                start_ms=begins,
                end_ms=begins + 5000,
                evidence={"keys": [{"digit": "2", "at_ms": begins + 4000}], "no_input": number, "no_match": 0},
                at=at(9, 37, number),
            )
        )


def _record(
    db: Database, archive: Archive, folder: Path, clock: SimulatedClock, recording_id: str, attempt_id: str
) -> None:
    """Two channels of tones, each sounding where its lines stand."""
    sides = {name: np.zeros(SECONDS * 8000) for name in ("client", "firm")}
    for channel, start, end, _ in LINES:
        samples = np.arange((end - start) * 8)
        swell = 0.25 + 0.2 * np.sin(samples / 900)
        sides[channel][start * 8 : end * 8] = swell * np.sin(samples * (0.25 if channel == "firm" else 0.35))
    pcm = {name: (wave * 32767).astype("<i2").tobytes() for name, wave in sides.items()}
    spool = Spool(folder, clock, min_free_bytes=0)
    with db.write() as session:
        begin(session, recording_id=recording_id, attempt_id=attempt_id, node="n1", at=at(9, 36))
    with spool.open(recording_id) as writer:
        for place in range(0, len(pcm["client"]), 320):
            writer.write(pcm["client"][place : place + 320], pcm["firm"][place : place + 320])
    seal(db, archive, spool, recording_id, actor="node:n1", clock=clock)
    spool.close()


def _transcripts(session: Session) -> None:
    _transcript(session, "tr-1", "rec-1", "att-1b", state="done", engine="vosk", model="small-cn")
    _transcript(session, "tr-2", "rec-2", "att-2", state="pending", note="no model for zh-CN")
    _transcript(session, "tr-4", "rec-4", "att-4", state="failed", note="the worker ran out of memory")
    session.flush()
    segments = [
        Segment(
            transcript_id="tr-1",
            recording_id="rec-1",
            channel=channel,
            start_ms=start,
            end_ms=end,
            text=text,
            confidence=0.9,
            words=[],
        )
        for channel, start, end, text in LINES
    ]
    session.add_all(segments)
    session.flush()
    text_index(session).add(session, [(segment.segment_id, segment.text) for segment in segments])


def _transcript(session: Session, transcript_id: str, recording_id: str, attempt_id: str, **facts: str) -> None:
    session.add(
        Transcript(
            transcript_id=transcript_id,
            recording_id=recording_id,
            attempt_id=attempt_id,
            language="zh-CN",
            created_at=at(12),
            **facts,
        )
    )
