"""The pinned definition of what is found by what, without a database."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcribe.search import SNIPPET, snip
from transcribe.tokens import canonical, highlights, parse, pieces, tokens

pytestmark = pytest.mark.unit

mixed = st.text("客户服务乾體abB12Ａé \"，。、-'", max_size=30)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("客户服务", ["客户", "户服", "服务", "务"]),
        ("费", ["费"]),
        ("客户，服务", ["客户", "户", "服务", "务"]),
        ("客户 服务", ["客户", "户服", "服务", "务"]),
        ("买ETF基金", ["买", "etf", "基金", "金"]),
        ("ＥＴＦ 510300!", ["etf", "510300"]),
        ("客戶與乾隆", ["客户", "户与", "与干", "干隆", "隆"]),
        ("T+1 收益3.5%", ["t", "1", "收益", "益", "3", "5"]),
        ("", []),
        ("x" * 100, ["x" * 64]),
    ],
)
def test_runs_become_pairs_and_words_stay_whole(text: str, expected: list[str]) -> None:
    assert tokens(text) == expected


@pytest.mark.parametrize(
    ("query", "phrases"),
    [
        ("全权委托", [("全权", "权委", "委托")]),
        ("权", [("权",)]),
        ("全权 ETF", [("全权",), ("etf",)]),
        ('"买 ETF"', [("买", "etf")]),
        ("“全权 委托”他", [("全权", "权委", "委托"), ("他",)]),
        ("买买 买买", [("买买",)]),
        ('a "b', [("a",), ("b",)]),
    ],
)
def test_a_query_is_read_as_terms(query: str, phrases: list[tuple[str, ...]]) -> None:
    assert [term.phrase for term in parse(query)] == phrases


@given(mixed)
def test_the_order_of_words_does_not_matter(query: str) -> None:
    words = [word for word in query.replace('"', "").split() if pieces(word)]
    if words:
        assert set(parse(" ".join(words))) == set(parse(" ".join(reversed(words))))


@given(mixed, mixed)
def test_highlights_are_the_found_places_and_nothing_else(text: str, query: str) -> None:
    if not pieces(query):
        return
    terms = parse(query)
    places = highlights(text, terms)
    assert all(0 <= start < end <= len(text) for start, end in places)
    assert all(first[1] < second[0] for first, second in itertools.pairwise(places))
    assert bool(places) == any(term.needle in canonical(text) for term in terms)


def test_highlights_count_characters_of_the_original_text() -> None:
    text = "㈱说：我要買ＥＴＦ，買！"
    assert [text[start:end] for start, end in highlights(text, parse("买ETF"))] == ["買ＥＴＦ"]
    assert [text[start:end] for start, end in highlights(text, parse("买"))] == ["買", "買"]


@given(st.text("客户服务a ", max_size=300), st.integers(0, 300), st.integers(1, 9))
def test_a_snippet_shows_the_first_place(text: str, start: int, length: int) -> None:
    place = (start, min(start + length, len(text)))
    if place[0] >= place[1]:
        return
    snippet, shown = snip(text, [place])
    assert len(snippet) <= SNIPPET
    assert snippet in text
    assert snippet[slice(*shown[0])] == text[slice(*place)]
