"""One live call, instant by instant: whatever the client, the agent or the disk does, it has one defined end."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from dialer.calling.evidence.answering import Answer, AnswerVerdict
from dialer.lines.base import EarlyMedia, EndedBy, KeyDown, Provisional
from dialer.lines.inband import COLUMNS, KEYS, ROWS, KeyDetector

pytestmark = pytest.mark.unit

Play = Callable[..., Any]
TO_RISK = ("1", "1", "1234", "1", "1", "2", "2", "1")


async def _answer_all(stage: Any) -> None:
    stage.client.answer()
    for keys in (*TO_RISK, "3", "5", "5", "5", "5", "5"):
        await stage.question()
        stage.client.press(keys)
    await stage.question()
    await stage.pass_ms(500)
    stage.client.press("#")
    await stage.pass_ms(1500)


@pytest.mark.rule("D-02")
@pytest.mark.rule("C-06")
def test_a_client_who_answers_everything_rightly_passes(play: Play) -> None:
    async def scenario(stage: Any) -> None:
        await _answer_all(stage)
        result = await stage.result()
        assert result.verdict.outcome == "passed"
        assert len(stage.tape.client) == len(stage.tape.firm)
        identity = next(taken for taken in stage.answers if taken.answer.question == "id_last4")
        assert identity.answer.value == "****"
        assert "1234" not in repr(identity)

    play(scenario)


def test_every_arrow_that_was_walked_has_its_moment_in_the_recording(play: Play) -> None:
    async def scenario(stage: Any) -> None:
        await _answer_all(stage)
        result = await stage.result()
        assert len(result.moments) == len(result.path) > 10
        assert list(result.moments) == sorted(result.moments)
        assert result.moments[0] < result.moments[-1] <= len(stage.tape.firm) // 16
        asked = {taken.answer.step: taken.start_ms for taken in stage.answers}
        entered = {step: moment for (_, _, step), moment in zip(result.path, result.moments, strict=True)}
        assert entered["opening.convenient"] == asked["opening.convenient"]

    play(scenario)


def test_every_answer_names_what_was_played_and_where_it_stands(play: Play) -> None:
    async def scenario(stage: Any) -> None:
        await _answer_all(stage)
        await stage.result()
        ends = [taken.end_ms for taken in stage.answers]
        assert ends == sorted(ends)
        for taken in stage.answers:
            assert taken.start_ms < taken.end_ms <= len(stage.tape.firm) // 16
            prompts = {proof.prompt for proof in taken.played}
            assert prompts & set(taken.answer.prompts), taken.answer.question

    play(scenario)


def test_a_phone_that_rings_too_long_is_given_up_and_leaves_no_recording(play: Play) -> None:
    async def scenario(stage: Any) -> None:
        await stage.pass_ms(4900)
        assert not stage.client.asked_to_end
        await stage.pass_ms(200)
        assert stage.client.asked_to_end
        result = await stage.result()
        assert (result.recorded, result.verdict) == (False, None)

    play(scenario)


@pytest.mark.rule("F-01")
def test_early_media_is_recorded_before_anybody_answers(play: Play) -> None:
    async def scenario(stage: Any) -> None:
        stage.client.tell(EarlyMedia(Provisional(183, "Session Progress", stage_time(), True)))
        stage.client.says = b"\x05\x00" * 160
        await stage.pass_ms(100)
        stage.client.end()
        result = await stage.result()
        assert result.recorded
        assert bytes(stage.tape.client).startswith(b"\x05\x00" * 160)
        assert len(stage.tape.client) == len(stage.tape.firm) == 5 * 320

    play(scenario)


def stage_time() -> Any:
    from datetime import UTC, datetime

    return datetime(2026, 11, 23, 1, 30, tzinfo=UTC)


def test_a_key_counts_when_it_is_pressed_and_not_again_when_it_is_let_go(play: Play) -> None:
    async def scenario(stage: Any) -> None:
        stage.client.answer()
        await stage.question()
        stage.client.tell(KeyDown("1", stage_time()))
        assert stage.session.result.keys == 1
        stage.client.press("1")
        assert stage.session.result.keys == 1
        stage.client.press("1")
        assert stage.session.result.keys == 2
        stage.client.end()

    play(scenario)


def test_an_answer_is_followed_at_once_and_the_beginning_of_a_call_by_a_pause(play: Play) -> None:
    async def scenario(stage: Any) -> None:
        stage.client.answer()
        await stage.pass_ms(300)
        assert not any(stage.client.heard)
        await stage.question()
        before = len(stage.client.heard)
        stage.client.press("1")
        await stage.pass_ms(20)
        assert any(stage.client.heard[before:])
        stage.client.end()

    play(scenario)


@pytest.mark.rule("C-05")
def test_a_hang_up_in_mid_flow_settles_nothing(play: Play) -> None:
    async def scenario(stage: Any) -> None:
        stage.client.answer()
        await stage.question()
        stage.client.press("1")
        await stage.question()
        stage.client.end()
        result = await stage.result()
        assert result.verdict.outcome is None
        assert any(reason.startswith("hung_up") for reason in result.verdict.reasons)

    play(scenario)


@pytest.mark.rule("F-07")
@pytest.mark.parametrize(("late_ms", "stalled_ms"), [(0, 0), (60, 0), (0, 300), (60, 300)])
def test_the_recording_is_as_long_as_the_call(play: Play, late_ms: int, stalled_ms: int) -> None:
    """Whether its end is told a moment late, or the loop stood still when it came."""

    async def scenario(stage: Any) -> None:
        stage.client.answer()
        await stage.pass_ms(1000)
        stage.client.now += timedelta(milliseconds=stalled_ms - late_ms)
        stage.client.end()
        await stage.result()
        assert len(stage.tape.client) == len(stage.tape.firm) == (1000 + stalled_ms - late_ms) * 16

    play(scenario)


def test_ticks_made_up_for_a_stall_before_the_answer_are_not_recorded(play: Play) -> None:
    async def scenario(stage: Any) -> None:
        stage.client.answer()
        stage.client.now -= timedelta(milliseconds=400)  # the loop makes up for twenty ticks
        await stage.pass_ms(500)
        stage.client.end()
        await stage.result()
        assert len(stage.tape.client) == 100 * 16

    play(scenario)


def test_a_wrong_answer_rings_an_agent_and_bridges_both_sides(play: Play) -> None:
    async def scenario(stage: Any) -> None:
        stage.client.answer()
        for keys in ("1", "1", "1234", "2"):
            await stage.question()
            stage.client.press(keys)
        await stage.pass_ms(500)
        assert stage.desk.asked == ["wrong_answer:opened_in_person"]
        agent = await stage.agent_answers()
        before = len(stage.tape.firm)
        agent.says = b"\x07\x00" * 160 * 10
        stage.client.says = b"\x09\x00" * 160 * 10
        await stage.pass_ms(300)
        assert b"\x07\x00" * 160 in bytes(stage.tape.firm[before:])
        assert b"\x09\x00" * 160 in bytes(agent.heard)
        assert b"\x07\x00" * 160 in bytes(stage.client.heard)
        agent.press("*1")
        agent.end()
        await stage.pass_ms(100)
        result = await stage.result()
        assert result.agent_outcome == "passed"
        assert result.verdict.outcome == "passed"
        assert stage.client.asked_to_end
        assert len(stage.tape.client) == len(stage.tape.firm), "one recording, unbroken"

    play(scenario)


def test_a_lone_digit_of_a_talking_agent_sets_nothing(play: Play) -> None:
    async def scenario(stage: Any) -> None:
        agent = await _with_agent(stage)
        agent.press("1")
        agent.end()
        await stage.pass_ms(100)
        result = await stage.result()
        assert result.agent_outcome is None
        assert result.verdict.outcome is None

    play(scenario)


async def _with_agent(stage: Any) -> Any:
    stage.client.answer()
    await stage.question()
    stage.client.press("0")
    await stage.pass_ms(300)
    return await stage.agent_answers()


def test_an_agent_who_hangs_up_before_he_is_joined_ends_the_call_and_owes_the_outcome(play: Play) -> None:
    async def scenario(stage: Any) -> None:
        stage.client.answer()
        await stage.question()
        stage.client.press("0")
        await stage.pass_ms(300)
        await stage.agent_answers(gone=True)
        await stage.pass_ms(100)
        result = await stage.result()
        assert result.verdict.outcome is None
        assert result.leg is not None
        assert result.agent_outcome is None
        assert stage.client.asked_to_end

    play(scenario)


def test_an_agent_is_asked_for_the_outcome_when_the_client_leaves_first(play: Play) -> None:
    async def scenario(stage: Any) -> None:
        agent = await _with_agent(stage)
        stage.client.end()
        heard = len(agent.heard)
        await stage.pass_ms(300)
        assert b"\x20\x20" * 160 in bytes(agent.heard[heard:])
        agent.press("2")
        await stage.pass_ms(100)
        result = await stage.result()
        assert (result.agent_outcome, result.verdict.outcome) == ("not_passed", "not_passed")
        assert agent.asked_to_end

    play(scenario)


def test_an_agent_who_keys_nothing_is_let_go_and_his_outcome_stays_open(play: Play) -> None:
    async def scenario(stage: Any) -> None:
        agent = await _with_agent(stage)
        stage.client.end()
        await stage.pass_ms(1500)
        result = await stage.result()
        assert agent.asked_to_end
        assert result.leg is not None
        assert result.agent_outcome is None

    play(scenario)


@pytest.mark.parametrize("instant_ms", [0, 20, 100, 260, 500, 900])
def test_a_client_who_leaves_while_an_agent_is_rung_frees_the_agent(play: Play, instant_ms: int) -> None:
    async def scenario(stage: Any) -> None:
        stage.client.answer()
        await stage.question()
        stage.client.press("0")
        await stage.pass_ms(instant_ms)
        stage.client.end()
        result = await stage.result()
        assert result.leg is None
        assert stage.desk.ringing is not None
        assert stage.desk.ringing.cancelled()

    play(scenario)


def test_nobody_free_promises_a_callback(play: Play) -> None:
    async def scenario(stage: Any) -> None:
        stage.client.answer()
        await stage.question()
        stage.client.press("0")
        await stage.pass_ms(300)
        stage.desk.found.set_result(None)
        await stage.pass_ms(2000)
        result = await stage.result()
        assert (result.verdict.outcome, result.verdict.follow_up) == (None, "promised_callback")
        assert stage.client.ending.by is EndedBy.US

    play(scenario)


@pytest.mark.rule("F-01")
def test_a_recorder_that_breaks_ends_the_call_with_an_apology_and_proves_nothing(play: Play) -> None:
    async def scenario(stage: Any) -> None:
        stage.client.answer()
        await stage.question()
        stage.tape.broken = True
        await stage.pass_ms(40)
        assert not stage.client.asked_to_end
        await stage.pass_ms(500)
        assert b"\x30\x30" * 160 in bytes(stage.client.heard)
        result = await stage.result()
        assert stage.client.asked_to_end
        assert result.recorder_failed
        assert result.verdict is None

    play(scenario)


@pytest.mark.rule("F-01")
def test_a_recorder_that_breaks_at_the_first_frame_lets_no_word_of_the_script_be_said(play: Play) -> None:
    async def scenario(stage: Any) -> None:
        stage.tape.broken = True
        stage.client.answer()
        await stage.pass_ms(1200)
        result = await stage.result()
        assert result.recorder_failed
        assert b"\x10\x10" * 80 not in bytes(stage.client.heard)
        assert b"\x30\x30" * 160 in bytes(stage.client.heard)

    play(scenario)


def key_as_tones(key: str) -> bytes:
    """One key as 120 ms of its two tones (ITU-T Q.23)."""
    row = next(row for row in KEYS if key in row)
    hertz = ROWS[KEYS.index(row)], COLUMNS[row.index(key)]
    time = np.arange(960) / 8000
    wave: bytes = sum(5000 * np.sin(2 * np.pi * one * time) for one in hertz).astype("<i2").tobytes()
    return wave


@pytest.mark.parametrize(("detector", "keys"), [(KeyDetector(), 1), (None, 0)])
def test_keys_that_are_only_tones_count_once_over_a_trunk_that_sends_them_so(
    play: Play, detector: KeyDetector | None, keys: int
) -> None:
    async def scenario(stage: Any) -> None:
        stage.client.answer()
        await stage.question()
        stage.client.says = key_as_tones("1")
        await stage.pass_ms(200)
        stage.client.end()
        result = await stage.result()
        assert result.keys == keys
        assert sum(bool(taken.answer.keys) for taken in stage.answers) == keys

    play(scenario, tone_keys=detector)


class Told:
    """A watch that tells what the test says."""

    def __init__(self) -> None:
        self.say: Callable[[AnswerVerdict], None] | None = None
        self.heard_ms = 0
        self.closed = False

    def begin(self, told: Callable[[AnswerVerdict], None]) -> None:
        self.say = told

    def feed(self, heard: bytes) -> None:
        self.heard_ms += len(heard) // 16

    def close(self) -> None:
        self.closed = True


def verdict_of(kind: Answer) -> AnswerVerdict:
    return AnswerVerdict(kind, 0.9, 2600, "announcement")


def test_a_machine_is_hung_up_on_and_hears_nothing_more(play: Play) -> None:
    watch = Told()

    async def scenario(stage: Any) -> None:
        stage.client.answer()
        await stage.pass_ms(600)
        assert watch.say is not None
        watch.say(verdict_of(Answer.VOICEMAIL))
        await stage.pass_ms(100)
        assert stage.client.asked_to_end
        stage.client.end()
        result = await stage.result()
        assert (result.machine, result.verdict, result.recorded) == (True, None, True)
        assert result.answer == verdict_of(Answer.VOICEMAIL)
        assert 600 <= watch.heard_ms <= 700
        assert watch.closed

    play(scenario, watch=watch)


def test_who_pressed_a_key_is_a_person_whatever_he_sounds_like(play: Play) -> None:
    watch = Told()

    async def scenario(stage: Any) -> None:
        stage.client.answer()
        await stage.question()
        stage.client.press("1")
        assert watch.say is not None
        watch.say(verdict_of(Answer.VOICEMAIL))
        await stage.pass_ms(100)
        assert not stage.client.asked_to_end
        stage.client.end()
        result = await stage.result()
        assert not result.machine
        assert result.answer == verdict_of(Answer.VOICEMAIL)  # kept, for the matrix

    play(scenario, watch=watch)


@pytest.mark.parametrize("kind", [Answer.PERSON, Answer.SILENCE, Answer.UNKNOWN])
def test_whoever_may_be_a_person_goes_on(play: Play, kind: Answer) -> None:
    watch = Told()

    async def scenario(stage: Any) -> None:
        stage.client.answer()
        await stage.pass_ms(600)
        assert watch.say is not None
        watch.say(verdict_of(kind))
        await stage.pass_ms(1000)
        assert not stage.client.asked_to_end
        stage.client.end()
        assert not (await stage.result()).machine

    play(scenario, watch=watch)


def test_a_client_who_speaks_with_an_agent_is_not_hung_up_on(play: Play) -> None:
    watch = Told()

    async def scenario(stage: Any) -> None:
        await _with_agent(stage)
        assert watch.say is not None
        stage.session.result.keys = 0  # as if a long silence had led to the agent
        watch.say(verdict_of(Answer.VOICEMAIL))
        await stage.pass_ms(100)
        assert not stage.client.asked_to_end
        stage.client.end()
        await stage.pass_ms(1500)
        assert not (await stage.result()).machine

    play(scenario, watch=watch)
