"""What a client says at a question, from the sound of his side of the call to an event of the script.

The rule of this module: one answer at a time, and none of yesterday's. An utterance belongs to the question at which it
began; when the script has gone on meanwhile, its reading is dropped. It is recognised while the pause that ends it is
still waited for; when he goes on speaking, that reading is dropped too, and the whole is recognised.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from dialer.calling.endpointing import Began, Ended, Endpointer
from dialer.calling.voice import VoiceDetector, Voices
from dialer.calling.voice_answers import Listeners
from ivr_flows.events import Candidate, Event, SpeechBegan, Spoke
from ivr_flows.model import VoiceTask


class Listening:
    """The ear of one call. Give it every frame of the client; it tells the script when he speaks and what he said."""

    def __init__(self, listeners: Listeners, voices: Voices, tell: Callable[[Event], None]) -> None:
        """``tell`` takes each event of the script, in the event loop's thread."""
        self._listeners = listeners
        self._voices = voices
        self._tell = tell
        self._detector: VoiceDetector | None = None
        self._ends: Endpointer | None = None
        self._task: VoiceTask | None = None
        self._playing = False
        self._question = 0
        self._early: tuple[int, asyncio.Future[tuple[Candidate, ...]]] | None = None  # an utterance that ended then
        self._owed = False  # the script was told that he speaks, and waits for what he said

    def at(self, task: VoiceTask | None, *, playing: bool) -> None:
        """From now on answers to ``task`` are welcome (None: none); ``playing``: while we speak ourselves."""
        self._question += 1
        self._owed, self._playing, self._early = False, playing, None
        self._task = task if task is not None and self._listeners.hears(task.language) else None
        if self._ends is not None:
            self._ends.reset()

    def feed(self, frame: bytes, at_ms: int) -> None:
        """The client's next 20 ms, which end at ``at_ms`` of call time."""
        if self._task is None or (self._owed and not self._ear().speaking):
            return
        heard = self._ear().feed(frame, at_ms, playing=self._playing, digits=self._task.kind == "digits")
        match heard:
            case Began(at_ms=began):
                self._owed = True
                self._tell(SpeechBegan(began))
            case Ended():
                self._recognise(heard, self._task)
            case _:
                self._begin_early(self._ear().likely, self._task)

    def close(self) -> None:
        """The call is over."""
        self._question += 1
        self._task = None
        if self._detector is not None:
            self._voices.give_back(self._detector)
            self._detector = self._ends = None

    def _ear(self) -> Endpointer:
        if self._ends is None:
            self._detector = self._voices.take()
            self._ends = Endpointer(self._detector)
        return self._ends

    def _begin_early(self, likely: Ended | None, task: VoiceTask) -> None:
        if likely is not None:
            self._early = likely.end_ms, self._listeners.submit(likely.pcm, task)

    def _recognise(self, said: Ended, task: VoiceTask) -> None:
        question, early, self._early = self._question, self._early, None

        def known(done: asyncio.Future[tuple[Candidate, ...]]) -> None:
            if question == self._question and not done.cancelled():
                self._owed = False
                self._tell(Spoke(done.result(), said.start_ms, said.end_ms))

        reading = early[1] if early and early[0] == said.end_ms else self._listeners.submit(said.pcm, task)
        reading.add_done_callback(known)
