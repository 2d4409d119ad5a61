"""What a spoken answer means: a recogniser's readings in, a value out, and whether it may count as it is.

The rule of this module: never a sure wrong. Sure is only an utterance that is an answer from its first syllable to its
last (but for fillers), in the recogniser's clear opinion; what stands inside a sentence, what only sounds alike, what
another reading contradicts is read back. Negation is never guessed: two negations, a yes beside a no, a hedge or a
question have no value at all. The words and limits are data (`ivr_flows/phrases`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from rapidfuzz.distance import Levenshtein

from ivr_flows.events import Candidate
from ivr_flows.model import VoiceTask
from ivr_flows.wordings import Heard, Phrase, Phrases, Wordings, contains, heard, phrases_of, proven, wordings

Wish = Literal["agent", "repeat"]
_BARE = 1  # tokens of an answer that needs the higher confidence
_PROOF = 2  # tokens that a phrase inside a sentence needs, unless the sentence begins with it


@dataclass(frozen=True, slots=True)
class Understanding:
    """What was understood: `value` None is nothing to go by, not `sure` is to be read back; `why` is for the evidence.

    `why`: whole, likely, sounds, inside, near (how the value was found); rivals, unconfident (why it is not sure);
    nothing, unknown, long, hedge, negation, refusal, wish (why there is none).
    """

    value: str | None
    sure: bool
    wish: Wish | None
    why: str


NOTHING = Understanding(None, False, None, "nothing")
_BARRED = frozenset({"hedge", "negation"})  # no reading of such an utterance may stand for another


def phrases_for(kind: str, language: str, options: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """The phrases that a recogniser bound to a grammar listens for; also those that must not be taken for an answer."""
    words, task = wordings(language), _task(kind, language, options)
    others = words.unclear if kind != "digits" else ()
    return tuple(dict.fromkeys(one.text for one in (*phrases_of(task), *others, *words.wishes, *words.fillers)))


def understand(task: VoiceTask, candidates: Sequence[Candidate]) -> Understanding:
    """The meaning of an utterance at `task`, from what a recogniser heard, best first."""
    if not candidates:
        return NOTHING
    words = wordings(task.language)
    ordered = sorted(candidates, key=lambda one: -one.confidence)
    readings = [(read(task, one.text), one.confidence) for one in ordered]
    best, confidence = readings[0]
    strong = [one for one, weight in readings if weight >= confidence * words.limits.rival]
    barred = [one for one, weight in readings if weight >= confidence * words.limits.doubt and one.why in _BARRED]
    if best.wish is not None or barred:
        return best if best.wish is not None else barred[0]
    if best.value is None:
        return _from_rivals(best, strong)
    return _weighed(best, readings, ordered[0], words)


def _weighed(
    best: Understanding, readings: Sequence[tuple[Understanding, float]], first: Candidate, words: Wordings
) -> Understanding:
    """The best reading; not sure when another says something else, or when the recogniser is not confident."""
    limits = words.limits
    for other, weight in readings:
        empty = other.value is None and other.wish is None and other.why not in _BARRED
        share = limits.doubt if empty else limits.rival
        if other.value != best.value and weight >= first.confidence * share:
            return replace(best, sure=False, why="rivals")
    bare = len(heard(first.text, words.sound).tokens) <= _BARE
    if best.sure and first.confidence < (limits.short if bare else limits.confidence):
        return replace(best, sure=False, why="unconfident")
    return best


def _from_rivals(best: Understanding, strong: Iterable[Understanding]) -> Understanding:
    """The best reading means nothing; the others may, and agree: to be read back."""
    values = {one.value for one in strong} - {None}
    if len(values) != 1 or best.why in ("long", "refusal"):
        return best
    return Understanding(values.pop(), False, None, "rivals")


def read(task: VoiceTask, text: str) -> Understanding:
    """What one reading means by itself, were the recogniser certain of it."""
    words = wordings(task.language)
    said, phrases = heard(text, words.sound), phrases_of(task)
    if not said.tokens:
        return NOTHING
    if (whole := _whole(words, phrases, said)) is not None:
        return _digits(whole) if task.kind == "digits" else _agreed(whole)
    if task.kind != "digits" and contains(words.unclear, said):
        return _unless_wish(words, said, "hedge")
    if (wish := _wish(words, said)) is not None:
        return wish
    if task.kind == "digits":
        return replace(NOTHING, why="unknown")
    return _part(words, phrases, said)


def _unless_wish(words: Wordings, said: Heard, why: str) -> Understanding:
    return _wish(words, said) or replace(NOTHING, why=why)


def _wish(words: Wordings, said: Heard) -> Understanding | None:
    """A person, the question again, or no more of this; never beside a negation that is not its own."""
    found = contains(words.wishes, said)
    if found is None:
        return None
    if found.value == "refusal":
        return replace(NOTHING, why="refusal")
    if _negations(words, said.tokens) > _negations(words, found.heard.tokens):
        return replace(NOTHING, why="negation")
    return Understanding(None, False, "agent" if found.value == "agent" else "repeat", "wish")


Piece = tuple[Phrase, bool]
"""A phrase that was heard, and whether it is proven and may stand without being read back."""


def _whole(words: Wordings, phrases: Phrases, said: Heard) -> list[Piece] | None:
    """The answers that fill the utterance, fillers left out; None when anything else is in it."""
    reached: dict[int, list[Piece]] = {0: []}
    for at in range(len(said.tokens)):
        if at not in reached:
            continue
        pieces = [(one, one.sure and proven(one, said, at)) for one in phrases.at(said, at)]
        for one, certain in sorted(pieces, key=lambda piece: not piece[1]):
            reached.setdefault(at + _size(one), [*reached[at], (one, certain)])
        for one in words.fillers.at(said, at):
            if proven(one, said, at):
                reached.setdefault(at + _size(one), reached[at])
    return reached.get(len(said.tokens)) or None


def _size(phrase: Phrase) -> int:
    return len(phrase.heard.tokens)


def _agreed(pieces: Sequence[Piece]) -> Understanding:
    """One answer, or the same meaning again; a no that is said twice may be a yes."""
    value = pieces[0][0].value
    if any(phrase.value != value for phrase, _ in pieces):
        return replace(NOTHING, why="negation")
    if value == "no" and len(pieces) > 1:
        same = len({phrase for phrase, _ in pieces}) == 1
        return Understanding(value, False, None, "likely") if same else replace(NOTHING, why="negation")
    sure = all(certain for _, certain in pieces)
    listed = all(phrase.sure for phrase, _ in pieces)
    return Understanding(value, sure, None, "whole" if sure else "sounds" if listed else "likely")


def _digits(pieces: Sequence[Piece]) -> Understanding:
    """The digits in a row; one that only sounds like a digit makes all unsure."""
    sure = all(certain for _, certain in pieces)
    return Understanding("".join(phrase.value for phrase, _ in pieces), sure, None, "whole" if sure else "sounds")


def _part(words: Wordings, phrases: Phrases, said: Heard) -> Understanding:
    """An answer inside a sentence, or one that was not heard quite right: to be read back at most."""
    if len(said.tokens) > words.limits.longest:
        return replace(NOTHING, why="long")
    found, left = _inside(phrases, said)
    if _negations(words, left):
        return replace(NOTHING, why="negation")
    if len({one.value for one in found}) > 1:
        return replace(NOTHING, why="negation")
    if found:
        return Understanding(found[0].value, False, None, "inside")
    return _near(words, phrases, said)


def _inside(phrases: Phrases, said: Heard) -> tuple[list[Phrase], list[str]]:
    """The phrases in a sentence from left to right, and the tokens that belong to none."""
    found: list[Phrase] = []
    left: list[str] = []
    at = 0
    while at < len(said.tokens):
        fitting = (one for one in phrases.at(said, at) if one.inside and proven(one, said, at))
        one = next((one for one in fitting if _size(one) >= _PROOF or at == 0), None)
        if one is None:
            left.append(said.tokens[at])
        else:
            found.append(one)
        at += 1 if one is None else _size(one)
    return found, left


def _near(words: Wordings, phrases: Phrases, said: Heard) -> Understanding:
    """The phrase that sounds most like the utterance, if it has as many negations; hedges take part and win nothing."""
    longer = [one for one in (*phrases, *words.unclear) if _size(one) >= _PROOF]
    likeness = [(Levenshtein.normalized_similarity(said.letters, one.heard.letters), one) for one in longer]
    share, closest = max(likeness, key=lambda one: one[0], default=(0.0, None))
    if closest is None or share < words.limits.likeness or closest.value == "unclear":
        return replace(NOTHING, why="unknown")
    if _negations(words, said.tokens) > _negations(words, closest.heard.tokens):
        return replace(NOTHING, why="negation")
    return Understanding(closest.value, False, None, "near")


def _negations(words: Wordings, tokens: Sequence[str]) -> int:
    longest = max((len(one) for one in words.negations), default=0)
    spots = ((at, size) for at in range(len(tokens)) for size in range(1, longest + 1))
    return sum(tuple(tokens[at : at + size]) in words.negations for at, size in spots if at + size <= len(tokens))


def _task(kind: str, language: str, options: Mapping[str, tuple[str, ...]]) -> VoiceTask:
    match kind:
        case "yes_no" | "digits" | "scale" | "choice" | "confirm":
            return VoiceTask(kind, language, options=options)
        case _:
            raise ValueError(f"no voice task is called {kind!r}; there are yes_no, digits, scale, choice and confirm")
