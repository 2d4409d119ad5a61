"""The packs HKA, HKB, MGN, OPT, BRK, B19, BRN and ACT carry the values of their documents.

VALUES is the table: a rule, the pack, the value that is read, and the catalogue's figure, written out. OPEN is its
counterpart: every value that the documents leave open, and no other.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.yaml import load_strict
from dialer.programmes.errors import PackError
from dialer.programmes.load import PACKS, load_pack
from dialer.programmes.model import Avoidance, DayKind, Deadline, Notice, Pack, Per, Programme, Retention, Trigger, Unit
from dialer.programmes.scope import Facts
from tests.unit.programmes.catalogue import carried_by, kinds

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[3]
MINE = ("HKA", "HKB", "MGN", "OPT", "BRK", "B19", "BRN", "ACT")
LOADED = {name: load_pack(name) for name in MINE}
CONTACT = ("windows", "caps", "interval", "ring_limit", "retries", "follow_ups")
EMPTY: Facts = {"tags": (), "event": {}}
IN, OUT = "concerned", "not concerned"
ALL = [Fraction(1)]
CLOSED = ("account_closed",)

Read = Callable[[Pack], Any]


def value(rule: str, pack: str, read: Read, expected: object, *more: str) -> Any:
    """One row: the rules it shows, the pack, what is read of it, what the catalogue says."""
    marks = [pytest.mark.rule(name) for name in (rule, *more)]
    return pytest.param(pack, read, expected, marks=marks, id=f"{rule} {pack}")


def of(programme: str, read: Callable[[Programme], Any]) -> Read:
    return lambda pack: read(pack.programme(programme))


def events(programme: str) -> Read:
    return of(programme, lambda one: one.due.events)


def period(programme: str) -> Read:
    return of(programme, lambda one: (one.due.period, one.due.times))


def owed_by(programme: str) -> Read:
    return of(programme, lambda one: one.deadline and (one.deadline.amount, one.deadline.unit, one.deadline.words))


def shares(programme: str) -> Read:
    return of(programme, lambda one: [quota.share for quota in one.quotas])


def channels(programme: str) -> Read:
    return of(programme, lambda one: one.channels)


def cancelled_by(programme: str) -> Read:
    return of(programme, lambda one: one.cancelled_by)


def lists(programme: str) -> Read:
    return of(programme, lambda one: one.lists and (one.lists.fixed_by, one.lists.branch_may, one.lists.thresholds_by))


def actions(programme: str, outcome: str) -> Read:
    return of(programme, lambda one: [(act.kind, act.to, act.rule) for act in one.outcomes[outcome]])


def executor(programme: str) -> Read:
    def read(pack: Pack) -> object:
        key = pack.programme(programme).executor
        return key, pack.executors[key].level

    return read


def scope(programme: str, **facts: Any) -> Read:
    """IN when the programme concerns such a client (its scope and, where it has tests, one of them), else OUT."""

    def read(pack: Pack) -> str:
        one, known = pack.programme(programme), {**EMPTY, **facts}
        tested = not one.any_of or any(test.when(known) for test in one.any_of)
        return IN if one.scope(known) and tested else OUT

    return read


def universe(**facts: Any) -> Read:
    """IN when the whole pack concerns such a client, else OUT."""
    return lambda pack: IN if pack.universe is not None and pack.universe({**EMPTY, **facts}) else OUT


def report(key: str) -> Read:
    return lambda pack: (pack.reports[key].owner, pack.reports[key].to, pack.reports[key].every)


def is_open(*paths: str) -> Read:
    """The paths that should be open and are not."""
    return lambda pack: set(paths) - set(pack.everything_open())


def written_in(pack: str, programme: str, key: str) -> Any:
    """What the file has there: one open part leaves a value out of the pack, its other parts stand there."""
    data: Any = load_strict(PACKS / f"{pack}.yaml").data
    return data["programmes"][programme][key]


HK_VALUES = [
    value("A-10", "HKA", lambda pack: list(pack.groups), ["new_account", "important_matter", "continuing", "need"]),
    value("A-10", "HKA", lambda pack: [one.group for one in pack.programmes.values()],
          ["new_account", "important_matter", "continuing", "need"]),
    value("A-12", "HKA", lambda pack: list(pack.provisions),
          ["duties", "operating_flow", "requirements", "abnormal_cases"]),
    value("A-34", "HKA", events("new_account"), ("permission_opened",)),
    value("A-34", "HKA", scope("new_account", event={"permission": "hk_connect"}), IN),
    value("A-34", "HKA", scope("new_account", event={"permission": "option"}), OUT),
    value("A-34", "HKA", owed_by("new_account"), (1, Unit.WEEK, "1周内"), "B-08"),
    value("A-46", "HKA", period("continuing"), (Per.HALF_YEAR, 1)),
    value("A-46", "HKA", shares("continuing"), ALL),
    value("A-46", "HKA", scope("continuing", tags=("hk_connect",)), IN),
    value("A-46", "HKA", scope("continuing", tags=("margin",)), OUT),
    value("A-46", "HKA", period("need"), (Per.HALF_YEAR, 1)),
    value("A-46", "HKA", shares("need"), ALL),
    value("A-82", "HKA", events("important_matter"), ("business_matter",)),
    value("A-82", "HKA", is_open("programmes.important_matter.deadline.exchange"), set(), "B-08", "M-27"),
    value("A-112", "HKA", lambda pack: {one.key: one.level for one in pack.executors.values()},
          {"call_centre": "hq", "branch": "branch"}),
    value("A-112", "HKA", lambda pack: {(one.executor, one.channels) for one in pack.programmes.values()},
          {("branch", ("recorded_phone",))}),
    value("D-15", "HKA", actions("need", "problem"), [("work_order", ("branch_or_department_owner",), "D-15")]),
    value("D-15", "HKA", lambda pack: pack.limits["client_problem"].owner, "branch_or_department_owner"),
    value("H-01", "HKA", report("call_backs"), ("call_centre", (), None)),
    value("H-01", "HKA", is_open("reports.call_backs.every"), set()),
    value("J-06", "HKA", cancelled_by("new_account"), CLOSED),
    value("A-12", "HKB", lambda pack: list(pack.provisions), ["duties", "operating_flow", "requirements"]),
    value("E-27", "HKB", executor("planned"), ("customer_service", "hq")),
    value("E-27", "HKB", scope("planned", tags=("hk_connect",)), IN),
    value("H-09", "HKB", report("roll_up"), ("customer_service", ("superiors",), None)),
    value("H-09", "HKB", is_open("reports.roll_up.every"), set()),
]  # fmt: skip
MGN_VALUES = [
    value("A-11", "MGN", lambda pack: list(pack.groups), ["new_account", "routine", "counselling", "complaint"]),
    value("A-11", "MGN", lambda pack: [one.group for one in pack.programmes.values()],
          ["new_account", "routine", "counselling", "complaint"]),
    value("A-12", "MGN", lambda pack: len(pack.provisions), 4),
    value("A-35", "MGN", events("new_account"), ("credit_account_opened",)),
    value("A-35", "MGN", shares("new_account"), ALL),
    value("A-35", "MGN", owed_by("new_account"), (1, Unit.WEEK, "一周内")),
    value("A-35", "MGN", executor("new_account"), ("margin_department", "hq")),
    value("A-36", "MGN", of("new_account", lambda one: one.notice),
          Notice(("risk_reminder",), ("sms", "email"), "branch", "A-36")),
    value("A-47", "MGN", period("routine"), (Per.MONTH, 1), "B-17"),
    value("A-47", "MGN", shares("routine"), ALL),
    value("A-47", "MGN", scope("routine", tags=("margin",)), IN),
    value("A-47", "MGN", scope("routine"), OUT),
    value("E-07", "MGN", executor("routine"), ("recommender", "staff"), "A-47"),
    value("E-07", "MGN", executor("counselling"), ("recommender", "staff"), "A-83"),
    value("E-07", "MGN", lambda pack: pack.avoidance, (), "M-15"),
    value("A-83", "MGN", events("counselling"), ("forced_liquidation",)),
    value("A-83", "MGN", owed_by("counselling"), (1, Unit.WEEK, "一周内")),
    value("A-83", "MGN", shares("counselling"), ALL),
    value("A-107", "MGN", events("complaint"), ("complaint_settled",), "I-18"),
    value("A-107", "MGN", shares("complaint"), ALL),
    value("A-107", "MGN", executor("complaint"), ("branch_complaint_receiver", "branch")),
    value("A-107", "MGN", is_open("programmes.complaint.deadline.day_type"), set(), "B-08", "I-17", "M-27"),
    value("A-112", "MGN", lambda pack: {"margin_department", "customer_service_centre", "branch"} - set(pack.executors),
          set()),
    *(
        value("D-20", "MGN", actions("complaint", outcome), [
            ("report", ("branch_compliance_manager", "branch_head", "hq_customer_service_centre"), "D-20"),
            ("archive", (), "F-23"),
        ], "F-23")
        for outcome in ("passed", "not_passed")
    ),
    value("J-06", "MGN", cancelled_by("routine"), CLOSED),
]  # fmt: skip
OPT_VALUES = [
    value("A-12", "OPT", lambda pack: list(pack.provisions), ["duties", "operating_flow", "requirements"]),
    value("A-37", "OPT", lambda pack: list(pack.programmes), ["new", "existing"]),
    *(
        value("A-37", "OPT", is_open(*(f"programmes.{one}.{key}" for key in ("trigger", "deadline", "coverage"))),
              set(), "M-07")
        for one in ("new", "existing")
    ),
    *(
        row
        for one in ("new", "existing")
        for row in (
            value("A-37", "OPT", scope(one, tags=("option",)), IN),
            value("A-37", "OPT", scope(one), OUT),
            value("A-115", "OPT", channels(one), ("recorded_phone", "face_to_face")),
            value("A-115", "OPT", of(one, lambda programme: programme.special_channels), ("letter", "email")),
            value("E-06", "OPT", executor(one), ("branch_designated", "branch")),
            value("F-09", "OPT", of(one, lambda programme: (programme.recording, "phone" in programme.channels)),
                  ("required", False)),
        )
    ),
    value("E-06", "OPT", lambda pack: pack.avoidance, (Avoidance(frozenset({"marketing"}), rule="E-06"),)),
    value("F-05", "OPT", lambda pack: pack.retention["recording"], Retention(20, Unit.YEAR, "F-05, F-06"), "F-06"),
    value("F-38", "OPT", lambda pack: pack.retention["message"], Retention(20, Unit.YEAR, "F-05, F-06, F-38"), "F-05"),
    value("F-05", "OPT", lambda pack: pack.retention["module_data"], Retention(20, Unit.YEAR, "F-05, F-06"), "F-06"),
]  # fmt: skip
BRK_CHANNELS = ("phone", "visit", "letter", "email")
BRK_VALUES = [
    value("A-08", "BRK", lambda pack: list(pack.groups), ["new_account", "abnormal", "complaint"]),
    value("A-12", "BRK", lambda pack: len(pack.provisions), 4),
    value("A-17", "BRK", universe(developed_by="broker"), IN),
    value("A-17", "BRK", universe(developed_by="marketing"), OUT),
    value("A-32", "BRK", events("new_account"), ("account_opened",)),
    *(value("A-32", "BRK", shares(key), ALL) for key in ("new_account", "regular", "abnormal", "complaint")),
    value("A-112", "BRK", lambda pack: (pack.executors["branch"].level, pack.executors["service_centre"].level),
          ("branch", "hq"), "A-32"),
    value("A-53", "BRK", executor("regular"), ("designated_person", "branch")),
    value("A-53", "BRK", of("regular", lambda one: one.due.kind), Trigger.PERIOD),
    value("A-53", "BRK", is_open("programmes.regular.trigger.period"), set()),
    value("A-64", "BRK", channels("important_visit"), ("visit",)),
    value("A-64", "BRK", of("important_visit", lambda one: one.by_voice), False),
    value("A-64", "BRK", executor("important_visit"), ("designated_person", "branch")),
    value("A-81", "BRK", events("abnormal"), ("abnormal_trading",)),
    value("A-81", "BRK", shares("abnormal"), ALL),
    value("A-81", "BRK", events("complaint"), ("complaint_settled",), "I-18"),
    value("A-81", "BRK", shares("complaint"), ALL),
    *(
        value("A-81", "BRK", is_open(f"programmes.{one}.deadline.amount", f"programmes.{one}.deadline.unit"), set())
        for one in ("abnormal", "complaint")
    ),
    value("A-114", "BRK", lambda pack: {one.channels for one in pack.programmes.values()}, {BRK_CHANNELS, ("visit",)}),
    value("E-05", "BRK", lambda pack: pack.avoidance, (Avoidance(frozenset({"marketing", "broker"}), rule="E-05"),)),
    value("F-04", "BRK", lambda pack: pack.retention["recording"], Retention(15, Unit.YEAR, "F-04, F-06"), "F-06"),
    value("F-04", "BRK", lambda pack: {one.recording for one in pack.programmes.values()}, {"form_or_recording"}),
    value("J-06", "BRK", cancelled_by("new_account"), CLOSED),
]  # fmt: skip
B19_VALUES = [
    value("A-07", "B19", lambda pack: list(pack.groups), ["important", "risk", "new"]),
    value("A-12", "B19", lambda pack: list(pack.provisions), ["duties", "operating_flow", "requirements"]),
    value("A-31", "B19", of("new", lambda one: (one.due.kind, one.due.events, one.due.period)),
          (Trigger.EVENT, ("account_opened",), Per.WEEK)),
    value("A-31", "B19", is_open("programmes.new.coverage.0.share"), set()),
    value("A-31", "B19", executor("new"), ("trading_operations", "hq")),
    value("A-61", "B19", scope("important_company", commission_year=200_000), IN),
    value("A-61", "B19", scope("important_company", commission_year=199_999.99), OUT),
    value("A-61", "B19", scope("important_company", asset_total=3_000_000), IN),
    value("A-61", "B19", scope("important_company", asset_total=2_999_999.99), OUT),
    value("A-61", "B19", scope("important_company", volume_month_avg=10_000_000), IN),
    value("A-61", "B19", scope("important_company", volume_month_avg=9_999_999.99), OUT),
    value("A-61", "B19", scope("important_company", tags=("strategic",)), IN),
    value("A-61", "B19", executor("important_company"), ("market_department", "hq")),
    value("A-62", "B19", scope("important_branch", tags=("branch_key",)), IN),
    value("A-62", "B19", lists("important_branch"), ("branch", (), "")),
    value("A-62", "B19", lambda pack: {"branch", "marketing_centre"} - set(pack.executors), set()),
    value("A-62", "B19", is_open("programmes.important_branch.executor"), set()),
    value("A-76", "B19", period("risk"), (Per.WEEK, 1)),
    value("A-76", "B19", lambda pack: [top["events"] for top in written_in(pack.name, "risk", "top")], [
        ["transfer_in", "custody_in", "designated_in"],
        ["transfer_out", "custody_out", "designated_out"],
        ["stock_trade"],
        ["warrant_trade"],
    ], "J-07"),
    value("A-76", "B19", is_open(*(f"programmes.risk.top.{number}.most" for number in range(4))), set(), "M-06"),
    value("A-76", "B19", scope("risk_other", event={"purpose": "other_risk"}), IN),
    value("A-76", "B19", scope("risk_other", event={"purpose": "branch_risk"}), OUT),
    value("A-77", "B19", lists("risk"), ("hq", (), "hq")),
    value("A-77", "B19", lists("risk_branch"), ("branch", (), "hq")),
    value("A-77", "B19", events("risk_branch"), ("listed",)),
    value("A-77", "B19", scope("risk_branch", event={"purpose": "branch_risk"}), IN),
    value("A-77", "B19", executor("risk_branch"), ("branch", "branch")),
    value("J-06", "B19", cancelled_by("new"), CLOSED),
]  # fmt: skip
FESTIVALS = ("new_year", "spring_festival", "labour_day", "mid_autumn", "national_day")
ASSET = ("asset_outflow", "asset_abnormal")
BRN_VALUES = [
    value("A-05", "BRN", lambda pack: list(pack.groups), ["active", "passive"]),
    value("A-05", "BRN", lambda pack: [one.key for one in pack.programmes.values() if one.group == "passive"],
          ["after_complaint"]),
    value("A-05", "BRN", events("after_complaint"), ("complaint_settled", "listed"), "I-18"),
    value("A-05", "BRN", scope("after_complaint", event_type="complaint_settled"), IN, "I-18"),
    value("A-05", "BRN", scope("after_complaint", event_type="listed", event={"purpose": "suggestion"}), IN),
    value("A-05", "BRN", scope("after_complaint", event_type="listed", event={"purpose": "identity"}), OUT),
    value("A-12", "BRN", lambda pack: len(pack.provisions), 4),
    value("A-26", "BRN", events("new_account"), ("account_opened",)),
    value("A-26", "BRN", owed_by("new_account"), (1, Unit.WEEK, "一周内"), "B-08"),
    value("A-26", "BRN", channels("new_account"), ("phone", "email")),
    value("A-26", "BRN", executor("new_account"), ("branch", "branch")),
    value("A-52", "BRN", channels("data_refresh"), ("email", "sms"), "B-13"),
    value("A-52", "BRN", of("data_refresh", lambda one: one.by_voice), False, "B-13"),
    value("A-52", "BRN", shares("data_refresh"), ALL),
    value("A-52", "BRN", of("data_refresh", lambda one: one.purposes), ("data_correction",)),
    value("A-52", "BRN", is_open("programmes.data_refresh.trigger.period"), set()),
    value("A-78", "BRN", events("asset_outflow"), ("asset_outflow",)),
    value("A-78", "BRN", channels("asset_outflow"), ("phone",)),
    value("A-78", "BRN", shares("asset_outflow"), ALL),
    value("A-78", "BRN", is_open("programmes.asset_outflow.deadline.day_type"), set(), "M-27"),
    value("A-78", "BRN", is_open("programmes.asset_outflow.scope"), set(), "M-06"),
    value("A-79", "BRN", events("asset_abnormal"), ("asset_abnormal",)),
    value("A-79", "BRN", shares("asset_abnormal"), ALL),
    value("A-79", "BRN", is_open(*(f"programmes.asset_abnormal.{key}" for key in ("scope", "deadline.amount"))), set(),
          "M-06"),
    value("A-100", "BRN", events("closed"), ("account_closed",), "J-06"),
    value("A-100", "BRN", channels("closed"), ("phone",)),
    value("A-100", "BRN", cancelled_by("closed"), ()),
    value("A-100", "BRN", is_open("programmes.closed.deadline.day_type"), set(), "B-08", "M-27"),
    value("A-101", "BRN", of("no_trade", lambda one: (one.due.kind, one.due.after)),
          (Trigger.INACTIVE, Deadline(6, Unit.MONTH, words="如连续六个月未有交易行为", rule="A-101"))),
    value("A-101", "BRN", channels("no_trade"), ("phone", "email")),
    value("A-101", "BRN", is_open("programmes.no_trade.deadline.day_type"), set(), "B-08", "M-27"),
    value("A-105", "BRN", of("festivals", lambda one: one.due.festivals), FESTIVALS),
    value("A-105", "BRN", channels("festivals"), ("email", "sms", "letter"), "M-18"),
    value("A-105", "BRN", lambda pack: [pack.programme(key).by_voice for key in ("festivals", "birthday")],
          [False, False], "B-13"),
    value("A-105", "BRN", channels("festival_letters"), ("letter",)),
    *(value("A-105", "BRN", shares(key), ALL) for key in ("festivals", "festival_letters", "birthday")),
    value("A-105", "BRN", channels("birthday"), ("email", "sms", "letter")),
    value("A-105", "BRN", events("birthday"), ("birthday",)),
    value("A-105", "BRN", of("birthday", lambda one: one.deadline and one.deadline.before), "event_date"),
    value("B-10", "BRN", lists("festivals"), ("branch", ("add", "remove"), ""), "A-105"),
    value("A-114", "BRN", lambda pack: set(channels("after_complaint")(pack)),
          {"visit", "phone", "letter", "email", "sms"}),
    *(value("D-09", "BRN", actions(key, "acknowledged"), [("archive", (), "D-09, F-22")], "F-22") for key in ASSET),
    *(
        value("D-13", "BRN", actions(key, "not_acknowledged"),
              [("report", ("branch_manager", "hq_business_management"), "D-09, D-13")], "D-09")
        for key in ASSET
    ),
    value("D-13", "BRN", of("asset_outflow", lambda one: one.outcomes["not_acknowledged"][0].words), "立即报告"),
    value("D-13", "BRN", lambda pack: pack.limits["not_acknowledged"].to, ("branch_manager", "hq_business_management")),
    value("F-10", "BRN", lambda pack: [key for key, one in pack.programmes.items() if one.recording == "if_possible"],
          ["asset_outflow"]),
    value("J-07", "BRN", events("asset_outflow"), ("asset_outflow",)),
]  # fmt: skip
ACT_VALUES = [
    value("A-12", "ACT", lambda pack: list(pack.provisions), ["operating_flow", "requirements", "abnormal_cases"]),
    value("A-28", "ACT", owed_by("new_account"), (1, Unit.WORKING_DAY, "一个工作日内"), "B-08"),
    value("A-28", "ACT", channels("new_account"), ("auto_call", "phone", "sms")),
    value("A-28", "ACT", of("new_account", lambda one: one.automatic), True, "M-03"),
    value("A-29", "ACT", events("new_account"), ("account_review_passed",), "M-30"),
    value("A-29", "ACT", of("new_account", lambda one: one.gates), ()),
    value("D-28", "ACT", cancelled_by("new_account"), ("account_review_failed", "account_closed"), "A-29", "J-06",
          "J-13"),
    value("A-63", "ACT", period("institutions"), (Per.WEEK, 2), "B-17"),
    value("A-63", "ACT", channels("institutions"), ("phone",)),
    value("A-63", "ACT", scope("institutions", tags=("institution_large",)), IN),
    value("A-63", "ACT", scope("institutions", kind="institution"), OUT),
    value("A-63", "ACT", shares("institutions"), ALL),
    value("H-03", "ACT", report("weekly"), ("department", ("management",), Per.WEEK)),
]  # fmt: skip
SHARED = [value("M-01", pack, is_open(*CONTACT), set()) for pack in MINE]
VALUES = [*HK_VALUES, *MGN_VALUES, *OPT_VALUES, *BRK_VALUES, *B19_VALUES, *BRN_VALUES, *ACT_VALUES, *SHARED]

OPEN = {
    "HKA": """problems.client_problem.within.amount problems.client_problem.within.unit reports.call_backs.every
        programmes.new_account.coverage programmes.important_matter.coverage
        programmes.important_matter.deadline.exchange programmes.new_account.automatic
        programmes.important_matter.automatic programmes.continuing.automatic programmes.need.automatic
        retention.recording retention.form""",
    "HKB": """programmes.planned.trigger programmes.planned.coverage programmes.planned.deadline
        programmes.planned.channels reports.roll_up.every reports.evaluation.every
        retention.recording retention.form""",
    "MGN": """programmes.new_account.channels programmes.routine.channels programmes.counselling.channels
        programmes.complaint.channels programmes.complaint.deadline.day_type
        retention.recording retention.form retention.message""",
    "OPT": """programmes.new.trigger programmes.new.coverage programmes.new.deadline programmes.new.automatic
        programmes.existing.trigger programmes.existing.coverage programmes.existing.deadline
        programmes.existing.automatic retention.form""",
    "BRK": """programmes.new_account.executor programmes.new_account.deadline programmes.new_account.automatic
        programmes.regular.trigger.period programmes.regular.automatic
        programmes.abnormal.executor programmes.abnormal.deadline.amount programmes.abnormal.deadline.unit
        programmes.abnormal.automatic programmes.complaint.executor programmes.complaint.deadline.amount
        programmes.complaint.deadline.unit programmes.complaint.automatic
        programmes.important_visit.trigger programmes.important_visit.scope programmes.important_visit.deadline
        programmes.important_visit.coverage retention.form""",
    "B19": """programmes.new.channels programmes.new.deadline programmes.new.coverage.0.share
        programmes.important_company.channels programmes.important_company.trigger
        programmes.important_company.deadline programmes.important_company.coverage
        programmes.important_branch.channels programmes.important_branch.trigger programmes.important_branch.executor
        programmes.important_branch.deadline programmes.important_branch.coverage
        programmes.risk.channels programmes.risk.top.0.most programmes.risk.top.1.most programmes.risk.top.2.most
        programmes.risk.top.3.most programmes.risk_branch.channels programmes.risk_branch.deadline
        programmes.risk_branch.coverage programmes.risk_other.channels programmes.risk_other.executor
        programmes.risk_other.deadline programmes.risk_other.coverage retention.recording retention.form""",
    "BRN": """programmes.new_account.coverage programmes.new_account.automatic programmes.data_refresh.trigger.period
        programmes.closed.deadline.day_type programmes.closed.coverage programmes.closed.automatic
        programmes.no_trade.deadline.day_type programmes.no_trade.coverage programmes.no_trade.automatic
        programmes.festival_letters.scope programmes.asset_outflow.scope programmes.asset_outflow.deadline.day_type
        programmes.asset_outflow.automatic programmes.asset_abnormal.scope programmes.asset_abnormal.deadline.amount
        programmes.asset_abnormal.deadline.unit programmes.asset_abnormal.automatic
        programmes.after_complaint.deadline programmes.after_complaint.coverage programmes.after_complaint.automatic
        retention.recording retention.form retention.message""",
    "ACT": """programmes.new_account.executor programmes.new_account.coverage programmes.institutions.executor
        programmes.institutions.automatic retention.recording retention.form""",
}


@pytest.mark.parametrize(("pack", "read", "expected"), VALUES)
def test_a_pack_carries_what_its_document_says(pack: str, read: Read, expected: object) -> None:
    assert read(LOADED[pack]) == expected


@pytest.mark.rule("M-05")
@pytest.mark.parametrize("pack", MINE)
def test_a_pack_leaves_open_what_its_document_leaves_open_and_nothing_else(pack: str) -> None:
    assert set(LOADED[pack].everything_open()) == {*CONTACT, *OPEN[pack].split()}


def test_every_value_rule_of_these_packs_stands_in_the_table() -> None:
    shown = {mark.args[0] for row in VALUES for mark in row.marks}
    elsewhere = {"F-28", "G-02"}  # named in the provisions: the ledger of records, the spot checks of the head office
    catalogue = kinds()
    unread = {rule for rule in carried() if catalogue.get(rule) == "CFG"} - shown - elsewhere
    assert unread == set()


def test_every_rule_of_these_packs_is_one_of_the_catalogue() -> None:
    assert carried() - set(kinds()) == set()


def test_every_programme_has_a_class_where_its_pack_has_classes() -> None:
    outside = {(name, one.key) for name, pack in LOADED.items() if pack.groups
               for one in pack.programmes.values() if one.group not in pack.groups}  # fmt: skip
    assert outside == {("BRK", "regular"), ("BRK", "important_visit")}  # its list is open: 等


def carried() -> set[str]:
    """Every rule id of these packs."""
    return carried_by(MINE)


# --- the open values once a firm has set them ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def firm(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Pack]:
    """Loads a firm's pack that lays ``text`` over a shipped pack."""
    path = tmp_path_factory.mktemp("packs") / "firm.yaml"

    def load(base: str, text: str) -> Pack:
        path.write_text(f"pack: firm\nextends: {base}\nprogrammes:\n  {text}\n", encoding="utf-8")
        return load_pack(str(path))

    return load


