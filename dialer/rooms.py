"""What a node works with, opened once when it starts."""

from __future__ import annotations

from dataclasses import dataclass

from core.calendars import Calendars
from core.clock import Clock
from core.db import Database
from core.settings import Settings
from dialer.calling.scripts import Scripts
from dialer.lines.base import Line
from dialer.programmes.model import Pack
from recordings.archive import Archive


@dataclass(frozen=True, slots=True)
class Rooms:
    """What a node works with."""

    settings: Settings
    clock: Clock
    calendars: Calendars
    db: Database
    archive: Archive
    line: Line
    pack: Pack
    scripts: Scripts
