"""Which of the client's numbers comes next, and which strings are numbers at all."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import phonenumbers
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dialer.calling.numbers import dialable, next_number
from dialer.programmes.facts import PastAttempt

pytestmark = pytest.mark.unit

ONE, TWO, THREE = "13900000001", "057187654321", "+85221234567"
PHONES = (ONE, TWO, THREE)
START = datetime(2026, 11, 23, 1, 30, tzinfo=UTC)


def tried(*attempts: tuple[str, str]) -> list[PastAttempt]:
    """The callback's attempts as (number, ending), an hour apart."""
    return [
        PastAttempt("K1", frozenset({"a"}), START + timedelta(hours=count), ending, phone=phone)
        for count, (phone, ending) in enumerate(attempts)
    ]


def test_numbers_take_turns_in_the_clients_order() -> None:
    order = []
    for _ in range(5):
        made = tried(*((phone, "no_answer") for phone in order))
        order.append(next_number(PHONES, made) or "")
    assert order == [ONE, TWO, THREE, ONE, TWO]


@pytest.mark.parametrize("ending", ["invalid_number", "blocked_by_network"])
def test_a_number_that_is_dead_is_left_alone_and_none_is_left_after_the_last(ending: str) -> None:
    assert next_number(PHONES, tried((ONE, ending))) == TWO
    assert next_number((ONE, TWO), tried((ONE, ending), (TWO, "busy"), (TWO, "busy"))) == TWO
    assert next_number((ONE, TWO), tried((ONE, ending), (TWO, ending))) is None
    assert next_number((ONE,), tried((TWO, ending))) == ONE


def test_faults_of_the_trunk_use_up_no_turn() -> None:
    fault = PastAttempt("K1", frozenset(), START, "trunk_congestion", counts=False, phone=ONE)
    assert next_number(PHONES, [fault, fault]) == ONE


def test_a_client_without_a_number_that_can_be_dialed_has_none() -> None:
    assert next_number((), []) is None
    assert next_number(("123", "110"), []) is None
    assert next_number(("123", TWO), []) == TWO


histories = st.lists(
    st.tuples(st.sampled_from(PHONES), st.sampled_from(["busy", "no_answer", "answered", "invalid_number"])), max_size=9
)


@given(st.lists(st.sampled_from(PHONES), unique=True, max_size=3), histories)
def test_the_next_number_is_the_clients_alive_and_the_least_tried(
    phones: Sequence[str], past: list[tuple[str, str]]
) -> None:
    chosen = next_number(phones, tried(*past))
    alive = [phone for phone in phones if (phone, "invalid_number") not in past]
    if chosen is None:
        assert alive == []
    else:
        counts = {phone: sum(number == phone for number, _ in past) for phone in alive}
        assert counts[chosen] == min(counts.values())
        assert alive.index(chosen) == min(alive.index(phone) for phone in alive if counts[phone] == counts[chosen])


def valid(text: str) -> bool:
    """What the library says, asked the slow way."""
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(text, "CN"))
    except phonenumbers.NumberParseException:
        return False


digits = st.text("0123456789", max_size=13)


@example("13900000001").via("a mobile number")
@example("17912345678").via("begins like a carrier code")
@example("１３９０００００００１").via("digits of another script")
@example("13900000001\n").via("a line end")
@given(st.one_of(digits, digits.map("1".__add__), digits.map("+86".__add__), st.text(max_size=15)))
def test_the_quick_look_at_a_number_says_what_the_library_says(text: str) -> None:
    assert dialable(text) is valid(text)
