"""What was heard before the answer: tone and announcement in one verdict.

The rule of this module: words say more than tones. A sure announcement wins; else a tone; else ``none``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Self

from dialer.calling.evidence.announcements import EARLY_RULES, NONE, MatchRules, Phrases, match
from dialer.calling.evidence.tones import BLOCK_MS, TONE_RULES, ToneRules, ToneVerdict, classify_tones
from dialer.lines.base import SAMPLE_RATE


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
    match_rules: MatchRules = EARLY_RULES,
    tone_rules: ToneRules = TONE_RULES,
) -> EarlyVerdict:
    """The verdict over early media: ``pcm`` is all of it (8 kHz s16le mono), ``text`` what a recogniser read in it.

    ``heard_at`` is where the text stands (milliseconds); without it, the whole audio. An empty ``text`` is fine. About
    10 ms a call, so run it off the event loop.
    """
    return fuse(classify_tones(pcm, tone_rules), text, phrases, heard_at or (0, length_ms(pcm)), match_rules)


def fuse(
    tone: ToneVerdict, text: str, phrases: Phrases, heard_at: tuple[int, int], rules: MatchRules = EARLY_RULES
) -> EarlyVerdict:
    """As ``judge_early``, for a caller that has had its own ``ToneDetector`` listen already."""
    said = match(text, phrases, rules)
    if said.kind != NONE:
        return EarlyVerdict(said.kind, said.confidence, By.ANNOUNCEMENT, text, said.phrase, *heard_at)
    if tone.kind != NONE:
        return EarlyVerdict(tone.kind, tone.confidence, By.TONE, text, "", tone.start_ms, tone.end_ms)
    return EarlyVerdict(NONE, 0.0, By.NOTHING, text, "", 0, heard_at[1])


def length_ms(pcm: bytes) -> int:
    """How long s16le audio at 8 kHz lasts, in whole blocks of a tone detector."""
    return len(pcm) // 2 * 1000 // SAMPLE_RATE // BLOCK_MS * BLOCK_MS
