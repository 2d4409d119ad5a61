"""``python -m simulator``: the carrier as a process of its own.

Prints ``ready sip:HOST:PORT`` on stdout once it takes calls; ends on SIGTERM or SIGINT with status 0.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from pathlib import Path

import click

from core.clock import SystemClock
from core.errors import HuifangError
from simulator.carrier import Carrier, Listening
from simulator.errors import StartError
from simulator.journal import Journal
from simulator.table import Table, load_table


class PortRange(click.ParamType[tuple[int, int]]):
    """``20000-20999``."""

    name = "FIRST-LAST"

    def convert(
        self, value: str | tuple[int, int], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """Both ports as numbers."""
        if isinstance(value, tuple):
            return value
        first, dash, last = value.partition("-")
        if not (dash and first.isdigit() and last.isdigit() and 1024 <= int(first) < int(last) <= 65535):
            self.fail(f"{value!r} is no port range from 1024 to 65535; write for example 20000-20999", param, ctx)
        return int(first), int(last)


@click.command(name="simulator")
@click.option("--config", "config", type=click.Path(path_type=Path), required=True, help="The YAML table.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=5070, show_default=True, help="SIP port, 0: a free one.")
@click.option("--rtp-ports", type=PortRange(), default="20000-20999", show_default=True, help="RTP and RTCP ports.")
@click.option("--log", "log_path", type=click.Path(path_type=Path), required=True, help="Where to append the journal.")
@click.option("--seed", type=int, default=None, help="Seed of ring times and losses; wins over the table's.")
def main(  # noqa: PLR0917 -- click passes by keyword
    config: Path, host: str, port: int, rtp_ports: tuple[int, int], log_path: Path, seed: int | None
) -> None:
    """Run the simulated carrier until it is told to stop."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        table = load_table(config)
        asyncio.run(_serve(table, table.seed if seed is None else seed, Listening(host, port, *rtp_ports), log_path))
    except HuifangError as error:
        click.echo(f"simulator: {error}", err=True)
        raise SystemExit(error.exit_code) from error


async def _serve(table: Table, seed: int, listening: Listening, log_path: Path) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    with Journal(log_path) as journal:
        carrier = Carrier(table, seed, listening, journal, SystemClock())
        port = await carrier.start()
        try:
            click.echo(f"ready sip:{listening.host}:{port}")
            await stop.wait()
        except BrokenPipeError as error:
            raise StartError("nobody reads the ready line; keep stdout open") from error
        finally:
            await carrier.stop()


if __name__ == "__main__":
    main()
