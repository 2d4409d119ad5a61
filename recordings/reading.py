"""Listening: sections, channels, byte ranges and waveforms of sealed recordings (F-08).

Every function reads only the bytes it needs; nothing here records who listened: the caller does, in its own
transaction, before it hands out sound.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import BinaryIO

import numpy as np

from recordings import wav
from recordings.archive import Archive
from recordings.errors import ArchiveError, RangeOutside, RecordingUnavailable
from recordings.tables import Recording, RecordingState
from recordings.wav import Channel, Samples

_CHUNK = 1 << 16


@dataclass(frozen=True, slots=True)
class ByteRange:
    """A part of the whole file: bytes ``start`` up to but not including ``stop`` of ``total``."""

    archive: Archive
    name: str
    start: int
    stop: int
    total: int

    @property
    def content_range(self) -> str:
        """The value of the HTTP header Content-Range (RFC 9110 section 14.4)."""
        return f"bytes {self.start}-{self.stop - 1}/{self.total}"

    def chunks(self) -> Iterator[bytes]:
        """The bytes, in pieces; ArchiveError when the object ends early."""
        left = self.stop - self.start
        with self.archive.reading(self.name) as handle:
            handle.seek(self.start)
            while left:
                chunk = handle.read(min(_CHUNK, left))
                if not chunk:
                    raise ArchiveError(f"{self.name} ended early; run `huifang verify`")
                left -= len(chunk)
                yield chunk


def read_channels(
    archive: Archive, recording: Recording, start_ms: int = 0, end_ms: int | None = None
) -> tuple[Samples, Samples]:
    """The client's and our samples (int16, 8 kHz, equally long) between two offsets in ms.

    Offsets beyond the end are cut to it. RecordingUnavailable unless sealed, ArchiveError when the storage fails.
    """
    return wav.split(_section(archive, recording, start_ms, end_ms))


def wav_bytes(
    archive: Archive,
    recording: Recording,
    *,
    channel: Channel = "both",
    start_ms: int = 0,
    end_ms: int | None = None,
) -> bytes:
    """A playable WAV of a section: both sides as stereo, or one side as mono. Offsets as in ``read_channels``."""
    section = _section(archive, recording, start_ms, end_ms)
    if channel == "both":
        return wav.header(len(section)) + section
    client, firm = wav.split(section)
    mono = (client if channel == "client" else firm).astype("<i2").tobytes()
    return wav.header(len(mono), channels=1) + mono


def open_range(archive: Archive, recording: Recording, start: int = 0, stop: int | None = None) -> ByteRange:
    """The part ``[start, stop)`` of the whole WAV file, for HTTP Range requests; ``stop`` is cut to the file's end.

    RangeOutside (HTTP 416) when it holds no byte of the file; RecordingUnavailable unless sealed.
    """
    name = _object(recording)
    total = archive.size(name)
    stop = total if stop is None else min(stop, total)
    if not 0 <= start < stop:
        raise RangeOutside(f"bytes {start} to {stop} lie outside the file of {total} bytes; ask within it")
    return ByteRange(archive, name, start, stop, total)


def peaks(archive: Archive, recording: Recording, buckets: int) -> dict[str, list[float]]:
    """The waveform: the loudest sample (0..1 of full scale) of each of ``buckets`` equal parts, for each side.

    A part without samples (fewer samples than parts) is 0. ValueError unless ``buckets`` is positive.
    """
    if buckets < 1:
        raise ValueError("a waveform needs at least one bucket")
    with archive.reading(_object(recording)) as handle:
        frames = (archive.size(_object(recording)) - wav.HEADER_BYTES) // wav.FRAME_BYTES
        handle.seek(wav.HEADER_BYTES)
        edges = [bucket * frames // buckets for bucket in range(buckets + 1)]
        pairs = [_peak(handle, stop - start) for start, stop in pairwise(edges)]
    return {"client": [pair[0] for pair in pairs], "firm": [pair[1] for pair in pairs]}


def _peak(handle: BinaryIO, frames: int) -> tuple[float, float]:
    client, firm = wav.split(_whole(handle.read(frames * wav.FRAME_BYTES)))
    return _loudest(client), _loudest(firm)


def _loudest(samples: Samples) -> float:
    return round(float(np.abs(samples.astype(np.int32)).max(initial=0)) / 32768, 4)


def _section(archive: Archive, recording: Recording, start_ms: int, end_ms: int | None) -> bytes:
    start = max(0, start_ms)
    with archive.reading(_object(recording)) as handle:
        handle.seek(wav.HEADER_BYTES + start * wav.BYTES_PER_MS)
        length = -1 if end_ms is None else max(0, end_ms - start) * wav.BYTES_PER_MS
        return _whole(handle.read(length))


def _whole(data: bytes) -> bytes:
    return data[: len(data) // wav.FRAME_BYTES * wav.FRAME_BYTES]


def _object(recording: Recording) -> str:
    if recording.state != RecordingState.SEALED or recording.object is None:
        lost = recording.state == RecordingState.LOST
        reason = f"is lost ({recording.note})" if lost else "is not sealed yet; try again when its call has ended"
        raise RecordingUnavailable(f"recording {recording.recording_id} {reason}")
    return recording.object
