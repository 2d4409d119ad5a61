"""Audio of the pyVoIP engine: order, loss, sources, keys and the queue that is sent."""

from __future__ import annotations

import audioop
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.lines.base import FRAME_BYTES
from dialer.lines.pyvoip_jitter import DEPTH, JUMP, PATIENCE_S, JitterBuffer
from dialer.lines.pyvoip_rtp import HEARD_BYTES, KEYS, QUEUE_BYTES, Heard, Outgoing, RtpPacket, read_rtp
from dialer.lines.pyvoip_sdp import PCMA, PCMU

pytestmark = pytest.mark.unit

FAR = ("192.0.2.9", 4000)
STRANGER = ("203.0.113.5", 4000)


# -- the jitter buffer ---------------------------------------------------------------------------------------------


@given(st.integers(0, 65535), st.integers(1, 80), st.randoms(use_true_random=False))
def test_packets_that_are_late_by_a_few_are_heard_once_each_and_in_order(start, count, chance):
    sent = list(range(count))
    arrival = [0, *sorted(sent[1:], key=lambda number: number + chance.uniform(0, DEPTH - 1))]
    buffer = JitterBuffer()
    heard = []
    for place, number in enumerate(arrival):
        heard += buffer.put((start + number) & 0xFFFF, number, place * 0.02)
    assert [number for _, number in heard] == sent
    assert buffer.lost == 0


@given(st.integers(0, 65535), st.sets(st.integers(1, 198), max_size=60))
def test_every_loss_is_counted_and_told_where_it_was(start, lost):
    buffer = JitterBuffer()
    heard = []
    for number in range(200):
        if number not in lost:
            heard += buffer.put((start + number) & 0xFFFF, number, number * 0.02)
    heard += buffer.due(99.0)
    assert [number for _, number in heard] == [number for number in range(200) if number not in lost]
    assert sum(gone for gone, _ in heard) == buffer.lost == len(lost)


@given(st.lists(st.tuples(st.integers(0, 65535), st.floats(0, 100)), max_size=200))
def test_no_order_of_numbers_and_times_keeps_packets_for_good(arrivals):
    buffer = JitterBuffer()
    heard = [packet for sequence, now in arrivals for _, packet in buffer.put(sequence, sequence, now)]
    heard += [packet for _, packet in buffer.due(1000.0)]
    assert len(heard) <= len(arrivals)
    assert buffer.due(2000.0) == []


def test_a_packet_that_comes_again_is_heard_once():
    buffer = JitterBuffer()
    assert [buffer.put(5, "a", 0.0), buffer.put(5, "a", 0.0)] == [[(0, "a")], []]


def test_a_hole_is_waited_for_no_longer_than_its_time():
    buffer = JitterBuffer()
    buffer.put(1, "a", 0.0)
    assert buffer.put(3, "c", 0.02) == []
    assert buffer.due(0.02 + PATIENCE_S + 0.01) == [(1, "c")]


def test_a_jump_is_a_new_start_and_no_loss():
    buffer = JitterBuffer()
    buffer.put(1, "a", 0.0)
    assert buffer.put(1 + 2 * JUMP, "b", 0.02) == [(0, "b")]
    assert buffer.lost == 0


# -- what is heard -------------------------------------------------------------------------------------------------


def packet(number, *, ssrc=1, kind=PCMA, sound=1000):
    """20 ms of one loudness."""
    pcm = struct.pack("<h", sound) * 160
    encoded = audioop.lin2alaw(pcm, 2) if kind == PCMA else audioop.lin2ulaw(pcm, 2)
    return RtpPacket(kind, number & 0xFFFF, number * 160, ssrc, encoded)


@pytest.mark.parametrize("kind", [PCMA, PCMU])
def test_each_law_is_decoded_to_16_bits(kind):
    heard = Heard()
    heard.take(packet(1, kind=kind, sound=12000), FAR, FAR, 0.0)
    samples = struct.unpack("<160h", heard.read(0.0))
    assert all(abs(sample - 12000) < 500 for sample in samples)


def test_a_lost_packet_leaves_its_time_as_silence():
    heard = Heard()
    for number in (1, 2, 4, 5):
        heard.take(packet(number), FAR, FAR, number * 0.02)
    audio = heard.read(1.0)
    assert len(audio) == 5 * FRAME_BYTES
    assert audio[2 * FRAME_BYTES : 3 * FRAME_BYTES] == bytes(FRAME_BYTES)
    assert (heard.received, heard.lost) == (4, 1)


