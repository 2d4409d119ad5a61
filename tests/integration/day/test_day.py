"""A small day over real SIP and RTP: every kind of ending, the handoff, the recording, the books."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select

from core import audit
from dialer.tables import Agent, Answer, Attempt, Callback, GateRefusal, Handoff
from recordings.reading import read_channels
from recordings.tables import Recording, RecordingState
from recordings.verify import verify_all
from transcribe.tables import Transcript

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

CONFIRMS = {
    "kind": "speaks",
    "script": [
        *["1", "1", "1234", "1", "1", "2", "2", "1", "3"],
        *["5", "4", "5", "5", "5"],
        [{"pause": 0.4}, {"say": "zh_aishell_0916W0427"}, {"press": "#"}],
    ],
}
AGENT = {"kind": "agent", "says": "agent_hello", "wait_s": 1, "talk_s": 6, "outcome": "*2", "leaves_after_s": 0.5}


def _by_client(site: Any) -> dict[str, Attempt]:
    with site.context.db.session() as session:
        return {attempt.client_id: attempt for attempt in session.scalars(select(Attempt))}


def _callback(site: Any, client_id: str) -> Callback:
    with site.context.db.session() as session:
        return session.scalars(select(Callback).where(Callback.client_id == client_id)).one()


@pytest.mark.rule("D-01")
@pytest.mark.rule("F-01")
@pytest.mark.rule("A-20")
def test_a_day_with_every_ending_agrees_with_the_carrier(make_site: Callable[..., Any]) -> None:
    site = make_site(
        {
            "CONFIRMS": CONFIRMS,
            "BUSY": {"kind": "declines"},
            "VACANT": {"kind": "unavailable", "announcement": "vacant"},
            "RINGS": {"kind": "no_answer"},
            "AGENT": {"kind": "asks_for_agent", "after_prompts": 1},
            "LEAVES": {"kind": "hangs_up", "hang_up_after_s": 4.0},
        },
        {"agent-1": AGENT},
    )
    site.start_node()
    site.wait(site.settled, 150)
    assert site.stop_node() == 0, site.node_log()
    attempts = _by_client(site)
    assert {client: attempt.disposition for client, attempt in attempts.items()} == {
        "CONFIRMS": "answered",
        "BUSY": "rejected",
        "VACANT": "invalid_number",
        "RINGS": "no_answer",
        "AGENT": "answered",
        "LEAVES": "answered",
    }
    _one_invite_each(site, attempts)
    _confirmed(site, attempts["CONFIRMS"])
    _announcement_kept(site, attempts["VACANT"])
    _handed_over(site, attempts["AGENT"])
    assert _callback(site, "LEAVES").outcome is None
    _archive_is_true(site)


def _one_invite_each(site: Any, attempts: dict[str, Attempt]) -> None:
    headers = [line["headers"].get("X-Huifang-Attempt") for line in site.carrier.log_lines("invite")]
    ours = [header for header in headers if header]
    assert sorted(ours) == sorted(attempt.attempt_id for attempt in attempts.values())
    ids = {line["call_id"] for line in site.carrier.log_lines("call")}
    assert {attempt.sip_call_id for attempt in attempts.values()} <= ids


def _confirmed(site: Any, attempt: Attempt) -> None:
    assert _callback(site, "CONFIRMS").outcome == "passed"
    with site.context.db.session() as session:
        answers = {
            a.question: a for a in session.scalars(select(Answer).where(Answer.attempt_id == attempt.attempt_id))
        }
    assert answers["id_last4"].value == "****"
    assert answers["id_last4"].evidence["keys"] == [
        {"digit": "*", "at_ms": key["at_ms"]} for key in answers["id_last4"].evidence["keys"]
    ]
    assert answers["opened_in_person"].passed
    assert answers["suggestions"].value == "recorded"
    assert all(answer.start_ms < answer.end_ms for answer in answers.values())
    risk = "risk_notice"
    asked = [proof["prompt"] for proof in answers["developer_attribution"].evidence["played"]]
    assert risk not in asked, "the passage belongs to its own step"
    assert answers["risk"].value == "played"
    assert risk in [proof["prompt"] for proof in answers["risk"].evidence["played"]]


def _announcement_kept(site: Any, attempt: Attempt) -> None:
    """Early media is recorded before any answer, and the network's words are kept raw."""
    assert attempt.sip_status == 404
    assert any("cause=1" in reason for reason in attempt.sip_reasons)
    assert any(item["status"] == 183 and item["media"] for item in attempt.provisionals)
    client, firm = _audio(site, attempt)
    assert len(client) > 8000
    assert np.abs(client.astype(int)).max() > 1000
    assert np.abs(firm.astype(int)).max() == 0


