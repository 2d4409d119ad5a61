"""A flow with a fault is refused at load, and the fault says where it is and how to mend it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ivr_flows.build import identity, milliseconds
from ivr_flows.document import parse
from ivr_flows.errors import FlowError, FlowRefused
from ivr_flows.loader import FLOWS, check_file, load_flow
from ivr_flows.model import Flow

pytestmark = pytest.mark.unit

FAULTS = [
    # what is changed, into what, the code, and the text at whose place the fault must point
    ("title: A small flow", "titel: A small flow", "unknown-key", "titel"),
    ("title: A small flow\n", "", "missing-key", "flow: small"),
    ("max_turns: 30", "max_turns: many", "bad-number", "max_turns"),
    ("after: 6s", "after: 6", "bad-duration", "after"),
    ("max: 20s", "max: twenty", "bad-duration", "max:"),
    ("mandatory: true", "mandatory: on", "bad-flag", "mandatory"),
    ("language: en", "language: fr", "bad-value", "language"),
    ("  bye: Bye.", "  bye: Bye.\n  bye: Goodbye.", "duplicate-key", "bye: Goodbye."),
    ("pass: yes", "pass: maybe", "bad-value", "pass"),
    ("say: [hello], ", "", "one-verb", "hello: {"),
    ("say: [hello], ", "say: [hello], ask: [hello], ", "one-verb", "hello: {"),
    ("say: [hello]", "say: []", "missing-prompt", "say: []"),
    ("keys: {1: a, 2: b}", "keys: {0: a, 2: b}", "bad-key", "keys"),
    ("outcomes: {yes: which, no: agent}", "outcomes: {yes: which}", "missing-key", "outcomes: {yes: which}"),
    ("next: who", "next: whom", "dangling-target", "next: whom"),
    ("no: agent}", "no: nobody}", "dangling-target", "no: nobody"),
    ("limit: 3, say: {1: [again]}, then: agent", "limit: 3, say: {1: [again]}, then: x", "dangling-target", "then: x"),
    ("entry: hello", "entry: hallo", "dangling-target", "entry"),
    ("agent: agent", "agent: bye", "not-a-handoff", "agent: bye"),
    ("question: mark", "question: which", "question-twice", "question: which, outcomes: {marked"),
    ("outcomes: {a: mark, b: mark}", "outcomes: {a: mark, c: mark}", "open-outcomes", "outcomes: {a: mark, c"),
    ("check: id_last4", "check: id_last5", "unknown-check", "check"),
    ("pass: yes", "pass: yes, when: rich, otherwise: bye", "unknown-check", "when"),
    ("pass: yes", "pass: yes, when: developed_by_marketing", "missing-key", "right: {ask"),
    ("who: {match: [who]", "who: {match: [whom]", "missing-prompt", "match"),
    ("  bye: Bye.", "  bye: Bye.\n  spare: Spare.", "unused-prompt", "spare"),
    ("Bye.", "Bye {callback_day}.", "slot-in-text", "bye: Bye {"),
    ('"{callback_day}"', '"{weather}"', "unknown-fact", 'later: "{weather}"'),
    ("next: who}", "next: right}", "unreachable-step", "who: {match"),
    ("outcome: passed", "outcome: [", "not-yaml", ""),
    ("bye: {end: [bye], outcome: passed}", "bye: &x {end: [bye]}\n  bye2: *x", "not-yaml", "*x"),
]


@pytest.mark.parametrize(("old", "new", "code", "at"), FAULTS, ids=[f"{row[2]}-{n}" for n, row in enumerate(FAULTS)])
def test_it_refuses_a_fault_and_names_its_place(
    small_text: str, faults_of: Callable[[str], list[FlowError]], old: str, new: str, code: str, at: str
) -> None:
    assert old in small_text
    broken = small_text.replace(old, new, 1)
    fault = next((fault for fault in faults_of(broken) if fault.code == code), None)
    assert fault is not None, [str(other) for other in faults_of(broken)]
    line = broken.splitlines()[fault.line - 1]
    assert at in line
    assert line[fault.column - 1 :].startswith(at) or at.startswith(line[fault.column - 1 :][:4]) or code == "not-yaml"
    assert fault.hint
    assert f"small.yaml:{fault.line}:{fault.column}: {code}" in str(fault)


def test_it_accepts_the_small_flow(small_text: str, faults_of: Callable[[str], list[FlowError]]) -> None:
    assert faults_of(small_text) == []


def test_it_refuses_a_ring_without_an_end(small_text: str, faults_of: Callable[[str], list[FlowError]]) -> None:
    ring = small_text.replace("entry: hello", "entry: one").replace(
        "next: who}", "next: who}\n  one: {say: [hello], next: two}\n  two: {say: [hello], next: one}"
    )
    assert {"no-exit"} <= {fault.code for fault in faults_of(ring)}


def test_it_refuses_conditions_that_skip_in_a_ring(
    small_text: str, faults_of: Callable[[str], list[FlowError]]
) -> None:
    ring = small_text.replace("pass: yes", "pass: yes, when: developed_by_marketing, otherwise: mark").replace(
        "question: mark", "question: mark, when: developed_by_marketing, otherwise: right"
    )
    assert {fault.code for fault in faults_of(ring)} == {"endless-skip"}


@pytest.mark.parametrize("written", ["12:30", "0612", "on", "no", "+33612345678", "1e3", "~"])
def test_every_scalar_stays_what_was_written(written: str) -> None:
    document, _ = parse(f"value: {written}", "x.yaml")
    assert document.tree == {"value": written}


def test_an_empty_or_binary_file_is_a_fault_and_no_crash(tmp_path: Path) -> None:
    for content in (b"", b"\xff\xfe\x00", b"- a\n- b\n"):
        path = tmp_path / "x.yaml"
        path.write_bytes(content)
        assert check_file(path)
    assert check_file(tmp_path / "none.yaml")[0].code == "unreadable"


def test_durations_carry_their_unit() -> None:
    assert [milliseconds(text) for text in ("800ms", "6s", "2m")] == [800, 6000, 120_000]


def test_the_hash_changes_with_any_text_and_with_the_firm() -> None:
    tree = {"flow": "x", "prompts": {"a": "One."}}
    assert identity(tree, "A") == identity({"prompts": {"a": "One."}, "flow": "x"}, "A")
    assert len({identity(tree, "A"), identity(tree, "B"), identity({**tree, "prompts": {"a": "Two."}}, "A")}) == 3


def test_a_step_takes_its_own_limits_then_its_verbs_then_the_flows(small_text: str) -> None:
    scoped = small_text.replace("prompts:\n", "  scale:\n    no_input: {after: 2s, limit: 1, then: bye}\nprompts:\n", 1)
    own = scoped.replace("question: tell,", "question: tell, no_input: {after: 9s, limit: 2, then: bye},")
    flow = _flow(own)
    after = {name: getattr(flow.steps[name], "no_input").after_ms for name in ("right", "mark", "tell")}  # noqa: B009
    assert after == {"right": 6000, "mark": 2000, "tell": 9000}


def _flow(text: str) -> Flow:
    from ivr_flows import build

    document, faults = parse(text, "x.yaml")
    assert not faults
    assert isinstance(document.tree, dict)
    return build.flow(document.tree, "Huifang", {})


def _copy(tmp_path: Path, language: str, old: str = "", new: str = "") -> Path:
    text = (FLOWS / language / "existing_client.yaml").read_text("utf-8")
    assert old in text
    path = tmp_path / language / "existing_client.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text.replace(old, new, 1) if old else text, "utf-8")
    return path


def test_a_changed_text_without_audio_is_refused_and_names_the_command(tmp_path: Path) -> None:
    path = _copy(tmp_path, "zh-CN", "您的基础资料需要更新吗？", "您的资料要更新吗？")
    (fault,) = check_file(path)
    assert fault.code == "missing-audio"
    assert "data_update_needed" in fault.message
    assert "python -m ivr_flows.voices" in fault.hint
    with pytest.raises(FlowRefused, match="data_update_needed"):
        load_flow("existing_client", "zh-CN", folder=tmp_path)


def test_another_firms_name_needs_its_own_audio(tmp_path: Path) -> None:
    with pytest.raises(FlowRefused, match="greeting has no audio"):
        load_flow("new_account", "zh-CN", company="别家证券")


def test_the_two_languages_must_be_one_script(tmp_path: Path) -> None:
    _copy(tmp_path, "zh-CN")
    path = _copy(tmp_path, "en", "keys: {1: morning, 2: afternoon}", "keys: {1: morning, 3: afternoon}")
    assert [fault.code for fault in check_file(path)] == ["twin-differs"]


def test_a_script_in_the_wrong_folder_is_refused(tmp_path: Path) -> None:
    text = (FLOWS / "en" / "existing_client.yaml").read_text("utf-8")
    path = tmp_path / "zh-CN" / "existing_client.yaml"
    path.parent.mkdir()
    path.write_text(text, "utf-8")
    assert [fault.code for fault in check_file(path)] == ["misplaced"]
