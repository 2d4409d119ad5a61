"""One call on the baresip engine.

The rule of this module: two witnesses tell about a call, the engine's events and the messages on the wire. Events
move the state; messages give the exact facts (status, phrase, Reason, who sent BYE) that the events leave out. The
messages come through the engine's log thread and may arrive a moment after the event they explain, so an event waits
for its message, a short time at most, and events never overtake each other.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from functools import partial

from baresip import AudioNotActive, AudioRestarted, BaresipError, Event, StackEvent, StaleHandleError
from baresip.audio import CallAudio
from baresip.call import Call as EngineCall

from core.clock import Clock
from dialer.lines.base import (
    SAMPLE_RATE,
    Answered,
    CallEvent,
    CallState,
    Digit,
    EarlyMedia,
    Ended,
    EndedBy,
    Ending,
    FarEndHold,
    KeyDown,
    LineError,
    Listener,
    MediaStats,
    Provisional,
    Rang,
)
from dialer.lines.endings import Closing, media_stats
from dialer.lines.listeners import Listeners
from dialer.lines.sip_messages import SipMessage, parse_close_text

_log = logging.getLogger(__name__)

WITNESS_PATIENCE_S = 2.0  # how long an event waits for the message that explains it (the 487 to a CANCEL, mostly)
LONGEST_KEY_S = 1.5  # a key held longer is told then: all its end packets may be lost (RFC 4733 section 2.5.1.4)
AUDIO_PATIENCE_S = 3.0  # an answer that opened no audio until then is hung up: the engine would keep it for ever
_READ_BYTES = 4000  # 250 ms: one native read nearly always takes all there is
_SAMPLE_EVERY = 25  # writes between two looks at the starvation counter (0.5 s at 20 ms)
_NO_AUDIO = "the answer opened no audio: no common codec, a closed port, or no encryption where it is required"
_AUDIO_GONE = (AudioNotActive, AudioRestarted)


class StarvedFrames:
    """Counts frames that ran dry, over streams whose own counter restarts at every renegotiation."""

    def __init__(self) -> None:
        self._before = 0
        self._last = 0

    def see(self, counter: int) -> None:
        """Take a look at the engine's counter."""
        if counter < self._last:
            self._before += self._last
        self._last = counter

    @property
    def total(self) -> int:
        """Frames over all streams so far."""
        return self._before + self._last