@pytest.mark.rule("A-31")
@given(percent=st.integers(min_value=0, max_value=100))
def test_b19_takes_a_share_from_5_to_25_percent_and_no_other(firm: Callable[[str, str], Pack], percent: int) -> None:
    (written,) = written_in("B19", "new", "coverage")
    quota = ", ".join(f"{key}: {text}" for key, text in {**written, "share": f"{percent}%"}.items())
    text = f"new: {{coverage: [{{{quota}}}]}}"
    if 5 <= percent <= 25:
        assert [quota.share for quota in firm("B19", text).programme("new").quotas] == [Fraction(percent, 100)]
    else:
        with pytest.raises(PackError, match="lies outside 5% to 25%"):
            firm("B19", text)


@pytest.mark.rule("A-82")
def test_hka_runs_its_two_trading_days_once_the_firm_names_the_exchange(firm: Callable[[str, str], Pack]) -> None:
    written = written_in("HKA", "important_matter", "deadline")
    assert (written["amount"], written["unit"], written["words"]) == ("2", "trading_day", "两个交易日内")
    whole = "{amount: 2, unit: trading_day, exchange: XHKG, words: 两个交易日内, rule: [A-82, firm]}"
    set_by_firm = firm("HKA", f"important_matter: {{deadline: {whole}}}")
    assert set_by_firm.programme("important_matter").deadline == Deadline(
        2, Unit.TRADING_DAY, exchange="XHKG", words="两个交易日内", rule="A-82, firm"
    )


