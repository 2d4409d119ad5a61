"""SRTP in the one suite that every carrier has, AES_CM_128_HMAC_SHA1_80 (RFC 3711, RFC 4568)."""

from __future__ import annotations

import hashlib
import hmac

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

CRYPTO_SUITE = "AES_CM_128_HMAC_SHA1_80"
_TAG = 10


class SecureStream:
    """One direction of one SSRC's packets; fewer than 65,536 of them, so the roll-over counter stays 0."""

    def __init__(self, master: bytes) -> None:
        """``master`` is key (16 bytes) and salt (14 bytes), as SDP's ``inline:`` has them."""
        key, salt = master[:16], master[16:30]
        self._cipher = _derive(key, salt, 0, 16)
        self._authentication = _derive(key, salt, 1, 20)
        self._salt = _derive(key, salt, 2, 14)

    def seal(self, packet: bytes) -> bytes:
        """Encrypt an RTP packet and add its tag."""
        sealed = packet[:12] + self._crypt(packet)
        return sealed + self._tag(sealed)

    def open(self, packet: bytes) -> bytes:
        """The RTP packet; ValueError when it was not sealed with this key."""
        sealed, tag = packet[:-_TAG], packet[-_TAG:]
        if not hmac.compare_digest(tag, self._tag(sealed)):
            raise ValueError("the packet was not sealed with the key that its sender announced")
        return sealed[:12] + self._crypt(sealed)

    def _crypt(self, packet: bytes) -> bytes:
        index, ssrc = int.from_bytes(packet[2:4]), int.from_bytes(packet[8:12])
        vector = int.from_bytes(self._salt) << 16 ^ ssrc << 64 ^ index << 16
        return _key_stream(self._cipher, vector, packet[12:])

    def _tag(self, sealed: bytes) -> bytes:
        return hmac.new(self._authentication, sealed + bytes(4), hashlib.sha1).digest()[:_TAG]


def _derive(key: bytes, salt: bytes, label: int, length: int) -> bytes:
    return _key_stream(key, (int.from_bytes(salt) ^ label << 48) << 16, bytes(length))


def _key_stream(key: bytes, vector: int, data: bytes) -> bytes:
    return Cipher(algorithms.AES(key), modes.CTR(vector.to_bytes(16))).encryptor().update(data)
