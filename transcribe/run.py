"""The transcription run: claims transcripts, has worker processes hear them, stores what they heard.

One pool of one process a worker, so that a crash is blamed on the one call it was hearing. Pools are opened with the
first job and closed when the queue is empty: an idle run holds no model in memory. One run at a time a var folder.
"""

from __future__ import annotations

import fcntl
import logging
import multiprocessing
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field

from core.clock import Clock
from core.db import Database
from core.errors import HuifangError
from core.settings import Settings
from transcribe import queue
from transcribe.audio import Pcm
from transcribe.choosing import choose
from transcribe.errors import RunActive
from transcribe.queue import Claim
from transcribe.recognisers.base import EngineSpec, NoModel
from transcribe.worker import Heard, Job, hear_or_die, prepare

log = logging.getLogger(__name__)

ReadAudio = Callable[[str], tuple[Pcm, Pcm]]
OpenExecutor = Callable[[], Executor]

WORKER_DIED = "the worker process died"


@dataclass(frozen=True, slots=True)
class RunReport:
    """What a run did so far; seconds. ``reasons`` counts why transcripts failed or wait."""

    done: int
    failed: int
    pending: int
    audio_s: float  # both channels
    speech_s: float
    elapsed_s: float
    reasons: dict[str, int]


Progress = Callable[[RunReport], None]


def one_process() -> Executor:
    """A pool of one worker process, started afresh (never forked: native threads do not survive a fork)."""
    return ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"), initializer=prepare)


@dataclass(slots=True)
class _Tally:
    done: int = 0
    failed: int = 0
    audio_ms: int = 0
    speech_ms: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    def report(self, pending: int, elapsed_s: float) -> RunReport:
        return RunReport(
            done=self.done,
            failed=self.failed,
            pending=pending,
            audio_s=self.audio_ms / 1000,
            speech_s=self.speech_ms / 1000,
            elapsed_s=round(elapsed_s, 3),
            reasons=dict(self.reasons),
        )


class _Workers:
    """The executors, each hearing at most one call."""

    def __init__(self, count: int, open_executor: OpenExecutor) -> None:
        self._open = open_executor
        self._count = max(1, count)
        self._free: list[Executor] = []
        self.busy: dict[Future[Heard], tuple[Executor, Claim]] = {}

    @property
    def is_full(self) -> bool:
        return len(self.busy) >= self._count

    def give(self, claimed: Claim, job: Job) -> None:
        executor = self._free.pop() if self._free else self._open()
        try:
            future = executor.submit(hear_or_die, job)
        except BrokenProcessPool:  # its process died while it waited for work
            executor.shutdown(wait=False)
            executor = self._open()
            future = executor.submit(hear_or_die, job)
        self.busy[future] = (executor, claimed)

    def finished(self) -> Iterator[tuple[Future[Heard], Claim]]:
        """Wait for at least one call; the executor of a dead process is not used again."""
        for future in wait(self.busy, return_when=FIRST_COMPLETED).done:
            executor, claimed = self.busy.pop(future)
            if isinstance(future.exception(), BrokenProcessPool):
                executor.shutdown(wait=False)
            else:
                self._free.append(executor)
            yield future, claimed

    def close(self) -> None:
        for executor in (*self._free, *(executor for executor, _ in self.busy.values())):
            executor.shutdown(wait=True, cancel_futures=True)


