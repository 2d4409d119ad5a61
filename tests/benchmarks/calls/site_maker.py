"""A site for the call benchmarks: settings, database, and as many callbacks as asked, each due at its instant."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from core.clock import CHINA, ShiftedClock, SystemClock
from core.db import Database
from core.ids import new_id
from dialer.tables import Callback, Client, Item, PlanRun
from ivr_flows import register
from ivr_flows.loader import load_flow
from ivr_flows.register import Hand
from ivr_flows.speech import Speaker

MORNING = datetime(2026, 11, 23, 9, 30, tzinfo=CHINA)
DUE = date(2026, 12, 20)
FLOW = "new_account"
NAME_HEARD = b"\x00\x08\x00\xf8" * 4000  # a second of sound
PACK = """pack: bench
extends: GAL
title: 压力测试
title_en: Benchmark

windows:
  rule: firm
  days: working_day
  every: [09:00-12:00, 13:00-18:00]
caps:
  - {most: 100, per: day, count: attempts, rule: firm}
interval: 1h
ring_limit: 30s
retries:
  rule: firm
  total: 2
  after:
    answered: {delay: 2h, most: 3, other_day_part: yes}
    busy: {delay: 2h, most: 2}
    no_answer: {delay: 3h, most: 2, other_day_part: yes}
    rejected: {delay: 1d, most: 2}
    invalid_number: never
    suspended: {delay: 1d, most: 2}
    unreachable: {delay: 4h, most: 2, other_day_part: yes}
    blocked_by_network: never
    trunk_congestion: {delay: 1h}
    our_fault: {delay: 1h}
    cancelled: {delay: 1h}
    interrupted: {delay: 1h, most: 2}
follow_ups:
  rule: firm
  promised_callback: {delay: 2h, most: 3}
  appointment: {delay: 2h, most: 3}
automatic: yes
"""


@dataclass(frozen=True, slots=True)
class Site:
    """Where it lies and what its clock is moved by."""

    folder: Path
    database: str
    shift: timedelta

    @property
    def clock(self) -> ShiftedClock:
        """The clock of every process of the site."""
        return ShiftedClock(self.shift)

    def config(self, node: str, *, port: int, channels: int) -> Path:
        """The settings file of one node."""
        path = self.folder / f"{node}.toml"
        path.write_text(
            f"""[firm]
