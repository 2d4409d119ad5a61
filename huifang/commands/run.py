"""Commands that run until they are stopped: node, web, transcribe, up, sim, demo."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import click
from sqlalchemy.exc import DBAPIError

from core.clock import china
from core.errors import SettingsError
from core.settings import Trunk as TrunkSettings
from dialer.calling.scripts import Scripts
from dialer.calling.versions import Registered
from dialer.calling.watching import answer_rules
from dialer.following import webhooks
from dialer.lines.baresip_line import BaresipLine
from dialer.lines.base import Line, Trunk
from dialer.lines.pyvoip_line import PyvoipLine
from dialer.nightly import NightJobs
from dialer.node import Node
from dialer.planning.nightly import run_nightly_plan
from dialer.programmes.model import Pack
from dialer.rooms import Rooms
from huifang import demo as demo_day
from huifang.context import Context
from huifang.output import console, print_json
from huifang.speaking import speak_tomorrow
from huifang.transcription import hear_early, judge_who_answered, transcription
from ivr_flows.prompts import Catalogue
from ivr_flows.speech import Speaker
from transcribe.queue import retry_failed
from transcribe.run import RunReport
from web.serve import serve

logger = logging.getLogger(__name__)
HEAR_EVERY_S = 20.0
SWITCH_S = 0.02
"""How long the tick keeps the interpreter against the threads of the books, which let go of it at every statement. With
Python's own 5 ms each of them took a turn in the middle of a tick (make bench-calls)."""
ENGINES: dict[str, Callable[..., Line]] = {"baresip": BaresipLine, "pyvoip": PyvoipLine}

pass_context = click.make_pass_decorator(Context)


@click.command()
@pass_context
def node(context: Context) -> None:
    """Dial: one dialer process of any number. SIGTERM drains it: live calls end by themselves."""
    told = deliver_webhooks if context.settings.webhook.url else None
    plan_at = context.settings.node.plan_at
    jobs = NightJobs(context.db, context.clock, plan_at, plan_tonight, _config(context), webhooks=told)
    try:
        asyncio.run(_node(context, jobs))
    finally:
        jobs.stop()


async def _node(context: Context, jobs: NightJobs) -> None:
    dialer = Node(_rooms(context), jobs)
    sys.setswitchinterval(SWITCH_S)
    gc.collect()
    gc.freeze()  # half a million objects of modules: looking through them in mid-call cost ticks 0.2 s
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, dialer.drain)
    await dialer.run()


def _ready_pack(context: Context) -> Pack:
    """The firm's pack, once everything is set that a node needs; the error names what is not."""
    line = context.settings.line
    if not context.settings.trunks:
        raise SettingsError("there is no trunk: write [trunk.main] with its address into huifang.toml (docs/lines.md)")
    if not line.caller_id:
        raise SettingsError("line.caller_id is not set: give the firm's one standard number in huifang.toml (B-25)")
    if line.engine not in ENGINES:
        raise SettingsError(f"line.engine = {line.engine!r}: give {' or '.join(ENGINES)} (docs/lines.md)")
    context.pack.runnable()
    return context.pack


def _rooms(context: Context) -> Rooms:
    settings, pack = context.settings, _ready_pack(context)
    site = Path(settings.firm.studio) if settings.firm.studio else None
    catalogue = Catalogue(site=site, speaker=Speaker(settings.var / "speech"))
    line = ENGINES[settings.line.engine](
        context.clock,
        listen=settings.line.listen,
        caller_id=settings.line.caller_id,
        trunks=[_trunk(name, trunk, settings.firm.name_en) for name, trunk in settings.trunks.items()],
        rtp_ports=_port_range(settings.line.rtp_ports),
        media_timeout_s=settings.line.media_timeout_s,
        ca_file=settings.line.ca_file,
        peers=[peer.strip() for peer in settings.line.peers.split(",") if peer.strip()],
    )
    return Rooms(
        settings=settings,
        clock=context.clock,
        calendars=context.calendars,
        db=context.db,
        archive=context.archive,
        line=line,
        pack=pack,
        scripts=Scripts(catalogue, Registered(context.db)),
    )


def _trunk(name: str, given: TrunkSettings, display_name: str) -> Trunk:
    return Trunk(
        name,
        given.address,
        transport=given.transport,
        domain=given.domain,
        user=given.user,
        password=given.password,
        register_s=given.register_s,
        options_s=given.options_s,
        srtp=given.srtp,
        display_name=display_name,
    )


def _port_range(text: str) -> tuple[int, int]:
    low, _, high = text.partition("-")
    if not (low.strip().isdecimal() and high.strip().isdecimal()):
        raise SettingsError(f"line.rtp_ports = {text!r} is no range of ports: write it like 16384-32766")
    return int(low), int(high)


