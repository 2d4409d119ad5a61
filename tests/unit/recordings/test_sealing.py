"""Sealing and recovery: one object and one audit link, wherever the process stopped; nothing lost silently."""

from __future__ import annotations

import json
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from core import audit
from core.audit import AuditLink
from core.db import Database
from recordings import sealing
from recordings.archive import Archive
from recordings.errors import ArchiveError, RecordingBusy, RecordingUnavailable, WrittenOnce
from recordings.sealing import recover
from recordings.tables import Recording, RecordingState
from recordings.verify import verify_all
from recordings.writer import Spool

pytestmark = pytest.mark.unit


class Crash(BaseException):
    """The process ends here."""


class CrashingArchive(Archive):
    """Ends the process at the named step of a seal."""

    step = ""

    def put(self, local: Path, name: str) -> None:
        self.at("before the copy")
        super().put(local, name)
        self.at("after the copy")

    def _put_on_disk(self, source, target) -> None:  # type: ignore[no-untyped-def]
        if self.step == "in the middle of the copy":
            target.parent.mkdir(parents=True, exist_ok=True)
            part = target.with_name(f".{target.name}.part")
            part.write_bytes(source.read(1000))
            part.chmod(0o440)
        self.at("in the middle of the copy")
        super()._put_on_disk(source, target)

    def sha256(self, name: str) -> str:
        self.at("before reading the copy back")
        return super().sha256(name)

    def at(self, step: str) -> None:
        if self.step == step:
            raise Crash


class CrashingSpool(Spool):
    """Ends the process before or after the spool file is removed."""

    step = ""

    def remove(self, recording_id: str) -> None:
        if self.step == "before the removal":
            raise Crash
        super().remove(recording_id)
        if self.step == "after the removal":
            raise Crash


class CrashingDatabase(Database):
    """Ends the process inside the transaction, or just after its commit."""

    step = ""

    @contextmanager
    def write(self) -> Iterator[Session]:
        if self.step == "before the transaction":
            raise Crash
        with super().write() as session:
            yield session
            if self.step == "before the commit":
                raise Crash
        if self.step == "after the commit":
            raise Crash


STEPS = [
    "before the copy",
    "in the middle of the copy",
    "after the copy",
    "before reading the copy back",
    "before the transaction",
    "before the commit",
    "after the commit",
    "before the removal",
    "after the removal",
]


def crash_at(room, step: str, recording_id: str) -> None:
    archive = CrashingArchive(room.archive.url)
    spool = CrashingSpool(room.spool.folder, room.clock, min_free_bytes=1)
    db = CrashingDatabase(str(room.db.engine.url))
    archive.step = spool.step = db.step = step
    with pytest.raises(Crash):
        sealing.seal(db, archive, spool, recording_id, actor="node:n1", clock=room.clock)
    db.close()


def sealed_links(room) -> list[AuditLink]:
    with room.db.session() as session:
        return list(session.scalars(select(AuditLink).where(AuditLink.action == "recording.sealed")))


def found(room, recording_id: str) -> Recording:
    with room.db.session() as session:
        return session.get_one(Recording, recording_id)


@pytest.mark.rule("F-01")
@pytest.mark.rule("F-13")
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("how", ["sealed again", "recovered at the next start"])
def test_a_crash_between_any_two_steps_ends_in_one_object_and_one_link(room, step, how) -> None:
    recording_id = room.record(frames=120)
    content = room.spool.path(recording_id).read_bytes()
    crash_at(room, step, recording_id)
    if how == "sealed again":
        room.seal(recording_id)
    else:
        recover(room.db, room.archive, room.new_spool(), node="n1", clock=room.clock)
    row = found(room, recording_id)
    assert row.state == RecordingState.SEALED
    assert list(room.archive.names()) == [row.object] == [f"2026/11/23/{recording_id}.wav"]
    assert room.object_path(row).read_bytes() == content
    assert [link.number for link in sealed_links(room)] == [row.audit_number]
    assert list(room.spool.folder.iterdir()) == []
    assert list(room.folder.rglob("*.part")) == []
    assert verify_all(room.db, room.archive).ok


@pytest.mark.rule("F-01")
def test_a_sealed_recording_says_what_it_is(room) -> None:
    row = room.sealed(frames=125, client=16384, firm=0)
    assert (row.duration_ms, row.size_bytes) == (2500, 44 + 125 * 640)
    assert row.speech == {"client": {"rms_dbfs": -6.0}, "firm": {"rms_dbfs": -96.3}}
    assert row.sha256 == room.archive.sha256(str(row.object))
    assert row.sealed_at == room.clock.now()
    assert not row.recovered


