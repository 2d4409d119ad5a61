"""The demo's data belong together: every client who can be called has a subscriber and an expectation."""

from __future__ import annotations

import csv

import pytest

from dialer.programmes.load import load_pack
from huifang.demo.day import AGENTS, DATA, _expectations
from simulator.table import load_table

pytestmark = pytest.mark.unit

KINDS = {"busy", "no_answer", "declines", "not_found", "unavailable", "voicemail", "hangs_up", "silent"}
KINDS |= {"asks_for_agent", "speaks", "confirms", "agent"}


def clients() -> list[dict[str, str]]:
    with (DATA / "clients.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_there_are_at_least_forty_clients() -> None:
    assert len(clients()) >= 40


def test_every_expected_client_exists_and_every_callable_one_is_expected() -> None:
    known = {row["client_id"]: row for row in clients()}
    expected = _expectations()
    assert set(expected) <= set(known)
    left_out = set(known) - set(expected)
    assert all(
        row["phone_opt_out"] == "1" or row["status"] == "closed" or not row["phones"]
        for row in (known[client_id] for client_id in left_out)
    )


def test_whoever_is_expected_to_be_called_has_a_line_of_his_own() -> None:
    table = load_table(DATA / "carrier.yaml")
    phones = {row["client_id"]: row["phones"] for row in clients()}
    called = [client_id for client_id, wanted in _expectations().items() if wanted.dispositions]
    assert all(phones[client_id] in table.subscribers for client_id in called)
    assert set(AGENTS.values()) <= set(table.subscribers)


def test_every_kind_of_subscriber_and_a_bad_line_take_part() -> None:
    table = load_table(DATA / "carrier.yaml")
    behaviours = [behaviour for per_call in table.subscribers.values() for behaviour in per_call]
    assert {behaviour.common.kind for behaviour in behaviours} == KINDS
    assert any(behaviour.common.rtp_loss == 0.05 for behaviour in behaviours)


def test_the_demos_pack_leaves_nothing_open() -> None:
    assert load_pack(str(DATA / "pack.yaml")).runnable().ring_limit.total_seconds() > 0
