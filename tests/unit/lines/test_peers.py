"""The kernel's program against the plain meaning of "the address lies in a network", in an interpreter of our own."""

from __future__ import annotations

import ipaddress
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.lines.peers import MAX_DATAGRAM, Instruction, Network, program

pytestmark = pytest.mark.unit

INVITE = b"INVITE sip:x@y SIP/2.0\r\n\r\n"


def run(steps: tuple[Instruction, ...], header: bytes, segment: bytes) -> bool:
    """Whether the program lets ``segment`` (from the UDP or TCP header on) behind the IP ``header`` pass."""
    at, register = 0, 0
    while True:
        step = steps[at]
        at += 1
        source, offset = (header, step.k - 0xFFF00000) if step.k >= 0xFFF00000 else (segment, step.k)
        match step.code:
            case 0x20 | 0x30:
                size = 4 if step.code == 0x20 else 1
                if len(source) < offset + size:
                    return False
                register = int.from_bytes(source[offset : offset + size], "big")
            case 0x80:
                register = len(segment)
            case 0x54:
                register &= step.k
            case 0x15:
                at += step.jt if register == step.k else step.jf
            case 0x25:
                at += step.jt if register > step.k else step.jf
            case 0x35:
                at += step.jt if register >= step.k else step.jf
            case 0x05:
                at += step.k
            case 0x06:
                return step.k > 0
            case code:
                raise AssertionError(f"unknown instruction {code:#x}")


def ip_header(source: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bytes:
    if source.version == 4:
        return b"\x45" + bytes(11) + source.packed + bytes(4)
    return b"\x60" + bytes(7) + source.packed + bytes(16)


def udp(payload: bytes) -> bytes:
    return struct.pack("!HHHH", 5060, 5060, 8 + len(payload), 0) + payload


@st.composite
def networks(draw) -> Network:
    address = draw(st.ip_addresses())
    return ipaddress.ip_network((address, draw(st.integers(0, address.max_prefixlen))), strict=False)


@st.composite
def sources(draw, among: list[Network]):
    if not among or draw(st.booleans()):
        return draw(st.ip_addresses())
    network = draw(st.sampled_from(among))
    return network[draw(st.integers(0, network.num_addresses - 1))]


@given(st.lists(networks(), max_size=6), st.data())
def test_an_address_passes_exactly_when_it_lies_in_one_of_the_networks(
    among: list[Network], data: st.DataObject
) -> None:
    source = data.draw(sources(among))
    wanted = any(source in network for network in among)
    assert run(program(among, datagrams=True), ip_header(source), udp(INVITE)) is wanted
    assert run(program(among, datagrams=False), ip_header(source), bytes(20)) is wanted


@given(st.binary(max_size=40) | st.integers(MAX_DATAGRAM - 2, MAX_DATAGRAM + 2).map(lambda size: b"I" * size))
def test_a_datagram_passes_only_when_it_begins_with_a_letter_and_fits_the_engines_buffer(payload: bytes) -> None:
    anybody = [ipaddress.ip_network("0.0.0.0/0")]
    wanted = payload[:1].isalpha() and len(payload) <= MAX_DATAGRAM
    assert run(program(anybody, datagrams=True), ip_header(ipaddress.ip_address("192.0.2.1")), udp(payload)) is wanted


def test_without_networks_nobody_passes() -> None:
    source = ip_header(ipaddress.ip_address("127.0.0.1"))
    assert not run(program((), datagrams=True), source, udp(INVITE))
