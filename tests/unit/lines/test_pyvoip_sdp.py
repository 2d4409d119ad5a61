"""Session descriptions of the pyVoIP engine."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.lines.pyvoip_sdp import PCMA, PCMU, FarMedia, read_description, write_description

pytestmark = pytest.mark.unit

BODY = "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8 0 96\r\n"
KEYS = "a=rtpmap:96 telephone-event/8000\r\n"


def test_a_plain_answer_is_read():
    assert read_description(BODY + KEYS) == FarMedia("192.0.2.9", 4000, PCMA, 96)
    assert read_description(BODY.replace("8 0 96", "0")) == FarMedia("192.0.2.9", 4000, PCMU)


def test_the_address_of_the_stream_goes_before_that_of_the_session():
    assert read_description(BODY + "c=IN IP4 192.0.2.10\r\n").host == "192.0.2.10"


def test_the_first_stream_that_is_ours_is_taken():
    body = BODY.replace("m=audio", "m=video 9 RTP/AVP 31\r\nm=audio 0 RTP/AVP 8\r\nm=audio")
    assert read_description(body).port == 4000


@pytest.mark.parametrize(
    "body",
    [
        "",
        "hello\n",
        BODY.replace("audio 4000", "audio 0"),
        BODY.replace("audio 4000", "audio 70000"),
        BODY.replace("RTP/AVP 8 0 96", "RTP/AVP 18"),
        BODY.replace("RTP/AVP", "RTP/SAVP"),
        BODY.replace("c=IN IP4 192.0.2.9", "c=IN IP6 2001:db8::9"),
        BODY.replace("c=IN IP4 192.0.2.9", "c=IN IP4 somewhere"),
        BODY.replace("c=IN IP4 192.0.2.9", "c=IN IP4 224.0.0.1/127"),
    ],
)
def test_a_description_that_leads_to_no_audio_of_ours_is_none(body):
    assert read_description(body) is None


@pytest.mark.parametrize(
    ("way", "held", "listens", "speaks", "ours"),
    [
        ("sendrecv", False, True, True, "sendrecv"),
        ("recvonly", False, True, False, "sendonly"),
        ("sendonly", True, False, True, "recvonly"),
        ("inactive", True, False, False, "inactive"),
    ],
)
def test_the_direction_says_who_speaks(way, held, listens, speaks, ours):
    far = read_description(f"{BODY}a={way}\r\n")
    assert (far.held, far.listens, far.speaks, far.our_way) == (held, listens, speaks, ours)


def test_an_address_of_zeros_is_a_hold():
    assert read_description(BODY.replace("c=IN IP4 192.0.2.9", "c=IN IP4 0.0.0.0")).held


def test_our_offer_has_both_laws_and_our_answer_only_what_was_agreed():
    assert "m=audio 4002 RTP/AVP 8 0 101\r\n" in write_description("192.0.2.1", 4002, (1, 1), "sendrecv")
    answer = write_description("192.0.2.1", 4002, (1, 2), "recvonly", FarMedia("192.0.2.9", 4000, PCMU, 96))
    assert "m=audio 4002 RTP/AVP 0 96\r\n" in answer
    assert "a=recvonly\r\n" in answer


@given(st.sampled_from(["sendrecv", "recvonly", "sendonly", "inactive"]), st.integers(1, 65535))
def test_what_we_write_we_read(way, port):
    assert read_description(write_description("192.0.2.1", port, (1, 1), way)) == FarMedia(
        "192.0.2.1", port, PCMA, 101, way
    )


@given(st.text(max_size=300))
def test_any_text_is_read_or_none_without_an_error(text):
    assert read_description(text) is None
    read_description(BODY + text)
    read_description(text + BODY)
