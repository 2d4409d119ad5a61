"""The far end of the call benchmarks: SIPp on loopback, which returns our audio and presses keys by the clock."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

FIRST_LABEL = 10
HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE scenario SYSTEM "sipp.dtd">
<scenario name="far end">
<recv request="INVITE"><action>{learn}</action></recv>
"""
REPLY = """<send{extra}><![CDATA[

SIP/2.0 {line}
[last_Via:]
[last_From:]
[last_To:];tag=[pid]Far[call_number]
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:[local_ip]:[local_port];transport=[transport]>
{body}
]]></send>
"""
EMPTY = "Content-Length: 0\n"
SDP = """Content-Type: application/sdp
Content-Length: [len]

v=0
o=far 1 1 IN IP4 127.0.0.1
s=-
c=IN IP4 127.0.0.1
t=0 0
m=audio [media_port] RTP/AVP 8 101
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000
"""
REQUEST = """<send retrans="500"><![CDATA[

{method} [$contact] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <[$to]>;tag=[pid]Far[call_number]
To: [$from]
Call-ID: [call_id]
CSeq: {number} {method}
Contact: <sip:[local_ip]:[local_port];transport=[transport]>
Max-Forwards: 70
{body}
]]></send>
<recv response="200"/>
"""
LEARN = (
    '<ereg regexp="sip:[^>;]*" search_in="hdr" header="To:" assign_to="to"/>'
    '<ereg regexp=".*" search_in="hdr" header="From:" assign_to="from"/>'
    '<ereg regexp="sip:[^>;]*" search_in="hdr" header="Contact:" assign_to="contact"/>'
)
KEY = "Content-Type: application/dtmf-relay\nContent-Length: [len]\n\nSignal=1\nDuration=160\n"
BYE_ANSWERED = """<label id="1"/>
<send><![CDATA[

SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

]]></send>
"""


def answers(seconds: float, every: float = 2.5) -> str:
    """Rings, answers, presses 1 every ``every`` seconds (SIP INFO) and hangs up after ``seconds``, if we have not."""
    head = HEAD.format(learn=LEARN)
    keys = "".join(
        f"{REQUEST.format(method='INFO', number=number, body=KEY)}{_bye_within(every, FIRST_LABEL + number)}"
        for number in range(1, int(seconds / every) + 1)
    )
    ringing = REPLY.format(extra="", line="180 Ringing", body=EMPTY)
    ok = REPLY.format(extra=' retrans="500"', line="200 OK", body=SDP)
    bye = REQUEST.format(method="BYE", number=1000, body=EMPTY)
    leave = f'{bye}<nop next="2"/>\n{BYE_ANSWERED}<label id="2"/>\n'
    used = '<Reference variables="to,from,contact"/>\n'
    return f'{head}{ringing}{ok}<recv request="ACK"/>\n{keys}{leave}{used}</scenario>\n'


def refuses(status: str) -> str:
    """Refuses at once."""
    refusal = REPLY.format(extra="", line=status, body=EMPTY)
    return f'{HEAD.format(learn="")}{refusal}<recv request="ACK"/>\n</scenario>\n'


def _bye_within(seconds: float, label: int) -> str:
    return (
        f'<recv request="BYE" timeout="{int(seconds * 1000)}" ontimeout="{label}" next="1"/>\n<label id="{label}"/>\n'
    )


@dataclass(frozen=True, slots=True)
class FarEnd:
    """A running far end."""

    port: int
    pid: int

    def cpu_s(self) -> float:
        """Processor seconds used so far."""
        return cpu_seconds(self.pid)


@contextmanager
def far_end(scenario: str, folder: Path) -> Iterator[FarEnd]:
    """SIPp with ``scenario`` until the end of the block."""
    path = folder / "far_end.xml"
    path.write_text(scenario, "utf-8")
    port, media = free_port(), free_port()
    command = [shutil.which("sipp") or "sipp", "-sf", str(path), "-i", "127.0.0.1", "-mi", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(
        [*command, "-mp", str(media), "-rtp_echo", "-nostdin"],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    time.sleep(0.7)
    try:
        yield FarEnd(port, process.pid)
    finally:
        process.kill()
        process.wait()


def free_port() -> int:
    """An even loopback UDP port that was free a moment ago."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        if port % 2 == 0:
            return port


def cpu_seconds(pid: int) -> float:
    """Processor seconds used so far by a process, all threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_mb(pid: int) -> float:
    """Resident memory of a process in MB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
