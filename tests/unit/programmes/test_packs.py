"""Policy packs: what GAL says, what it leaves open, and how a firm lays its own values over it."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction
from pathlib import Path

import pytest

from core.yaml import YamlError
from dialer.calling.dispositions import Disposition
from dialer.programmes.errors import OpenValue, PackError
from dialer.programmes.load import load_pack, shipped_packs
from dialer.programmes.model import Deadline, Per, Retention, Unit

pytestmark = pytest.mark.unit

CONTACT = ("windows", "caps", "interval", "ring_limit", "retries", "follow_ups")


@pytest.fixture
def firm(tmp_path: Path):
    """Writes a firm's pack that extends demo_firm and returns its path."""

    def write(text: str, extends: str = "demo_firm") -> str:
        path = tmp_path / "firm.yaml"
        path.write_text(f"pack: firm\nextends: {extends}\n{text}", encoding="utf-8")
        return str(path)

    return write


@pytest.mark.parametrize("name", shipped_packs())
def test_every_shipped_pack_loads(name: str) -> None:
    assert load_pack(name).name == name


@pytest.mark.rule("A-20")
def test_gal_calls_every_new_account_within_one_month() -> None:
    programme = load_pack("GAL").programme("new_account")
    assert programme.event == "account_opened"
    assert programme.deadline == Deadline(1, Unit.MONTH, words="一个月内", rule="A-20")
    assert [quota.share for quota in programme.quotas] == [1]
    assert (programme.executor, programme.channels) == ("hq_call_centre", ("recorded_phone",))


@pytest.mark.rule("A-39")
@pytest.mark.rule("A-40")
def test_gal_calls_a_tenth_of_the_existing_clients_and_more_of_those_in_margin_trading() -> None:
    programme = load_pack("GAL").programme("existing_client")
    assert programme.period is Per.YEAR
    assert {(quota.share, quota.rule) for quota in programme.quotas} == {
        (Fraction(15, 100), "A-40"),
        (Fraction(10, 100), "A-39"),
    }
    assert {exemption.rule for exemption in programme.exemptions} == {"A-39"}


@pytest.mark.rule("F-02")
def test_gal_keeps_recordings_three_years() -> None:
    assert load_pack("GAL").retention["recording"] == Retention(3, Unit.YEAR, "F-02")


@pytest.mark.rule("M-01")
def test_gal_does_not_run_until_the_firm_has_set_what_the_source_leaves_open() -> None:
    with pytest.raises(OpenValue) as refused:
        load_pack("GAL").runnable()
    assert refused.value.names == CONTACT
    assert "extends: GAL" in str(refused.value)


def test_the_template_of_a_firm_sets_everything() -> None:
    rules = load_pack("demo_firm").runnable()
    assert rules.ring_limit == timedelta(seconds=30)
    assert set(rules.retries.rungs) == set(Disposition)


def test_a_firm_changes_one_value_and_keeps_the_rest(firm) -> None:
    pack = load_pack(firm("interval: 1h\nretries: {after: {busy: {delay: 1min}}}\n"))
    below = load_pack("demo_firm").runnable()
    assert pack.lineage == ("demo_firm", "GAL")
    assert pack.runnable().interval == timedelta(hours=1)
    assert pack.runnable().retries.rungs[Disposition.BUSY].delay == timedelta(minutes=1)
    assert pack.runnable().retries.rungs[Disposition.NO_ANSWER] == below.retries.rungs[Disposition.NO_ANSWER]
    assert pack.programmes.keys() == load_pack("demo_firm").programmes.keys()


def test_windows_are_replaced_as_a_whole(firm) -> None:
    hours = load_pack(firm("windows: {days: working_day, monday: [14:30-17:00]}\n")).runnable().windows.hours
    assert [str(span) for span in hours.spans(0)] == ["14:30-17:00"]
    assert hours.spans(1) == ()


def test_a_programme_can_be_switched_off(firm) -> None:
    programmes = load_pack(firm("programmes: {existing_client: {enabled: no}}\n")).programmes
    assert set(load_pack("demo_firm").programmes) - set(programmes) == {"existing_client"}


