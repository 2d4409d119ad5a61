"""One simulated call: a SIP leg, its RTP, and the behaviour that drives both."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from aiosipua import SdpMessage

from core.clock import Clock
from simulator.behaviours import Action, Announces, Answers, Behaviour, Final, HangUp, Press, Refuses, Say, Talk
from simulator.chance import ring_seconds
from simulator.errors import SimulatorError
from simulator.media import Metronome, RtpPorts, RtpSocket
from simulator.offer import Agreed, agree
from simulator.recognition import Voiceprints
from simulator.record import CallRecord
from simulator.sip import Leg
from simulator.sounds import ClipStore
from simulator.stream import LOUD_RMS, Counts, RtpStream
from simulator.subscriber import Subscriber

REPORT_TICKS = 250
"""An RTCP report every 5 s, the first after half of it (RFC 3550 section 6.2)."""


@dataclass(frozen=True, slots=True)
class Room:
    """What every call of one carrier shares.

    dead_after_s: no RTP for so long on an answered call that is not held means that the other side is dead, and the
    carrier clears the call.
    """

    host: str
    clock: Clock
    clips: ClipStore
    ports: RtpPorts
    metronome: Metronome
    dead_after_s: float
    prompts: Voiceprints | None = None


class Call:
    """Drives one leg through its behaviour; ``on_end`` gets the record and the packet counts exactly once."""

    def __init__(
        self,
        room: Room,
        leg: Leg,
        behaviour: Behaviour,
        *,
        record: CallRecord,
        chance: random.Random,
        on_end: Callable[[Call, CallRecord, Counts], None],
    ) -> None:
        self._room = room
        self._leg = leg
        self._behaviour = behaviour
        self._record = record
        self._chance = chance
        self._on_end = on_end
        self._socket: RtpSocket | None = None
        self._stream: RtpStream | None = None
        self._subscriber: Subscriber | None = None
        self._agreed: Agreed | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._last_heard = (0, 0.0)
        self._ticks = REPORT_TICKS // 2
        leg.events = self

    def start(self) -> None:
        """Ring, then do what the behaviour says."""
        common = self._behaviour.common
        ring_s = ring_seconds(self._chance, common.ring_s, common.ring_jitter_s)
        if isinstance(self._behaviour, Announces):
            self._later(ring_s, self._announce)
            return
        if ring_s > 0:
            self._leg.ring()
            self._provisional(180)
        if isinstance(self._behaviour, Refuses):
            self._later(ring_s, partial(self._refuse, self._behaviour.final))
        elif isinstance(self._behaviour, Answers):
            self._later(ring_s, self._answer)

    def tick(self) -> None:
        """20 ms of this call."""
        stream, socket = self._stream, self._socket
        if stream is None or socket is None or self._agreed is None:
            return
        self._report(stream, socket)
        if self._agreed.sends:
            packet = stream.tick()
            if packet is not None:
                socket.send(packet)
        else:
            stream.skip()
        self._follow(stream)

    def acknowledged(self) -> None:
        """The ACK of our 200 arrived."""
        if self._record.acknowledged_at is None:
            self._record.acknowledged_at = self._room.clock.now()

    def cancelled(self) -> None:
        """CANCEL while ringing."""
        self._record.final = Final(487)
        self._end("cancel")

    def ended_by_peer(self) -> None:
        """BYE from the node."""
        self._end("bye_them")

    def lost(self) -> None:
        """No ACK for 32 s."""
        self._end("lost")

    def reoffered(self, offer: SdpMessage) -> SdpMessage:
        """Hold, resume or a moved address."""
        if self._socket is None or self._stream is None:
            raise SimulatorError("a re-INVITE without media; answer the call first")
        agreed = agree(offer, self._room.host, self._socket.port)
        self._stream.codec = agreed.codec
        self._socket.move_to(agreed.peer)
        self._record.holds += int(not agreed.sends)
        self._last_heard = (self._stream.counts.received, self._room.clock.monotonic())
        self._agreed = agreed
        return agreed.answer

    def shut_down(self) -> None:
        """The carrier stops: clear the call and keep its record."""
        if self._leg.answered:
            self._leg.hang_up()
        else:
            self._leg.refuse(Final(503))
        self._end("shutdown")

    def _later(self, seconds: float, do: Callable[[], None]) -> None:
        if seconds > 0:
            self._timer = asyncio.get_running_loop().call_later(seconds, do)
        else:
            do()

    def _answer(self) -> None:
        agreed = self._open_media()
        if agreed is None:
            return
        self._record.answered_at = self._room.clock.now()
        self._leg.answer(agreed.answer)
        if isinstance(self._behaviour, Answers):
            now = self._room.clock.monotonic()
            self._subscriber = Subscriber(self._behaviour.script, now, self._room.prompts)

    def _announce(self) -> None:
        agreed = self._open_media()
        if agreed is None or not isinstance(self._behaviour, Announces):
            return
        self._leg.progress(agreed.answer)
        self._provisional(183)
        for _ in range(self._behaviour.repeat):
            self._do(Say(self._behaviour.clip))

    def _open_media(self) -> Agreed | None:
        try:
            self._socket = self._room.ports.take()
            agreed = agree(self._leg.offer, self._room.host, self._socket.port)
        except SimulatorError:
            self._refuse(Final(488 if self._socket else 503))
            return None
        loss = self._behaviour.common.rtp_loss
        self._stream = RtpStream(agreed.codec, self._chance, loss, self._received_key)
        self._socket.open(agreed.peer, self._stream.receive, self._take_report)
        self._last_heard = (0, self._room.clock.monotonic())
        self._agreed = agreed
        self._room.metronome.add(self)
        return agreed

    def _follow(self, stream: RtpStream) -> None:
        now = self._room.clock.monotonic()
        if isinstance(self._behaviour, Announces):
            if not stream.busy:
                self._refuse(self._behaviour.final)
        elif self._is_dead(stream, now):
            self._leg.hang_up()
            self._end("lost")
        elif self._subscriber is not None:
            levels = stream.take_levels()
            action = self._subscriber.tick(now, max(levels, default=0.0) >= LOUD_RMS, stream.busy, levels)
            if action is not None:
                self._do(action)

    def _report(self, stream: RtpStream, socket: RtpSocket) -> None:
        self._ticks += 1
        if self._ticks % REPORT_TICKS == 0:
            socket.send_report(stream.report(self._room.clock.now()))

    def _take_report(self, data: bytes) -> None:
        if self._stream is not None:
            self._stream.receive_report(data, self._room.clock.now())

    def _is_dead(self, stream: RtpStream, now: float) -> bool:
        received, since = self._last_heard
        if stream.counts.received != received or (self._agreed is not None and not self._agreed.sends):
            self._last_heard = (stream.counts.received, now)
            return False
        return now - since >= self._room.dead_after_s

    def _do(self, action: Action) -> None:
        stream = self._stream
        if stream is None:
            return
        if isinstance(action, HangUp):
            self._leg.hang_up()
            self._end("bye_us")
        elif isinstance(action, Press):
            for digit in action.digits:
                stream.press(digit)
                self._record.keys_pressed.append((digit, self._room.clock.now()))
        elif isinstance(action, Say):
            stream.play(self._room.clips.frames(action.clip, stream.codec.audio))
            self._record.clips_spoken.append((action.clip, self._room.clock.now()))
        elif isinstance(action, Talk):
            stream.play(self._room.clips.talk(action.seconds, stream.codec.audio))
        else:
            stream.pause(action.seconds)

    def _received_key(self, digit: str) -> None:
        self._record.digits_received.append((digit, self._room.clock.now()))

    def _provisional(self, status: int) -> None:
        self._record.provisionals.append((status, self._room.clock.now()))

    def _refuse(self, final: Final) -> None:
        self._record.final = final
        self._leg.refuse(final)
        self._end("final")

    def _end(self, ended_by: str) -> None:
        if self._record.ended_by is not None:
            return
        self._record.ended_by = ended_by
        self._record.ended_at = self._room.clock.now()
        if self._subscriber is not None:
            self._record.prompts_heard = self._subscriber.prompts_heard
            self._record.prompts_known = self._subscriber.prompts_known
        if self._timer is not None:
            self._timer.cancel()
        self._room.metronome.remove(self)
        if self._socket is not None:
            self._socket.close()
        if self._stream is not None:
            self._record.peer_lost = self._stream.reports.peer_lost
        self._on_end(self, self._record, self._stream.counts if self._stream else Counts())
