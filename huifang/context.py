"""What every command starts from: settings, clock, database, archive. Opened on first use, closed by the command."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from types import TracebackType

from core.clock import Clock, ShiftedClock, SystemClock
from core.db import Database
from core.settings import Settings, load_settings
from recordings.archive import Archive

DEFAULT_CONFIG = Path("huifang.toml")


@dataclass
class Context(AbstractContextManager["Context"]):
    """One installation, as one command sees it."""

    config: Path | None

    @cached_property
    def settings(self) -> Settings:
        """The settings of --config, or of ./huifang.toml when there is one, and the environment."""
        path = self.config or (DEFAULT_CONFIG if DEFAULT_CONFIG.exists() else None)
        return load_settings(path, os.environ)

    @cached_property
    def clock(self) -> Clock:
        """The machine's clock, or the shifted one of the demo and the tests."""
        shift = self.settings.node.clock_shift_s
        return ShiftedClock(timedelta(seconds=shift)) if shift else SystemClock()

    @cached_property
    def db(self) -> Database:
        """The migrated database."""
        database = Database(self.settings.database_url)
        database.migrate()
        return database

    @cached_property
    def archive(self) -> Archive:
        """The archive of sealed recordings."""
        return Archive(self.settings.archive_url)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if "db" in self.__dict__:
            self.db.close()
