"""The life of a script: nobody approves what he submitted, one version at a time is dialed, none is ever lost."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from core import audit
from core.db import Database
from ivr_flows import comparing, reading, register
from ivr_flows.loader import load_flow, load_sources
from ivr_flows.merging import merge
from ivr_flows.model import Flow
from ivr_flows.register import ChangedMeanwhile, Hand, NoLongerFits, SamePerson, UnknownVersion
from ivr_flows.tables import FlowState, FlowVersion

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 23, 1, 30, tzinfo=UTC)
NAME = "hen_survey"
ANNA, BEN, CARL = (Hand(f"staff:{letter}", f"user:{number}") for number, letter in enumerate("ABC"))


@cache
def flow_in(language: str, note: str) -> Flow:
    """One language of the script; with a note its last word is another, so that it is another version."""
    flow = load_flow(NAME, language)
    return changed(flow, note) if note else flow


def flows(note: str = "") -> list[Flow]:
    """Both languages of it."""
    return [flow_in(language, note) for language in ("zh-CN", "en")]


def changed(flow: Flow, note: str, **company: str) -> Flow:
    """The same script with another closing word in both languages."""
    sources = dict(flow.sources)
    sources["passages/closing.yaml"] = sources["passages/closing.yaml"].replace("再见。", f"再见{note}。")
    sources["passages/closing.yaml"] = sources["passages/closing.yaml"].replace("oodbye.", f"oodbye {note}.")
    return load_sources(sources, flow.name, flow.language, company.get("company", flow.company))


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'huifang.db'}")
    database.migrate()
    yield database
    database.close()


@pytest.fixture
def session(db: Database) -> Iterator[Session]:
    with db.write() as session:
        yield session


def brought(session: Session, made: list[Flow], at: datetime = NOW) -> tuple[FlowVersion, ...]:
    """Submitted by Anna and approved by Ben."""
    return register.approve(session, register.submit(session, made, by=ANNA, at=at), by=BEN, at=at)


@pytest.mark.rule("C-08")
def test_a_submitted_script_waits_and_nothing_is_dialed_with_it(session: Session) -> None:
    waiting = register.submit(session, flows(), by=ANNA, at=NOW, note="first")
    assert {row.language for row in waiting} == {"zh-CN", "en"}
    assert {(row.state, row.submitted_by, row.note) for row in waiting} == {("submitted", "staff:A", "first")}
    assert register.approved(session, NAME, "zh-CN") is None
    assert not register.is_approved(session, waiting[0].hash)


@pytest.mark.rule("E-13")
def test_who_submitted_a_script_cannot_approve_it_with_any_account(session: Session) -> None:
    waiting = register.submit(session, flows(), by=ANNA, at=NOW)
    with pytest.raises(SamePerson, match="a second person"):
        register.approve(session, waiting, by=Hand(ANNA.person, "user:77"), at=NOW)
    assert not register.is_approved(session, waiting[0].hash)


@pytest.mark.rule("E-13")
def test_a_second_person_brings_both_languages_into_use(session: Session) -> None:
    made = flows()
    brought(session, made)
    for flow in made:
        found = register.approved(session, NAME, flow.language)
        assert found is not None
        assert (found.hash, found.approved_by, found.approved_at) == (flow.hash, "staff:B", NOW)
        assert register.is_approved(session, flow.hash)
    assert register.approved_hashes(session) == {NAME: frozenset(flow.hash for flow in made)}


@pytest.mark.rule("C-09")
def test_approving_a_new_version_retires_the_old_one_which_stays_to_be_read(session: Session) -> None:
    old, new = flows(), flows("!")
    brought(session, old)
    brought(session, new, NOW + timedelta(hours=1))
    assert [register.is_approved(session, flow.hash) for flow in old + new] == [False, False, True, True]
    kept = register.version(session, old[0].hash)
    assert (kept.state, kept.retired_by, kept.note) == ("retired", "staff:B", f"replaced by {new[0].hash[:12]}")
    assert register.flow_of(kept) == old[0]


def test_one_language_alone_is_replaced_when_only_its_text_changed(session: Session) -> None:
    old = flows()
    brought(session, old)
    english = changed(old[1], "friend")
    waiting = register.submit(session, [old[0], english], by=ANNA, at=NOW)
    assert [row.hash for row in waiting] == [english.hash]
    register.approve(session, waiting, by=BEN, at=NOW)
    assert register.approved_hashes(session) == {NAME: frozenset({old[0].hash, english.hash})}


def test_both_languages_that_wait_are_approved_together_or_not_at_all(session: Session) -> None:
    waiting = register.submit(session, flows(), by=ANNA, at=NOW)
    with pytest.raises(ChangedMeanwhile, match="not looked at"):
        register.approve(session, waiting[:1], by=BEN, at=NOW)


def test_what_was_submitted_anew_meanwhile_is_not_approved(session: Session) -> None:
    seen = register.submit(session, flows(), by=ANNA, at=NOW)
    register.submit(session, flows("!"), by=CARL, at=NOW)
    with pytest.raises(ChangedMeanwhile, match="retired meanwhile: submitted anew as"):
        register.approve(session, seen, by=BEN, at=NOW)


def test_nobody_approves_or_retires_what_another_was_faster_with(session: Session) -> None:
    seen = brought(session, flows())
    with pytest.raises(ChangedMeanwhile, match="approved already, by staff:B"):
        register.approve(session, seen, by=CARL, at=NOW)
    register.retire(session, seen, by=BEN, at=NOW, note="wrong number")
    with pytest.raises(ChangedMeanwhile, match="retired already: wrong number"):
        register.retire(session, seen, by=CARL, at=NOW, note="again")
    assert register.approved_hashes(session) == {}


def test_submitting_the_same_again_changes_nothing_and_a_retired_one_begins_anew(session: Session) -> None:
    made = flows()
    first = register.submit(session, made, by=ANNA, at=NOW)
    assert register.submit(session, made, by=BEN, at=NOW) == first
    assert first[0].submitted_by == "staff:A"
    register.approve(session, first, by=BEN, at=NOW)
    assert register.submit(session, made, by=BEN, at=NOW) == ()
    register.retire(session, first, by=BEN, at=NOW, note="pause")
    again = register.submit(session, made, by=BEN, at=NOW)
    assert [(row.state, row.approved_by, row.retired_at) for row in again] == [("submitted", None, None)] * 2
    with pytest.raises(SamePerson):
        register.approve(session, again, by=BEN, at=NOW)


def test_every_step_is_a_link_of_the_audit_chain(session: Session) -> None:
    made = flows()
    rows = brought(session, made)
    register.retire(session, rows, by=CARL, at=NOW, note="over")
    links = session.scalars(select(audit.AuditLink).where(audit.AuditLink.subject == made[0].hash)).all()
    told = [(link.action, link.actor) for link in links]
    assert told == [("flow.submitted", "user:0"), ("flow.approved", "user:1"), ("flow.retired", "user:2")]
    assert audit.require_whole(session) == 6


def test_a_merged_call_back_is_dialed_only_when_all_its_parts_are_approved(session: Session) -> None:
    other = load_flow("gal_special", "zh-CN")
    merged = merge([flows()[0], other])
    brought(session, flows())
    assert not register.is_approved(session, merged.hash)
    brought(session, [other])
    assert register.is_approved(session, merged.hash)


def test_a_version_is_found_by_name_or_by_the_beginning_of_its_hash(session: Session) -> None:
    made = flows()
    rows = register.submit(session, made, by=ANNA, at=NOW)
    assert register.version(session, made[0].hash[:8]).hash == made[0].hash
    for text in (NAME, made[1].hash[:8]):
        assert set(register.meant(session, text, FlowState.SUBMITTED)) == set(rows)
    for text in ("nobody", made[0].hash[:3], "%%%%%%%%"):
        with pytest.raises(UnknownVersion):
            register.meant(session, text, FlowState.SUBMITTED)
    with pytest.raises(UnknownVersion):
        register.version(session, "ffffffff")
    assert register.other_language(session, rows[0]) == rows[1]


def test_another_firm_needs_its_own_approval(session: Session) -> None:
    """The name of the firm is spoken (C-01), so it belongs to what is approved."""
    brought(session, flows())
    renamed = changed(flows()[0], "", company="别家证券")
    assert not register.is_approved(session, renamed.hash)


def test_a_version_that_this_program_would_speak_differently_is_not_dialed(session: Session) -> None:
    row = brought(session, flows())[0]
    row.company = "别家证券"
    with pytest.raises(NoLongerFits, match="another script"):
        register.flow_of(row)
    row.sources = {f"{NAME}.yaml": "flow: hen_survey"}
    with pytest.raises(NoLongerFits, match="cannot be read"):
        register.flow_of(row)


def test_a_version_is_read_from_its_own_document_step_by_step() -> None:
    flow = flows()[0]
    steps = reading.steps_of(flow.document, flow.company)
    assert list(steps) == list(flow.steps)
    for name, step in steps.items():
        assert step.rules == flow.steps[name].rules
        for prompt in flow.steps[name].prompts:
            text = flow.prompts[prompt]
            assert (text.text or f"{{{text.slot}}}") in step.words
    assert "汇方证券" in steps["opening"].words
    assert ("yes", "identity.id_last4") in steps["identity"].leads
    assert {text.role for text in steps["identity"].texts} >= {"said", "no_input 1", "no_match 2", "read_back yes"}


def test_two_versions_differ_only_where_their_words_do() -> None:
    old, new = (reading.steps_of(flow.document, flow.company) for flow in (flows()[0], flows("！")[0]))
    assert {change.kind for change in comparing.compare(old, old)} == {"same"}
    changes = [change for change in comparing.compare(old, new) if change.kind != "same"]
    assert [change.step for change in changes] == ["closing"]
    line = next(line for line in changes[0].lines if line.differs)
    assert [piece.words for piece in line.new if piece.changed] == ["！"]


def test_steps_that_came_and_went_stand_at_their_place() -> None:
    steps = reading.steps_of(flows()[0].document, "")
    without = {name: step for name, step in steps.items() if name != "suggestions"}
    gone, came = comparing.compare(steps, without), comparing.compare(without, steps)
    assert [change.kind for change in gone if change.step == "suggestions"] == ["removed"]
    assert [change.step for change in came] == list(steps)
    assert [change.kind for change in came if change.step == "suggestions"] == ["added"]


@given(st.text(max_size=40), st.text(max_size=40))
def test_the_pieces_of_two_texts_are_the_texts_themselves(old: str, new: str) -> None:
    left, right = comparing.pieces(old, new)
    assert ("".join(piece.words for piece in left), "".join(piece.words for piece in right)) == (old, new)
    assert "".join(p.words for p in left if not p.changed) == "".join(p.words for p in right if not p.changed)


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database, to be copied."""
    path = tmp_path_factory.mktemp("empty") / "empty.db"
    database = Database(f"sqlite:///{path}")
    database.migrate()
    database.close()
    return path


