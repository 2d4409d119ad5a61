"""Who listens to a call: the part of the line protocol that is the same for every engine.

The rule of this module: an event goes through the event loop, so that a listener that fails harms neither the others
nor the call; one that was removed meanwhile hears nothing more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from dialer.lines.base import CallEvent, Ended, Ending, Listener


class Listeners:
    """The listeners of one call; belongs to the event loop that made it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._listeners: dict[object, Listener] = {}

    def add(self, listener: Listener, ending: Ending | None) -> Callable[[], None]:
        """Deliver every later event to ``listener``; the returned function stops that.

        With ``ending`` the call is over: it is told at once, and nothing else comes.
        """
        if ending is not None:
            listener(Ended(ending))
            return lambda: None
        token = object()
        self._listeners[token] = listener
        return partial(self._remove, token)

    def tell(self, event: CallEvent) -> None:
        """Deliver ``event`` soon to everybody who listens now."""
        for token in self._listeners:
            self._loop.call_soon(self._deliver, token, event)

    def _remove(self, token: object) -> None:
        self._listeners.pop(token, None)

    def _deliver(self, token: object, event: CallEvent) -> None:
        listener = self._listeners.get(token)
        if listener is not None:
            listener(event)
