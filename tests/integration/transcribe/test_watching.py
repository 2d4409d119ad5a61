"""A live call is looked at by a real recogniser in a real process: mailboxes are known, people are left alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from core.settings import Settings
from dialer.calling.evidence.answering import Answer, AnswerVerdict
from dialer.calling.watching import Watches, watches
from dialer.lines.base import FRAME_BYTES
from tests.benchmarks.dispositions.signals import telephone

pytestmark = pytest.mark.integration

Pcm = npt.NDArray[np.int16]
ANNOUNCEMENTS = Path(__file__).parents[2] / "data" / "announcements"
PATIENCE_S = 60


@pytest.fixture
def acting(settings: Settings) -> Settings:
    """The installation with whisper and with live calls that are watched."""
    dispositions = replace(settings.dispositions, answer="act")
    return replace(settings, dispositions=dispositions, transcribe=replace(settings.transcribe, engines="whisper"))


async def answers(here: Watches, pcm: bytes) -> list[AnswerVerdict]:
    """Every verdict about a call that sounds like ``pcm``; its clock stands still while the worker listens."""
    told: list[AnswerVerdict] = []
    watch = here.follow("zh-CN")
    watch.begin(told.append)
    for start in range(0, len(pcm) - FRAME_BYTES + 1, FRAME_BYTES):
        watch.feed(pcm[start : start + FRAME_BYTES])
        async with asyncio.timeout(PATIENCE_S):
            await here.idle()
    watch.close()
    return told


def heard(acting: Settings, pcm: bytes) -> list[AnswerVerdict]:
    async def run() -> list[AnswerVerdict]:
        here = watches(acting)
        assert here is not None
        try:
            return await answers(here, pcm)
        finally:
            here.close()

    return asyncio.run(run())


@pytest.mark.parametrize("name", ["voicemail_d1_jf_gongitsune", "voicemail_d2_jf_nezumi"])
def test_a_mailbox_is_known_while_it_still_speaks(acting: Settings, name: str) -> None:
    sound, rate = soundfile.read(ANNOUNCEMENTS / f"{name}.flac", dtype="int16")
    assert rate == 8000
    before = np.zeros(4800)
    last = heard(acting, telephone(np.concatenate([before, sound, np.zeros(24_000)])))[-1]
    assert last.kind is Answer.VOICEMAIL
    assert last.at_ms < len(sound) // 8 + 3600


@pytest.mark.parametrize("name", ["zh_aishell_0724W0121", "zh_paddle_running", "en_librispeech_1995"])
def test_nobody_who_speaks_is_taken_for_a_machine(acting: Settings, clip: Callable[[str], Pcm], name: str) -> None:
    pcm = np.concatenate([np.zeros(4800, np.int16), clip(f"{name}.8k_alaw"), np.zeros(16_000, np.int16)])
    told = heard(acting, pcm.astype("<i2").tobytes())
    assert told
    assert {verdict.kind for verdict in told} == {Answer.PERSON}
