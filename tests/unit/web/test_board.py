"""The board counts what the lists hold: every number opens the rows that make it, for the firm and for a branch."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from core.calendars import ChinaCalendars
from core.clock import CHINA
from core.db import Base
from dialer.tables import Callback, Escalation, Item, Sample, SampleMember, Skip
from web.board.lists import Moments, open_callbacks
from web.board.wanted import RISKS, Wanted

pytestmark = pytest.mark.unit

LISTS = ("/board/items", "/board/open", "/board/escalations", "/board/skipped", "/board/members")
COUNTED = re.compile(r'<a (?:class="n[^"]*" )?href="(/board/[^"]+)">(?:<b[^>]*>(\d+)</b>|(\d+))')
TOTAL = re.compile(r"<h1>[^<]*<small>(\d+)</small></h1>")
MONTH = "since=2026-11-01&until=2026-11-30"


def _numbers(page: str) -> list[tuple[str, int]]:
    found = [(html.unescape(path), int(one or other)) for path, one, other in COUNTED.findall(page)]
    return [(path, value) for path, value in found if path.startswith(LISTS)]


def _total(visitor: Any, path: str) -> int:
    found = TOTAL.search(visitor.get(path).text)
    assert found is not None, path
    return int(found[1])


@pytest.mark.rule("H-15")
@pytest.mark.parametrize(
    "page",
    [
        "/board",
        "/board?branch=上海",
        "/board?since=2026-12-01&until=2026-12-31",
        "/board/programmes/existing_client",
        "/board/programmes/new_account",
    ],
)
def test_every_number_opens_a_list_of_that_many(bob: Any, page: str) -> None:
    numbers = _numbers(bob.get(page).text)
    assert len(numbers) > 12
    for path, value in numbers:
        assert _total(bob, path) == value, path


def test_the_board_tells_the_day(bob: Any) -> None:
    bob.post("/language", {"language": "en"})
    numbers = {_sorted(path): value for path, value in _numbers(bob.get(f"/board?{MONTH}").text)}
    assert numbers["/board/open?risk=near"] == 3  # due on Friday, on the fourth working day after this one
    assert numbers[f"/board/items?fate=in_time&programme=new_account&{MONTH}"] == 1
    assert numbers[f"/board/items?fate=open&programme=new_account&{MONTH}"] == 1
    assert numbers[f"/board/skipped?programme=new_account&{MONTH}"] == 1  # the other one is due in December
    assert numbers["/board/members?drawn=open&quota=1&sample=existing_client:2026"] == 2
    assert numbers["/board/members?drawn=waiting&quota=1&sample=existing_client:2026"] == 1


def _sorted(path: str) -> str:
    page, _, query = path.partition("?")
    return f"{page}?{'&'.join(sorted(query.split('&')))}"


@pytest.mark.rule("H-15", "A-39")
def test_a_branch_owes_its_share_of_its_own_base_rounded_up(bob: Any) -> None:
    sample = bob.get(f"/api/v1/coverage?{MONTH}").json["samples"][0]
    margin, everybody = sample["quotas"]
    assert (margin["base"], margin["target"]) == (6, 1)
    assert (everybody["base"], everybody["target"]) == (24, 3)
    for branch in everybody["branches"]:
        assert branch["target"] == -(-branch["base"] // 10)
    assert sum(branch["base"] for branch in everybody["branches"]) == everybody["base"]


@pytest.mark.rule("H-15")
def test_only_who_was_reached_is_covered(bob: Any, day: Any) -> None:
    with day.db.write() as session:
        session.execute(sa.update(Item).where(Item.callback_id == "cb-2").values(state="done", closed_on=a_date(23)))
        session.execute(sa.update(Item).where(Item.callback_id == "cb-3").values(state="missed"))
    _, everybody = bob.get(f"/api/v1/coverage?{MONTH}").json["samples"][0]["quotas"]
    assert everybody["covered"] == 1
    assert everybody["members"]["missed"] == 1
    assert everybody["members"]["open"] == 0


def test_where_everybody_is_called_the_target_is_whoever_is_still_there(bob: Any, day: Any) -> None:
    with day.db.write() as session:
        session.get_one(Sample, "existing_client:2026").quotas = [{"share": "1", "of": None, "rule": "A-56"}]
        session.execute(sa.update(SampleMember).values(strata=1))
        session.execute(sa.update(SampleMember).where(SampleMember.client_id == "C6").values(state="out"))
    (quota,) = bob.get(f"/api/v1/coverage?{MONTH}").json["samples"][0]["quotas"]
    assert quota["target"] == 2


def test_done_after_its_deadline_is_late_and_not_in_time(bob: Any, day: Any) -> None:
    with day.db.write() as session:
        session.execute(sa.update(Item).where(Item.callback_id == "cb-1").values(closed_on=a_date(28)))
    assert _total(bob, "/board/items?fate=late") == 1
    assert _total(bob, "/board/items?fate=in_time") == 0


@pytest.mark.parametrize("offset", range(-2, 12))
def test_each_open_callback_is_in_exactly_one_class_of_risk(day: Any, offset: int) -> None:
    moments = Moments.of(day.clock.now(), ChinaCalendars())
    due_at = datetime(2026, 11, 24, tzinfo=CHINA) + timedelta(days=offset)
    with day.db.write() as session:
        session.execute(sa.update(Callback).values(due_at=due_at, due_on=due_at.date() - timedelta(days=1)))
        found = [risk for risk in RISKS if session.scalars(open_callbacks(Wanted(risk=risk), moments)).all()]
    assert found == [_risk(due_at.date() - timedelta(days=1))]


def _risk(due_on: date) -> str:
    """Slow and obvious: count the working days after Monday 2026-11-23 one by one."""
    if due_on < date(2026, 11, 23):
        return "overdue"
    left, one = 0, date(2026, 11, 23)
    while one < due_on:
        one += timedelta(days=1)
        left += ChinaCalendars().is_working_day(one)
    weekend = not ChinaCalendars().is_working_day(due_on)  # a deadline on a weekend ends before the next working day
    return (
        "today"
        if due_on == date(2026, 11, 23)
        else ("soon", "near", "later")[(left + weekend > 2) + (left + weekend > 5)]
    )


def a_date(number: int) -> date:
    """A day of November 2026."""
    return date(2026, 11, number)


def test_escalations_are_settled_or_not(bob: Any, day: Any) -> None:
    assert _total(bob, "/board/escalations") == 1
    with day.db.write() as session:
        session.execute(sa.update(Escalation).values(resolved_at=day.clock.now()))
    assert _total(bob, "/board/escalations") == 0
    assert _total(bob, "/board/escalations?settled=yes") == 1


@pytest.mark.parametrize(
    ("query", "total"),
    [
        ("", 2),
        ("code=opted_out", 1),
        ("programme=new_account&branch=上海", 1),
        ("programme=existing_client", 0),
        ("until=2026-11-30", 1),
        ("code=nothing&page=99", 0),
        ("since=nonsense", 2),
    ],
)
def test_the_filters_narrow_the_clients_left_out(bob: Any, query: str, total: int) -> None:
    assert _total(bob, f"/board/skipped?{query}") == total


def test_an_event_of_an_unknown_client_is_listed_without_a_link(bob: Any, day: Any) -> None:
    with day.db.write() as session:
        skip = {"trigger_key": "k", "client_id": "NOBODY", "programme": "new_account", "code": "unknown_client"}
        session.add(Skip(**skip, detail="", due_on=None, plan_id="plan-1"))
    page = bob.get("/board/skipped?code=unknown_client").text
    assert "NOBODY" in page
    assert "/clients/NOBODY" not in page


@pytest.mark.rule("M-01")
def test_a_programme_that_did_not_run_is_named_with_what_the_firm_must_set(bob: Any) -> None:
    page = bob.get("/board").text
    assert "programmes.signed.coverage, programmes.signed.deadline" in page


def test_before_the_first_import_and_plan_every_page_says_what_to_do(bob: Any, day: Any) -> None:
    with day.db.write() as session:
        for table in reversed(Base.metadata.sorted_tables):
            if table.name not in ("web_user", "audit_link"):
                session.execute(sa.delete(table))
    assert "huifang plan" in bob.get("/board").text
    for path in (*LISTS[:4], "/clients", "/windows", "/rules", "/board/programmes/new_account"):
        assert bob.get(path).status_code == 200, path


def test_an_unknown_programme_and_an_unknown_sample_are_not_there(bob: Any) -> None:
    assert bob.get("/board/programmes/nothing").status_code == 404
    assert bob.get("/board/members?sample=nothing").status_code == 404


def test_the_pages_open_with_a_pack_that_cannot_be_read_or_leaves_everything_open(
    tmp_path: Path, under: Callable[..., Any]
) -> None:
    broken = tmp_path / "firm.yaml"
    broken.write_text("pack: [", encoding="utf-8")
    for pack, word in ((str(broken), "firm.yaml"), ("GAL", "/rules#open")):
        bob = under(pack)
        for path in ("/board", "/clients/C3"):
            assert word in bob.get(path).text, path
        for path in ("/board/programmes/existing_client", "/board/open", "/rules", "/windows", "/calls/cb-3"):
            assert bob.get(path).status_code == 200, path
