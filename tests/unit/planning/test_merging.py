"""One contact for everything due to a client, and what is never put together."""

from __future__ import annotations

from datetime import date

import pytest

from core.calendars import DAY
from dialer.programmes.model import Pack
from tests.unit.planning.firm import MONDAY, Firm, at, called, client, event, items, pack_of

pytestmark = pytest.mark.unit

DUE = "deadline: {{amount: {0}, unit: working_day, rule: firm}}"
ONE = f"one: {{trigger: {{event: a, rule: firm}}, {DUE.format(9)}}}"
TWO = f"two: {{trigger: {{event: b, rule: firm}}, {DUE.format(5)}}}"
THREE = f"three: {{trigger: {{event: c, rule: firm}}, {DUE.format(3)}}}"
CENTRE = f"centre: {{trigger: {{event: d, rule: firm}}, executor: hq_call_centre, {DUE.format(3)}}}"
BY_PEOPLE = f"people: {{trigger: {{event: e, rule: firm}}, automatic: no, {DUE.format(3)}}}"
APART = "merge: {apart: [[one, two]], rule: B-14}"


def contacts(pack: Pack, *kinds: str, day: date = MONDAY) -> list[list[str]]:
    """The programmes of each contact that events of these kinds make, the most urgent contact first."""
    events = [event(f"E{number}", "C1", kind, day, f"10:0{number}") for number, kind in enumerate(kinds)]
    found = Firm.of(pack, [client("C1")], *events).night(day)
    return [[item.programme for item in callback.items] for callback in found.callbacks]


@pytest.mark.rule("B-14")
def test_everything_due_to_a_client_is_one_contact_the_most_urgent_matter_first() -> None:
    assert contacts(pack_of(ONE, TWO, THREE), "a", "b", "c", "c") == [["three", "three", "two", "one"]]


@pytest.mark.rule("B-14")
@pytest.mark.rule("A-18")
def test_the_earliest_deadline_and_its_script_are_those_of_the_contact(example: Pack) -> None:
    """A client of long standing opens two more accounts at the end of the year, when the yearly call is due too."""
    events = [event("E1", "C1", "account_opened", date(2026, 12, 8)), event("E2", "C1", "account_opened", MONDAY)]
    found = Firm.of(example, [client("C1")], *events).night(date(2026, 12, 18))
    (callback,) = found.callbacks
    assert [item.due_on for item in callback.items] == [date(2026, 12, 23), date(2026, 12, 31), date(2027, 1, 8)]
    assert callback.due_on == date(2026, 12, 23)
    assert callback.due_at == at(date(2026, 12, 24), "00:00")
    assert callback.flow == "new_account"
    assert callback.priority == 20261223


@pytest.mark.rule("B-14")
@pytest.mark.rule("A-57")
def test_calls_of_different_executors_are_different_contacts() -> None:
    assert contacts(pack_of(ONE, CENTRE), "a", "d") == [["centre"], ["one"]]


def test_what_only_people_may_ask_is_not_put_into_a_call_of_the_machine() -> None:
    assert contacts(pack_of(ONE, BY_PEOPLE), "a", "e") == [["people"], ["one"]]


@pytest.mark.rule("B-14")
def test_what_the_pack_keeps_apart_is_never_put_together() -> None:
    assert contacts(pack_of(ONE, TWO, THREE, more=APART), "a", "b", "c") == [["three", "two"], ["one"]]


def test_two_matters_of_one_programme_share_a_call_even_when_it_is_kept_apart_from_another() -> None:
    assert contacts(pack_of(ONE, TWO, more=APART), "a", "a", "b") == [["two"], ["one", "one"]]


@pytest.mark.rule("B-14")
def test_a_new_matter_joins_the_call_that_is_still_owed() -> None:
    firm = Firm.of(pack_of(ONE, TWO, CENTRE), [client("C1")], event("E1", "C1", "a", MONDAY))
    (first,) = firm.night(MONDAY).callbacks
    assert first.joins is None
    waiting = firm.past["one:E1"].callback_id
    firm.import_events([event("E2", "C1", "b", MONDAY), event("E3", "C1", "d", MONDAY)])
    found = {callback.executor: callback.joins for callback in firm.night(MONDAY + DAY, incremental=True).callbacks}
    assert found == {"branch": waiting, "hq_call_centre": None}


def test_nothing_joins_a_call_that_has_been_made() -> None:
    firm = Firm.of(pack_of(ONE, TWO), [client("C1")], event("E1", "C1", "a", MONDAY))
    firm.night(MONDAY)
    firm.close("one:E1", on=MONDAY)
    firm.import_events([event("E2", "C1", "b", MONDAY)])
    assert [callback.joins for callback in firm.night(MONDAY + DAY).callbacks] == [None]


def test_two_contacts_that_are_kept_apart_do_not_both_join_the_same_call() -> None:
    firm = Firm.of(pack_of(ONE, TWO, THREE, more=APART), [client("C1")], event("E1", "C1", "c", MONDAY))
    firm.night(MONDAY)
    firm.import_events([event("E2", "C1", "a", MONDAY), event("E3", "C1", "b", MONDAY)])
    joins = [callback.joins for callback in firm.night(MONDAY + DAY).callbacks]
    assert sorted(joins, key=str) == sorted([firm.past["three:E1"].callback_id, None], key=str)


@pytest.mark.rule("J-11")
@pytest.mark.rule("A-18")
def test_several_accounts_of_one_client_are_one_client_in_every_list(example: Pack) -> None:
    """Five fund accounts make five events; the client is called once and counts once in the yearly share."""
    opened = [event(f"E{n}", "N1", "account_opened", MONDAY, f"10:0{n}", group="opening") for n in range(5)]
    firm = Firm.of(example, [client("N1", opened_on=MONDAY), client("C1")], *opened)
    found = firm.night(date(2026, 12, 18))
    assert called(found).count("N1") == 1
    assert [key for key in items(found) if key.startswith("new_account")] == ["new_account:N1:opening"]
    (yearly,) = (draw for draw in found.draws if draw.programme == "existing_client")
    assert sum(sum(counts.values()) for counts in yearly.base.values()) == 1


@pytest.mark.rule("A-16")
def test_a_contact_is_with_the_client_and_in_his_language(example: Pack) -> None:
    (callback,) = (
        Firm.of(example, [client("N1", opened_on=MONDAY, language="en")], event("E1", "N1", "account_opened", MONDAY))
        .night(MONDAY)
        .callbacks
    )
    assert (callback.client_id, callback.language, callback.branch) == ("N1", "en", "北京")


@pytest.mark.rule("B-22")
@pytest.mark.parametrize(
    ("channel", "by_people"), [("email", True), ("letter", False), ("phone", False), (None, False)]
)
def test_a_channel_that_the_client_prefers_and_the_programme_permits_is_taken_by_people(
    channel: str | None, by_people: bool
) -> None:
    pack = pack_of(
        "asked: {trigger: {event: service_need}, deadline: {amount: 1, unit: week}, channels: [phone, email]}"
    )
    likes = client("A", prefers={"channel": channel} if channel else {})
    (callback,) = Firm.of(pack, [likes], event("E", "A", "service_need", MONDAY)).night(MONDAY).callbacks
    assert callback.automatic is not by_people
    assert ("电子邮件" in callback.reason and "e-mail" in callback.reason_en) is by_people
