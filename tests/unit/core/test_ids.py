"""Identifiers sort by time and never meet."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.ids import new_id

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
INSTANTS = st.timedeltas(timedelta(0), timedelta(days=100_000)).map(lambda age: datetime(1990, 1, 1, tzinfo=UTC) + age)


@given(INSTANTS, st.timedeltas(timedelta(milliseconds=1), timedelta(days=3650)))
def test_a_later_id_sorts_after_an_earlier_one(moment: datetime, later: timedelta) -> None:
    assert new_id(moment) < new_id(moment + later)


def test_ids_of_the_same_millisecond_differ() -> None:
    assert len({new_id(NOW) for _ in range(5000)}) == 5000


@given(INSTANTS)
def test_an_id_is_safe_in_file_names_and_addresses(moment: datetime) -> None:
    identifier = new_id(moment)
    assert len(identifier) == 20
    assert set(identifier) <= set("0123456789abcdefghjkmnpqrstvwxyz")
