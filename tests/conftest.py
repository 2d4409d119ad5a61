"""Fixtures for every room: a real PostgreSQL for one test; properties are not timed, because machines differ."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import psycopg
import pytest

from tests.last_run import LastRun
from tests.rows import a_client, an_attempt, owe

__all__ = ["a_client", "an_attempt", "owe"]

hypothesis.settings.register_profile("house", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("house")


def pytest_configure(config: pytest.Config) -> None:
    """A full run leaves the names of what passed."""
    tests = Path(__file__).resolve().parent
    config.pluginmanager.register(LastRun(tests, tests.parent / "var" / "last-run.json"))


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[Path]:
    """The socket folder of a throw-away PostgreSQL that listens on nothing else; stopped by its own pid file."""
    binaries = _postgres_binaries()
    account = "postgres" if os.geteuid() == 0 else None  # the server refuses to run as root
    home = Path(tempfile.mkdtemp(prefix="huifang-pg-"))
    if account:
        shutil.chown(home, account)

    def call(*command: str) -> None:
        subprocess.run(command, check=True, user=account, cwd=home, stdout=subprocess.DEVNULL, timeout=60)

    data = str(home / "data")
    try:
        call(str(binaries / "initdb"), "-D", data, "-U", "postgres", "-E", "UTF8", "--locale=C", "-N", "-A", "trust")
        options = f"-k {home} -c listen_addresses= -c fsync=off -c synchronous_commit=off"
        call(str(binaries / "pg_ctl"), "-D", data, "-w", "-l", str(home / "log"), "-o", options, "start")
        yield home
        call(str(binaries / "pg_ctl"), "-D", data, "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def new_postgres(postgres_cluster: Path) -> Callable[[], str]:
    """``new_postgres()`` gives the address of a new, empty PostgreSQL database."""
    numbers = itertools.count(1)

    def create() -> str:
        name = f"test_{next(numbers)}"
        with psycopg.connect(host=str(postgres_cluster), user="postgres", dbname="postgres", autocommit=True) as server:
            server.execute(f"CREATE DATABASE {name}")
        return f"postgresql+psycopg://postgres@/{name}?host={postgres_cluster}"

    return create


@pytest.fixture
def postgres_url(new_postgres: Callable[[], str]) -> str:
    """The address of a new, empty PostgreSQL database."""
    return new_postgres()


def _postgres_binaries() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    installed = shutil.which("pg_ctl")
    if not found and installed is None:
        pytest.fail("PostgreSQL is not installed; run `make test`, or install the package postgresql")
    return found[0] if found else Path(installed or "").resolve().parent
