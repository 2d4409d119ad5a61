"""A flow with a fault is refused at load, and the fault says where it is and how to mend it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ivr_flows.build import milliseconds
from ivr_flows.document import parse
from ivr_flows.errors import FlowError, FlowRefused
from ivr_flows.loader import FLOWS, check_file, load_flow, load_sources
from ivr_flows.model import Flow, targets
from ivr_flows.prompts import Catalogue

pytestmark = pytest.mark.unit

FAULTS = [
    # what is changed, into what, the code, and the text at whose place the fault must point
    ("title: {", "titel: {", "unknown-key", "titel"),
    ("title: {zh-CN: 小话术, en: A small flow}\n", "", "missing-key", "flow: small"),
    ("zh-CN: 小话术, ", "", "missing-translation", "title"),
    ("  bye: {zh-CN: 再见。, en: Bye.}", "  bye: {en: Bye.}", "missing-translation", "bye:"),
    ("max_turns: 30", "max_turns: many", "bad-number", "max_turns"),
    ("after: 6s", "after: 6", "bad-duration", "after"),
    ("max: 20s", "max: twenty", "bad-duration", "max:"),
    ("mandatory: yes", "mandatory: on", "bad-flag", "mandatory"),
    ("flow: small", "flow: Small", "bad-name", "flow"),
    (
        "  bye: {zh-CN: 再见。, en: Bye.}",
        "  bye: {zh-CN: a, en: b}\n  bye: {zh-CN: c, en: d}",
        "duplicate-key",
        "bye: {zh-CN: c",
    ),
    ("rules: [C-18], pass: yes", "rules: [C-18], pass: maybe", "bad-value", "pass"),
    ("hello: {say: hello, ", "hello: {", "one-verb", "hello: {"),
    ("say: hello, ", "say: hello, ask: hello, ", "one-verb", "hello: {"),
    ("say: hello", "say: []", "missing-prompt", "say: []"),
    ("a: {key: 1", "a: {key: 0", "bad-key", "key: 0"),
    ("b: {key: 2", "b: {key: 1", "key-twice", "options"),
    ("{agreed: tell, none: tell}", "{agreed: tell}", "open-outcomes", "outcomes"),
    ("{agreed: tell, none: tell}", "{agreed: tell, none: tell, some: tell}", "open-outcomes", "some: tell"),
    (
        "mark: {scale: mark, rules: [C-24], next: number}",
        "mark: {scale: mark, rules: [C-24]}",
        "open-outcomes",
        "mark: {scale",
    ),
    ("next: who", "next: whom", "dangling-target", "next: whom"),
    ("say: {1: again}, then: agent", "say: {1: again}, then: x", "dangling-target", "then: x"),
    ("entry: hello", "entry: hallo", "dangling-target", "entry"),
    ("body: right", "body: left", "dangling-target", "body"),
    ("\nagent: agent", "\nagent: bye", "not-a-handoff", "agent: bye"),
    ("closing: bye", "closing: promise", "no-good-end", "closing"),
    ("mark: {scale: mark,", "mark: {scale: mark, question: which,", "question-twice", "question: which"),
    ("mark: {scale: mark, rules: [C-24],", "mark: {scale: mark,", "unread-answer", "mark: {scale"),
    ("check: id_last4", "check: id_last5", "unknown-check", "check"),
    ("pass: yes", "pass: yes, when: rich, otherwise: bye", "unknown-check", "when"),
    ("pass: yes", "pass: yes, when: developed_by_marketing", "missing-key", "right: {ask"),
    ("who: {match: who", "who: {match: whom", "missing-prompt", "match"),
    ("agent: {handoff: wait, unavailable: promise}", "agent: {use: agents}", "unknown-passage", "use: agents"),
    ("bye: {end: bye", "spare: {question: what, next: bye}\n  bye: {end: bye", "unknown-question", "question: what"),
    ("  wait: {", "  spare: {zh-CN: 多余。, en: Spare.}\n  wait: {", "unused-prompt", "spare"),
    ("en: Bye.", 'en: "Bye {name"', "slot-in-text", "bye: {"),
    ('{callback_day}"', '{weather}"', "unknown-fact", "later: {"),
    ("next: who}", "next: right}", "unreachable-step", "who: {match"),
    ("outcome: passed", "outcome: [", "not-yaml", ""),
    ("bye: {end: bye, outcome: passed}", "bye: &x {end: bye}\n  bye2: *x", "not-yaml", "*x"),
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
        "next: who}", "next: who}\n  one: {say: hello, next: two}\n  two: {say: hello, next: one}"
    )
    assert {"no-exit"} <= {fault.code for fault in faults_of(ring)}


def test_it_refuses_conditions_that_skip_in_a_ring(
    small_text: str, faults_of: Callable[[str], list[FlowError]]
) -> None:
    ring = small_text.replace("pass: yes", "pass: yes, when: developed_by_marketing, otherwise: mark").replace(
        "mark: {scale: mark,", "mark: {scale: mark, when: developed_by_marketing, otherwise: right,"
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


def test_the_hash_changes_with_any_text_with_the_language_and_with_the_firm(
    small_text: str, made: Callable[..., Flow], tmp_path: Path
) -> None:
    first = made(small_text).hash
    assert made("# a comment\n" + small_text).hash == first
    other = load_flow("small", "en", company="Other", folder=tmp_path).hash
    assert (
        len({first, other, made(small_text.replace("Bye.", "Goodbye."), "en").hash, made(small_text, "zh-CN").hash})
        == 4
    )


def test_a_step_takes_its_own_limits_then_its_verbs_then_the_flows(small_text: str, made: Callable[..., Flow]) -> None:
    scoped = small_text.replace("texts:\n", "  scale:\n    no_input: {after: 2s, limit: 1, then: bye}\ntexts:\n", 1)
    own = scoped.replace("open: tell,", "open: tell, no_input: {after: 9s, limit: 2, then: bye},")
    flow = made(own)
    after = {name: getattr(flow.steps[name], "no_input").after_ms for name in ("right", "mark", "tell")}  # noqa: B009
    assert after == {"right": 6000, "mark": 2000, "tell": 9000}


def test_a_text_with_a_fact_becomes_what_is_fixed_and_what_is_spoken(made: Callable[..., Flow]) -> None:
    said = [made().prompts[prompt] for prompt in made().steps["promise"].prompts]
    assert [(prompt.text, prompt.slot) for prompt in said] == [
        ("We will call on", None),
        ("", "callback_day"),
        ("goodbye.", None),
    ]


PASSAGE = """\
passage: who
exits: [known, other]
defaults: {no_input: {after: 6s, limit: 1, then: agent}, no_match: {limit: 1, then: agent}}
texts:
  name: {zh-CN: 您是本人吗？, en: Is it you?}
