"""A client's page answers: why is he called, by whom, until when, under which rule; and why was he not called?"""

from __future__ import annotations

import html
import re
from datetime import date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from core.clock import CHINA
from dialer.planning.plan import REASONS
from dialer.planning.sampling import MemberState
from dialer.programmes.facts import ItemState
from dialer.tables import Callback, Client, Event, Item, Sample, SampleMember, Skip
from web.clients.standing import Known, Standing, standings
from web.labels import LABELS
from web.programmes import PackRead, read_pack

pytestmark = pytest.mark.unit

LINE = re.compile(r'<li class="standing-(\w+)"><a href="/rules#programme-(\w+)">')


def _english(visitor: Any, path: str) -> str:
    visitor.post("/language", {"language": "en"})
    return html.unescape(visitor.get(path).text)


def _standings(visitor: Any, client_id: str) -> dict[str, str]:
    return {programme: code for code, programme in LINE.findall(visitor.get(f"/clients/{client_id}").text)}


@pytest.mark.rule("A-13")
def test_the_page_says_when_by_whom_until_when_and_under_which_rule(bob: Any) -> None:
    page = _english(bob, "/clients/C3")
    sentence = "Called next 2026-11-24 14:00:00 by Call centre of the company (by the dialer)"
    assert f"{sentence}, to be finished by 2026-11-27 24:00." in page
    assert "14:00–17:00" in page  # his own wish, inside the pack's window
    assert ">A-39</td>" in page
    assert "once a year" in page


def test_the_page_gives_the_stored_reason_for_the_time_in_the_readers_language(bob: Any, day: Any) -> None:
    with day.db.write() as session:
        why = {"code": "after_delay", "text": "占线：10 分钟后再拨", "text_en": "busy: again after 10 min"}
        session.get_one(Callback, "cb-3").next_why = why
    assert "占线：10 分钟后再拨" in bob.get("/clients/C3").text
    assert "busy: again after 10 min" in _english(bob, "/clients/C3")


@pytest.mark.rule("B-20")
def test_an_appointment_is_shown_with_what_was_agreed(bob: Any, day: Any) -> None:
    agreed = datetime(2026, 11, 25, 10, 30, tzinfo=CHINA)
    with day.db.write() as session:
        session.execute(sa.update(Callback).values(appointment_at=agreed, next_attempt_at=agreed))
    page = _english(bob, "/clients/C3")
    assert "Called next 2026-11-25 10:30:00" in page
    assert "Agreed with the client" in page
    assert "09:00–12:00" in page  # his general wish does not narrow his appointment


@pytest.mark.rule("B-08")
def test_a_provisional_call_is_marked_and_told_not_to_be_dialed(bob: Any, day: Any) -> None:
    with day.db.write() as session:
        session.execute(sa.update(Callback).values(provisional=True))
        session.execute(sa.update(Item).values(provisional=True))
    page = _english(bob, "/clients/C3")
    assert "provisional: not dialed before the holidays are published" in page
    assert "planned provisionally, beyond the published holidays (B-08)" in page


def test_a_call_for_which_no_time_is_left_says_so(bob: Any, day: Any) -> None:
    with day.db.write() as session:
        callback = session.get_one(Callback, "cb-3")
        callback.due_on, callback.due_at = date(2026, 11, 23), datetime(2026, 11, 24, tzinfo=CHINA)
        callback.next_attempt_at = datetime(2026, 11, 23, 19, tzinfo=CHINA)
    assert "No permitted time is left before the deadline." in _english(bob, "/clients/C3")


def test_the_gate_gives_every_reason_of_this_moment(bob: Any) -> None:
    page = _english(bob, "/clients/C3")  # 18:00: the pack's window and his own wish are over
    assert "outside the permitted windows (the firm's own)" in page
    assert "outside the times the client asked for (B-07)" in page


def test_who_was_left_out_reads_why_and_what_he_gets_instead(bob: Any) -> None:
    page = _english(bob, "/clients/C5")
    assert "the client wants no calls; use SMS (B-23)" in page
    assert "a message to the client, SMS" in page
    assert "Nothing is owed to this client." in page


@pytest.mark.rule("A-39")
def test_who_waits_in_a_sample_reads_his_place_and_how_far_it_is(bob: Any) -> None:
    page = " ".join(_english(bob, "/clients/C6").split())
    assert "place 3 of the drawn order, 0 before him still wait; not called yet." in page
    assert "10 % (A-39) of 24 clients: 3 to be called by 2026-12-31; 0 reached, 2 planned, 1 kept" in page


def test_those_who_wait_before_him_are_counted(bob: Any, day: Any) -> None:
    with day.db.write() as session:
        session.execute(sa.update(SampleMember).where(SampleMember.position < 2).values(state="waiting"))
    assert "2 before him still wait" in _english(bob, "/clients/C6")


def test_what_was_done_leads_to_the_call(bob: Any) -> None:
    page = bob.get("/clients/C1").text
    assert '<a href="/calls/cb-1">2026-11-23 09:40:00</a>' in page
    assert '<a href="/clients/C1">' in bob.get("/calls/cb-1").text


def test_every_programme_of_the_pack_has_its_line(bob: Any) -> None:
    codes = set(_pack(bob).programmes)
    for client_id in ("C1", "C2", "C3", "C4", "C5", "C6"):
        assert _standings(bob, client_id).keys() == codes
    assert _standings(bob, "C6")["existing_client"] == "waiting"
    assert _standings(bob, "C5")["new_account"] == "skipped"
    assert _standings(bob, "C5")["existing_client"] == "not_in_scope"  # opened this year
    assert _standings(bob, "C4") | {"new_account": "owed", "signed": "no_event"} == _standings(bob, "C4")
    assert _standings(bob, "C1")["new_account"] == "done"


