"""A pack in words: complete, in both languages, without a code that nobody understands."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.programmes import words_tables as tables
from dialer.programmes.amount_words import duration
from dialer.programmes.load import load_pack, shipped_packs
from dialer.programmes.model import CapPer, DayKind, Per, Trigger, Unit
from dialer.programmes.said import Language
from dialer.programmes.words import PackWords, explain

pytestmark = pytest.mark.unit

LANGUAGES: tuple[Language, ...] = ("zh-CN", "en")
UNKNOWN = re.compile(r"‹[^›]*›|\bNone\b|\{\w*\}")


def told(name: str, language: Language) -> PackWords:
    return explain(load_pack(name), language)


def text(words: PackWords, key: str) -> str:
    return "\n".join(words.section(key).paragraphs)


@pytest.fixture
def firm(tmp_path: Path) -> Callable[..., str]:
    """Writes a firm's pack and returns its path."""

    def write(content: str, extends: str = "demo_firm") -> str:
        path = tmp_path / "firm.yaml"
        path.write_text(f"pack: firm\nextends: {extends}\n{content}", encoding="utf-8")
        return str(path)

    return write


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", shipped_packs())
def test_every_shipped_pack_is_told_without_an_unknown_word(name: str, language: Language) -> None:
    sections = told(name, language).sections
    unknown = {found for one in sections for part in (one.title, *one.paragraphs) for found in UNKNOWN.findall(part)}
    assert unknown == set(), "add the words to words_tables.py or words_roles.py"
    assert {f"programme.{key}" for key in load_pack(name).programmes} <= {one.key for one in sections}


@pytest.mark.parametrize("name", shipped_packs())
def test_both_languages_tell_the_same_sections_and_rules(name: str) -> None:
    chinese, english = told(name, "zh-CN").sections, told(name, "en").sections
    facts = [[(one.key, len(one.paragraphs), one.rules) for one in sections] for sections in (chinese, english)]
    assert facts[0] == facts[1]


@pytest.mark.rule("A-20")
@pytest.mark.rule("D-02")
@pytest.mark.rule("J-06")
def test_a_programme_says_whom_when_by_when_who_and_under_which_rules() -> None:
    section = told("demo_firm", "zh-CN").section("programme.new_account")
    said = "\n".join(section.paragraphs)
    assert section.title == "新开户客户回访"
    assert "A-20" in section.rules
    for words in (
        "对象：全部客户",
        "开立资金账户",
        "1 个月内，原文“一个月内”（A-20）",
        "销户",
        "执行：公司呼叫中心",
        "录音电话",
        "通过标准",
        "IB客户的新开户回访由期货公司呼叫中心进行",
        "（A-85）",
        "转办处理",
    ):
        assert words in said


def test_the_same_programme_reads_in_english() -> None:
    said = text(told("demo_firm", "en"), "programme.existing_client")
    for words in ("Due: Once a year", "at least 10% (A-39)", "At least 15% of these: tagged “margin trading” (A-40)"):
        assert words in said


@pytest.mark.rule("B-12")
def test_caps_ladder_and_interval_are_told_with_their_rules() -> None:
    words = told("demo_firm", "en")
    assert (
        "One client: at most 2 talks per quarter; “New account” neither count nor are stopped (B-12)."
        in words.section("caps").paragraphs
    )
    assert "The interval between two calls is at least 10 minutes." in text(words, "caps")
    assert "Busy: again after 10 minutes, at most 5 attempts that end so." in text(words, "retries")
    assert "Trunk congested: again after 5 minutes, uses up no attempt." in text(words, "retries")


@pytest.mark.rule("B-05")
@pytest.mark.rule("B-04")
def test_windows_of_weekdays_segments_and_appointments_are_told(firm: Callable[..., str]) -> None:
    path = firm(
        "windows:\n  days: working_day\n  monday: [14:30-17:00]\n  tuesday: [09:30-11:00]\n  wednesday: [09:30-11:00]\n"
        "  segments: [{when: \"'active' in tags\", days: trading_day, every: [09:30-11:30], rule: B-05}]\n"
        "  appointments: {days: working_day, friday: [13:00-17:00], rule: B-04}\n"
    )
    said = text(told(path, "en"), "windows")
    assert "only on working days: Monday 14:30-17:00, Tuesday to Wednesday 09:30-11:00" in said
    assert "tagged “active trader”: only on trading days: daily 09:30-11:30 (B-05)" in said
    assert "For appointments only, in addition: only on working days: Friday 13:00-17:00 (B-04)" in said


@pytest.mark.rule("B-12")
def test_a_cap_is_told_although_the_windows_beside_it_are_open() -> None:
    words = told("M09", "zh-CN")
    assert "可拨时段未定" in text(words, "windows")
    assert "同一客户每季度最多通话 2 次" in text(words, "caps")
    assert load_pack("M09").contact is None


@pytest.mark.rule("M-01")
@pytest.mark.rule("M-27")
def test_open_values_are_listed_with_what_they_mean_and_how_to_set_them() -> None:
    pack, words = load_pack("GAL"), told("GAL", "zh-CN")
    paragraphs = words.section("open").paragraphs
    assert len(paragraphs) == len(pack.everything_open()) + 1
    assert "programmes.special.deadline.day_type：“特殊客户回访”：“日”指自然日、工作日还是交易日" in paragraphs
    assert "huifang pack new GAL" in paragraphs[-1]
    assert "期限：未定，须由公司设定" in text(words, "programme.signed")
    assert "期限：“日”指自然日、工作日还是交易日未定" in text(words, "programme.special")


def test_a_pack_with_nothing_open_has_no_such_section() -> None:
    assert "open" not in {section.key for section in told("demo_firm", "en").sections}


@pytest.mark.rule("E-01")
@pytest.mark.rule("E-04")
def test_who_must_not_call_is_told() -> None:
    said = text(told("demo_firm", "en"), "people")
    assert "Must not call: marketing (E-01)." in said
    assert "Nobody calls a client whom he introduced himself (E-04)." in said


@pytest.mark.parametrize(
    ("table", "codes"),
    [
        (tables.DAY_KINDS, DayKind),
        (tables.AMOUNTS_ONE, Unit),
        (tables.PERIODS, [*Per, *CapPer]),
    ],
)
def test_every_code_of_the_model_has_a_word(table: tables.Table, codes: list[str]) -> None:
    assert {str(code) for code in codes} <= table.keys()


@pytest.mark.parametrize("kind", Trigger)
def test_every_trigger_is_used_by_some_pack_that_is_told(kind: Trigger) -> None:
    used = {one.due.kind for name in shipped_packs() for one in load_pack(name).programmes.values()}
    assert kind in used


@given(st.integers(0, 10**7))
def test_a_time_is_said_exactly(seconds: int) -> None:
    sizes = {"day": 86400, "hour": 3600, "minute": 60, "second": 1}
    said = re.findall(r"(\d+) (day|hour|minute|second)", duration(timedelta(seconds=seconds)).en)
    assert sum(int(number) * sizes[unit] for number, unit in said) == seconds
