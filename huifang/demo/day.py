"""The order of the demo day: carrier, import, plan, dial, transcribe, summary, pages.

Node, carrier and pages are processes of their own, as on a real site. The clock of all of them is moved to a working
morning; it runs at real speed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib import resources
from pathlib import Path

from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from sqlalchemy import select

from core.clock import CHINA, SystemClock, china
from core.errors import HuifangError
from core.yaml import load_strict
from dialer.desk.agents import employ
from dialer.importing import import_clients, import_events, import_staff
from dialer.planning.nightly import run_nightly_plan
from dialer.tables import AgentState, Callback, CallbackState
from huifang.context import Context
from huifang.demo.checks import Expectation, differences
from huifang.demo.figures import Figures, figures
from huifang.output import console, print_json, print_table
from huifang.speaking import speak_tomorrow
from huifang.transcription import transcription
from ivr_flows import register
from transcribe.choosing import choose
from transcribe.models import fetch
from transcribe.recognisers.base import NoModel
from web.access import Permission
from web.flows.drafts import firm_flows
from web.flows.people import hand_of
from web.tables import Role
from web.users import add_user

DATA = Path(str(resources.files("huifang.demo") / "data"))
MORNING = datetime(2026, 11, 23, 9, 30, tzinfo=CHINA)  # a Monday, a working day
HORIZON = timedelta(minutes=5)  # a retry further off than this is not part of the demo
DAY_LIMIT_S = 900.0
AGENTS = {"S001": "agent-1", "S002": "agent-2", "S006": "agent-3", "S007": "agent-4"}
LOGINS = {
    "agent": (Role.AGENT, "S001", "李娜"),
    "auditor": (Role.AUDITOR, None, "审计员"),
    "author": (Role.AUTHOR, None, "话术员"),
}
SEED = "2026"  # of the samples: the day's expectations name whom it draws
MARKER = "demo-day"


class DemoFailed(HuifangError):
    """Read the message: the demo's day could not be brought to its end."""


@dataclass(slots=True)
class Day:
    """What one demo run knows."""

    folder: Path
    passwords: dict[str, str] = field(default_factory=dict)
    timing_s: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def run(folder: Path, *, as_json: bool = False) -> int:
    """The demo; 0 when every expectation held. Leaves the pages up until Ctrl-C unless HUIFANG_DEMO_EXIT=1."""
    from simulator.process import Launch, SimulatorProcess  # noqa: PLC0415 - an extra that a site does not install

    day = Day(_fresh(folder))
    with SimulatorProcess(Launch(DATA / "carrier.yaml", day.folder / "carrier.jsonl")) as carrier:
        context = Context(_settings_file(day, carrier.port))
        with context:
            _prepare(day, context, carrier.port)
            _dial(day, context)
            invites, calls = carrier.log_lines("invite"), carrier.log_lines("call")
            _transcribe(day, context)
            with context.db.session() as session:
                summary = figures(session, day.timing_s)
                wrong = list(differences(session, calls, invites, _expectations()))
            _show(day, summary, wrong, as_json=as_json)
            if os.environ.get("HUIFANG_DEMO_EXIT") != "1":
                _leave_pages_up(day, context)
    return 1 if wrong else 0


def _fresh(folder: Path) -> Path:
    """An empty folder; only a folder that an earlier demo made is emptied."""
    if folder.exists() and not (folder / MARKER).exists() and any(folder.iterdir()):
        raise DemoFailed(f"{folder} holds other things; name another folder with --folder")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / MARKER).touch()
    return folder.absolute()


