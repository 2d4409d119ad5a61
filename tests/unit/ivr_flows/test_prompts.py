"""Where a prompt's audio comes from, and what is done to it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from ivr_flows.errors import VoiceError
from ivr_flows.graph import to_svg
from ivr_flows.model import Flow, Prompt
from ivr_flows.prompts import COMMITTED, Catalogue, as_heard, content_hash, read_audio, write_ogg
from ivr_flows.signal import RATE, normalise, resample, telephone, to_pcm
from ivr_flows.speech import Speaker
from ivr_flows.spoken import WEEKDAYS, day
from ivr_flows.studio import Standing, note, recording, take_in
from ivr_flows.terminal import run

pytestmark = pytest.mark.unit

HELLO = Prompt("hello", "en", "Nobody has rendered this.")
DAY = Prompt("day", "en", "", "callback_day")


def _tone(hertz: float, rate: int, seconds: float = 1.0) -> np.ndarray:
    return 0.3 * np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate)


def test_a_studio_recording_of_any_shape_wins(tmp_path: Path) -> None:
    spoken = tmp_path / "audio" / "en" / f"{content_hash('en', HELLO.text)}.flac"
    spoken.parent.mkdir(parents=True)
    soundfile.write(spoken, to_pcm(_tone(500, RATE, 0.5)), RATE, subtype="PCM_16")
    catalogue = Catalogue(tmp_path)
    assert len(catalogue.audio(HELLO)) == RATE
    recorded = tmp_path / "recorded" / "en" / "hello.wav"
    recorded.parent.mkdir(parents=True)
    soundfile.write(recorded, np.column_stack([_tone(440, 44100, 2), _tone(440, 44100, 2)]), 44100, subtype="PCM_24")
    assert catalogue.seconds(HELLO) == pytest.approx(2.0, abs=0.1)
    samples = np.frombuffer(catalogue.audio(HELLO), "<i2").astype(float)
    loudest = np.argmax(np.abs(np.fft.rfft(samples))) * RATE / len(samples)
    assert loudest == pytest.approx(440, abs=2)


def _recorded(site: Path, text_hash: str | None) -> None:
    path = recording(site, HELLO)
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, _tone(440, RATE, 2), RATE, subtype="PCM_16")
    if text_hash is not None:
        path.with_suffix(".json").write_text(json.dumps({"text_hash": text_hash}), encoding="utf-8")


@pytest.mark.parametrize(
    ("text_hash", "standing", "played"),
    [
        (None, Standing.UNPROVEN, True),
        (content_hash("en", HELLO.text), Standing.CURRENT, True),
        (content_hash("en", "Another text."), Standing.OLDER, False),
    ],
)
def test_a_recording_of_another_text_is_not_played(
    tmp_path: Path, text_hash: str | None, standing: Standing, played: bool
) -> None:
    _recorded(tmp_path, text_hash)
    assert Catalogue(tmp_path).standing(HELLO) is standing
    assert (Catalogue(tmp_path).find(HELLO) is not None) is played
    assert Catalogue(tmp_path, play_older=True).find(HELLO) == recording(tmp_path, HELLO)


def test_a_recording_with_a_broken_note_is_not_played(tmp_path: Path) -> None:
    _recorded(tmp_path, "x")
    recording(tmp_path, HELLO).with_suffix(".json").write_text("{", encoding="utf-8")
    assert Catalogue(tmp_path).find(HELLO) is None


def test_instead_of_an_older_recording_the_texts_own_audio_is_played(tmp_path: Path) -> None:
    _recorded(tmp_path, "of another text")
    own = tmp_path / "audio" / "en" / f"{content_hash('en', HELLO.text)}.ogg"
    write_ogg(own, to_pcm(_tone(500, RATE, 0.5)))
    assert Catalogue(tmp_path).find(HELLO) == own
    assert Catalogue(tmp_path).seconds(HELLO) == 0.5


@pytest.mark.parametrize("rate", [8000, 16000, 44100])
def test_a_recording_is_taken_in_at_the_telephones_level_with_its_note(tmp_path: Path, rate: int) -> None:
    given_file = tmp_path / "take.wav"
    soundfile.write(given_file, 0.1 * _tone(440, rate, 2), rate, subtype="PCM_16")
    at = datetime(2026, 11, 25, 9, tzinfo=UTC)
    taken = take_in(given_file, HELLO, content_hash("en", HELLO.text), tmp_path, by="studio", at=at)
    assert (taken.seconds, taken.peak, taken.level) == pytest.approx((2.0, -30.5, -33.5), abs=0.2)
    heard, kept_rate = soundfile.read(taken.path)
    assert kept_rate == RATE
    assert 20 * np.log10(np.sqrt((heard**2).mean())) == pytest.approx(-20, abs=0.2)
    assert note(taken.path) == {
        "text_hash": content_hash("en", HELLO.text),
        "recorded_at": "2026-11-25T09:00:00+00:00",
        "by": "studio",
        "peak": taken.peak,
    }
    assert Catalogue(tmp_path).standing(HELLO) is Standing.CURRENT


@pytest.mark.parametrize(
    ("samples", "rate", "fault"),
    [
        (np.zeros(8000), 8000, "silent"),
        (0.001 * _tone(440, 8000), 8000, "quiet"),
        (np.clip(5 * _tone(440, 8000), -1, 1), 8000, "clipped"),
        (_tone(440, 4000), 4000, "samples a second"),
        (_tone(440, 8000, 0.1), 8000, "lasts"),
    ],
)
def test_a_recording_that_cannot_be_used_is_refused_and_nothing_is_kept(
    tmp_path: Path, samples: np.ndarray, rate: int, fault: str
) -> None:
    soundfile.write(tmp_path / "take.wav", samples, rate, subtype="PCM_16")
    with pytest.raises(VoiceError, match=fault):
        take_in(tmp_path / "take.wav", HELLO, "hash", tmp_path, by="studio", at=datetime(2026, 11, 25, tzinfo=UTC))
    assert not recording(tmp_path, HELLO).exists()


def test_what_is_no_sound_is_refused(tmp_path: Path) -> None:
    (tmp_path / "take.wav").write_text("no sound", encoding="utf-8")
    with pytest.raises(VoiceError, match="WAV or FLAC"):
        take_in(tmp_path / "take.wav", HELLO, "hash", tmp_path, by="studio", at=datetime(2026, 11, 25, tzinfo=UTC))


def test_vorbis_keeps_length_and_tone_in_a_fraction_of_the_size(tmp_path: Path) -> None:
    speech = np.frombuffer(read_audio(next(COMMITTED.glob("en/*.flac"))), "<i2").astype(np.int16)
    write_ogg(tmp_path / "a.ogg", speech)
    read = np.frombuffer(read_audio(tmp_path / "a.ogg"), "<i2").astype(float)
    assert len(read) == len(speech)
    assert (tmp_path / "a.ogg").stat().st_size < 4000 * len(speech) / RATE + 1000
    assert np.corrcoef(read, speech)[0, 1] > 0.9
    assert [path.name for path in tmp_path.iterdir()] == ["a.ogg"]


def test_a_preview_is_what_the_line_makes_of_the_prompt() -> None:
    tone = to_pcm(_tone(440, RATE))
    heard, rate = soundfile.read(io.BytesIO(as_heard(tone.tobytes())), dtype="int16")
    assert (rate, len(heard)) == (RATE, len(tone))
    assert 0 < np.abs(heard.astype(int) - tone).max() < 600  # a step of A-law at this level, and no more
    assert len(np.unique(np.abs(heard))) <= 128


def test_a_prompt_without_audio_is_an_error_and_no_silence() -> None:
    with pytest.raises(VoiceError, match="hello"):
        Catalogue().audio(HELLO)


def test_a_text_of_the_call_is_spoken_once(tmp_path: Path) -> None:
    spoken: list[str] = []

    def voice(text: str, language: str) -> bytes:
        spoken.append(text)
        return b"\x01\x00" * 80

    catalogue = Catalogue(speaker=Speaker(tmp_path, voice))
    first = catalogue.audio(DAY, {"callback_day": "Wang Xiaoming"})
    assert catalogue.audio(DAY, {"callback_day": "Wang Xiaoming"}) == first == b"\x01\x00" * 80
    assert spoken == ["Wang Xiaoming"]
    assert not [path for path in tmp_path.rglob("*") if "Wang" in path.name]
    with pytest.raises(VoiceError, match="callback_day"):
        catalogue.audio(DAY, {})


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_the_next_days_are_spoken_in_the_scripts_own_voice(language: str) -> None:
    today = date(2026, 11, 23)
    for ahead in range(1, 7):
        said = day(today + timedelta(days=ahead), today, language)
        assert Catalogue().seconds(Prompt("d", language, "", "callback_day"), {"callback_day": said}) > 0.2


def test_a_day_is_spoken_in_words() -> None:
    today = date(2026, 11, 23)
    assert day(date(2026, 11, 24), today, "zh-CN") == "星期二" == WEEKDAYS["zh-CN"][1]
    assert day(date(2026, 12, 20), today, "zh-CN") == "十二月二十日，星期日"
    assert day(date(2026, 12, 31), today, "en") == "Thursday, December 31"
    assert day(today, today, "zh-CN") == "十一月二十三日，星期一"


@given(st.sampled_from([8000, 16000, 22050, 24000, 44100, 48000]), st.sampled_from([300, 1000, 3000]))
def test_resampling_keeps_a_telephone_tone(rate: int, hertz: int) -> None:
    out = resample(_tone(hertz, rate), rate)
    middle = out[800:-800]
    assert len(out) == pytest.approx(RATE, abs=2)
    assert float(np.sqrt((middle**2).mean())) == pytest.approx(0.3 / np.sqrt(2), rel=0.06)


@given(st.sampled_from([16000, 24000, 48000]), st.integers(4500, 7500))
def test_resampling_removes_what_would_fold_back(rate: int, hertz: int) -> None:
    middle = resample(_tone(hertz, rate), rate)[800:-800]
    assert float(np.sqrt((middle**2).mean())) < 0.01


def test_prompts_are_trimmed_and_levelled() -> None:
    quiet = np.concatenate([np.zeros(8000), 0.05 * _tone(400, RATE), np.zeros(8000)])
    made = telephone(quiet, RATE)
    assert len(made) == pytest.approx(RATE + 640, abs=50)
    assert 20 * np.log10(np.sqrt((made.astype(float) / 32768) ** 2).mean() + 1e-9) > -23
    assert len(telephone(np.zeros(8000), RATE)) == 0
    assert len(normalise(np.zeros(0))) == 0


def test_the_terminal_walks_a_flow_to_its_verdict(small: Flow, facts: dict[str, str]) -> None:
    lines: list[str] = []
    typed = iter(["9999", "123*", "", "1", "2", "5", "12#", "1", "a suggestion"])
    verdict = run(small, facts, lambda _: next(typed), lines.append)
    assert verdict.outcome == "passed"
    assert any("Hello from Huifang." in line for line in lines)
    assert not any("123" in line for line in lines)


def test_the_terminal_can_hand_over_and_hang_up(small: Flow, facts: dict[str, str]) -> None:
    typed = iter(["123*", "0", "a", "not_passed"])
    assert run(small, facts, lambda _: next(typed), lambda _: None).outcome == "not_passed"
    typed = iter(["123*", "0", "n"])
    assert run(small, facts, lambda _: next(typed), lambda _: None).follow_up == "promised_callback"
    typed = iter(["h"])
    assert run(small, facts, lambda _: next(typed), lambda _: None).reasons == ("hung_up:who",)


def test_the_drawing_shows_every_step_and_escapes_texts(small: Flow, shipped: Callable[..., Flow]) -> None:
    from xml.etree import ElementTree

    for flow in (small, shipped("new_account")):
        drawn = to_svg(flow)
        ElementTree.fromstring(drawn)
        assert all(f">{name}</text>" in drawn for name in flow.steps)
