"""Who answered: a person, a voicemail, an assistant, a fax, or nobody.

The rule of this module: pure and incremental, and a person first. Only words of the phrase list, a mailbox's beep after
a greeting or a fax tone speak against a person; whatever stays open when time is up is a person in doubt. A later, sure
sign may still revise such a verdict, because a mailbox says "after the tone" only at the end of its greeting.

Times are milliseconds since the answer.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from dialer.calling.evidence.announcements import MATCH_RULES, NONE, AnnouncementVerdict, MatchRules, Phrases, match
from dialer.calling.evidence.tones import BEEP, FAX_CED, FAX_CNG, ToneVerdict

FRAME_MS = 20


class Answer(StrEnum):
    """Who answered; the value is what is stored."""

    PERSON = "person"
    VOICEMAIL = "voicemail"
    ASSISTANT = "assistant"
    FAX = "fax"
    SILENCE = "silence"
    UNKNOWN = "unknown"  # a network's announcement after a 200, or a call that ended too early to tell


_MACHINES = {"assistant": Answer.ASSISTANT, "voicemail": Answer.VOICEMAIL}
MACHINES = frozenset({Answer.VOICEMAIL, Answer.ASSISTANT, Answer.FAX})


@dataclass(frozen=True, slots=True)
class AnswerRules:
    """When what is believed; milliseconds and confidences 0..1."""

    decide_ms: int = 3000  # after speech began; a person who waits longer for us hangs up
    silence_ms: int = 4000  # nobody speaks: people say hello within 2 s, assistants within 3
    least_speech_ms: int = 120  # less is a click or a breath
    hello_ms: int = 1800  # "hello?" in any language; a mailbox's greeting has no pause that early
    pause_ms: int = 600  # who greets and then waits this long is a person
    greeting_ms: int = 2000  # a beep counts only after as much speech without a wait: people's lines beep too
    watch_ms: int = 20_000  # so long may a sure sign revise a person or silence in doubt
    machine: float = 0.8  # from here on a machine is believed; the threshold of the phrase list
    hello: float = 0.8  # a short greeting and a wait, unheard words: a person
    hello_worded: float = 0.95  # the same, and the words are no announcement
    doubt: float = 0.5  # time is up: a person
    beeped: float = 0.85  # greeting, then beep
    quiet: float = 0.7  # silence


@dataclass(frozen=True, slots=True)
class AnswerVerdict:
    """Who answered, how surely, decided when and why; ``announcement`` is the kind of the phrase that was heard."""

    kind: Answer
    confidence: float
    at_ms: int
    why: str
    announcement: str = ""
    phrase: str = ""
    text: str = ""

    @property
    def machine(self) -> bool:
        """Whether no person is on the line, surely enough to act on it."""
        return self.kind in MACHINES

    def as_json(self) -> dict[str, Any]:
        """The verdict as the attempt stores it."""
        return asdict(self) | {"kind": self.kind.value}


class AnswerJudge:
    """Feed it every frame and whatever tone and text events come; each call gives a new verdict or None."""

    def __init__(self, phrases: Phrases, rules: AnswerRules = AnswerRules(), match_rules: MatchRules = MATCH_RULES):
        self._phrases = phrases
        self._rules = rules
        self._match = match_rules
        self._at_ms = 0
        self._speech_ms = 0
        self._run_ms = 0
        self._quiet_ms = 0
        self._began_ms: int | None = None
        self._texts: list[tuple[int, str]] = []
        self._said = AnnouncementVerdict(NONE, 0.0, "", "")
        self.verdict: AnswerVerdict | None = None

    @property
    def at_ms(self) -> int:
        """How much of the call it has heard."""
        return self._at_ms

    @property
    def began_ms(self) -> int | None:
        """When somebody began to speak; None as long as nobody has."""
        return self._began_ms

    @property
    def open(self) -> bool:
        """Whether more can still change the verdict: stop feeding (and recognising) when not."""
        if self._at_ms >= self._rules.watch_ms:
            return False
        return self.verdict is None or not self.verdict.machine

    def frame(self, speaking: bool) -> AnswerVerdict | None:
        """The next 20 ms, and whether a voice was in it."""
        self._at_ms += FRAME_MS
        self._count(speaking)
        return self._propose(self._by_time())

    def tone(self, tone: ToneVerdict) -> AnswerVerdict | None:
        """What a ``ToneDetector`` told just now."""
        if tone.confidence < self._rules.machine:
            return None
        if tone.kind in (FAX_CED, FAX_CNG):
            return self._propose(self._made(Answer.FAX, tone.confidence, "fax tone"))
        if tone.kind == BEEP and self._speech_ms >= self._rules.greeting_ms and not self._waited:
            return self._propose(self._made(Answer.VOICEMAIL, self._rules.beeped, "greeting and beep"))
        return None

    def text(self, text: str, start_ms: int) -> AnswerVerdict | None:
        """A piece of recognised text; the same ``start_ms`` replaces what was there (partial results).

        About 5 ms: in an event loop, do it in a thread or between calls.
        """
        self._texts = sorted([*((at, old) for at, old in self._texts if at != start_ms), (start_ms, text)])
        heard = " ".join(piece for _, piece in self._texts)
        machine = match(
            heard, self._phrases, self._match, kinds=_MACHINES
        )  # whoever offers to take a message, answered
        self._said = machine if machine.kind != NONE else match(heard, self._phrases, self._match)
        return self._propose(self._by_words())

    def finish(self) -> AnswerVerdict:
        """The last word when the call ends or the watch is over."""
        if self.verdict is None:
            spoke = self._speech_ms >= self._rules.least_speech_ms
            kind, why = (Answer.PERSON, "in doubt a person") if spoke else (Answer.UNKNOWN, "ended too early")
            self._propose(self._made(kind, self._rules.doubt if spoke else 0.0, why))
        return self.verdict or self._made(Answer.UNKNOWN, 0.0, "ended too early")

    def _count(self, speaking: bool) -> None:
        if not speaking:
            self._quiet_ms += FRAME_MS
            self._run_ms = 0
            return
        self._quiet_ms, self._run_ms = 0, self._run_ms + FRAME_MS
        self._speech_ms += FRAME_MS
        if self._began_ms is None and self._run_ms >= self._rules.least_speech_ms:
            self._began_ms = self._at_ms - self._run_ms

    def _by_time(self) -> AnswerVerdict | None:
        rules = self._rules
        if self._began_ms is None:
            silent = self._at_ms >= rules.silence_ms
            return self._made(Answer.SILENCE, rules.quiet, "nobody speaks") if silent else None
        if self._greeted():
            worded = bool(self._texts) and self._said.kind == NONE
            return self._made(Answer.PERSON, rules.hello_worded if worded else rules.hello, "a greeting and a wait")
        if self._at_ms - self._began_ms >= rules.decide_ms:
            return self._made(Answer.PERSON, rules.doubt, "in doubt a person")
        return None

    @property
    def _waited(self) -> bool:
        """Whether somebody greeted us and waited: the tone of a recorded line makes no mailbox of him."""
        return self.verdict is not None and self.verdict.confidence >= self._rules.hello

    def _greeted(self) -> bool:
        return self._speech_ms <= self._rules.hello_ms and self._quiet_ms >= self._rules.pause_ms

    def _by_words(self) -> AnswerVerdict | None:
        if self._said.kind == NONE:
            return None
        kind = _MACHINES.get(self._said.kind, Answer.UNKNOWN)
        return self._made(kind, self._said.confidence, "announcement")

    def _made(self, kind: Answer, confidence: float, why: str) -> AnswerVerdict:
        said = self._said if self._said.kind != NONE else None
        text = " ".join(piece for _, piece in self._texts)
        return AnswerVerdict(
            kind, confidence, self._at_ms, why, said.kind if said else "", said.phrase if said else "", text
        )

    def _propose(self, new: AnswerVerdict | None) -> AnswerVerdict | None:
        if new is None or self._at_ms > self._rules.watch_ms or not self._overrules(new):
            return None
        self.verdict = new
        return new

    def _overrules(self, new: AnswerVerdict) -> bool:
        """A first verdict stands; words and tones revise it, and speech revises silence. A machine stays a machine."""
        old = self.verdict
        if old is None:
            return True
        if old.machine or new.kind == old.kind:
            return False
        if old.announcement:
            return new.machine  # a network that spoke is no person; its mailbox may come after
        return new.confidence >= self._rules.machine or old.kind is Answer.SILENCE


def replay(
    judge: AnswerJudge,
    frames: Iterable[bool],
    tones: Iterable[tuple[int, ToneVerdict]] = (),
    texts: Iterable[tuple[int, int, str]] = (),
) -> AnswerVerdict:
    """The verdict over a stored call: ``tones`` as (at_ms, verdict), ``texts`` as (known_at_ms, start_ms, text)."""
    listen(judge, frames, tones, texts)
    return judge.finish()


def listen(
    judge: AnswerJudge,
    frames: Iterable[bool],
    tones: Iterable[tuple[int, ToneVerdict]] = (),
    texts: Iterable[tuple[int, int, str]] = (),
) -> None:
    """As ``replay``, of a call that goes on."""
    told = sorted(tones, key=lambda one: one[0])
    read = sorted(texts)
    at_ms = 0
    for speaking in frames:
        at_ms += FRAME_MS
        judge.frame(speaking)
        while told and told[0][0] <= at_ms:
            judge.tone(told.pop(0)[1])
        while read and read[0][0] <= at_ms:
            _, start_ms, text = read.pop(0)
            judge.text(text, start_ms)
