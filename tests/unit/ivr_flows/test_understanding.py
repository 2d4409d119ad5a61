"""What a spoken answer means: sure only as a whole, never a guess about a negation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ivr_flows.events import Candidate
from ivr_flows.model import VoiceTask
from ivr_flows.understanding import Understanding, phrases_for, understand
from ivr_flows.wordings import contains, heard, wordings, wordings_of

pytestmark = pytest.mark.unit

LANGUAGES = ("zh-CN", "en")
MARKS = {str(mark): () for mark in range(1, 6)}
CONVENIENT = {"now": ("方便", "现在方便"), "later": ("不方便", "在忙")}
Kind = Literal["yes_no", "digits", "scale", "choice", "confirm"]


def said(
    text: str, kind: Kind = "yes_no", language: str = "zh-CN", options: Mapping[str, tuple[str, ...]] | None = None
) -> Understanding:
    return understand(VoiceTask(kind, language, options=options or {}), [Candidate(text, 0.95)])


def sure(value: str) -> list[tuple[str, str]]:
    return [
        (language, one.text)
        for language in LANGUAGES
        for one in wordings(language).answers
        if one.value == value and one.sure
    ]


@pytest.mark.parametrize("value", ["yes", "no"])
def test_every_wording_of_the_data_means_what_it_stands_for(value: str) -> None:
    for language, text in sure(value):
        found = said(text, language=language)
        assert (found.value, found.sure) == (value, True), text


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_likely_wording_is_read_back(language: str) -> None:
    for one in wordings(language).answers:
        if not one.sure:
            found = said(one.text, language=language)
            assert (found.value, found.sure) in ((one.value, False), (None, False)), one.text


@pytest.mark.parametrize(
    "text",
    [
        "不是没有",
        "不是不",
        "没有不是",
        "不是不对",
        "不是，是",
        "是，不是",
        "没有吧",
        "可能是",
        "好像不是",
        "对不对",
        "是不是",
        "我不知道",
        "不要转人工",
    ],
)
def test_chinese_negations_and_hedges_have_no_value(text: str) -> None:
    found = said(text)
    assert (found.value, found.sure, found.wish) == (None, False, None)


@pytest.mark.parametrize(
    "text",
    [
        "yes and no",
        "No, I mean yes.",
        "not really",
        "I don't know",
        "maybe yes",
        "it is not that I did not",
        "I can't say no",
    ],
)
def test_english_negations_and_hedges_have_no_value(text: str) -> None:
    found = said(text, language="en")
    assert (found.value, found.sure) == (None, False)


@given(st.data(), st.sampled_from(LANGUAGES))
def test_negation_is_never_guessed(data: st.DataObject, language: str) -> None:
    """Whatever is joined out of the words of the data: two different negations are never a sure answer."""
    texts = [one.text for one in wordings(language).answers if one.value == "no"]
    texts += [one.text for one in wordings(language).unclear]
    first, second = data.draw(st.sampled_from(texts)), data.draw(st.sampled_from(texts))
    joined = f"{first}，{second}" if language == "zh-CN" else f"{first} {second}"
    whole = [one for one in wordings(language).answers if one.heard == heard(joined, wordings(language).sound)]
    assert not said(joined, language=language).sure or whole


@given(st.data(), st.sampled_from(LANGUAGES))
def test_a_yes_with_a_negation_beside_it_is_never_a_sure_yes(data: st.DataObject, language: str) -> None:
    yes = data.draw(st.sampled_from([text for name, text in sure("yes") if name == language]))
    negation = " ".join(data.draw(st.sampled_from(sorted(wordings(language).negations))))
    before = data.draw(st.booleans())
    joined = f"{negation} {yes}" if before else f"{yes} {negation}"
    found = said(joined, language=language)
    known = {one.letters for one in (phrase.heard for phrase in wordings(language).answers if phrase.value == "yes")}
    assert not (found.sure and found.value == "yes") or heard(joined, wordings(language).sound).letters in known


@given(st.data(), st.sampled_from(LANGUAGES), st.text(max_size=12))
def test_a_sure_answer_is_the_whole_utterance(data: st.DataObject, language: str, other: str) -> None:
    """Any text around an answer that is not itself answer or filler takes the sureness away."""
    words = wordings(language)
    answer = data.draw(st.sampled_from([one.text for one in words.answers if one.sure]))
    joined = f"{other} {answer}" if data.draw(st.booleans()) else f"{answer} {other}"
    if not said(joined, language=language).sure:
        return
    left = heard(joined, words.sound)
    pieces = (*words.answers, *words.fillers)
    reached = {0}
    for at in range(len(left.sounds)):
        if at in reached:
            reached |= {
                at + len(one.heard.sounds)
                for one in pieces
                if left.sounds[at : at + len(one.heard.sounds)] == one.heard.sounds
            }
    assert len(left.sounds) in reached


@given(st.data(), st.sampled_from(LANGUAGES), st.floats(0, 1), st.floats(0, 1))
def test_two_strong_readings_that_differ_are_unsure(data: st.DataObject, language: str, one: float, two: float) -> None:
    yes = data.draw(st.sampled_from([text for name, text in sure("yes") if name == language]))
    no = data.draw(st.sampled_from([text for name, text in sure("no") if name == language]))
    limits = wordings(language).limits
    found = understand(VoiceTask("yes_no", language), [Candidate(yes, one), Candidate(no, two)])
    if min(one, two) >= max(one, two) * limits.rival or max(one, two) < limits.confidence:
        assert not found.sure
    else:
        assert found.value == ("yes" if one > two else "no")


@given(st.lists(st.tuples(st.text(max_size=20), st.floats(0, 1)), max_size=5), st.sampled_from(LANGUAGES))
def test_any_readings_whatever_are_understood_without_a_fault(readings: list[tuple[str, float]], language: str) -> None:
    for kind in ("yes_no", "digits", "confirm"):
        found = understand(VoiceTask(kind, language), [Candidate(*one) for one in readings])
        assert found.value is not None or not found.sure


@given(st.text("0123456789", min_size=1, max_size=8))
def test_digits_are_what_was_said_in_every_writing(digits: str) -> None:
    spoken = "".join("零幺二三四五六七八九"[int(digit)] for digit in digits)
    english = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    assert said(spoken, "digits") == said(digits, "digits") == Understanding(digits, True, None, "whole")
    assert said(" ".join(english[int(digit)] for digit in digits), "digits", "en").value == digits


@pytest.mark.parametrize("text", ["十二", "一百", "三八五二年", "我说三", "意思零七"])
def test_what_is_not_only_digits_is_no_sure_number(text: str) -> None:
    assert not said(text, "digits").sure


def test_the_last_place_of_an_identity_number_may_be_a_letter() -> None:
    assert said("一二三叉", "digits").value == said("123X", "digits").value == "123*"


@pytest.mark.parametrize(
    ("text", "value", "certain"),
    [("五分", "5", True), ("4", "4", True), ("满分", "5", True), ("非常满意", "5", False), ("非常不满意", "1", False),
     ("九分", None, False), ("是", None, False), ("零", None, False)],
)  # fmt: skip
def test_marks_of_a_scale(text: str, value: str | None, certain: bool) -> None:
    found = said(text, "scale", options=MARKS)
    assert (found.value, found.sure) == (value, certain)


@pytest.mark.parametrize(
    ("text", "value", "certain"),
    [("方便", "now", True), ("不方便", "later", True), ("我很方便", "now", False), ("我现在不方便", "later", False),
     ("不太方便", None, False), ("不", None, False)],
)  # fmt: skip
def test_choices_by_their_own_words(text: str, value: str | None, certain: bool) -> None:
    found = said(text, "choice", options=CONVENIENT)
    assert (found.value, found.sure) == (value, certain)


@pytest.mark.parametrize(
    ("language", "text", "wish"),
    [("zh-CN", "我要转人工", "agent"), ("zh-CN", "没听清", "repeat"), ("en", "I want to speak to a person", "agent"),
     ("en", "pardon", "repeat"), ("zh-CN", "别再打了", None)],
)  # fmt: skip
def test_wishes_are_heard_inside_a_sentence(language: str, text: str, wish: str | None) -> None:
    found = said(text, language=language)
    assert (found.value, found.wish) == (None, wish)


def test_a_refusal_is_named_in_the_evidence() -> None:
    assert said("我不想回答").why == said("stop calling me", language="en").why == "refusal"


@pytest.mark.parametrize("text", ["试", "队", "系不系"])
def test_one_syllable_that_only_sounds_right_is_never_sure(text: str) -> None:
    assert not said(text).sure


def test_a_homophone_of_a_longer_answer_counts() -> None:
    assert said("美错") == Understanding("yes", True, None, "whole")


def test_little_confidence_is_read_back() -> None:
    found = understand(VoiceTask("yes_no", "zh-CN"), [Candidate("没有", 0.2)])
    assert (found.value, found.sure, found.why) == ("no", False, "unconfident")


def test_no_reading_is_nothing() -> None:
    assert understand(VoiceTask("confirm", "en"), []) == Understanding(None, False, None, "nothing")


def test_a_grammar_holds_the_answers_the_wishes_and_what_must_not_be_taken_for_an_answer() -> None:
    phrases = phrases_for("yes_no", "zh-CN", {})
    assert {"是的", "唔係", "不是没有", "转人工"} <= set(phrases)
    assert {"在忙", "可能", "再说一遍"} <= set(phrases_for("choice", "zh-CN", CONVENIENT))
    assert "五 分" in phrases_for("scale", "zh-CN", MARKS)
    assert len(phrases) == len(set(phrases))


def test_a_language_without_data_has_the_words_of_its_options_alone() -> None:
    options = {"coffee": ("커피 를 줘",), "water": ("물",)}
    assert phrases_for("choice", "ko", options) == ("커피 를 줘", "물")
    assert said("커피를 줘", "choice", "ko", options).sure is False
    assert said("물", "choice", "ko", options) == Understanding("water", True, None, "whole")


def test_a_kind_of_task_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="there are yes_no, digits"):
        phrases_for("song", "en", {})


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_answer_of_the_data_is_also_unclear(language: str) -> None:
    words = wordings(language)
    for one in words.answers:
        if one.sure:
            assert contains(words.unclear, one.heard) is None, one.text


def test_wordings_can_be_a_sites_own() -> None:
    words = wordings_of(yaml.safe_load("{sound: words, 'yes': {sure: [aye]}, limits: {confidence: 0.7}}"))
    assert [one.text for one in words.answers] == ["aye"]
    assert words.limits.confidence == 0.7
