"""Tone and announcement in one verdict, and its form in the database."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.calling.evidence.announcements import Phrases, load_phrases
from dialer.calling.evidence.verdict import By, EarlyVerdict, judge_early
from tests.benchmarks.dispositions.signals import cadence, pcm, silence

pytestmark = pytest.mark.unit

BUSY = pcm(cadence(450, 350, 350, 6))


@pytest.fixture(scope="module")
def phrases() -> Phrases:
    return load_phrases()


def test_words_say_more_than_tones(phrases: Phrases) -> None:
    verdict = judge_early(BUSY, "您拨打的电话已停机", phrases, heard_at=(100, 2000))
    assert (verdict.kind, verdict.by, verdict.start_ms, verdict.end_ms) == ("suspended", By.ANNOUNCEMENT, 100, 2000)


@pytest.mark.parametrize("text", ["", "广州市房地产中介协会分析"])
def test_without_an_announcement_the_tone_counts(text: str, phrases: Phrases) -> None:
    verdict = judge_early(BUSY, text, phrases)
    assert (verdict.kind, verdict.confidence, verdict.by, verdict.text) == ("busy", 0.95, By.TONE, text)


def test_words_that_say_it_all_are_not_listened_to_again(phrases: Phrases) -> None:
    def again() -> tuple[str, ...]:
        raise AssertionError("the first listening was enough")

    assert judge_early(BUSY, "您拨打的电话已停机", phrases, again=again).kind == "suspended"


def test_where_nobody_spoke_there_is_nothing_to_listen_to_again(phrases: Phrases) -> None:
    def again() -> tuple[str, ...]:
        raise AssertionError("nobody spoke")

    assert judge_early(BUSY, "", phrases, again=again).kind == "busy"


@pytest.mark.parametrize("text", ["随不及民伯达的手机与情境", "您拨打的手机一山幸福"])
def test_words_that_are_not_understood_are_listened_to_again(text: str, phrases: Phrases) -> None:
    readings = ("您拨打的手机以及机", "您拨打的手机已停机")
    verdict = judge_early(BUSY, text, phrases, heard_at=(100, 2000), again=lambda: readings)
    assert (verdict.kind, verdict.by, verdict.text) == ("suspended", By.ANNOUNCEMENT, readings[1])
    assert (verdict.start_ms, verdict.end_ms) == (100, 2000)


def test_a_second_listening_that_hears_no_more_changes_nothing(phrases: Phrases) -> None:
    once = judge_early(BUSY, "喂你好", phrases)
    assert judge_early(BUSY, "喂你好", phrases, again=lambda: ("你好", "")) == once


def test_silence_and_small_talk_are_nothing(phrases: Phrases) -> None:
    verdict = judge_early(pcm(silence(3000)), "喂你好", phrases)
    assert (verdict.kind, verdict.confidence, verdict.by, verdict.end_ms) == ("none", 0.0, By.NOTHING, 3000)


def test_no_audio_is_nothing(phrases: Phrases) -> None:
    assert judge_early(b"", "", phrases) == EarlyVerdict("none", 0.0, By.NOTHING, "", "", 0, 0)


verdicts = st.builds(
    EarlyVerdict,
    st.sampled_from(["busy", "none"]),
    st.floats(0, 1),
    st.sampled_from(By),
    st.text(),
    st.text(),
    st.integers(0, 60_000),
    st.integers(0, 60_000),
)


@given(verdict=verdicts)
def test_a_stored_verdict_comes_back_as_it_was(verdict: EarlyVerdict) -> None:
    assert EarlyVerdict.from_json(verdict.as_json()) == verdict
