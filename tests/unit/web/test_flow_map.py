"""The page of a drawn script: real calls on the arrows, each number opens its list, and nothing is drawn of nothing."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from sqlalchemy import select

from dialer.calling.walked import walked
from dialer.tables import Attempt
from ivr_flows import register
from ivr_flows.graph import STYLE
from ivr_flows.loader import load_flow
from ivr_flows.model import Flow
from ivr_flows.register import Hand
from ivr_flows.tables import FlowVersion
from web.flowmap.arrows import step_rows
from web.flowmap.words import word

pytestmark = pytest.mark.unit

NAME = "existing_client"
NUMBER = re.compile(r'<a class="n" href="([^"]+)"[^>]*>(\d+)</a>')
TOTAL = re.compile(r"<h1>[^<]*<small>(\d+)</small></h1>")
MAP = f"/flows/{NAME}/map"


@pytest.fixture
def script() -> Flow:
    """The script as it stands in the folder."""
    return load_flow(NAME, "zh-CN")


@pytest.fixture
def called(day: Any, script: Flow) -> Flow:
    """Three calls of the day went through it: one to its second step, one hung up there, one to the identity."""
    first = [["", "start", "opening"], ["opening", "next", "opening.convenient"]]
    further = [*first, ["opening.convenient", "ready", "identity"]]
    ways = {"att-1b": (first, ["hung_up:opening.convenient"]), "att-2": (first, []), "att-4": (further, [])}
    with day.db.write() as session:
        for attempt_id, (path, reasons) in ways.items():
            row = session.get_one(Attempt, attempt_id)
            row.flow, row.flow_hash, row.path = NAME, script.hash, path
            row.verdict = {"outcome": None, "follow_up": None, "reasons": reasons}
    return script


def bring(day: Any, flow: Flow) -> None:
    """Submitted and approved beside the pages."""
    with day.db.write() as session:
        rows = register.submit(session, [flow], by=Hand("user:900", "user:900"), at=day.clock.now())
        register.approve(session, rows, by=Hand("user:901", "user:901"), at=day.clock.now())


def test_a_script_that_nobody_was_called_with_is_drawn_without_numbers(bob: Any, script: Flow) -> None:
    bob.post("/language", {"language": "en"})
    page = bob.get(f"{MAP}?language=zh-CN").text
    assert "No call of these days was made with this version." in page
    assert all(f'id="map-{step}"' in page for step in script.steps)
    assert "Where the calls went" not in page


def test_unknown_scripts_are_not_there(bob: Any) -> None:
    assert bob.get("/flows/nothing_of_the_kind/map").status_code == 404


def test_the_page_shows_where_most_clients_drop_out_first(bob: Any, called: Flow) -> None:
    bob.post("/language", {"language": "en"})
    page = bob.get(f"{MAP}?language=zh-CN&version={called.hash}").text
    assert "Most clients drop out at" in page
    assert "1 of 3 who came there hung up." in page
    table = page[page.index("arrows-title") :]
    assert table.index("#map-opening.convenient") < table.index('href="#map-opening"')


def test_every_number_opens_a_list_of_that_many_calls(bob: Any, called: Flow) -> None:
    page = bob.get(f"{MAP}?language=zh-CN&version={called.hash}").text
    numbers = [(html.unescape(path), int(number)) for path, number in NUMBER.findall(page)]
    assert sorted(number for _, number in numbers) == [1, 1, 1, 3, 3, 3]
    for path, number in numbers:
        shown = bob.get(path).text
        total = TOTAL.search(shown)
        assert total is not None
        assert int(total[1]) == number, path
        assert f'name="flow" value="{NAME}"' in shown


def test_the_days_of_the_calls_can_be_chosen(bob: Any, called: Flow) -> None:
    told = f"{MAP}?language=zh-CN&version={called.hash}"
    assert NUMBER.search(bob.get(f"{told}&since=2026-11-23&until=2026-11-23").text)
    assert not NUMBER.search(bob.get(f"{told}&since=2026-11-24&until=2026-11-25").text)
    assert not NUMBER.search(bob.get(f"{told}&since=2026-11-01&until=2026-11-22").text)


def test_the_dialed_version_is_drawn_unless_another_is_asked_for(bob: Any, day: Any, script: Flow) -> None:
    bring(day, script)
    page = bob.get(f"{MAP}?language=zh-CN").text
    assert f'<option value="{script.hash}" selected>' in page
    english = load_flow(NAME, "en")
    assert f'<option value="{english.hash}" selected>' in bob.get(f"{MAP}?language=en&version={script.hash}").text


def test_a_version_that_cannot_be_made_again_is_not_drawn(bob: Any, day: Any, script: Flow) -> None:
    bring(day, script)
    with day.db.write() as session:
        row = session.scalars(select(FlowVersion)).one()
        text = row.sources[f"{NAME}.yaml"].replace(f"version: {script.version}", "version: 99")
        row.sources = {**row.sources, f"{NAME}.yaml": text}
    page = bob.get(f"{MAP}?language=zh-CN&version={script.hash}")
    assert page.status_code == 200
    assert "<svg" not in page.text
    assert f"/flows/versions/{script.hash}" in page.text


def test_rehearsed_arrows_can_be_shown_instead(bob: Any, called: Flow) -> None:
    page = bob.get(f"{MAP}?language=zh-CN&version={called.hash}&show=rehearsals").text
    assert "○" in page
    assert "●" in page
    assert 'class="bar"' not in page


def test_numbers_are_links_only_for_who_may_see_the_calls(alice: Any, called: Flow) -> None:
    page = alice.get(f"{MAP}?language=zh-CN&version={called.hash}").text
    assert '<span class="n zero">3</span>' in page
    assert "/attempts?" not in page


def test_the_words_of_the_picture_are_the_visitors(bob: Any, script: Flow) -> None:
    bob.post("/language", {"language": "en"})
    assert "no agent is free" in bob.get(f"{MAP}?language=zh-CN").text


def test_the_style_of_the_picture_is_a_file_of_its_own(nobody: Any) -> None:
    answer = nobody.get("/flows/map.css")
    assert answer.mimetype == "text/css"
    assert answer.text.startswith(STYLE)


def test_the_list_keeps_the_arrow_when_it_is_narrowed_further(bob: Any, called: Flow) -> None:
    arrow = {"flow": NAME, "version": called.hash, "step": "opening", "lead": "next", "branch": "上海"}
    kept = bob.post("/lists/attempts", arrow).location
    assert all(f"{key}=" in kept for key in arrow)


def test_rows_hold_every_arrow_of_the_script(app: Any, day: Any, called: Flow) -> None:
    with day.db.session() as session:
        rows = step_rows(called, walked(session, NAME, called.hash))
    assert {row.step for row in rows} == set(called.steps)
    assert [row.lost for row in rows] == sorted((row.lost for row in rows), reverse=True)
    with app.test_request_context():
        assert all(word("lead", arrow.outcome) for row in rows for arrow in row.arrows)
