"""The approved scripts: they load, they speak, they ask what the source rules ask, in that order, and not for long."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import soundfile
from click.testing import CliRunner

from ivr_flows.document import schema
from ivr_flows.loader import FLOWS, check_file, names
from ivr_flows.model import Ask, Choice, End, Flow, Handoff, Match, Open, Question, Say, Scale
from ivr_flows.prompts import COMMITTED, Catalogue, content_hash
from ivr_flows.voices import main, orphans, wanted

pytestmark = pytest.mark.unit

SCRIPTS = names()
GAL = {  # question -> (rule, answer that passes), in the order of the source
    "new_account": {
        "opened_in_person": ("C-18", "yes"),
        "set_own_password": ("C-19", "yes"),
        "staff_operates_account": ("C-20", "no"),
        "full_discretion": ("C-21", "no"),
        "risk_told": ("C-22", "yes"),
        "developer_attribution": ("C-23", None),
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


@pytest.mark.parametrize(("name", "language"), SCRIPTS)
def test_a_shipped_script_has_no_fault_and_all_its_audio(name: str, language: str) -> None:
    assert [str(fault) for fault in check_file(FLOWS / language / f"{name}.yaml")] == []


def test_every_script_is_there_in_both_languages() -> None:
    assert {name for name, _ in SCRIPTS} == set(GAL)
    assert len(SCRIPTS) == 2 * len(GAL)


@pytest.mark.parametrize(("name", "language"), SCRIPTS)
@pytest.mark.rule("C-06")
def test_it_asks_what_the_source_asks_in_that_order(name: str, language: str, shipped: Callable[..., Flow]) -> None:
    flow = shipped(name, language)
    first = {"convenient", "appointment", "identity"}
    asked = [item for item in flow.steps.values() if isinstance(item, Question) and item.question not in first]
    assert {item.question: (item.rules[0], getattr(item, "expected", None)) for item in asked} == GAL[name]
    assert [item.question for item in asked] == list(GAL[name])


@pytest.mark.parametrize(("name", "language"), SCRIPTS)
@pytest.mark.rule("C-01")
@pytest.mark.rule("C-03")
@pytest.mark.rule("C-05")
def test_it_names_the_firm_asks_whether_it_suits_and_who_it_is_before_any_content(
    name: str, language: str, shipped: Callable[..., Flow], walk: Callable[..., Any], facts: dict[str, str]
) -> None:
    flow = shipped(name, language)
    assert flow.company in flow.prompts["greeting"].text
    order = list(dict.fromkeys(state.step for state in walk(flow, facts).moments()))
    assert order[:3] == ["greeting", "convenient", "identity"]
    assert getattr(flow.steps["greeting"], "mandatory", False)


@pytest.mark.parametrize(("name", "limit_s"), [("new_account", 110), ("existing_client", 75)])
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
    catalogue = Catalogue()
    spoken = sum(catalogue.seconds(call.flow.prompts[prompt], facts) for prompt in call.said)
    assert 30 < spoken <= limit_s
    assert call.verdict.outcome == "passed"


@pytest.mark.parametrize("language", ["zh-CN", "en"])
@pytest.mark.rule("C-22")
def test_the_risk_passage_is_mandatory_and_takes_its_time(language: str, shipped: Callable[..., Flow]) -> None:
    flow = shipped("new_account", language)
    assert getattr(flow.steps["risk"], "mandatory", False)
    assert 11 <= Catalogue().seconds(flow.prompts["risk"]) <= 20


def test_audio_is_named_by_its_text_and_nothing_is_left_over() -> None:
    assert orphans() == []
    for prompt in wanted():
        path = COMMITTED / prompt.language / f"{content_hash(prompt.language, prompt.text)}.flac"
        about = soundfile.info(path)
        assert (about.samplerate, about.channels, about.subtype) == (8000, 1, "PCM_16")
        samples, _ = soundfile.read(path)
        level = float((samples**2).mean() ** 0.5)
        assert 0.05 < level < 0.2, (prompt.id, level)
        assert about.duration > 0.12 * len(prompt.text.split() if prompt.language == "en" else prompt.text) - 0.3


RENAMED = {"pass": "expected", "max": "max_ms", "silence": "silence_ms"}
VERBS = {
    "say": Say,
    "ask": Ask,
    "match": Match,
    "choice": Choice,
    "scale": Scale,
    "open": Open,
    "handoff": Handoff,
    "end": End,
}


@pytest.mark.parametrize("verb", VERBS)
def test_the_schema_and_the_model_know_the_same_keys(verb: str) -> None:
    definitions: Any = schema()["$defs"]
    written = {RENAMED.get(key, key) for key in definitions[verb]["properties"]} - {verb}
    modelled = {item.name for item in fields(VERBS[verb])} - {"id", "line", "prompts"}
    assert written == modelled


def test_the_schema_knows_exactly_the_verbs_of_the_model() -> None:
    definitions: Any = schema()["$defs"]
    assert [choice["required"][0] for choice in definitions["step"]["allOf"][0]["oneOf"]] == list(VERBS)


def test_the_rendering_tool_finds_nothing_to_do() -> None:
    told = CliRunner().invoke(main, ["--check"])
    assert (told.exit_code, told.output) == (0, "0 missing, 0 orphaned\n")


def test_the_rendering_tool_lists_what_another_firm_lacks(tmp_path: Path) -> None:
    told = CliRunner().invoke(main, ["--check", "--company", "Other", "--language", "en", "--site", str(tmp_path)])
    assert told.exit_code == 1
    assert told.output.splitlines() == ["missing  en greeting", "1 missing, 0 orphaned"]
    assert CliRunner().invoke(main, ["--company", "Other"]).exit_code == 2
