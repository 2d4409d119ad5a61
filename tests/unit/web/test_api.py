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
