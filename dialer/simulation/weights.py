"""Weights and spreads as a file gives them, and drawing from them.

The rule of this module: every draw takes its chance from the caller, so that a seed decides everything.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from math import exp
from random import Random
from typing import Any

from core.yaml import Document, Where


@dataclass(frozen=True, slots=True)
class Weights:
    """Names, each as likely as its weight; ``upto`` are the running sums."""

    names: tuple[str, ...]
    upto: tuple[float, ...]

    def draw(self, chance: Random) -> str:
        """One of the names."""
        return self.names[bisect_right(self.upto, chance.random() * self.upto[-1])]


@dataclass(frozen=True, slots=True)
class Spread:
    """A log-normal quantity: half of all values lie below ``median``, none above ``most``."""

    median: float
    sigma: float
    most: float

    def draw(self, chance: Random) -> float:
        """One value."""
        return min(self.most, self.median * exp(self.sigma * chance.gauss(0.0, 1.0)))


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a document whose shape the schema has checked; reads its own parts, typed."""

    document: Document
    where: Where
    value: Any

    @classmethod
    def root(cls, document: Document) -> Part:
        """The whole of it."""
        return cls(document, (), document.data)

    def part(self, key: str) -> Part:
        """The part under ``key``."""
        return Part(self.document, (*self.where, key), self.value[key])

    def parts(self, key: str) -> dict[str, Part]:
        """The entries of the mapping under ``key``, none when it is not there."""
        inner: Mapping[str, Any] = self.value.get(key, {})
        return {name: self.part(key).part(name) for name in inner}

    def number(self, key: str) -> float:
        """The number under ``key``."""
        return float(self.value[key])

    def count(self, key: str) -> int:
        """The whole number under ``key``."""
        return int(self.value[key])

    def numbers(self, key: str) -> dict[str, float]:
        """The numbers under ``key``, by name."""
        return {name: float(text) for name, text in self.value[key].items()}

    def weights(self, key: str) -> Weights:
        """The weights under ``key``; YamlError when all are zero, because then nothing can be drawn."""
        given = self.numbers(key)
        upto = tuple(accumulate(given.values()))
        if upto[-1] <= 0:
            raise self.document.error((*self.where, key), "all weights are 0; give one of them more")
        return Weights(tuple(given), upto)

    def spread(self, key: str) -> Spread:
        """The spread under ``key``."""
        return Spread(**self.part(key).as_numbers())

    def spreads(self, key: str) -> dict[str, Spread]:
        """The spreads under ``key``, by name."""
        return {name: self.part(key).spread(name) for name in self.value[key]}

    def as_numbers(self) -> dict[str, float]:
        """This mapping with its texts as numbers."""
        return {name: float(text) for name, text in self.value.items()}
