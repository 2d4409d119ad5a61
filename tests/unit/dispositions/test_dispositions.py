"""From the network's facts to one verdict: the table of dialer.calling.dispositions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.calling.dispositions import TABLE, Disposition, Early, Judged, classify, facts_of, judge_ending, q850_causes
from dialer.lines.base import EndedBy, Ending, Provisional

pytestmark = pytest.mark.unit

D = Disposition
DIALED = datetime(2026, 11, 23, 1, 30, tzinfo=UTC)
LIMIT = 30.0


def provisional(status: int, after: float = 0.5, *, media: bool = False) -> Provisional:
    return Provisional(status, "", DIALED + timedelta(seconds=after), media)


def judged(
    status: int | None = None,
    *,
    q850: int | None = None,
    told: tuple[Provisional, ...] = (),
    after: float = 1.0,
    by: EndedBy = EndedBy.FAR_END,
    phrase: str = "",
    reasons: tuple[str, ...] = (),
    cause: str = "",
    answered: bool = False,
    heard: str = "",
    sure: float = 0.9,
) -> Judged:
    reasons = (*reasons, *(() if q850 is None else (f'Q.850;cause={q850};text="x"',)))
    ending = Ending(by, DIALED + timedelta(seconds=after), status, phrase, reasons, cause)
    early = Early(heard, sure) if heard else None
    return judge_ending(ending, answered=answered, dialed_at=DIALED, provisionals=told, ring_limit_s=LIMIT, early=early)


RINGING = (provisional(100, 0.1), provisional(180))
MEDIA = (provisional(183, media=True),)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (judged(404), D.INVALID_NUMBER),
        (judged(410), D.INVALID_NUMBER),
        (judged(484), D.INVALID_NUMBER),
        (judged(604), D.INVALID_NUMBER),
        (judged(480, q850=1), D.INVALID_NUMBER),
        (judged(404, q850=20), D.UNREACHABLE),
        (judged(480), D.UNREACHABLE),
        (judged(480, q850=19, told=RINGING), D.NO_ANSWER),
        (judged(480, q850=18), D.NO_ANSWER),
        (judged(486), D.BUSY),
        (judged(600), D.BUSY),
        (judged(486, told=RINGING, after=2.0), D.BUSY),
        (judged(486, told=RINGING, after=9.0), D.REJECTED),
        (judged(486, q850=17, told=MEDIA, after=9.0), D.BUSY),
        (judged(603, told=RINGING, after=9.0), D.REJECTED),
        (judged(603), D.REJECTED),
        (judged(603, q850=21, told=RINGING), D.REJECTED),
        (judged(403, q850=21), D.BLOCKED_BY_NETWORK),
        (judged(603, reasons=("SIP;cause=603;text=\"v=analytics1;url=x\"",)), D.BLOCKED_BY_NETWORK),
        (judged(607, told=RINGING), D.BLOCKED_BY_NETWORK),
        (judged(608), D.BLOCKED_BY_NETWORK),
        (judged(403), D.BLOCKED_BY_NETWORK),
        (judged(480, q850=55), D.SUSPENDED),
        (judged(503), D.TRUNK_CONGESTION),
        (judged(503, q850=34), D.TRUNK_CONGESTION),
        (judged(503, q850=17), D.BUSY),
        (judged(480, phrase="CPS limit exceeded"), D.TRUNK_CONGESTION),
        (judged(401), D.OUR_FAULT),
        (judged(488), D.OUR_FAULT),
        (judged(500), D.OUR_FAULT),
        (judged(None, by=EndedBy.STACK, cause="timer B"), D.OUR_FAULT),
        (judged(408), D.OUR_FAULT),
        (judged(408, told=RINGING), D.NO_ANSWER),
        (judged(500, told=RINGING), D.NO_ANSWER),
        (judged(487, told=RINGING, after=30.0, by=EndedBy.US), D.NO_ANSWER),
        (judged(487, told=RINGING, after=12.0, by=EndedBy.US), D.CANCELLED),
        (judged(487, told=(), after=30.0, by=EndedBy.US), D.UNREACHABLE),
        (judged(None, told=MEDIA, after=30.0, by=EndedBy.US), D.NO_ANSWER),
        (judged(answered=True), D.ANSWERED),
        (judged(answered=True, by=EndedBy.STACK, cause="lost"), D.ANSWERED),
    ],
)  # fmt: skip
def test_the_facts_of_an_ending_give_one_disposition(found: Judged, expected: Disposition) -> None:
    assert found.disposition is expected, found.why


def test_an_end_that_nobody_saw_is_an_interrupted_attempt_that_counts() -> None:
    found = judge_ending(None, answered=False, dialed_at=DIALED, provisionals=(), ring_limit_s=LIMIT)
    assert found.disposition is D.INTERRUPTED
    assert found.consumes_attempt


@pytest.mark.parametrize("ours", [D.TRUNK_CONGESTION, D.OUR_FAULT, D.CANCELLED])
def test_a_call_that_never_reached_the_phone_uses_up_no_attempt(ours: Disposition) -> None:
    assert not Judged(ours, "").consumes_attempt


@pytest.mark.parametrize(
    ("values", "causes"),
    [
        (('Q.850;cause=17;text="User busy"',), (17,)),
        (("q.850 ; cause = 34",), (34,)),
        (('Q.850;text="a";cause=1',), (1,)),
        (("SIP;cause=200;text=\"Call completed elsewhere\"",), ()),
        (("SIP;cause=486, Q.850;cause=21",), (21,)),
        (("", "Q.850", "Q.850;cause="), ()),
    ],
)  # fmt: skip
def test_q850_causes_are_read_from_reason_headers(values: tuple[str, ...], causes: tuple[int, ...]) -> None:
    assert q850_causes(values) == causes


endings = st.builds(
    Ending,
    by=st.sampled_from(EndedBy),
    at=st.integers(0, 120).map(lambda seconds: DIALED + timedelta(seconds=seconds)),
    status=st.none() | st.integers(300, 699),
    phrase=st.text(max_size=20),
    reasons=st.lists(st.integers(0, 127).map(lambda cause: f"Q.850;cause={cause}") | st.text(max_size=20)).map(tuple),
    cause=st.text(max_size=20),
)
provisionals = st.lists(st.builds(provisional, st.integers(100, 199), st.floats(0, 60), media=st.booleans())).map(tuple)


@given(endings, provisionals)
def test_every_ending_has_a_verdict_and_a_ringing_phone_always_counts_unless_we_took_the_call_back(
    ending: Ending, told: tuple[Provisional, ...]
) -> None:
    found = judge_ending(ending, answered=False, dialed_at=DIALED, provisionals=told, ring_limit_s=LIMIT)
    facts = facts_of(ending, answered=False, dialed_at=DIALED, provisionals=told, ring_limit_s=LIMIT)
    assert found.disposition not in (D.ANSWERED, D.INTERRUPTED)
    if facts.rang and not found.consumes_attempt:
        assert found.disposition in (D.CANCELLED, D.TRUNK_CONGESTION)


@given(endings, provisionals)
def test_an_answered_call_is_answered_however_it_ended(ending: Ending, told: tuple[Provisional, ...]) -> None:
    facts = facts_of(ending, answered=True, dialed_at=DIALED, provisionals=told, ring_limit_s=LIMIT)
    assert classify(facts).disposition is D.ANSWERED


def test_no_row_of_the_table_is_hidden_behind_an_earlier_one() -> None:
    reasons = {row.why for row in TABLE}
    assert len(reasons) == len(TABLE)


@pytest.mark.parametrize(
    ("heard", "expected"),
    [
        ("invalid_number", D.INVALID_NUMBER),
        ("powered_off", D.UNREACHABLE),
        ("unreachable", D.UNREACHABLE),
        ("suspended", D.SUSPENDED),
        ("out_of_service", D.SUSPENDED),
        ("incoming_restricted", D.SUSPENDED),
        ("no_answer", D.NO_ANSWER),
        ("voicemail", D.NO_ANSWER),
        ("assistant", D.NO_ANSWER),
        ("busy", D.BUSY),
        ("congestion", D.TRUNK_CONGESTION),
    ],
)
def test_what_the_network_said_wins_over_its_code(heard: str, expected: Disposition) -> None:
    assert judged(480, told=MEDIA, heard=heard).disposition is expected
    ours = judged(487, told=MEDIA, heard=heard, by=EndedBy.US, after=LIMIT)
    assert ours.disposition is expected, "also when we took the call back"


@pytest.mark.parametrize("heard", ["invalid_number", "suspended", "busy"])
def test_what_was_hardly_understood_is_no_evidence(heard: str) -> None:
    assert judged(480, q850=20, told=MEDIA, heard=heard, sure=0.79) == judged(480, q850=20, told=MEDIA)


def test_an_answer_is_an_answer_whatever_was_said_before() -> None:
    assert judged(answered=True, told=MEDIA, heard="powered_off").disposition is D.ANSWERED


def test_busy_after_a_long_ring_is_a_refusal_that_is_hardly_sure() -> None:
    declined = judged(486, told=RINGING, after=9.0, heard="busy")
    assert (declined.disposition, declined.confidence) == (D.REJECTED, 0.5)
    assert judged(486, told=MEDIA, heard="busy").confidence < judged(404).confidence


def test_a_trunk_that_says_nothing_at_all_uses_up_nobodys_attempt() -> None:
    silent = judged(by=EndedBy.US, after=LIMIT)
    assert silent.disposition is D.OUR_FAULT
    assert not silent.consumes_attempt
    assert judged(by=EndedBy.US, after=LIMIT, told=RINGING[:1]).disposition is D.UNREACHABLE


def test_the_page_shows_the_table_in_its_order() -> None:
    page = (Path(__file__).parents[3] / "docs" / "dispositions.md").read_text("utf-8")
    rows = [f"| {number} | `{row.disposition}` | {row.why} | {row.confidence} |" for number, row in enumerate(TABLE, 1)]
    assert "\n".join(rows) in page
