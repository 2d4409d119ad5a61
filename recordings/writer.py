"""The spool: recordings in the making. No recording, no call; a killed process loses less than a second.

Every 200 ms of audio is handed to a thread that writes it at once, so a SIGKILL costs little more than the last 200 ms;
the caller's event loop never waits for the disk. Against power loss another thread syncs each file every five seconds.
A spool file is ``<recording_id>.wav.part``; its writer holds a lock on it that dies with the process, so that recovery
can tell an abandoned file from a living one.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import TracebackType

from core.clock import Clock
from recordings import wav
from recordings.disk import DiskThread
from recordings.errors import (
    RecorderNotReady,
    RecordingBusy,
    RecordingFailed,
    RecordingTooLong,
    RecordingUnavailable,
    SpoolFailed,
)

FLUSH_MS = 200
SYNC_SECONDS = 5.0
BACKLOG_MS = 30_000  # a disk this far behind has failed
LIMIT_MS = 24 * 3600 * 1000  # a RIFF file ends at 4 GiB, 37 hours; no call-back lasts a day
SUFFIX = ".wav.part"
_FLUSH_BYTES = FLUSH_MS * wav.RATE // 1000 * 2  # of one side
_SAFE_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Spool:
    """The folder in which one node's live recordings grow."""

    def __init__(self, folder: Path, clock: Clock, *, min_free_bytes: int) -> None:
        """Record into ``folder`` (made when missing) as long as ``min_free_bytes`` are free (an hour takes 115 MB)."""
        self.folder = folder
        self._clock = clock
        self._min_free = min_free_bytes
        self._disk = DiskThread()
        self._syncer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spool-sync")

    def ready(self) -> None:
        """Return when a recording can start now, else raise RecorderNotReady (design rule 3, F-14).

        Asked before every INVITE: it writes a nameless probe file and reads the free space, well under a millisecond.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.folder) as probe:
                probe.write(b"?")
            free = shutil.disk_usage(self.folder).free
        except OSError as error:
            raise RecorderNotReady(
                f"the recording folder {self.folder} cannot be written ({error.strerror}); give this user write "
                "permission, free disk space, or set storage.var to another folder"
            ) from error
        if free < self._min_free:
            raise RecorderNotReady(
                f"the disk of {self.folder} has {free >> 20} MiB free, recording needs {self._min_free >> 20} MiB; "
                "free disk space or set storage.var to a larger disk"
            )

    def open(self, recording_id: str) -> RecordingWriter:
        """Start a recording; RecorderNotReady when the spool is not ready or holds this id already."""
        self.ready()
        try:
            return RecordingWriter(self.path(recording_id), self._clock, self._disk, self._syncer)
        except FileExistsError as error:
            raise RecorderNotReady(
                f"recording {recording_id} exists in {self.folder} already; start the call with a new id"
            ) from error
        except OSError as error:
            raise RecorderNotReady(
                f"recording {recording_id} cannot be started in {self.folder} ({error.strerror}); run `huifang doctor`"
            ) from error

    def path(self, recording_id: str) -> Path:
        """Where this recording grows; ValueError for an id that is not a plain name."""
        if not _SAFE_ID.fullmatch(recording_id):
            raise ValueError("a recording id is 1 to 64 letters, digits, - or _; take it from core.ids")
        return self.folder / f"{recording_id}{SUFFIX}"

    def recording_ids(self) -> list[str]:
        """The ids of all spool files, oldest id first."""
        return sorted(path.name.removesuffix(SUFFIX) for path in self.folder.glob(f"*{SUFFIX}"))

    def has_audio(self, recording_id: str) -> bool:
        """Whether the file of this recording holds anything beyond its header."""
        path = self.path(recording_id)
        return path.exists() and path.stat().st_size > wav.HEADER_BYTES

    @contextmanager
    def claim(self, recording_id: str) -> Iterator[int]:
        """Hold the closed or abandoned file for the length of the block and yield its descriptor (read and write).

        RecordingUnavailable when there is no file, RecordingBusy while its call is live or another claim holds it,
        SpoolFailed when the block meets a broken disk.
        """
        try:
            descriptor = os.open(self.path(recording_id), os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError as error:
            raise RecordingUnavailable(
                f"recording {recording_id} has no file in {self.folder}; look for it on the node that made the call"
            ) from error
        try:
            _lock(descriptor, recording_id)
            yield descriptor
        except OSError as error:
            raise SpoolFailed(
                f"the spool file of recording {recording_id} cannot be read or mended ({error.strerror}); "
                f"check the disk of {self.folder}, the file was kept"
            ) from error
        finally:
            _release(descriptor)

    def remove(self, recording_id: str) -> None:
        """Forget a file whose content is sealed in the archive; nothing happens when it is gone already."""
        self.path(recording_id).unlink(missing_ok=True)

    def close(self) -> None:
        """Wait for the background writes and syncs and end their threads."""
        self._disk.close()
        self._syncer.shutdown()


class RecordingWriter:
    """One growing recording: both sides of one call, in step (F-07). Made by ``Spool.open``; used by one thread."""

    def __init__(self, path: Path, clock: Clock, disk: DiskThread, syncer: Executor) -> None:
        self.path = path
        self.recording_id = path.name.removesuffix(SUFFIX)
        self._clock = clock
        self._disk = disk
        self._syncer = syncer
        self._client = bytearray()
        self._firm = bytearray()
        self._samples = 0
        self._on_disk = 0
        self._refused = False
        self._failure: RecordingFailed | None = None
        self._descriptor = _create(path, self.recording_id)
        self._synced_at = clock.monotonic()
        self._sync: Future[None] | None = syncer.submit(_sync_folder, path.parent)

    @property
    def position_ms(self) -> int:
        """How much audio it has been given, in ms: the offset at which the next frame will stand in the file."""
        return self._samples * 1000 // wav.RATE

    def write(self, client: bytes, firm: bytes) -> None:
        """Add frames of each side: s16le, 8 kHz, equally long (20 ms = 320 bytes each). Never waits for the disk.

        RecordingFailed when the disk is full, broken or half a minute behind (also by every later call; noticed some
        0.2 s after the frames that the disk refused), RecordingTooLong after 24 hours, ValueError for unequal or odd
        frames and after ``close``.
        """
        self._check(client, firm)
        self._client += client
        self._firm += firm
        self._samples += len(client) // 2
        if len(self._client) >= _FLUSH_BYTES:
            self._hand_over()
            self._sync_when_due()

    def close(self) -> None:
        """Put the true lengths into the header and sync. Waits for the disk: call it off the event loop.

        RecordingFailed when the last audio cannot be written; what the disk took is valid and can be sealed. After
        an earlier failure it does not raise again for that one. A second call does nothing.
        """
        if self._descriptor < 0:
            return
        known = self._failure
        try:
            if known is None:
                self._await_sync()
                self._hand_over()
            self._disk.drain()
        finally:
            self._finish()
        if known is None and self._failure is not None:
            raise self._failure

    def __enter__(self) -> RecordingWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _check(self, client: bytes, firm: bytes) -> None:
        if self._descriptor < 0:
            raise ValueError("the recording is closed")
        if self._failure is not None:
            raise self._failure
        if len(client) != len(firm) or len(client) % 2:
            raise ValueError("both sides must bring equally many whole 16-bit samples; pad the silent side with zeros")
        if self.position_ms + len(client) // 2 * 1000 // wav.RATE > LIMIT_MS:
            raise RecordingTooLong(f"recording {self.recording_id} reached {LIMIT_MS // 3_600_000} hours; end the call")

    def _hand_over(self) -> None:
        if (self._samples - self._on_disk) * 1000 // wav.RATE > BACKLOG_MS:
            raise self._fail(OSError(errno.EIO, "the disk does not keep up"))
        self._disk.submit(partial(self._put, bytes(self._client), bytes(self._firm)))
        self._client.clear()
        self._firm.clear()

    def _put(self, client: bytes, firm: bytes) -> None:
        """In the disk's thread: both sides in step behind what stands there; the next ``write`` tells a failure."""
        left = memoryview(wav.interleave(client, firm))
        try:
            while left and not self._refused:
                left = left[os.write(self._descriptor, left) :]
        except OSError as error:
            self._refused = True  # what came later must not stand right behind what came before the gap
            self._fail(error)
        self._on_disk += len(client) // 2

    def _sync_when_due(self) -> None:
        if self._sync is not None and self._sync.done():
            self._await_sync()
        now = self._clock.monotonic()
        if self._sync is None and now - self._synced_at >= SYNC_SECONDS:
            self._synced_at = now
            self._sync = self._syncer.submit(os.fdatasync, self._descriptor)

    def _await_sync(self) -> None:
        sync, self._sync = self._sync, None
        try:
            if sync is not None:
                sync.result()
        except OSError as error:
            raise self._fail(error) from error

    def _finish(self) -> None:
        if self._sync is not None:
            self._sync.exception()  # the thread must be done with the descriptor before it is closed
        try:
            wav.repair(self._descriptor)
        except OSError as error:
            self._fail(error)
        finally:
            _release(self._descriptor)
            self._descriptor = -1

    def _fail(self, error: OSError) -> RecordingFailed:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        remedy = "free disk space" if full else "check the disk"
        self._failure = RecordingFailed(
            f"recording {self.recording_id} cannot go on ({error.strerror}); {remedy} before dialing again"
        )
        return self._failure


def _create(path: Path, recording_id: str) -> int:
    """A new, locked spool file with its header; nothing stays behind when the disk refuses."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        _lock(descriptor, recording_id)
        os.write(descriptor, wav.header(wav.UNKNOWN_LENGTH))
    except (OSError, RecordingBusy):
        os.close(descriptor)
        path.unlink()
        raise
    return descriptor


def _lock(descriptor: int, recording_id: str) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise RecordingBusy(f"recording {recording_id} is still being written or sealed; wait for its end") from error


def _release(descriptor: int) -> None:
    """Unlock by name before closing: a forked child may have inherited the descriptor and would keep the lock."""
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    """Make the new file's name survive a power loss."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
