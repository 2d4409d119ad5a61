"""Errors that a person can act on: every message names what is wrong and the remedy.

HuifangError
├── SettingsError        a key of huifang.toml or an environment variable is wrong
├── CalendarUnknown      a calendar does not cover the date asked for (callers fail closed)
├── DatabaseError        the database cannot be opened or is at another version
└── AuditError           a link of the audit chain cannot be written or does not verify

Each room derives its own errors from ``HuifangError``; the command line prints them as one line and exits 1,
never as a traceback.
"""

from __future__ import annotations


class HuifangError(Exception):
    """Something a person can mend; print the message, do not print a traceback."""

    exit_code = 1


class SettingsError(HuifangError):
    """Mend the named key in huifang.toml or the environment, then start again."""

    exit_code = 2


class CalendarUnknown(HuifangError):
    """Refuse to dial and update the calendar package: the asked date lies outside its data."""


class DatabaseError(HuifangError):
    """Mend the address, the permission or the schema version named in the message."""


class AuditError(HuifangError):
    """Stop: a link of the chain cannot be written or does not verify. Keep the files, call the auditor."""
