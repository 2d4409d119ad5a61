"""A far end of a few lines, for what SIPp cannot play: silence with a clock, and answers repeated byte for byte."""

from __future__ import annotations

import asyncio
import re
import socket


class Wire:
    """A UDP port that keeps what comes, with the time, and answers when it is told."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.setblocking(False)
        self.port: int = self._socket.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        self.uri = f"sip:13800138000@{self.address}"
        self._peer: tuple[str, int] | None = None

    def close(self) -> None:
        """Give back the port."""
        self._socket.close()

    async def receive(self, seconds: float = 12.0) -> str:
        """The next datagram that is not empty: an empty one is no message (RFC 5626 section 3.5.1)."""
        data = b""
        async with asyncio.timeout(seconds):
            while not data.strip():
                data, self._peer = await asyncio.get_running_loop().sock_recvfrom(self._socket, 8000)
        return data.decode()

    async def receive_for(self, seconds: float) -> list[tuple[float, str]]:
        """Every datagram within ``seconds``, with the time since the first."""
        loop, heard = asyncio.get_running_loop(), []
        try:
            async with asyncio.timeout(seconds):
                while True:
                    message = await self.receive(seconds)
                    heard.append((loop.time(), message))
        except TimeoutError:
            return [(at - heard[0][0], message) for at, message in heard]

    def answer(self, request: str, line: str, description: str = "") -> None:
        """Send a response to ``request``; the same call sends the same bytes."""
        kept = "".join(f"{name}: {header(request, name)}\r\n" for name in ("Via", "From", "Call-ID", "CSeq"))
        to = header(request, "To")
        to += "" if "tag=" in to or line.startswith("100") else ";tag=wire"
        body = description.replace("\n", "\r\n").replace("[call_number]", "1")
        kind = "Content-Type: application/sdp\r\n" if body else ""
        self.send(
            f"SIP/2.0 {line}\r\n{kept}To: {to}\r\nContact: <sip:{self.address}>\r\n{kind}"
            f"Content-Length: {len(body)}\r\n\r\n{body}",
            _sender(request),
        )

    def send(self, message: str, peer: tuple[str, int] | None = None) -> None:
        """Send any text to ``peer``, or to whoever was heard last."""
        self._socket.sendto(message.encode(), peer or self._peer)


def _sender(request: str) -> tuple[str, int]:
    """Where a response belongs: the Via's sent-by (RFC 3261 section 18.2.2)."""
    host, _, port = header(request, "Via").partition(";")[0].split()[-1].rpartition(":")
    return host, int(port)


def header(message: str, name: str) -> str:
    """The value of the first header of that name."""
    match = re.search(rf"(?mi)^{name}\s*: *(.*?)\r?$", message)
    assert match, f"no {name} in {message!r}"
    return match[1]
