"""Who may do what: every route has a permission, and the matrix of routes and roles is written down here."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from core.clock import china
from dialer.tables import Callback, Duty, Handoff
from web.access import GRANTS, Permission, permissions
from web.tables import Role, User

pytestmark = pytest.mark.unit

# path -> status for nobody, alice (agent), bob (auditor)
MATRIX = {
    "/flows": (302, 200, 200),
    "/flows/existing_client": (302, 200, 200),
    "/flows/nothing": (302, 404, 404),
    "/calls/cb-1/script/att-1b": (302, 200, 200),
    "/calls/cb-4/script/att-4": (302, 404, 200),
    "/prompts": (302, 200, 200),
    "/flows/existing_client/map": (302, 200, 200),
    "/flows/nothing/map": (302, 404, 404),
    "/flows/map.css": (200, 200, 200),
    "/flows/existing_client/try": (302, 200, 200),
    "/flows/nothing/try": (302, 404, 404),
    "/day": (302, 403, 200),
    "/attempts": (302, 403, 200),
    "/callbacks": (302, 403, 200),
    "/refusals": (302, 403, 200),
    "/search": (302, 403, 200),
    "/mine": (302, 200, 403),
    "/board": (302, 403, 200),
    "/board/programmes/new_account": (302, 403, 200),
    "/board/items": (302, 403, 200),
    "/board/open": (302, 403, 200),
    "/board/escalations": (302, 403, 200),
    "/board/skipped": (302, 403, 200),
    "/board/members?sample=existing_client:2026": (302, 403, 200),
    "/clients": (302, 403, 200),
    "/clients/C1": (302, 200, 200),
    "/clients/C3": (302, 404, 200),
    "/clients/nobody": (302, 404, 404),
    "/line": (302, 403, 200),
    "/rules": (302, 200, 200),
    "/windows": (302, 200, 200),
    "/calls/cb-1": (302, 200, 200),
    "/calls/cb-2": (302, 200, 200),
    "/calls/cb-3": (302, 404, 200),
    "/calls/cb-4": (302, 404, 200),
    "/recordings/rec-1/peaks": (302, 403, 200),
    "/recordings/rec-1/sound": (302, 403, 403),
    "/api/v1/session": (401, 200, 200),
    "/api/v1/calls": (401, 200, 200),
    "/api/v1/calls/cb-1": (401, 200, 200),
    "/api/v1/calls/cb-4": (401, 404, 200),
    "/api/v1/clients/C1/explanation": (401, 200, 200),
    "/api/v1/clients/C4/explanation": (401, 404, 200),
    "/api/v1/coverage": (401, 403, 200),
    "/api/v1/gates/activation/C1": (401, 200, 200),
    "/api/v1/gates/activation/C4": (401, 404, 200),
    "/api/v1/gates/departure/S1": (401, 403, 200),
    "/api/v1/gates/departure/nobody": (401, 403, 404),
    "/api/v1/openapi.json": (200, 200, 200),
    "/healthz": (200, 200, 200),
    "/readyz": (200, 200, 200),
    "/metrics": (200, 200, 200),
    "/login": (200, 302, 302),
}


def test_every_route_declares_a_permission(app: Any) -> None:
    without = {rule.endpoint for rule in app.url_map.iter_rules()} - permissions(app).keys()
    assert without == set()


def test_a_route_without_a_permission_is_refused_to_everybody(app: Any, visit: Any) -> None:
    app.add_url_rule("/forgotten", "forgotten", lambda: "secret")
    assert visit("bob").get("/forgotten").status_code == 403
    assert visit("").get("/forgotten").status_code == 403


def test_the_matrix_of_paths_and_roles_holds(nobody: Any, alice: Any, bob: Any) -> None:
    for path, expected in MATRIX.items():
        assert tuple(visitor.get(path).status_code for visitor in (nobody, alice, bob)) == expected, path


def test_no_role_holds_a_permission_that_nobody_uses(app: Any) -> None:
    used = set(permissions(app).values()) | {Permission.PUBLIC}
    assert set().union(*GRANTS.values()) <= used
    assert set(GRANTS) == set(Role)


def test_a_disabled_account_cannot_sign_in_and_says_nothing_about_why(visit: Any) -> None:
    visitor = visit("")
    disabled = visitor.sign_in("charlie")
    unknown = visitor.post("/login", {"login": "nobody", "password": "whatever it is"})
    assert disabled.status_code == unknown.status_code == 401


def test_disabling_an_account_ends_its_session(bob: Any, day: Any) -> None:
    assert bob.get("/day").status_code == 200
    with day.db.write() as session:
        session.get_one(User, day.users["bob"]).disabled = True
    assert bob.get("/day").status_code == 302


def test_a_changed_password_ends_every_session(bob: Any, day: Any) -> None:
    with day.db.write() as session:
        session.get_one(User, day.users["bob"]).password_hash = "scrypt:32768:8:1$x$y"
    assert bob.get("/day").status_code == 302


def test_signing_in_leads_to_the_page_that_was_wanted(visit: Any) -> None:
    visitor = visit("")
    visitor.get("/callbacks?branch=北京")
    assert visitor.sign_in("bob").location == "/callbacks?branch=%E5%8C%97%E4%BA%AC"


def test_signing_out_ends_the_session(bob: Any) -> None:
    bob.post("/logout")
    assert bob.get("/day").status_code == 302


def test_an_agent_sets_the_outcome_of_the_talk_that_waits_for_him(alice: Any, day: Any) -> None:
    assert "choice-passed" in alice.get("/calls/cb-2").text
    assert alice.post("/calls/cb-2/outcome", {"outcome": "not_passed"}).location == "/mine"
    with day.db.session() as session:
        callback = session.get_one(Callback, "cb-2")
        assert (callback.state, callback.outcome) == ("closed", "not_passed")
        assert session.get_one(Handoff, "ho-2").outcome_by == "web"
        actor = session.scalar(sa.text("SELECT actor FROM audit_link WHERE subject = 'cb-2'"))
    assert actor == f"user:{day.users['alice']}"
    assert "choice-passed" not in alice.get("/calls/cb-2").text


@pytest.mark.parametrize(
    ("callback", "outcome"), [("cb-4", "passed"), ("cb-1", "passed"), ("cb-2", "won"), ("x", "passed")]
)
def test_an_agent_cannot_set_an_outcome_that_is_not_his(alice: Any, day: Any, callback: str, outcome: str) -> None:
    before = _states(day)
    alice.post(f"/calls/{callback}/outcome", {"outcome": outcome})
    assert _states(day) == before


def test_an_auditor_cannot_set_an_outcome(bob: Any, day: Any) -> None:
    assert bob.post("/calls/cb-2/outcome", {"outcome": "passed"}).status_code == 403


def test_call_again_leaves_the_callback_open(alice: Any, day: Any) -> None:
    alice.post("/calls/cb-2/outcome", {"outcome": "call_again"})
    assert _states(day)["cb-2"] == ("planned", None)


@pytest.mark.rule("D-12")
def test_what_follows_from_an_outcome_follows_when_it_is_set_on_the_page(alice: Any, day: Any) -> None:
    alice.post("/calls/cb-2/outcome", {"outcome": "not_passed"})
    with day.db.session() as session:
        made = session.scalars(sa.select(Duty).where(Duty.callback_id == "cb-2")).all()
    assert {duty.kind for duty in made} == {"work_order", "watch"}


def test_the_next_call_an_agent_asks_for_lies_in_a_window_and_says_why(alice: Any, day: Any) -> None:
    alice.post("/calls/cb-2/outcome", {"outcome": "call_again"})
    with day.db.session() as session:
        callback = session.get_one(Callback, "cb-2")
        local = china(callback.next_attempt_at)
    assert callback.next_why is not None
    assert (local.date().isoformat(), local.hour) == ("2026-11-24", 9)


def test_an_outcome_can_be_set_while_the_pack_leaves_everything_open(day: Any, under: Any) -> None:
    alice = under("GAL", "alice")
    assert alice.post("/calls/cb-2/outcome", {"outcome": "passed"}).location == "/mine"
    assert _states(day)["cb-2"] == ("closed", "passed")


def _states(day: Any) -> dict[str, tuple[str, str | None]]:
    with day.db.session() as session:
        return {row.callback_id: (row.state, row.outcome) for row in session.scalars(sa.select(Callback))}