pack = "{self.folder / "pack.yaml"}"
[storage]
var = "{self.folder}"
database = "{self.database}"
[trunk.carrier]
address = "127.0.0.1:{port}"
channels = 2000
calls_per_second = 1000.0
options_s = 0
[line]
listen = "127.0.0.1:0"
caller_id = "95551"
channels = {channels}
calls_per_second = 1000.0
[node]
name = "{node}"
clock_shift_s = {self.shift.total_seconds()}
""",
            "utf-8",
        )
        return path

    @contextmanager
    def node(self, name: str, *, port: int, channels: int) -> Iterator[subprocess.Popen[bytes]]:
        """A node process as a site runs it, once it is ready to dial; drained at the end of the block."""
        config = self.config(name, port=port, channels=channels)
        with (self.folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "huifang", "--config", str(config), "node"], stdout=log, stderr=log
            )
            try:
                self._wait_for(name)
                yield process
                process.terminate()
                process.wait(120)
            finally:
                process.kill()
                process.wait()

    def _wait_for(self, name: str) -> None:
        """Until the node has recovered, which it tells before its first look for work."""
        for _ in range(600):
            if "recovered" in self.log(name):
                return
            time.sleep(0.1)
        raise SystemExit(f"node {name} did not start:\n{self.log(name)[-2000:]}")

    def log(self, name: str) -> str:
        """What the node wrote."""
        return (self.folder / f"{name}.log").read_text("utf-8")


def make(folder: Path, database: str = "") -> Site:
    """An empty, migrated site whose clock stands at a working morning."""
    (folder / "pack.yaml").write_text(PACK, "utf-8")
    site = Site(folder, database or f"sqlite:///{folder / 'huifang.db'}", MORNING - SystemClock().now())
    db = Database(site.database)
    db.migrate()
    with db.write() as session:
        flows = [load_flow(FLOW, language) for language in ("zh-CN", "en")]
        waiting = register.submit(session, flows, by=Hand("author", "author"), at=site.clock.now())
        register.approve(session, waiting, by=Hand("auditor", "auditor"), at=site.clock.now())
        session.add(
            PlanRun(plan_id="P", at=site.clock.now(), for_date=MORNING.date(), pack="bench", seed="1", counts={})
        )
    db.close()
    return site


def fill(site: Site, count: int, *, first: timedelta, gap_s: float, prefix: str) -> None:
    """``count`` clients with one callback each, due ``gap_s`` apart, the first one ``first`` from now.

    Every client has a name of his own, and it was spoken before.
    """
    speaker = Speaker(site.folder / "speech", lambda *_: NAME_HEARD)  # as the nightly job has spoken the names
    rows: dict[Any, list[dict[str, Any]]] = {Client: [], Callback: [], Item: []}
    for number in range(count):
        speaker.say(_name(number), "zh-CN")
    begin = site.clock.now() + first
    for number in range(count):
        at = begin + timedelta(seconds=gap_s * number)
        ids = f"{prefix}{number:06}", new_id(at)
        rows[Client].append(_client(*ids, number, at))
        rows[Callback].append(_callback(*ids, at))
        rows[Item].append(_item(*ids))
    db = Database(site.database)
    with db.write() as session:
        for table, values in rows.items():
            session.execute(insert(table), values)
    db.close()


def _name(number: int) -> str:
    return "客户" + "".join("零一二三四五六七八九"[int(figure)] for figure in str(number))


def _client(client_id: str, _: str, number: int, at: datetime) -> dict[str, Any]:
    return {
        "client_id": client_id,
        "name": _name(number),
        "kind": "person",
        "phones": [f"138{number:08}"],
        "branch": "001",
        "opened_on": date(2026, 11, 1),
        "status": "active",
        "introducer_id": None,
        "developed_by": "self",
        "asset_total": 0.0,
        "asset_avg_daily": 0.0,
        "volume_month_avg": 0.0,
        "commission_year": 0.0,
        "pnl_rate_6m": 0.0,
        "turnover": 0.0,
        "last_trade_on": None,
        "tags": [],
        "prefers": {},
        "phone_opt_out": False,
        "language": "zh-CN",
        "id_last4": "1111",
        "changed_at": at,
    }


def _callback(client_id: str, callback_id: str, at: datetime) -> dict[str, Any]:
    return {
        "callback_id": callback_id,
        "plan_id": "P",
        "client_id": client_id,
        "pack": "bench",
        "flow": FLOW,
        "language": "zh-CN",
        "executor": "callcentre",
        "priority": 5,
        "reason": "bench",
        "due_on": DUE,
        "due_at": datetime(2026, 12, 21, tzinfo=CHINA),
        "state": "planned",
        "next_attempt_at": at,
        "created_at": at,
        "mode": "automatic",
        "provisional": False,
    }


def _item(client_id: str, callback_id: str) -> dict[str, Any]:
    return {
        "item_id": f"I-{callback_id}",
        "callback_id": callback_id,
        "pack": "bench",
        "programme": "new_account",
        "rule_ids": ["A-20"],
        "trigger": "account_opened",
        "trigger_key": f"new_account:{client_id}",
        "due_on": DUE,
        "due_at": datetime(2026, 12, 21, tzinfo=CHINA),
        "deadline_unit": "day",
        "flow": FLOW,
        "state": "open",
        "planned_on": MORNING.date(),
        "provisional": False,
        "ground": "",
    }


def last_json(text: str) -> dict[str, Any]:
    """The last line of a program's output, which is one JSON object."""
    found: dict[str, Any] = json.loads(text.strip().splitlines()[-1])
    return found
