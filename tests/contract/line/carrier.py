"""A carrier made of SIPp: it plays scenarios written as steps, and its exit code tells whether the engine obeyed."""

from __future__ import annotations

import asyncio
import select
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.contract.line.certificates import Certificate
from tests.contract.line.rtp import PCMA, PCMU, Audio

BOUND_S = 12.0  # no step of any test waits longer


class Carrier:
    """Builds SIPp scenarios out of steps and plays them."""

    TAG = ";tag=[pid]FarEnd[call_number]"
    CONTACT = "Contact: <sip:[local_ip]:[local_port];transport=[transport]>\n"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: list[subprocess.Popen[bytes]] = []

    # -- steps -----------------------------------------------------------------------------------------------------

    def reply(self, line: str, *, audio: Audio | None = None, codec: int = PCMA, extra: str = "", way: str = "") -> str:
        """Answer the last request; ``audio`` adds a session description, ``way`` its direction, ``extra`` headers."""
        retransmit = ' retrans="500"' if audio and line.startswith("200") else ""
        return self._send(
            f"SIP/2.0 {line}\n[last_Via:]\n[last_From:]\n[last_To:]{self.TAG}\n[last_Call-ID:]\n[last_CSeq:]\n"
            f"{self.CONTACT}" + (extra + "\n" if extra else ""),
            audio.description(codec, way) if audio else "",
            retransmit,
        )

    def request(self, method: str, number: int, *, audio: Audio | None = None, way: str = "", extra: str = "") -> str:
        """Send a request of our own inside the dialog, with CSeq ``number``."""
        return self._send(
            f"{method} [$contact] SIP/2.0\nVia: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]\n"
            f"From: [$to]{self.TAG}\nTo: [$from]\nCall-ID: [call_id]\nCSeq: {number} {method}\nMax-Forwards: 70\n"
            f"{self.CONTACT}" + (extra + "\n" if extra else ""),
            audio.description(PCMA, way) if audio else "",
            "" if method == "ACK" else ' retrans="500"',
        )

    def info(self, number: int, key: str) -> str:
        """Press a key by SIP INFO (application/dtmf-relay)."""
        step = self.request("INFO", number, extra="Content-Type: application/dtmf-relay")
        return step.replace("Content-Length: 0\n\n", f"Content-Length: [len]\n\nSignal={key}\nDuration=160\n")

    def expect(self, message: str, containing: str = "", *, optional: bool = False) -> str:
        """Wait for a request, or a response when it is a number; ``containing`` must match its body."""
        kind = "response" if message.isdigit() else "request"
        check = f'<ereg regexp="{containing}" search_in="body" check_it="true" assign_to="body"/>' if containing else ""
        may = ' optional="true"' if optional else ""
        if not check:
            return f'<recv {kind}="{message}"{may}/>'
        return f'<recv {kind}="{message}"{may}><action>{check}</action></recv>'

    def expect_header(self, request: str, text: str) -> str:
        """Wait for a request that contains ``text``."""
        check = f'<ereg regexp="{text.replace(chr(34), "&quot;")}" search_in="msg" check_it="true" assign_to="body"/>'
        return f'<recv request="{request}"><action>{check}</action></recv>'

    def pause(self, milliseconds: int) -> str:
        """Wait."""
        return f'<pause milliseconds="{milliseconds}"/>'

    def request_terminated(self) -> str:
        """Answer 487 to the INVITE, after a CANCEL was confirmed."""
        return self.to_invite(self.reply("487 Request Terminated"))

    def late_answer(self, audio: Audio) -> str:
        """Answer 200 to the INVITE although a CANCEL came."""
        return self.to_invite(self.reply("200 OK", audio=audio))

    def to_invite(self, reply: str) -> str:
        """``reply`` to the first INVITE instead of the last request."""
        return reply.replace("[last_CSeq:]", "CSeq: [$cseq] INVITE")

    def again(self, reply: str) -> str:
        """The same ``reply`` to the INVITE once more, after its ACK came (whose To has our tag already)."""
        return self.to_invite(reply.replace(f"[last_To:]{self.TAG}", "[last_To:]"))

    def until_bye(self) -> tuple[str, ...]:
        """After our 200: its ACK, and the engine's BYE."""
        return self.expect("ACK"), *self.bye()

    def bye(self) -> tuple[str, ...]:
        """The engine's BYE and our answer."""
        return self.expect("BYE"), self.reply("200 OK")

    # -- play ------------------------------------------------------------------------------------------------------

    def play(self, *steps: str, calls: int = 1, transport: str = "udp") -> Playing:
        """Start SIPp with these steps after the INVITE, for so many calls."""
        return self.play_if("INVITE", *steps, calls=calls, transport=transport)

    def play_if(self, required: str, *steps: str, calls: int = 1, transport: str = "udp") -> Playing:
        """The same, when the first INVITE contains ``required``."""
        sipp = shutil.which("sipp")
        assert sipp, "SIPp is missing: apt-get install -y sip-tester"
        port, door, name = free_port(), free_port(), f"far-end-{len(self._running)}"
        text = _document(steps, required)
        if transport == "tls":  # SIPp speaks TCP and Playing.door the TLS; the contact must lead to the door
            text = text.replace(self.CONTACT, f"Contact: <sip:127.0.0.1:{door};transport=tls>\n")
        (self._folder / f"{name}.xml").write_text(text, encoding="utf-8")
        command = [sipp, "-sf", f"{name}.xml", "-i", "127.0.0.1", "-p", str(port), "-m", str(calls), "-nostdin"]
        command += ["-t", "u1" if transport == "udp" else "t1", "-timeout", "60s"]
        command += ["-trace_err", "-error_file", f"{name}.err", "-trace_msg", "-message_file", f"{name}.msg"]
        with (self._folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(command, cwd=self._folder, stdout=log, stderr=log)
        self._running.append(process)
        _await_bound(port, "udp" if transport == "udp" else "tcp")
        return Playing(process, port, door if transport == "tls" else port, self._folder / name)

    def stop(self) -> None:
        """End what still runs."""
        for process in self._running:
            if process.poll() is None:
                process.kill()
            process.wait()

    def _send(self, head: str, sdp: str, attributes: str) -> str:
        tail = f"Content-Type: application/sdp\nContent-Length: [len]\n\n{sdp}" if sdp else "Content-Length: 0\n\n"
        return f"<send{attributes}><![CDATA[\n\n{head}{tail}\n]]></send>"


class Playing:
    """A running scenario."""

    def __init__(self, process: subprocess.Popen[bytes], inside: int, port: int, files: Path) -> None:
        self.port = port
        self.address = f"127.0.0.1:{port}"
        self.uri = f"sip:13800138000@{self.address}"
        self._inside = inside
        self._process = process
        self._files = files

    async def finished(self, seconds: float = BOUND_S) -> None:
        """The scenario ran to its end: the engine sent everything that it expects."""
        code = await asyncio.to_thread(self._process.wait, seconds)
        errors = self._files.with_suffix(".err")
        assert code == 0, errors.read_text() if errors.exists() else f"SIPp ended with {code}"

    def messages(self) -> str:
        """Everything that SIPp sent and received so far."""
        return self._files.with_suffix(".msg").read_text(encoding="utf-8", errors="replace")

    @asynccontextmanager
    async def door(self, certificate: Certificate) -> AsyncIterator[None]:
        """TLS in front of SIPp, which has none itself."""
        tasks: set[asyncio.Task[None]] = set()

        async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._inside)
            for source, sink in ((reader, there_writer), (there_reader, writer)):
                tasks.add(asyncio.create_task(_pump(source, sink)))

        server = await asyncio.start_server(carry, "127.0.0.1", self.port, ssl=certificate.context())
        try:
            yield
        finally:
            server.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()
    finally:
        sink.close()


