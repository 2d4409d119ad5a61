"""The packs GAL, HT, HEN, X17, M09 and EX carry the values of their documents, and leave open what these leave open.

VALUES is the table: a rule, the pack, the value that is read, and the catalogue's figure, written out.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from core.yaml import load_strict
from dialer.programmes.load import PACKS, load_pack, shipped_packs
from dialer.programmes.model import Avoidance, Cap, CapPer, DayKind, Deadline, Pack, Per, Retention, Trigger, Unit
from dialer.programmes.scope import Facts
from ivr_flows.loader import load_flow
from tests.unit.programmes.catalogue import carried_by, kinds

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[3]
MINE = ("GAL", "HT", "HEN", "X17", "M09", "EX", "demo_firm")
LOADED = {name: load_pack(name) for name in MINE}
CONTACT = ("windows", "caps", "interval", "ring_limit", "retries", "follow_ups")
EMPTY: Facts = {"tags": (), "event": {}}
IN, OUT = "concerned", "not concerned"

Read = Callable[[Pack], Any]


def value(rule: str, pack: str, read: Read, expected: object, *more: str) -> Any:
    """One row: the rules it shows, the pack, what is read of it, what the catalogue says."""
    marks = [pytest.mark.rule(name) for name in (rule, *more)]
    return pytest.param(pack, read, expected, marks=marks, id=f"{rule} {pack}")


def shares(programme: str) -> Read:
    return lambda pack: [(quota.share, quota.of.text if quota.of else "") for quota in pack.programme(programme).quotas]


def owed_by(programme: str) -> Read:
    """The deadline without its rule: amount, unit, what is said of the day, what waits for it."""

    def read(pack: Pack) -> object:
        found = pack.programme(programme).deadline
        return found and (found.amount, found.unit, found.before)

    return read


def before(programme: str) -> Read:
    def read(pack: Pack) -> object:
        found = pack.programme(programme).deadline
        return found and found.before

    return read


def events(programme: str) -> Read:
    return lambda pack: pack.programme(programme).due.events


def period(programme: str) -> Read:
    return lambda pack: (pack.programme(programme).due.period, pack.programme(programme).due.times)


def executor(programme: str) -> Read:
    def read(pack: Pack) -> object:
        key = pack.programme(programme).executor
        return key, pack.executors[key].level

    return read


def channels(programme: str) -> Read:
    return lambda pack: pack.programme(programme).channels


def scope(programme: str, **facts: Any) -> Read:
    """IN when the programme concerns such a client (its scope and, where it has tests, one of them), else OUT."""

    def read(pack: Pack) -> str:
        one, known = pack.programme(programme), {**EMPTY, **facts}
        tested = not one.any_of or any(test.when(known) for test in one.any_of)
        return IN if one.scope(known) and tested else OUT

    return read


def universe(**facts: Any) -> Read:
    """IN when the whole pack concerns such a client, else OUT."""

    def read(pack: Pack) -> str:
        known = pack.universe
        return IN if known is not None and known({**EMPTY, **facts}) else OUT

    return read


def missing(wanted: set[str], read: Read) -> Read:
    return lambda pack: wanted - set(read(pack))


def exempted(programme: str, **facts: Any) -> Read:
    return lambda pack: [one.rule for one in pack.programme(programme).exemptions if one.when({**EMPTY, **facts})]


def lists(programme: str) -> Read:
    def read(pack: Pack) -> object:
        found = pack.programme(programme).lists
        return found and (found.fixed_by, found.branch_may, found.thresholds_by)

    return read


def suppressed_by(programme: str) -> Read:
    return lambda pack: [
        (sorted(one.programmes), one.within, one.lookback_months, one.same_flow)
        for one in pack.programme(programme).suppressions
    ]


def limit(key: str) -> Read:
    def read(pack: Pack) -> object:
        one = pack.limits[key]
        return one.owner, one.to, one.within and (one.within.amount, one.within.unit)

    return read


def report(key: str) -> Read:
    def read(pack: Pack) -> object:
        one = pack.reports[key]
        return one.to, one.every, one.within and (one.within.amount, one.within.unit)

    return read


def report_date(key: str) -> Read:
    def read(pack: Pack) -> object:
        found = pack.reports[key].within
        return found and found.before

    return read


def refusal(pack: Pack) -> object:
    found = pack.refusal
    return found and (found.contents, found.channels, found.sender)


def actions(programme: str, outcome: str) -> Read:
    return lambda pack: [(one.kind, one.to) for one in pack.programme(programme).outcomes[outcome]]


def is_open(*paths: str) -> Read:
    return lambda pack: set(paths) - set(pack.everything_open())


def tops(programme: str) -> Read:
    return lambda pack: [
        (top.most, top.by, top.where.text if top.where else "", top.rule) for top in pack.programme(programme).tops
    ]


FIVE_DAYS = (5, Unit.WORKING_DAY, "")
HT_CHANNELS = ("phone", "letter", "email", "visit", "meeting")
IDENTITY = {
    "identity_changed",
    "abnormal_trading",
    "name_match",
    "ml_suspicion",
    "data_contradiction",
    "identity_doubt",
    "data_missing",
    "listed",
}
"""The eight reasons of A-70; what a branch sees beside them comes as a list."""

GAL_VALUES = [
    value("A-02", "GAL", lambda pack: list(pack.groups), ["regular", "key", "special"]),
    value(
        "A-03",
        "GAL",
        lambda pack: [one.key for one in pack.programmes.values() if one.group == "regular"],
        ["new_account", "existing_client", "signed", "ib_relationship"],
    ),
    value(
        "A-12",
        "GAL",
        lambda pack: list(pack.provisions),
        ["duties", "operating_flow", "requirements", "abnormal_cases"],
    ),
    value("A-17", "GAL", universe(), IN),
    value("A-20", "GAL", events("new_account"), ("account_opened",)),
    value("A-20", "GAL", shares("new_account"), [(Fraction(1), "")]),
    value("A-20", "GAL", owed_by("new_account"), (1, Unit.MONTH, "")),
    value("A-20", "GAL", executor("new_account"), ("hq_call_centre", "hq")),
    value("A-39", "GAL", period("existing_client"), (Per.YEAR, 1)),
    value("A-39", "GAL", executor("existing_client"), ("hq_call_centre", "hq")),
    value("A-39", "GAL", exempted("existing_client", status="dormant"), ["A-39"]),
    value("A-39", "GAL", exempted("existing_client", status="suspended"), ["A-39"]),
    value("A-39", "GAL", exempted("existing_client", status="active"), []),
    value(
        "A-39",
        "GAL",
        scope("existing_client", opened_on=date(2026, 1, 1), period_start=date(2026, 1, 1)),
        OUT,
    ),
    value(
        "A-40",
        "GAL",
        shares("existing_client"),
        [(Fraction(15, 100), "'margin' in tags"), (Fraction(10, 100), "")],
        "A-39",
    ),
    value("A-54", "GAL", scope("key_service", asset_total=10_000_000), IN),
    value("A-54", "GAL", scope("key_service", asset_total=9_999_999), OUT),
    value("A-54", "GAL", scope("key_service", volume_month_avg=10_000_000), IN),
    value("A-54", "GAL", scope("key_satisfaction", volume_month_avg=9_999_999), OUT),
    value("A-54", "GAL", scope("key_satisfaction", tags=("vip",)), IN),
    value("A-54", "GAL", scope("key_service", tags=("core",)), IN),
    value("A-54", "GAL", scope("key_service", tags=("branch_key",)), IN),
    value("M-29", "GAL", is_open("programmes.key_service.any_of.2.when"), set()),
    value("M-29", "GAL", is_open("programmes.key_satisfaction.any_of.2.when"), set()),
    value("A-55", "GAL", lambda pack: lists("key_service")(pack)[2], "hq_customer_service"),
    value("A-58", "GAL", lists("key_service"), ("hq", ("add",), "hq_customer_service")),
    value("A-58", "GAL", lists("key_satisfaction"), ("hq", ("add",), "hq_customer_service")),
    value("A-56", "GAL", period("key_service"), (Per.YEAR, 1)),
    value("A-56", "GAL", period("key_satisfaction"), (Per.YEAR, 1)),
    value("A-56", "GAL", suppressed_by("key_service"), [(["new_account"], Per.YEAR, 0, False)], "B-15"),
    value("A-56", "GAL", suppressed_by("key_satisfaction"), [(["new_account"], Per.YEAR, 0, False)], "B-15"),
    value("A-57", "GAL", executor("key_service"), ("branch", "branch")),
    value("A-57", "GAL", executor("key_satisfaction"), ("hq_call_centre", "hq")),
    value("A-67", "GAL", executor("special"), ("branch", "branch")),
    value("A-67", "GAL", missing({"key_monitoring", "regulator_inquiry", "listed"}, events("special")), set()),
    value("A-68", "GAL", scope("special", event_type="statement_disputed", asset_total=100_000), IN),
    value("A-68", "GAL", scope("special", event_type="statement_undelivered", asset_total=100_000), IN),
    value("A-68", "GAL", scope("special", event_type="statement_disputed", asset_total=99_999), OUT),
    value("A-69", "GAL", scope("special", event_type="key_monitoring"), IN),
    value("A-69", "GAL", scope("special", event_type="abnormal_trading"), IN),
    value("A-69", "GAL", scope("special", event_type="regulator_inquiry"), IN),
    value("A-70", "GAL", missing(IDENTITY, events("special")), set()),
    value("A-71", "GAL", scope("special", event_type="listed"), IN),
    value("A-72", "GAL", is_open("programmes.special.deadline.day_type"), set(), "B-08", "M-27"),
    value("A-72", "demo_firm", owed_by("special"), (3, Unit.DAY, "")),
    value("A-73", "GAL", lists("special"), ("branch", (), "hq")),
    value("A-85", "GAL", scope("ib_relationship", tags=("ib",), developed_by="marketing"), IN),
    value("A-85", "GAL", scope("ib_relationship", tags=("ib",), developed_by="self"), OUT),
    value("A-85", "GAL", exempted("new_account", event={"account": "futures"}), ["A-85"]),
    value("A-85", "GAL", exempted("new_account", event={"account": "fund"}), []),
    value(
        "A-85",
        "GAL",
        is_open(*(f"programmes.ib_relationship.{key}" for key in ("trigger", "deadline", "coverage"))),
        set(),
    ),
    value("A-86", "GAL", events("signed"), ("agreement_signed",)),
    value("A-86", "GAL", scope("signed", event={"agreement": "adviser"}), IN),
    value("A-86", "GAL", scope("signed", event={"agreement": "service"}), IN),
    value("A-86", "GAL", is_open("programmes.signed.deadline", "programmes.signed.coverage"), set()),
    value("A-112", "GAL", lambda pack: list(pack.executors), ["hq_call_centre", "branch"]),
    value("A-116", "GAL", channels("existing_client"), ("recorded_phone",)),
    value("A-116", "GAL", channels("key_satisfaction"), ("recorded_phone",)),
    value("A-116", "GAL", channels("key_service"), ("recorded_phone", "visit", "letter")),
    value("A-116", "GAL", channels("special"), ("recorded_phone", "visit", "letter")),
    value(
        "D-03", "GAL", is_open(*(f"programmes.{key}.passes" for key in ("existing_client", "special"))), set(), "M-02"
    ),
    value("D-12", "GAL", limit("objection"), ("branch", (), None)),
    value("D-12", "GAL", is_open("problems.objection.within.amount", "problems.objection.within.unit"), set()),
    value("D-12", "GAL", lambda pack: actions("new_account", "problem")(pack)[0], ("work_order", ("branch",))),
    value("D-22", "GAL", lambda pack: actions("special", "problem")(pack)[1], ("watch", ())),
    value("E-01", "GAL", lambda pack: pack.avoidance, (Avoidance(frozenset({"marketing"}), rule="E-01"),)),
    value("F-02", "GAL", lambda pack: pack.retention["recording"], Retention(3, Unit.YEAR, "F-02")),
    value("F-06", "GAL", lambda pack: pack.retention["form"], Retention(3, Unit.YEAR, "F-02, F-06"), "F-02"),
    value("H-02", "GAL", report("summary"), (("head_of_hq_customer_service",), None, None)),
    value("H-02", "GAL", report("findings"), (("head_of_hq_customer_service",), None, None)),
    value("H-02", "GAL", is_open("reports.summary.every", "reports.findings.within.amount"), set()),
    value("J-01", "GAL", missing({"custody_predesignated"}, events("new_account")), {"custody_predesignated"}),
    value("J-02", "GAL", events("new_account"), ("account_opened",)),
    value("J-04", "GAL", scope("special", event_type="client_data_changed", event={"identity": "yes"}), IN),
    value("J-04", "GAL", scope("special", event_type="client_data_changed", event={}), OUT),
    value("J-06", "GAL", lambda pack: pack.programme("existing_client").cancelled_by, ("account_closed",)),
    value("J-09", "GAL", lambda pack: pack.programme("new_account").due.collapse, "group"),
    value(
        "J-13",
        "GAL",
        lambda pack: pack.programme("new_account").cancelled_by,
        ("account_closed", "account_review_failed"),
        "J-06",
    ),
    value("J-03", "demo_firm", missing({"bank_account_changed"}, events("custody_change")), set()),
    value("J-05", "demo_firm", missing({"custody_bank_changed"}, events("custody_change")), set()),
    *(value("M-01", "GAL", is_open(key), set()) for key in CONTACT),
    value("M-03", "GAL", is_open("programmes.new_account.automatic"), set()),
]
HT_VALUES = [
    value("A-04", "HT", lambda pack: list(pack.groups), ["regular_compliance", "regular_service", "special"]),
    value("A-12", "HT", lambda pack: len(pack.provisions), 4),
    value("A-17", "HT", universe(), IN),
    value("A-24", "HT", events("new_broker"), ("account_opened",)),
    value("A-24", "HT", shares("new_broker"), [(Fraction(1), "")]),
    value("A-24", "HT", owed_by("new_broker"), FIVE_DAYS, "B-08"),
    value("A-24", "HT", executor("new_broker"), ("branch_operations_director", "branch")),
    value("A-24", "HT", scope("new_broker", developed_by="broker"), IN),
    value("A-24", "HT", scope("new_broker", developed_by="self"), OUT),
    value("A-25", "HT", shares("new_ordinary"), [(Fraction(30, 100), "")]),
    value("A-25", "HT", owed_by("new_ordinary"), FIVE_DAYS, "B-08"),
    value("A-25", "HT", executor("new_ordinary"), ("branch_operations_director", "branch")),
    value("A-25", "HT", scope("new_ordinary", developed_by="broker"), OUT),
    value("A-25", "HT", is_open("programmes.new_ordinary.trigger.period"), set()),
    value("A-44", "HT", period("small_and_dormant"), (Per.HALF_YEAR, 1)),
    value("A-44", "HT", shares("small_and_dormant"), [(Fraction(20, 100), "")]),
    value("A-44", "HT", executor("small_and_dormant"), ("branch_marketing_director", "branch")),
    value("J-08", "HT", scope("small_and_dormant", status="dormant"), IN, "A-44", "M-14"),
    value("J-08", "HT", exempted("small_and_dormant", status="dormant"), [], "A-44"),
    value("A-45", "HT", lambda pack: pack.programme("existing").purposes, ("data_correction",)),
    value("A-45", "HT", is_open(*(f"programmes.existing.{key}" for key in ("trigger", "deadline", "coverage"))), set()),
    value("A-59", "HT", scope("hq_clients", asset_total=10_000_000), IN),
    value("A-59", "HT", scope("hq_clients", asset_total=9_999_999), OUT),
    value("A-59", "HT", scope("hq_clients", tags=("broker",)), IN),
    value("A-59", "HT", period("hq_clients"), (Per.YEAR, 1)),
    value("A-59", "HT", shares("hq_clients"), [(Fraction(1), "")]),
    value("A-112", "HT", executor("hq_clients"), ("call_centre", "hq"), "A-59"),
    value("A-60", "HT", period("core"), (Per.MONTH, 1), "B-17"),
    value("A-60", "HT", scope("core", tags=("core",)), IN),
    value("A-60", "HT", executor("core"), ("branch_marketing_director", "branch")),
    value(
        "A-74",
        "HT",
        events("special"),
        ("large_asset_change", "account_closed", "password_reset", "business_opened"),
    ),
    value("A-74", "HT", is_open("programmes.special.deadline", "programmes.special.coverage"), set()),
    value("A-75", "HT", events("ordered"), ("instruction",)),
    value("A-75", "HT", before("ordered"), "event_date"),
    value("A-114", "HT", lambda pack: {one.channels for one in pack.programmes.values()}, {HT_CHANNELS}),
    value("D-16", "HT", report("special_return"), (("ordering_department",), None, (5, Unit.WORKING_DAY)), "I-17"),
    value("D-17", "HT", limit("forward"), ("receiving_hq_department", ("responsible_function",), None)),
    value("D-17", "HT", is_open("problems.forward.within.amount", "problems.forward.within.unit"), set()),
    value(
        "D-18",
        "HT",
        limit("opinion"),
        ("responsible_function", ("branch_or_marketing_director", "caller", "client"), (2, Unit.WORKING_DAY)),
        "I-17",
    ),
    value("D-19", "HT", limit("whole_loop"), ("receiving_hq_department", (), (15, Unit.WORKING_DAY)), "I-17"),
    value("E-04", "HT", lambda pack: pack.avoidance, (Avoidance(introducer=True, rule="E-04"),)),
    value(
        "H-04",
        "HT",
        report("compliance_records"),
        (("brokerage_operations_centre", "risk_control_hq"), Per.MONTH, (10, Unit.WORKING_DAY)),
        "H-05",
    ),
    value("H-05", "HT", report("service_data"), (("sales_trading_hq",), Per.MONTH, (10, Unit.WORKING_DAY)), "H-04"),
    value("H-04", "HT", report_date("special_records"), "event_date", "H-05"),
    value("H-06", "HT", report("evaluation"), (("branch",), Per.YEAR, (10, Unit.WORKING_DAY))),
    value("M-05", "HT", is_open("retention.recording", "retention.form"), set()),
    *(value("M-01", "HT", is_open(key), set()) for key in CONTACT),
]
HEN_VALUES = [
    value("A-33", "HEN", events("new_account"), ("account_opened",)),
    value("A-33", "HEN", channels("new_account"), ("phone",)),
    value("A-33", "HEN", scope("new_account", developed_by="marketing"), IN),
    value("A-33", "HEN", scope("new_account", developed_by="self"), OUT),
    value(
        "A-33",
        "HEN",
        lambda pack: {pack.executors[key].level for key in ("hq_brokerage", "branch_advisers")},
        {"hq", "branch"},
    ),
    value(
        "A-33",
        "HEN",
        is_open(*(f"programmes.new_account.{key}" for key in ("deadline.amount", "deadline.unit", "executor"))),
        set(),
        "M-06",
    ),
    value("A-65", "HEN", channels("large_and_active"), ("visit",)),
    value("A-65", "HEN", actions("large_and_active", "passed"), [("report", ("hq_brokerage",))]),
    value("A-65", "HEN", is_open("programmes.large_and_active.scope", "programmes.large_and_active.trigger"), set()),
    value("A-80", "HEN", events("risk_data"), ("risk_data",)),
    value("A-80", "HEN", lambda pack: pack.programme("risk_data").purposes, ("risk_disclosure", "compliance")),
    value("A-80", "HEN", shares("risk_data"), [(Fraction(1), "")]),
    value("A-103", "HEN", channels("survey"), ("phone", "questionnaire")),
    value("A-103", "HEN", executor("survey"), ("hq_brokerage", "hq")),
    value("A-103", "HEN", is_open("programmes.survey.trigger"), set()),
    value("D-10", "HEN", refusal, (("investment_risk", "trading_risk"), ("sms",), "hq_brokerage"), "B-23"),
    value("D-11", "HEN", limit("found_in_call"), ("branch", ("hq_brokerage",), (3, Unit.WORKING_DAY)), "I-17"),
    value("D-11", "HEN", actions("new_account", "problem"), [("work_order", ("branch",))]),
    value("D-14", "HEN", actions("risk_data", "violation"), [("work_order", ("branch",))]),
    value("D-14", "HEN", lambda pack: len(pack.programme("risk_data").outcomes["violation"][0].contents), 6),
    value("D-14", "HEN", is_open("problems.violation.within.amount"), set()),
    value("H-07", "HEN", report("large_and_active"), (("hq_brokerage",), Per.MONTH, None), "A-65"),
    value("J-06", "HEN", lambda pack: pack.programme("new_account").cancelled_by, ("account_closed",)),
    value("M-05", "HEN", is_open("retention.recording"), set()),
    *(value("M-01", "HEN", is_open(key), set()) for key in CONTACT),
]
X17_VALUES = [
    value(
        "A-01",
        "X17",
        lambda pack: list(pack.groups),
        ["new", "existing", "adviser", "departing_staff", "key", "abnormal", "other"],
    ),
    value(
        "A-12",
        "X17",
        lambda pack: list(pack.provisions),
        ["duties", "operating_flow", "requirements", "abnormal_cases"],
    ),
    value("A-17", "X17", universe(), IN),
    value(
        "A-19",
        "X17",
        lambda pack: pack.programme("new").purposes,
        ("risk_disclosure", "maintenance", "opinions", "satisfaction"),
    ),
    value("A-21", "X17", owed_by("new"), (1, Unit.MONTH, "")),
    value("A-21", "X17", shares("new"), [(Fraction(1), "")]),
    value("A-21", "X17", executor("new"), ("branch", "branch"), "A-112"),
    value("A-21", "X17", missing({"face_to_face", "phone", "questionnaire"}, channels("new")), set()),
    value(
        "A-113",
        "X17",
        lambda pack: set(channels("existing")(pack)),
        {"face_to_face", "phone", "letter", "email", "questionnaire"},
    ),
    value("A-41", "X17", period("existing"), (Per.YEAR, 1)),
    value("A-41", "X17", shares("existing"), [(Fraction(10, 100), "")]),
    value("A-41", "X17", exempted("existing", status="dormant"), ["A-41, J-08"], "J-08"),
    value("A-41", "X17", exempted("existing", status="suspended"), ["A-41"]),
    value("A-42", "X17", lambda pack: pack.programme("existing").rotation, "A-42"),
    value("A-87", "X17", scope("adviser", tags=("adviser_signed",)), IN),
    value(
        "A-87",
        "X17",
        is_open(
            *(
                f"programmes.{one}.{key}"
                for one in ("adviser", "key", "abnormal")
                for key in ("trigger", "deadline", "coverage")
            )
        ),
        set(),
        "M-07",
    ),
    value("A-91", "X17", lambda pack: pack.programme("departing_staff").due.kind, Trigger.DEPARTURE),
    value("A-91", "X17", before("departing_staff"), "contract_end"),
    value("A-91", "X17", is_open("programmes.departing_staff.coverage.0.share"), set()),
    value("A-91", "X17", executor("departing_staff"), ("branch", "branch")),
    value("A-92", "X17", channels("departing_staff"), ("counter", "phone", "visit")),
    value("A-93", "X17", scope("departing_staff", asset_total=5_000), IN),
    value("A-93", "X17", scope("departing_staff", asset_total=4_999.99), OUT),
    value(
        "A-94",
        "X17",
        lambda pack: tops("departing_staff")(pack)[0],
        (20, "turnover", "asset_total > 50000 and turnover > 3", "A-94"),
    ),
    value(
        "A-95",
        "X17",
        lambda pack: tops("departing_staff")(pack)[1],
        (20, "asset_avg_daily", "asset_avg_daily >= 100000", "A-95"),
    ),
    value("A-96", "X17", suppressed_by("departing_staff"), [([], None, 6, True)], "B-16"),
    value("A-97", "X17", exempted("departing_staff", turnover=0), ["A-97"]),
    value("A-97", "X17", is_open("programmes.departing_staff.exempt.1.when"), set(), "M-06"),
    value("D-08", "X17", lambda pack: pack.programme("departing_staff").gates, ("departure",)),
    value(
        "E-02",
        "X17",
        lambda pack: [(one.series, one.programmes) for one in pack.avoidance],
        [({"marketing"}, {"new", "existing", "departing_staff"})],
    ),
    value("J-06", "X17", lambda pack: pack.programme("new").cancelled_by, ("account_closed",)),
    value("M-05", "X17", is_open("retention.recording"), set()),
    *(value("M-01", "X17", is_open(key), set()) for key in CONTACT),
]
OTHER_VALUES = [
    value("A-06", "M09", lambda pack: list(pack.groups), ["opening", "periodic", "abnormal", "special"]),
    value("A-06", "M09", lambda pack: {one.level for one in pack.executors.values()}, {"hq", "branch"}),
    value("A-06", "M09", events("special"), ("listed",)),
    value("A-06", "M09", is_open("programmes.periodic.trigger", "programmes.abnormal.trigger"), set()),
    value("A-12", "M09", lambda pack: list(pack.provisions), ["duties", "requirements"]),
    value("A-17", "M09", universe(developed_by="marketing"), IN),
    value("A-17", "M09", universe(developed_by="self"), OUT),
    value("A-27", "M09", events("new_account"), ("opening_formalities_done",)),
    value("A-27", "M09", owed_by("new_account"), (3, Unit.WORKING_DAY, ""), "B-08"),
    value("A-27", "M09", is_open("programmes.new_account.executor", "programmes.new_account.channels"), set()),
    value("J-06", "M09", lambda pack: pack.programme("new_account").cancelled_by, ("account_closed",)),
    value("M-05", "M09", is_open("retention.recording"), set()),
    *(value("M-01", "M09", is_open(key), set()) for key in CONTACT if key != "caps"),
    value("A-22", "EX", owed_by("new_account"), (1, Unit.MONTH, "")),
    value("A-22", "EX", executor("new_account"), ("firm", "hq")),
    value("A-22", "EX", is_open("programmes.new_account.coverage", "programmes.new_account.channels"), set()),
    value("A-23", "EX", lambda pack: pack.programme("before_activation").gates, ("activation",), "D-07"),
    value("A-23", "EX", events("before_activation"), ("account_created",)),
    value("A-23", "EX", is_open("programmes.before_activation.deadline.amount"), set()),
    value("A-43", "EX", period("existing_client"), (Per.YEAR, 1)),
    value("A-43", "EX", shares("existing_client"), [(Fraction(10, 100), "")]),
    value("A-43", "EX", exempted("existing_client", status="dormant"), ["A-43"]),
    value("A-43", "EX", exempted("existing_client", status="suspended"), ["A-43"]),
    value("F-03", "EX", lambda pack: pack.retention["recording"], Retention(3, Unit.YEAR, "F-03")),
    value("F-03", "EX", lambda pack: pack.retention["form"], Retention(3, Unit.YEAR, "F-03")),
    *(value("M-01", "EX", is_open(key), set()) for key in CONTACT),
]
VALUES = [*GAL_VALUES, *HT_VALUES, *HEN_VALUES, *X17_VALUES, *OTHER_VALUES]


@pytest.mark.parametrize(("pack", "read", "expected"), VALUES)
def test_a_pack_carries_what_its_document_says(pack: str, read: Read, expected: object) -> None:
    assert read(LOADED[pack]) == expected


def test_every_value_rule_of_these_packs_stands_in_the_table() -> None:
    shown = {mark.args[0] for row in VALUES for mark in row.marks}
    elsewhere = {"B-12", "D-02", "J-12"}  # tests of their own below
    catalogue = kinds()
    unread = {rule for rule in carried() if catalogue.get(rule) == "CFG"} - shown - elsewhere
    assert unread == set()


def test_every_rule_of_these_packs_is_one_of_the_catalogue() -> None:
    assert carried() - set(kinds()) == set()


def carried() -> set[str]:
    """Every rule id of these packs."""
    return carried_by(MINE)


@pytest.mark.rule("B-12")
def test_m09_calls_a_client_twice_a_quarter_abnormal_and_special_calls_apart(tmp_path: Path) -> None:
    contact = load_strict(PACKS / "demo_firm.yaml").data
    assert isinstance(contact, dict)
    firm = tmp_path / "firm.yaml"
    kept = {key: contact[key] for key in CONTACT if key != "caps"}
    firm.write_text(f"pack: firm\nextends: M09\n{yaml.safe_dump(kept)}", "utf-8")
    assert load_pack(str(firm)).runnable().caps == (
        Cap(2, CapPer.QUARTER, answered_only=True, exempt=frozenset({"abnormal", "special"}), rule="B-12"),
    )


ANSWER = st.sampled_from(["yes", "no", None])


@pytest.mark.rule("D-02")
@given(
    opened=ANSWER,
    operates=ANSWER,
    discretion=ANSWER,
    knows=ANSWER,
    agency=ANSWER,
    developed_by=st.sampled_from(["marketing", "broker", "branch", "self"]),
)
def test_gal_passes_a_new_account_on_all_of_its_three_conditions_and_on_nothing_less(
    opened: str | None,
    operates: str | None,
    discretion: str | None,
    knows: str | None,
    agency: str | None,
    developed_by: str,
) -> None:
    answers = {
        "opened_in_person": opened,
        "staff_operates_account": operates,
        "full_discretion": discretion,
        "knows_marketer": knows,
        "agency_or_wealth_mgmt": agency,
        "developed_by": developed_by,
    }
    conditions = [opened == "yes", operates == "no", discretion == "no"]
    if developed_by == "marketing":
        conditions += [knows == "yes", agency == "no"]
    passes = LOADED["GAL"].programme("new_account").passes
    assert passes is not None
    assert passes(answers) is all(conditions)


@pytest.mark.rule("D-02")
def test_gal_asks_the_questions_that_the_script_for_new_accounts_has() -> None:
    passes = LOADED["GAL"].programme("new_account").passes
    assert passes is not None
    asked = {getattr(step, "question", "") for step in load_flow("new_account", "zh-CN").steps.values()}
    assert passes.names - asked == {"developed_by"}


@pytest.mark.rule("J-12")
@pytest.mark.rule("A-70")
@pytest.mark.parametrize("reason", sorted(IDENTITY - {"listed", "abnormal_trading"}))
def test_every_reason_to_establish_an_identity_looks_alike_in_the_plan(reason: str) -> None:
    tests = LOADED["GAL"].programme("special").any_of
    held = next(test.title for test in tests if test.when({**EMPTY, "event_type": reason}))
    assert held == "需要识别或者重新识别客户身份"


@pytest.mark.rule("M-29")
def test_the_example_of_a_firm_reads_the_twenty_percent_as_points() -> None:
    far_below = {**EMPTY, "pnl_rate_6m": -0.25, "index_rate_6m": -0.05}
    near = {**EMPTY, "pnl_rate_6m": -0.24, "index_rate_6m": -0.05}
    for key in ("key_service", "key_satisfaction"):
        tests = LOADED["demo_firm"].programme(key).any_of
        assert any(test.when(far_below) for test in tests)
        assert not any(test.when(near) for test in tests)


@pytest.mark.rule("M-27")
def test_the_example_of_a_firm_settles_what_a_day_is() -> None:
    deadline = LOADED["demo_firm"].programme("special").deadline
    assert deadline == Deadline(3, Unit.DAY, DayKind.WORKING_DAY, words="三天内", rule="A-72, firm")


@pytest.mark.parametrize("pack", ["demo_firm", str(ROOT / "huifang" / "demo" / "data" / "pack.yaml")])
def test_an_example_of_a_firm_leaves_nothing_open(pack: str) -> None:
    loaded = load_pack(pack)
    assert loaded.everything_open() == ()
    assert loaded.ready() == tuple(loaded.programmes.values())


def test_the_demo_day_runs_the_two_programmes_it_shows() -> None:
    assert set(load_pack(str(ROOT / "huifang" / "demo" / "data" / "pack.yaml")).programmes) == {
        "new_account",
        "existing_client",
    }


@pytest.mark.parametrize("pack", shipped_packs())
def test_every_type_of_event_of_a_shipped_pack_is_explained(pack: str) -> None:
    page = (ROOT / "docs" / "events.md").read_text("utf-8")
    used = {
        event
        for programme in load_pack(pack).programmes.values()
        for event in (*programme.due.events, *programme.cancelled_by)
    }
    assert {event for event in used if f"`{event}`" not in page} == set()


def test_every_feed_of_the_catalogue_is_answered_by_the_page_of_events() -> None:
    page = (ROOT / "docs" / "events.md").read_text("utf-8")
    assert [number for number in range(1, 14) if f"J-{number:02}" not in page] == []
