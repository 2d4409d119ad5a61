"""One call on the pyVoIP engine.

The rule of this module: the dialog and the audio tell what came, this object makes events of it and keeps the raw
facts. It lives on the event loop; what pyVoIP's threads say reaches it through the loop.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from core.clock import Clock
from dialer.lines.base import (
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
from dialer.lines.listeners import Listeners
from dialer.lines.pyvoip_dialog import Dialog, Invitation
from dialer.lines.pyvoip_messages import Packet
from dialer.lines.pyvoip_phone import Phone
from dialer.lines.pyvoip_rtp import KEYS, CallAudio, KeyNews

_log = logging.getLogger(__name__)

FAREWELL_S = 2.0  # how long the end waits for the 487 or the 200 that confirms it
LONGEST_KEY_S = 1.5  # a key held longer is told then: all its end packets may be lost (RFC 4733 section 2.5.1.4)
WATCH_S = 0.5  # how often the silence of the far end is measured
_KEYS_TOLD = 8
_INFO_SIGNAL = re.compile(r"^\s*Signal\s*=\s*([0-9A-D*#]|1[01])\s*$", re.IGNORECASE | re.MULTILINE)
_INFO_DURATION = re.compile(r"^\s*Duration\s*=\s*(\d{1,5})\s*$", re.IGNORECASE | re.MULTILINE)
_INFO_PLAIN = re.compile(r"\s*([0-9A-D*#]|1[01])\s*", re.IGNORECASE)
_TONES = {"10": "*", "11": "#"}
_NO_AUDIO = "the answer opened no audio: no common codec, a closed port, or no direction that is open"
_OURS = "ended by us"
_THEIRS = "BYE"


@dataclass(slots=True)
class _Key:
    """A key that is down."""

    key: str
    stamp: int
    duration_ms: int


class PyvoipCall:
    """``Call`` on pyVoIP; made by ``PyvoipLine`` only."""

    def __init__(self, clock: Clock, phone: Phone, audio: CallAudio, invitation: Invitation, silence_s: int) -> None:
        """``silence_s``: an answered call without RTP for so long is dead; 0 never."""
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._phone = phone
        self._audio = audio
        self._silence_s = silence_s
        self._dialog = Dialog(phone, invitation, audio, self)
        self._state = CallState.DIALING
        self._dialed_at = clock.now()
        self._answered_at: datetime | None = None
        self._provisionals: list[Provisional] = []
        self._ending: Ending | None = None
        self._stats: MediaStats | None = None
        self._fault = ""  # why we hang up although nobody asked
        self._key: _Key | None = None
        self._keys_told: deque[int] = deque(maxlen=_KEYS_TOLD)
        self._key_limit: asyncio.TimerHandle | None = None
        self._patience: asyncio.TimerHandle | None = None
        self._watch: asyncio.TimerHandle | None = None
        self._listeners = Listeners()

    @property
    def sip_call_id(self) -> str | None:
        """The SIP Call-ID."""
        return self._dialog.sip_call_id

    @property
    def state(self) -> CallState:
        """The state last reported."""
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
        """Closing statistics; None until it ended. There is no RTCP, so the round trip stays 0."""
        return self._stats

    @property
    def phone(self) -> Phone:
        """The phone that carries it."""
        return self._phone

    # -- what the owner asks ---------------------------------------------------------------------------------------

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Deliver every later event to ``listener``; a call that has ended tells so at once."""
        return self._listeners.add(listener, self._ending)

    def read(self) -> bytes:
        """All audio received since the last read; two seconds are kept."""
        return self._audio.take_heard() if self._ending is None else b""

    def write(self, pcm: bytes) -> int:
        """Queue audio for the far end; two seconds (32,768 bytes) are held."""
        return self._audio.queue(pcm) if self._ending is None else 0

    def flush(self) -> None:
        """Drop queued audio; the frame that is being sent still leaves."""
        self._audio.flush()

    @property
    def queued_bytes(self) -> int:
        """Audio written but not yet sent."""
        return self._audio.queued if self._ending is None else 0

    async def send_digits(self, keys: str) -> None:
        """Press keys (RFC 4733), 100 ms each; LineError for a character that is no key, or when nobody would hear."""
        if self._ending is not None:
            return
        if set(keys) - set(KEYS):
            raise LineError(f"cannot send digits: only {KEYS} are keys; mend the text")
        if self._audio.far is None or self._audio.far.event is None:
            raise LineError("cannot send digits: the far end takes no telephone-events; send them after the answer")
        self._audio.press(keys)

    async def hold(self) -> None:
        """Put the far end on hold by re-INVITE."""
        self._reinvite("hold", "sendonly")

    async def resume(self) -> None:
        """Take the far end off hold."""
        self._reinvite("resume", "sendrecv")

    def _reinvite(self, what: str, way: str) -> None:
        if self._state is not CallState.ANSWERED or self._patience is not None:
            raise LineError(f"cannot {what} the call: it is not answered, or has ended; dial again if it is wanted")
        if self._dialog.inviting:
            raise LineError(f"cannot {what} the call: the far end has not answered the last request yet; try again")
        self._dialog.reinvite(way)

    async def hang_up(self) -> None:
        """Ask for the end: BYE after the answer, CANCEL before it, as soon as a 1xx allows it (2 s at most)."""
        if self._ending is None and self._patience is None:
            self._patience = self._loop.call_later(FAREWELL_S, self._lose_patience)
            self._dialog.hangup()

    def place(self) -> None:
        """Send the INVITE."""
        self._dialog.call()

    # -- what the dialog tells -------------------------------------------------------------------------------------

    def provisional(self, packet: Packet, *, media: bool) -> None:
        """Take a 1xx."""
        one = Provisional(packet.status or 0, packet.facts.phrase, self._clock.now(), media)
        self._provisionals.append(one)
        if one.status > 100:  # 100 Trying is no news of the telephone
            if media:
                self._move(CallState.EARLY_MEDIA, EarlyMedia(one))
            else:
                self._move(CallState.RINGING, Rang(one))

    def answered(self, packet: Packet, *, usable: bool) -> None:  # noqa: ARG002  # the answer's own facts need no keeping
        """Take the answer."""
        self._answered_at = self._clock.now()
        self._move(CallState.ANSWERED, Answered(self._answered_at))
        if not usable:
            self._break_off(_NO_AUDIO)
        elif self._silence_s:
            self._audio.listen_anew()
            self._listen_for_silence()

    def refused(self, packet: Packet) -> None:
        """Take the final response of a call that was not answered."""
        facts = packet.facts
        by = EndedBy.US if self._patience is not None else EndedBy.FAR_END
        self._end(by, facts.status, facts.phrase, facts.reasons, retry_after_s=facts.retry_after_s)

    def bye(self, packet: Packet) -> None:
        """Take the far end's BYE."""
        self._end(EndedBy.FAR_END, reasons=packet.facts.reasons, cause=_THEIRS)

    def farewell(self) -> None:
        """Our BYE is over."""
        self._end(EndedBy.US, cause=_OURS)

    def hold_by_far_end(self, held: bool) -> None:
        """The far end put us on hold or took us back."""
        self._listeners.tell(FarEndHold(held, self._clock.now()))

    def info(self, packet: Packet) -> None:
        """Take a key sent by INFO (application/dtmf-relay, application/dtmf); anything else is no key."""
        kind = packet.get("content-type").lower()
        match = (_INFO_SIGNAL.search if "dtmf-relay" in kind else _INFO_PLAIN.fullmatch)(packet.body)
        if "dtmf" in kind and match is not None:
            lasted = _INFO_DURATION.search(packet.body)
            key = _TONES.get(match[1], match[1].upper())
            self._listeners.tell(Digit(key, int(lasted[1]) if lasted else 0, self._clock.now()))

    def gone(self, cause: str) -> None:
        """No more will come."""
        self._end(EndedBy.US if self._patience is not None else EndedBy.STACK, cause=cause)

    # -- what the audio tells --------------------------------------------------------------------------------------

    def take_key(self, news: KeyNews) -> None:
        """Take one telephone-event packet; a key is told once, when it is released."""
        if news.stamp in self._keys_told or self._ending is not None:
            return
        if self._key is not None and self._key.stamp != news.stamp:
            self._release_key()
        if self._key is None:
            self._key = _Key(news.key, news.stamp, news.duration_ms)
            self._key_limit = self._loop.call_later(LONGEST_KEY_S, self._release_key)
            self._listeners.tell(KeyDown(news.key, self._clock.now()))
        self._key.duration_ms = max(self._key.duration_ms, news.duration_ms)
        if news.ended:
            self._release_key()

    def _release_key(self) -> None:
        pressed, self._key = self._key, None
        if self._key_limit is not None:
            self._key_limit.cancel()
        if pressed is not None:
            self._keys_told.append(pressed.stamp)
            self._listeners.tell(Digit(pressed.key, pressed.duration_ms, self._clock.now()))

    def _listen_for_silence(self) -> None:
        far = self._audio.far
        if far is not None and far.speaks and self._audio.silent_s() > self._silence_s:
            self._break_off(f"no audio came for {self._silence_s} s")
        else:
            self._watch = self._loop.call_later(WATCH_S, self._listen_for_silence)

    # -- the end ---------------------------------------------------------------------------------------------------

    def _break_off(self, fault: str) -> None:
        self._fault = fault
        self._patience = self._loop.call_later(FAREWELL_S, self._lose_patience)
        self._dialog.hangup()

    def _lose_patience(self) -> None:
        self._dialog.give_up()
        self._end(EndedBy.US, cause=_OURS)

    def _end(
        self,
        by: EndedBy,
        status: int | None = None,
        phrase: str = "",
        reasons: tuple[str, ...] = (),
        *,
        cause: str = "",
        retry_after_s: int | None = None,
    ) -> None:
        if self._ending is not None:
            return
        self._release_key()
        for timer in (self._patience, self._watch):
            if timer is not None:
                timer.cancel()
        if self._fault:
            by, cause = EndedBy.STACK, self._fault
        self._audio.stop()
        self._stats = self._audio.stats()
        self._ending = Ending(by, self._clock.now(), status, phrase, reasons, cause, retry_after_s)
        _log.info("call %s ended by %s with %s after %d s of audio", self.sip_call_id, by.value, status,
                  self._stats.duration_s)  # fmt: skip
        self._move(CallState.ENDED, Ended(self._ending))

    def _move(self, state: CallState, event: CallEvent) -> None:
        self._state = state
        self._listeners.tell(event)