def _handed_over(site: Any, attempt: Attempt) -> None:
    with site.context.db.session() as session:
        handoff = session.scalars(select(Handoff).where(Handoff.attempt_id == attempt.attempt_id)).one()
        assert (handoff.result, handoff.outcome, handoff.outcome_by) == ("joined", "not_passed", "key")
        assert session.scalars(select(Agent)).one().state == "free"
    assert _callback(site, "AGENT").outcome == "not_passed"
    client, firm = _audio(site, attempt)
    joined_ms = int((handoff.joined_at - _recording(site, attempt).started_at).total_seconds() * 1000)
    after = firm[(joined_ms + 1500) * 8 :]
    assert np.abs(after.astype(int)).max() > 1000, "the agent's voice is on the firm's channel of the same recording"
    assert len(client) == len(firm)


def _recording(site: Any, attempt: Attempt) -> Recording:
    with site.context.db.session() as session:
        return session.get_one(Recording, attempt.recording_id)


def _audio(site: Any, attempt: Attempt) -> tuple[np.ndarray, np.ndarray]:
    return read_channels(site.context.archive, _recording(site, attempt))


def _archive_is_true(site: Any) -> None:
    report = verify_all(site.context.db, site.context.archive)
    assert report.differences == ()
    with site.context.db.session() as session:
        assert list(audit.verify(session)) == []
        recorded = set(session.scalars(select(Recording.recording_id)))
        assert set(session.scalars(select(Transcript.recording_id))) == recorded
        assert set(session.scalars(select(Recording.state))) == {RecordingState.SEALED}


@pytest.mark.rule("F-01")
def test_a_killed_node_dials_nobody_twice_for_the_same_attempt_and_loses_no_recording(
    make_site: Callable[..., Any],
) -> None:
    site = make_site({"ONE": CONFIRMS, "TWO": CONFIRMS, "THREE": {"kind": "no_answer"}}, {})
    node = site.start_node()

    def two_talk() -> bool:
        return sum(path.stat().st_size > 16 * 8000 for path in site.folder.glob("var/spool/*/*.part")) >= 2

    site.wait(two_talk, 60)
    killed_at = site.context.clock.now()
    node.kill()
    node.wait()
    site.start_node()
    site.wait(site.settled, 150)
    assert site.stop_node() == 0, site.node_log()
    with site.context.db.session() as session:
        attempts = session.scalars(select(Attempt).order_by(Attempt.started_at)).all()
        cut = [attempt for attempt in attempts if attempt.disposition == "interrupted"]
        assert {attempt.client_id for attempt in cut} >= {"ONE", "TWO"}
        for attempt in cut:
            if attempt.client_id != "THREE":
                _recovered(session.get_one(Recording, attempt.recording_id), killed_at)
        outcomes = {row.client_id: row.outcome for row in session.scalars(select(Callback))}
    assert (outcomes["ONE"], outcomes["TWO"]) == ("passed", "passed")
    headers = [line["headers"]["X-Huifang-Attempt"] for line in site.carrier.log_lines("invite")]
    assert sorted(headers) == sorted(attempt.attempt_id for attempt in attempts)
    _archive_is_true(site)


