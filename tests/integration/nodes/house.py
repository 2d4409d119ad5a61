"""A site with three nodes on one PostgreSQL, a simulated carrier, and many short calls: to be killed and looked at."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select

from core.clock import CHINA, ShiftedClock, SystemClock
from core.db import Database
from core.ids import new_id
from dialer.tables import (
    LIVING,
    Agent,
    AgentState,
    Attempt,
    Callback,
    Client,
    DialerNode,
    Item,
    PlanRun,
    Staff,
)
from simulator.process import Launch, SimulatorProcess
from tests.approving import approve
from tests.tones import spoken, studio

HERE = Path(__file__).parent
MORNING = datetime(2026, 11, 23, 9, 30, tzinfo=CHINA)
DUE = date(2026, 12, 20)
NAME = "客户"
PACK = """pack: nodes
extends: GAL
title: 节点测试
title_en: Nodes

windows: {rule: firm, days: working_day, every: [09:00-12:00, 13:00-18:00]}
caps:
  - {most: 1000, per: day, count: attempts, rule: firm}
interval: 1s
ring_limit: 6s
retries:
  rule: firm
  total: 1000
  after:
    answered: {delay: 1s, most: 1000}
    busy: {delay: 1s, most: 1000}
    no_answer: {delay: 2s, most: 1000}
    rejected: {delay: 1s, most: 1000}
    invalid_number: never
    suspended: never
    unreachable: {delay: 1s, most: 1000}
    blocked_by_network: never
    trunk_congestion: {delay: 1s}
    our_fault: {delay: 1s}
    cancelled: {delay: 1s}
    interrupted: {delay: 1s, most: 1000}
follow_ups:
  rule: firm
  promised_callback: {delay: 1s, most: 100}
  appointment: {delay: 1s, most: 100}
automatic: yes
"""
SUBSCRIBERS = {
    "1391": "{kind: busy}",
    "1392": "{kind: declines, ring_s: 0.5}",
    "1393": "{kind: hangs_up, hang_up_after_s: 1.5}",
    "1394": "{kind: no_answer}",
    "1395": "{kind: asks_for_agent, after_prompts: 1}",
}
AGENTS = 3
TALKERS, EVERY_S = "1395", 5  # they end with the agent's outcome, so they come one after the other


@dataclass
class House:
    """The site and its nodes."""

    folder: Path
    url: str
    carrier: SimulatorProcess
    zygote: subprocess.Popen[str]
    clock: ShiftedClock
    db: Database
    pids: dict[str, int] = field(default_factory=dict)

    def start(self, name: str) -> None:
        """A node of that name, in a process of its own."""
        self.pids[name] = int(self._ask(f"start {self._config(name)} {self.folder / name}.log"))

    def kill(self, name: str) -> datetime:
        """SIGKILL; the instant at which it was surely dead, by the site's clock."""
        pid = self.pids.pop(name)
        os.kill(pid, signal.SIGKILL)
        code = int(self._ask(f"wait {pid}"))
        assert code == -signal.SIGKILL, f"{name} had ended by itself with {code}\n{self.log(name)}"
        return self.clock.now()

    def drain(self) -> dict[str, int]:
        """SIGTERM to all; their exit codes."""
        for pid in self.pids.values():
            os.kill(pid, signal.SIGTERM)
        return {name: self.ended(name) for name in list(self.pids)}

    def ended(self, name: str) -> int:
        """The exit code of a node that ends by itself."""
        return int(self._ask(f"wait {self.pids.pop(name)}"))

    def log(self, name: str) -> str:
        """The end of what the node wrote."""
        return (self.folder / f"{name}.log").read_text()[-4000:]

    def node(self, name: str) -> DialerNode | None:
        """The node's row."""
        with self.db.session() as session:
            return session.get(DialerNode, name)

    def state(self, name: str) -> str | None:
        """The state in the node's row."""
        row = self.node(name)
        return row.state if row else None

    def living(self, name: str) -> list[str]:
        """Attempts of that node that are not closed."""
        mine = select(Attempt.attempt_id).where(Attempt.node == name, Attempt.state.in_(LIVING))
        with self.db.session() as session:
            return list(session.scalars(mine))

    def wait(self, condition: Callable[[], bool], seconds: float, what: str) -> None:
        """Until ``condition`` holds, or fail with what the nodes wrote."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                logs = "\n".join(f"--- {path.stem}\n{self.log(path.stem)}" for path in self.folder.glob("n*.log"))
                raise AssertionError(f"{what}: not within {seconds} s\n{logs}")
            time.sleep(0.1)

    def _ask(self, command: str) -> str:
        assert self.zygote.stdin is not None
        assert self.zygote.stdout is not None
        self.zygote.stdin.write(command + "\n")
        self.zygote.stdin.flush()
        return self.zygote.stdout.readline()

    def _config(self, name: str) -> Path:
        path = self.folder / f"{name}.toml"
        number = int(name[1:])
        path.write_text(
            f"""[firm]
