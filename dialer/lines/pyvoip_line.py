"""The portable SIP engine: pyVoIP 1.6.8, one phone per channel, behind the line protocol.

The rule of this module: pure Python, so it runs where the default engine has no wheel; UDP, IPv4 and G.711 alone. A
phone belongs to a trunk and carries one call at a time; phones are made when they are needed and kept. What it cannot
do stands in docs/lines.md. Incoming calls are refused with 486, REFER with 603.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import re
import socket
from collections.abc import Mapping, Sequence

from core.clock import Clock
from dialer.lines.addresses import DEFAULT_PORTS, is_sip_uri, is_wildcard, listening_address, trunk_address, uri_host
from dialer.lines.base import Ended, LineError, Trunk, TrunkHealth
from dialer.lines.options import OptionsPinger
from dialer.lines.pyvoip_call import PyvoipCall
from dialer.lines.pyvoip_dialog import Invitation
from dialer.lines.pyvoip_digest import Credentials
from dialer.lines.pyvoip_phone import Address, Peers, Phone, Transport
from dialer.lines.pyvoip_registration import Registrations
from dialer.lines.pyvoip_rtp import CallAudio, KeyNews
from dialer.lines.trunk_health import HealthBook

__all__ = ["PyvoipCall", "PyvoipLine"]

_FAREWELL_S = 3.0  # how long close() waits for far ends to confirm our BYE
_JOIN_S = 2.0
_PORTS_TRIED = 500
_HEADER = re.compile(r"[A-Za-z0-9.!%*_+`'~-]+")


class PyvoipLine:
    """``Line`` on pyVoIP."""

    def __init__(
        self,
        clock: Clock,
        *,
        listen: str,
        caller_id: str,
        trunks: Sequence[Trunk],
        rtp_ports: tuple[int, int] = (16384, 32766),
        media_timeout_s: int = 60,
        peers: Sequence[str] = (),
        ca_file: str = "",  # noqa: ARG002  # the same settings as every engine; there is no TLS here
        channels: int = 200,
    ) -> None:
        """``listen`` is ``host:port``: the first phone's port, the others take the next free ones (port 0: any).

        caller_id: the firm's one standard number (B-25). rtp_ports: the UDP ports for audio. media_timeout_s: an
        answered call without RTP for so long is dead; 0 never. peers: addresses and networks, beside the trunks' hosts,
        that may send us requests. channels: phones a trunk at most.
        """
        self._clock = clock
        self._listen = listen
        self._caller_id = caller_id
        self._trunks = {trunk.name: trunk for trunk in trunks}
        self._rtp_ports = rtp_ports
        self._media_timeout_s = media_timeout_s
        self._peer_names = tuple(peers)
        self._channels = channels
        self._health = HealthBook(clock, trunks)
        self._peers = Peers(())
        self._started = False
        self._host = ""
        self._next_port = 0
        self._next_rtp = 0
        self._phones: dict[str, list[Phone]] = {}
        self._idle: dict[str, list[Phone]] = {}
        self._calls: dict[PyvoipCall, Phone] = {}
        self._audios: set[CallAudio] = set()
        self._registrations = Registrations(clock, caller_id, self._health)
        self._pinger: OptionsPinger | None = None
        self._progress = asyncio.Event()

    # -- open and close --------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Open the first phone of each trunk; LineError when a port is taken, not permitted or a setting is wrong."""
        if self._started:
            raise LineError("the line is already started; close it first")
        if not self._trunks:
            raise LineError("the line has no trunk: write [trunk.main] with its address into huifang.toml")
        try:
            await self._open()
        except (ValueError, OSError) as error:
            await self._stop_phones()
            raise LineError(f"cannot open the SIP line on {self._listen}: {error}; {_remedy(error)}") from error
        self._started = True
        self._pinger = OptionsPinger("" if is_wildcard(self._host) else self._host, self._caller_id, self._reachable)
        for trunk in self._trunks.values():
            self._registrations.add(trunk, self._phones[trunk.name][0])
            self._pinger.watch(trunk)

    async def _open(self) -> None:
        self._host, self._next_port = listening_address(self._listen)
        if ":" in self._host:
            raise ValueError("this engine knows IPv4 alone")
        self._next_rtp = self._rtp_ports[0]
        self._peers = Peers(self._peer_names)
        for trunk in self._trunks.values():
            _check(trunk)
            self._phones[trunk.name], self._idle[trunk.name] = [], []
        for trunk in self._trunks.values():
            self._idle[trunk.name].append(await self._new_phone(trunk, first=not any(self._phones.values())))

    def _reachable(self, trunk: str, there: bool, detail: str) -> None:
        if self._health.reachable(trunk, there, detail):
            self._registrations.again(trunk)

    async def _new_phone(self, trunk: Trunk, *, first: bool = False) -> Phone:
        address = await _resolved(*trunk_address(trunk.address, trunk.transport))
        if address is not None:
            self._peers.meet(address[0])
        advertised = self._advertised(address)
        phone = Phone(self._bind_sip(first), advertised, self._caller_id, self._peers)
        phone.start()
        self._phones[trunk.name].append(phone)
        return phone

    def _bind_sip(self, first: bool) -> socket.socket:
        if first or self._next_port == 0:
            bound = _bound(self._host, self._next_port)
            self._next_port += 1 if self._next_port else 0
            return bound
        return self._bind_one(range(self._next_port, min(self._next_port + _PORTS_TRIED, 65536)), "SIP")

    def _bind_one(self, ports: range, what: str) -> socket.socket:
        for port in ports:
            with contextlib.suppress(OSError):
                return _bound(self._host, port)
        raise OSError(errno.EADDRINUSE, f"no free port for {what}")

    def _bind_rtp(self) -> socket.socket:
        """The next free even port, going round: a port just given back still hears its last call."""
        low, high = self._rtp_ports
        start = max(low, self._next_rtp)
        for port in (*range(start, high + 1, 2), *range(low, start, 2)):
            with contextlib.suppress(OSError):
                bound = _bound(self._host, port)
                self._next_rtp = port + 2 if port + 2 <= high else low
                return bound
        raise OSError(errno.EADDRINUSE, "no free port for audio")

    def _advertised(self, far: Address | None) -> str:
        if not is_wildcard(self._host):
            return self._host
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(far or ("192.0.2.1", 5060))
            return str(probe.getsockname()[0])

    async def close(self) -> None:
        """Hang up what lives, wait for the far ends to confirm (3 s at most), give back the ports."""
        if not self._started:
            return
        self._started = False
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_FAREWELL_S):
                await asyncio.gather(*(call.hang_up() for call in self._calls))
                await self._all_over()
        if self._pinger is not None:
            await self._pinger.close()
        await self._registrations.close()
        self._engine_died()
        await self._stop_phones()

    async def _all_over(self) -> None:
        while self._calls:
            self._progress.clear()
            await self._progress.wait()

    async def _stop_phones(self) -> None:
        phones = [phone for phones in self._phones.values() for phone in phones]
        for phone in phones:
            phone.stop()
        await asyncio.to_thread(_join, [*(phone.sip for phone in phones), *self._audios])
        self._phones.clear()
        self._idle.clear()
        self._audios.clear()

    def _engine_died(self) -> None:
        for call in tuple(self._calls):
            call.gone("the SIP engine stopped")

    # -- calls -----------------------------------------------------------------------------------------------------

    def health(self) -> tuple[TrunkHealth, ...]:
        """What is known of each trunk now."""
        return self._health.report()

    async def dial(self, uri: str, *, trunk: str = "", headers: Mapping[str, str] | None = None) -> PyvoipCall:
        """Send one INVITE to ``uri`` (``sip:number@host:port``) and return at once.

        A caller that awaits this directly and subscribes before its next await misses no event.
        """
        if not is_sip_uri(uri):
            raise LineError("no INVITE could leave: the address is not sip:number@host:port; mend number and trunk")
        chosen = self._trunk(trunk)
        extra = dict(headers or {})
        if any(not _HEADER.fullmatch(name) or not value.isprintable() for name, value in extra.items()):
            raise LineError("no INVITE could leave: a header must be a name and single-line text; mend the headers")
        address = await _resolved(uri_host(uri), _port(uri))
        if address is None:
            raise LineError("no INVITE could leave: the host has no IPv4 address; mend the trunk's address or the DNS")
        phone = await self._phone(self._trunk(trunk))
        if not self._started:  # closed while a name was looked up
            phone.stop()
        self._trunk(trunk)
        try:
            return self._place(chosen, phone, Invitation(uri, address, self._identity(chosen), _who(chosen), extra))
        except OSError as error:
            self._idle[chosen.name].append(phone)
            raise LineError(f"no INVITE could leave: {error}; widen line.rtp_ports") from error

    def _trunk(self, name: str) -> Trunk:
        if not self._started:
            raise LineError("the line is not started; start it before dialing")
        if name and name not in self._trunks:
            raise LineError(
                f"the line has no trunk {name!r}: write [trunk.{name}] into huifang.toml and restart the node"
            )
        return self._trunks[name or next(iter(self._trunks))]

    async def _phone(self, trunk: Trunk) -> Phone:
        idle = self._idle[trunk.name]
        while idle:
            phone = idle.pop()
            if phone.NSD:
                return phone
            self._phones[trunk.name].remove(phone)
        if len(self._phones[trunk.name]) >= self._channels:
            raise LineError(f"all {self._channels} channels of trunk {trunk.name} are busy: dial later")
        try:
            return await self._new_phone(trunk)
        except OSError as error:
            raise LineError(f"no INVITE could leave: {error}; {_remedy(error)}") from error

    def _place(self, trunk: Trunk, phone: Phone, invitation: Invitation) -> PyvoipCall:
        news: list[PyvoipCall] = []
        loop = asyncio.get_running_loop()

        def on_key(key: KeyNews) -> None:
            with contextlib.suppress(RuntimeError):  # the event loop is closed
                loop.call_soon_threadsafe(news[0].take_key, key)

        audio = CallAudio(self._clock, self._bind_rtp(), on_key)
        call = PyvoipCall(self._clock, phone, audio, invitation, self._media_timeout_s)
        news.append(call)
        self._calls[call] = phone
        self._audios.add(audio)
        call.subscribe(lambda event: self._over(trunk, call, audio) if isinstance(event, Ended) else None)
        call.place()
        return call

    def _over(self, trunk: Trunk, call: PyvoipCall, audio: CallAudio) -> None:
        phone = self._calls.pop(call)
        self._audios.discard(audio)
        if trunk.name in self._idle:
            self._idle[trunk.name].append(phone)
        self._progress.set()

    def _identity(self, trunk: Trunk) -> str:
        host = trunk.domain or trunk_address(trunk.address, trunk.transport)[0]
        uri = f"<sip:{self._caller_id}@{host}>"
        return f'"{trunk.display_name}" {uri}' if trunk.display_name else uri


