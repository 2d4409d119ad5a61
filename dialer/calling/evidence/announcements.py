"""What an announcement says: recognised text against a list of phrases, compared by sound.

The rule of this module: recognisers write homophones, so Chinese is compared by pinyin syllables and English by words,
with an edit distance in which similar syllables cost less. A short key counts only beside a frame ("the number you
dialed"), because clients say "my phone was off" too. What is not clearly an announcement is ``none``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

import yaml
from pypinyin import lazy_pinyin
from rapidfuzz import fuzz
from rapidfuzz.distance import Levenshtein

Syllables = tuple[str, ...]

NONE = "none"
_TOKEN = re.compile(r"[一-鿿]+|[a-z']+|\d")
_ALIKE = (("zh", "z"), ("ch", "c"), ("sh", "s"), ("ng", "n"))


@dataclass(frozen=True, slots=True)
class MatchRules:
    """How like a phrase a text must sound; every figure is a share of the phrase that was heard right (0..1)."""

    sure: float = 0.8  # from here an announcement counts; a fifth misheard is what whisper does at 10 dB
    frame: float = 0.75  # frames are long and need only show that a network speaks
    alone: float = 0.6  # the most that a key without a frame is worth: below ``sure``, so it never counts
    alike: float = 0.08  # kinds this close are heard alike: then the order of the list decides


MATCH_RULES = MatchRules()


@dataclass(frozen=True, slots=True)
class Phrase:
    """A wording as it sounds; ``key`` says that it needs a frame beside it."""

    kind: str
    text: str
    sounds: Syllables
    key: bool

    @property
    def letters(self) -> str:
        """The sounds in one string, for the quick look."""
        return " ".join(self.sounds)


@dataclass(frozen=True, slots=True)
class Phrases:
    """The list: phrases and keys in the order of the kinds, and frames."""

    phrases: tuple[Phrase, ...]
    frames: tuple[Phrase, ...]

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds in their order."""
        return tuple(dict.fromkeys(one.kind for one in self.phrases))


@dataclass(frozen=True, slots=True)
class AnnouncementVerdict:
    """What was announced: ``kind`` (``none`` below the threshold), how surely, by which phrase, in which text."""

    kind: str
    confidence: float
    phrase: str
    text: str


def load_phrases() -> Phrases:
    """The list that comes with the product (``phrases.yaml``)."""
    text = resources.files("dialer.calling.evidence").joinpath("phrases.yaml").read_text(encoding="utf-8")
    return phrases_of(yaml.safe_load(text))


def phrases_of(data: Mapping[str, Any]) -> Phrases:
    """A list from its YAML form: ``frames``, and ``kinds`` with ``phrases`` and ``keys``."""
    phrases = [
        Phrase(kind, text, sounds(text), key)
        for kind, words in data["kinds"].items()
        for name, key in (("phrases", False), ("keys", True))
        for text in words.get(name, ())
    ]
    return Phrases(tuple(phrases), tuple(Phrase("frame", text, sounds(text), False) for text in data["frames"]))


def match(
    text: str, phrases: Phrases, rules: MatchRules = MATCH_RULES, kinds: Iterable[str] | None = None
) -> AnnouncementVerdict:
    """The announcement in ``text`` (recogniser output, either language); ``kinds`` leaves others out.

    Under ``rules.sure`` the kind is ``none`` and the confidence that of the best candidate.
    """
    heard = sounds(text)
    framed = any(likeness(frame, heard, rules.frame) >= rules.frame for frame in phrases.frames)
    wanted = set(phrases.kinds if kinds is None else kinds)
    scored = [(one, _worth(one, heard, framed, rules)) for one in phrases.phrases if one.kind in wanted]
    phrase, confidence = _choose(scored, phrases.kinds, rules)
    if phrase is None or confidence < rules.sure:
        return AnnouncementVerdict(NONE, confidence, "", text)
    return AnnouncementVerdict(phrase.kind, confidence, phrase.text, text)


def _worth(phrase: Phrase, heard: Syllables, framed: bool, rules: MatchRules) -> float:
    like = likeness(phrase, heard, rules.sure)
    return like if framed or not phrase.key else like * rules.alone


def _choose(
    scored: Sequence[tuple[Phrase, float]], order: Sequence[str], rules: MatchRules
) -> tuple[Phrase | None, float]:
    best = max((worth for _, worth in scored), default=0.0)
    near = [(one, worth) for one, worth in scored if worth > 0 and worth >= best - rules.alike]
    if not near:
        return None, 0.0
    phrase, worth = min(near, key=lambda pair: (order.index(pair[0].kind), -pair[1], -len(pair[0].sounds)))
    return phrase, round(worth, 3)


def sounds(text: str) -> Syllables:
    """``text`` as it sounds: pinyin without tones (z like zh, n like ng), English words, single digits."""
    found: list[str] = []
    for part in _TOKEN.findall(text.lower()):
        found.extend(map(_merged, lazy_pinyin(part)) if "一" <= part[0] <= "鿿" else [part.replace("'", "")])
    return tuple(found)


@lru_cache(maxsize=4096)
def _merged(syllable: str) -> str:
    for fine, coarse in _ALIKE:
        syllable = syllable.replace(fine, coarse)
    return syllable


def likeness(phrase: Phrase, heard: Syllables, least: float) -> float:
    """How much of ``phrase`` is in ``heard``, 0..1; 0 when a quick look by letters finds too little of it."""
    if not heard or fuzz.partial_ratio(phrase.letters, " ".join(heard)) < 100 * least - 20:
        return 0.0
    return max(0.0, 1.0 - distance(phrase.sounds, heard) / len(phrase.sounds))


def distance(wanted: Syllables, heard: Syllables) -> float:
    """The cheapest edit from ``wanted`` to any stretch of ``heard`` (Sellers): a lost or extra syllable costs 1."""
    above = [0.0] * (len(heard) + 1)
    for number, syllable in enumerate(wanted, start=1):
        row = [float(number)]
        for place, other in enumerate(heard):
            row.append(min(above[place] + _cost(syllable, other), above[place + 1] + 1.0, row[place] + 1.0))
        above = row
    return min(above)


@lru_cache(maxsize=65536)
def _cost(one: str, other: str) -> float:
    """0 for the same sound, 1 for quite another; half the letters wrong is as bad as all."""
    return min(1.0, 2.0 * (1.0 - Levenshtein.normalized_similarity(one, other)))
