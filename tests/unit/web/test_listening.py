"""No sound without a link in the audit chain, and no link without a person and a place in the recording."""

from __future__ import annotations

import io
import json
import wave
from typing import Any

import pytest
from sqlalchemy import select

from core import audit
from core.audit import AuditLink
from web.audio.ticket import LIFE

pytestmark = pytest.mark.unit


def _links(day: Any) -> list[AuditLink]:
    with day.db.session() as session:
        return list(session.scalars(select(AuditLink).where(AuditLink.action == "recording.listened")))


@pytest.mark.rule("F-08")
def test_a_listen_is_in_the_audit_chain_before_the_first_byte(bob: Any, day: Any) -> None:
    answer = bob.post_json("/recordings/rec-1/listen", {"from_ms": 9500, "purpose": "complaint"}).json
    (link,) = _links(day)
    assert (link.number, link.subject, link.actor) == (answer["audit_number"], "rec-1", f"user:{day.users['bob']}")
    assert json.loads(link.content) == {"user": day.users["bob"], "from_ms": 9500, "purpose": "complaint"}
    with day.db.session() as session:
        assert audit.require_whole(session) >= link.number
    with wave.open(io.BytesIO(bob.get(answer["url"]).data)) as sound:
        assert (sound.getnchannels(), sound.getframerate(), sound.getnframes()) == (2, 8000, 24 * 8000)


def test_every_new_permission_is_its_own_link(bob: Any, day: Any) -> None:
    for _ in range(3):
        bob.post_json("/recordings/rec-1/listen")
    assert len(_links(day)) == 3


def test_a_range_is_served_as_such(bob: Any) -> None:
    url = bob.post_json("/recordings/rec-1/listen").json["url"]
    whole = bob.get(url)
    part = bob.get(url, headers={"Range": "bytes=100-299"})
    assert (part.status_code, part.headers["Content-Range"]) == (206, f"bytes 100-299/{len(whole.data)}")
    assert part.data == whole.data[100:300]
    assert whole.headers["Accept-Ranges"] == "bytes"
    assert bob.get(url, headers={"Range": "bytes=99999999-"}).status_code == 416


@pytest.mark.parametrize("query", ["", "?ticket=", "?ticket=forged", "?ticket=WzEsMiwzLDRd.AAAA"])
def test_there_is_no_sound_without_a_ticket(bob: Any, day: Any, query: str) -> None:
    assert bob.get(f"/recordings/rec-1/sound{query}").status_code == 403
    assert _links(day) == []


def test_a_ticket_is_for_one_recording(bob: Any) -> None:
    url = bob.post_json("/recordings/rec-1/listen").json["url"]
    assert bob.get(url.replace("rec-1", "rec-2")).status_code == 403


def test_a_ticket_is_for_one_person(bob: Any, visit: Any, day: Any) -> None:
    with day.db.write() as session:
        from web.tables import Role
        from web.users import add_user

        add_user(
            session,
            login="dora",
            name="D",
            password=day.password,
            role=Role.AUDITOR,
            staff_id=None,
            language=None,
            at=day.clock.now(),
        )
    url = bob.post_json("/recordings/rec-1/listen").json["url"]
    assert visit("dora").get(url).status_code == 403
    assert visit("alice").get(url).status_code == 403
    assert visit("").get(url).status_code == 302


def test_a_ticket_expires(bob: Any, day: Any) -> None:
    url = bob.post_json("/recordings/rec-1/listen").json["url"]
    day.clock.advance(LIFE.total_seconds() - 1)
    assert bob.get(url).status_code == 200
    day.clock.advance(2)
    assert bob.get(url).status_code == 403


@pytest.mark.parametrize("body", [{"from_ms": -1}, {"from_ms": "0"}, {"from_ms": True}, {"purpose": "张伟"}])
def test_a_malformed_listen_is_refused_and_leaves_no_link(bob: Any, day: Any, body: dict[str, object]) -> None:
    assert bob.post_json("/recordings/rec-1/listen", body).status_code == 400
    assert _links(day) == []


def test_an_agent_cannot_listen(alice: Any, day: Any) -> None:
    assert alice.post_json("/recordings/rec-1/listen").status_code == 403
    assert _links(day) == []


def test_a_recording_that_is_not_there_is_not_found(bob: Any, day: Any) -> None:
    assert bob.post_json("/recordings/none/listen").status_code == 404
    assert bob.get("/recordings/none/peaks").status_code == 404
    assert _links(day) == []


def test_the_shape_shows_who_speaks_when(bob: Any) -> None:
    shape = bob.get("/recordings/rec-1/peaks").json
    at = {ms: len(shape["client"]) * ms // shape["duration_ms"] for ms in (2000, 4600)}
    assert shape["firm"][at[2000]] > 0.1 > shape["client"][at[2000]]
    assert shape["client"][at[4600]] > 0.1 > shape["firm"][at[4600]]


def test_the_proof_holds_until_a_byte_changes(bob: Any, day: Any) -> None:
    assert bob.post_json("/recordings/rec-1/verify").json["ok"] is True
    (stored,) = (day.settings.var / "archive").rglob("rec-1.wav")
    stored.chmod(0o640)
    data = bytearray(stored.read_bytes())
    data[5000] ^= 1
    stored.write_bytes(data)
    answer = bob.post_json("/recordings/rec-1/verify").json
    assert answer["ok"] is False
    assert [found["kind"] for found in answer["differences"]] == ["hash"]


def test_a_missing_file_is_told_by_the_proof_and_the_player(bob: Any, day: Any) -> None:
    (stored,) = (day.settings.var / "archive").rglob("rec-1.wav")
    stored.unlink()
    assert bob.post_json("/recordings/rec-1/verify").json["differences"][0]["kind"] == "object_missing"
    url = bob.post_json("/recordings/rec-1/listen").json["url"]
    assert bob.get(url).status_code == 404
    assert bob.get("/recordings/rec-1/peaks").status_code == 404
    assert bob.get("/calls/cb-1").status_code == 200
