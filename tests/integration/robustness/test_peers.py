"""The filter on real sockets: who is configured is heard, who is not gets no answer and reaches nobody."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import pytest

from dialer.lines import peers
from dialer.lines.base import LineError
from dialer.lines.peers import PeerFilter

pytestmark = pytest.mark.integration

PEER, STRANGER = "127.0.0.1", "127.0.0.2"
MESSAGE = b"OPTIONS sip:x@127.0.0.1 SIP/2.0\r\n\r\n"


def test_datagrams_of_configured_peers_alone_reach_the_engine() -> None:
    with udp_port() as sip:
        guarded(sip, "127.0.0.1/32")
        assert heard(sip, PEER)
        assert not heard(sip, STRANGER)


def test_a_whole_network_may_be_configured() -> None:
    with udp_port() as sip:
        guarded(sip, "127.0.0.0/30")
        assert heard(sip, PEER)
        assert heard(sip, STRANGER)
        assert not heard(sip, "127.0.0.4")


def test_ipv6_peers_are_told_apart_too() -> None:
    with udp_port("::1") as sip:
        filter_ = guarded(sip, "2001:db8::/32")
        assert not heard(sip, "::1")
        asyncio.run(filter_.add("[::1]"))
        assert heard(sip, "::1")


def test_a_host_added_later_is_heard_from_then_on() -> None:
    with udp_port() as sip:
        filter_ = guarded(sip)
        assert not heard(sip, PEER)
        asyncio.run(filter_.add("localhost"))
        assert heard(sip, PEER)
        assert not heard(sip, STRANGER)


def test_whoever_got_a_message_of_ours_may_answer() -> None:
    with udp_port() as sip:
        filter_ = guarded(sip, PEER)
        filter_.sent("RX UDP 127.0.0.2:5060 -> 127.0.0.1:5060\nINVITE sip:x@y SIP/2.0\n")
        assert not heard(sip, STRANGER)
        filter_.sent("TX UDP 127.0.0.1:5060 -> 127.0.0.2:5060\nACK sip:x@y SIP/2.0\n")
        assert heard(sip, STRANGER)


def test_a_strangers_connection_is_not_even_refused() -> None:
    with socket.create_server((PEER, 0)) as sip:
        guarded(sip, PEER)
        assert connected(sip, PEER)
        assert not connected(sip, STRANGER)


def test_with_any_port_the_sockets_opened_since_are_guarded() -> None:
    with udp_port() as older:
        filter_ = PeerFilter([PEER])
        filter_.prepare()
        with udp_port() as sip:
            filter_.attach(0)
            assert not heard(sip, STRANGER)
            assert heard(older, STRANGER)


def test_the_filter_keeps_no_port_taken() -> None:
    with udp_port() as sip:
        guarded(sip, PEER)
        port = sip.getsockname()[1]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as again:
        again.bind((PEER, port))


def test_more_hosts_than_the_kernel_takes_push_out_the_one_met_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "MAX_INSTRUCTIONS", 40)
    with udp_port() as sip:
        filter_ = guarded(sip, PEER)
        for last in range(2, 20):
            asyncio.run(filter_.add(f"127.0.0.{last}"))
        assert heard(sip, PEER)
        assert not heard(sip, STRANGER)
        assert heard(sip, "127.0.0.19")


def test_more_configured_networks_than_the_kernel_takes_are_an_error() -> None:
    with udp_port() as sip, pytest.raises(LineError, match="too many networks"):
        guarded(sip, *(f"10.{number // 256}.{number % 256}.1" for number in range(1400)))


def test_what_is_no_network_is_an_error() -> None:
    with pytest.raises(LineError, match="neither an address"):
        PeerFilter(["carrier"])


def test_without_a_sip_socket_nothing_is_guarded_and_the_line_does_not_start() -> None:
    with pytest.raises(LineError, match="no SIP socket"):
        PeerFilter([PEER]).attach(1)


def test_a_system_without_the_filter_listens_on_loopback_only() -> None:
    with udp_port() as sip:
        PeerFilter([PEER], available=False).attach(sip.getsockname()[1])
    with udp_port("0.0.0.0") as sip:
        with pytest.raises(LineError, match="behind a firewall"):
            PeerFilter([PEER], available=False).attach(sip.getsockname()[1])
        PeerFilter(["any"], available=False).attach(sip.getsockname()[1])


def test_any_leaves_the_port_open() -> None:
    with udp_port() as sip:
        guarded(sip, "any")
        assert heard(sip, STRANGER)


@contextlib.contextmanager
def udp_port(host: str = PEER) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sip:
        sip.bind((host, 0))
        yield sip


def guarded(sip: socket.socket, *networks: str) -> PeerFilter:
    filter_ = PeerFilter(networks)
    filter_.attach(sip.getsockname()[1])
    return filter_


def heard(sip: socket.socket, source: str) -> bool:
    """Whether a datagram from ``source`` arrives; on loopback it is queued, or dropped, before sendto returns."""
    with socket.socket(sip.family, socket.SOCK_DGRAM) as sender:
        sender.bind((source, 0))
        host, port = sip.getsockname()[:2]
        sender.sendto(MESSAGE, (PEER if host == "0.0.0.0" else host, port))
    try:
        return sip.recv(2048, socket.MSG_DONTWAIT) == MESSAGE
    except BlockingIOError:
        return False


def connected(sip: socket.socket, source: str) -> bool:
    try:
        socket.create_connection(sip.getsockname(), timeout=0.3, source_address=(source, 0)).close()
    except TimeoutError:
        return False
    return True