def _who(trunk: Trunk) -> Credentials | None:
    return Credentials(trunk.user, trunk.password) if trunk.user else None


def _check(trunk: Trunk) -> None:
    trunk_address(trunk.address, trunk.transport)
    if trunk.transport != "udp":
        raise ValueError(f"trunk {trunk.name} needs {trunk.transport}, this engine has UDP alone: use baresip")
    if trunk.srtp != "off":
        raise ValueError(f"trunk {trunk.name} needs encrypted audio, this engine has none: use baresip")
    if any(character in trunk.display_name for character in '"\\<>\r\n'):
        raise ValueError("the display name must not contain quotes, backslashes, angle brackets or line ends")


def _port(uri: str) -> int:
    rest = uri.partition("@")[2].partition(";")[0].rpartition(":")[2]
    return int(rest) if rest.isdigit() else DEFAULT_PORTS["udp"]


async def _resolved(host: str, port: int) -> Address | None:
    """The IPv4 address of ``host``; an address costs no look-up and no turn of the event loop."""
    with contextlib.suppress(ValueError):
        return str(ipaddress.IPv4Address(host)), port
    with contextlib.suppress(OSError, UnicodeError):
        found = await asyncio.get_running_loop().getaddrinfo(host, port, family=socket.AF_INET, type=socket.SOCK_DGRAM)
        return str(found[0][4][0]), port
    return None


def _bound(host: str, port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound


def _join(parts: Sequence[Transport | CallAudio]) -> None:
    for part in parts:
        part.join(_JOIN_S)


def _remedy(error: Exception) -> str:
    return _REMEDIES.get(getattr(error, "errno", None) or 0, "mend the [line] settings")


_REMEDIES = {
    errno.EADDRINUSE: "another program holds this port: stop it or set line.listen to a free one",
    errno.EACCES: "ports below 1024 need permission: set line.listen to a higher one",
    errno.EADDRNOTAVAIL: "this machine does not have the address: mend line.listen",
}
