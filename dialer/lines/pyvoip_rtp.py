"""One call's audio on pyVoIP: its ``RTPClient`` with the faults mended.

The rule of this module: two threads, pyVoIP's own, one that receives and one that sends every 20 ms by the clock; they
share with the event loop nothing but what stands under the lock. No datagram can stop them.

Mended: audio is 16 bit wide and coded as negotiated (pyVoIP: 8 bit, mu-law for both); packets are put in order and not
kept for good; the sender keeps the time instead of drifting; ports are bound before they are offered; keys are told
when they are released, not whenever a marker bit is set; a receiving thread sleeps until something comes.
"""

from __future__ import annotations

import audioop
import logging
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pyVoIP.RTP import PayloadType, RTPClient, TransmitType

from core.clock import Clock
from dialer.lines.base import FRAME_BYTES, SAMPLE_RATE, MediaStats
from dialer.lines.pyvoip_jitter import JitterBuffer
from dialer.lines.pyvoip_sdp import EVENT, PCMA, PCMU, FarMedia

_log = logging.getLogger(__name__)

KEYS = "0123456789*#ABCD"
QUEUE_BYTES = 32768  # two seconds waiting to be sent
HEARD_BYTES = 32000  # two seconds waiting to be read
TICK_S = 0.02
_SAMPLES = FRAME_BYTES // 2
_STALL_S = 0.2  # a sender that was held up longer goes on from now: the far end could not play what is older
_SOURCE_PATIENCE_S = 0.1  # another source is heard once the first was silent so long
_LOST_AT_MOST = 10  # packets of silence for a hole: more is a pause, not a loss
_DRY_TICKS = 5  # 100 ms without audio: longer is a pause of the speaker, not a feeder who came late
_WAKE_S = 0.5
_CODES = {PCMA: PayloadType.PCMA, PCMU: PayloadType.PCMU}
_SILENCE = {PCMA: b"\xd5" * _SAMPLES, PCMU: b"\xff" * _SAMPLES}
_HEAD = struct.Struct("!BBHII")
_KEY = struct.Struct("!BBH")
_SHORTEST = _HEAD.size


@dataclass(frozen=True, slots=True)
class RtpPacket:
    """One RTP packet (RFC 3550 section 5.1)."""

    kind: int
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class KeyNews:
    """One telephone-event packet (RFC 4733): ``stamp`` tells presses apart."""

    key: str
    stamp: int
    ended: bool
    duration_ms: int


def read_rtp(data: bytes) -> RtpPacket | None:
    """The RTP packet in one datagram; None for anything else."""
    if len(data) < _SHORTEST:
        return None
    first, second, sequence, timestamp, ssrc = _HEAD.unpack_from(data)
    start, end = _HEAD.size + 4 * (first & 0x0F), len(data)
    if first & 0x10 and len(data) >= start + 4:
        start += 4 + 4 * int.from_bytes(data[start + 2 : start + 4])
    if first & 0x20:
        end -= data[-1]
    if first >> 6 != 2 or start > end:
        return None
    return RtpPacket(second & 0x7F, sequence, timestamp, ssrc, data[start:end])


