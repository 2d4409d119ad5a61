"""A registrar of a few lines: digest authentication, bindings that a restart forgets, OPTIONS, and INVITEs refused."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Callable

from tests.contract.line.wire import header

REALM, NONCE = "carrier", "n0nce"


class Registrar(asyncio.DatagramProtocol):
    """Knows one user. ``bindings`` are the contacts registered now, ``heard`` all requests since it was made."""

    def __init__(self, user: str = "firm", password: str = "secret") -> None:
        self.bindings: dict[str, int] = {}
        self.heard: list[str] = []
        self.options_status = "200 OK"
        self._user = user
        self._password = password
        self._transport: asyncio.DatagramTransport | None = None
        self._news = asyncio.Event()
        self.port = 0

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Open the port: the same as before, after a stop."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", self.port))
        self.port = self._transport.get_extra_info("sockname")[1]

    def stop(self) -> None:
        """Give back the port and forget every binding."""
        if self._transport is not None:
            self._transport.close()
        self._transport = None
        self.bindings.clear()

    async def until(self, condition: Callable[[], bool], seconds: float) -> None:
        """Wait until ``condition`` holds after some request."""
        async with asyncio.timeout(seconds):
            while not condition():
                self._news.clear()
                await self._news.wait()

    def count(self, method: str) -> int:
        """How many requests of ``method`` came."""
        return sum(request.startswith(f"{method} ") for request in self.heard)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer one request."""
        request = data.decode()
        method = request.partition(" ")[0]
        if method == "SIP/2.0" or not request.strip():
            return
        self.heard.append(request)
        if method == "REGISTER":
            self._register(request, addr)
        elif method == "OPTIONS":
            self._reply(request, addr, self.options_status)
        elif method == "INVITE":
            self._reply(request, addr, "486 Busy Here")
        self._news.set()

    def _register(self, request: str, addr: tuple[str, int]) -> None:
        if not self._authorised(request):
            challenge = f'WWW-Authenticate: Digest realm="{REALM}", nonce="{NONCE}", algorithm=MD5\r\n'
            self._reply(request, addr, "401 Unauthorized", challenge)
            return
        contact = header(request, "Contact")
        seconds = re.search(r"expires=(\d+)", contact) or re.search(r"(?m)^Expires: *(\d+)", request)
        uri = re.search(r"<([^>]*)>", contact)[1]
        self.bindings.pop(uri, None)
        if int(seconds[1]):
            self.bindings[uri] = int(seconds[1])
        self._reply(request, addr, "200 OK", f"Contact: <{uri}>;expires={seconds[1]}\r\n")

    def _authorised(self, request: str) -> bool:
        given = re.search(r"(?m)^Authorization: Digest (.*?)\r?$", request)
        if not given:
            return False
        fields = dict(re.findall(r'(\w+)="?([^",]*)"?', given[1]))
        first = _md5(f"{self._user}:{REALM}:{self._password}")
        expected = _md5(f"{first}:{NONCE}:{_md5('REGISTER:' + fields['uri'])}")
        return fields["username"] == self._user and fields["response"] == expected

    def _reply(self, request: str, addr: tuple[str, int], line: str, extra: str = "") -> None:
        kept = "".join(f"{name}: {header(request, name)}\r\n" for name in ("Via", "From", "Call-ID", "CSeq"))
        to = header(request, "To") + ";tag=registrar"
        message = f"SIP/2.0 {line}\r\n{kept}To: {to}\r\n{extra}Content-Length: 0\r\n\r\n"
        if self._transport is not None:
            self._transport.sendto(message.encode(), addr)


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
