"""Errors of the simulated carrier; each message names what is wrong and the remedy."""

from __future__ import annotations

from core.errors import HuifangError


class SimulatorError(HuifangError):
    """The simulated carrier cannot do what it was asked; print the message and stop."""


class TableError(SimulatorError):
    """Mend the named entry of the carrier's YAML table, then start again."""

    exit_code = 2


class StartError(SimulatorError):
    """The carrier could not start (port in use, no permission, no ready line): mend that, then start again."""


class MediaRefused(SimulatorError):
    """Answer the offer with 488: it holds no codec or address that the carrier can talk to."""
