"""A second listening in a worker process, with a recogniser that stands in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from transcribe.audio import Pcm
from transcribe.recognisers import ENGINES, Engine
from transcribe.recognisers.base import EngineSpec, Utterance
from transcribe.vad import Span
from transcribe.worker import Passage, hear_again, hear_again_or_die, repeats

pytestmark = pytest.mark.unit

CONTEXT = "您拨打的是空号、已停机、已关机、请给我留言，请稍后再拨。"
SOUND = np.random.default_rng(3).normal(0, 400, 16_000).astype(np.int16)


class Parrot:
    """Reads what its model is called, once in the noise; without the noise it repeats a part of the context."""

    engine = "parrot"

    def __init__(self, spec: EngineSpec) -> None:
        self.model = spec.model

    def transcribe(
        self, pcm: Pcm, rate: int, language: str, spans: Sequence[Span] | None = None, context: str = ""
    ) -> list[Utterance]:
        assert (rate, language, spans) == (8000, "zh-CN", []), "nobody speaks in noise"
        text = self.model if np.array_equal(pcm, SOUND) else context[:7]
        return [Utterance(0, 1000, part, 1.0, ()) for part in text.split()]


@pytest.fixture
def passage(monkeypatch: pytest.MonkeyPatch) -> Passage:
    monkeypatch.setitem(ENGINES, "parrot", Engine(__name__, "Parrot", "numpy", "nothing"))
    return Passage(EngineSpec("parrot", "您拨打的手机 已停机", Path(), ""), "zh-CN", SOUND, CONTEXT)


@pytest.mark.parametrize("listen", [hear_again, hear_again_or_die])
def test_a_reading_that_only_repeats_the_context_is_left_out(listen: type, passage: Passage) -> None:
    assert listen(passage) == ("您拨打的手机 已停机",)


@pytest.mark.parametrize(
    ("text", "context"),
    [
        ("您拨打的是空号。", CONTEXT),
        ("您拨打的是空号,已停机,已停机。", CONTEXT),
        ("迷方的严肃,已停机、已停机。", CONTEXT),
        ("请稍后再拨", CONTEXT),
        ("Sorry, the is busy, is busy", "The number you dialed is out of service, is busy."),
        ("", CONTEXT),
    ],
)
def test_a_text_that_goes_on_with_the_list_is_no_reading(text: str, context: str) -> None:
    assert repeats(text, context)


@pytest.mark.parametrize(
    ("text", "context"),
    [
        ("您拨打的号码是空号,请稍后再拨", CONTEXT),
        ("您好,您拨打的手机已停机", CONTEXT),
        ("您拨打的电话已停机，请稍后再拨。", CONTEXT),
        ("The number you dialed is busy", "The number you dialed is out of service, is busy."),
    ],
)
def test_an_announcement_of_one_item_is_a_reading(text: str, context: str) -> None:
    assert not repeats(text, context)
