"""The contract of every recogniser of answers, with real models: readings in order, none for silence, no crash."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
import yaml

from core.settings import Settings, Transcribe
from dialer.calling.voice_answers import ListenerRules, Listeners
from ivr_flows.model import VoiceTask
from ivr_flows.understanding import understand
from transcribe.choosing import choose
from transcribe.errors import EngineUnavailable, RecogniserError, UnsupportedAudio
from transcribe.recognisers.answers import AnswerRecogniser, checked_grammar, load_answers, ranked
from transcribe.recognisers.base import EngineSpec

pytestmark = pytest.mark.integration

Pcm = npt.NDArray[np.int16]
Clip = Callable[[str], Pcm]
COFFEE = VoiceTask(
    "choice", "ko", options={"coffee": ("나 에게 커피 를 줘",), "walk": ("걸어 갔다",), "water": ("물",)}
)
YES_NO = VoiceTask("yes_no", "zh-CN")
TASKS = {"vosk": COFFEE, "whisper": YES_NO}
SPOKEN = Path(__file__).parents[2] / "data" / "answers"


def spec(models_dir: Path, engine: str) -> EngineSpec:
    settings = Settings(transcribe=Transcribe(models=str(models_dir), engines=engine))
    found = choose(settings, TASKS[engine].language)
    assert isinstance(found, EngineSpec)
    return found


@pytest.fixture(scope="module", params=["vosk", "whisper"])
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def recogniser(models_dir: Path, engine: str) -> AnswerRecogniser:
    return load_answers(spec(models_dir, engine))


def spoken(text: str, voice: str) -> Pcm:
    """A clip of tests/data/answers with half a second of silence on both sides."""
    rows = yaml.safe_load((SPOKEN / "manifest.yaml").read_text("utf-8"))
    row = next(one for one in rows if (one["text"], one["voice"]) == (text, voice))
    sound, _ = soundfile.read(SPOKEN / row["file"], dtype="int16", start=row["start"], stop=row["end"])
    return np.pad(np.asarray(sound, np.int16), 4000)


def test_readings_are_ranked_and_confident_between_0_and_1(
    recogniser: AnswerRecogniser, engine: str, clip: Clip
) -> None:
    name = "ko_rhino_coffee.8k_alaw" if engine == "vosk" else "zh_aishell_0916W0427.8k_alaw"
    found = recogniser.hear(clip(name), TASKS[engine])
    weights = [one.confidence for one in found]
    assert found
    assert weights == sorted(weights, reverse=True)
    assert all(0 <= weight <= 1 for weight in weights)
    assert len({one.text for one in found}) == len(found) <= 5


def test_the_same_audio_gives_the_same_readings(recogniser: AnswerRecogniser, engine: str, clip: Clip) -> None:
    sound = clip("ko_rhino_coffee.8k_alaw")
    assert recogniser.hear(sound, TASKS[engine]) == recogniser.hear(sound, TASKS[engine])


@pytest.mark.parametrize("samples", [0, 1, 8000, 80_000])
def test_silence_of_any_length_means_nothing(recogniser: AnswerRecogniser, engine: str, samples: int) -> None:
    task = TASKS[engine]
    assert not understand(task, recogniser.hear(np.zeros(samples, np.int16), task)).sure


def test_audio_that_is_not_of_a_telephone_is_refused(recogniser: AnswerRecogniser, engine: str) -> None:
    with pytest.raises(UnsupportedAudio, match="give one channel"):
        recogniser.hear(np.zeros((8000, 2), np.int16), TASKS[engine])


def test_a_folder_that_is_no_model_is_refused(engine: str, tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable, match="fetch the model again"):
        load_answers(EngineSpec(engine, "none", tmp_path, "model.bin"))


def test_vosk_hears_the_phrases_of_the_task(models_dir: Path, clip: Clip) -> None:
    found = load_answers(spec(models_dir, "vosk")).hear(clip("ko_rhino_coffee.8k_alaw"), COFFEE)
    said = understand(COFFEE, found)
    assert (said.value, said.sure) == ("coffee", True)


def test_vosk_forced_onto_phrases_by_other_speech_is_not_sure(models_dir: Path, clip: Clip) -> None:
    found = load_answers(spec(models_dir, "vosk")).hear(clip("ko_leopard.8k_alaw"), COFFEE)
    assert not understand(COFFEE, found).sure


def test_vosk_refuses_a_task_of_which_it_knows_no_word(models_dir: Path, clip: Clip) -> None:
    task = VoiceTask("choice", "ko", options={"x": ("가나다라마",)})
    with pytest.raises(RecogniserError, match="give others"):
        load_answers(spec(models_dir, "vosk")).hear(clip("ko_leopard.8k_alaw"), task)


@pytest.mark.parametrize("phrases", [[], ["  "], "是", [1]])
def test_a_grammar_that_would_end_the_process_is_refused(phrases: list[str]) -> None:
    with pytest.raises(RecogniserError):
        checked_grammar(phrases)


def test_equal_readings_are_one_and_nothing_is_no_reading() -> None:
    found = ranked([("是", 0.3), ("", 0.9), ("不是", 0.4), ("是", 0.3)])
    assert [(one.text, one.confidence) for one in found] == [("是", 0.6), ("不是", 0.4)]


@pytest.mark.parametrize(("text", "value"), [("没错", "yes"), ("没有", "no")])
def test_whisper_understands_a_clear_answer(models_dir: Path, text: str, value: str) -> None:
    found = load_answers(spec(models_dir, "whisper")).hear(spoken(text, "jm_kumo"), YES_NO)
    assert understand(YES_NO, found).value == value


def test_answers_are_heard_in_processes_beside_the_node(models_dir: Path, clip: Clip) -> None:
    async def ask() -> str | None:
        listeners = Listeners({"ko": spec(models_dir, "vosk")}, ListenerRules(workers=1, patience_s=60))
        try:
            heard = await listeners.submit(clip("ko_rhino_coffee.8k_alaw").tobytes(), COFFEE)
        finally:
            listeners.close()
        return understand(COFFEE, heard).value

    assert asyncio.run(ask()) == "coffee"
