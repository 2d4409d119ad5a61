"""Expressions in words: the same thing in both languages, and nothing that reads alike when it is not."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.programmes import words_tables as tables
from dialer.programmes.expression_words import answered, whom
from dialer.programmes.scope import FIELDS, parse_answers, parse_scope

pytestmark = pytest.mark.unit

ATOMS = ("asset_total >= 10", "'vip' in tags", "status == 'dormant'")


@pytest.mark.parametrize(
    ("text", "zh", "en"),
    [
        ("all", "全部客户", "all clients"),
        ("asset_total >= 10000000", "总资产不低于 10,000,000", "total assets of at least 10,000,000"),
        ("asset_total > -3500.5", "总资产高于 -3,500.5", "total assets above -3,500.5"),
        ("'margin' in tags", "有标签“融资融券”", "tagged “margin trading”"),
        ("'margin' not in tags", "没有标签“融资融券”", "not tagged “margin trading”"),
        ("opened_on < period_start", "开户日期早于本期首日", "opening date before the first day of the period"),
        ("last_trade_on < '2026-01-31'", "最近交易日期早于2026-01-31", "date of the last trade before 2026-01-31"),
        (
            "status not in ('dormant', 'suspended')",
            "账户状态不是休眠或中止交易",
            "account status: not dormant or suspended",
        ),
        ("developed_by == 'marketing'", "开发人为营销人员", "developed by: marketing staff"),
        ("event.bulk == 'yes'", "银行批量开户为是", "opened in bulk by a bank: yes"),
        ("event.amount >= 500000", "事件金额不低于 500,000", "amount of the event of at least 500,000"),
        ("event_type == 'account_opened'", "事件为开立资金账户", "event: a fund account was opened"),
        (
            "pnl_rate_6m <= index_rate_6m - 0.2",
            "近六个月盈亏率不高于 （近六个月指数涨跌幅减 0.2）",
            "profit rate of the last six months of at most (change of the index in the last six months minus 0.2)",
        ),
        ("not status == 'closed'", "并非（账户状态为已销户）", "not (account status: closed)"),
        (
            "asset_total > 1 and ('vip' in tags or turnover > 2)",
            "总资产高于 1，且（有标签“VIP客户”，或换手率高于 2）",
            "total assets above 1, and (tagged “VIP client”, or turnover rate above 2)",
        ),
    ],
)
def test_an_expression_is_said_in_both_languages(text: str, zh: str, en: str) -> None:
    assert whom(parse_scope(text)) == (zh, en)


@pytest.mark.rule("D-02")
def test_a_pass_rule_names_its_questions_and_answers() -> None:
    said = answered(parse_answers("opened_in_person == 'yes' and developed_by != 'marketing'"))
    assert said.zh == "“本人临柜开户并签署协议”为是，且开发人不是营销人员"
    assert said.en == "“opened in person and signed the agreements”: yes, and developed by: not marketing staff"


def test_a_code_of_the_firms_own_is_shown_as_it_is_written() -> None:
    assert whom(parse_scope("'my_tag' in tags")).en == "tagged “‹my_tag›”"
    assert whom(parse_scope("branch == '北京'")).zh == "营业部为“北京”"


def test_every_field_of_the_language_has_a_word() -> None:
    assert FIELDS.keys() - tables.FIELDS.keys() == {"tags"}, "tags are told as tagged or not tagged"


def trees() -> st.SearchStrategy[str]:
    return st.recursive(
        st.sampled_from(ATOMS),
        lambda inner: st.one_of(
            st.tuples(inner, inner).map(lambda pair: f"({pair[0]}) and ({pair[1]})"),
            st.tuples(inner, inner).map(lambda pair: f"({pair[0]}) or ({pair[1]})"),
            inner.map(lambda one: f"not ({one})"),
        ),
        max_leaves=6,
    )


def shape(text: str) -> str:
    return ast.dump(ast.parse(text, mode="eval").body)


@given(trees(), trees())
def test_expressions_that_differ_never_read_alike(one: str, other: str) -> None:
    said, heard = whom(parse_scope(one)), whom(parse_scope(other))
    alike = shape(one) == shape(other)
    assert (said.zh == heard.zh) is alike
    assert (said.en == heard.en) is alike
