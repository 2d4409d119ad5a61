"""What is wrong with an import file. The texts hold values of the file: they go to the terminal, never into a log."""

from __future__ import annotations

from dataclasses import dataclass, field

from core.errors import HuifangError

SHOWN = 20
LONGEST_VALUE = 60


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake: ``row`` counts as a spreadsheet does (the header is row 1), ``column`` is its name or empty."""

    file: str
    row: int
    column: str
    value: str
    text: str

    def __str__(self) -> str:
        value = "".join(char if char.isprintable() else "·" for char in self.value)
        shown = value if len(value) <= LONGEST_VALUE else f"{value[:LONGEST_VALUE]}…"
        return f"{self.file}:{self.row}:{self.column}:{shown} — {self.text}"


class ImportRefused(HuifangError):
    """Mend the file as ``errors`` say and import it again; nothing of it was taken.

    The message holds values of the file, personal data among them: print it, do not log it.
    """

    def __init__(self, errors: list[Problem], more: int = 0) -> None:
        self.errors = tuple(errors)
        self.more = more
        rest = [f"... and {more} more"] if more else []
        super().__init__("\n".join(["nothing was imported:", *(str(problem) for problem in errors), *rest]))


@dataclass(slots=True)
class Problems:
    """Collects mistakes: keeps the first ones, counts the others."""

    file: str
    first: list[Problem] = field(default_factory=list)
    more: int = 0

    def add(self, row: int, column: str, value: str, text: str) -> None:
        """Remember one mistake."""
        if len(self.first) < SHOWN:
            self.first.append(Problem(self.file, row, column, value, text))
        else:
            self.more += 1

    def refuse(self) -> None:
        """ImportRefused when there is any mistake."""
        if self.first:
            raise ImportRefused(self.first, self.more)
