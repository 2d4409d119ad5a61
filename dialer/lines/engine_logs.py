"""The engine's log: its SIP trace feeds the calls, everything else loses the telephone numbers.

The rule of this module: no SIP URI of a client reaches a log handler of the application.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections.abc import Callable

_TRACE = logging.getLogger("baresip.native.sip")
_NAMING_CLIENTS = (logging.getLogger("baresip.native"), logging.getLogger("baresip.call"))
_URI = re.compile(r"\b(sips?|tel):[^@\s;>]+")


def mask_numbers(text: str) -> str:
    """``text`` with the user part of every SIP and tel URI masked."""
    return _URI.sub(r"\1:***", text)


class _Mask(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = mask_numbers(record.getMessage()), ()
        if hasattr(record, "peer"):
            record.peer = ""
        return True


class _Tap(logging.Handler):
    """Carries trace entries from the engine's log thread to the event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, take: Callable[[str], None]) -> None:
        super().__init__(logging.DEBUG)
        self._loop = loop
        self._take = take

    def emit(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to tell
            self._loop.call_soon_threadsafe(self._take, record.getMessage())


class EngineLogs:
    """Installs the tap and the mask on the engine's loggers, and takes them away again."""

    def __init__(self, take: Callable[[str], None]) -> None:
        self._tap = _Tap(asyncio.get_running_loop(), take)
        self._mask = _Mask()

    def attach(self) -> None:
        """Divert the trace to ``take`` (it goes nowhere else) and mask the rest."""
        _TRACE.addHandler(self._tap)
        _TRACE.setLevel(logging.DEBUG)
        _TRACE.propagate = False
        for logger in _NAMING_CLIENTS:
            logger.addFilter(self._mask)

    def detach(self) -> None:
        """Undo ``attach``; the trace stays cut off from the application's handlers."""
        _TRACE.removeHandler(self._tap)
        for logger in _NAMING_CLIENTS:
            logger.removeFilter(self._mask)
