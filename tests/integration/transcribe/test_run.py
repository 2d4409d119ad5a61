"""The run with real worker processes, real models and a real database."""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import select as io_select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from sqlalchemy import select

from core.clock import SystemClock
from core.db import Database
from core.settings import Settings, Transcribe
from transcribe.errors import RunActive
from transcribe.models import fetch
from transcribe.recognisers.base import EngineSpec
from transcribe.run import WORKER_DIED, RunReport, TranscriptionRun, one_process
from transcribe.search import SearchQuery, search
from transcribe.tables import Channel, Segment, Transcript, TranscriptState
from transcribe.vad import PADDING_MS
from transcribe.worker import Job, hear_or_die

pytestmark = pytest.mark.integration

Pcm = npt.NDArray[np.int16]
Clip = Callable[[str], Pcm]
QUIET: Pcm = np.zeros(8000 * 3, dtype=np.int16)


def rows(db: Database) -> dict[str, Transcript]:
    with db.session() as session:
        return {row.recording_id: row for row in session.scalars(select(Transcript))}


@pytest.mark.rule("F-08")
def test_a_call_is_heard_on_both_channels_and_found_at_its_second(
    settings: Settings, db: Database, clock: SystemClock, archive: Any, clip: Clip
) -> None:
    running, happy = clip("zh_paddle_running.8k_alaw"), clip("zh_aishell_0916W0427.8k_alaw")
    archive.add("r1", np.concatenate([QUIET, running]), np.concatenate([happy, QUIET]), "zh-CN")
    archive.add("r2", clip("ko_rhino_coffee.8k_alaw"), QUIET, "ko")
    heard: list[RunReport] = []
    report = TranscriptionRun(settings, db, clock, archive.read).run_pending(heard.append)

    assert (report.done, report.failed, report.pending, report.reasons) == (2, 0, 0, {})
    assert [step.done for step in heard] == [1, 2]
    assert 0 < report.speech_s < report.audio_s
    found = rows(db)
    assert found["r1"].engine == "whisper"
    assert found["r1"].model == "whisper-base@d01c3014881c"
    assert found["r2"].engine == "vosk"
    with db.session() as session:
        (client,) = search(session, SearchQuery("身体健康")).hits
        assert client.channel == Channel.CLIENT
        assert client.start_ms >= 3000 - PADDING_MS
        assert client.at_ms > client.start_ms + 1500  # the words come at the end of the sentence
        assert client.snippet[slice(*client.highlights[0])] == "身体健康"
        (firm,) = search(session, SearchQuery("快樂")).hits
        assert firm.channel == Channel.FIRM


def test_a_run_without_work_starts_no_process(settings: Settings, db: Database, clock: SystemClock) -> None:
    def unwanted() -> Any:
        raise AssertionError("no executor is needed")

    report = TranscriptionRun(settings, db, clock, unwanted, unwanted).run_pending()
    assert (report.done, report.failed, report.pending) == (0, 0, 0)


def test_a_killed_worker_costs_one_try_and_its_call_is_heard_by_the_next_pool(
    settings: Settings, db: Database, clock: SystemClock, archive: Any, clip: Clip
) -> None:
    long = np.tile(clip("ko_leopard.8k_alaw"), 12)
    archive.add("r1", long, QUIET, "ko")
    archive.add("r2", clip("ko_rhino_coffee.8k_alaw"), QUIET, "ko")
    one = dataclasses.replace(settings, transcribe=dataclasses.replace(settings.transcribe, workers=1))
    over = threading.Event()
    killed: list[int] = []

    def kill_when_the_model_is_loaded() -> None:
        while not over.wait(0.02):
            for child in multiprocessing.active_children():
                if child.pid and resident_mb(child.pid) > 500:
                    os.kill(child.pid, signal.SIGKILL)
                    killed.append(child.pid)
                    return

    killer = threading.Thread(target=kill_when_the_model_is_loaded)
    killer.start()
    try:
        report = TranscriptionRun(one, db, clock, archive.read).run_pending()
    finally:
        over.set()
        killer.join(10)
    assert len(killed) == 1
    assert (report.done, report.failed, report.pending) == (2, 0, 0)
    assert report.reasons == {WORKER_DIED: 1}
    found = rows(db)
    assert {name: (row.state, row.tries) for name, row in found.items()} == {
        "r1": (TranscriptState.DONE, 2),
        "r2": (TranscriptState.DONE, 1),
    }
    with db.session() as session:
        assert len(set(session.scalars(select(Segment.transcript_id)))) == 2


def resident_mb(pid: int) -> float:
    """Memory of a process; 0 when it is gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    except (FileNotFoundError, ProcessLookupError):
        return 0.0


def test_a_recogniser_that_hangs_takes_only_its_process_with_it(tmp_path: Path, models_dir: Path) -> None:
    for file in (models_dir / "whisper-base").iterdir():
        (tmp_path / file.name).symlink_to(file)
    (tmp_path / "model.bin").unlink()
    os.mkfifo(tmp_path / "model.bin")  # native code waits here for ever
    none = np.zeros(0, dtype=np.int16)
    job = Job(EngineSpec("whisper", "hangs", tmp_path, "model.bin"), "zh-CN", none, none)
    with one_process() as executor, pytest.raises(BrokenProcessPool):
        executor.submit(hear_or_die, job, 1).result(60)


def test_workers_do_not_outlive_a_killed_parent() -> None:
    script = """
import os, sys
from transcribe.run import one_process
if __name__ == "__main__":
    executor = one_process()
    print(executor.submit(os.getpid).result(), flush=True)
    sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout
        worker = os.pidfd_open(int(parent.stdout.readline()))
        parent.kill()
        parent.wait(10)
        assert io_select.select([worker], [], [], 20)[0], "the worker is still there"
        os.close(worker)


def test_without_a_model_it_waits_names_the_command_and_goes_on_after_it(
    settings: Settings, db: Database, clock: SystemClock, archive: Any, clip: Clip, tmp_path: Path
) -> None:
    bare = dataclasses.replace(settings, transcribe=Transcribe(models=str(tmp_path / "models"), workers=1))
    archive.add("r1", clip("zh_aishell_0916W0427.8k_alaw"), QUIET, "zh-CN")
    run = TranscriptionRun(bare, db, clock, archive.read)
    report = run.run_pending()
    assert (report.done, report.failed, report.pending) == (0, 0, 1)
    note = rows(db)["r1"].note
    assert note
    assert "huifang models fetch whisper-base" in note
    assert report.reasons == {note: 1}
    assert rows(db)["r1"].tries == 0

    fetch("whisper-base", bare.models_dir)
    assert run.run_pending().done == 1
    assert rows(db)["r1"].note is None


def test_two_runs_do_not_share_a_var_folder(settings: Settings, db: Database, clock: SystemClock, archive: Any) -> None:
    archive.add("r1", QUIET, QUIET, "zh-CN")
    second = TranscriptionRun(settings, db, clock, archive.read)
    refused: list[str] = []

    def read(recording_id: str) -> tuple[Pcm, Pcm]:
        with pytest.raises(RunActive, match="another transcription run") as caught:
            second.run_pending()
        refused.append(str(caught.value))
        return QUIET, QUIET

    assert TranscriptionRun(settings, db, clock, read).run_pending().done == 1
    assert len(refused) == 1