def plan_tonight(config: str | None) -> None:
    """The nightly job; stored by its import path, so it opens everything itself."""
    with Context(Path(config) if config else None) as context:
        today = china(context.clock.now()).date()
        summary = run_nightly_plan(context.db, context.clock, context.night(today))
        logger.info("planned %s: %s", today, summary)
        speak_tomorrow(context)


def deliver_webhooks(config: str | None) -> None:
    """The job that tells other systems what closed; stored by its import path like the nightly one."""
    with Context(Path(config) if config else None) as context:
        where = context.settings.webhook
        done = webhooks.deliver(context.db, where.url, where.secret, context.clock)
        if done.failed:
            logger.warning("webhooks: %d sent, %d to be tried again", done.sent, done.failed)


def _config(context: Context) -> str | None:
    return str(context.config.absolute()) if context.config else None


@click.command()
@pass_context
def web(context: Context) -> None:
    """Serve the pages and the API."""
    context.db.require_current()
    serve(context.settings, context.clock)


@click.command()
@click.option("--once", is_flag=True, help="Transcribe what waits, then end.")
@click.option("--retry", is_flag=True, help="Try the failed ones again.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON (with --once).")
@pass_context
def transcribe(context: Context, once: bool, retry: bool, as_json: bool) -> None:
    """Turn recordings into text, silence left out, in worker processes."""
    if retry:
        with context.db.write() as session:
            retry_failed(session)
    answer_rules(context.settings)  # a wrong word is told at once, not by a thread
    run = transcription(context)
    if once:
        report = run.run_pending(progress=None if as_json else _show_progress)
        hear_early(context)
        judge_who_answered(context)
        _show_report(report, as_json)
        return
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    threading.Thread(target=partial(_hear_until, context, stop), daemon=True).start()
    run.run_forever(stop)


def _hear_until(context: Context, stop: threading.Event) -> None:
    """What the network said before the answer, and who answered, as soon as it is transcribed."""
    while not stop.wait(HEAR_EVERY_S):
        try:
            hear_early(context)
            judge_who_answered(context)
        except DBAPIError as error:  # out of reach for a while: what waits is found the next time
            logger.error("what was heard could not be judged: %s", type(error).__name__)  # noqa: TRY400


def _show_progress(report: RunReport) -> None:
    console().print(f"{report.done} done, {report.pending} waiting, {report.failed} failed, {report.elapsed_s:.0f} s")


def _show_report(report: RunReport, as_json: bool) -> None:
    if as_json:
        print_json(report)
        return
    _show_progress(report)
    for reason, count in report.reasons.items():
        console().print(f"{count} x {reason}")


@click.command()
@pass_context
def up(context: Context) -> None:
    """Node, web and transcription on this machine; Ctrl-C stops all three."""
    _ready_pack(context)  # one clear line now, not three processes that end each other
    context.db.require_current()
    prefix = [sys.executable, "-m", "huifang", *(["--config", str(context.config)] if context.config else [])]
    children = [subprocess.Popen([*prefix, name]) for name in ("node", "web", "transcribe")]  # noqa: S603
    told = threading.Event()

    def stop(*_: object) -> None:
        told.set()
        _stop(children)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    _wait_for_one(children)
    _stop(children)
    codes = {child.wait() for child in children}
    # a part that was told to end before it was ready to be told ends by the signal itself
    sys.exit(0 if told.is_set() and codes <= {0, -signal.SIGTERM} else 1)


def _wait_for_one(children: list[subprocess.Popen[bytes]]) -> None:
    """Block until one child ends: the others make no sense without it."""
    ended = threading.Event()
    for child in children:
        threading.Thread(target=partial(_watch, child, ended), daemon=True).start()
    ended.wait()


def _watch(child: subprocess.Popen[bytes], ended: threading.Event) -> None:
    child.wait()
    ended.set()


def _stop(children: list[subprocess.Popen[bytes]]) -> None:
    for child in children:
        if child.poll() is None:
            child.terminate()


@click.command()
@click.option("--config", "table", type=click.Path(exists=True, path_type=Path), required=True, help="The table.")
@click.option("--port", type=int, default=5070, show_default=True)
@click.option("--log", type=click.Path(path_type=Path), default=Path("carrier.jsonl"), show_default=True)
@click.option("--seed", type=int, default=None, help="Overrides the table's seed.")
def sim(table: Path, port: int, log: Path, seed: int | None) -> None:
    """The simulated carrier alone: real SIP and RTP on loopback."""
    from simulator.process import Launch  # noqa: PLC0415 - an extra that a site does not install

    command = Launch(table, log, port=port, seed=seed).command()
    sys.exit(subprocess.call(command))  # noqa: S603 - our own module


@click.command()
@click.option("--folder", type=click.Path(path_type=Path), default=Path("var/demo"), show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def demo(folder: Path, as_json: bool) -> None:
    """A whole day on this machine, from the import to the transcripts; checked against the carrier's own log."""
    sys.exit(demo_day.run(folder, as_json=as_json))


COMMANDS = (up, node, web, transcribe, sim, demo)
