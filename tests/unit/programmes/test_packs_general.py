"""The packs SAL, GLD, WIN, SCR, INV, IBK, PEF, CP and GEN carry the values of their documents, and invent none.

VALUES is the table: a rule, the pack, the value that is read, and the catalogue's figure, written out.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from core.yaml import Value, load_strict, parse_strict
from dialer.programmes.build import build
from dialer.programmes.facts import WEEKDAYS
from dialer.programmes.layers import Layers
from dialer.programmes.load import PACKS, load_pack
from dialer.programmes.model import DayKind, Pack, Per, Trigger, Unit, Windows
from dialer.programmes.scope import Facts
from tests.unit.programmes.catalogue import carried_by, ids_of, kinds

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[3]
MINE = ("SAL", "GLD", "WIN", "SCR", "INV", "IBK", "PEF", "CP", "GEN")
LOADED = {name: load_pack(name) for name in MINE}
CONTACT = ("windows", "caps", "interval", "ring_limit", "retries", "follow_ups")
WITH_HOURS = {"WIN", "SCR"}
WORDS_ONLY = {"A-98"}
"""Carried in words: no place of a pack can hold them, and no test here shows what they ask for."""
EMPTY: Facts = {"tags": (), "event": {}}
ALL = [(Fraction(1), "A-48")]
CHOSEN = b"""
pack: firm
caps: []
interval: 10min
ring_limit: 30s
retries:
  total: 8
  after:
    answered: never
    busy: never
    no_answer: never
    rejected: never
    invalid_number: never
    suspended: never
    unreachable: never
    blocked_by_network: never
    trunk_congestion: {delay: 5min}
    our_fault: {delay: 5min}
    cancelled: {delay: 5min}
    interrupted: {delay: 5min}
follow_ups:
  promised_callback: {delay: 2h, most: 3}
  appointment: {delay: 2h, most: 3}
"""
"""What a firm sets beside the hours of WIN or SCR."""

Read = Callable[[Pack], Any]


def value(rule: str, pack: str, read: Read, expected: object, *more: str) -> Any:
    """One row: the rules it shows, the pack, what is read of it, what the catalogue says."""
    marks = [pytest.mark.rule(name) for name in (rule, *more)]
    return pytest.param(pack, read, expected, marks=marks, id=f"{rule} {pack} {expected}"[:90])


def of(programme: str, name: str) -> Read:
    return lambda pack: getattr(pack.programme(programme), name)


def owed(programme: str) -> Read:
    def read(pack: Pack) -> object:
        found = pack.programme(programme).deadline
        return found and (found.amount, found.unit)

    return read


def silence(programme: str) -> Read:
    """After how long without a trade."""

    def read(pack: Pack) -> object:
        found = pack.programme(programme).due.after
        return found and (found.amount, found.unit)

    return read


def words(programme: str) -> Read:
    """The date that an event carries, and the source's words about it."""

    def read(pack: Pack) -> object:
        found = pack.programme(programme).deadline
        return found and (found.before, found.words)

    return read


def events(programme: str) -> Read:
    return lambda pack: pack.programme(programme).due.events


def period(programme: str) -> Read:
    return lambda pack: (pack.programme(programme).due.period, pack.programme(programme).due.times)


def shares(programme: str) -> Read:
    return lambda pack: [(quota.share, quota.rule) for quota in pack.programme(programme).quotas]


def executor(programme: str) -> Read:
    def read(pack: Pack) -> object:
        one = pack.executors[pack.programme(programme).executor]
        return one.key, one.level, set(one.series)

    return read


def concerns(programme: str, **facts: Any) -> Read:
    return lambda pack: pack.programme(programme).scope({**EMPTY, **facts})


def universe(**facts: Any) -> Read:
    return lambda pack: pack.universe is not None and pack.universe({**EMPTY, **facts})


def exempted(**facts: Any) -> Read:
    """The rules by which every programme of the pack leaves such a client out."""

    def read(pack: Pack) -> object:
        known = {**EMPTY, **facts}
        return {one.rule for programme in pack.programmes.values() for one in programme.exemptions if one.when(known)}

    return read


def everywhere(name: str) -> Read:
    return lambda pack: {getattr(programme, name) for programme in pack.programmes.values()}


