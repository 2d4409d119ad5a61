"""Who may speak to the line's SIP ports: the configured networks, and the hosts that we spoke to first.

The rule of this module: strangers are refused by the kernel, before the engine reads a byte. The engine itself cannot
filter, so a classic BPF program sits on each of its SIP sockets and looks at the source address: of each datagram on
UDP, of each segment on TCP and TLS, so that a stranger's SYN is not even answered. Datagrams that cannot be SIP (too
long for the engine's buffer, or not beginning with a letter) are dropped whoever sends them. Audio ports are not
filtered: RTP may rightly come from another host than the signalling.

The filter exists on Linux alone. Elsewhere a line starts on loopback addresses only, unless the networks say ``any``:
whoever writes that has a firewall that does this work.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import ipaddress
import logging
import os
import socket
import stat
import struct
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from dialer.lines.base import LineError

__all__ = ["ANY", "Instruction", "PeerFilter", "program"]

ANY = "any"
MAX_DATAGRAM = 8192  # the engine's receive buffer: what is longer would reach it cut
MAX_INSTRUCTIONS = 4096  # BPF_MAXINSNS
_SO_ATTACH_FILTER = 26
_UDP_HEADER = 8
_IP_HEADER = 0xFFF00000  # SKF_NET_OFF: offsets from here count from the IP header
_ALL, _NOTHING = 0xFFFFFFFF, 0

_LOG = logging.getLogger(__name__)

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Instruction(NamedTuple):
    """One classic BPF instruction: code, jumps when true and false (instructions to skip), operand."""

    code: int
    jt: int
    jf: int
    k: int


def _load_word(offset: int) -> Instruction:
    return Instruction(0x20, 0, 0, offset)


def _load_byte(offset: int) -> Instruction:
    return Instruction(0x30, 0, 0, offset)


def _mask(bits: int) -> Instruction:
    return Instruction(0x54, 0, 0, bits)


def _unless_equal(value: int, skip: int) -> Instruction:
    return Instruction(0x15, 0, skip, value)


def _if_above(value: int, skip: int) -> Instruction:
    return Instruction(0x25, skip, 0, value)


def _jump(skip: int) -> Instruction:
    return Instruction(0x05, 0, 0, skip)


def _return(length: int) -> Instruction:
    return Instruction(0x06, 0, 0, length)


_LOAD_LENGTH = Instruction(0x80, 0, 0, 0)


def program(networks: Iterable[Network], *, datagrams: bool) -> tuple[Instruction, ...]:
    """The filter that lets pass what comes from ``networks``; on UDP (``datagrams``) only what can be SIP."""
    kept = list(networks)
    four = [step for network in kept if network.version == 4 for step in _block(network, 12)]
    six = [step for network in kept if network.version == 6 for step in _block(network, 8)]
    by_version = (_load_byte(_IP_HEADER), _mask(0xF0), _unless_equal(0x60, 1), _jump(len(four) + 1))
    return (*(_can_be_sip() if datagrams else ()), *by_version, *four, _return(_NOTHING), *six, _return(_NOTHING))


def _can_be_sip() -> Iterator[Instruction]:
    """A message begins with a method or with SIP/2.0: a letter; keep-alives of a few bytes need no answer on UDP."""
    yield _LOAD_LENGTH
    yield _if_above(_UDP_HEADER + MAX_DATAGRAM, 4)
    yield _load_byte(_UDP_HEADER)
    yield _mask(0xDF)  # a letter's case
    yield _if_above(ord("Z"), 1)
    yield Instruction(0x35, 1, 0, ord("A"))  # not below: go on
    yield _return(_NOTHING)


def _block(network: Network, offset: int) -> tuple[Instruction, ...]:
    """Accept when the source address at ``offset`` lies in ``network``, otherwise fall to the next block."""
    block: tuple[Instruction, ...] = (_return(_ALL),)
    words = list(zip(_words(network.network_address.packed), _words(network.netmask.packed), strict=True))
    for index, (value, mask) in reversed(list(enumerate(words))):
        if mask:
            narrow = () if mask == _ALL else (_mask(mask),)
            block = (_load_word(_IP_HEADER + offset + 4 * index), *narrow, _unless_equal(value, len(block)), *block)
    return block


def _words(packed: bytes) -> tuple[int, ...]:
    return struct.unpack(f"!{len(packed) // 4}I", packed)


class PeerFilter:
    """The kernel's filter on the SIP sockets of this process's engine.

    ``prepare`` before the engine opens its sockets, ``add`` the trunks' hosts, ``attach`` when the sockets are open.
    """

    def __init__(self, networks: Iterable[str], *, available: bool = sys.platform == "linux") -> None:
        """``networks`` are addresses, networks or ``any`` (no filter); LineError when one is neither."""
        named = set(networks)
        self._open = ANY in named
        self._available = available
        self._configured = dict.fromkeys(_network(name) for name in sorted(named - {ANY}))
        self._met: dict[Network, None] = {}  # the latest last
        self._resolved: set[str] = set()
        self._older_sockets: frozenset[int] = frozenset()
        self._guarded: dict[int, int] = {}  # inode: descriptor

    def prepare(self) -> None:
        """Remember which sockets are not the engine's, because they are open already."""
        self._older_sockets = frozenset(inode for _, inode in _open_sockets())

    async def add(self, host: str) -> None:
        """Let the addresses of ``host`` (a name or an address) pass; a name that cannot be resolved adds nothing.

        Await it before a message leaves for ``host``: then no answer can come too early. A name is looked up once;
        the engine does so again by itself, and where its answer differs, ``sent`` learns it.
        """
        if self._open or host in self._resolved:
            return
        addresses = await _addresses(host.strip("[]"))
        for address in addresses:
            self._meet(_network(address))
        if host not in addresses and addresses:
            self._resolved.add(host)

    def sent(self, trace: str) -> None:
        """Learn from the engine's SIP trace: whoever got a message of ours may answer it.

        A far end's Contact (RFC 3261 section 12) or an SRV record may name a host that no setting names. Strangers
        cannot come in this way, since nothing is ever sent to them.
        """
        if not self._open and trace.startswith("TX ") and (address := _destination(trace)):
            self._meet(_network(address))

    def attach(self, port: int) -> None:
        """Guard the SIP sockets: those on ``port`` and, for TLS, the next; with port 0 those opened since ``prepare``.

        LineError when there is none, when the networks are too many for the kernel, and where the platform has no
        such filter although the sockets can be reached from other machines.
        """
        if self._open:
            _LOG.warning("line.peers is 'any': a firewall must keep strangers from the SIP port")
            return
        found = [(inode, descriptor, name) for inode, descriptor, name in self._sip_sockets(port)]
        if not found:
            raise LineError("the engine opened no SIP socket: restart this node")
        if not self._available:
            _stay_on_loopback(name for _, _, name in found)
            return
        self._guarded = {inode: descriptor for inode, descriptor, _ in found}
        self._update()
        _LOG.info("%d SIP sockets hear %d configured networks", len(found), len(self._configured))

    def _meet(self, network: Network) -> None:
        if network in self._configured:
            return
        known = network in self._met
        self._met.pop(network, None)
        self._met[network] = None
        if not known:
            self._update()

    def _update(self) -> None:
        while self._instructions() > MAX_INSTRUCTIONS and self._met:
            self._met.pop(next(iter(self._met)))
        if self._instructions() > MAX_INSTRUCTIONS:
            raise LineError("line.peers names too many networks for the kernel's filter: name fewer, larger ones")
        for inode, descriptor in self._guarded.items():
            with _borrowed(descriptor, inode) as sip:
                if sip is not None:
                    _install(sip, program(self._networks(), datagrams=sip.type == socket.SOCK_DGRAM))

    def _networks(self) -> Iterator[Network]:
        yield from self._configured
        yield from self._met

    def _instructions(self) -> int:
        return len(program(self._networks(), datagrams=True))

    def _sip_sockets(self, port: int) -> Iterator[tuple[int, int, str]]:
        for descriptor, inode in _open_sockets():
            with _borrowed(descriptor, inode) as candidate:
                if candidate is None or not _hears_strangers(candidate):
                    continue
                host, bound = candidate.getsockname()[:2]
                if bound in (port, port + 1) if port else self._is_new(inode, host):
                    yield inode, descriptor, host

    def _is_new(self, inode: int, host: str) -> bool:
        # The engine's name resolver opens sockets too; those are bound to no address, SIP sockets always are.
        return inode not in self._older_sockets and not ipaddress.ip_address(host).is_unspecified


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text.partition("%")[0], strict=False)
    except ValueError as error:
        raise LineError(f"line.peers: {text!r} is neither an address, a network nor 'any'") from error


