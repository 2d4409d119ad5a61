"""Calls that are answered, dialed by the node's own stack: keys, speech, agents, mailboxes, loss, hold.

Every conversation is written down as a scenario of its own; they all run at the same time, once, and each test looks
at one of them afterwards: at what the node heard and at what the carrier wrote into its log.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pytest

from simulator.chance import call_random, ring_seconds
from simulator.process import SimulatorProcess
from simulator.sounds import ClipStore

pytestmark = pytest.mark.integration

OpenPhone = Callable[[], AbstractAsyncContextManager[Any]]
Scenario = Callable[[Any], Awaitable[None]]
PROMPT = "zh_nst_1"


@dataclass(frozen=True)
class Result:
    """One finished conversation."""

    talk: Any
    line: dict[str, Any]

    def of(self, entries: str, name: str) -> list[str]:
        return [entry[name] for entry in self.line[entries]]


async def until_digits(talk: Any, digits: str) -> None:
    await talk.until(lambda: "".join(talk.digits) == digits)


async def presses_after_each_prompt(talk: Any) -> None:
    for digits in ("", "1234", "12341"):
        await talk.play(PROMPT, 1.0)
        await until_digits(talk, digits)


async def repeats_the_last_key(talk: Any) -> None:
    for digits in ("1", "12", "122"):
        await talk.play(PROMPT, 0.6)
        await until_digits(talk, digits)


async def barges_in(talk: Any) -> None:
    playing = asyncio.create_task(talk.play("en_librispeech_1995", 8.0))
    await until_digits(talk, "1")
    assert not playing.done()
    await playing


async def speaks_and_presses(talk: Any) -> None:
    await talk.play(PROMPT, 0.6)
    await talk.until(lambda: talk.loudness(early=False) > 500)
    await asyncio.sleep(3)
    for digits in ("1", "1#"):
        await talk.play(PROMPT, 0.6)
        await until_digits(talk, digits)


async def asks_for_an_agent(talk: Any) -> None:
    await talk.play(PROMPT, 0.6)
    assert talk.digits == []
    await talk.play(PROMPT, 0.6)
    await until_digits(talk, "0")
    await talk.play("agent_hello", 2.0)
    await talk.until(lambda: talk.loudness(early=False) > 300)


async def two_prompts(talk: Any) -> None:
    await talk.play(PROMPT, 0.6)
    await talk.play(PROMPT, 0.6)


async def one_prompt_and_he_is_gone(talk: Any) -> None:
    await talk.play(PROMPT, 0.6)
    await asyncio.wait_for(talk.closed.wait(), 30)


async def until_the_other_side_ends(talk: Any) -> None:
    await asyncio.wait_for(talk.closed.wait(), 40)


async def listens_to_the_beep(talk: Any) -> None:
    await talk.until(lambda: sum(len(pcm) for _, pcm in talk.heard) > 8000 * 7)


async def listens_for_nine_seconds(talk: Any) -> None:
    await asyncio.sleep(9)


async def briefs_the_agent(talk: Any) -> None:
    await talk.play(PROMPT, 1.0)
    await talk.until(lambda: talk.loudness(early=False) > 300)
    await until_digits(talk, "1#")


async def presses_keys_itself(talk: Any) -> None:
    await asyncio.sleep(0.3)
    await talk.call.send_dtmf("12#")
    await asyncio.sleep(0.3)


async def holds_and_resumes(talk: Any) -> None:
    await asyncio.sleep(0.4)
    await talk.call.hold()
    await asyncio.sleep(1.0)
    await talk.call.resume()
    await talk.play(PROMPT, 0.6)
    assert talk.digits == []
    await talk.play(PROMPT, 0.6)
    await until_digits(talk, "1")


SCENARIOS: dict[str, Scenario] = {
    "13800000001": presses_after_each_prompt,
    "13800000002": repeats_the_last_key,
    "13800000003": barges_in,
    "13800000004": speaks_and_presses,
    "13800000005": asks_for_an_agent,
    "13800000006": two_prompts,
    "13800000007": one_prompt_and_he_is_gone,
    "13800000008": until_the_other_side_ends,
    "13800000009": listens_to_the_beep,
    "13800000010": listens_for_nine_seconds,
    "13800000011": presses_keys_itself,
    "13900001234": holds_and_resumes,
    "agent-1": briefs_the_agent,
    "agent-2": until_the_other_side_ends,
}


@pytest.fixture(scope="module")
def conversation(carrier: SimulatorProcess, phone: OpenPhone) -> Callable[[str], Result]:
    """The finished conversation with a number; what went wrong in it is raised here."""

    async def converse(open_phone: Any, number: str) -> Any:
        talk = await open_phone.connect(number)
        await SCENARIOS[number](talk)
        if not talk.closed.is_set():
            await talk.call.hangup()
        await asyncio.wait_for(talk.closed.wait(), 30)
        return talk

    async def all_at_once() -> list[Any]:
        async with phone() as open_phone:
            talks = (converse(open_phone, number) for number in SCENARIOS)
            return await asyncio.gather(*talks, return_exceptions=True)

    outcomes = dict(zip(SCENARIOS, asyncio.run(all_at_once()), strict=True))

    def finished(number: str) -> Result:
        if isinstance(outcomes[number], BaseException):
            raise outcomes[number]
        return Result(outcomes[number], carrier.wait_for(lambda line: line["number"] == number))

    return finished


Conversation = Callable[[str], Result]


def test_keys_answer_the_prompts_they_belong_to(conversation: Conversation) -> None:
    result = conversation("13800000001")
    assert result.of("keys_pressed", "key") == list("12341") == result.talk.digits
    line = result.line
    assert (line["status"], line["ended_by"], line["prompts_heard"]) == (200, "bye_them", 3)
    assert line["invite_at"] < line["answered_at"] <= line["acknowledged_at"] < line["ended_at"]


def test_the_last_key_is_repeated_when_the_table_says_so(conversation: Conversation) -> None:
    assert conversation("13800000002").talk.digits == ["1", "2", "2"]


def test_the_impatient_press_before_the_prompt_is_over(conversation: Conversation) -> None:
    assert conversation("13800000003").talk.digits == ["1"]


def test_speech_and_keys_mix(conversation: Conversation) -> None:
    result = conversation("13800000004")
    assert result.of("clips_spoken", "clip") == ["zh_aishell_0916W0427", "client_yes"]
    assert result.talk.digits == ["1", "#"]


def test_who_asks_for_an_agent_presses_zero_and_then_talks(conversation: Conversation) -> None:
    result = conversation("13800000005")
    assert result.talk.digits == ["0"]
    assert result.of("clips_spoken", "clip") == ["client_question"]


def test_the_silent_stay_silent_but_their_rtp_flows(conversation: Conversation) -> None:
    result = conversation("13800000006")
    assert result.talk.loudness(early=False) < 20
    assert (result.talk.digits, result.line["clips_spoken"], result.line["prompts_heard"]) == ([], [], 2)
    assert result.line["rtp_sent"] > 100
    assert result.line["rtp_received"] > 100


@pytest.mark.parametrize(("number", "keys"), [("13800000007", ["1"]), ("13800000008", [])])
def test_some_hang_up_in_the_middle(conversation: Conversation, number: str, keys: list[str]) -> None:
    result = conversation(number)
    assert result.talk.digits == keys
    assert result.line["ended_by"] == "bye_us"


def test_a_mailbox_greets_beeps_and_records(conversation: Conversation) -> None:
    result = conversation("13800000009")
    assert result.of("clips_spoken", "clip") == ["voicemail_greeting", "beep"]
    assert result.line["ended_by"] == "bye_them"


def test_the_beep_of_a_mailbox_is_heard_as_1000_hertz(conversation: Conversation) -> None:
    heard = np.concatenate([pcm for _, pcm in conversation("13800000009").talk.heard]).astype(np.float64)
    windows = [heard[start : start + 1600] for start in range(0, len(heard) - 1600, 800)]
    spectra = [np.abs(np.fft.rfft(window * np.hanning(1600))) ** 2 for window in windows if np.abs(window).max() > 2000]
    purest = max(spectra, key=lambda spectrum: spectrum.max() / spectrum.sum())
    assert purest.argmax() * 5 == pytest.approx(1000, abs=5)
    assert purest[195:206].sum() / purest.sum() > 0.95


def test_the_node_hears_the_clip_that_was_spoken(conversation: Conversation) -> None:
    heard = np.concatenate([pcm for _, pcm in conversation("13800000004").talk.heard]).astype(np.float64)
    spoken = ClipStore().samples("zh_aishell_0916W0427")[6400:10400].astype(np.float64)
    size = 2 ** int(np.ceil(np.log2(len(heard) + len(spoken))))
    match = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(spoken, size)))
    start = int(match[: len(heard) - len(spoken)].argmax())
    assert np.corrcoef(heard[start : start + len(spoken)], spoken)[0, 1] > 0.97


def test_one_packet_in_twenty_is_lost_and_the_log_says_which_share(conversation: Conversation) -> None:
    result = conversation("13800000010")
    assert 0.02 < result.line["rtp_dropped"] / (result.line["rtp_dropped"] + result.line["rtp_sent"]) < 0.09
    assert result.talk.loudness(early=False) > 500


def test_the_node_learns_of_the_loss_and_reports_it(conversation: Conversation) -> None:
    result = conversation("13800000010")
    assert result.talk.call.final_stats.rx_lost > 0
    assert 0 < result.line["rtp_lost_by_peer"] <= result.line["rtp_dropped"]


def test_an_agent_hears_somebody_speaks_and_presses_the_outcome(conversation: Conversation) -> None:
    result = conversation("agent-1")
    assert result.of("clips_spoken", "clip") == ["agent_hello"]
    assert result.talk.digits == ["1", "#"]
    assert result.line["ended_by"] == "bye_them"


def test_an_agent_may_hang_up_after_the_outcome(conversation: Conversation) -> None:
    result = conversation("agent-2")
    assert result.talk.digits == ["2"]
    assert result.line["ended_by"] == "bye_us"


def test_keys_of_the_node_are_received(conversation: Conversation) -> None:
    assert conversation("13800000011").of("digits_received", "digit") == ["1", "2", "#"]


def test_a_held_subscriber_comes_back(conversation: Conversation) -> None:
    result = conversation("13900001234")
    assert result.line["holds"] == 1
    assert result.talk.digits == ["1"]


def test_the_ring_time_follows_from_the_seed(conversation: Conversation) -> None:
    line = conversation("13800000011").line
    rang = datetime.fromisoformat(line["answered_at"]) - datetime.fromisoformat(line["invite_at"])
    expected = ring_seconds(call_random(7, "13800000011", 1), 0.5, 0.3)
    assert expected - 0.02 <= rang.total_seconds() < expected + 0.4
