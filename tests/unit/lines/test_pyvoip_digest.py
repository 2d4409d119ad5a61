"""Answers to digest challenges, against the examples of the RFCs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.lines.pyvoip_digest import Credentials, answer_challenge, credentials_header, is_stale, parse_challenge
from dialer.lines.pyvoip_messages import read_packet

pytestmark = pytest.mark.unit

MUFASA = Credentials("Mufasa", "Circle Of Life")


def test_the_example_of_rfc_2617_is_answered_as_there():
    challenge = (
        'Digest realm="testrealm@host.com", qop="auth,auth-int", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", '
        'opaque="5ccc069c403ebaf9f0171e9517f40e41"'
    )
    answer = answer_challenge(challenge, MUFASA, "GET", "/dir/index.html", "0a4f113b")
    said = parse_challenge(answer)
    assert said["response"] == "6629fae49393a05397450978507c4ef1"
    assert said["opaque"] == "5ccc069c403ebaf9f0171e9517f40e41"
    assert (said["qop"], said["nc"], said["cnonce"]) == ("auth", "00000001", "0a4f113b")


def test_the_sha_256_example_of_rfc_7616_is_answered_as_there():
    challenge = (
        'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=SHA-256, '
        'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"'
    )
    who = Credentials("Mufasa", "Circle of Life")
    answer = answer_challenge(challenge, who, "GET", "/dir/index.html", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ")
    assert parse_challenge(answer)["response"] == "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"


@pytest.mark.parametrize(
    "challenge",
    [
        "",
        "Basic realm=x",
        "Digest",
        'Digest realm="x"',
        'Digest realm="x", nonce="y", algorithm=AKAv1-MD5',
        'Digest realm="x", nonce="y", qop="auth-int"',
    ],
)
def test_a_challenge_that_we_cannot_answer_gives_none(challenge):
    assert answer_challenge(challenge, MUFASA, "INVITE", "sip:x", "c") is None


@given(st.text(max_size=120))
def test_any_challenge_is_answered_or_not_without_an_error(text):
    answer = answer_challenge(f"Digest {text}", MUFASA, "INVITE", "sip:x", "c")
    assert answer is None or answer.startswith("Digest ")


@pytest.mark.parametrize(
    ("status", "asking", "answering"),
    [(401, "WWW-Authenticate", "Authorization"), (407, "Proxy-Authenticate", "Proxy-Authorization")],
)
def test_each_kind_of_challenge_has_its_own_header(status, asking, answering):
    header, value = credentials_header(challenged(status, asking), MUFASA, "INVITE", "sip:x")
    assert header == answering
    assert 'username="Mufasa"' in value


def test_the_first_challenge_that_we_can_answer_is_answered():
    response = challenged(401, "WWW-Authenticate", 'Digest realm="x", nonce="y", algorithm=NEW')
    _, value = credentials_header(response, MUFASA, "INVITE", "sip:x")
    assert "algorithm=MD5" in value


def test_without_credentials_no_challenge_is_answered():
    assert credentials_header(challenged(401, "WWW-Authenticate"), None, "INVITE", "sip:x") is None
    assert credentials_header(challenged(486, "WWW-Authenticate"), MUFASA, "INVITE", "sip:x") is None


def test_a_stale_nonce_is_known():
    assert is_stale(challenged(401, "WWW-Authenticate", 'Digest realm="x", nonce="y", stale=TRUE'))
    assert not is_stale(challenged(401, "WWW-Authenticate"))


def test_a_password_is_never_shown():
    assert "Circle" not in repr(MUFASA)


def challenged(status, header, first='Digest realm="x", nonce="z"'):
    """A response with a challenge of the caller's and one that anybody can answer."""
    return read_packet(
        f"SIP/2.0 {status} No\r\nVia: SIP/2.0/UDP h;branch=z\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\n"
        f'Call-ID: x\r\nCSeq: 1 INVITE\r\n{header}: {first}\r\n{header}: Digest realm="x", nonce="z"\r\n\r\n'.encode()
    )
