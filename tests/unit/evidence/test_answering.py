"""Who answered: a person first; machines by words, beep or fax tone; in time."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialer.calling.evidence.announcements import Phrases, load_phrases
from dialer.calling.evidence.answering import FRAME_MS, Answer, AnswerJudge, AnswerRules, AnswerVerdict, replay
from dialer.calling.evidence.tones import ToneVerdict

pytestmark = pytest.mark.unit

RULES = AnswerRules()
BEEP = ToneVerdict("beep", 0.85, 500, 0, 0, 500)
FAX = ToneVerdict("fax_ced", 0.95, 1020, 0, 0, 1020)


@pytest.fixture(scope="module")
def phrases() -> Phrases:
    return load_phrases()


def said(*spans: tuple[int, int], until_ms: int = 8000) -> list[bool]:
    """Frames in which somebody speaks during ``spans`` (milliseconds)."""
    return [any(start <= at < end for start, end in spans) for at in range(0, until_ms, FRAME_MS)]


def test_a_short_greeting_and_a_wait_is_a_person_at_once(phrases: Phrases) -> None:
    verdict = replay(AnswerJudge(phrases), said((600, 1200)))
    assert (verdict.kind, verdict.confidence, verdict.at_ms) == (Answer.PERSON, RULES.hello, 1200 + RULES.pause_ms)


def test_words_that_are_no_announcement_make_it_surer(phrases: Phrases) -> None:
    verdict = replay(AnswerJudge(phrases), said((600, 1200)), texts=[(1500, 600, "喂你好")])
    assert (verdict.kind, verdict.confidence) == (Answer.PERSON, RULES.hello_worded)


def test_who_speaks_on_is_a_person_in_doubt_after_three_seconds(phrases: Phrases) -> None:
    verdict = replay(AnswerJudge(phrases), said((400, 8000)))
    assert (verdict.kind, verdict.confidence, verdict.at_ms) == (Answer.PERSON, RULES.doubt, 400 + 3000)
    assert not verdict.machine


def test_a_mailbox_is_known_by_its_words(phrases: Phrases) -> None:
    verdict = replay(AnswerJudge(phrases), said((300, 5000)), texts=[(2900, 300, "这里是语音信箱")])
    assert (verdict.kind, verdict.at_ms, verdict.phrase) == (Answer.VOICEMAIL, 2900, "语音信箱")


def test_late_words_revise_a_doubt_but_not_after_the_watch(phrases: Phrases) -> None:
    judge = AnswerJudge(phrases)
    texts = [(7000, 300, "您好我现在不方便接听您的电话请在提示音后留言")]
    assert replay(judge, said((300, 6000)), texts=texts).kind is Answer.VOICEMAIL
    late = [(RULES.watch_ms + 1000, 300, texts[0][2])]
    frames = said((300, 6000), until_ms=RULES.watch_ms + 2000)
    assert replay(AnswerJudge(phrases), frames, texts=late).kind is Answer.PERSON


def test_a_partial_text_is_replaced_by_the_longer_one(phrases: Phrases) -> None:
    judge = AnswerJudge(phrases)
    assert judge.text("我是机主", 300) is None
    verdict = judge.text("我是机主的智能语音助理", 300)
    assert verdict is not None
    assert (verdict.kind, verdict.text) == (Answer.ASSISTANT, "我是机主的智能语音助理")


def test_a_greeting_and_a_beep_is_a_mailbox_even_without_text(phrases: Phrases) -> None:
    verdict = replay(AnswerJudge(phrases), said((300, 4000)), tones=[(5000, BEEP)])
    assert (verdict.kind, verdict.confidence) == (Answer.VOICEMAIL, RULES.beeped)


def test_a_beep_on_a_persons_line_is_no_mailbox(phrases: Phrases) -> None:
    verdict = replay(AnswerJudge(phrases), said((300, 900)), tones=[(100, BEEP), (3000, BEEP)])
    assert verdict.kind is Answer.PERSON


def test_a_fax_is_known_by_its_tone(phrases: Phrases) -> None:
    verdict = replay(AnswerJudge(phrases), said(), tones=[(1100, FAX)])
    assert (verdict.kind, verdict.at_ms) == (Answer.FAX, 1100)


def test_a_single_calling_tone_is_not_enough_for_a_fax(phrases: Phrases) -> None:
    hint = ToneVerdict("fax_cng", 0.5, 500, 0, 0, 500)
    assert replay(AnswerJudge(phrases), said((300, 900)), tones=[(600, hint)]).kind is Answer.PERSON


def test_nobody_speaks_is_silence_until_somebody_does(phrases: Phrases) -> None:
    assert replay(AnswerJudge(phrases), said()).kind is Answer.SILENCE
    assert replay(AnswerJudge(phrases), said((6000, 6500))).kind is Answer.PERSON


def test_a_network_that_announces_after_its_200_is_unknown_and_says_what_was_heard(phrases: Phrases) -> None:
    verdict = replay(AnswerJudge(phrases), said((300, 4000)), texts=[(3000, 300, "您拨打的电话已关机")])
    assert (verdict.kind, verdict.announcement, verdict.machine) == (Answer.UNKNOWN, "powered_off", False)


def test_a_call_that_ends_at_once_is_unknown(phrases: Phrases) -> None:
    assert AnswerJudge(phrases).finish() == AnswerVerdict(Answer.UNKNOWN, 0.0, 0, "ended too early")


def test_a_machine_needs_no_more_listening_and_a_person_does_until_the_watch_is_over(phrases: Phrases) -> None:
    judge = AnswerJudge(phrases)
    replay(judge, said((300, 900), until_ms=3000))
    assert judge.open
    replay(judge, said(until_ms=RULES.watch_ms))
    assert not judge.open
    faxed = AnswerJudge(phrases)
    faxed.tone(FAX)
    assert not faxed.open


def test_a_verdict_can_be_stored(phrases: Phrases) -> None:
    stored = json.loads(json.dumps(replay(AnswerJudge(phrases), said((600, 1200))).as_json()))
    assert (stored["kind"], stored["why"]) == ("person", "a greeting and a wait")


@settings(deadline=None)
@given(frames=st.lists(st.booleans(), max_size=600), beeps=st.lists(st.integers(0, 400), max_size=2))
def test_without_words_nobody_who_has_not_greeted_at_length_is_a_machine(frames: list[bool], beeps: list[int]) -> None:
    judge = AnswerJudge(EMPTY)
    verdict = replay(judge, frames, tones=[(20 * at, BEEP) for at in beeps])
    if verdict.machine:
        assert sum(frames) * FRAME_MS >= RULES.greeting_ms


@settings(deadline=None)
@given(frames=st.lists(st.booleans(), min_size=1, max_size=600))
def test_a_decision_comes_within_three_seconds_of_speech(frames: list[bool]) -> None:
    judge, began, spoke = AnswerJudge(EMPTY), None, 0
    for number, speaking in enumerate(frames):
        judge.frame(speaking)
        spoke = spoke + FRAME_MS if speaking else 0
        if began is None and spoke >= RULES.least_speech_ms:
            began = (number + 1) * FRAME_MS - spoke
        if began is not None and (number + 1) * FRAME_MS - began >= RULES.decide_ms:
            assert judge.verdict is not None
            assert judge.verdict.kind is Answer.PERSON


EMPTY = load_phrases()
