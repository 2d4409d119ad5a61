"""Proof: whatever was changed after the sealing is found, and nothing else is."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import audit
from core.audit import AuditLink
from recordings.archive import Archive
from recordings.errors import ArchiveError
from recordings.sealing import recover
from recordings.tables import Recording
from recordings.verify import Difference, Kind, verify_all, verify_recording

pytestmark = pytest.mark.unit
EXAMPLES = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


def kinds(room) -> list[Kind]:
    return [difference.kind for difference in verify_all(room.db, room.archive).differences]


def change(room, model, key, **values) -> None:
    with room.db.session() as session:
        row = session.get_one(model, key)
        for name, value in values.items():
            setattr(row, name, value)


@pytest.fixture
def call(room) -> Recording:
    """A sealed call of 0.2 s."""
    return room.sealed(frames=10)


@pytest.mark.rule("F-13")
@EXAMPLES
@given(data=st.data())
def test_any_changed_byte_of_a_stored_file_is_found(room, call, data) -> None:
    path = room.object_path(call)
    sealed = path.read_bytes()
    content = bytearray(sealed)
    for place in data.draw(st.sets(st.integers(0, len(content) - 1), min_size=1, max_size=5), label="bytes"):
        content[place] ^= data.draw(st.integers(1, 255), label="flip")
    room.tamper(call, bytes(content))
    [difference] = verify_all(room.db, room.archive).differences
    assert (difference.kind, difference.subject) == (Kind.HASH, call.recording_id)
    with room.db.session() as session:
        assert verify_recording(session, room.archive, call) == [difference]
    room.tamper(call, sealed)
    assert kinds(room) == []


@pytest.mark.rule("F-13")
def test_a_whole_archive_has_no_difference(room) -> None:
    rows = [room.sealed() for _ in range(3)]
    room.begin()
    steps: list[tuple[int, int]] = []
    report = verify_all(room.db, room.archive, progress=lambda done, total: steps.append((done, total)))
    assert (report.ok, report.checked, report.writing, report.links) == (True, 3, 1, len(rows))
    assert steps == [(1, 3), (2, 3), (3, 3)]
    assert str(report) == "3 recordings and 3 audit links checked, 0 differences"
    assert json.loads(json.dumps(report.as_json()))["ok"] is True


def test_a_shortened_file_differs_in_size_and_hash(room) -> None:
    row = room.sealed()
    room.tamper(row, room.object_path(row).read_bytes()[:-4])
    assert kinds(room) == [Kind.SIZE, Kind.HASH]


def test_a_vanished_file_is_found(room) -> None:
    room.object_path(room.sealed()).unlink()
    assert kinds(room) == [Kind.OBJECT_MISSING]


def test_a_file_and_its_row_changed_together_still_disagree_with_the_link(room) -> None:
    row = room.sealed()
    room.tamper(row, b"another call")
    sha256, size = room.archive.sha256(str(row.object)), 12
    change(room, Recording, row.recording_id, sha256=sha256, size_bytes=size)
    [difference] = verify_all(room.db, room.archive).differences
    assert difference.kind == Kind.AUDIT_DISAGREES
    assert "differ in sha256, size" in difference.detail


def test_a_changed_link_is_found_at_its_recording_and_in_the_chain(room) -> None:
    row = room.sealed()
    change(room, AuditLink, row.audit_number, content="not even JSON")
    assert kinds(room) == [Kind.AUDIT_DISAGREES, Kind.CHAIN_BROKEN]


def test_a_link_forged_with_a_right_hash_is_found_by_its_content(room) -> None:
    row = room.sealed()
    with room.db.session() as session:
        link = session.get_one(AuditLink, row.audit_number)
        link.content = "[]"
        link.hash = audit.link_hash(link)
    assert kinds(room) == [Kind.AUDIT_DISAGREES]


def test_a_removed_link_is_found(room) -> None:
    row = room.sealed()
    room.sealed()
    with room.db.session() as session:
        session.delete(session.get_one(AuditLink, row.audit_number))
    assert kinds(room) == [Kind.AUDIT_MISSING, Kind.CHAIN_BROKEN, Kind.CHAIN_BROKEN]


def test_a_second_sealing_link_is_found(room) -> None:
    row = room.sealed()
    with room.db.write() as session:
        audit.append(session, at=room.clock.now(), actor="user:1", action="recording.sealed", subject=row.recording_id)
    assert kinds(room) == [Kind.AUDIT_DISAGREES]


def test_a_row_that_names_another_link_is_found(room) -> None:
    row = room.sealed()
    change(room, Recording, row.recording_id, audit_number=7)
    assert kinds(room) == [Kind.AUDIT_DISAGREES]


@pytest.mark.parametrize("state", ["writing", "lost"])
def test_a_sealed_recording_cannot_be_unsealed_unseen(room, state) -> None:
    row = room.sealed()
    change(room, Recording, row.recording_id, state=state)
    assert Kind.ROW_MISSING in kinds(room)


def test_a_removed_row_is_found_by_its_link_and_its_object(room) -> None:
    row = room.sealed()
    with room.db.session() as session:
        session.delete(session.get_one(Recording, row.recording_id))
    report = verify_all(room.db, room.archive)
    assert [difference.kind for difference in report.differences] == [Kind.STRAY_OBJECT, Kind.ROW_MISSING]
    assert str(report.differences[0]) == (
        f"{row.object}: it is in the archive, but no recording names it [stray_object]"
    )


def test_an_object_that_is_being_sealed_is_no_stray(room, tmp_path) -> None:
    recording_id = room.record()
    room.archive.put(room.spool.path(recording_id), f"2026/11/23/{recording_id}.wav")
    assert kinds(room) == []


def test_a_lost_recording_needs_its_link(room) -> None:
    room.begin()
    [row] = recover(room.db, room.archive, room.spool, node="n1", clock=room.clock).lost
    assert kinds(room) == []
    with room.db.session() as session:
        session.delete(session.get_one(AuditLink, row.audit_number))
    assert kinds(room) == [Kind.AUDIT_MISSING]


def test_a_storage_that_cannot_be_read_is_a_difference_not_a_crash(room) -> None:
    class Broken(Archive):
        def sha256(self, name: str) -> str:
            raise ArchiveError(f"the archive failed at {name}")

    row = room.sealed()
    report = verify_all(room.db, Broken(room.archive.url))
    assert report.differences == (Difference(row.recording_id, Kind.UNREADABLE, f"the archive failed at {row.object}"),)
