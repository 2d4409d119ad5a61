"""The voice of the night: what tomorrow's calls name is spoken while nobody waits for it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import HuifangError
from dialer.calling.scripts import Scripts
from dialer.calling.speaking import speak_ahead
from dialer.calling.versions import Registered
from huifang.context import Context
from ivr_flows import kokoro
from ivr_flows.prompts import Catalogue
from ivr_flows.rendering import VoiceProcess
from ivr_flows.speech import Speaker, Voice, by_espeak

logger = logging.getLogger(__name__)


def speak_tomorrow(context: Context) -> None:
    """Speak what the callbacks of the next calling day name; log counts only. Whatever fails, the plan stands."""
    settings = context.settings
    site = Path(settings.firm.studio) if settings.firm.studio else None
    try:
        with _voice() as voice:
            catalogue = Catalogue(site=site, speaker=Speaker(settings.var / "speech", voice))
            done = speak_ahead(
                context.db,
                context.clock,
                rules=context.pack.runnable(),
                calendars=context.calendars,
                scripts=Scripts(catalogue, Registered(context.db)),
                catalogue=catalogue,
            )
    except (HuifangError, OSError) as error:
        logger.warning("nothing was spoken ahead: %s", type(error).__name__)
        return
    tell = logger.warning if done.failed else logger.info
    tell("spoken ahead: %d texts ready, %d failed, %d left", done.ready, done.failed, done.left)


@contextmanager
def _voice() -> Iterator[Voice]:
    """The better voice in one process for all texts where it is installed, else the small one."""
    if not kokoro.available():
        yield by_espeak
        return
    with VoiceProcess() as process:
        yield process.say
