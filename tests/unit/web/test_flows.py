"""The pages of the scripts: handed in by the author, approved by the auditor, compared, and heard step by step."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from core.audit import AuditLink
from dialer.tables import Attempt
from ivr_flows import register
from ivr_flows.loader import load_flow, load_sources
from ivr_flows.merging import merge
from ivr_flows.model import Flow
from ivr_flows.register import Hand
from ivr_flows.tables import FlowState
from web.flows.replay import replay
from web.tables import Role
from web.users import add_user

pytestmark = pytest.mark.unit

NAME = "existing_client"
SOMEBODY = Hand("user:900", "user:900")


def shipped() -> list[Flow]:
    """Both languages of one script as it stands in the folder."""
    return [load_flow(NAME, language) for language in ("zh-CN", "en")]


def older(flow: Flow) -> Flow:
    """What it said before: another goodbye."""
    sources = dict(flow.sources)
    closing = sources["passages/closing.yaml"]
    sources["passages/closing.yaml"] = closing.replace("再见。", "再会。").replace("oodbye.", "oodbye now.")
    return load_sources(sources, flow.name, flow.language, flow.company)


@pytest.fixture
def wang(day: Any, visit: Any) -> Any:
    """An author of scripts."""
    with day.db.write() as session:
        add_user(
            session,
            login="wang",
            name="话术己",
            role=Role.AUTHOR,
            password=day.password,
            staff_id="S9",
            language=None,
            at=day.clock.now(),
        )
    return visit("wang")


@pytest.fixture
def submitted(wang: Any) -> list[str]:
    """The hashes that Wang handed in."""
    hashes = [flow.hash for flow in shipped()]
    assert wang.post(f"/flows/{NAME}/submit", {"seen": hashes, "note": "新"}).location == f"/flows/{NAME}"
    return hashes


def states(day: Any) -> dict[str, str]:
    """Hash -> state of every version."""
    with day.db.session() as session:
        return {row.hash: row.state for row in register.versions(session)}


def bring(day: Any, flows: list[Flow]) -> None:
    """Submitted by somebody and approved by another, beside the pages."""
    with day.db.write() as session:
        rows = register.submit(session, flows, by=SOMEBODY, at=day.clock.now())
        register.approve(session, rows, by=Hand("user:901", "user:901"), at=day.clock.now())


def test_a_script_that_was_never_submitted_is_a_draft_and_nobody_is_called_with_it(bob: Any) -> None:
    bob.post("/language", {"language": "en"})
    listed, page = bob.get("/flows").text, bob.get(f"/flows/{NAME}").text
    assert "nobody is called with it" in listed
    assert "Nobody is called with this script before it is submitted and approved." in page
    assert "Submit for approval" not in page
    assert bob.get("/flows/nothing_of_the_kind").status_code == 404


@pytest.mark.rule("C-08")
def test_only_an_author_hands_in_and_comes_to_the_scripts_first(wang: Any, alice: Any, bob: Any, day: Any) -> None:
    assert wang.get("/").location == "/flows"
    assert wang.get("/day").status_code == wang.get("/calls/cb-1").status_code == 403
    assert "seen" in wang.get(f"/flows/{NAME}").text
    for visitor in (alice, bob):
        assert visitor.post(f"/flows/{NAME}/submit", {"seen": [one.hash for one in shipped()]}).status_code == 403
    assert states(day) == {}


@pytest.mark.rule("E-13")
def test_the_author_cannot_approve_and_the_auditor_can(wang: Any, bob: Any, day: Any, submitted: list[str]) -> None:
    assert wang.post(f"/flows/{NAME}/approve", {"seen": submitted}).status_code == 403
    assert set(states(day).values()) == {FlowState.SUBMITTED}
    assert "/approve" in bob.get(f"/flows/versions/{submitted[0]}").text
    assert bob.post(f"/flows/{NAME}/approve", {"seen": submitted}).location == f"/flows/{NAME}"
    assert states(day) == dict.fromkeys(submitted, "approved")
    page = bob.get(f"/flows/{NAME}").text
    assert "话术己" in page
    assert "稽核乙" in page
    with day.db.session() as session:
        links = session.scalars(select(AuditLink).where(AuditLink.subject == submitted[0])).all()
    assert [link.action for link in links] == ["flow.submitted", "flow.approved"]
    assert links[1].actor == f"user:{day.users['bob']}"


@pytest.mark.rule("E-13")
def test_one_person_with_two_accounts_is_one_person(wang: Any, visit: Any, day: Any, submitted: list[str]) -> None:
    with day.db.write() as session:
        add_user(
            session,
            login="wang2",
            name="话术己",
            role=Role.AUDITOR,
            password=day.password,
            staff_id="S9",
            language="en",
            at=day.clock.now(),
        )
    same = visit("wang2")
    assert "You submitted it" in same.get(f"/flows/versions/{submitted[0]}").text
    answer = same.post(f"/flows/{NAME}/approve", {"seen": submitted}, follow_redirects=True)
    assert "who submitted a script may not approve it" in answer.text
    assert set(states(day).values()) == {FlowState.SUBMITTED}


def test_what_was_changed_meanwhile_is_not_approved(bob: Any, day: Any, submitted: list[str]) -> None:
    bob.post("/language", {"language": "en"})
    with day.db.write() as session:
        register.submit(session, [older(flow) for flow in shipped()], by=SOMEBODY, at=day.clock.now())
    answer = bob.post(f"/flows/{NAME}/approve", {"seen": submitted}, follow_redirects=True)
    assert "not as you saw it any more" in answer.text
    assert FlowState.APPROVED not in states(day).values()


def test_only_the_draft_that_was_shown_is_submitted(wang: Any, day: Any) -> None:
    for seen in ([], ["0" * 64]):
        wang.post(f"/flows/{NAME}/submit", {"seen": seen})
    assert states(day) == {}


def test_a_version_is_retired_with_a_reason_and_stays_to_be_read(bob: Any, day: Any, submitted: list[str]) -> None:
    bob.post(f"/flows/{NAME}/approve", {"seen": submitted})
    bob.post(f"/flows/{NAME}/retire", {"seen": submitted, "note": " "})
    assert set(states(day).values()) == {FlowState.APPROVED}
    bob.post(f"/flows/{NAME}/retire", {"seen": submitted, "note": "词语不妥"})
    assert set(states(day).values()) == {FlowState.RETIRED}
    page = bob.get(f"/flows/versions/{submitted[0]}").text
    assert "词语不妥" in page
    assert "全权委托" in page


def test_hashes_of_another_script_are_not_found(bob: Any, day: Any, submitted: list[str]) -> None:
    for path, seen in (("/flows/new_account/approve", submitted), (f"/flows/{NAME}/approve", [])):
        assert bob.post(path, {"seen": seen}).status_code == 404
    assert bob.get("/flows/versions/" + "0" * 64).status_code == 404


def test_a_version_is_read_in_both_languages_with_its_rules(alice: Any, day: Any) -> None:
    bring(day, shipped())
    flow = shipped()[0]
    page = alice.get(f"/flows/versions/{flow.hash}").text
    for step in flow.steps.values():
        assert f'id="step-{step.id.replace(".", "-")}"' in page
        assert all(rule in page for rule in step.rules)
    assert "汇方证券" in page
    assert "this is Huifang Securities" in page
    assert "/approve" not in page


def test_the_two_languages_of_a_page_were_submitted_together(bob: Any, day: Any) -> None:
    bring(day, [older(flow) for flow in shipped()])
    with day.db.write() as session:
        rows = register.submit(session, shipped(), by=SOMEBODY, at=day.clock.now())
        assert {register.other_language(session, row) for row in rows} == set(rows)


@pytest.mark.rule("C-09")
def test_two_versions_stand_side_by_side(bob: Any, day: Any) -> None:
    old, new = older(shipped()[0]), shipped()[0]
    bring(day, [old])
    bring(day, [new])
    page = bob.get(f"/flows/versions/{old.hash}/beside/{new.hash}").text
    assert "<del>会</del>" in page
    assert "<ins>见</ins>" in page
    assert 'aria-label="opening"' not in page
    assert 'aria-label="opening"' in bob.get(f"/flows/versions/{old.hash}/beside/{new.hash}?all=1").text
    assert f"/flows/versions/{old.hash}/beside/{new.hash}" in bob.get(f"/flows/{NAME}").text


@pytest.mark.rule("C-09")
def test_an_old_recording_is_heard_against_its_own_script(bob: Any, day: Any) -> None:
    bring(day, [older(flow) for flow in shipped()])
    own = older(shipped()[0])
    with day.db.write() as session:
        session.get_one(Attempt, "att-1b").flow_hash = own.hash
    bring(day, shipped())
    page = bob.get("/calls/cb-1/script/att-1b").text
    assert own.hash[:10] in page
    assert shipped()[0].hash[:10] not in page
    asked = [own.steps[step] for step in ("full_discretion",)]
    assert own.prompts[asked[0].prompts[0]].text in page
    for start in (5600, 13000, 18500):
        assert f'data-start="{start}"' in page
    assert "player.js" in page
    assert 'data-at="13000"' in bob.get("/calls/cb-1/script/att-1b?at=13000").text


def test_a_call_whose_version_nobody_kept_says_so(bob: Any) -> None:
    bob.post("/language", {"language": "en"})
    page = bob.get("/calls/cb-1/script/att-1b").text
    assert "was never submitted here" in page
    assert 'data-start="5600"' in page


def test_every_step_of_the_walk_has_its_second(day: Any) -> None:
    """Where the call kept its path, statements that nobody answers stand in it too."""
    bring(day, shipped())
    with day.db.session() as session:
        attempt = session.get_one(Attempt, "att-1b")
        path = [
            ("", "start", "opening"),
            ("opening", "next", "full_discretion"),
            ("full_discretion", "no", "closing"),
        ]
        attempt.path, attempt.moments = path, [None, None, 10900]
        walk = replay(session, attempt).walk
    told = [(one.step, one.outcome, one.start_ms, one.about, one.answer is not None) for one in walk]
    assert told == [
        ("opening", "next", 0, True, False),
        ("full_discretion", "no", 5600, False, True),
        ("closing", "", 10900, False, False),
    ]
    assert "汇方证券" in walk[0].read.words


def test_the_steps_of_a_merged_call_back_are_found_in_their_own_versions(day: Any) -> None:
    other = load_flow("gal_special", "zh-CN")
    merged = merge([shipped()[0], other])
    bring(day, shipped())
    bring(day, [other])
    with day.db.session() as session:
        attempt = session.get_one(Attempt, "att-1b")
        attempt.flow, attempt.flow_hash = "+".join(merged.parts), merged.hash
        attempt.path = [("", "start", name) for name in merged.steps]
        shown = replay(session, attempt)
        assert [version.name for version in shown.versions] == [NAME, "gal_special"]
    assert all(one.read for one in shown.walk)


def test_the_walk_is_shown_to_whoever_may_see_the_call(alice: Any, nobody: Any, wang: Any) -> None:
    page = alice.get("/calls/cb-1/script/att-1b")
    assert page.status_code == 200
    assert "player.js" not in page.text
    assert alice.get("/calls/cb-4/script/att-4").status_code == 404
    assert alice.get("/calls/cb-1/script/att-4").status_code == 404
    assert nobody.get("/calls/cb-1/script/att-1b").status_code == 302
    assert wang.get("/calls/cb-1/script/att-1b").status_code == 403
