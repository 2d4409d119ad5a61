"""The baresip engine's two kinds of settings, an account for each trunk and one configuration, out of ours.

The rule of this module: pure; a value that the engine would misread is a ValueError that says what to mend.
"""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from baresip import Account, Config

from dialer.lines.addresses import is_loopback, is_wildcard, listening_address, trunk_address
from dialer.lines.base import Trunk
from dialer.lines.engine_handles import MAX_CALLS_AT_AN_INVITE

CODECS = ("pcma", "pcmu")  # A-law first: what Chinese carriers speak
_ENCRYPTION = {"off": (), "offered": ("mediaenc=srtp",), "required": ("mediaenc=srtp-mand",)}


def calling_account(trunk: Trunk, caller_id: str) -> str:
    """The address-of-record line for calls: always from the firm's one number (B-25), never registered."""
    name = trunk.display_name
    if any(character in name for character in '"\\<>\r\n'):
        raise ValueError("the display name must not contain quotes, backslashes, angle brackets or line ends")
    account = _account(trunk, caller_id, 0)
    return f'"{name}" {account.aor()}' if name else account.aor()


def registering_account(trunk: Trunk, caller_id: str) -> Account:
    """The account that registers: the trunk's user, or the firm's number when it has none."""
    return _account(trunk, trunk.user or caller_id, trunk.register_s)


def _account(trunk: Trunk, user: str, register_s: int) -> Account:
    host, port = trunk_address(trunk.address, trunk.transport)
    if trunk.srtp not in _ENCRYPTION:
        raise ValueError(f"srtp = {trunk.srtp!r} of trunk {trunk.name} is not off, offered or required")
    return Account(
        user,
        trunk.domain or host,
        trunk.password,
        registrar=f"sip:{host}:{port};transport={trunk.transport}" if register_s else None,
        reg_interval=register_s,
        transport=_transport(trunk.transport),
        audio_codecs=CODECS,
        auth_user=trunk.user or None,
        extra_params=_ENCRYPTION[trunk.srtp],
    )


def engine_config(
    listen: str, trunks: Sequence[Trunk], rtp_ports: tuple[int, int], media_timeout_s: int, ca_file: str = ""
) -> Config:
    """The configuration of the whole engine; ``ca_file`` empty: the system's certificates."""
    host, port = listening_address(listen)
    low, high = rtp_ports
    return Config(
        net_interface=_interface(host, trunks),
        max_concurrent_calls=MAX_CALLS_AT_AN_INVITE,
        sip_trace=True,
        rtp_timeout=media_timeout_s,
        extra_config_text=f"sip_listen {_bracketed(host)}:{port}\nrtp_ports {low}-{high}\n{_tls(ca_file)}",
    )


def _tls(ca_file: str) -> str:
    path = ca_file or ssl.get_default_verify_paths().cafile or ""
    if not path:
        return "sip_verify_server yes\n"
    if not Path(path).is_file() or any(character.isspace() for character in path):
        raise ValueError(f"the file of trusted certificates {path!r} is not there, or has a space in its name")
    return f"sip_verify_server yes\nsip_cafile {path}\n"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _interface(host: str, trunks: Sequence[Trunk]) -> str | None:
    """The address to speak from: the listening one; the engine overlooks loopback (demo, tests) unless it is named."""
    if not is_wildcard(host):
        return host
    hosts = [trunk_address(trunk.address, trunk.transport)[0] for trunk in trunks]
    return hosts[0].strip("[]") if all(map(is_loopback, hosts)) else None


def _transport(name: str) -> Literal["udp", "tcp", "tls"]:
    match name:
        case "udp" | "tcp" | "tls":
            return name
    raise ValueError(f"the transport {name!r} is not udp, tcp or tls")
