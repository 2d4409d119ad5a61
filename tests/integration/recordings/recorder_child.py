"""A process that records one call and says, after each frame, how many frames it has given to the recorder.

Run as ``python recorder_child.py <spool> <recording_id> <file size limit>``; it reads one line from stdin for every
burst of ten frames (EOF ends the call), so that the test paces it. With a size limit the kernel refuses to let the
file grow beyond it, as a full disk does.
"""

from __future__ import annotations

import resource
import sys
from pathlib import Path

import numpy as np

from core.clock import SystemClock
from recordings.errors import RecordingFailed
from recordings.writer import RecordingWriter, Spool

BURST = 10


def frame(number: int) -> tuple[bytes, bytes]:
    """20 ms whose samples tell their own place in the call: the client's count up, ours down."""
    places = (np.arange(number * 160, (number + 1) * 160) % 30_000).astype("<i2")
    return places.tobytes(), (-places).tobytes()


def record(writer: RecordingWriter, spool: Spool) -> None:
    """Give frames as the test asks for them.

    A call has 0.2 s between two bursts, in which the disk's thread does its work; here it is waited for instead.
    """
    given = 0
    for _ in sys.stdin:
        for _ in range(BURST):
            try:
                writer.write(*frame(given))
            except RecordingFailed as error:
                print("failed", error, flush=True)
                return
            given += 1
            print(given, flush=True)
        spool._disk.drain()


def main(folder: str, recording_id: str, limit: str) -> None:
    """Record until stdin ends."""
    if int(limit):
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
    spool = Spool(Path(folder), SystemClock(), min_free_bytes=1)
    with spool.open(recording_id) as writer:
        record(writer, spool)
    spool.close()
    print("closed", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
