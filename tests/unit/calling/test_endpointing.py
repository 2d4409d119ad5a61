"""When speech begins and ends: over real speech of a telephone line, and frame by frame with a fake detector."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from dialer.calling.endpointing import Began, Ended, Endpointer, EndRules
from dialer.calling.voice import VoiceDetector
from dialer.lines.base import FRAME_BYTES, FRAME_MS

pytestmark = pytest.mark.unit

SPEECH = Path(__file__).parents[2] / "data" / "speech"
CLIPS = sorted(SPEECH.glob("*.8k_alaw.wav"))
QUIET_MS = 1000
RULES = EndRules()
Told = list[tuple[int, Began | Ended]]


class Scripted:
    """A detector that says what each frame holds: a frame of ones is voice."""

    def feed(self, frame: bytes) -> bool:
        return frame[0] != 0


def run(pointer: Endpointer, pcm: bytes, *, playing: bool = False, digits: bool = False) -> Told:
    """Everything that was told, with the call time of the frame."""
    told: Told = []
    for start in range(0, len(pcm) - FRAME_BYTES + 1, FRAME_BYTES):
        at_ms = (start // FRAME_BYTES + 1) * FRAME_MS
        found = pointer.feed(pcm[start : start + FRAME_BYTES], at_ms, playing=playing, digits=digits)
        if found is not None:
            told.append((at_ms, found))
    return told


def frames(*runs: tuple[bool, int]) -> bytes:
    """Runs of voice and quiet in milliseconds."""
    return b"".join(bytes([int(voiced)]) * FRAME_BYTES * (ms // FRAME_MS) for voiced, ms in runs)


def line(clip: Path) -> bytes:
    quiet = np.zeros(8 * QUIET_MS, np.int16)
    sound = soundfile.read(clip, dtype="int16")[0]
    return np.concatenate([quiet, sound, quiet]).astype("<i2").tobytes()


@pytest.mark.parametrize("clip", CLIPS, ids=lambda clip: clip.stem)
def test_real_speech_begins_soon_and_ends_within_700_ms(clip: Path) -> None:
    pcm = line(clip)
    told = run(Endpointer(VoiceDetector()), pcm)
    assert [type(one) for _, one in told] == [Began, Ended] * (len(told) // 2)
    assert told
    at_ms, began = told[0]
    assert isinstance(began, Began)
    assert QUIET_MS <= began.at_ms <= at_ms <= began.at_ms + RULES.window_ms
    for at_ms, ended in told:
        if isinstance(ended, Ended):
            assert at_ms - ended.end_ms < 700
            assert abs(len(ended.pcm) // 16 - (ended.end_ms - ended.start_ms)) <= 2 * RULES.pad_ms


@pytest.mark.parametrize("clip", CLIPS, ids=lambda clip: clip.stem)
def test_what_is_handed_out_is_the_audio_of_that_time(clip: Path) -> None:
    pcm = line(clip)
    for _, ended in run(Endpointer(VoiceDetector()), pcm):
        if isinstance(ended, Ended):
            spoken = pcm[ended.start_ms * 16 : ended.end_ms * 16]
            assert spoken in ended.pcm


def test_noise_tones_and_silence_are_no_speech() -> None:
    seconds = np.arange(8000 * 3) / 8000
    noise = np.random.default_rng(7).normal(0, 300, seconds.size)
    for sound in (np.zeros(seconds.size), noise, 6000 * np.sin(2 * np.pi * 450 * seconds)):
        assert run(Endpointer(VoiceDetector()), sound.astype("<i2").tobytes()) == []


@pytest.mark.rule("C-07")
def test_a_cough_stops_no_prompt_and_a_word_does() -> None:
    assert run(Endpointer(Scripted()), frames((False, 400), (True, 180), (False, 800)), playing=True) == []
    told = run(Endpointer(Scripted()), frames((False, 400), (True, 240), (False, 800)), playing=True)
    assert told[0] == (400 + RULES.barge_ms, Began(400))


@pytest.mark.rule("C-07")
def test_a_breath_inside_a_sentence_does_not_end_it() -> None:
    told = run(Endpointer(Scripted()), frames((False, 400), (True, 1200), (False, 500), (True, 600), (False, 1000)))
    assert told[0][1] == Began(400)
    assert isinstance(told[1][1], Ended)
    assert (told[1][1].start_ms, told[1][1].end_ms) == (400, 2700)


@pytest.mark.parametrize(
    ("voiced_ms", "digits", "pause_ms"),
    [(300, False, RULES.word_ms), (1500, False, RULES.pause_ms), (300, True, RULES.digits_ms)],
)
def test_the_pause_that_ends_speech_fits_what_was_said(voiced_ms: int, digits: bool, pause_ms: int) -> None:
    told = run(Endpointer(Scripted()), frames((False, 400), (True, voiced_ms), (False, 1000)), digits=digits)
    assert told[-1][0] == 400 + voiced_ms + pause_ms


@given(st.integers(10, 100), st.booleans())
def test_what_has_likely_ended_is_what_is_handed_out_later(voiced_frames: int, digits: bool) -> None:
    pointer, likely = Endpointer(Scripted()), []
    for at, start in enumerate(range(0, FRAME_BYTES * (voiced_frames + 40), FRAME_BYTES), 1):
        told = pointer.feed(bytes([start < voiced_frames * FRAME_BYTES]) * FRAME_BYTES, at * FRAME_MS, digits=digits)
        likely += [(at, pointer.likely)] if pointer.likely else []
        if isinstance(told, Ended):
            assert [one for _, one in likely] == [told]
            assert at - likely[0][0] <= RULES.ahead_ms // FRAME_MS
            return


def test_who_speaks_on_is_cut_and_heard_again() -> None:
    told = run(Endpointer(Scripted()), frames((True, 9000), (False, 1000)))
    first, second = (one for _, one in told if isinstance(one, Ended))
    assert (first.start_ms, first.end_ms, len(first.pcm) // 16) == (0, RULES.longest_ms, RULES.longest_ms)
    assert second.end_ms == 9000


def test_a_new_question_forgets_what_was_heard_before() -> None:
    pointer = Endpointer(Scripted())
    run(pointer, frames((True, 300)))
    began = pointer.speaking
    pointer.reset()
    assert (began, pointer.speaking) == (True, False)
    assert run(pointer, frames((False, 1000))) == []


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 40).map(lambda count: count * FRAME_MS)), max_size=30))
def test_every_beginning_has_one_end_within_bounds(runs: list[tuple[bool, int]]) -> None:
    pcm = frames(*runs, (False, 1000))
    told = run(Endpointer(Scripted()), pcm)
    assert [type(one) for _, one in told] == [Began, Ended] * (len(told) // 2)
    longest = RULES.longest_ms + 2 * RULES.pad_ms
    for at_ms, one in told:
        if isinstance(one, Ended):
            assert one.start_ms < one.end_ms <= at_ms
            assert at_ms - one.end_ms < 700
            assert 0 < len(one.pcm) <= longest * 16
            assert pcm[one.start_ms * 16 : one.end_ms * 16] in one.pcm
