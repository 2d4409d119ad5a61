"""Signalling tones by frequency and cadence, through noise and A-law; speech, music and ringback never deceive."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from dialer.calling.evidence.tones import TONE_RULES, ToneDetector, classify_tones
from tests.benchmarks.dispositions.signals import (
    cadence,
    melody,
    noisy,
    pcm,
    silence,
    special_information,
    telephone,
    tone,
)

pytestmark = pytest.mark.unit

DATA = Path(__file__).parents[2] / "data"
CLIPS = [*sorted((DATA / "speech").glob("*.8k_alaw.wav")), *sorted((DATA / "announcements").glob("*.flac"))[::5]]

off = st.floats(0.93, 1.07)  # the standard allows 10 % in time; clocks and blocks take a share of it
hertz = st.floats(430, 470)
noise = st.sampled_from([None, 20.0, 10.0])
level = st.sampled_from([800.0, 3000.0, 12000.0])
seeds = st.integers(0, 1000)
lead = st.floats(0, 40)  # where in a block the first burst begins
property_settings = settings(max_examples=25, deadline=None)


@pytest.mark.parametrize(
    ("kind", "on_ms", "off_ms", "times"),
    [("ringback", 1000, 4000, 2), ("busy", 350, 350, 5), ("congestion", 700, 700, 4)],
)
@property_settings
@given(hz=hertz, on=off, pause=off, snr=noise, loud=level, seed=seeds, start=lead)
def test_a_chinese_cadence_is_known_within_its_tolerance(
    kind: str,
    on_ms: float,
    off_ms: float,
    times: int,
    hz: float,
    on: float,
    pause: float,
    snr: float | None,
    loud: float,
    seed: int,
    start: float,
) -> None:
    sound = np.concatenate([silence(start), cadence(hz, on_ms * on, off_ms * pause, times, loud)])
    verdict = classify_tones(telephone(noisy(sound, snr, np.random.default_rng(seed))))
    assert (verdict.kind, verdict.confidence) == (kind, 0.95)
    assert abs(verdict.on_ms - on_ms * on) <= 30
    assert abs(verdict.off_ms - off_ms * pause) <= 30


@property_settings
@given(hz=hertz, on_ms=st.floats(60, 3000), off_ms=st.floats(200, 5000), snr=noise, loud=level, seed=seeds)
def test_no_450_hz_tone_is_ever_a_beep_whatever_its_cadence(
    hz: float, on_ms: float, off_ms: float, snr: float | None, loud: float, seed: int
) -> None:
    sound = cadence(hz, on_ms, off_ms, 3, loud)
    assert classify_tones(telephone(noisy(sound, snr, np.random.default_rng(seed)))).kind != "beep"


@property_settings
@given(hz=st.floats(620, 1950), ms=st.floats(160, 1400), snr=noise, loud=level, seed=seeds)
def test_one_steady_tone_alone_is_a_beep_or_a_calling_fax(
    hz: float, ms: float, snr: float | None, loud: float, seed: int
) -> None:
    sound = np.concatenate([silence(400), tone(hz, ms, loud), silence(400)])
    verdict = classify_tones(telephone(noisy(sound, snr, np.random.default_rng(seed))))
    assert verdict.kind in {"beep", "fax_cng"}
    assert verdict.kind == "beep" or (1050 < hz < 1150 and verdict.confidence < 0.8)


@property_settings
@given(ms=st.floats(1, 90), hz=st.floats(600, 2000), loud=level)
def test_a_beep_has_a_least_duration(ms: float, hz: float, loud: float) -> None:
    sound = np.concatenate([silence(400), tone(hz, ms, loud), silence(400)])
    assert classify_tones(telephone(sound)).kind == "none"


@property_settings
@given(root=st.floats(250, 900), steps=st.lists(st.integers(0, 12), min_size=6, max_size=16), ms=st.floats(150, 900))
def test_music_is_never_sure(root: float, steps: list[int], ms: float) -> None:
    sound = melody([root * 2 ** (step / 12) for step in steps], ms)
    assert classify_tones(telephone(sound)).confidence < 0.8


@pytest.mark.parametrize("clip", CLIPS, ids=lambda path: path.stem)
def test_speech_is_no_tone(clip: Path) -> None:
    samples, _ = soundfile.read(clip, dtype="int16")
    assert classify_tones(samples.tobytes()).confidence < 0.8


@pytest.mark.parametrize(
    ("first", "second"), [(697, 1209), (770, 1336), (852, 1477), (941, 1633)], ids=["1", "5", "9", "D"]
)
def test_keys_are_no_tone(first: float, second: float) -> None:
    key = np.concatenate([tone(first, 200, 4000) + tone(second, 200, 4000), silence(300)])
    assert classify_tones(telephone(np.tile(key, 3))).kind == "none"


def test_american_ringing_is_not_taken_for_chinese() -> None:
    ringing = np.concatenate([tone(440, 2000) + tone(480, 2000), silence(4000)])
    assert classify_tones(telephone(np.tile(ringing, 3))).kind == "none"


@pytest.mark.parametrize("snr", [None, 20.0, 10.0])
def test_the_three_tones_of_the_network_are_known(snr: float | None) -> None:
    sound = noisy(special_information(), snr, np.random.default_rng(1))
    assert classify_tones(telephone(sound)).kind == "sit"


@pytest.mark.parametrize("snr", [None, 20.0, 10.0])
def test_a_fax_is_known_by_its_answer_tone_and_by_two_calling_tones(snr: float | None) -> None:
    chance = np.random.default_rng(2)
    assert classify_tones(telephone(noisy(tone(2100, 3000), snr, chance))).kind == "fax_ced"
    calling = classify_tones(telephone(noisy(cadence(1100, 500, 3000, 2), snr, chance)))
    assert (calling.kind, calling.confidence) == ("fax_cng", 0.95)


def test_one_burst_is_only_a_hint_and_more_make_it_certain() -> None:
    detector, told = ToneDetector(), []
    sound = pcm(cadence(450, 350, 350, 5))
    for start in range(0, len(sound), 320):
        verdict = detector.feed(sound[start : start + 320])
        if verdict is not None:
            told.append(verdict.confidence)
    assert told == [0.5, 0.65, 0.8, 0.95]


def test_busy_after_ringback_is_busy() -> None:
    sound = np.concatenate([cadence(450, 1000, 4000, 3), cadence(450, 350, 350, 6)])
    assert classify_tones(pcm(sound)).kind == "busy"


def test_a_fax_is_told_while_its_tone_still_sounds() -> None:
    detector = ToneDetector()
    verdict = detector.feed(pcm(tone(2100, 1100)))
    assert verdict is not None
    assert verdict.kind == "fax_ced"


@property_settings
@given(cuts=st.lists(st.integers(1, 4000), min_size=1, max_size=40), seed=seeds)
def test_it_does_not_matter_how_the_audio_is_cut(cuts: list[int], seed: int) -> None:
    sound = pcm(noisy(cadence(450, 700, 700, 4), 15.0, np.random.default_rng(seed)))
    detector, start = ToneDetector(), 0
    for size in (*cuts, len(sound)):
        detector.feed(sound[start : start + 2 * size])
        start += 2 * size
    assert detector.finish() == classify_tones(sound)


@given(data=st.binary(max_size=4000))
def test_any_bytes_are_taken(data: bytes) -> None:
    assert 0.0 <= classify_tones(data, TONE_RULES).confidence <= 1.0
