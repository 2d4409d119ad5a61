"""The web server: gunicorn inside this process, two workers of eight threads, the port checked before it starts."""

from __future__ import annotations

import socket
from collections.abc import Callable
from datetime import date
from pathlib import Path

from flask import Flask
from gunicorn.app.base import BaseApplication

from core.calendars import Calendars, FirmCalendars
from core.clock import Clock, SystemClock
from core.db import Database
from core.errors import HuifangError
from core.notices import load_notices
from core.settings import Settings
from recordings.archive import Archive
from web.app import create_app
from web.security import secret_key

WORKERS, THREADS = 2, 8
WARM = date(2020, 1, 2)  # any day that the exchanges know


class WebNotStarted(HuifangError):
    """Free the address named in the message or set another one (web.host, web.port), then start again."""


class _Server(BaseApplication):  # type: ignore[misc]
    """gunicorn with our settings; every worker opens its own database and archive."""

    def __init__(self, address: str, make: Callable[[], Flask], quiet: bool) -> None:
        self._address, self._make, self._quiet = address, make, quiet
        super().__init__()

    def load_config(self) -> None:
        for name, value in {
            "bind": self._address,
            "workers": WORKERS,
            "threads": THREADS,
            "worker_class": "gthread",
            "proc_name": "huifang-web",
            "loglevel": "warning" if self._quiet else "info",
            "control_socket_disable": True,
            "accesslog": None,  # addresses of visitors are not kept; listens are in the audit chain
            "graceful_timeout": 10,
        }.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        return self._make()


def serve(settings: Settings, clock: Clock | None = None, *, quiet: bool = False) -> None:
    """Serve the pages until the process is told to stop.

    Raises WebNotStarted when the address is taken or not ours, DatabaseError when the schema is not current,
    SettingsError when the key cannot be kept, YamlError when a holiday notice is wrong: all before anything listens.
    """
    _require_free(settings.web.host, settings.web.port)
    _require_database(settings)
    secret_key(settings)  # made here, so that both workers read the same one
    used_clock, calendars = clock or SystemClock(), firm_calendars(settings)
    host = f"[{settings.web.host}]" if ":" in settings.web.host else settings.web.host
    _Server(f"{host}:{settings.web.port}", lambda: _application(settings, used_clock, calendars), quiet).run()


def firm_calendars(settings: Settings) -> Calendars:
    """The published calendars with the firm's notices laid over them; YamlError names the mistake in a notice."""
    path = settings.firm.calendar
    calendars = FirmCalendars(load_notices(Path(path)) if path else ())
    calendars.is_trading_day(WARM)  # reading the exchanges takes a second or two: now, not with the first page
    return calendars


def _application(settings: Settings, clock: Clock, calendars: Calendars) -> Flask:
    return create_app(settings, Database(settings.database_url), Archive(settings.archive_url), clock, calendars)


def _require_database(settings: Settings) -> None:
    db = Database(settings.database_url)
    try:
        db.require_current()
    finally:
        db.close()


def _require_free(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise WebNotStarted(
                f"cannot listen on {host}:{port}: {error.strerror or error}; free it or set web.port (HUIFANG_WEB_PORT)"
            ) from error
