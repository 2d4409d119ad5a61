"""Who ended a call, decided from what was on the wire."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.lines.base import EndedBy, MediaStats
from dialer.lines.endings import Closing, media_stats
from dialer.lines.sip_messages import SipMessage, parse_close_text

pytestmark = pytest.mark.unit

NOON = datetime(2026, 11, 23, 4, tzinfo=UTC)
OURS, THEIRS, TIMER = "Rejected by user", "Connection reset by peer [104]", "Connection timed out [110]"
BYE = SipMessage(True, "a", "BYE", reasons=("Q.850;cause=16",))


def response(status, retry_after_s=None):
    return SipMessage(True, "a", "INVITE", status, "Phrase", ("Q.850;cause=1",), False, retry_after_s)


def closing(text, *, answered=False, final=None, bye=None):
    return Closing(parse_close_text(text), answered, final, bye)


@pytest.mark.parametrize(
    ("case", "by", "status", "reasons"),
    [
        (closing("486 Busy Here", final=response(486)), EndedBy.FAR_END, 486, ("Q.850;cause=1",)),
        (closing("486 Busy Here,Q.850;cause=17"), EndedBy.FAR_END, 486, ("Q.850;cause=17",)),
        (closing("486 Busy Here", final=response(401)), EndedBy.FAR_END, 486, ()),
        (closing(OURS, final=response(487)), EndedBy.US, 487, ("Q.850;cause=1",)),
        (closing(OURS, final=response(200)), EndedBy.US, 200, ("Q.850;cause=1",)),
        (closing(OURS), EndedBy.US, None, ()),
        (closing(TIMER), EndedBy.STACK, None, ()),
        (closing("Connection refused [111]"), EndedBy.STACK, None, ()),
        (closing("Bad message [74]", final=response(200)), EndedBy.STACK, 200, ("Q.850;cause=1",)),
        (closing(OURS, answered=True, final=response(200)), EndedBy.US, None, ()),
        (closing(THEIRS, answered=True, bye=BYE), EndedBy.FAR_END, None, ("Q.850;cause=16",)),
        (closing(THEIRS, answered=True), EndedBy.FAR_END, None, ()),
        (closing("rtp stream error", answered=True, final=response(200)), EndedBy.STACK, None, ()),
    ],
)
def test_the_ending_names_who_and_what(case, by, status, reasons):
    ending = case.ending(NOON)
    assert (ending.by, ending.status, ending.reasons, ending.at) == (by, status, reasons, NOON)
    assert ending.cause == case.text.cause


@pytest.mark.parametrize(
    ("case", "rang", "waits"),
    [
        (closing("486 Busy Here"), False, True),
        (closing("486 Busy Here", final=response(486)), False, False),
        (closing("486 Busy Here", final=response(401)), False, True),
        (closing(OURS), True, True),
        (closing(OURS), False, False),
        (closing(OURS, final=response(487)), True, False),
        (closing(OURS, answered=True), True, False),
        (closing(THEIRS, answered=True), True, True),
        (closing(THEIRS, answered=True, bye=BYE), True, False),
        (closing(TIMER), True, False),
    ],
)
def test_an_end_waits_only_for_a_message_that_must_come(case, rang, waits):
    assert case.lacks_witness(rang=rang) is waits


def test_how_long_the_trunk_asks_to_be_left_alone_is_kept():
    assert closing("503 Phrase", final=response(503, 30)).ending(NOON).retry_after_s == 30
    assert closing("503 Phrase", final=response(503)).ending(NOON).retry_after_s is None


@given(st.text(max_size=60), st.booleans(), st.none() | st.integers(200, 699).map(response), st.none() | st.just(BYE))
def test_an_answered_call_never_carries_a_status_and_the_wire_wins(text, answered, final, bye):
    ending = closing(text, answered=answered, final=final, bye=bye).ending(NOON)
    if answered:
        assert ending.status is None
        assert ending.by is not EndedBy.FAR_END or bye is not None or text.startswith("Connection reset")
    elif final is not None and parse_close_text(text).status is None:
        assert ending.status == final.status


REPORTS = st.recursive(
    st.none() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.dictionaries(st.sampled_from(["tx", "rx", "rtcp", "jbuf", "audio", "packets", "lost"]), inner),
)


@given(st.dictionaries(st.sampled_from(["tx", "rx", "rtcp", "jbuf", "audio", "duration"]), REPORTS))
def test_any_report_gives_figures_that_are_not_negative(report):
    stats = media_stats(report, 3)
    assert stats.starved_frames == 3
    assert min(stats.packets_sent, stats.packets_received, stats.packets_lost, stats.dropped_bytes) >= 0


def test_a_full_report_is_read():
    report = {
        "duration": 12,
        "tx": {"packets": 600},
        "rx": {"packets": 590},
        "rtcp": {"rx_lost": 7, "rx_jitter_us": 1500, "rtt_us": 42000},
        "jbuf": {"lost": 10},
        "audio": {"rx_dropped": 320, "rx_discarded": 640},
    }
    assert media_stats(report, 1) == MediaStats(12, 600, 590, 10, 1.5, 42.0, 1, 960)
