"""Answers to a digest challenge (RFC 2617, RFC 8760) for the pyVoIP engine.

The rule of this module: pure; a challenge that we cannot answer gives None. pyVoIP knows no qop and no 407, and reckons
with a URI that it did not ask for.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass, field

from dialer.lines.pyvoip_messages import Packet

_PAIRS = re.compile(r'([A-Za-z]+)\s*=\s*(?:"((?:\\.|[^"\\])*)"|([^\s,"]+))')
_HEADERS = {401: ("www-authenticate", "Authorization"), 407: ("proxy-authenticate", "Proxy-Authorization")}
_HASHES = {"md5": "md5", "sha-256": "sha256"}


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who we are to one trunk."""

    user: str
    password: str = field(repr=False)


def parse_challenge(value: str) -> dict[str, str] | None:
    """The parameters of a ``Digest`` challenge, names in lower case; None for any other scheme."""
    scheme, _, rest = value.strip().partition(" ")
    if scheme.lower() != "digest":
        return None
    return {name.lower(): quoted or plain for name, quoted, plain in _PAIRS.findall(rest)}


def credentials_header(response: Packet, who: Credentials | None, method: str, uri: str) -> tuple[str, str] | None:
    """The header, name and value, that answers a 401 or 407; None when it is none or cannot be answered."""
    asking, answering = _HEADERS.get(response.status or 0, ("", ""))
    if not asking or who is None:
        return None
    answers = (answer_challenge(value, who, method, uri, secrets.token_hex(8)) for value in response.all(asking))
    return next(((answering, answer) for answer in answers if answer is not None), None)


def is_stale(response: Packet) -> bool:
    """Whether only the nonce was too old (RFC 2617 section 3.2.1): the same credentials may be tried again."""
    asking, _ = _HEADERS.get(response.status or 0, ("", ""))
    return any((parse_challenge(value) or {}).get("stale", "").lower() == "true" for value in response.all(asking))


def answer_challenge(value: str, who: Credentials, method: str, uri: str, cnonce: str) -> str | None:
    """The value of our Authorization header; None when the challenge is none that we can answer."""
    asked = parse_challenge(value)
    if asked is None or not {"realm", "nonce"} <= asked.keys():
        return None
    algorithm = asked.get("algorithm", "MD5")
    hash_name = _HASHES.get(algorithm.lower())
    offered = {part.strip() for part in asked.get("qop", "").split(",")} - {""}
    if hash_name is None or (offered and "auth" not in offered):
        return None

    def digest(*parts: str) -> str:
        return hashlib.new(hash_name, ":".join(parts).encode(), usedforsecurity=False).hexdigest()

    secret, act = digest(who.user, asked["realm"], who.password), digest(method, uri)
    middle = ("00000001", cnonce, "auth") if offered else ()
    response = digest(secret, asked["nonce"], *middle, act)
    kept = {name: value for name, value in asked.items() if name in ("realm", "nonce", "opaque")}
    quoted: dict[str, str] = {"username": who.user, **kept, "uri": uri, "response": response}
    plain: dict[str, str] = {"algorithm": algorithm}
    if offered:
        quoted["cnonce"] = cnonce
        plain |= {"qop": "auth", "nc": "00000001"}
    return _written(quoted, plain)


def _written(quoted: dict[str, str], plain: dict[str, str]) -> str:
    parts = [f'{name}="{value}"' for name, value in quoted.items()]
    return "Digest " + ", ".join([*parts, *(f"{name}={value}" for name, value in plain.items())])