def test_the_audit_link_holds_the_proof_and_no_personal_data(room) -> None:
    row = room.sealed()
    [link] = sealed_links(room)
    assert (link.subject, link.actor) == (row.recording_id, "node:n1")
    assert json.loads(link.content) == {
        "attempt_id": row.attempt_id,
        "duration_ms": 1000,
        "object": row.object,
        "recovered": False,
        "sha256": row.sha256,
        "size": row.size_bytes,
    }
    with room.db.session() as session:
        assert audit.require_whole(session) == 1


def test_sealing_twice_changes_nothing(room) -> None:
    row = room.sealed()
    again = room.seal(row.recording_id)
    assert (again.audit_number, again.sealed_at) == (row.audit_number, row.sealed_at)
    assert len(sealed_links(room)) == 1


@pytest.mark.rule("F-13")
def test_a_sealing_that_another_one_overtakes_adds_no_second_link(room) -> None:
    class Overtaken(Archive):
        def sha256(self, name: str) -> str:
            room.seal(recording_id)
            return super().sha256(name)

    recording_id = room.record()
    slow = Overtaken(room.archive.url)
    row = sealing.seal(room.db, slow, room.spool, recording_id, actor="node:n2", clock=room.clock)
    assert [(link.number, link.actor) for link in sealed_links(room)] == [(row.audit_number, "node:n1")]
    assert verify_all(room.db, room.archive).ok


def test_a_call_without_a_sample_is_sealed_as_empty(room) -> None:
    row = room.sealed(frames=0)
    assert (row.duration_ms, row.size_bytes) == (0, 44)


def test_an_unknown_recording_is_refused(room) -> None:
    with pytest.raises(RecordingUnavailable, match="check the id"):
        room.seal("nobody")


def test_a_live_recording_cannot_be_sealed(room) -> None:
    recording_id = room.begin()
    with room.spool.open(recording_id), pytest.raises(RecordingBusy):
        room.seal(recording_id)
    assert room.seal(recording_id).state == RecordingState.SEALED


@pytest.mark.rule("F-13")
def test_other_bytes_under_its_name_stop_the_sealing_and_keep_both(room, tmp_path) -> None:
    recording_id = room.record()
    foreign = tmp_path / "foreign"
    foreign.write_bytes(b"not this call")
    room.archive.put(foreign, f"2026/11/23/{recording_id}.wav")
    with pytest.raises(WrittenOnce):
        room.seal(recording_id)
    assert found(room, recording_id).state == RecordingState.WRITING
    assert room.spool.recording_ids() == [recording_id]
    assert sealed_links(room) == []


@pytest.mark.rule("F-13")
def test_a_storage_that_gives_back_other_bytes_is_not_believed(room) -> None:
    class Lying(Archive):
        def sha256(self, name: str) -> str:
            return "0" * 64

    recording_id = room.record()
    lying = Lying(room.archive.url)
    with pytest.raises(ArchiveError, match="reads back other bytes"):
        sealing.seal(room.db, lying, room.spool, recording_id, actor="node:n1", clock=room.clock)
    assert room.spool.recording_ids() == [recording_id]
    assert room.seal(recording_id).state == RecordingState.SEALED


@pytest.mark.rule("F-13")
def test_the_spool_file_stays_while_the_archive_holds_other_bytes_than_were_sealed(room) -> None:
    recording_id = room.record()
    crash_at(room, "before the removal", recording_id)
    room.tamper(found(room, recording_id), b"tampered")
    recovery = recover(room.db, room.archive, room.spool, node="n1", clock=room.clock)
    assert "restore the object from the backup" in recovery.failed[recording_id]
    assert room.spool.recording_ids() == [recording_id]


