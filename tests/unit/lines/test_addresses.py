"""What is an address of SIP and what is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.lines.addresses import is_loopback, is_sip_uri, listening_address, trunk_address, uri_host

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("text", "transport", "expected"),
    [
        ("10.20.0.5:5070", "udp", ("10.20.0.5", 5070)),
        ("sbc.carrier.example", "tcp", ("sbc.carrier.example", 5060)),
        ("sbc.carrier.example", "tls", ("sbc.carrier.example", 5061)),
        ("[2001:db8::1]:5060", "udp", ("[2001:db8::1]", 5060)),
    ],
)
def test_a_trunk_s_address_has_a_port_of_its_own_or_the_transport_s(text, transport, expected):
    assert trunk_address(text, transport) == expected


@pytest.mark.parametrize("text", ["", ":5060", "host:", "host:0", "host:99999", "ho st:5060", "a:b:c", "sip:host:5060"])
def test_what_is_no_trunk_address_is_refused(text):
    with pytest.raises(ValueError, match="host:port"):
        trunk_address(text, "udp")


@given(st.text(max_size=30))
def test_any_text_is_an_address_or_refused(text):
    for read in (lambda one: trunk_address(one, "udp"), listening_address):
        try:
            _, port = read(text)
        except ValueError:
            continue
        assert port >= 0


@given(st.integers(-5, 100000))
def test_a_uri_has_a_port_that_exists(port):
    assert is_sip_uri(f"sip:138@192.0.2.1:{port}") is (0 < port < 65536)


def test_the_host_of_a_uri():
    assert uri_host("sip:138@sbc.example:5060;transport=tcp") == "sbc.example"
    assert uri_host("nothing") == ""


@pytest.mark.parametrize(
    ("host", "loopback"), [("127.0.0.9", True), ("[::1]", True), ("10.0.0.1", False), ("x", False)]
)
def test_loopback_is_an_address_of_this_machine_alone(host, loopback):
    assert is_loopback(host) is loopback