async def _addresses(host: str) -> set[str]:
    with contextlib.suppress(ValueError):
        return {str(ipaddress.ip_address(host))}
    with contextlib.suppress(OSError, UnicodeError):
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_DGRAM)
        return {str(address[0]) for *_, address in found}
    return set()


def _destination(trace: str) -> str | None:
    """The address in ``TX UDP 192.0.2.1:5060 -> 192.0.2.9:5060``; None when there is none."""
    host = trace.partition("\n")[0].rpartition(" -> ")[2].strip().rpartition(":")[0].strip("[]")
    with contextlib.suppress(ValueError):
        return str(ipaddress.ip_address(host))
    return None


def _open_sockets() -> Iterator[tuple[int, int]]:
    """Descriptor and inode of every socket of this process."""
    for name in os.listdir("/proc/self/fd" if Path("/proc/self/fd").exists() else "/dev/fd"):  # noqa: PTH208
        with contextlib.suppress(OSError):  # closed meanwhile
            status = os.fstat(int(name))
            if stat.S_ISSOCK(status.st_mode):
                yield int(name), status.st_ino


@contextlib.contextmanager
def _borrowed(descriptor: int, inode: int) -> Iterator[socket.socket | None]:
    """A second handle of the engine's socket, given back at once: kept, it would keep the port taken."""
    try:
        handle = socket.socket(fileno=os.dup(descriptor))
    except OSError:
        yield None
        return
    with handle:
        yield handle if os.fstat(handle.fileno()).st_ino == inode else None


def _hears_strangers(candidate: socket.socket) -> bool:
    """Whether anybody can send to it: a listening TCP socket, or a UDP socket that is bound and not connected."""
    if candidate.family not in {socket.AF_INET, socket.AF_INET6}:
        return False
    if candidate.type == socket.SOCK_STREAM:
        return bool(candidate.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
    try:
        candidate.getpeername()
    except OSError:
        return candidate.type == socket.SOCK_DGRAM and candidate.getsockname()[1] != 0
    return False


def _install(sip: socket.socket, steps: tuple[Instruction, ...]) -> None:
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in steps))
    sip.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HP", len(steps), ctypes.addressof(code)))


def _stay_on_loopback(hosts: Iterable[str]) -> None:
    if not all(ipaddress.ip_address(host).is_loopback for host in hosts):
        raise LineError(
            "this system cannot keep strangers from the SIP port: run the node on Linux, or set line.peers to 'any' "
            "behind a firewall that admits the trunks alone"
        )