class BaresipCall:
    """``Call`` on baresip; made by ``BaresipLine`` only."""

    def __init__(self, clock: Clock, engine: EngineCall, audio: CallAudio) -> None:
        self._clock = clock
        self._engine = engine
        self._audio = audio
        self._sip_call_id: str | None = engine.call_id
        self._loop = asyncio.get_running_loop()
        self._state = CallState.DIALING
        self._dialed_at = clock.now()
        self._answered_at: datetime | None = None
        self._provisionals: list[Provisional] = []
        self._unclaimed: deque[Provisional] = deque()
        self._final: SipMessage | None = None
        self._bye: SipMessage | None = None
        self._parted_at: datetime | None = None  # when a BYE crossed the wire; the engine tells of it 35 ms later
        self._waiting: deque[StackEvent] = deque()
        self._held = True
        self._farewell: asyncio.TimerHandle | None = None
        self._errand: asyncio.Task[None] | None = None
        self._patience: asyncio.TimerHandle | None = None
        self._key: tuple[str, float] | None = None
        self._key_limit: asyncio.TimerHandle | None = None
        self._audio_limit: asyncio.TimerHandle | None = None
        self._fault = ""  # why we hang up although nobody asked
        self._ending: Ending | None = None
        self._stats: MediaStats | None = None
        self._starved = StarvedFrames()
        self._writes = 0
        self._listeners = Listeners()

    @property
    def sip_call_id(self) -> str | None:
        """The SIP Call-ID."""
        return self._sip_call_id

    @property
    def state(self) -> CallState:
        """The state last reported by the engine."""
        return self._state

    @property
    def dialed_at(self) -> datetime:
        """When the INVITE left."""
        return self._dialed_at

    @property
    def provisionals(self) -> tuple[Provisional, ...]:
        """Every 1xx so far, 100 Trying and repetitions included."""
        return tuple(self._provisionals)

    @property
    def answered_at(self) -> datetime | None:
        """When the 200 arrived."""
        return self._answered_at

    @property
    def ending(self) -> Ending | None:
        """How it ended; None while it lives."""
        return self._ending

    @property
    def stats(self) -> MediaStats | None:
        """Closing statistics; None until it ended."""
        return self._stats

    # -- what the owner asks ---------------------------------------------------------------------------------------

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Deliver every later event to ``listener``; a call that has ended tells so at once."""
        return self._listeners.add(listener, self._ending)

    def read(self) -> bytes:
        """All audio received since the last read. Read at least once a second: the engine keeps no more."""
        pieces: list[bytes] = []
        with contextlib.suppress(*_AUDIO_GONE):
            while self._ending is None and (not pieces or len(pieces[-1]) == _READ_BYTES):
                pieces.append(self._audio.read(_READ_BYTES))
        return b"".join(pieces)

    def write(self, pcm: bytes) -> int:
        """Queue audio for the far end; the engine holds two seconds (32,768 bytes)."""
        if self._ending is not None:
            return 0
        self._writes += 1
        if self._writes % _SAMPLE_EVERY == 0:
            self._sample()
        try:
            return int(self._audio.write(pcm))
        except _AUDIO_GONE:
            return 0

    def flush(self) -> None:
        """Drop queued audio; one frame already with the encoder may still leave."""
        with contextlib.suppress(*_AUDIO_GONE):
            if self._ending is None:
                self._audio.flush_tx()

    @property
    def queued_bytes(self) -> int:
        """Audio written but not yet sent."""
        try:
            return int(self._audio.info().tx_buffered) if self._ending is None else 0
        except _AUDIO_GONE:
            return 0

    async def send_digits(self, keys: str) -> None:
        """Press keys (RFC 4733), 100 ms each; LineError for a character that is no key."""
        await self._ask("send digits", partial(self._engine.send_dtmf, keys), gone_is_fine=True)

    async def hold(self) -> None:
        """Put the far end on hold by re-INVITE."""
        self._expect_audio(False)
        await self._ask("hold the call", self._engine.hold)

    async def resume(self) -> None:
        """Take the far end off hold."""
        await self._ask("resume the call", self._engine.resume)

    async def hang_up(self) -> None:
        """Ask for the end: BYE after the answer, CANCEL before it.

        A CANCEL must wait for the first 1xx (RFC 3261 section 9.1); the engine forgets it then and the telephone would
        ring on. So the request is kept until that 1xx comes, 2 s at most.
        """
        self._sample()
        if self._ending is None and self._state is CallState.DIALING and not self._provisionals:
            self._farewell = self._farewell or self._loop.call_later(WITNESS_PATIENCE_S, self._say_farewell)
            return
        await self._ask("hang up", self._engine.hangup, gone_is_fine=True)

    async def _ask(self, what: str, command: Callable[[], Awaitable[None]], *, gone_is_fine: bool = False) -> None:
        if self._ending is not None and gone_is_fine:
            return
        try:
            await command()
        except StaleHandleError as error:
            if not gone_is_fine:
                raise LineError(f"cannot {what}: the call has ended; dial again if it is still wanted") from error
        except (BaresipError, ValueError) as error:
            raise LineError(f"cannot {what}: {error}; try again, and hang up if it keeps failing") from error

    # -- what the engine and the wire tell -------------------------------------------------------------------------

    @property
    def engine(self) -> EngineCall:
        """The engine's own call object."""
        return self._engine

    def release(self) -> None:
        """Let events through: they are held until whoever dialed could subscribe, however quick the far end is."""
        self._held = False
        self._settle()

    def engine_event(self, event: StackEvent) -> None:
        """Take one event of the engine about this call."""
        self._waiting.append(event)
        self._settle()

    def sip_message(self, message: SipMessage) -> None:
        """Take one message on the wire about this call."""
        if message.answers_invite:
            self._response(message)
        elif message.method == "BYE" and message.received and message.status is None:
            self._bye, self._parted_at = message, self._clock.now()
        elif message.method == "BYE" and not message.received and message.status is None:
            self._parted_at = self._clock.now()
        elif message.method == "INVITE" and not message.received and message.status is None:
            self._final = None  # a challenge was answered: the earlier final response is not the last word
        self._settle()

    def engine_died(self) -> None:
        """End the call because the engine is gone."""
        self._end(Ending(EndedBy.STACK, self._clock.now(), cause="the SIP engine stopped"))

    def _response(self, message: SipMessage) -> None:
        status = message.status or 0
        if status >= 200:
            self._final = message
        elif self._answered_at is None:
            provisional = Provisional(status, message.phrase, self._clock.now(), message.has_sdp)
            self._provisionals.append(provisional)
            if self._farewell is not None and self._errand is None:
                self._say_farewell()
            if status > 100:  # the engine tells nothing about 100 Trying
                self._unclaimed.append(provisional)

    def _say_farewell(self) -> None:
        if self._farewell is not None:
            self._farewell.cancel()
        self._errand = self._loop.create_task(self._ask("hang up", self._engine.hangup, gone_is_fine=True))

    def _settle(self) -> None:
        if self._held:
            return
        while self._waiting and not self._lacks_witness(self._waiting[0]):
            self._apply_next()
        if self._waiting and self._patience is None:
            self._patience = self._loop.call_later(WITNESS_PATIENCE_S, self._lose_patience)

    def _lose_patience(self) -> None:
        _log.warning("call %s: an engine event stayed without its SIP message", self._sip_call_id)
        self._apply_next()
        self._settle()

    def _lacks_witness(self, event: StackEvent) -> bool:
        if event.event in (Event.CALL_RINGING, Event.CALL_PROGRESS):
            media = event.event is Event.CALL_PROGRESS
            return not any(provisional.media is media for provisional in self._unclaimed)
        if event.event is Event.CALL_CLOSED:
            return self._closing(event).lacks_witness(rang=bool(self._provisionals))
        return False

    def _apply_next(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        if self._waiting:
            self._apply(self._waiting.popleft())

    def _apply(self, event: StackEvent) -> None:
        now = self._clock.now()
        match event.event:
            case Event.CALL_RINGING:
                self._move(CallState.RINGING, Rang(self._claim(media=False)))
            case Event.CALL_PROGRESS:
                self._check_format()
                self._move(CallState.EARLY_MEDIA, EarlyMedia(self._claim(media=True)))
            case Event.CALL_ESTABLISHED:
                self._check_format()
                self._answered_at = now
                self._expect_audio(True)
                self._move(CallState.ANSWERED, Answered(now))
            case Event.CALL_HOLD | Event.CALL_RESUME:
                self._listeners.tell(FarEndHold(event.event is Event.CALL_HOLD, now))
            case Event.CALL_DTMF_START | Event.CALL_DTMF_END:
                self._release_key()
                if event.event is Event.CALL_DTMF_START and event.text:
                    self._press_key(event.text)
            case Event.CALL_CLOSED:
                self._stats = media_stats(event.stats, self._starved.total)
                self._end(self._closing(event).ending(self._parted_at or now))

    def _claim(self, *, media: bool) -> Provisional:
        """The message behind an event; where the trace has lost it, the phrase stays empty."""
        while self._unclaimed:
            provisional = self._unclaimed.popleft()
            if provisional.media is media:
                return provisional
        provisional = Provisional(183 if media else 180, "", self._clock.now(), media)
        self._provisionals.append(provisional)
        return provisional

    def _closing(self, event: StackEvent) -> Closing:
        return Closing(parse_close_text(event.text or ""), self._answered_at is not None, self._final, self._bye)

    def _press_key(self, key: str) -> None:
        self._key = (key, self._clock.monotonic())
        self._key_limit = self._loop.call_later(LONGEST_KEY_S, self._release_key)
        self._listeners.tell(KeyDown(key, self._clock.now()))

    def _release_key(self) -> None:
        """Tell the key that is down: its end came, the next one starts, it is down too long, or the call ended."""
        pressed, self._key = self._key, None
        if self._key_limit is not None:
            self._key_limit.cancel()
        if pressed is not None:
            held = round((self._clock.monotonic() - pressed[1]) * 1000)
            self._listeners.tell(Digit(pressed[0], held, self._clock.now()))

    def _expect_audio(self, expected: bool) -> None:
        if self._audio_limit is not None:
            self._audio_limit.cancel()
        self._audio_limit = self._loop.call_later(AUDIO_PATIENCE_S, self._require_audio) if expected else None

    def _require_audio(self) -> None:
        try:
            self._audio.info()
        except _AUDIO_GONE:
            self._fault = _NO_AUDIO
            self._errand = self._loop.create_task(self._ask("hang up", self._engine.hangup, gone_is_fine=True))

    def _check_format(self) -> None:
        """Only 8 kHz mono is offered, so anything else is an engine fault; it must not reach a recording."""
        try:
            info = self._audio.info()
        except _AUDIO_GONE:
            return
        if {info.rx_sample_rate, info.tx_sample_rate} - {SAMPLE_RATE, 0} or info.rx_channels > 1:
            _log.error("call %s: engine audio is not 8 kHz mono: check the engine's codecs", self._sip_call_id)

    def _sample(self) -> None:
        with contextlib.suppress(*_AUDIO_GONE):
            self._starved.see(self._audio.stats().tx_starved_frames)

    def _move(self, state: CallState, event: CallEvent) -> None:
        self._state = state
        self._listeners.tell(event)

    def _end(self, ending: Ending) -> None:
        if self._ending is not None:
            return
        self._release_key()
        self._ending = replace(ending, by=EndedBy.STACK, cause=self._fault) if self._fault else ending
        self._expect_audio(False)
        if self._farewell is not None:
            self._farewell.cancel()
        self._stats = self._stats or MediaStats(starved_frames=self._starved.total)
        self._move(CallState.ENDED, Ended(self._ending))
