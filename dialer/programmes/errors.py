"""What can be wrong with a policy pack."""

from __future__ import annotations

from collections.abc import Iterable

from core.errors import HuifangError


class PackError(HuifangError):
    """Mend the pack at the place the message names; nothing is planned or dialed with it."""


class OpenValue(HuifangError):
    """Set the named values in the firm's own pack: the source document leaves them open and nobody invents them."""

    def __init__(self, pack: str, names: Iterable[str]) -> None:
        self.names = tuple(names)
        super().__init__(
            f"pack {pack} leaves open: {', '.join(self.names)}. Set them in a file that begins with `extends: {pack}` "
            "(template: dialer/programmes/packs/demo_firm.yaml) and name that file in firm.pack"
        )