def _settings_file(day: Day, trunk_port: int) -> Path:
    shift = (MORNING - SystemClock().now()).total_seconds()
    path = day.folder / "huifang.toml"
    path.write_text(
        f"""# Written by `huifang demo`.
[firm]
pack = "{DATA / "pack.yaml"}"

[storage]
var = "{day.folder}"

[trunk.carrier]
address = "127.0.0.1:{trunk_port}"

[line]
listen = "127.0.0.1:0"
caller_id = "95551"
channels = 10
calls_per_second = 4.0

# Four agents and no history: a site keeps the cautious defaults, the demo's day has to fit into five minutes.
[pacing]
epsilon = 0.1
reserve_from = 0.9

[node]
name = "demo"
clock_shift_s = {shift}

[desk]
ring_seconds = 6
wait_seconds = 12
wrap_up_seconds = 10
""",
        encoding="utf-8",
    )
    return path


def _prepare(day: Day, context: Context, trunk_port: int) -> None:
    """Import, agents, accounts, the model, the plan."""
    with _timed(day, "prepare"):
        for import_, name in ((import_clients, "clients"), (import_staff, "staff"), (import_events, "events")):
            import_(context.db, DATA / f"{name}.csv", clock=context.clock)
        with context.db.write() as session:
            for staff_id, phone in AGENTS.items():
                uri = f"sip:{phone}@127.0.0.1:{trunk_port}"
                employ(session, staff_id, sip_uri=uri, state=AgentState.FREE, at=context.clock.now())
            for login, (role, staff_id_, name) in LOGINS.items():
                made = add_user(
                    session,
                    login=login,
                    name=name,
                    password=None,
                    role=role,
                    staff_id=staff_id_,
                    language=None,
                    at=context.clock.now(),
                )
                day.passwords[login] = made.password or ""
        _approve_scripts(context)
        _bring_model(day, context)
        today = china(context.clock.now()).date()
        run_nightly_plan(context.db, context.clock, context.night(today, seed=SEED))
        import_clients(context.db, DATA / "clients_this_morning.csv", clock=context.clock)  # what the plan did not know
        speak_tomorrow(context)


def _approve_scripts(context: Context) -> None:
    """One person hands in the scripts of the day's pack, another approves them, as on every site."""
    at = context.clock.now()
    with context.db.write() as session:
        author = hand_of(session, "author", Permission.FLOW_SUBMIT)
        auditor = hand_of(session, "auditor", Permission.FLOW_APPROVE)
        for name in sorted({one.flow for one in context.pack.programmes.values() if one.flow}):
            waiting = register.submit(session, firm_flows(context.settings.firm, name), by=author, at=at)
            register.approve(session, waiting, by=auditor, at=at)


def _bring_model(day: Day, context: Context) -> None:
    if isinstance(choose(context.settings, "zh-CN"), NoModel):
        try:
            fetch("whisper-base", context.settings.models_dir)
        except HuifangError as error:
            day.notes.append(f"no recogniser: {error}")


def _dial(day: Day, context: Context) -> None:
    """Run node and transcription, as `huifang up` does, until no call is left to be made in this demo."""
    with _child(day, context, "transcribe"), _child(day, context, "node") as node, _timed(day, "calls"):
        _wait_for_the_day(context, node, day)


@contextmanager
def _child(day: Day, context: Context, command: str) -> Iterator[subprocess.Popen[bytes]]:
    """One of our own commands in a process of its own; told to end at the end of the block, and waited for."""
    path = day.folder / f"{command}.log"
    with path.open("w") as log:
        arguments = [sys.executable, "-m", "huifang", "--config", str(context.config), command]
        child = subprocess.Popen(arguments, stderr=log, stdout=log)  # noqa: S603 - our own command
        try:
            yield child
        finally:
            child.terminate()
            child.wait(120)
    if child.returncode:
        raise DemoFailed(f"{command} ended with {child.returncode}; read {path}")


def _wait_for_the_day(context: Context, node: subprocess.Popen[bytes], day: Day) -> None:
    clock = SystemClock()
    deadline = clock.monotonic() + DAY_LIMIT_S
    with _progress() as bar:
        task = bar.add_task("calls", total=None)
        while clock.monotonic() < deadline:
            left, total = _left(context)
            bar.update(task, completed=total - left, total=total)
            if left == 0:
                return
            try:
                node.wait(0.5)
            except subprocess.TimeoutExpired:
                continue
            raise DemoFailed(f"the node ended early with {node.returncode}; read {day.folder / 'node.log'}")
    raise DemoFailed(f"the day was not over after {DAY_LIMIT_S:.0f} s; read {day.folder / 'node.log'}")