@pytest.mark.rule("M-27")
def test_a_bare_day_is_open_until_the_firm_says_which_day(firm) -> None:
    bare = load_pack(firm("programmes: {new_account: {deadline: {amount: 3, unit: day}}}\n"))
    assert bare.everything_open() == ("programmes.new_account.deadline.day_type",)
    assert "new_account" not in {programme.key for programme in bare.ready()}
    settled = firm("programmes: {new_account: {deadline: {amount: 3, unit: day, day_type: working_day}}}\n")
    assert load_pack(settled).everything_open() == ()


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("colour: red\n", 3, "unknown key 'colour'"),
        ("interval: soon\n", 3, "a time like 30s"),
        ("reviewed_on: 2026-02-30\n", 3, "day is out of range"),
        ("windows: {days: working_day, every: [09:00-12:00, 11:30-15:00]}\n", 3, "overlap"),
        ("windows: {days: working_day, monday: [09:00-12:00, 09:00-12:00]}\n", 3, "overlap"),
        ("windows: {days: working_day, every: [24:00-25:00]}\n", 3, "a window like 09:00-12:00"),
        ("programmes:\n  new_account:\n    scope: opened_on < '2026-02-30'\n", 5, "is not a date"),
        ("programmes:\n  new_account:\n    deadline: {amount: 1, unit: fortnight}\n", 5, "hour"),
        ("programmes:\n  new_account:\n    deadline: {amount: soon, unit: day}\n", 5, "a whole number"),
        ("programmes:\n  new_account:\n    deadline: {unit: month}\n", 5, "amount is missing"),
        ("programmes:\n  new_account:\n    suppress: [{reason: x}]\n", 5, "lookback_months"),
        ("programmes:\n  new_account:\n    executor: nobody\n", 5, "there is no executor 'nobody'"),
        ("avoidance: [{rule: firm}]\n", 3, "says nobody"),
        ("merge: {apart: [[new_account, nothing]]}\n", 3, "there is no programme 'nothing'"),
        ("interval: 10min\ninterval: 20min\n", 4, "stands here and in line 3"),
        ("windows: {days: working_day}\n", 3, "no window at all"),
        ("windows: {days: working_day, every: [12:00-09:00]}\n", 3, "ends before it begins"),
        ("windows: {days: sometimes, every: [09:00-12:00]}\n", 3, "working_day, trading_day, every_day"),
        ("retries:\n  after:\n    our_fault: never\n", 5, "cannot end his call-back"),
        ("retries:\n  after:\n    busy: {delay: 5min, most: 0}\n", 5, "a whole number from 1"),
        ("retries:\n  after:\n    cancelled: {delay: 5min, most: 3}\n", 5, "uses up no attempt"),
        ("caps:\n  - {most: 2, per: quarter, exempt: [nobody]}\n", 4, "there is no programme 'nobody'"),
        ("programmes:\n  new_account:\n    scope: colour == 'red'\n", 5, "column 1"),
        ("programmes:\n  new_account:\n    coverage:\n      - {share: 30%}\n", 5, "calls every client"),
        ("programmes:\n  new_account:\n    retention: {forever: open}\n", 5, "forever"),
        ("programmes:\n  extra:\n    title: x\n", 4, "channels is missing"),
        ("programmes:\n  existing_client:\n    deadline: {amount: 1, unit: week}\n", 5, "remove the deadline"),
    ],
)  # fmt: skip
def test_a_mistake_is_refused_at_its_line(firm, text: str, line: int, said: str) -> None:
    path = firm(text)
    with pytest.raises((PackError, YamlError)) as refused:
        load_pack(path)
    assert f"{path}:{line}:" in str(refused.value)
    assert said in str(refused.value)


def test_an_unknown_pack_is_refused_with_the_names_of_those_there_are() -> None:
    with pytest.raises(PackError, match="GAL"):
        load_pack("NONE")
    with pytest.raises(PackError, match="no policy pack"):
        load_pack("no/such/file.yaml")


def test_a_pack_that_extends_itself_is_refused(tmp_path: Path) -> None:
    one, other = tmp_path / "one.yaml", tmp_path / "other.yaml"
    one.write_text("pack: one\nextends: other.yaml\n")
    other.write_text("pack: other\nextends: one.yaml\n")
    with pytest.raises(PackError, match="extends itself"):
        load_pack(str(one))


@pytest.mark.rule("A-39")
@pytest.mark.rule("F-02")
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("programmes: {existing_client: {coverage: [{share: 9%}]}}\n", "A-39 asks for at least 10%"),
        (
            "programmes: {existing_client: {coverage: [{share: 20%}]}}\n",
            "A-40 asks for at least 15% of 'margin' in tags",
        ),
        ("programmes: {new_account: {deadline: {amount: 2, unit: month}}}\n", "A-20 allows 1 month at most"),
        ("retention: {recording: {amount: 1, unit: year}}\n", "is less than 3 year (F-02)"),
    ],
)
def test_a_firm_may_not_ask_less_of_itself_than_the_rules_do(firm, text: str, said: str) -> None:
    with pytest.raises(PackError, match="weaker than the rules of demo_firm") as refused:
        load_pack(firm(text))
    assert said in str(refused.value)


def test_a_firm_may_ask_more(firm) -> None:
    pack = load_pack(firm("retention: {recording: {amount: 20, unit: year}}\n"))
    assert pack.retention["recording"].amount == 20


@pytest.mark.rule("A-31")
@pytest.mark.parametrize(("share", "taken"), [("4%", False), ("5%", True), ("25%", True), ("26%", False)])
def test_a_share_that_the_rules_bound_stays_within_its_bounds(firm, share: str, taken: bool) -> None:
    path = firm(f"programmes: {{new: {{coverage: [{{share: {share}}}]}}}}\n", extends="B19")
    if taken:
        assert load_pack(path).programme("new").quotas[0].share == Fraction(int(share.rstrip("%")), 100)
    else:
        with pytest.raises(PackError, match="A-31 allows 5% to 25%"):
            load_pack(path)
