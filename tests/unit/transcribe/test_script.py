"""Stored text is composed, simplified and free of stray spaces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcribe.script import primary, tidy

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("我 认为 跑步 最 重要", "zh-CN", "我认为跑步最重要"),
        ("帶來了身體健康", "zh-CN", "带来了身体健康"),
        ("乾隆很乾淨", "zh-CN", "乾隆很干净"),
        ("买 ETF 基金", "zh-CN", "买 ETF 基金"),
        (" It was\nthe first ", "en", "It was the first"),
        ("나 에게 커피", "ko", "나 에게 커피"),
        ("cafe\u0301\x00", "en", "caf\u00e9"),
    ],
)
def test_text_is_tidied_by_language(text: str, language: str, expected: str) -> None:
    assert tidy(text, language) == expected


@given(st.text(max_size=40), st.sampled_from(["zh-CN", "en", "ko"]))
def test_tidy_text_can_be_stored_anywhere(text: str, language: str) -> None:
    stored = tidy(text, language).encode("utf-8").decode("utf-8")
    assert "\x00" not in stored
    assert stored == stored.strip()


@pytest.mark.parametrize(("tag", "expected"), [("zh-CN", "zh"), ("zh_CN", "zh"), ("EN", "en"), ("ko", "ko")])
def test_the_primary_language_is_the_part_before_the_region(tag: str, expected: str) -> None:
    assert primary(tag) == expected
