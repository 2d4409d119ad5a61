"""The engine's settings out of ours."""

from __future__ import annotations

import pytest

from dialer.lines.baresip_config import calling_account, engine_config, registering_account
from dialer.lines.base import Trunk

pytestmark = pytest.mark.unit

PLAIN = Trunk("a", "10.20.0.5:5070")


def test_calls_come_from_the_firm_s_number_at_the_trunk_s_host_and_register_nothing():
    assert calling_account(PLAIN, "95551").startswith("<sip:95551@10.20.0.5;transport=udp>;")
    assert ";regint=0;" in calling_account(Trunk("a", "10.20.0.5", user="firm", register_s=60), "95551")
    assert calling_account(Trunk("a", "10.20.0.5", domain="carrier.example"), "95551").startswith("<sip:95551@carrier")


def test_a_registration_belongs_to_the_trunk_s_user_and_goes_to_its_address():
    account = registering_account(
        Trunk("a", "10.20.0.5:5070", user="firm", register_s=60, domain="ims.example"), "95551"
    )
    assert (account.user, account.domain, account.reg_interval) == ("firm", "ims.example", 60)
    assert account.registrar == "sip:10.20.0.5:5070;transport=udp"
    assert registering_account(Trunk("a", "10.20.0.5", register_s=60), "95551").user == "95551"


@pytest.mark.parametrize(
    ("srtp", "expected"), [("off", ""), ("offered", "mediaenc=srtp"), ("required", "mediaenc=srtp-mand")]
)
def test_encryption_is_what_the_trunk_says(srtp, expected):
    account = calling_account(Trunk("a", "10.20.0.5", srtp=srtp), "95551")
    assert [part for part in account.split(";") if part.startswith("mediaenc")] == ([expected] if expected else [])


@pytest.mark.parametrize(
    ("trunk", "remedy"),
    [
        (Trunk("a", "10.20.0.5", srtp="maybe"), "off, offered or required"),
        (Trunk("a", "10.20.0.5", transport="sctp"), "udp, tcp or tls"),
        (Trunk("a", "no host"), "host:port"),
        (Trunk("a", "10.20.0.5", display_name='"'), "quotes"),
    ],
)
def test_what_the_engine_would_misread_is_refused(trunk, remedy):
    with pytest.raises(ValueError, match=remedy):
        calling_account(trunk, "95551")


@pytest.mark.parametrize(
    ("listen", "trunks", "interface"),
    [
        ("10.0.0.1:5060", [PLAIN], "10.0.0.1"),
        ("0.0.0.0:5060", [PLAIN], None),
        ("0.0.0.0:5060", [Trunk("a", "127.0.0.1:5070")], "127.0.0.1"),
        ("0.0.0.0:5060", [Trunk("a", "127.0.0.1:5070"), PLAIN], None),
    ],
)
def test_the_engine_speaks_from_where_it_listens(listen, trunks, interface):
    config = engine_config(listen, trunks, (20000, 20999), 60)
    assert config.net_interface == interface
    assert f"sip_listen {listen}\nrtp_ports 20000-20999\nsip_verify_server yes\n" in config.extra_config_text


def test_trusted_certificates_must_be_there(tmp_path):
    with pytest.raises(ValueError, match="trusted certificates"):
        engine_config("127.0.0.1:0", [PLAIN], (20000, 20999), 60, str(tmp_path / "none.pem"))