@pytest.mark.parametrize(
    ("pack", "programme", "amount", "words"),
    [
        pytest.param("MGN", "complaint", 1, "次日", marks=[pytest.mark.rule("A-107"), pytest.mark.rule("I-17")]),
        pytest.param("BRN", "closed", 2, "两日内", marks=pytest.mark.rule("A-100")),
        pytest.param("BRN", "no_trade", 15, "15日内", marks=pytest.mark.rule("A-101")),
        pytest.param("BRN", "asset_outflow", 1, "次日", marks=pytest.mark.rule("A-78")),
    ],
)
def test_a_bare_day_has_its_number_and_waits_for_the_firm_to_say_which_day(
    firm: Callable[[str, str], Pack], pack: str, programme: str, amount: int, words: str
) -> None:
    written = written_in(pack, programme, "deadline")
    assert (written["amount"], written["unit"], written["words"]) == (str(amount), "day", words)
    settled = firm(
        pack, f"{programme}: {{deadline: {{amount: {amount}, unit: day, day_type: every_day, words: {words}}}}}"
    )
    found = settled.programme(programme).deadline
    assert found == Deadline(amount, Unit.DAY, DayKind.EVERY_DAY, words=words, rule="firm")


@pytest.mark.rule("F-05")
def test_a_firm_may_not_keep_option_recordings_for_less_than_twenty_years(firm: Callable[[str, str], Pack]) -> None:
    with pytest.raises(PackError, match="F-05"):
        firm("OPT", "new: {title: 新增}\nretention: {recording: {amount: 19, unit: year}}")


@pytest.mark.rule("E-05")
def test_a_firm_may_not_let_brokers_call_brokers_clients(firm: Callable[[str, str], Pack]) -> None:
    with pytest.raises(PackError, match="E-05 keeps away broker, marketing"):
        firm("BRK", "regular: {title: 定期}\navoidance: [{series: [marketing], rule: firm}]")


@pytest.mark.rule("A-76")
def test_b19_takes_its_risk_lists_from_a_week_once_the_firm_says_how_long_they_are(
    firm: Callable[[str, str], Pack],
) -> None:
    flows = "[transfer_out, custody_out, designated_out]"
    risk = firm("B19", f"risk: {{top: [{{most: 30, events: {flows}, rule: [A-76, firm]}}]}}").programme("risk")
    assert [(top.most, top.events) for top in risk.tops] == [
        (30, frozenset({"transfer_out", "custody_out", "designated_out"}))
    ]
