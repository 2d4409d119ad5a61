"""Errors of this room.

FlowError           one fault of a flow document, with its place
FlowRefused         a flow document with faults: all of them
FlowFactsMissing    the client lacks a fact the flow compares or speaks
FlowMismatch        a state belongs to another version of the script
VoiceError          a text cannot be spoken here
"""

from __future__ import annotations

from collections.abc import Sequence

from core.errors import HuifangError


class FlowError(HuifangError):
    """Mend the document at the named place; `code` is stable, `hint` says how."""

    def __init__(self, file: str, place: tuple[int, int], code: str, message: str, *, hint: str) -> None:
        self.file, (self.line, self.column) = file, place
        super().__init__(f"{file}:{self.line}:{self.column}: {code}: {message} ({hint})")
        self.code, self.message, self.hint = code, message, hint


class FlowRefused(HuifangError):
    """Do not call with this flow: mend every one of `errors` first."""

    def __init__(self, errors: Sequence[FlowError]) -> None:
        super().__init__("\n".join(str(error) for error in errors))
        self.errors = tuple(errors)


class FlowFactsMissing(HuifangError):
    """Do not dial: complete the client's data first (the message names the facts, never their values)."""


class FlowMismatch(HuifangError):
    """Load the version of the script whose hash the state carries."""


class VoiceError(HuifangError):
    """Install a voice, or record the prompt: this text cannot be spoken here."""