class Heard:
    """What came and was not read yet, and what is known of it. Not safe by itself: the owner holds the lock."""

    def __init__(self) -> None:
        self.received = 0
        self.dropped_bytes = 0
        self.jitter = 0.0  # in samples (RFC 3550 section 6.4.1)
        self.last_at: float | None = None
        self._audio = bytearray()
        self._buffer: JitterBuffer[RtpPacket] = JitterBuffer()
        self._source: tuple[object, ...] | None = None
        self._transit: float | None = None
        self._lost = 0

    @property
    def lost(self) -> int:
        """Packets that never came, or too late."""
        return self._lost + self._buffer.lost

    def take(self, packet: RtpPacket, source: object, promised: object, now: float) -> bool:
        """Keep ``packet``; False when it belongs to another stream than the one that is heard.

        Who speaks first is heard until he is silent, but the address that the far end ``promised`` goes before others.
        """
        stream = (source, packet.ssrc)
        if stream != self._source:
            if not self._may_turn_to(source, promised, now):
                return False
            self._turn_to(stream, now)
        self.received += 1
        self._measure(packet, now)
        self.last_at = now
        self._hear(self._buffer.put(packet.sequence, packet, now))
        return True

    def read(self, now: float) -> bytes:
        """All audio so far, and forget it."""
        self._hear(self._buffer.due(now))
        audio = bytes(self._audio)
        self._audio.clear()
        return audio

    def forget_source(self) -> None:
        """Let the next packet decide whom we hear: the far end has moved its audio."""
        self._source = None

    def _may_turn_to(self, source: object, promised: object, now: float) -> bool:
        if self._source is None or self.last_at is None or now - self.last_at >= _SOURCE_PATIENCE_S:
            return True
        return source == promised and self._source[0] != promised

    def _turn_to(self, stream: tuple[object, ...], now: float) -> None:
        self._hear(self._buffer.due(now + 1))
        self._lost += self._buffer.lost
        self._source, self._buffer, self._transit = stream, JitterBuffer(), None

    def _measure(self, packet: RtpPacket, now: float) -> None:
        transit = now * SAMPLE_RATE - packet.timestamp
        if self._transit is not None and abs(transit - self._transit) < SAMPLE_RATE:
            self.jitter += (abs(transit - self._transit) - self.jitter) / 16
        self._transit = transit

    def _hear(self, packets: list[tuple[int, RtpPacket]]) -> None:
        for gone, packet in packets:
            sound = _decoded(packet)
            if 0 < gone <= _LOST_AT_MOST and sound:
                self._audio += bytes(gone * len(sound))
            self._audio += sound
        if (excess := len(self._audio) - HEARD_BYTES) > 0:
            self.dropped_bytes += excess
            del self._audio[:excess]


def _decoded(packet: RtpPacket) -> bytes:
    if packet.kind == PCMA:
        return audioop.alaw2lin(packet.payload, 2)
    return audioop.ulaw2lin(packet.payload, 2) if packet.kind == PCMU else b""


class Outgoing:
    """What waits to be sent. Not safe by itself: the owner holds the lock."""

    def __init__(self) -> None:
        self.starved = 0
        self._audio = bytearray()
        self._keys: deque[tuple[bytes, bool] | None] = deque()
        self._dry_ticks: int | None = None  # since the audio ran out

    def __len__(self) -> int:
        return len(self._audio)

    def write(self, pcm: bytes) -> int:
        """Queue audio; the bytes taken. A dry spell that ends within 100 ms was no end but a starved frame."""
        if pcm and self._dry_ticks and self._dry_ticks <= _DRY_TICKS:
            self.starved += 1
        if pcm:
            self._dry_ticks = None
        taken = pcm[: (QUEUE_BYTES - len(self._audio)) & ~1]
        self._audio += taken
        return len(taken)

    def flush(self) -> None:
        """Drop it, keys that wait too."""
        self._audio.clear()
        self._dry_ticks = None

    def press(self, keys: str) -> None:
        """Queue keys, 100 ms each and 60 ms between them; the end is told three times (RFC 4733 section 2.5.1.4)."""
        for key in keys:
            event = KEYS.index(key)
            self._keys.extend((_KEY.pack(event, 10, step * _SAMPLES), step == 1) for step in range(1, 6))
            self._keys.extend([(_KEY.pack(event, 0x80 | 10, 5 * _SAMPLES), False)] * 3 + [None] * 3)

    def next_key(self) -> tuple[tuple[bytes, bool] | None, bool]:
        """What a key needs in this tick (None: a pause), and whether there is a key at all; audio waits meanwhile."""
        return (self._keys.popleft(), True) if self._keys else (None, False)

    def next_frame(self) -> bytes:
        """The audio of this tick; empty when there is none, padded when it ran dry in the middle."""
        frame = bytes(self._audio[:FRAME_BYTES])
        del self._audio[:FRAME_BYTES]
        if len(frame) == FRAME_BYTES:
            self._dry_ticks = 0
        elif self._dry_ticks is not None:
            self._dry_ticks += 1
        elif frame:
            self._dry_ticks = 1
        return frame + bytes(FRAME_BYTES - len(frame)) if frame else b""


