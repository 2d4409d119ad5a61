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
_GROUP = {initial: group for group in ("bp", "dt", "gkh", "jqx", "zcs", "lrn", "mw", "f", "y") for initial in group}
"""Initials that telephones and recognisers mix up."""
_ALIKE = (("zh", "z"), ("ch", "c"), ("sh", "s"), ("ng", "n"))


@dataclass(frozen=True, slots=True)
class MatchRules:
    """How like a phrase a text must sound; every figure is a share of the phrase that was heard right (0..1)."""

    sure: float = 0.8  # from here an announcement counts, with a confidence of 0.8
    frame: float = 0.75  # frames are long and need only show that a network speaks
    short_frame: float = 0.85  # up to three syllables nearly anything is a fifth wrong: 那个号码 is not 该号码
    alone: float = 0.6  # the most that a key without a frame is worth: below ``sure``, so it never counts
    unframed: float = 1.25  # weight of an error in a phrase that counts without a frame: one in five is too many
    terse: float = 3.0  # the same for phrases up to four syllables: chance makes these up from people's talk
    tersest: float = 1.25  # weight of an error in a key of two syllables
    alike: float = 0.05  # kinds this close are heard alike: the order of the list decides, or the longer phrase


MATCH_RULES = MatchRules()
"""For an answered call, in which a person may speak."""
EARLY_RULES = MatchRules(sure=0.7)
"""Before the answer no person speaks, and noise makes a recogniser mishear one syllable of three or four."""
SURE = 0.8


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
    """The list: phrases and keys in the order of the kinds, frames, and the words that only people use.

    Where one of ``persons`` is said, only the kinds of ``personal`` are left: a mailbox speaks in its owner's words.
    """

    phrases: tuple[Phrase, ...]
    frames: tuple[Phrase, ...]
    persons: re.Pattern[str]
    personal: frozenset[str]
    expected: Mapping[str, str]  # language -> a sentence for ``expected_words``, with {keys} in it

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
    """A list from its YAML form (``phrases.yaml``)."""
    phrases = [
        Phrase(kind, text, sounds(text), key)
        for kind, words in data["kinds"].items()
        for name, key in (("phrases", False), ("keys", True))
        for text in words.get(name, ())
    ]
    frames = tuple(Phrase("frame", text, sounds(text), False) for text in data["frames"])
    persons = re.compile("|".join(data["persons"]))
    return Phrases(tuple(phrases), frames, persons, frozenset(data["personal"]), dict(data.get("expected", {})))


def expected_words(phrases: Phrases, language: str) -> str:
    """What a recogniser may expect where a network speaks: a sentence with the first key of each kind.

    Words that only people use stay out: suggested ones would be heard, and would speak against a network.
    "" for a language that the list does not know; it has Chinese (``zh``, ``zh-CN``) and English.
    """
    primary = language.partition("-")[0]
    keys: dict[str, str] = {}
    for one in phrases.phrases:
        fits = one.key and _is_chinese(one.text) == (primary == "zh")
        if fits and not phrases.persons.search(one.text):
            keys.setdefault(one.kind, one.text)
    return phrases.expected.get(primary, "").format(keys=("、" if primary == "zh" else ", ").join(keys.values()))


def _is_chinese(text: str) -> bool:
    return "一" <= text[0] <= "鿿"


def match_surest(texts: Iterable[str], phrases: Phrases, rules: MatchRules = MATCH_RULES) -> AnnouncementVerdict:
    """The announcement in the surest of several readings of the same audio; of the earlier when two are as sure."""
    found = [match(text, phrases, rules) for text in texts]
    return max(
        found, key=lambda one: (one.kind != NONE, one.confidence), default=AnnouncementVerdict(NONE, 0.0, "", "")
    )


