"""A script tried on a screen: the same interpreter decides, nothing is kept, and a page that lies gets nowhere."""

from __future__ import annotations

import json
import re
from html import unescape
from typing import Any

import pytest

from ivr_flows.events import Picked, Read
from ivr_flows.loader import load_flow
from web.trying import walk as walking

pytestmark = pytest.mark.unit

URL = "/flows/existing_client/try"


def _fields(page: str) -> dict[str, str]:
    """The hidden fields of the form that goes on."""
    return {name: unescape(value) for name, value in re.findall(r'name="(\w+)" value="([^"]*)"', page)}


def _go(visitor: Any, page: str, do: str, value: str | None = None) -> str:
    fields = _fields(page.split('class="set-outcome"')[1])
    data = {name: fields[name] for name in ("csrf_token", "walked", "step", "language", "medium")} | {"do": do}
    return str(visitor.client.post(URL, data=data | ({"value": value} if value is not None else {})).text)


def _walk(visitor: Any, answers: list[str | None], language: str = "en") -> str:
    page = visitor.get(f"{URL}?language={language}").text
    for value in answers:
        page = _go(visitor, page, "read" if value is None else "pick", value)
    return str(page)


RIGHT: list[str | None] = [None, "ready", "yes", "1234", None, "no", "no", "no", "yes", None, "5", "5", "5", "5", "5"]


def test_a_form_that_is_filled_in_rightly_passes(bob: Any) -> None:
    page = _walk(bob, [*RIGHT, "all is well", None])
    assert "全部回答均符合要求。" in page
    assert "<h2>通过</h2>" in page


def test_a_wrong_answer_shows_as_wrong_and_does_not_pass(bob: Any) -> None:
    wrong = [*RIGHT, "all is well", None]
    wrong[7] = "yes"
    page = _walk(bob, wrong)
    assert "wrong:full_discretion" in page
    assert "<h2>不通过</h2>" in page


def test_it_is_read_in_the_chosen_language_and_can_go_back(bob: Any) -> None:
    page = _walk(bob, [None], "zh-CN")
    assert "想做个简短的回访" in page
    assert "本次通话将全程录音" in _go(bob, page, "back")


def test_what_is_no_walk_of_this_script_changes_nothing(bob: Any) -> None:
    page = bob.get(URL).text
    fields = _fields(page.split('class="set-outcome"')[1])
    for lie in ("[", "{}", '[["picked", 1]]', '[["read", "closing"]]', '[["picked", "identity", "yes"]]'):
        told = bob.client.post(URL, data={**fields, "walked": lie, "do": ""}).text
        assert "opening.greeting" in told or 'value="opening"' in told


def test_conditions_bring_their_questions() -> None:
    flow = load_flow("new_account", "en")
    assert walking.conditions_of(flow) == ["developed_by_marketing"]
    assert walking.facts_of(["developed_by_marketing"])["developed_by"] == "marketing"
    assert walking.facts_of([])["developed_by"] == ""


def test_events_survive_the_way_through_the_page() -> None:
    events = [Read("opening"), Picked("identity.id_last4", '12"4')]
    assert walking.events_of(walking.as_text(events)) == events
    assert walking.events_of(json.dumps([["read", "x" * 500]])) == [Read("x" * 200)]
    assert walking.events_of("null") == []


@pytest.mark.parametrize("query", ["?language=fr", "?medium=call"])
def test_other_media_and_languages_are_not_here(bob: Any, query: str) -> None:
    assert bob.get(URL + query).status_code == 404