def _recovered(recording: Recording, killed_at: datetime) -> None:
    assert recording.state == RecordingState.SEALED
    assert recording.recovered
    spoken = (killed_at - recording.started_at).total_seconds()
    assert recording.duration_ms is not None
    assert recording.duration_ms / 1000 >= spoken - 1.0, "at most the last second may be lost"


@pytest.mark.rule("B-07")
@pytest.mark.rule("B-23")
def test_the_gate_keeps_the_node_from_a_client_who_wants_no_calls(make_site: Callable[..., Any]) -> None:
    site = make_site({"ONE": {"kind": "no_answer"}, "TWO": {"kind": "no_answer"}}, {})
    from dialer.tables import Client

    with site.context.db.write() as session:
        session.get_one(Client, "ONE").phone_opt_out = True
        session.get_one(Client, "TWO").prefers = {"windows": ["15:00-16:00"]}
    site.start_node()

    def both_refused() -> bool:
        with site.context.db.session() as session:
            return len(session.scalars(select(GateRefusal)).all()) == 2

    site.wait(both_refused, 30)
    assert site.stop_node() == 0
    with site.context.db.session() as session:
        codes = {reason["code"] for row in session.scalars(select(GateRefusal)) for reason in row.reasons}
        assert codes == {"opted_out", "against_wish"}
        assert session.scalars(select(Attempt)).all() == []
    assert site.carrier.log_lines("invite") == []


def test_a_node_without_a_free_disk_places_no_call_and_says_why(make_site: Callable[..., Any]) -> None:
    site = make_site({"ONE": {"kind": "no_answer"}}, {}, node__min_free_mb=10**9)
    site.start_node()

    def refused() -> bool:
        with site.context.db.session() as session:
            return session.scalars(select(GateRefusal)).first() is not None

    site.wait(refused, 30)
    assert site.stop_node() == 0
    with site.context.db.session() as session:
        assert [reason["code"] for reason in session.scalars(select(GateRefusal)).one().reasons] == [
            "recorder_not_ready"
        ]
    assert site.carrier.log_lines("invite") == []


@pytest.mark.rule("F-13")
def test_an_archive_that_refuses_loses_nothing_and_is_tried_again(make_site: Callable[..., Any]) -> None:
    site = make_site({"ONE": {"kind": "hangs_up", "hang_up_after_s": 2.0}}, {}, storage__archive="file:///proc/archive")
    site.start_node()
    site.wait(lambda: "is not sealed yet" in site.node_log(), 60)
    assert site.stop_node() == 0
    assert _by_client(site)["ONE"].disposition == "answered"
    kept = list(site.folder.glob("var/spool/*/*.part"))
    assert len(kept) == 1
    config = site.context.config
    config.write_text(config.read_text().replace('archive = "file:///proc/archive"\n', ""))
    site.start_node()

    def sealed() -> bool:
        with site.context.db.session() as session:
            return session.scalars(select(Recording.state)).one() == RecordingState.SEALED

    site.wait(sealed, 30)
    assert site.stop_node() == 0
    assert not kept[0].exists()


def test_a_day_on_postgresql_is_the_same_day(make_site: Callable[..., Any], postgres_url: str) -> None:
    site = make_site(
        {
            "LEAVES": {"kind": "hangs_up", "hang_up_after_s": 2.0},
            "BUSY": {"kind": "declines"},
            "AGENT": {"kind": "asks_for_agent", "after_prompts": 1},
        },
        {"agent-1": AGENT},
        storage__database=postgres_url,
    )
    site.start_node()
    site.wait(site.settled, 90)
    assert site.stop_node() == 0, site.node_log()
    attempts = _by_client(site)
    assert {client: attempt.disposition for client, attempt in attempts.items()} == {
        "LEAVES": "answered",
        "BUSY": "rejected",
        "AGENT": "answered",
    }
    _one_invite_each(site, attempts)
    _handed_over(site, attempts["AGENT"])
    _archive_is_true(site)