@pytest.mark.rule("F-01")
@pytest.mark.parametrize("cut", [0, 7, 44, 45, 44 + 641, 44 + 64_000 - 3])
def test_a_file_that_a_crash_cut_is_recovered_with_every_whole_sample(room, cut) -> None:
    recording_id = room.record(frames=100)
    path = room.spool.path(recording_id)
    content = path.read_bytes()
    path.write_bytes(content[:cut])
    recovery = recover(room.db, room.archive, room.new_spool(), node="n1", clock=room.clock)
    [row] = recovery.sealed
    assert row.recovered
    assert (recovery.lost, recovery.busy, recovery.strays, recovery.failed) == ([], [], {}, {})
    with wave.open(str(room.object_path(row))) as heard:
        assert heard.readframes(heard.getnframes()) == content[44 : max(44, cut)][: max(0, cut - 44) // 4 * 4]
    assert json.loads(sealed_links(room)[0].content)["recovered"] is True


@pytest.mark.rule("F-14")
def test_a_recording_without_any_audio_is_lost_with_a_note_and_a_link(room) -> None:
    recording_id = room.begin()
    recovery = recover(room.db, room.archive, room.spool, node="n1", clock=room.clock)
    [row] = recovery.lost
    assert (row.recording_id, row.state) == (recording_id, RecordingState.LOST)
    assert "no audio" in str(row.note)
    with room.db.session() as session:
        link = session.get_one(AuditLink, row.audit_number)
    assert (link.action, link.subject, link.actor) == ("recording.lost", recording_id, "node:n1")
    assert recover(room.db, room.archive, room.spool, node="n1", clock=room.clock).lost == []
    assert verify_all(room.db, room.archive).ok


def test_a_lost_recording_whose_file_turns_up_is_sealed_then(room) -> None:
    recording_id = room.record()
    hidden = room.spool.path(recording_id).rename(room.folder / "elsewhere")
    recover(room.db, room.archive, room.spool, node="n1", clock=room.clock)
    assert found(room, recording_id).state == RecordingState.LOST
    hidden.rename(room.spool.path(recording_id))
    [row] = recover(room.db, room.archive, room.spool, node="n1", clock=room.clock).sealed
    assert (row.state, row.recovered) == (RecordingState.SEALED, True)
    assert verify_all(room.db, room.archive).ok


def test_a_database_older_than_the_archive_finds_its_object_again(room) -> None:
    """The database came back from last night's backup; the recording was sealed this morning."""
    row = room.sealed()
    with room.db.session() as session:
        session.delete(session.get_one(AuditLink, row.audit_number))
        session.get_one(Recording, row.recording_id).state = RecordingState.WRITING
    [again] = recover(room.db, room.archive, room.spool, node="n1", clock=room.clock).sealed
    assert (again.sha256, again.duration_ms) == (row.sha256, row.duration_ms)
    assert verify_all(room.db, room.archive).ok


def test_files_without_a_row_are_reported_and_kept(room) -> None:
    room.spool.open("nobody").close()
    theirs = room.begin(node="n2")
    room.spool.open(theirs).close()
    odd = room.spool.folder / "录 音.wav.part"
    odd.write_bytes(b"?")
    recovery = recover(room.db, room.archive, room.spool, node="n1", clock=room.clock)
    assert recovery.strays == {
        room.spool.path("nobody"): "no recording of this id is known",
        room.spool.path(theirs): "it belongs to node n2",
        odd: "no recording of this id is known",
    }
    assert all(path.exists() for path in recovery.strays)
    assert found(room, theirs).state == RecordingState.WRITING


def test_a_recording_that_a_living_process_writes_is_left_alone(room) -> None:
    recording_id = room.begin()
    with room.spool.open(recording_id) as writer:
        recovery = recover(room.db, room.archive, room.new_spool(), node="n1", clock=room.clock)
        writer.write(bytes(320), bytes(320))
    assert (recovery.busy, recovery.sealed, recovery.lost) == ([recording_id], [], [])
    assert room.seal(recording_id).duration_ms == 20


def test_one_recording_that_cannot_be_recovered_does_not_keep_the_others(room, tmp_path) -> None:
    bad, good = room.record(), room.record()
    foreign = tmp_path / "foreign"
    foreign.write_bytes(b"not this call")
    room.archive.put(foreign, f"2026/11/23/{bad}.wav")
    recovery = recover(room.db, room.archive, room.spool, node="n1", clock=room.clock)
    assert list(recovery.failed) == [bad]
    assert [row.recording_id for row in recovery.sealed] == [good]


def test_an_attempt_has_one_recording(room) -> None:
    room.begin()
    with pytest.raises(IntegrityError), room.db.session() as session:
        sealing.begin(session, recording_id="other", attempt_id="att-rec0000", node="n1", at=room.clock.now())
