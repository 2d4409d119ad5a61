"""What an announcement says, through what recognisers make of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from dialer.calling.evidence.announcements import (
    NONE,
    Phrases,
    distance,
    expected_words,
    load_phrases,
    match,
    match_surest,
    phrases_of,
    sounds,
)

pytestmark = pytest.mark.unit

CORPUS = Path(__file__).parents[2] / "data" / "announcements"
WORDINGS: dict[str, Any] = yaml.safe_load((CORPUS / "wordings.yaml").read_text("utf-8"))
SAID = [
    (kind, text)
    for kind, languages in WORDINGS["development"].items()
    for texts in languages.values()
    for text in texts
]


@pytest.fixture(scope="module")
def phrases() -> Phrases:
    return load_phrases()


@pytest.mark.parametrize(("kind", "text"), SAID)
def test_a_wording_that_is_not_in_the_list_is_known(kind: str, text: str, phrases: Phrases) -> None:
    assert match(text, phrases).kind == kind


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("您波打的电话一观机", "powered_off"),
        ("您拨打的号码是控好", "invalid_number"),
        ("你播打的用户赞时无法接同", "unreachable"),
        ("您撥打的電話已關機", "powered_off"),
        ("The number you have dailed does not exists", "invalid_number"),
    ],
)
def test_homophones_and_small_mistakes_do_not_matter(text: str, kind: str, phrases: Phrases) -> None:
    assert match(text, phrases).kind == kind


def test_a_verdict_names_the_phrase_and_keeps_the_text(phrases: Phrases) -> None:
    verdict = match("您拨打的电话已停机", phrases)
    assert (verdict.kind, verdict.confidence, verdict.phrase) == ("suspended", 1.0, "已停机")
    assert verdict.text == "您拨打的电话已停机"


def test_the_reason_of_the_failure_comes_before_the_service_offered(phrases: Phrases) -> None:
    both = "您拨打的电话已关机，来电提醒功能将以短信通知机主"
    assert match(both, phrases).kind == "powered_off"
    assert match(both, phrases, kinds=["voicemail", "assistant"]).kind == "assistant"


def test_both_languages_in_one_announcement_agree(phrases: Phrases) -> None:
    text = "您拨打的用户正在通话中，请稍后再拨。Sorry, the subscriber you dialed is busy now."
    assert match(text, phrases).kind == "busy"


def test_a_key_without_a_network_around_it_never_counts(phrases: Phrases) -> None:
    for phrase in phrases.phrases:
        if phrase.key and not any(other.text in phrase.text for other in phrases.phrases if not other.key):
            verdict = match(phrase.text, phrases, kinds=[phrase.kind])
            assert verdict.kind == NONE or verdict.phrase != phrase.text


def test_no_wording_of_the_corpus_is_an_entry_of_the_list(phrases: Phrases) -> None:
    listed = {one.sounds for one in (*phrases.phrases, *phrases.frames)}
    wordings = {
        sounds(text)
        for kinds in WORDINGS.values()
        for langs in kinds.values()
        for texts in langs.values()
        for text in texts
    }
    assert not listed & wordings


def test_development_and_held_out_wordings_are_different() -> None:
    one, other = (
        {text for languages in WORDINGS[split].values() for texts in languages.values() for text in texts}
        for split in ("development", "held_out")
    )
    assert not one & other


def test_every_class_of_the_corpus_has_enough_wordings_and_voices(phrases: Phrases) -> None:
    clips = yaml.safe_load((CORPUS / "manifest.yaml").read_text("utf-8"))
    held_out = [clip for clip in clips if clip["split"] == "held_out"]
    for kind in (*phrases.kinds, NONE):
        assert len({clip["text"] for clip in held_out if clip["kind"] == kind}) >= 4
        assert len({clip["voice"] for clip in held_out if clip["kind"] == kind}) >= 3
    assert {clip["file"] for clip in clips} == {path.name for path in CORPUS.glob("*.flac")}
    assert sum(path.stat().st_size for path in CORPUS.iterdir()) < 6_000_000


@pytest.mark.parametrize("language", ["zh-CN", "zh", "en", "en-GB"])
def test_a_second_listening_is_told_one_word_of_every_kind(language: str, phrases: Phrases) -> None:
    told = expected_words(phrases, language)
    keys = {one.kind for one in phrases.phrases if one.key and one.text in told}
    assert keys == set(phrases.kinds)
    assert "{" not in told
    assert not phrases.persons.search(told.lower())


def test_a_language_that_the_list_does_not_know_has_no_second_listening(phrases: Phrases) -> None:
    assert expected_words(phrases, "ko") == ""


def test_a_second_listening_is_told_nothing_that_the_list_does_not_hold(phrases: Phrases) -> None:
    """Else the words of the corpus could get into the prompt past the list."""
    entries = {one.text for one in (*phrases.phrases, *phrases.frames)}
    for language, split in (("zh", "您拨打的{}，请稍后再拨。"), ("en", "The number you dialed {}.")):
        before, after = split.split("{}")
        told = expected_words(phrases, language)
        assert told.startswith(before)
        assert told.endswith(after)
        assert set(told[len(before) : -len(after)].replace("、", ", ").split(", ")) <= entries


def test_the_surest_reading_of_the_same_audio_counts(phrases: Phrases) -> None:
    readings = ["回不起您拨打的浩马一山幸福", "您拨打的号码,已暂停服务。", "您拨打的号码"]
    verdict = match_surest(readings, phrases)
    assert (verdict.kind, verdict.confidence, verdict.text) == ("out_of_service", 1.0, readings[1])


def test_no_reading_is_no_announcement(phrases: Phrases) -> None:
    assert match_surest([], phrases).kind == NONE


@settings(max_examples=30, deadline=None)
@given(chosen=st.lists(st.sampled_from([text for _, text in SAID]), min_size=1, max_size=3))
def test_a_further_reading_never_makes_a_verdict_less_sure(chosen: list[str]) -> None:
    phrases = load_phrases()
    first = match(chosen[0], phrases)
    surest = match_surest(chosen, phrases)
    assert surest.kind != NONE or first.kind == NONE
    assert surest.confidence >= first.confidence or first.kind == NONE


def test_pinyin_merges_what_recognisers_confuse() -> None:
    assert sounds("正在通话") == sounds("真在同话")
    assert sounds("Can't 110") == ("CANT", "1", "1", "0")


syllables = st.lists(st.sampled_from(["kon", "hao", "guan", "ji", "tin", "zai", "wo"]), min_size=1, max_size=8).map(
    tuple
)


@given(wanted=syllables, before=syllables, after=syllables)
def test_a_phrase_inside_a_longer_text_costs_nothing(
    wanted: tuple[str, ...], before: tuple[str, ...], after: tuple[str, ...]
) -> None:
    assert distance(wanted, before + wanted + after) == 0.0


@given(wanted=syllables, heard=syllables)
def test_a_distance_is_between_nothing_and_the_whole_phrase(wanted: tuple[str, ...], heard: tuple[str, ...]) -> None:
    assert 0.0 <= distance(wanted, heard) <= len(wanted)


@settings(max_examples=50, deadline=None)
@given(text=st.text(max_size=60))
def test_any_text_is_taken(text: str) -> None:
    verdict = match(text, SMALL)
    assert 0.0 <= verdict.confidence <= 1.0
    assert verdict.text == text


SMALL = phrases_of(
    {
        "frames": ["您拨打的"],
        "persons": ["我"],
        "personal": [],
        "kinds": {"powered_off": {"phrases": ["手机已关机请稍后再拨"], "keys": ["关机"]}},
    }
)
