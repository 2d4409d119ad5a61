"""What every view needs, given once to ``create_app`` and read through ``context()``; nothing global."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from flask import current_app

from core.calendars import Calendars
from core.clock import Clock
from core.db import Database
from core.settings import Settings
from recordings.archive import Archive

EXTENSION = "huifang"


@dataclass(frozen=True, slots=True)
class Context:
    """The rooms below, opened; ``calendars`` are the firm's, its own notices laid over the published ones."""

    settings: Settings
    db: Database
    archive: Archive
    clock: Clock
    calendars: Calendars


def context() -> Context:
    """The context of the application that serves this request."""
    return cast(Context, current_app.extensions[EXTENSION])