ACTIONS = st.sampled_from(["submit", "submit", "approve", "approve", "retire"])


@settings(max_examples=40, deadline=None)
@given(steps=st.lists(st.tuples(ACTIONS, st.integers(0, 2), st.integers(0, 2)), min_size=3, max_size=12))
def test_no_order_of_steps_lets_one_person_alone_bring_a_script_into_use(
    tmp_path_factory: pytest.TempPathFactory, migrated: Path, steps: list[tuple[str, int, int]]
) -> None:
    made = [flows()[:1], flows("!")[:1], flows("?")[:1]]
    path = shutil.copy(migrated, tmp_path_factory.mktemp("life") / "life.db")
    database = Database(f"sqlite:///{path}")
    for number, (action, which, who) in enumerate(steps):
        _try(database, action, made[which], (ANNA, BEN, CARL)[who], NOW + timedelta(minutes=number))
    with database.session() as session:
        found = register.versions(session)
        links = session.scalars(select(audit.AuditLink).order_by(audit.AuditLink.number)).all()
    database.close()
    live = [row for row in found if row.state == FlowState.APPROVED]
    assert len(live) <= 1
    assert all(row.approved_by and row.approved_by != row.submitted_by for row in live)
    last = {link.subject: link.action for link in links}
    assert {row.hash: f"flow.{row.state}" for row in found} == last


def _try(database: Database, action: str, made: list[Flow], by: Hand, at: datetime) -> None:
    try:
        with database.write() as session:
            if action == "submit":
                register.submit(session, made, by=by, at=at)
            elif action == "approve":
                register.approve(session, [flow.hash for flow in made], by=by, at=at)
            else:
                register.retire(session, [flow.hash for flow in made], by=by, at=at, note="x")
    except (UnknownVersion, SamePerson, ChangedMeanwhile):
        pass
