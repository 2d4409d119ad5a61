"""Listening again with the words of a list in mind: more is heard of announcements, nothing is made up from people."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from zlib import crc32

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from core.settings import Settings, Transcribe
from dialer.calling.evidence.announcements import EARLY_RULES, expected_words, load_phrases, match, match_surest
from tests.benchmarks.dispositions.signals import noisy, silence, telephone
from transcribe.choosing import choose, load
from transcribe.recognisers.base import EngineSpec, Recogniser
from transcribe.worker import Passage, hear_again

pytestmark = pytest.mark.integration

Pcm = npt.NDArray[np.int16]
PHRASES = load_phrases()
ANNOUNCEMENTS = Path(__file__).parents[2] / "data" / "announcements"
PEOPLE = (
    "zh_aishell_0724W0121",
    "zh_aishell_0916W0427",
    "zh_nst_1",
    "zh_paddle_running",
    "en_librispeech_1995",
    "ko_leopard",  # heard as Chinese: nonsense that a prompt might fill
    "ko_rhino_coffee",
)


@pytest.fixture(scope="module")
def spec(models_dir: Path) -> EngineSpec:
    found = choose(Settings(transcribe=Transcribe(models=str(models_dir), engines="whisper")), "zh-CN")
    assert isinstance(found, EngineSpec)
    return found


@pytest.fixture(scope="module")
def whisper(spec: EngineSpec) -> Recogniser:
    return load(spec)


def over_the_telephone(name: str, sound: npt.NDArray[np.float64]) -> Pcm:
    """With the room noise at 10 dB that the benchmark gives to the clip of that name."""
    chance = np.random.default_rng(crc32(f"{name} 10".encode()))
    padded = np.concatenate([silence(300), sound, silence(500)])
    return np.frombuffer(telephone(noisy(padded, 10.0, chance, "room")), dtype="<i2")


def again(spec: EngineSpec, language: str, pcm: Pcm) -> tuple[str, ...]:
    return hear_again(Passage(spec, language, pcm, expected_words(PHRASES, language)))


@pytest.mark.parametrize("name", PEOPLE)
def test_no_announcement_is_made_up_from_people_in_noise(
    name: str, spec: EngineSpec, clip: Callable[[str], Pcm]
) -> None:
    language = "en" if name.startswith("en") else "zh-CN"
    readings = again(spec, language, over_the_telephone(name, clip(f"{name}.8k_alaw").astype(float)))
    assert match_surest(readings, PHRASES, EARLY_RULES).kind == "none", readings


def test_an_announcement_that_noise_hides_is_heard_the_second_time(spec: EngineSpec, whisper: Recogniser) -> None:
    name = "powered_off_d2_jf_gongitsune.flac"
    pcm = over_the_telephone(name, soundfile.read(ANNOUNCEMENTS / name, dtype="int16")[0].astype(float))
    once = " ".join(one.text for one in whisper.transcribe(pcm, 8000, "zh-CN"))
    assert match(once, PHRASES, EARLY_RULES).kind == "none", once
    assert match_surest(again(spec, "zh-CN", pcm), PHRASES, EARLY_RULES).kind == "powered_off"


def test_with_a_context_there_are_no_times_of_words(whisper: Recogniser, clip: Callable[[str], Pcm]) -> None:
    """Together they make Mandarin loop."""
    pcm = clip("zh_paddle_running.8k_alaw")
    (said,) = whisper.transcribe(pcm, 8000, "zh-CN", context=expected_words(PHRASES, "zh-CN"))
    assert said.words == ()
    assert 0 <= said.start_ms < said.end_ms <= pcm.size // 8
    assert "跑步" in said.text
    assert len(said.text) < 40, "no loop"
