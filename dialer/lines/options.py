"""Asks the trunks for their health: OPTIONS, as RFC 3261 section 11 has it, from a socket of our own.

The rule of this module: a trunk that answers anything but 408 and 503 is there; one that answers nothing within four
seconds, or with a certificate that is not its own, is not. Nothing here raises and nothing waits longer.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import secrets
import ssl
from collections.abc import Callable
from dataclasses import dataclass

from dialer.lines.addresses import trunk_address
from dialer.lines.base import Trunk

ANSWER_S = 4.0
_REPEAT_S = (0.5, 1.0, 2.0)  # timer E of RFC 3261 section 17.1.2.2, as far as ANSWER_S reaches
_ABSENT = {408, 503}  # what a proxy says for a server behind it that is gone, and what a server says of itself
_STATUS = re.compile(rb"SIP/2\.0 (\d{3})[^\r\n]*\r?\n")
_MESSAGE = 8192

Report = Callable[[str, bool, str], None]
"""Takes the trunk's name, whether it is there, and why in a few words."""


@dataclass(frozen=True, slots=True)
class Question:
    """One OPTIONS request; ``call_id`` tells its answer from any other."""

    trunk: Trunk
    caller_id: str
    call_id: str
    branch: str

    @classmethod
    def new(cls, trunk: Trunk, caller_id: str) -> Question:
        """A question that was not asked before."""
        return cls(trunk, caller_id, secrets.token_hex(12), f"z9hG4bK{secrets.token_hex(8)}")

    def message(self, local: str) -> bytes:
        """The request as it leaves from ``local`` (``host:port``)."""
        host, port = trunk_address(self.trunk.address, self.trunk.transport)
        domain = self.trunk.domain or host
        parameter = "" if self.trunk.transport == "udp" else f";transport={self.trunk.transport}"
        lines = (
            f"OPTIONS sip:{host}:{port}{parameter} SIP/2.0",
            f"Via: SIP/2.0/{self.trunk.transport.upper()} {local};branch={self.branch};rport",
            "Max-Forwards: 70",
            f"From: <sip:{self.caller_id}@{domain}>;tag={self.call_id[:8]}",
            f"To: <sip:{host}:{port}>",
            f"Call-ID: {self.call_id}",
            "CSeq: 1 OPTIONS",
            f"Contact: <sip:{self.caller_id}@{local}{parameter}>",
            "Accept: application/sdp",
            "Content-Length: 0",
        )
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    def final_status(self, data: bytes) -> int | None:
        """The status of the final response to this question in ``data``; None for anything else."""
        status = _STATUS.match(data)
        if status is None or self.call_id.encode() not in data or int(status[1]) < 200:
            return None
        return int(status[1])


class OptionsPinger:
    """Asks each trunk that wants it, every ``options_s`` seconds, until it is closed."""

    def __init__(self, local_host: str, caller_id: str, report: Report, ca_file: str = "") -> None:
        """``local_host``: the address to ask from; ``ca_file`` as for the line."""
        self._local_host = local_host
        self._caller_id = caller_id
        self._report = report
        self._ca_file = ca_file
        self._tasks: set[asyncio.Task[None]] = set()

    def watch(self, trunk: Trunk) -> None:
        """Ask ``trunk`` from now on, if it is to be asked at all."""
        if trunk.options_s:
            self._tasks.add(asyncio.get_running_loop().create_task(self._keep_asking(trunk)))

    async def close(self) -> None:
        """Ask no more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    async def _keep_asking(self, trunk: Trunk) -> None:
        while True:
            there, detail = await self.ask(trunk)
            self._report(trunk.name, there, detail)
            await asyncio.sleep(trunk.options_s)

    async def ask(self, trunk: Trunk) -> tuple[bool, str]:
        """Whether the trunk is there, and why; after four seconds at most."""
        question = Question.new(trunk, self._caller_id)
        try:
            async with asyncio.timeout(ANSWER_S):
                status = await (self._by_datagram(question) if trunk.transport == "udp" else self._by_stream(question))
        except TimeoutError:
            return False, f"no answer to OPTIONS within {ANSWER_S:g} s"
        except (OSError, ValueError) as error:  # a refused connection, a certificate, a name that nobody knows
            return False, f"OPTIONS could not be sent: {getattr(error, 'strerror', None) or error}"
        return status not in _ABSENT, f"OPTIONS answered with {status}"

    async def _by_datagram(self, question: Question) -> int:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[int] = loop.create_future()
        transport, _ = await loop.create_datagram_endpoint(
            lambda: _Ear(question, answer), local_addr=self._local, remote_addr=_where(question)
        )
        try:
            message = question.message(_name(transport.get_extra_info("sockname")))
            for pause in (*_REPEAT_S, ANSWER_S):
                transport.sendto(message)
                with contextlib.suppress(TimeoutError):
                    return await asyncio.wait_for(asyncio.shield(answer), pause)
            raise TimeoutError
        finally:
            transport.close()

    async def _by_stream(self, question: Question) -> int:
        reader, writer = await asyncio.open_connection(
            *_where(question), ssl=self._context(question.trunk), local_addr=self._local
        )
        try:
            writer.write(question.message(_name(writer.get_extra_info("sockname"))))
            while True:
                answer = await reader.readuntil(b"\r\n\r\n")
                if (status := question.final_status(answer)) is not None:
                    return status
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            raise OSError("the trunk closed the connection without an answer") from error
        finally:
            writer.close()

    @property
    def _local(self) -> tuple[str, int] | None:
        return (self._local_host, 0) if self._local_host else None

    def _context(self, trunk: Trunk) -> ssl.SSLContext | None:
        if trunk.transport != "tls":
            return None
        return ssl.create_default_context(cafile=self._ca_file or None)


class _Ear(asyncio.DatagramProtocol):
    """Waits for the answer to one question."""

    def __init__(self, question: Question, answer: asyncio.Future[int]) -> None:
        self._question = question
        self._answer = answer

    def datagram_received(self, data: bytes, _addr: tuple[str, int]) -> None:
        """Take the final response; anything else is nobody's business."""
        status = self._question.final_status(data[:_MESSAGE])
        if status is not None and not self._answer.done():
            self._answer.set_result(status)

    def error_received(self, exc: Exception) -> None:
        """Nobody listens there (ICMP): that is an answer too."""
        if not self._answer.done():
            self._answer.set_exception(exc)


def _where(question: Question) -> tuple[str, int]:
    host, port = trunk_address(question.trunk.address, question.trunk.transport)
    return host.strip("[]"), port


def _name(address: tuple[str, int]) -> str:
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
