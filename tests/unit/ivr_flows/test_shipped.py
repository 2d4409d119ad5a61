"""The approved scripts: they load, they ask what the source rules ask, and every rule has its question."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import fields
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from dialer.programmes.load import load_pack, shipped_packs
from ivr_flows.document import read, schema
from ivr_flows.loader import FLOWS, check_file, names
from ivr_flows.merging import merge
from ivr_flows.model import (
    Appointment,
    Ask,
    Choice,
    Digits,
    End,
    Flow,
    Handoff,
    Match,
    Open,
    Question,
    Say,
    Scale,
)
from ivr_flows.prompts import Catalogue

pytestmark = pytest.mark.unit

SCRIPTS = names()
DOCUMENTS = sorted(FLOWS.glob("*.yaml")) + sorted((FLOWS / "passages").glob("*.yaml"))
GAL = {  # question -> (rule, answer that passes), in the order of the source
    "new_account": {
        "opened_in_person": ("C-18", "yes"),
        "set_own_password": ("C-19", "yes"),
        "staff_operates_account": ("C-20", "no"),
        "full_discretion": ("C-21", "no"),
        "risk_told": ("C-22", "yes"),
        "developer_attribution": ("C-23", "any"),
        "knows_marketer": ("C-23", "yes"),
        "satisfaction_client_service": ("C-24", None),
        "satisfaction_research": ("C-24", None),
        "satisfaction_marketing_staff": ("C-24", None),
        "satisfaction_environment": ("C-24", None),
        "satisfaction_channels": ("C-24", None),
        "suggestions": ("C-25", None),
        "licence_shown": ("C-26", "yes"),
        "agency_or_wealth_mgmt": ("C-27", "no"),
        "beyond_authority": ("C-28", "no"),
        "staff_satisfaction": ("C-29", None),
        "staff_demands": ("C-29", None),
    },
    "existing_client": {
        "data_update_needed": ("C-86", "any"),
        "staff_operates_account": ("C-87", "no"),
        "full_discretion": ("C-88", "no"),
        "risk_told": ("C-89", "yes"),
        "satisfaction_client_service": ("C-90", None),
        "satisfaction_research": ("C-90", None),
        "satisfaction_marketing_staff": ("C-90", None),
        "satisfaction_environment": ("C-90", None),
        "satisfaction_channels": ("C-90", None),
        "suggestions": ("C-90", None),
    },
}
FIRST = {"convenient", "appointment", "is_customer", "id_last4"}
LEFT_OUT = {"C-113": "marketing content, which compliance call-backs must not carry (E-01)"}
"""Rows that no script carries, and why."""


@pytest.mark.parametrize("path", DOCUMENTS, ids=[path.stem for path in DOCUMENTS])
def test_a_shipped_document_fits_the_schema_and_has_no_fault(path: Path) -> None:
    document, faults = read(path)
    assert faults == []
    assert list(Draft202012Validator(dict(schema())).iter_errors(document.tree)) == []
    if (path.stem, "en") in SCRIPTS:
        assert [str(fault) for fault in check_file(path)] == []


def test_every_script_that_a_pack_names_is_there() -> None:
    wanted = {programme.flow for pack in shipped_packs() for programme in load_pack(pack).programmes.values()}
    assert wanted - {name for name, _ in SCRIPTS} - {""} == set()


@pytest.mark.parametrize("name", GAL)
@pytest.mark.parametrize("language", ["zh-CN", "en"])
@pytest.mark.rule("C-06")
def test_it_asks_what_the_source_asks_in_that_order(name: str, language: str, shipped: Callable[..., Flow]) -> None:
    flow = shipped(name, language)
    asked = [item for item in flow.steps.values() if isinstance(item, Question) and item.question not in FIRST]
    assert {item.question: (item.rules[0], getattr(item, "expected", None)) for item in asked} == GAL[name]
    assert [item.question for item in asked] == list(GAL[name])


@pytest.mark.rule("C-09")
def test_every_question_row_of_the_requirements_is_carried_by_a_step(shipped: Callable[..., Flow]) -> None:
    rows = {rule for rule in _rule_ids() if 18 <= int(rule[2:]) <= 142 and rule.startswith("C-")}
    assert len(rows) == 125
    carried = {rule for name, _ in SCRIPTS for step in shipped(name).steps.values() for rule in step.rules}
    assert sorted(rows - carried - LEFT_OUT.keys()) == []
    assert carried & LEFT_OUT.keys() == set()


def _rule_ids() -> set[str]:
    """The ids of the catalogue of requirements."""
    text = (Path(__file__).parents[3] / "docs" / "requirements").glob("*.md")
    return {rule for path in text for rule in re.findall(r"^\| ([A-Z]-\d+) \|", path.read_text("utf-8"), re.MULTILINE)}


@pytest.mark.parametrize("name", sorted({name for name, _ in SCRIPTS}))
@pytest.mark.rule("C-01")
@pytest.mark.rule("C-03")
@pytest.mark.rule("C-05")
def test_it_names_the_firm_asks_whether_it_suits_and_who_it_is_before_any_content(
    name: str, shipped: Callable[..., Flow]
) -> None:
    flow = shipped(name, "zh-CN")
    greeting = flow.steps[flow.entry]
    assert isinstance(greeting, Say)
    assert greeting.mandatory
    assert flow.company in "".join(flow.prompts[prompt].text for prompt in greeting.prompts)
    questions = [step.question for step in flow.steps.values() if isinstance(step, Question)]
    assert questions[:4] == ["convenient", "appointment", "is_customer", "id_last4"]


@pytest.mark.parametrize("name", sorted({name for name, _ in SCRIPTS}))
def test_two_scripts_of_one_contact_can_be_merged(
    name: str, shipped: Callable[..., Flow], walk: Any, facts: Any
) -> None:
    merged = merge([shipped("new_account"), shipped(name)])
    call = walk(merged, {**facts, **EVENT_FACTS})
    for _ in call.moments():
        pass
    assert call.verdict.outcome == "passed" or call.state.agent_tried


EVENT_FACTS = {
    "account_agent": "Han Meimei",
    "agent_scope": "trading",
    "opening_channel": "counter",
    "operation": "closing the account",
    "special_business": "margin trading",
    "asset_change": "a withdrawal",
    "event_day": "yesterday",
    "staff_member": "Lin Tao",
}


@pytest.mark.parametrize(("name", "limit_s"), [("new_account", 125), ("existing_client", 90)])
@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_what_is_said_to_a_willing_client_is_short(
    name: str,
    limit_s: int,
    language: str,
    shipped: Callable[..., Flow],
    walk: Callable[..., Any],
    facts: dict[str, str],
) -> None:
    call = walk(shipped(name, language), facts)
    for _ in call.moments():
        pass
    catalogue, prompts = Catalogue(), [call.flow.prompts[prompt] for prompt in call.said]
    spoken = sum(catalogue.seconds(prompt) for prompt in prompts if not prompt.slot)
    assert 30 < spoken <= limit_s
    assert call.verdict.outcome == "passed"


@pytest.mark.parametrize("language", ["zh-CN", "en"])
@pytest.mark.rule("C-22")
def test_the_risk_passage_is_mandatory_and_takes_its_time(language: str, shipped: Callable[..., Flow]) -> None:
    flow = shipped("new_account", language)
    assert getattr(flow.steps["risk"], "mandatory", False)
    (said,) = flow.steps["risk"].prompts
    assert 11 <= Catalogue().seconds(flow.prompts[said]) <= 20


RENAMED = {
    "pass": "expected",
    "max": "max_ms",
    "silence": "silence_ms",
    "options": "keys",
    "mask": "masked",
    "slots": "offers",
}
FLATTENED = {"next", "wrong", "length"}
"""Keys that the loader works into others: into `outcomes`, and into `least` and `most`."""
VERBS = {
    "say": Say,
    "ask": Ask,
    "match": Match,
    "choice": Choice,
    "scale": Scale,
    "digits": Digits,
    "open": Open,
    "appointment": Appointment,
    "handoff": Handoff,
    "end": End,
}


@pytest.mark.parametrize("verb", VERBS)
def test_the_schema_and_the_model_know_the_same_keys(verb: str) -> None:
    definitions: Any = schema()["$defs"]
    flattened = FLATTENED - ({"next"} if verb == "say" else set())
    own = {"digits"} if verb == "match" else set()
    written = {RENAMED.get(key, key) for key in definitions[f"step_{verb}"]["properties"]} - {verb} - flattened | own
    modelled = {item.name for item in fields(VERBS[verb])} - {"id", "line", "prompts", "echo", "least", "most"}
    assert written == modelled


def test_the_schema_knows_exactly_the_verbs_of_the_model() -> None:
    definitions: Any = schema()["$defs"]
    known = [choice["required"][0] for choice in definitions["step"]["allOf"][0]["oneOf"]]
    assert known == [*list(VERBS)[:-1], "use", "end", "question"]


def test_the_schema_is_packaged() -> None:
    text = resources.files("ivr_flows").joinpath("schema/flow.schema.json").read_text("utf-8")
    assert json.loads(text) == schema()
