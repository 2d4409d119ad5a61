"""The one file format of the archive: 8 kHz, 16 bit, two channels, left the client, right our side (F-07).

The header is the plain 44-byte RIFF header, so that any player opens the file (F-08). While a file grows its length
fields hold 0xFFFFFFFF, the sign for "until the end of the file"; ``repair`` puts the true lengths in and drops a
half-written sample. Repairing a whole file changes nothing.
"""

from __future__ import annotations

import os
import struct
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Channel = Literal["both", "client", "firm"]
Samples = NDArray[np.int16]

RATE = 8000
FRAME_BYTES = 4  # one sample of each channel
BYTES_PER_MS = RATE * FRAME_BYTES // 1000
HEADER_BYTES = 44
UNKNOWN_LENGTH = 0xFFFFFFFF


def header(data_bytes: int, *, channels: int = 2) -> bytes:
    """The header of a file with ``data_bytes`` bytes of samples; UNKNOWN_LENGTH while it grows."""
    riff = UNKNOWN_LENGTH if data_bytes == UNKNOWN_LENGTH else data_bytes + HEADER_BYTES - 8
    block = 2 * channels
    shape = struct.pack("<IHHIIHH", 16, 1, channels, RATE, RATE * block, block, 16)
    return b"RIFF" + struct.pack("<I", riff) + b"WAVEfmt " + shape + b"data" + struct.pack("<I", data_bytes)


def interleave(client: bytes, firm: bytes) -> bytes:
    """Two mono channels (s16le, equally long) as one stereo stream, left = client."""
    both = np.empty((len(client) // 2, 2), dtype="<i2")
    both[:, 0] = np.frombuffer(client, dtype="<i2")
    both[:, 1] = np.frombuffer(firm, dtype="<i2")
    return both.tobytes()


def split(stereo: bytes) -> tuple[Samples, Samples]:
    """The client's and our samples of an interleaved stream."""
    both = np.frombuffer(stereo, dtype="<i2").reshape(-1, 2).astype(np.int16, copy=False)
    return both[:, 0].copy(), both[:, 1].copy()


def duration_ms(size_bytes: int) -> int:
    """How long a file of this size plays, in whole milliseconds."""
    return max(0, size_bytes - HEADER_BYTES) // BYTES_PER_MS


def repair(descriptor: int) -> None:
    """Make the open file a valid WAV of every whole sample pair in it, durably; OSError when the disk refuses."""
    size = os.fstat(descriptor).st_size
    data = max(0, size - HEADER_BYTES) // FRAME_BYTES * FRAME_BYTES
    if size == HEADER_BYTES + data and os.pread(descriptor, HEADER_BYTES, 0) == header(data):
        return
    os.ftruncate(descriptor, HEADER_BYTES + data)
    os.pwrite(descriptor, header(data), 0)
    os.fsync(descriptor)
