"""What a role sees of a name, a number, a sentence."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web.masking import masked, masked_name, masked_text
from web.tables import Role

pytestmark = pytest.mark.unit

ROLES = st.sampled_from(list(Role))


def test_an_agent_sees_the_last_four_and_an_auditor_both_ends() -> None:
    assert masked("13812345678", Role.AGENT) == "•••••••5678"
    assert masked("13812345678", Role.AUDITOR) == "138••••5678"
    assert masked("123X", Role.AUDITOR) == "••••"
    assert masked_name("张伟", Role.AGENT) == "张•"
    assert masked_name("张伟", Role.AUDITOR) == "张伟"


@given(st.text(alphabet="0123456789X", min_size=5, max_size=20), ROLES)
def test_a_mask_keeps_the_length_and_hides_all_but_seven(value: str, role: Role) -> None:
    shown = masked(value, role)
    assert len(shown) == len(value)
    assert sum(character != "•" for character in shown) <= 7
    assert "•" in shown


@pytest.mark.rule("E-32")
@given(st.text(alphabet="0123456789", min_size=8, max_size=18), st.text(max_size=10), ROLES)
def test_no_long_number_survives_in_a_sentence(number: str, around: str, role: Role) -> None:
    sentence = f"{around}号码{number}。{around}"
    shown = masked_text(sentence, role)
    assert f"号码{number}。" not in shown
    assert len(shown) == len(sentence)


@pytest.mark.parametrize(
    "sentence",
    ["我的号码是一三八一二三四五六七八", "call 138 1234 5678 now", "身份证11010119900307123X", "138-1234-5678"],
)
def test_a_number_is_found_however_it_is_written(sentence: str) -> None:
    shown = masked_text(sentence, Role.AGENT)
    assert "•" in shown
    assert "1234 5" not in shown
    assert "一三八" not in shown


@pytest.mark.parametrize("sentence", ["2026年11月23日", "百分之三十", "赚了100万元", "三四五六"])
def test_quantities_and_dates_are_left_alone(sentence: str) -> None:
    assert masked_text(sentence, Role.AGENT) == sentence


AN_AGENTS = ("/clients/C1", "/clients/C2", "/api/v1/clients/C1/explanation")


def test_the_pages_of_an_agent_hold_neither_names_nor_numbers(alice: Any) -> None:
    for path in (*AN_AGENTS, "/mine", "/calls/cb-1", "/calls/cb-2", "/api/v1/calls", "/api/v1/calls/cb-1"):
        page = alice.get(path).get_data(as_text=True)
        for personal in ("张伟", "李娜", "13812345678", "13987654321", "138••••"):
            assert personal not in page, path


def test_the_pages_of_an_auditor_hold_names_but_no_whole_number(bob: Any) -> None:
    for path in ("/attempts", "/calls/cb-1", "/api/v1/calls/cb-1", "/clients/C1"):
        page = bob.get(path).get_data(as_text=True)
        assert "13812345678" not in page
        assert "138••••5678" in page or "138\\u2022" in page
    assert "13812345678" not in bob.post("/search", {"text": "电话"}, follow_redirects=True).text