class TranscriptionRun:
    """Transcribes what waits. ``read_audio(recording_id)`` gives (client, firm) as int16 at 8 kHz, in this process."""

    def __init__(
        self,
        settings: Settings,
        db: Database,
        clock: Clock,
        read_audio: ReadAudio,
        open_executor: OpenExecutor = one_process,
    ) -> None:
        """Nothing is started yet. ``open_executor`` makes one executor a worker; a test or a cluster gives its own."""
        self._settings = settings
        self._db = db
        self._clock = clock
        self._read_audio = read_audio
        self._open_executor = open_executor
        self.name = f"{socket.gethostname()}:{settings.var.absolute()}"

    def run_pending(self, progress: Progress | None = None, stop: threading.Event | None = None) -> RunReport:
        """Transcribe until nothing is left that can be; rows without a model stay pending and say which command helps.

        ``progress`` hears the report after every transcript. With ``stop`` set no new call is begun; the ones being
        heard are finished. RunActive when another run holds the var folder.
        """
        started = self._clock.monotonic()
        tally = _Tally()

        def report() -> RunReport:
            with self._db.session() as session:
                pending = queue.count_pending(session)
            return tally.report(pending, self._clock.monotonic() - started)

        with self._alone():
            self._clear_up(tally)
            specs = self._specs(tally)
            for _ in self._drain(specs, tally, stop or threading.Event()):
                if progress:
                    progress(report())
        return report()

    def run_forever(self, stop: threading.Event, *, poll_s: float = 2.0, progress: Progress | None = None) -> None:
        """``run_pending`` again and again until ``stop`` is set, looking for new work every ``poll_s`` seconds."""
        while not stop.is_set():
            self.run_pending(progress, stop)
            stop.wait(poll_s)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self._settings.var.mkdir(parents=True, exist_ok=True)
        path = self._settings.var / "transcribe.lock"
        with path.open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise RunActive(
                    f"another transcription run holds {path}; it does this work, or stop it first"
                ) from error
            yield

    def _clear_up(self, tally: _Tally) -> None:
        now = self._clock.now()
        with self._db.write() as session:
            queue.put_back_left(session, self.name, now)
            lost = queue.give_up_lost(session, now)
        tally.failed += lost
        if lost:
            tally.reasons[queue.LOST] += lost

    def _drain(self, specs: dict[str, EngineSpec], tally: _Tally, stop: threading.Event) -> Iterator[None]:
        """Keep every worker busy; yields after each transcript that came back."""
        workers = _Workers(self._settings.transcribe.workers, self._open_executor)
        try:
            while True:
                if specs and not stop.is_set():
                    self._fill(workers, specs, tally)
                if not workers.busy:
                    return
                for future, claimed in workers.finished():
                    self._store(future, claimed, tally)
                    yield
        finally:
            workers.close()

    def _fill(self, workers: _Workers, specs: dict[str, EngineSpec], tally: _Tally) -> None:
        while not workers.is_full:
            with self._db.write() as session:
                claimed = queue.claim(session, languages=list(specs), worker=self.name, at=self._clock.now())
            if claimed is None:
                return
            self._begin(workers, claimed, specs[claimed.language], tally)

    def _begin(self, workers: _Workers, claimed: Claim, spec: EngineSpec, tally: _Tally) -> None:
        try:
            client, firm = self._read_audio(claimed.recording_id)
        except (HuifangError, OSError) as error:
            self._fail(claimed, f"the recording cannot be read: {error}", tally)
            return
        workers.give(claimed, Job(spec, claimed.language, client, firm))

    def _specs(self, tally: _Tally) -> dict[str, EngineSpec]:
        """The recogniser of every waiting language that has one; the others are told what they wait for."""
        with self._db.session() as session:
            languages = queue.languages_waiting(session)
        choices = {language: choose(self._settings, language) for language in languages}
        missing = [choice for choice in choices.values() if isinstance(choice, NoModel)]
        if missing:
            with self._db.write() as session:
                for item in missing:
                    tally.reasons[item.note] = queue.wait_for_model(session, item)
        return {language: spec for language, spec in choices.items() if isinstance(spec, EngineSpec)}

    def _store(self, future: Future[Heard], claimed: Claim, tally: _Tally) -> None:
        error = future.exception()
        if error is None:
            self._finish(claimed, future.result(), tally)
        elif isinstance(error, BrokenProcessPool):
            self._put_back(claimed, WORKER_DIED, tally)
        elif isinstance(error, HuifangError):
            self._fail(claimed, str(error), tally)
        else:  # a fault of ours or of the engine's; the row keeps its type, the log the trace
            log.error("transcript %s failed", claimed.transcript_id, exc_info=error)
            self._put_back(claimed, f"the recogniser failed ({type(error).__name__})", tally)

    def _finish(self, claimed: Claim, heard: Heard, tally: _Tally) -> None:
        with self._db.write() as session:
            stored = queue.finish(session, claimed, heard, self._clock.now())
        if stored:
            tally.done += 1
            tally.audio_ms += heard.audio_ms
            tally.speech_ms += heard.speech_ms

    def _fail(self, claimed: Claim, note: str, tally: _Tally) -> None:
        with self._db.write() as session:
            queue.fail(session, claimed, note, self._clock.now())
        log.warning("transcript %s failed for good", claimed.transcript_id)
        tally.failed += 1
        tally.reasons[note] += 1

    def _put_back(self, claimed: Claim, note: str, tally: _Tally) -> None:
        with self._db.write() as session:
            again = queue.put_back(session, claimed, note)
        log.warning("transcript %s came back from try %s", claimed.transcript_id, claimed.tries)
        tally.reasons[note] += 1
        tally.failed += 0 if again else 1