def test_a_reader_who_comes_late_loses_the_oldest_and_it_is_counted():
    heard = Heard()
    for number in range(150):
        heard.take(packet(number), FAR, FAR, number * 0.02)
    assert len(heard.read(9.0)) == HEARD_BYTES
    assert heard.dropped_bytes == 150 * FRAME_BYTES - HEARD_BYTES


def test_a_stranger_is_not_heard_while_the_far_end_speaks():
    heard = Heard()
    assert heard.take(packet(1), FAR, FAR, 0.0)
    assert not heard.take(packet(900, ssrc=2), STRANGER, FAR, 0.02)
    assert heard.take(packet(2), FAR, FAR, 0.04)


def test_the_promised_address_goes_before_a_stranger_who_spoke_first():
    heard = Heard()
    assert heard.take(packet(900, ssrc=2), STRANGER, FAR, 0.0)
    assert heard.take(packet(1), FAR, FAR, 0.01)
    assert not heard.take(packet(901, ssrc=2), STRANGER, FAR, 0.02)


def test_a_source_that_takes_over_after_silence_is_heard():
    heard = Heard()
    heard.take(packet(1), FAR, FAR, 0.0)
    assert heard.take(packet(40000, ssrc=2), FAR, FAR, 0.2)
    assert len(heard.read(0.2)) == 2 * FRAME_BYTES


@given(st.binary(max_size=120))
def test_any_datagram_is_rtp_or_not_without_an_error(data):
    rtp = read_rtp(data)
    if rtp is not None:
        heard = Heard()
        heard.take(rtp, FAR, FAR, 0.0)
        assert len(heard.read(1.0)) % 2 == 0


def test_padding_extension_and_contributors_are_no_audio():
    head = struct.pack("!BBHII", 0x80 | 0x20 | 0x10 | 1, 8, 7, 160, 9)
    data = head + b"CSRC" + struct.pack("!HH", 1, 1) + b"more" + b"audio" + b"\0\0\3"
    assert read_rtp(data).payload == b"audio"


# -- what is sent --------------------------------------------------------------------------------------------------


def test_the_queue_takes_two_seconds_and_no_more():
    out = Outgoing()
    assert out.write(bytes(40000)) == QUEUE_BYTES == len(out)
    assert out.write(b"\0\0") == 0


def test_a_frame_that_ran_dry_is_padded():
    out = Outgoing()
    out.write(b"\1\0" * 80)
    assert out.next_frame() == b"\1\0" * 80 + bytes(160)
    assert out.next_frame() == b""


@given(st.lists(st.integers(1, 5), min_size=1, max_size=20))
def test_each_short_dry_spell_counts_once(gaps):
    out = Outgoing()
    for ticks in gaps:
        out.write(bytes(FRAME_BYTES))
        assert len(out.next_frame()) == FRAME_BYTES
        assert not any(out.next_frame() for _ in range(ticks))
    out.write(bytes(FRAME_BYTES))
    assert out.starved == len(gaps)


def test_a_steady_feed_and_a_pause_between_prompts_starve_nobody():
    out = Outgoing()
    for _ in range(50):
        out.write(bytes(FRAME_BYTES))
        out.next_frame()
    for _ in range(30):
        out.next_frame()
    out.write(bytes(FRAME_BYTES))
    assert out.starved == 0


def test_flushing_drops_the_audio_and_is_no_starvation():
    out = Outgoing()
    out.write(bytes(4 * FRAME_BYTES))
    out.next_frame()
    out.flush()
    assert (len(out), out.next_frame()) == (0, b"")
    out.write(bytes(FRAME_BYTES))
    assert out.starved == 0


@given(st.text(KEYS, min_size=1, max_size=6))
def test_a_key_is_100_ms_long_and_its_end_is_told_three_times(keys):
    out = Outgoing()
    out.press(keys)
    for key in keys:
        steps = [out.next_key() for _ in range(8)]
        events = [struct.unpack("!BBH", step[0][0]) for step in steps]
        assert {event[0] for event in events} == {KEYS.index(key)}
        assert [event[2] for event in events] == [160, 320, 480, 640, 800, 800, 800, 800]
        assert [bool(event[1] & 0x80) for event in events] == [False] * 5 + [True] * 3
        assert [step[0][1] for step in steps] == [True] + [False] * 7
        assert [out.next_key() for _ in range(3)] == [(None, True)] * 3
    assert out.next_key() == (None, False)