def actions(outcome: str) -> Read:
    """What every programme of the pack does after that outcome."""

    def read(pack: Pack) -> object:
        (found,) = {
            tuple((one.kind, one.to) for one in programme.outcomes[outcome]) for programme in pack.programmes.values()
        }
        return list(found)

    return read


def groups(rule: str) -> Read:
    """The classes that name the rule, read from the text of the pack."""

    def read(pack: Pack) -> object:
        data = load_strict(PACKS / f"{pack.name}.yaml").data
        assert isinstance(data, dict)
        assert isinstance(data["groups"], dict)
        classes = data["groups"]["classes"]
        assert isinstance(classes, dict)
        return [key for key, one in classes.items() if rule in set(ids_of(one)) and key in pack.groups]

    return read


def said(section: str, *parts: str) -> Read:
    """What of ``parts`` the section of the provisions does not say."""
    return lambda pack: [part for part in parts if part not in pack.provisions[section]]


def names_rule(rule: str) -> Read:
    """Whether the provisions of the pack name that rule."""

    def read(pack: Pack) -> bool:
        data = load_strict(PACKS / f"{pack.name}.yaml").data
        assert isinstance(data, dict)
        assert isinstance(data["provisions"], dict)
        return rule in data["provisions"]["rule"]

    return read


def problem(key: str) -> Read:
    return lambda pack: (pack.limits[key].owner, pack.limits[key].to, pack.limits[key].words)


def report(key: str) -> Read:
    def read(pack: Pack) -> object:
        one = pack.reports[key]
        return one.to, one.every, one.within and (one.within.amount, one.within.unit)

    return read


def is_open(*paths: str) -> Read:
    """Those of ``paths`` that are not open."""
    return lambda pack: set(paths) - set(pack.everything_open())


def bare_day(place: str, amount: str) -> Read:
    """Amount and unit of a deadline whose kind of day is open, from the text of the pack; and that it is open."""

    def read(pack: Pack) -> object:
        found: Value = load_strict(PACKS / f"{pack.name}.yaml").data
        for step in place.split("."):
            assert isinstance(found, dict)
            found = found[step]
        assert isinstance(found, dict)
        return found["amount"], found["unit"], f"{place}.day_type" in pack.everything_open()

    return read


def windows_of(pack: Pack) -> Windows:
    """The hours of a shipped pack, as a firm gets them that extends it and sets everything else."""
    documents = load_strict(PACKS / f"{pack.name}.yaml"), parse_strict(CHOSEN, "firm")
    return build(Layers(documents), (pack.name,), "").runnable().windows


def hours_on(weekday: str) -> Read:
    return lambda pack: [str(span) for span in windows_of(pack).hours.spans(WEEKDAYS.index(weekday))]


def phone_first(programme: str) -> Read:
    return lambda pack: (pack.programme(programme).channels, pack.programme(programme).special_channels)