class CallAudio(RTPClient):
    """The audio of one call: bound when made, running from ``open`` to ``stop``."""

    def __init__(self, clock: Clock, bound: socket.socket, on_key: Callable[[KeyNews], None]) -> None:
        """``on_key`` is called on the receiving thread."""
        host, port = bound.getsockname()
        super().__init__({**_CODES, EVENT: PayloadType.EVENT}, host, port, "", 0, TransmitType.SENDRECV)
        self.sin = self.sout = bound
        self._clock = clock
        self._on_key = on_key
        self._lock = threading.Lock()
        self._halt = threading.Event()
        self._heard = Heard()
        self._outgoing = Outgoing()
        self._far: FarMedia | None = None
        self._threads: list[threading.Thread] = []
        self._last_key: tuple[int, bool] | None = None
        self._key_stamp = 0
        self._sent = 0
        self._opened_at = self._closed_at = 0.0
        self.outSequence &= 0x7FFF

    # -- from the event loop ---------------------------------------------------------------------------------------

    @property
    def far(self) -> FarMedia | None:
        """Where the far end's audio is; None before there is any."""
        return self._far

    def open(self, far: FarMedia) -> None:
        """Speak with ``far`` from now on; the threads start with the first description."""
        with self._lock:
            if self._far is not None and (self._far.host, self._far.port) != (far.host, far.port):
                self._heard.forget_source()
            if self._far is not None and not self._far.speaks:
                self._heard.last_at = self._clock.monotonic()
            self._far = far
        if not self._threads and self.NSD:
            self.start()

    def start(self) -> None:
        """Start pyVoIP's two threads; they end by themselves after ``stop``."""
        self._opened_at = self._clock.monotonic()
        self.sin.settimeout(_WAKE_S)
        for name, run in (("RTP receiver", self.recv), ("RTP transmitter", self.trans)):
            self._threads.append(threading.Thread(target=run, name=name, daemon=True))
            self._threads[-1].start()

    def stop(self) -> None:
        """End both threads; the receiving one gives back the port."""
        if not self.NSD:
            return
        self.NSD = False
        self._halt.set()
        self._closed_at = self._clock.monotonic()
        if self._threads:
            wake(self.sin)
        else:
            self.sin.close()

    def join(self, seconds: float) -> None:
        """Wait until the threads are gone."""
        for thread in self._threads:
            thread.join(seconds)

    def take_heard(self) -> bytes:
        """All audio received since the last time."""
        with self._lock:
            return self._heard.read(self._clock.monotonic())

    def queue(self, pcm: bytes) -> int:
        """Queue audio; the bytes taken (0 before there is a far end)."""
        with self._lock:
            return self._outgoing.write(pcm) if self._far is not None and self.NSD else 0

    def flush(self) -> None:
        """Drop what waits."""
        with self._lock:
            self._outgoing.flush()

    @property
    def queued(self) -> int:
        """Bytes that wait."""
        return len(self._outgoing)

    def press(self, keys: str) -> None:
        """Press keys."""
        with self._lock:
            self._outgoing.press(keys)

    def listen_anew(self) -> None:
        """Count the silence from now on."""
        with self._lock:
            self._heard.last_at = self._clock.monotonic()

    def silent_s(self) -> float:
        """Seconds since the last packet of the far end, or since we listen."""
        last = self._heard.last_at
        return self._clock.monotonic() - (self._opened_at if last is None else last)

    def stats(self) -> MediaStats:
        """The figures so far."""
        with self._lock:
            heard = self._heard
            lasted = (self._closed_at or self._clock.monotonic()) - self._opened_at if self._threads else 0.0
            return MediaStats(
                duration_s=int(lasted),
                packets_sent=self._sent,
                packets_received=heard.received,
                packets_lost=heard.lost,
                jitter_ms=round(heard.jitter * 1000 / SAMPLE_RATE, 3),
                starved_frames=self._outgoing.starved,
                dropped_bytes=heard.dropped_bytes,
            )

    # -- pyVoIP's threads ------------------------------------------------------------------------------------------

    def recv(self) -> None:
        """Receive until ``stop``."""
        while self.NSD:
            try:
                data, source = self.sin.recvfrom(2048)
            except TimeoutError:
                continue
            except OSError:  # a report of an earlier packet that nobody took (ICMP)
                self._halt.wait(TICK_S)
                continue
            self.parse_packet(data, source)
        self.sin.close()

    def parse_packet(self, packet: bytes, source: object = None) -> None:
        """Take one datagram, whatever it is."""
        rtp = read_rtp(packet)
        if rtp is None:
            return
        with self._lock:
            far = self._far
            promised = (far.host, far.port) if far is not None else None
            ours = self._heard.take(rtp, source, promised, self._clock.monotonic())
        if ours and far is not None and rtp.kind == far.event:
            self._take_key(rtp)

    def _take_key(self, rtp: RtpPacket) -> None:
        if len(rtp.payload) < _KEY.size:
            return
        event, flags, duration = _KEY.unpack_from(rtp.payload)
        ended = bool(flags & 0x80)
        if event < len(KEYS) and self._last_key != (rtp.timestamp, True):
            self._last_key = (rtp.timestamp, ended)
            self._on_key(KeyNews(KEYS[event], rtp.timestamp, ended, duration * 1000 // SAMPLE_RATE))

    def trans(self) -> None:
        """Send one packet every 20 ms until ``stop``."""
        due = self._clock.monotonic()
        while self.NSD:
            self._tick()
            due += TICK_S
            ahead = due - self._clock.monotonic()
            if ahead < -_STALL_S:
                due -= ahead
            if ahead > 0:
                self._halt.wait(ahead)

    def _tick(self) -> None:
        with self._lock:
            far = self._far
            packets = list(self._packets(far)) if far is not None and far.listens else []
            self.outTimestamp = (self.outTimestamp + _SAMPLES) & 0xFFFFFFFF
        for packet in packets:
            self._send(packet, far)

    def _packets(self, far: FarMedia | None) -> Iterator[bytes]:
        if far is None:
            return
        key, pressing = self._outgoing.next_key()
        if key is not None and far.event is not None:
            payload, first = key
            if first:
                self._key_stamp = self.outTimestamp
            yield self._head(far.event | first << 7, self._key_stamp) + payload
        elif frame := (b"" if pressing else self._outgoing.next_frame()):
            yield self._head(far.codec, self.outTimestamp) + self._encoded(frame, far.codec)
        else:
            yield self._head(far.codec, self.outTimestamp) + _SILENCE[far.codec]

    def _head(self, second: int, stamp: int) -> bytes:
        self.outSequence = (self.outSequence + 1) & 0xFFFF
        return _HEAD.pack(0x80, second, self.outSequence, stamp, self.outSSRC)

    def _encoded(self, frame: bytes, codec: int) -> bytes:
        return audioop.lin2alaw(frame, 2) if codec == PCMA else audioop.lin2ulaw(frame, 2)

    def _send(self, packet: bytes, far: FarMedia | None) -> None:
        if far is None or not self.NSD:
            return
        try:
            self.sout.sendto(packet, (far.host, far.port))
            self._sent += 1
        except OSError as error:  # a full buffer or no route: the next packet may leave
            _log.debug("a packet of audio did not leave: %s", error)


def wake(bound: socket.socket) -> None:
    """Wake the thread that waits on ``bound``: an empty datagram to itself."""
    host, port = bound.getsockname()
    try:
        bound.sendto(b"", ("127.0.0.1" if host == "0.0.0.0" else host, port))  # noqa: S104  # read, never bound
    except OSError as error:  # then its timeout wakes it
        _log.debug("the receiving thread is not woken: %s", error)
