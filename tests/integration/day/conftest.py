"""A small site on loopback: carrier, database, node process, as the demo builds it, with a table of its own."""

from __future__ import annotations

import csv
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from core.clock import SystemClock, china
from dialer.desk.agents import employ
from dialer.importing import import_clients, import_events, import_staff
from dialer.planning.nightly import run_nightly_plan
from dialer.tables import AgentState, Callback, CallbackState
from huifang.context import Context
from huifang.demo.day import DATA, MORNING
from simulator.process import Launch, SimulatorProcess
from tests.approving import approve
from tests.tones import SHIPPED, spoken, studio

COLUMNS = [
    "client_id",
    "name",
    "kind",
    "phones",
    "branch",
    "opened_on",
    "status",
    "developed_by",
    "language",
    "id_last4",
]
PERSON = {
    "name": "测试",
    "kind": "person",
    "branch": "北京",
    "opened_on": "2026-11-12",
    "status": "active",
    "developed_by": "self",
    "language": "zh-CN",
    "id_last4": "1234",
}


@dataclass
class Site:
    """One installation under test."""

    folder: Path
    carrier: SimulatorProcess
    context: Context
    nodes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start_node(self) -> subprocess.Popen[bytes]:
        """Start `huifang node`; it is stopped by its own pid at the end of the test."""
        log = (self.folder / f"node-{len(self.nodes)}.log").open("w")
        command = [sys.executable, "-m", "huifang", "--config", str(self.context.config), "node"]
        self.nodes.append(subprocess.Popen(command, stdout=log, stderr=log))
        log.close()
        return self.nodes[-1]

    def stop_node(self) -> int:
        """Drain the last node and give back its exit code."""
        self.nodes[-1].send_signal(signal.SIGTERM)
        return self.nodes[-1].wait(60)

    def node_log(self) -> str:
        """What the nodes wrote."""
        return "".join(path.read_text() for path in sorted(self.folder.glob("node-*.log")))

    def wait(self, condition: Callable[[], bool], seconds: float) -> None:
        """Until ``condition`` holds, or fail with the node's log."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                pytest.fail(f"not within {seconds} s\n{self.node_log()[-3000:]}")
            time.sleep(0.1)

    def settled(self) -> bool:
        """True when no callback will move within five minutes."""
        horizon = self.context.clock.now() + timedelta(minutes=5)
        with self.context.db.session() as session:
            return not any(
                row.state == CallbackState.CALLING
                or (row.state == CallbackState.PLANNED and row.next_attempt_at <= horizon)
                for row in session.scalars(select(Callback))
            )


@pytest.fixture
def make_site(tmp_path: Path) -> Iterator[Callable[..., Site]]:
    """``make_site({"C1": behaviour}, {"agent-1": behaviour})``: one new-account client for each behaviour, planned."""
    sites: list[Site] = []

    def make(clients: dict[str, object], agents: dict[str, object], **settings: object) -> Site:
        site = _site(tmp_path, clients, agents, settings)
        sites.append(site)
        return site

    yield make
    for site in sites:
        for node in site.nodes:
            if node.poll() is None:
                node.kill()
                node.wait()
        site.context.__exit__(None, None, None)
        site.carrier.stop()


def _site(folder: Path, clients: dict[str, object], agents: dict[str, object], settings: dict[str, object]) -> Site:
    phones = {client: f"139000001{number:02}" for number, client in enumerate(clients, start=1)}
    table = folder / "table.yaml"
    lines = [f'  "{phones[client]}": {_yaml(behaviour)}' for client, behaviour in clients.items()]
    lines += [f"  {name}: {_yaml(behaviour)}" for name, behaviour in agents.items()]
    table.write_text("seed: 3\nring_s: 0.3\nsubscribers:\n" + "\n".join(lines) + "\n", encoding="utf-8")
    carrier = SimulatorProcess(Launch(table, folder / "carrier.jsonl")).start()
    context = Context(_settings(folder, carrier.port, settings))
    _import(folder, context, phones, agents, carrier.port)
    with context.db.write() as session:
        approve(session, SHIPPED, context.clock.now())
    spoken(context.settings.var / "speech", [PERSON["name"]])
    run_nightly_plan(context.db, context.clock, context.night(china(context.clock.now()).date()))
    return Site(folder, carrier, context)


def _yaml(behaviour: object) -> str:
    import json

    return json.dumps(behaviour, ensure_ascii=False)


def _settings(folder: Path, port: int, changed: dict[str, object]) -> Path:
    shift = (MORNING - SystemClock().now()).total_seconds()
    values = {
        "firm": {"pack": str(DATA / "pack.yaml"), "studio": str(studio(folder / "studio"))},
        "storage": {"var": str(folder / "var")},
        "trunk.carrier": {"address": f"127.0.0.1:{port}"},
        "line": {"listen": "127.0.0.1:0", "caller_id": "95551", "calls_per_second": 10.0},
        "node": {"clock_shift_s": shift},
        "desk": {"ring_seconds": 4, "wait_seconds": 6, "wrap_up_seconds": 4},
    }
    for name, value in changed.items():
        section, _, key = name.partition("__")
        values[section][key] = value
    path = folder / "huifang.toml"
    text = [
        f"[{section}]\n" + "".join(f"{k} = {_toml(v)}\n" for k, v in keys.items()) for section, keys in values.items()
    ]
    path.write_text("\n".join(text), encoding="utf-8")
    return path


def _toml(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


def _import(folder: Path, context: Context, phones: dict[str, str], agents: dict[str, object], port: int) -> None:
    with (folder / "clients.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.DictWriter(file, COLUMNS)
        rows.writeheader()
        rows.writerows({**PERSON, "client_id": client, "phones": phone} for client, phone in phones.items())
    events = [f"E-{client},{client},account_opened,2026-11-12T10:00:00+08:00,{{}}" for client in phones]
    (folder / "events.csv").write_text("\n".join(["event_id,client_id,type,occurred_at,data", *events]), "utf-8")
    staff = [f"S-{agent},坐席,总部,callcentre,,zh-CN" for agent in agents]
    (folder / "staff.csv").write_text("\n".join(["staff_id,name,branch,series,left_on,languages", *staff]), "utf-8")
    for take, name in ((import_clients, "clients"), (import_staff, "staff"), (import_events, "events")):
        take(context.db, folder / f"{name}.csv", clock=context.clock)
    with context.db.write() as session:
        for agent in agents:
            uri = f"sip:{agent}@127.0.0.1:{port}"
            employ(session, f"S-{agent}", sip_uri=uri, state=AgentState.FREE, at=context.clock.now())