def _pack(visitor: Any) -> Any:
    with visitor.client.application.app_context():
        return read_pack("demo_firm").pack


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"complete": False}, "behind"),
        ({"complete": True}, "came_later"),
        ({"last": date(2026, 11, 22)}, "no_sample"),
    ],
)
def test_who_is_in_scope_and_not_in_the_sample_reads_why(bob: Any, day: Any, changed: Any, code: str) -> None:
    with day.db.write() as session:
        session.execute(sa.delete(SampleMember).where(SampleMember.client_id == "C6"))
        session.execute(sa.update(Sample).values(**changed))
    assert _standings(bob, "C6")["existing_client"] == code


@pytest.mark.parametrize(("agreement", "code"), [("service", "next_plan"), ("other", "not_in_scope")])
def test_an_event_of_today_waits_for_the_next_plan(bob: Any, day: Any, agreement: str, code: str) -> None:
    with day.db.write() as session:
        at = day.clock.now() - timedelta(hours=1)
        told = {"event_id": "e-9", "client_id": "C6", "type": "agreement_signed", "data": {"agreement": agreement}}
        session.add(Event(**told, occurred_at=at, imported_at=at))
    assert _standings(bob, "C6")["signed"] == code


@pytest.mark.parametrize("state", [state for state in MemberState if state is not MemberState.PLANNED])
def test_each_state_of_a_member_has_its_standing(bob: Any, day: Any, state: str) -> None:
    with day.db.write() as session:
        session.execute(sa.update(SampleMember).where(SampleMember.client_id == "C6").values(state=state))
    assert _standings(bob, "C6")["existing_client"] == state


@pytest.mark.parametrize("state", [state for state in ItemState if state is not ItemState.OPEN])
def test_each_end_of_an_item_has_its_standing(bob: Any, day: Any, state: str) -> None:
    with day.db.write() as session:
        session.execute(sa.update(Item).where(Item.callback_id == "cb-3").values(state=state))
    assert _standings(bob, "C3")["existing_client"] == state


def test_every_standing_has_its_word() -> None:
    assert {*MemberState, *ItemState} - {"planned", "open"} <= LABELS["standing"].keys()


def test_a_pack_that_leaves_everything_open_has_no_standings(day: Any) -> None:
    read: PackRead = read_pack("GAL")
    assert read.pack is not None
    with day.db.session() as session:
        found: list[Standing] = standings(
            session, "C6", read.pack, Known([], [], [], {}), calendars=None, day=date(2026, 11, 23)
        )
    assert found == []


@pytest.mark.parametrize("code", REASONS)
def test_every_reason_is_shown_in_words(bob: Any, day: Any, code: str) -> None:
    with day.db.write() as session:
        session.execute(sa.update(Skip).where(Skip.client_id == "C6").values(code=code, detail="某事"))
    assert f"{REASONS[code][0]}：某事" in bob.get("/clients/C6").text
    assert f"{REASONS[code][1]}: 某事" in _english(bob, "/clients/C6")


def test_next_and_previous_walk_through_the_list_the_reader_came_from(bob: Any) -> None:
    listed = html.unescape(bob.get("/board/open").text)
    links = re.findall(r'<a href="(/clients/C\d\?list=open&place=\d)">', listed)
    assert links == ["/clients/C2?list=open&place=0", "/clients/C3?list=open&place=1", "/clients/C4?list=open&place=2"]
    page = html.unescape(bob.get(links[1]).text)
    assert f'data-previous href="{links[0]}"' in page
    assert f'data-next href="{links[2]}"' in page
    assert '<a href="/board/open?page=1">' in page
    assert "data-next" not in bob.get(links[2]).text


@pytest.mark.parametrize("kind", ["items", "open", "escalations", "skipped", "members", "clients"])
def test_every_list_leads_back_to_itself(bob: Any, kind: str) -> None:
    page = bob.get(f"/clients/C6?list={kind}&place=0&sample=existing_client:2026")
    assert page.status_code == 200
    back = re.search(r'class="crumbs[^>]*>\s*<a href="([^"]+)">', page.text)
    assert back is not None
    assert bob.get(html.unescape(back[1])).status_code == 200


@pytest.mark.parametrize("query", ["list=nothing&place=1", "list=open&place=x", "list=open&place=99999", "list=open"])
def test_a_malformed_way_back_is_no_error(bob: Any, query: str) -> None:
    assert bob.get(f"/clients/C6?{query}").status_code == 200


def test_a_client_is_found_by_name_number_or_id_and_no_word_stands_in_the_address(bob: Any) -> None:
    for words in ("王芳", "0000111", "C3"):
        answer = bob.post("/clients", {"text": words})
        assert re.fullmatch(r"/clients\?s=[\w-]+", answer.location)
        page = bob.get(answer.location).text
        assert "/clients/C3?list=clients&amp;place=0" in page
        assert "<small>1</small></h1>" in page


def test_a_client_without_anything_has_a_page(bob: Any, day: Any) -> None:
    with day.db.write() as session:
        session.execute(sa.delete(Skip))
        session.execute(sa.delete(SampleMember).where(SampleMember.client_id == "C6"))
        session.execute(sa.update(Client).where(Client.client_id == "C6").values(phones=[], tags=["vip"]))
    page = _english(bob, "/clients/C6")
    assert "no valid number of this client is left to dial" in page
    assert "VIP client" in page
    assert "No call-back has been finished yet." in page