SAL_VALUES = [
    value("A-09", "SAL", lambda pack: list(pack.groups), ["deal", "lost", "festival"]),
    value("A-15", "SAL", names_rule("A-15"), True),
    value("A-15", "SAL", said("operating_flow", "按客户的类别和重要程度", "回访频次不同"), []),
    value("A-104", "SAL", events("deal"), ("trade",)),
    value("A-104", "SAL", owed("deal"), (24, Unit.HOUR), "B-08"),
    value("A-104", "SAL", of("deal", "channels"), ("phone", "email", "sms", "wechat")),
    value("A-104", "SAL", executor("deal"), ("sales_staff", "staff", {"marketing"}), "E-07"),
    value("A-104", "SAL", is_open("programmes.deal.coverage"), set()),
    value("A-102", "SAL", lambda pack: pack.programme("lost").due.kind, Trigger.INACTIVE),
    value("A-102", "SAL", silence("lost"), (6, Unit.MONTH)),
    value("A-102", "SAL", owed("lost"), (7, Unit.WORKING_DAY), "B-08"),
    value("A-102", "SAL", of("lost", "channels"), ("phone", "email", "sms", "wechat", "visit")),
    value("A-106", "SAL", events("birthday"), ("birthday",)),
    value("A-106", "SAL", words("birthday"), ("event_date", "生日当天")),
    value("A-106", "SAL", lambda pack: pack.programme("spring_festival").due.festivals, ("spring_festival",)),
    value("A-106", "SAL", of("birthday", "channels"), ("phone", "sms", "wechat", "gift")),
    value("A-106", "SAL", of("spring_festival", "channels"), ("phone", "sms", "wechat", "gift")),
    value("E-07", "SAL", everywhere("executor"), {"sales_staff"}),
    value("E-07", "SAL", lambda pack: pack.avoidance, ()),
]
GLD_VALUES = [
    value("A-48", "GLD", period("gold"), (Per.TWO_WEEKS, 1), "B-17"),
    value("A-48", "GLD", period("silver"), (Per.MONTH, 1), "B-17"),
    value("A-48", "GLD", period("ordinary"), (Per.QUARTER, 1)),
    *(value("A-48", "GLD", shares(tier), ALL) for tier in ("gold", "silver", "ordinary")),
    *(value("A-48", "GLD", concerns(tier, tags=(tier,)), True) for tier in ("gold", "silver", "ordinary")),
    value("A-48", "GLD", concerns("gold", tags=("silver",)), False),
    value("A-48", "GLD", executor("gold"), ("front_office", "staff", set())),
    value(
        "A-49",
        "GLD",
        groups("A-49"),
        ["gold", "silver", "ordinary", "active", "fairly_active", "inactive"],
    ),
    value("A-114", "GLD", everywhere("channels"), {("phone", "sms", "email", "wechat")}),
    value("F-12", "GLD", actions("passed"), [("archive", ()), ("report", ("branch_general_manager",))], "H-11"),
    value("F-12", "GLD", actions("not_passed"), [("archive", ()), ("report", ("branch_general_manager",))], "H-11"),
    value("H-11", "GLD", report("record"), (("branch_general_manager",), None, None)),
]
WIN_VALUES = [
    value("A-17", "WIN", universe(kind="person"), True),
    value("A-17", "WIN", universe(kind="institution"), True),
    value("A-114", "WIN", everywhere("channels"), {("phone", "sms", "email", "face_to_face")}),
    value("B-01", "WIN", lambda pack: windows_of(pack).hours.days, DayKind.WORKING_DAY),
    value("B-01", "WIN", lambda pack: [str(one) for one in windows_of(pack).hours.every], ["09:00-18:00"]),
    value("B-01", "WIN", lambda pack: windows_of(pack).hours.rule, "B-01"),
    value("B-25", "WIN", names_rule("B-25"), True),
    value("B-25", "WIN", said("requirements", "统一规范的电话号码", "主动报明公司名称"), []),
    value("D-27", "WIN", actions("problem"), [("measure", ("responsible_department",))]),
    value("D-27", "WIN", problem("improvement"), ("responsible_department", (), "制定改进措施，跟踪落实")),
    value("D-27", "WIN", is_open("problems.improvement.within"), set()),
]
SCR_VALUES = [
    value("A-30", "SCR", events("new_account"), ("account_opened",)),
    value("A-30", "SCR", bare_day("programmes.new_account.deadline", "1"), ("1", "day", True), "B-08", "M-27"),
    value("A-30", "SCR", of("new_account", "spread"), False),
    value("A-30", "SCR", bare_day("programmes.bulk_opening.deadline", "3"), ("3", "day", True), "B-08", "M-27"),
    value("A-30", "SCR", of("bulk_opening", "spread"), True),
    value("A-30", "SCR", concerns("new_account"), True),
    value("A-30", "SCR", concerns("bulk_opening"), False),
    value("A-30", "SCR", concerns("new_account", event={"bulk": "yes"}), False),
    value("A-30", "SCR", concerns("bulk_opening", event={"bulk": "yes"}), True),
    value("A-30", "SCR", executor("bulk_opening"), ("client_manager", "staff", {"marketing"}), "E-07"),
    value("A-30", "SCR", everywhere("channels"), {("phone", "sms")}),
    value("B-02", "SCR", hours_on("monday"), ["14:30-17:00"]),
    value("B-03", "SCR", hours_on("tuesday"), ["09:30-11:00", "15:00-17:00"]),
    value("B-03", "SCR", hours_on("wednesday"), ["09:30-11:00", "15:00-17:00"]),
    value("B-03", "SCR", hours_on("thursday"), ["09:30-11:00", "15:00-17:00"]),
    value("B-04", "SCR", hours_on("friday"), ["09:30-11:00"]),
    value("B-04", "SCR", said("requirements", "周五下午用于预约事项"), []),
    *(value("M-17", "SCR", hours_on(day), []) for day in ("saturday", "sunday")),
    value("M-17", "SCR", lambda pack: windows_of(pack).hours.days, DayKind.WORKING_DAY),
    value("B-05", "SCR", said("requirements", "有交易的客户可在交易时间"), []),
    value("B-06", "SCR", said("requirements", "晚间只回访仍在工作且熟悉或者有预约的客户"), []),
    value("E-07", "SCR", everywhere("executor"), {"client_manager"}),
    value("E-07", "SCR", lambda pack: pack.avoidance, ()),
    value("J-06", "SCR", everywhere("cancelled_by"), {("account_closed",)}),
]
INV_VALUES = [
    value("A-15", "INV", said("operating_flow", "按客户的类别和重要程度", "回访频次不同"), []),
    value("A-50", "INV", lambda pack: list(pack.groups), ["periodic", "key"]),
    value("A-50", "INV", period("monthly"), (Per.MONTH, 1)),
    value("A-50", "INV", period("quarterly"), (Per.QUARTER, 1)),
    value("A-50", "INV", period("half_yearly"), (Per.HALF_YEAR, 1)),
    value("A-50", "INV", events("key"), ("listed",)),
    value("A-50", "INV", is_open("programmes.key.deadline.amount", "programmes.key.deadline.unit"), set()),
    value(
        "A-50",
        "INV",
        is_open(*(f"programmes.{one}.scope" for one in ("monthly", "quarterly", "half_yearly", "key"))),
        set(),
    ),
    value("A-114", "INV", everywhere("channels"), {("phone", "email", "face_to_face")}),
    value("D-27", "INV", actions("problem"), [("measure", ("responsible_department",))]),
]
IBK_VALUES = [
    value("A-17", "IBK", universe(tags=("ipo_project",)), True),
    value("A-17", "IBK", universe(tags=("vip",)), False),
    value("A-88", "IBK", events("project_clients"), ("project_started",)),
    value("A-88", "IBK", shares("project_clients"), [(Fraction(1), "A-88")]),
    value("A-88", "IBK", executor("project_clients"), ("quality_control", "hq", set())),
    value("A-88", "IBK", of("project_clients", "channels"), ("visit", "phone", "letter", "email")),
    value("A-88", "IBK", said("operating_flow", "主体", "类型", "数量", "内容", "方式", "记录保存"), []),
    value("A-88", "IBK", is_open("programmes.project_clients.deadline"), set()),
    value("F-19", "IBK", said("requirements", "《投行客户回访及满意度调查表》"), []),
]
PEF_VALUES = [
    value("A-89", "PEF", universe(tags=("private_fund",)), True),
    value("A-89", "PEF", universe(), False),
    value("A-89", "PEF", lambda pack: list(pack.programmes), ["routine", "specific"]),
    value("A-89", "PEF", everywhere("channels"), {("phone",)}),
    value("A-89", "PEF", is_open("programmes.routine.trigger", "programmes.specific.scope"), set()),
    value("D-21", "PEF", actions("violation"), [("report", ("risk_control", "compliance"))]),
    value("D-21", "PEF", problem("violation"), ("callback_staff", ("risk_control", "compliance"), "如实记录并上报")),
    value("E-16", "PEF", lambda pack: pack.reports["supervision"].owner, "supervisor"),
    value("F-24", "PEF", report("daily_closing"), (("supervisor",), Per.DAY, None)),
    value("F-24", "PEF", lambda pack: pack.reports["daily_closing"].words, "日清日结"),
    value("F-25", "PEF", bare_day("reports.materials.within", "3"), ("3", "day", True), "M-27"),
    value("F-25", "PEF", report("materials_with_approval"), (("supervisor",), None, (1, Unit.WEEK))),
    value("H-08", "PEF", lambda pack: pack.reports["callback_report"].to, ("department_head",)),
    value("H-08", "PEF", bare_day("reports.callback_report.within", "1"), ("1", "day", True), "M-27"),
]
INTAKE = ("投诉电话", "电子邮箱", "网站", "现场", "信函", "传真", "意见箱", "意见簿")
SPECIAL = ("same_issue", "regulator", "media", "leaders", "system_fault", "loss", "continued", "unsolved")
CP_VALUES = [
    value("I-01", "CP", groups("I-01"), ["invalid", "general", "special"]),
    value("I-02", "CP", groups("I-02"), ["invalid"]),
    value("I-02", "CP", lambda pack: "没有事实依据" in pack.limits["invalid"].words, True),
    value("I-03", "CP", groups("I-03"), ["general"]),
    value("I-03", "CP", lambda pack: len(pack.limits["general"].words.split("；")), 5),
    value("I-04", "CP", groups("I-04"), ["special"]),
    value("I-04", "CP", lambda pack: [key for key in pack.limits if pack.limits[key].rule == "I-04"],
          [f"special_{one}" for one in SPECIAL]),
    value("I-04", "CP", lambda pack: pack.limits["special_same_issue"].words, "同一问题连续有5个以上客户投诉"),
    value("I-05", "CP", groups("I-05"), ["trade", "account", "service", "other"]),
    value("I-08", "CP", said("operating_flow", *INTAKE), []),
    value("I-10", "CP", lambda pack: pack.limits["violation"].to, ("compliance_director",)),
    value("I-10", "CP", lambda pack: pack.limits["hq_complaint"].to, ("compliance", "leadership")),
    value("I-11", "CP", lambda pack: len(pack.provisions["requirements"].split("；")), 4),
    value("I-13", "CP", is_open("problems.registration.within.amount"), set()),
    value("I-14", "CP", lambda pack: pack.limits["not_accepted"].words, "没有足够证据的投诉不予受理"),
    value("I-15", "CP", is_open("problems.response.within.amount", "problems.feedback.within.amount"), set()),
    value("I-16", "CP", is_open("problems.appeal.within"), set()),
    value("E-29", "CP", lambda pack: {key: one.level for key, one in pack.executors.items()}, {
        "hq_complaint_post": "hq",
        "branch_service_manager": "branch",
        "branch_complaint_post": "branch",
        "call_centre_complaint_agent": "hq",
    }),
]  # fmt: skip
CAMPAIGNS = ("campaign_week", "campaign_dates", "campaign_last_working_day", "campaign_weekend")
ASK_AND_CONFIRM = [("work_order", ("technical_director",)), ("confirm_call", ("client",))]
GEN_VALUES = [
    value("A-38", "GEN", events("onboarding"), ("account_opened",)),
    value("A-38", "GEN", events("first_use"), ("product_bought",)),
    value("A-38", "GEN", is_open("programmes.onboarding.deadline.amount", "programmes.first_use.deadline"), set()),
    value("A-51", "GEN", period("monthly"), (Per.MONTH, 1)),
    value("A-51", "GEN", period("quarterly"), (Per.QUARTER, 1)),
    value("A-51", "GEN", period("half_yearly"), (Per.HALF_YEAR, 1)),
    *(value("A-108", "GEN", events(one), ("listed",)) for one in CAMPAIGNS),
    value("A-108", "GEN", owed("campaign_week"), (1, Unit.WEEK)),
    value("A-108", "GEN", owed("campaign_dates"), (2, Unit.WEEK)),
    value("A-108", "GEN", words("campaign_last_working_day"), ("event_date", "每月最后一个工作日，连续三个月")),
    value("A-108", "GEN", words("campaign_weekend"), ("event_date", "每月第一个周末，连续三个月"), "B-09"),
    value("A-108", "GEN", of("campaign_weekend", "channels"), ("phone", "email")),
    value("B-09", "GEN", is_open("windows"), set()),
    value("B-09", "GEN", said("requirements", "周末回访须由制度明确写出"), []),
    value("A-109", "GEN", report("campaign_list"), ((), None, (1, Unit.WEEK))),
    value("A-111", "GEN", exempted(tags=("never_call",)), {"A-111"}),
    value("A-111", "GEN", exempted(tags=("vip",)), set()),
    value("A-111", "GEN", said("requirements", "单位客户只回访合同签署人"), []),
    value("A-114", "GEN", of("sales_service", "channels"), ("phone", "sms", "email", "letter", "visit")),
    *(
        value("A-117", "GEN", phone_first(one), (("phone",), ("visit", "questionnaire")))
        for one in ("onboarding", "first_use", "quarterly", "half_yearly")
    ),
    value("B-18", "GEN", is_open("interval"), set()),
    value("B-18", "GEN", said("requirements", "回访间隔不宜过短或者过长"), []),
    value("C-13", "GEN", actions("technical_question"), ASK_AND_CONFIRM, "D-25", "I-19"),
    value(
        "I-19",
        "GEN",
        actions("commercial_question"),
        [("work_order", ("sales_director",)), ("confirm_call", ("client",))],
        "C-13",
        "D-25",
    ),
    value(
        "I-20",
        "GEN",
        actions("problem"),
        [("work_order", ("responsible_department",)), ("feedback", ("client",))],
        "D-24",
    ),
    value("I-20", "GEN", lambda pack: pack.limits["progress"].to, ("client",)),
    value("D-26", "GEN", lambda pack: list(pack.limits)[:2], ["important", "ordinary"]),
    value("D-26", "GEN", lambda pack: pack.limits["important"].words, "优先处理"),
    value("I-12", "GEN", lambda pack: pack.limits["first_contact"].owner, "first_receiver"),
    value("H-12", "GEN", report("weekly_figures"), ((), Per.WEEK, None)),
    value("H-13", "GEN", lambda pack: pack.reports["campaign_summary"].words, "每次活动后"),
    value("H-14", "GEN", lambda pack: pack.reports["common_problems"].to, ("departments",)),
    value("H-14", "GEN", is_open("reports.common_problems.every"), set()),
]
ALL_PACKS = [
    *(value("A-12", name, lambda pack: "duties" in pack.provisions, True) for name in MINE),
    *(value("M-05", name, is_open("retention.recording", "retention.form"), set()) for name in MINE),
    *(
        value("M-01", name, is_open(*(key for key in CONTACT if key != "windows" or name not in WITH_HOURS)), set())
        for name in MINE
    ),
]
VALUES = [
    *SAL_VALUES,
    *GLD_VALUES,
    *WIN_VALUES,
    *SCR_VALUES,
    *INV_VALUES,
    *IBK_VALUES,
    *PEF_VALUES,
    *CP_VALUES,
    *GEN_VALUES,
    *ALL_PACKS,
]


