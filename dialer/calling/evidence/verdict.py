"""What was heard before the answer: tone and announcement in one verdict.

The rule of this module: words say more than tones. A sure announcement wins; else a tone; else ``none``. Words that do
not say it all are listened to again, and the surest reading counts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Self

from dialer.calling.evidence.announcements import EARLY_RULES, NONE, MatchRules, Phrases, match_surest
from dialer.calling.evidence.tones import BLOCK_MS, TONE_RULES, ToneRules, ToneVerdict, classify_tones
from dialer.lines.base import SAMPLE_RATE

ListenAgain = Callable[[], Sequence[str]]
"""Further readings of the same audio, best first; it costs a recogniser's time, so it is asked only where it helps."""


class By(StrEnum):
    """What gave the verdict."""

    TONE = "tone"
    ANNOUNCEMENT = "announcement"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class EarlyVerdict:
    """What the network played: a kind of ``tones`` or of ``phrases.yaml``, or ``none``.

    ``confidence`` 0..1; ``text`` is what was recognised and ``phrase`` the entry of the list it resembles; the times
    are milliseconds from the start of the audio.
    """

    kind: str
    confidence: float
    by: By
    text: str
    phrase: str
    start_ms: int
    end_ms: int

    def as_json(self) -> dict[str, Any]:
        """The verdict as the attempt stores it."""
        return asdict(self) | {"by": self.by.value}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """A stored verdict; KeyError or ValueError when it is none."""
        names = ("kind", "confidence", "text", "phrase", "start_ms", "end_ms")
        return cls(by=By(data["by"]), **{name: data[name] for name in names})


def judge_early(
    pcm: bytes,
    text: str,
    phrases: Phrases,
    *,
    heard_at: tuple[int, int] | None = None,
    again: ListenAgain | None = None,
    match_rules: MatchRules = EARLY_RULES,
    tone_rules: ToneRules = TONE_RULES,
) -> EarlyVerdict:
    """The verdict over early media: ``pcm`` is all of it (8 kHz s16le mono), ``text`` what a recogniser read in it.

    ``heard_at`` is where the text stands (milliseconds); without it, the whole audio. An empty ``text`` is fine: nobody
    spoke. ``again`` is asked for further readings of a text that is not wholly an announcement's. About 10 ms a call
    without it, so run it off the event loop.
    """
    tone = classify_tones(pcm, tone_rules)
    return fuse(tone, text, phrases, heard_at or (0, length_ms(pcm)), rules=match_rules, again=again)


def fuse(
    tone: ToneVerdict,
    text: str,
    phrases: Phrases,
    heard_at: tuple[int, int],
    *,
    rules: MatchRules = EARLY_RULES,
    again: ListenAgain | None = None,
) -> EarlyVerdict:
    """As ``judge_early``, for a caller that has had its own ``ToneDetector`` listen already."""
    said = match_surest([text], phrases, rules)
    if again and text and said.confidence < 1.0:
        said = match_surest([text, *again()], phrases, rules)
    if said.kind != NONE:
        return EarlyVerdict(said.kind, said.confidence, By.ANNOUNCEMENT, said.text, said.phrase, *heard_at)
    if tone.kind != NONE:
        return EarlyVerdict(tone.kind, tone.confidence, By.TONE, text, "", tone.start_ms, tone.end_ms)
    return EarlyVerdict(NONE, 0.0, By.NOTHING, text, "", 0, heard_at[1])


def length_ms(pcm: bytes) -> int:
    """How long s16le audio at 8 kHz lasts, in whole blocks of a tone detector."""
    return len(pcm) // 2 * 1000 // SAMPLE_RATE // BLOCK_MS * BLOCK_MS
