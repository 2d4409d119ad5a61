"""Clients, events, staff and figures from CSV files: a file is taken as a whole, or refused with every mistake told."""

from __future__ import annotations

from dialer.importing.problems import ImportRefused, Problem
from dialer.importing.run import ImportReport, import_clients, import_events, import_figures, import_staff

__all__ = [
    "ImportRefused",
    "ImportReport",
    "Problem",
    "import_clients",
    "import_events",
    "import_figures",
    "import_staff",
]