@pytest.mark.parametrize(("pack", "read", "expected"), VALUES)
def test_a_pack_carries_what_its_document_says(pack: str, read: Read, expected: object) -> None:
    assert read(LOADED[pack]) == expected


def test_hours_that_the_script_names_without_a_number_are_not_invented() -> None:
    """Active traders in trading hours, Friday afternoon and the evening by appointment: in words only."""
    windows = windows_of(LOADED["SCR"])
    assert (windows.segments, windows.appointments) == ((), None)


def test_the_hand_over_of_clients_stands_in_words() -> None:
    assert names_rule("A-98")(LOADED["GLD"])
    assert said("duties", "客户资料移交给接手人员", "名单和预约一并移交")(LOADED["GLD"]) == []


def test_the_rules_about_complaints_name_no_call_back() -> None:
    assert LOADED["CP"].programmes == {}


@pytest.mark.parametrize("pack", MINE)
def test_no_call_of_these_packs_runs_before_the_firm_has_settled_it(pack: str) -> None:
    """Whether a machine may confirm is open everywhere (M-03), so every programme waits for the firm."""
    assert LOADED[pack].ready() == ()


@pytest.mark.rule("M-03")
@pytest.mark.parametrize("pack", MINE)
def test_whether_the_answer_to_a_machine_confirms_is_open(pack: str) -> None:
    spoken = {f"programmes.{key}.automatic" for key, one in LOADED[pack].programmes.items() if one.by_voice}
    assert spoken - set(LOADED[pack].everything_open()) == set()


def test_nothing_is_settled_for_clients_of_whom_the_document_only_says_how_to_speak_with_them() -> None:
    told = {f"programmes.clients.{key}" for key in ("trigger", "coverage", "deadline", "executor")}
    assert told - set(LOADED["WIN"].everything_open()) == set()


def test_every_value_rule_of_these_packs_stands_in_the_table() -> None:
    shown = {mark.args[0] for row in VALUES for mark in row.marks}
    catalogue = kinds()
    assert {rule for rule in carried() if catalogue.get(rule) == "CFG"} - shown == WORDS_ONLY


def test_every_rule_of_these_packs_is_one_of_the_catalogue() -> None:
    assert carried() - set(kinds()) == set()


def test_every_rule_of_the_table_is_carried_by_its_pack_or_a_gap() -> None:
    for row in VALUES:
        for rule in (mark.args[0] for mark in row.marks):
            own = set(ids_of(load_strict(PACKS / f"{row.values[0]}.yaml").data))
            assert rule in own or rule.startswith("M-")


def carried() -> set[str]:
    """Every rule id of these packs."""
    return carried_by(MINE)