def _left(context: Context) -> tuple[int, int]:
    """Callbacks that will still move within this demo, and all of them."""
    horizon = context.clock.now() + HORIZON
    with context.db.session() as session:
        callbacks = session.scalars(select(Callback)).all()
    moving = [
        callback
        for callback in callbacks
        if callback.state == CallbackState.CALLING
        or (callback.state == CallbackState.PLANNED and callback.next_attempt_at <= horizon)
    ]
    return len(moving), len(callbacks)


def _transcribe(day: Day, context: Context) -> None:
    with _timed(day, "transcription"), _progress() as bar:
        task = bar.add_task("transcripts", total=None)
        transcription(context).run_pending(
            lambda report: bar.update(task, completed=report.done, total=report.done + report.pending)
        )


def _expectations() -> dict[str, Expectation]:
    document = load_strict(DATA / "expected.yaml").data
    if not isinstance(document, dict):
        raise DemoFailed("expected.yaml must map clients to what is expected of them")
    return {client_id: _expectation(str(text)) for client_id, text in document.items()}


def _expectation(text: str) -> Expectation:
    """``busy busy / unreachable``, ``answered / passed with agent``, ``answered / open``."""
    dispositions, _, rest = (part.strip() for part in text.partition("/"))
    outcome, _, agent = rest.partition(" with ")
    return Expectation(tuple(dispositions.split()), None if outcome == "open" else outcome, agent == "agent")


def _show(day: Day, summary: Figures, wrong: list[str], *, as_json: bool) -> None:
    if as_json:
        print_json({"summary": summary, "differences": wrong, "notes": day.notes})
        return
    print_table("the day", ["what", "figure"], _rows(summary))
    for note in (*day.notes, *(f"{count} transcripts: {why}" for why, count in summary.waiting.items())):
        console().print(note)
    if wrong:
        console().print(f"{len(wrong)} differences from what the carrier did:")
    for line in wrong:
        console().print(f"  {line}")
    if not wrong:
        console().print("Every figure agrees with the carrier's own log.")


def _rows(summary: Figures) -> Iterator[tuple[str, str]]:
    yield "callbacks planned", str(summary.planned)
    yield "left out by the planner", _words(summary.skipped)
    yield "attempts", str(summary.attempted)
    yield "dispositions", _words(summary.dispositions)
    yield "outcomes", _words(summary.outcomes)
    yield "still open", _words(summary.open_callbacks)
    yield "handoffs", _words(summary.handoffs)
    yield "gate refusals", _words(summary.gate_refusals)
    yield "recorded", f"{summary.recorded_s:.0f} s in {summary.recordings} recordings"
    yield "transcribed", f"{summary.transcribed_s:.0f} s, {summary.segments} segments ({_words(summary.transcripts)})"
    yield "time taken", ", ".join(f"{name} {seconds} s" for name, seconds in summary.timing_s.items())


def _words(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items()) or "none"


def _leave_pages_up(day: Day, context: Context) -> None:
    host, port = context.settings.web.host, context.settings.web.port
    console().print(f"The pages are at http://{host}:{port} until Ctrl-C. Sign in:")
    for login, password in day.passwords.items():
        console().print(f"  {login}  {password}")
    with contextlib.suppress(KeyboardInterrupt), _child(day, context, "web") as web:
        web.wait()


@contextmanager
def _timed(day: Day, name: str) -> Iterator[None]:
    clock = SystemClock()
    started = clock.monotonic()
    yield
    day.timing_s[name] = clock.monotonic() - started


def _progress() -> Progress:
    columns = (SpinnerColumn(), TextColumn("{task.description} {task.completed}/{task.total}"), TimeElapsedColumn())
    return Progress(*columns, console=console(), transient=True)
