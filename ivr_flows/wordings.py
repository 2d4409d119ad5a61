"""What clients say, as sounds: the data of `ivr_flows/phrases/LANGUAGE.yaml`, ready to be compared.

The rule of this module: recognisers write homophones, so Chinese is compared by pinyin syllables and other languages by
words; how a word was written is kept beside it, because a single syllable that only sounds right proves nothing.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import resources
from typing import Any

import yaml
from pypinyin import lazy_pinyin

from ivr_flows.model import VoiceTask

ANY = "zh-CN", "en"  # the languages that have data
_TOKEN = re.compile(r"[一-鿿〇]|[^\W\d_][^\W\d_']*|\d")
_FEWEST = 2  # tokens that a phrase needs to prove anything by its sound alone


@dataclass(frozen=True, slots=True)
class Limits:
    """From where an answer is sure; shares of 1, and a number of syllables or words (the data files say more)."""

    confidence: float = 0.5
    short: float = 0.6
    rival: float = 0.12
    doubt: float = 0.5
    likeness: float = 0.8
    longest: float = 8


@dataclass(frozen=True, slots=True)
class Heard:
    """A text as tokens (characters or words) and how each sounds."""

    tokens: tuple[str, ...]
    sounds: tuple[str, ...]

    @property
    def letters(self) -> str:
        """The sounds in one string."""
        return " ".join(self.sounds)


@dataclass(frozen=True, slots=True)
class Phrase:
    """One wording, what it means, whether it may stand for it without being read back, and be found in a sentence."""

    value: str
    text: str
    heard: Heard
    sure: bool
    inside: bool


class Phrases(tuple[Phrase, ...]):
    """Phrases, longest first, that are found by their first sound."""

    starts: Mapping[str, list[Phrase]]

    def __new__(cls, phrases: Iterable[Phrase] = ()) -> Phrases:
        """The phrases in the order in which they are tried; of equal ones the sure first."""
        heard_of = [one for one in phrases if one.heard.sounds]
        made = super().__new__(cls, sorted(heard_of, key=lambda one: (-len(one.heard.tokens), not one.sure)))
        starts: dict[str, list[Phrase]] = {}
        for one in made:
            starts.setdefault(one.heard.sounds[0], []).append(one)
        made.starts = starts
        return made

    def at(self, said: Heard, place: int) -> list[Phrase]:
        """The phrases that are heard in `said` from token `place` on, by their sound."""
        fitting = self.starts.get(said.sounds[place], ())
        return [one for one in fitting if said.sounds[place : place + len(one.heard.sounds)] == one.heard.sounds]


@dataclass(frozen=True, slots=True)
class Wordings:
    """The data of one language."""

    sound: str
    limits: Limits
    answers: Phrases
    fillers: Phrases
    unclear: Phrases
    wishes: Phrases  # agent, repeat, refusal
    digits: Phrases
    negations: frozenset[tuple[str, ...]]
    units: tuple[str, ...]
    ends: Mapping[str, tuple[Phrase, ...]]  # highest, lowest
    expected: Mapping[str, str]  # kind of a task -> a text that may have gone before


def heard(text: str, sound: str) -> Heard:
    """`text` in tokens; `sound` is `pinyin` or `words`."""
    composed = unicodedata.normalize("NFKC", text).lower().replace("’", "'")
    tokens = tuple(token.replace("'", "") for token in _TOKEN.findall(composed))
    if sound != "pinyin":
        return Heard(tokens, tokens)
    return Heard(tokens, tuple(part for token in tokens for part in (lazy_pinyin(token) or [token])[:1]))


@lru_cache(maxsize=8)
def wordings(language: str) -> Wordings:
    """The data of `language`; of its primary tag (`en-GB`: `en`), or none but the limits when there is none."""
    known = [name for name in ANY if name == language] or [name for name in ANY if _primary(name) == _primary(language)]
    if not known:
        return wordings_of({"sound": "words"})
    text = resources.files("ivr_flows").joinpath("phrases", f"{known[0]}.yaml").read_text(encoding="utf-8")
    return wordings_of(yaml.safe_load(text))


def wordings_of(data: Mapping[str, Any]) -> Wordings:
    """Wordings from their YAML form."""
    sound = str(data["sound"])

    def plain(*values: str) -> Phrases:
        return Phrases(_phrase(value, str(text), sound, True) for value in values for text in data.get(value, ()))

    def graded(value: str, lists: Mapping[str, Any]) -> list[Phrase]:
        return [
            Phrase(value, str(text), heard(str(text), sound), grade != "likely", grade == "sure")
            for grade, texts in lists.items()
            for text in texts
        ]

    marks = data.get("marks", {})
    return Wordings(
        sound=sound,
        limits=Limits(**data.get("limits", {})),
        answers=Phrases(one for value in ("yes", "no") for one in graded(value, data.get(value, {}))),
        fillers=plain("fillers"),
        unclear=plain("unclear"),
        wishes=plain("agent", "repeat", "refusal"),
        digits=Phrases(one for digit, lists in data.get("digits", {}).items() for one in graded(digit, lists)),
        negations=frozenset(heard(str(text), sound).tokens for text in data.get("negations", ())),
        units=tuple(marks.get("units", ())),
        ends={end: tuple(graded(end, marks.get(end, {}))) for end in ("highest", "lowest")},
        expected=dict(data.get("expected", {})),
    )


def phrases_of(task: VoiceTask) -> Phrases:
    """Every phrase that answers `task`."""
    match task.kind:
        case "yes_no" | "confirm":
            return wordings(task.language).answers
        case "digits":
            return wordings(task.language).digits
        case _:
            return _told(task.kind, task.language, tuple(task.options.items()))


@lru_cache(maxsize=512)
def _told(kind: str, language: str, options: tuple[tuple[str, tuple[str, ...]], ...]) -> Phrases:
    words = wordings(language)
    said = [_phrase(value, text, words.sound, True) for value, texts in options for text in texts]
    return Phrases([*said, *_marks(words, sorted(value for value, _ in options))] if kind == "scale" else said)


def _marks(words: Wordings, allowed: Sequence[str]) -> list[Phrase]:
    """The digits among the marks, with and without a unit, and the words for the two ends."""
    plain = [one for one in words.digits if one.value in allowed]
    united = [
        _phrase(one.value, f"{one.text} {unit}", words.sound, True) for one in plain if one.sure for unit in words.units
    ]
    ends = [
        replace(one, value=mark)
        for end, values in (("highest", allowed[-1:]), ("lowest", allowed[:1]))
        for mark in values
        for one in words.ends[end]
    ]
    return [*united, *ends, *plain]


def proven(phrase: Phrase, said: Heard, at: int) -> bool:
    """Whether it is written like that too, or long enough to be proven by its sound."""
    length = len(phrase.heard.tokens)
    return length >= _FEWEST or said.tokens[at : at + length] == phrase.heard.tokens


def contains(phrases: Phrases, said: Heard) -> Phrase | None:
    """The first of `phrases` that stands in `said`; short ones only as they are written."""
    found = (one for at in range(len(said.tokens)) for one in phrases.at(said, at) if proven(one, said, at))
    return next(found, None)


def _phrase(value: str, text: str, sound: str, sure: bool) -> Phrase:
    return Phrase(value, text, heard(text, sound), sure, sure)


def _primary(language: str) -> str:
    return language.partition("-")[0]
