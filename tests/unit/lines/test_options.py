"""The question that a trunk's health is read from, and the book it is kept in."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.clock import SimulatedClock
from dialer.lines.base import Trunk
from dialer.lines.options import Question
from dialer.lines.trunk_health import HealthBook

pytestmark = pytest.mark.unit

TRUNK = Trunk("a", "10.20.0.5:5070", domain="carrier.example", user="firm", password="secret")


def response(question, status, call_id=None):
    return f"SIP/2.0 {status} X\r\nCall-ID: {call_id or question.call_id}\r\nCSeq: 1 OPTIONS\r\n\r\n".encode()


def test_a_question_is_a_whole_request_and_names_no_secret():
    message = Question.new(TRUNK, "95551").message("10.20.0.17:4000").decode()
    head, _, rest = message.partition("\r\n")
    assert head == "OPTIONS sip:10.20.0.5:5070 SIP/2.0"
    headers = dict(line.split(": ", 1) for line in rest.rstrip("\r\n").split("\r\n"))
    assert {"Via", "From", "To", "Call-ID", "CSeq", "Max-Forwards", "Contact", "Content-Length"} <= set(headers)
    assert headers["Via"].startswith("SIP/2.0/UDP 10.20.0.17:4000;branch=z9hG4bK")
    assert headers["From"].startswith("<sip:95551@carrier.example>;tag=")
    assert message.endswith("\r\n\r\n")
    assert "secret" not in message


def test_two_questions_are_told_apart():
    first, second = Question.new(TRUNK, "95551"), Question.new(TRUNK, "95551")
    assert first.final_status(response(first, 200)) == 200
    assert first.final_status(response(second, 200)) is None
    assert first.final_status(response(first, 100)) is None


@given(st.binary(max_size=200))
def test_any_bytes_are_no_answer(data):
    assert Question.new(TRUNK, "95551").final_status(data) is None


def test_the_book_keeps_the_latest_news_and_tells_when_a_trunk_came_back():
    book = HealthBook(SimulatedClock(datetime(2026, 11, 25, tzinfo=UTC)), [TRUNK, Trunk("b", "10.20.0.6")])
    assert [(one.registered, one.reachable) for one in book.report()] == [(None, None), (None, None)]
    assert [book.reachable("a", there, "x") for there in (True, False, False, True, True)] == [
        False, False, False, True, False,
    ]  # fmt: skip
    book.registered("a", True, "registered")
    first, second = book.report()
    assert (first.trunk, first.registered, first.reachable, first.detail) == ("a", True, True, "registered")
    assert (second.registered, second.reachable) == (None, None)
