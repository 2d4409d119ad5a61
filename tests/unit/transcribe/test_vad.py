"""From speech probabilities to spans: padded, joined, cut, never overlapping."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcribe.audio import at_16_khz
from transcribe.errors import UnsupportedAudio
from transcribe.vad import LONGEST_MS, Span, cut, join, marked, pad, speech_spans

pytestmark = pytest.mark.unit

WINDOW = 32
probabilities = st.lists(st.sampled_from([0.0, 0.1, 0.4, 0.6, 0.9]), max_size=400)


def test_speech_begins_at_a_half_and_goes_on_through_weak_windows() -> None:
    assert list(marked([0, 0.6, 0.4, 0.4, 0.6, 0, 0, 0, 0, 0, 0])) == [Span(WINDOW, 5 * WINDOW)]


def test_a_click_is_not_speech() -> None:
    assert list(marked([0, 0.9, 0.9, *[0] * 9])) == []


def test_speech_to_the_last_window_is_kept() -> None:
    assert list(marked([0.9] * 5)) == [Span(0, 5 * WINDOW)]


def test_spans_closer_than_a_second_are_one_up_to_25_seconds() -> None:
    assert list(join([Span(0, 1000), Span(1900, 3000), Span(4000, 5000)])) == [Span(0, 3000), Span(4000, 5000)]
    assert list(join([Span(0, 20_000), Span(20_100, 30_000)])) == [Span(0, 20_000), Span(20_100, 30_000)]


@given(probabilities)
def test_spans_cover_all_marked_speech_in_order_and_bounded(probability: list[float]) -> None:
    total = len(probability) * WINDOW
    loud = list(marked(probability))
    spans = list(cut(join(pad(loud, total))))
    assert all(0 <= span.start_ms < span.end_ms <= total and span.length_ms <= LONGEST_MS for span in spans)
    assert all(first.end_ms <= second.start_ms for first, second in itertools.pairwise(spans))
    for span in loud:
        for moment in range(span.start_ms, span.end_ms, WINDOW):
            assert any(each.start_ms <= moment < each.end_ms for each in spans)


@pytest.mark.parametrize("rate", [0, -8000, 7999, 44100])
def test_other_rates_are_refused(rate: int) -> None:
    with pytest.raises(UnsupportedAudio, match="8000 or 16000"):
        speech_spans(np.zeros(10, dtype=np.int16), rate)


@pytest.mark.parametrize("audio", [np.zeros(10, dtype=np.float32), np.zeros((10, 2), dtype=np.int16)])
def test_other_samples_are_refused(audio: np.ndarray) -> None:
    with pytest.raises(UnsupportedAudio, match="one channel of int16"):
        speech_spans(audio, 8000)


def test_no_audio_has_no_speech() -> None:
    assert speech_spans(np.zeros(0, dtype=np.int16), 8000) == []


def test_doubling_the_rate_keeps_a_tone_and_adds_no_image() -> None:
    time = np.arange(8000) / 8000
    audio = at_16_khz((np.sin(2 * np.pi * 1000 * time) * 16000).astype(np.int16), 8000)
    assert audio.size == 16000
    spectrum = np.abs(np.fft.rfft(audio))
    assert int(spectrum.argmax()) == 1000
    assert spectrum[7000] < spectrum[1000] / 100