steps:
  asked: {ask: name, rules: [C-33], pass: yes, outcomes: {yes: sure, no: other}}
  sure: {say: name, next: known}
"""


def test_a_passage_is_put_in_at_the_step_that_uses_it(
    small_text: str, faults_of: Callable[[str], list[FlowError]], made: Callable[..., Flow], tmp_path: Path
) -> None:
    (tmp_path / "passages").mkdir()
    (tmp_path / "passages" / "who.yaml").write_text(PASSAGE, "utf-8")
    used = small_text.replace(
        "who: {match: who, rules: [C-05], check: id_last4, digits: 4, next: right}",
        "who: {use: who, outcomes: {known: right, other: promise}}",
    ).replace("  who: {zh-CN: 您是谁？, en: Who are you?}\n", "")
    assert faults_of(used) == []
    flow = made(used)
    assert list(flow.steps)[:3] == ["hello", "who", "who.sure"]
    assert targets(flow.steps["who"]) == {"yes": "who.sure", "no": "promise", "no_input": "agent", "no_match": "agent"}
    assert flow.prompts["who.name"].text == "Is it you?"
    assert set(flow.sources) == {"small.yaml", "common.yaml", "passages/who.yaml"}
    again = load_sources(flow.sources, "small", "en", "Huifang")
    assert again == flow
    open_exit = used.replace("{known: right, other: promise}", "{known: right}")
    assert "open-outcomes" in {fault.code for fault in faults_of(open_exit)}


def test_a_shared_question_brings_its_words_and_its_right_answer(
    small_text: str, faults_of: Callable[[str], list[FlowError]], made: Callable[..., Flow], tmp_path: Path
) -> None:
    shared = "questions:\n  told: {ask: told, pass: no, texts: {told: {zh-CN: 说过吗？, en: Were you told?}}}\n"
    (tmp_path / "questions.yaml").write_text(shared, "utf-8")
    asked = small_text.replace(
        "right: {ask: right, rules: [C-18], pass: yes,", "right: {question: told, rules: [C-22],"
    )
    asked = asked.replace("  right: {zh-CN: 对吗？, en: Is it right?}\n", "")
    assert faults_of(asked) == []
    step = made(asked).steps["right"]
    assert (getattr(step, "question", ""), getattr(step, "expected", ""), step.rules) == ("told", "no", ("C-22",))
    assert made(asked).prompts["told"].text == "Were you told?"


def test_a_text_without_audio_is_refused_for_dialing_and_names_the_command(tmp_path: Path) -> None:
    path = tmp_path / "existing_client.yaml"
    shutil.copytree(FLOWS, tmp_path, dirs_exist_ok=True)
    path.write_text(path.read_text("utf-8").replace("您的基础资料需要更新吗？", "您的资料要更新吗？"), "utf-8")
    questions = tmp_path / "questions.yaml"
    questions.write_text(
        questions.read_text("utf-8").replace("您的基础资料需要更新吗？", "您的资料要更新吗？"), "utf-8"
    )
    faults = check_file(path, catalogue=Catalogue())
    assert "data_update_needed" in [fault.message.split()[0] for fault in faults if fault.code == "missing-audio"]
    with pytest.raises(FlowRefused, match="data_update_needed"):
        load_flow("existing_client", "zh-CN", folder=tmp_path, catalogue=Catalogue())


def test_another_firms_name_needs_its_own_audio() -> None:
    with pytest.raises(FlowRefused, match="greeting has no audio"):
        load_flow("new_account", "zh-CN", company="别家证券", catalogue=Catalogue())


def test_a_script_under_another_name_is_refused(
    small_text: str, faults_of: Callable[[str], list[FlowError]], tmp_path: Path
) -> None:
    assert faults_of(small_text) == []
    path = tmp_path / "other.yaml"
    path.write_text(small_text, "utf-8")
    assert [fault.code for fault in check_file(path)] == ["misplaced"]