def match(
    text: str, phrases: Phrases, rules: MatchRules = MATCH_RULES, kinds: Iterable[str] | None = None
) -> AnnouncementVerdict:
    """The announcement in ``text`` (recogniser output, either language); ``kinds`` leaves others out.

    Under ``rules.sure`` the kind is ``none`` and the confidence that of the best candidate.
    """
    heard = sounds(text)
    framed = any(_frames(frame, heard, rules) for frame in phrases.frames)
    wanted = set(phrases.kinds if kinds is None else kinds)
    if phrases.persons.search(text.lower()):
        wanted &= phrases.personal
    scored = [(one, _worth(one, heard, framed, rules)) for one in phrases.phrases if one.kind in wanted]
    phrase, likely = _choose(scored, phrases.kinds, rules)
    confidence = _confidence(likely, rules)
    if phrase is None or likely < rules.sure:
        return AnnouncementVerdict(NONE, confidence, "", text)
    return AnnouncementVerdict(phrase.kind, confidence, phrase.text, text)


def _frames(frame: Phrase, heard: Syllables, rules: MatchRules) -> bool:
    least = rules.frame if len(frame.sounds) > 3 else rules.short_frame
    return likeness(frame, heard, least) >= least


def _confidence(likely: float, rules: MatchRules) -> float:
    """On one scale for every set of rules: ``rules.sure`` is 0.8, all heard is 1."""
    if likely < rules.sure:
        return round(SURE * likely / rules.sure, 3)
    return round(SURE + (1 - SURE) * (likely - rules.sure) / (1 - rules.sure), 3)


def _worth(phrase: Phrase, heard: Syllables, framed: bool, rules: MatchRules) -> float:
    like = likeness(phrase, heard, rules.sure)
    if phrase.key and not framed:
        return like * rules.alone
    return max(0.0, 1.0 - (1.0 - like) * _weight(len(phrase.sounds), phrase.key or framed, rules))


def _weight(syllables: int, supported: bool, rules: MatchRules) -> float:
    if supported:
        return rules.tersest if syllables <= 2 else 1.0
    return rules.terse if syllables <= 4 else rules.unframed


def _choose(
    scored: Sequence[tuple[Phrase, float]], order: Sequence[str], rules: MatchRules
) -> tuple[Phrase | None, float]:
    best = max((worth for _, worth in scored), default=0.0)
    near = [(one, worth) for one, worth in scored if worth > 0 and worth >= best - rules.alike]
    if not near:
        return None, 0.0
    if best >= 1.0 - rules.alike:  # all of them were said
        return min(near, key=lambda pair: (order.index(pair[0].kind), -pair[1], -len(pair[0].sounds)))
    return max(near, key=lambda pair: (len(pair[0].sounds), pair[1]))  # the longest is the least likely by chance


def sounds(text: str) -> Syllables:
    """``text`` as it sounds: pinyin without tones (z like zh, n like ng), English words in capitals, single digits."""
    found: list[str] = []
    for part in _TOKEN.findall(text.lower().replace("can not", "cannot")):
        found.extend(map(_merged, lazy_pinyin(part)) if _is_chinese(part) else [part.replace("'", "").upper()])
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
    """0 for the same sound, 1 for quite another."""
    if one == other:
        return 0.0
    if one.isupper() or other.isupper() or one.isdigit() or other.isdigit():
        return min(
            1.0, 2.0 * (1.0 - Levenshtein.normalized_similarity(one, other))
        )  # half the letters wrong: all wrong
    (initial, final), (initial2, final2) = _halves(one), _halves(other)
    first = 0.0 if initial == initial2 else 0.25 if _GROUP.get(initial) == _GROUP.get(initial2, "") else 0.5
    return first + 0.5 * (1.0 - Levenshtein.normalized_similarity(final, final2))


def _halves(syllable: str) -> tuple[str, str]:
    """Initial and final of a merged syllable."""
    cut = 1 if syllable[:1] in _GROUP else 0
    return syllable[:cut], syllable[cut:]
