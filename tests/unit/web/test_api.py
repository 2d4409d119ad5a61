"""The API does what its OpenAPI document says, no more and no less."""

from __future__ import annotations

import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from web.api.views import document

pytestmark = pytest.mark.unit


def _valid(answer: Any, schema: str) -> None:
    assert answer.is_json
    found = {"$ref": f"#/components/schemas/{schema}", "components": document()["components"]}
    Draft202012Validator(found).validate(answer.json)


def test_every_route_is_documented_and_every_documented_path_exists(app: Any) -> None:
    served = {
        (re.sub(r"<(\w+)>", r"{\1}", str(rule)).removeprefix("/api/v1"), method.lower())
        for rule in app.url_map.iter_rules()
        if str(rule).startswith("/api/v1")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    documented = {(path, method) for path, item in document()["paths"].items() for method in item}
    assert served == documented


def test_the_document_is_served_and_its_references_resolve(nobody: Any) -> None:
    served = nobody.get("/api/v1/openapi.json")
    assert served.json == document()
    for target in re.findall(r'"#/([^"]+)"', served.get_data(as_text=True)):
        place: Any = document()
        for part in target.split("/"):
            place = place[part]
    for schema in document()["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_the_answers_have_the_documented_form(bob: Any, alice: Any) -> None:
    for visitor, total in ((bob, 4), (alice, 2)):
        _valid(visitor.get("/api/v1/session"), "Session")
        _valid(visitor.get("/api/v1/calls/cb-1"), "CallDetail")
        listed = visitor.get("/api/v1/calls")
        _valid(listed, "CallList")
        assert listed.json["total"] == total


def test_the_list_takes_the_documented_filters(bob: Any) -> None:
    parameters = [item["name"] for item in document()["paths"]["/calls"]["get"]["parameters"]]
    values = {
        "since": "2026-11-23",
        "until": "2026-11-23",
        "on": "called",
        "state": "closed",
        "outcome": "passed",
        "disposition": "answered",
        "programme": "new_account",
        "branch": "北京",
        "page": "1",
    }
    assert set(parameters) == set(values)
    assert [row["callback_id"] for row in bob.get("/api/v1/calls", query_string=values).json["calls"]] == ["cb-1"]


def test_a_search_returns_sentences_with_their_place(bob: Any) -> None:
    answer = bob.post_json("/api/v1/search", {"text": "全权", "channel": "client"})
    _valid(answer, "SearchResult")
    (hit,) = answer.json["hits"]
    assert (hit["callback_id"], hit["channel"], hit["start_ms"]) == ("cb-1", "client", 9500)


@pytest.mark.parametrize("client_id", ["C1", "C2", "C3", "C4", "C5", "C6"])
def test_the_explanation_has_the_documented_form_and_masks_by_role(bob: Any, client_id: str) -> None:
    answer = bob.get(f"/api/v1/clients/{client_id}/explanation")
    _valid(answer, "Explanation")
    assert answer.json["client"]["client_id"] == client_id
    assert {one["programme"] for one in answer.json["programmes"]} >= {"new_account", "existing_client"}


@pytest.mark.rule("A-13")
def test_an_explanation_answers_why_when_by_whom_and_why_not(bob: Any, alice: Any) -> None:
    called = bob.get("/api/v1/clients/C3/explanation").json
    (owed,) = called["owed"]
    assert (owed["executor"], owed["mode"], owed["due_on"]) == ("hq_call_centre", "automatic", "2026-11-27")
    assert owed["next_at"] == "2026-11-24T14:00:00+08:00"
    assert owed["gate_then"]["allowed"]
    assert owed["items"][0]["rule_ids"] == ["A-39"]
    assert [reason["code"] for reason in called["gate"]["reasons"]] == ["outside_window", "against_wish"]
    (skip,) = bob.get("/api/v1/clients/C5/explanation").json["skipped"]
    assert (skip["code"], skip["text_en"]) == ("opted_out", "the client wants no calls; use SMS (B-23)")
    assert alice.get("/api/v1/clients/C1/explanation").json["client"]["name"] == "张•"


def test_the_coverage_has_the_documented_form_and_takes_the_documented_filters(bob: Any) -> None:
    answer = bob.get("/api/v1/coverage")
    _valid(answer, "Coverage")
    assert (answer.json["since"], answer.json["until"]) == ("2026-11-01", "2026-11-30")
    parameters = [item["name"] for item in document()["paths"]["/coverage"]["get"]["parameters"]]
    values = {"since": "2026-11-01", "until": "2026-11-30", "programme": "new_account"}
    assert set(parameters) == set(values)
    narrowed = bob.get("/api/v1/coverage", query_string=values).json
    assert narrowed["samples"] == []
    (line,) = narrowed["programmes"]
    assert (line["due"], line["in_time"], line["open"], line["skipped"]) == (2, 1, 1, 1)


@pytest.mark.rule("A-91", "D-08")
def test_the_gate_of_a_departure_is_asked_over_the_api(bob: Any) -> None:
    answer = bob.get("/api/v1/gates/departure/S1")
    _valid(answer, "Gate")
    assert [reason["code"] for reason in answer.json["reasons"]] == ["no_conclusion"]


@pytest.mark.rule("A-23", "D-07")
def test_the_gate_of_an_activation_waits_for_the_call_back(under: Any, tmp_path: Any) -> None:
    own = tmp_path / "firm.yaml"
    gated = "programmes: {new_account: {gates: [activation]}}\n"
    own.write_text(f"pack: mine\nextends: demo_firm\ntitle: 我\ntitle_en: Mine\n{gated}", encoding="utf-8")
    bob = under(str(own))
    waiting, passed = bob.get("/api/v1/gates/activation/C4"), bob.get("/api/v1/gates/activation/C1")
    _valid(waiting, "Gate")
    assert [reason["code"] for reason in waiting.json["reasons"]] == ["waiting"]
    assert passed.json["open"]


def test_without_a_pack_no_gate_is_open(under: Any, tmp_path: Any) -> None:
    broken = tmp_path / "firm.yaml"
    broken.write_text("pack: [", encoding="utf-8")
    bob = under(str(broken))
    for path in ("activation/C1", "departure/S1"):
        answer = bob.get(f"/api/v1/gates/{path}")
        assert answer.status_code == 503
        _valid(answer, "Error")
    explained = bob.get("/api/v1/clients/C3/explanation")
    _valid(explained, "Explanation")
    assert "firm.yaml" in explained.json["pack_fault"]
    assert "pack_unreadable" in [reason["code"] for reason in explained.json["gate"]["reasons"]]


@pytest.mark.parametrize(
    "body", [{}, [], {"text": ""}, {"text": "!"}, {"text": 5}, {"text": "a", "page": 0}, {"text": "a", "channel": []}]
)
def test_a_wrong_search_is_refused_with_a_reason(bob: Any, body: object) -> None:
    answer = bob.post_json("/api/v1/search", body)
    assert answer.status_code == 400
    _valid(answer, "Error")


def test_errors_are_json(nobody: Any, bob: Any, alice: Any) -> None:
    for answer, status in (
        (nobody.get("/api/v1/calls"), 401),
        (bob.get("/api/v1/calls/none"), 404),
        (bob.get("/api/v1/nothing"), 404),
        (bob.client.post("/api/v1/search", json={"text": "a"}), 400),
        (alice.post_json("/api/v1/search", {"text": "全权"}), 403),
    ):
        assert answer.status_code == status
        _valid(answer, "Error")


def test_ready_says_what_is_not(nobody: Any, day: Any) -> None:
    assert nobody.get("/healthz").json == {"status": "ok"}
    assert nobody.get("/readyz").json == {"status": "ok", "checks": {"database": "ok", "archive": "ok"}}
    with day.db.write() as session:
        session.connection().exec_driver_sql("UPDATE alembic_version SET version_num = '0000'")
    answer = nobody.get("/readyz")
    assert answer.status_code == 503
    assert answer.json["checks"] == {"database": "DatabaseError", "archive": "ok"}


def test_metrics_count_what_the_tables_hold(nobody: Any) -> None:
    text = nobody.get("/metrics").text
    assert 'huifang_attempts{disposition="answered"} 3.0' in text
    assert 'huifang_transcripts{state="pending"} 1.0' in text
    assert "huifang_recorded_seconds 72.0" in text
    assert "张" not in text
    assert "138" not in text