pack = "{self.folder / "pack.yaml"}"
studio = "{self.folder / "studio"}"
[storage]
var = "{self.folder / "var"}"
database = "{self.url}"
[trunk.carrier]
address = "127.0.0.1:{self.carrier.port}"
channels = 24
calls_per_second = 20.0
options_s = 0
[line]
listen = "127.0.0.1:0"
caller_id = "95551"
channels = 8
calls_per_second = 6.0
rtp_ports = "{30000 + 1000 * number}-{30998 + 1000 * number}"
[pacing]
epsilon = 0.999
reserve_from = 1.0
[desk]
ring_seconds = 3
wait_seconds = 5
wrap_up_seconds = 2
[node]
name = "{name}"
min_free_mb = 1
clock_shift_s = {(self.clock.now() - SystemClock().now()).total_seconds()}
""",
            "utf-8",
        )
        return path


@contextmanager
def a_house(folder: Path, url: str, *, clients: dict[str, int], callbacks_each: int = 2) -> Iterator[House]:
    """``clients``: how many of each kind, by the first four digits of their number (``SUBSCRIBERS``)."""
    (folder / "pack.yaml").write_text(PACK, "utf-8")
    studio(folder / "studio", seconds=0.4, flows=["new_account"])  # a whole call is short
    spoken(folder / "var" / "speech", [NAME], seconds=0.4)
    table = [f'  "{start}*": {kind}' for start, kind in SUBSCRIBERS.items()]
    robot = "{kind: agent, says: agent_hello, wait_s: 0.3, talk_s: 1, outcome: '*2', leaves_after_s: 0.3}"
    table += [f"  agent-{number}: {robot}" for number in range(AGENTS)]
    (folder / "table.yaml").write_text("seed: 3\nring_s: 0.2\nsubscribers:\n" + "\n".join(table) + "\n", "utf-8")
    db = Database(url)
    db.migrate()
    clock = ShiftedClock(MORNING - SystemClock().now())
    command = [sys.executable, str(HERE / "zygote.py")]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(HERE.parents[2])}
    zygote = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
    carrier = SimulatorProcess(Launch(folder / "table.yaml", folder / "carrier.jsonl")).start()
    house = House(folder, url, carrier, zygote, clock, db)
    try:
        _fill(house, clients, callbacks_each)
        yield house
    finally:
        for pid in house.pids.values():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        zygote.kill()
        zygote.communicate()
        carrier.stop()
        db.close()


def _fill(house: House, clients: dict[str, int], callbacks_each: int) -> None:
    now = house.clock.now()
    rows: dict[Any, list[dict[str, Any]]] = {Client: [], Callback: [], Item: []}
    for start, count in clients.items():
        for number in range(count):
            client_id = f"C{start}{number:04}"
            due = now + timedelta(seconds=number * EVERY_S if start == TALKERS else 0)
            rows[Client].append(client_row(client_id, f"{start}{number:07}", now))
            for _ in range(callbacks_each):
                callback_id = new_id(now)
                rows[Callback].append(callback_row(client_id, callback_id, due))
                rows[Item].append(_item(callback_id))
    with house.db.write() as session:
        approve(session, ["new_account"], now)
        session.add(PlanRun(plan_id="P", at=now, for_date=MORNING.date(), pack="nodes", seed="1", counts={}))
        session.flush()
        for table, values in rows.items():
            session.execute(insert(table), values)
        for number in range(AGENTS):
            staff_id = f"S{number}"
            session.add(Staff(staff_id=staff_id, name="坐席", branch="001", series="callcentre", languages=["zh-CN"]))
            session.flush()
            uri = f"sip:agent-{number}@127.0.0.1:{house.carrier.port}"
            session.add(Agent(staff_id=staff_id, sip_uri=uri, state=AgentState.FREE, state_since=now))


def client_row(client_id: str, phone: str, at: datetime) -> dict[str, Any]:
    """A client as a row to insert."""
    return {
        "client_id": client_id,
        "name": NAME,
        "kind": "person",
        "phones": [phone],
        "branch": "001",
        "opened_on": date(2026, 11, 1),
        "status": "active",
        "introducer_id": None,
        "developed_by": "self",
        "tags": [],
        "prefers": {},
        "phone_opt_out": False,
        "language": "zh-CN",
        "id_last4": "1111",
        "changed_at": at,
    }


def callback_row(client_id: str, callback_id: str, at: datetime) -> dict[str, Any]:
    """A callback of that client, due at ``at``."""
    return {
        "callback_id": callback_id,
        "plan_id": "P",
        "client_id": client_id,
        "pack": "nodes",
        "flow": "new_account",
        "language": "zh-CN",
        "executor": "callcentre",
        "priority": 5,
        "reason": "test",
        "due_on": DUE,
        "due_at": datetime(2026, 12, 21, tzinfo=CHINA),
        "state": "planned",
        "next_attempt_at": at,
        "created_at": at,
        "mode": "automatic",
        "provisional": False,
    }


def _item(callback_id: str) -> dict[str, Any]:
    return {
        "item_id": f"I-{callback_id}",
        "callback_id": callback_id,
        "pack": "nodes",
        "programme": "new_account",
        "rule_ids": ["A-20"],
        "trigger": "account_opened",
        "trigger_key": f"new_account:{callback_id}",
        "due_on": DUE,
        "due_at": datetime(2026, 12, 21, tzinfo=CHINA),
        "deadline_unit": "day",
        "flow": "new_account",
        "state": "open",
        "planned_on": MORNING.date(),
        "provisional": False,
        "ground": "",
    }