def free_port() -> int:
    """A loopback UDP port that was free a moment ago."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _await_bound(port: int, transport: str) -> None:
    """Until SIPp owns its port, seen from outside: a trial bind of ours could take the port from under it."""
    sockets, mine = Path(f"/proc/net/{transport}"), f":{port:04X} "
    for _ in range(1000):
        if mine in sockets.read_text(encoding="ascii"):
            return
        select.select([], [], [], 0.01)
    raise AssertionError("SIPp did not open its port within 10 s")


def _document(steps: tuple[str, ...], required: str) -> str:
    parts = {
        "from": ("From", ".*"),
        "to": ("To", ".*"),
        "contact": ("Contact", "sip:[^&gt;]*"),
        "cseq": ("CSeq", "[0-9]+"),
    }
    learn = "".join(
        f'<ereg regexp="{pattern}" search_in="hdr" header="{header}:" assign_to="{name}"/>'
        for name, (header, pattern) in parts.items()
    )
    learn += f'<ereg regexp="{required.replace(chr(34), "&quot;")}" search_in="msg" check_it="true" assign_to="seen"/>'
    used = "from,to,contact,cseq,seen" + (",body" if any('assign_to="body"' in step for step in steps) else "")
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE scenario SYSTEM "sipp.dtd">\n<scenario name="far end">\n'
        f'<recv request="INVITE"><action>{learn}</action></recv>\n'
        + "\n".join(steps)
        + f'\n<Reference variables="{used}"/>\n</scenario>\n'
    )


__all__ = ["BOUND_S", "PCMA", "PCMU", "Carrier", "Playing", "free_port"]
