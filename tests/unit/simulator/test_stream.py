"""RTP of one call: numbering, keys, loss, hearing; and that the same seed loses the same packets."""

from __future__ import annotations

import random

import pytest
from aiortp import DtmfEvent, RtpPacket, get_codec
from hypothesis import given
from hypothesis import strategies as st

from simulator.chance import call_random, ring_seconds
from simulator.stream import LOUD_RMS, SILENCE, Codec, RtpStream

pytestmark = pytest.mark.unit

PCMA = Codec(8, 101)


def stream(codec: Codec = PCMA, loss: float = 0.0, seed: int = 1) -> RtpStream:
    return RtpStream(codec, random.Random(seed), loss, lambda _digit: None)


def packets(rtp: RtpStream, ticks: int) -> list[RtpPacket]:
    return [RtpPacket.parse(data) for data in (rtp.tick() for _ in range(ticks)) if data is not None]


def test_a_stream_without_anything_to_say_sends_silence_in_order() -> None:
    sent = packets(stream(), 5)
    assert {packet.payload for packet in sent} == {SILENCE[8]}
    first = sent[0]
    for step, packet in enumerate(sent):
        assert packet.sequence_number == (first.sequence_number + step) & 0xFFFF
        assert packet.timestamp == (first.timestamp + 160 * step) & 0xFFFFFFFF
    assert [packet.marker for packet in sent] == [1, 0, 0, 0, 0]


def test_a_key_is_one_event_whose_end_is_sent_three_times() -> None:
    rtp = stream()
    rtp.press("#")
    sent = [packet for packet in packets(rtp, 20) if packet.payload_type == 101]
    events = [DtmfEvent.parse(packet.payload) for packet in sent]
    assert {event.digit for event in events} == {"#"}
    assert {packet.timestamp for packet in sent} == {sent[0].timestamp}
    assert [event.duration for event in events] == [160, 320, 480, 640, 800, 960, 960, 960, 960]
    assert [event.end for event in events] == [False] * 6 + [True] * 3
    assert [packet.marker for packet in sent] == [1] + [0] * 8


def test_keys_are_parted_by_silence() -> None:
    rtp = stream()
    rtp.press("1")
    rtp.press("1")
    kinds = [packet.payload_type for packet in packets(rtp, 30)]
    assert kinds == [101] * 9 + [8] * 4 + [101] * 9 + [8] * 8


def test_keys_that_were_not_negotiated_are_not_sent() -> None:
    rtp = stream(Codec(0, None))
    rtp.press("1")
    assert {packet.payload_type for packet in packets(rtp, 20)} == {0}


@given(st.text(alphabet="0123456789*#ABCD", min_size=1, max_size=6))
def test_what_one_stream_keys_another_hears(digits: str) -> None:
    heard: list[str] = []
    ear = RtpStream(PCMA, random.Random(2), 0.0, heard.append)
    mouth = stream()
    for digit in digits:
        mouth.press(digit)
    while mouth.busy:
        ear.receive(mouth.tick() or b"")
    assert "".join(heard) == digits


@given(st.binary(max_size=64))
def test_garbage_is_counted_and_survived(data: bytes) -> None:
    rtp = stream()
    rtp.receive(data)
    assert rtp.counts.received + rtp.counts.malformed >= 1
    assert rtp.counts.sent == 0


@pytest.mark.parametrize("payload_type", [0, 8])
@pytest.mark.parametrize(("amplitude", "loud"), [(0, False), (60, False), (400, True), (20000, True)])
def test_loudness_is_heard_in_both_laws(payload_type: int, amplitude: int, loud: bool) -> None:
    rtp = stream(Codec(payload_type, 101))
    pcm = b"".join((amplitude if step % 2 else -amplitude).to_bytes(2, "little", signed=True) for step in range(160))
    rtp.receive(RtpPacket(payload_type=payload_type, payload=get_codec(payload_type).encode(pcm)).serialize())
    assert (max(rtp.take_levels()) >= LOUD_RMS) is loud
    assert rtp.take_levels() == []


def test_lost_packets_leave_holes_in_the_numbering() -> None:
    rtp = stream(loss=0.05)
    sent = packets(rtp, 4000)
    assert 0.03 < rtp.counts.dropped / 4000 < 0.07
    assert (
        rtp.counts.sent + rtp.counts.dropped
        == 4000
        == ((sent[-1].sequence_number - sent[0].sequence_number) & 0xFFFF) + 1
    )


def lost(seed: int, number: str, ordinal: int) -> list[bool]:
    rtp = RtpStream(PCMA, call_random(seed, number, ordinal), 0.3, lambda _digit: None)
    return [rtp.tick() is None for _ in range(200)]


@given(st.integers(), st.text(), st.integers(1, 99))
def test_the_same_seed_number_and_ordinal_lose_the_same_packets(seed: int, number: str, ordinal: int) -> None:
    assert lost(seed, number, ordinal) == lost(seed, number, ordinal)


def test_another_seed_number_or_ordinal_loses_others() -> None:
    runs = [lost(1, "138", 1), lost(2, "138", 1), lost(1, "139", 1), lost(1, "138", 2)]
    assert len({tuple(run) for run in runs}) == 4


@given(st.integers(), st.floats(0, 5), st.floats(0, 5))
def test_ring_time_stays_within_its_jitter(seed: int, ring_s: float, jitter_s: float) -> None:
    chosen = ring_seconds(call_random(seed, "138", 1), ring_s, jitter_s)
    assert max(0.0, ring_s - jitter_s) - 1e-9 <= chosen <= ring_s + jitter_s + 1e-9
    assert chosen == ring_seconds(call_random(seed, "138", 1), ring_s, jitter_s)
