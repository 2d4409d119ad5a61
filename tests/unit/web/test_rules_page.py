"""The pack viewer tells a pack whole: in words, what is open, what contradicts itself, its year."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dialer.programmes.load import load_pack, shipped_packs

pytestmark = pytest.mark.unit


def _shown(visitor: Any, path: str) -> str:
    answer = visitor.get(path)
    assert answer.status_code == 200
    return html.unescape(answer.text)


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_every_shipped_pack_is_told_with_every_programme(bob: Any, language: str) -> None:
    bob.post("/language", {"language": language})
    for name in shipped_packs():
        page, pack = _shown(bob, f"/rules?pack={name}"), load_pack(name)
        for programme in pack.programmes.values():
            assert f'id="programme-{programme.key}"' in page, name
            assert (programme.title if language == "zh-CN" else programme.title_en) in page, name
        ids = re.findall(r'id="([^"]+)"', page)
        assert len(ids) == len(set(ids)), name


@pytest.mark.rule("M-01")
def test_every_open_value_is_listed_by_its_name(bob: Any) -> None:
    page = _shown(bob, "/rules?pack=GAL")
    for name in load_pack("GAL").everything_open():
        assert f"<li>{name}" in page


def test_the_year_has_twelve_months_and_a_row_for_each_programme(bob: Any) -> None:
    bob.post("/language", {"language": "en"})
    page = _shown(bob, "/rules?year=2026")
    assert len(re.findall(r"<th scope=\"col\">\d+/2026</th>", page)) == 12
    assert page.count('<th scope="row">') >= len(load_pack("demo_firm").programmes)
    assert "by 12-31" in page


@pytest.mark.parametrize(
    "query", ["year=1", "year=99999", "year=x", "pack=nothing", "pack=../../etc/passwd", "year=2099"]
)
def test_a_malformed_question_shows_the_firms_own_pack(bob: Any, query: str) -> None:
    assert "demo_firm" in _shown(bob, f"/rules?{query}")


def test_a_contradiction_is_told_with_its_place(under: Callable[..., Any], tmp_path: Path) -> None:
    own = tmp_path / "firm.yaml"
    text = "pack: narrow\nextends: demo_firm\ntitle: 窄\ntitle_en: Narrow\n"
    own.write_text(text + "windows: {rule: firm, days: working_day, every: [09:00-09:05]}\n", encoding="utf-8")
    page = _shown(under(str(own)), "/rules")
    found = re.search(r'id="contradictions-title">[^<]*<small>(\d+)</small>', page)
    assert found is not None
    listed = page.split('id="contradictions"')[1].split("</section>")[0]
    assert listed.count("<li>") == int(found[1])


def test_a_pack_that_cannot_be_read_is_told_with_line_and_column(under: Callable[..., Any], tmp_path: Path) -> None:
    own = tmp_path / "firm.yaml"
    own.write_text("pack: mine\nextends: demo_firm\ntitle: x\ntitle_en: x\nnonsense: 1\n", encoding="utf-8")
    page = _shown(under(str(own)), "/rules")
    assert "firm.yaml:5:" in page
    assert "nonsense" in page


def test_a_pack_that_was_mended_is_read_again(under: Callable[..., Any], tmp_path: Path) -> None:
    own = tmp_path / "firm.yaml"
    own.write_text("pack: [", encoding="utf-8")
    bob = under(str(own))
    assert "note-danger" in _shown(bob, "/rules")
    own.write_text("pack: mine\nextends: demo_firm\ntitle: 我们的制度\ntitle_en: Ours\n", encoding="utf-8")
    page = _shown(bob, "/rules")
    assert "note-danger" not in page
    assert "我们的制度" in page
