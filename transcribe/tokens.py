"""What is found by what: texts and queries as tokens, the same for every database.

The pinned definition. Folding maps each character by itself (compatibility form, case-folded, simplified). Folded text
falls into pieces: runs of Chinese, Japanese or Korean characters, and words of other letters and digits (cut at 64
characters); spaces inside a run do not break it, punctuation does. A text's canonical form is its pieces joined by one
space, with a space at each end. A query term is found where its own pieces, joined the same way, stand in the
canonical form: a word must match whole, a run anywhere inside a run. A text matches a query when it has every term.

Tokens express that for an index: a run becomes its pairs of neighbours plus its last character alone, a word itself;
a term is a phrase of tokens, whose last one may be a prefix (one character finds every pair it begins).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from transcribe.errors import EmptyQuery, QueryTooLong
from transcribe.script import HAN, simplified_char

LONGEST_WORD = 64
LONGEST_QUERY = 500

_DENSE = re.compile(rf"[{HAN}\u3040-\u30ff\u31f0-\u31ff\u1100-\u11ff\uac00-\ud7af]")
_QUOTED = re.compile(r'["“”„]([^"“”„]*)["“”„]|([^\s"“”„]+)')


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of dense characters or a word; ``places`` are the indices of its characters in the original text."""

    text: str
    places: tuple[int, ...]
    dense: bool


@dataclass(frozen=True, slots=True)
class Term:
    """One thing that must be in the text: pieces that follow each other directly."""

    pieces: tuple[str, ...]
    starts_dense: bool
    ends_dense: bool

    @property
    def needle(self) -> str:
        """What stands in the canonical form of a text that has this term."""
        return ("" if self.starts_dense else " ") + " ".join(self.pieces) + ("" if self.ends_dense else " ")

    @property
    def phrase(self) -> tuple[str, ...]:
        """Its tokens in order."""
        tokens = [token for piece in self.pieces[:-1] for token in _piece_tokens(piece)]
        last = self.pieces[-1]
        return (*tokens, *(pairs(last) if self.ends_dense and len(last) > 1 else [last]))

    @property
    def open_end(self) -> bool:
        """Whether the last token is a prefix."""
        return self.ends_dense and len(self.pieces[-1]) == 1


def parse(query: str) -> list[Term]:
    """The terms of what a person typed: words apart by spaces, phrases in quotation marks, all of them wanted.

    EmptyQuery when nothing in it can be searched, QueryTooLong above 500 characters; no other text is an error.
    """
    if len(query) > LONGEST_QUERY:
        raise QueryTooLong(f"the text has {len(query)} characters; search for at most {LONGEST_QUERY}")
    terms = [_term(quoted or plain) for quoted, plain in _QUOTED.findall(query)]
    found = list(dict.fromkeys(term for term in terms if term))
    if not found:
        raise EmptyQuery("nothing to search for; type at least one character, letter or digit")
    return found


def tokens(text: str) -> list[str]:
    """The tokens of a text in order."""
    return [token for piece in pieces(text) for token in _piece_tokens(piece.text)]


def canonical(text: str) -> str:
    """The text as the pinned definition compares it."""
    return "".join(f" {piece.text}" for piece in pieces(text)) + " "


def highlights(text: str, terms: Sequence[Term]) -> list[tuple[int, int]]:
    """Where the terms stand in ``text``: half-open ranges of characters, in order, joined where they touch."""
    plain, places = " ", [0]
    for piece in pieces(text):
        plain += f"{piece.text} "
        places += [*piece.places, piece.places[-1]]
    found = sorted(
        (
            places[start + len(term.needle) - len(term.needle.lstrip())],
            places[start + len(term.needle.rstrip()) - 1] + 1,
        )
        for term in terms
        for start in _all(plain, term.needle)
    )
    return _joined(found)


def pieces(text: str) -> list[Piece]:
    """The folded pieces of ``text``."""
    found: list[Piece] = []
    held: list[tuple[str, int]] = []
    gap = False
    for char, place in _folded(text):
        kind = _kind(char)
        if kind == "space":
            gap = True
            continue
        if held and (kind != _kind(held[-1][0]) or (gap and kind != "dense")):
            found.append(_piece(held))
            held = []
        if kind != "break":
            held.append((char, place))
        gap = False
    return [*found, _piece(held)] if held else found


def pairs(run: str) -> list[str]:
    """The pairs of neighbours of a run."""
    return [run[index : index + 2] for index in range(len(run) - 1)]


def _piece_tokens(piece: str) -> list[str]:
    return [*pairs(piece), piece[-1]] if _DENSE.match(piece) else [piece]


def _piece(held: Sequence[tuple[str, int]]) -> Piece:
    dense = _kind(held[0][0]) == "dense"
    kept = held if dense else held[:LONGEST_WORD]
    return Piece("".join(char for char, _ in kept), tuple(place for _, place in kept), dense)


def _term(text: str) -> Term | None:
    found = pieces(text)
    if not found:
        return None
    return Term(tuple(piece.text for piece in found), found[0].dense, found[-1].dense)


def _folded(text: str) -> Iterator[tuple[str, int]]:
    for place, char in enumerate(text):
        for folded in _fold(char):
            yield folded, place


@lru_cache(maxsize=65536)
def _fold(char: str) -> str:
    wide = unicodedata.normalize("NFKC", char).casefold()
    return "".join(simplified_char(each) for each in unicodedata.normalize("NFKC", wide))


@lru_cache(maxsize=65536)
def _kind(char: str) -> str:
    if _DENSE.match(char):
        return "dense"
    if char.isspace():
        return "space"
    return "word" if unicodedata.category(char)[0] in "LNM" else "break"


def _all(text: str, needle: str) -> Iterator[int]:
    start = text.find(needle)
    while start >= 0:
        yield start
        start = text.find(needle, start + 1)


def _joined(ranges: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for start, end in ranges:
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined
