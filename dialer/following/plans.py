"""What must follow when a callback ends (group D): the pack's lists of actions become duties with a due time.

The rule of this module: pure; the same ending gives the same duties under the same keys, so that they are made once.
Which lists of a programme are followed is decided by ``words_of``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from core.calendars import Calendars
from dialer.calling.passing import Answers
from dialer.programmes.model import Action, Notice, Pack, Programme
from dialer.programmes.periods import due

AT_ONCE = ("立即", "立刻", "即刻", "马上", "immediately", "at once")
"""Words of a source that leave no time at all; "及时" (promptly) names none, so such a duty has no due time."""

OUTCOME_QUESTION = "outcome"
PROBLEM = "problem"
FOUR = frozenset({"passed", "not_passed", "refused", "unreachable"})


@dataclass(frozen=True, slots=True)
class Following:
    """What following up needs beside the callback: the firm's pack, the calendars, whether other systems are told."""

    pack: Pack
    calendars: Calendars
    webhooks: bool = False


@dataclass(frozen=True, slots=True)
class Ended:
    """A callback that has its outcome, as the rules see it; ``second`` marks a confirm or promise call."""

    callback_id: str
    outcome: str
    programmes: tuple[Programme, ...]
    answers: Answers
    at: datetime
    branch: str = ""
    second: bool = False


@dataclass(frozen=True, slots=True)
class PlannedDuty:
    """One thing to be done; ``due_at`` None when the source names no time (D-12, D-17)."""

    key: str
    kind: str
    programme: str
    outcome: str
    to: tuple[str, ...]
    contents: tuple[str, ...]
    channel: str
    words: str
    rule: str
    due_at: datetime | None


def follow(pack: Pack, ended: Ended, calendars: Calendars) -> tuple[PlannedDuty, ...]:
    """Every duty that the ending brings; what a word of two programmes asks for is owed for each of them."""
    return (*_by_actions(ended, calendars), *_instead_of_the_call(pack, ended))


def words_of(programme: Programme, outcome: str, answers: Answers) -> tuple[str, ...]:
    """The outcome words of the programme that hold: the outcome itself and words of the programme's own (D-09).

    An own word holds when the answer to the question ``outcome`` is that word, when the question of its name was
    answered yes, or for ``not_NAME`` when the question ``NAME`` was answered no. Where no answer speaks of it, a
    callback that did not pass has the words ``problem`` and ``not_NAME``, one that passed has ``NAME``. A word whose
    actions list kinds in ``contents`` holds too when one of the questions of those names was answered yes (D-14).
    """
    own = [word for word in programme.outcomes if word not in FOUR]
    return (
        *(word for word in programme.outcomes if word == outcome),
        *(word for word in own if _holds(word, own, outcome, answers) or _found(programme.outcomes[word], answers)),
    )


def _found(actions: tuple[Action, ...], answers: Answers) -> bool:
    return any(answers.get(kind) == "yes" for action in actions for kind in action.contents)


def _holds(word: str, own: list[str], outcome: str, answers: Answers) -> bool:
    positive = word.removeprefix("not_")
    negated = word != positive
    if OUTCOME_QUESTION in answers:
        return answers[OUTCOME_QUESTION] == word
    if positive in answers:
        return answers[positive] == ("no" if negated else "yes")
    if negated or word == PROBLEM:
        return outcome == "not_passed"
    return outcome == "passed" and f"not_{word}" in own


def by_word(ended: Ended, word: str, calendars: Calendars) -> Iterator[PlannedDuty]:
    """What follows when a person says that ``word`` holds, whatever the answers say."""
    for programme in ended.programmes:
        if word in programme.outcomes:
            yield from _by_words(ended, programme, (word,), calendars)


def _by_actions(ended: Ended, calendars: Calendars) -> Iterator[PlannedDuty]:
    for programme in ended.programmes:
        yield from _by_words(ended, programme, words_of(programme, ended.outcome, ended.answers), calendars)


def _by_words(
    ended: Ended, programme: Programme, words: tuple[str, ...], calendars: Calendars
) -> Iterator[PlannedDuty]:
    for word in words:
        for number, action in enumerate(programme.outcomes[word]):
            if not (ended.second and action.kind == "confirm_call"):  # a confirmation is not confirmed again
                key = f"{ended.callback_id}:{programme.key}:{word}:{number}"
                due_at = _due_at(action, ended.at, calendars, ended.branch)
                yield _duty(key, programme.key, word, action, due_at)


def _duty(key: str, programme: str, word: str, action: Action, due_at: datetime | None) -> PlannedDuty:
    return PlannedDuty(
        key=key,
        kind=action.kind,
        programme=programme,
        outcome=word,
        to=action.to,
        contents=action.contents,
        channel=action.channel,
        words=action.words,
        rule=action.rule,
        due_at=due_at,
    )


def _due_at(action: Action, start: datetime, calendars: Calendars, branch: str) -> datetime | None:
    if action.within is not None:
        return due(action.within, start, calendars, branch=branch).at
    return start if any(word in action.words.lower() for word in AT_ONCE) else None


def _instead_of_the_call(pack: Pack, ended: Ended) -> Iterator[PlannedDuty]:
    """The message to a client who wants no call (D-10, B-23), unless a programme sends one of its own."""
    own = any(action.kind == "message" for one in ended.programmes for action in one.outcomes.get("refused", ()))
    if ended.outcome == "refused" and pack.refusal is not None and not own:
        programme = ended.programmes[0].key if ended.programmes else ""
        yield message_of(pack.refusal, f"{ended.callback_id}:refused:message", programme, "refused", ended.at)


def message_of(notice: Notice, key: str, programme: str, outcome: str, at: datetime) -> PlannedDuty:
    """That message to the client as a duty, due at once; its words name the sender."""
    return PlannedDuty(
        key=key,
        kind="message",
        programme=programme,
        outcome=outcome,
        to=("client",),
        contents=notice.contents,
        channel=notice.channels[0] if notice.channels else "",
        words=notice.sender,
        rule=notice.rule,
        due_at=at,
    )


def feedback_of(callback_key: str, programme: str, outcome: str, at: datetime, *, late: bool) -> PlannedDuty:
    """Feedback to the client on how his problem was handled (D-24); when it was late, with reasons and an apology."""
    contents: Mapping[bool, tuple[str, ...]] = {
        False: ("handling_result",),
        True: ("handling_result", "reason_of_delay", "apology"),
    }
    return PlannedDuty(
        key=f"{callback_key}:feedback",
        kind="feedback",
        programme=programme,
        outcome=outcome,
        to=("client",),
        contents=contents[late],
        channel="",
        words="向客户反馈处理结果",
        rule="D-24",
        due_at=at,
    )
