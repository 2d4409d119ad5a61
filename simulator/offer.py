"""Offer and answer (RFC 3264): PCMA or PCMU at 8 kHz, telephone-event as offered, hold answered in kind."""

from __future__ import annotations

from dataclasses import dataclass

from aiosipua import MediaDescription, SdpMessage, SdpNegotiationError, negotiate_sdp

from simulator.errors import MediaRefused
from simulator.media import Address
from simulator.stream import Codec

SENDS = frozenset({"sendrecv", "sendonly"})
HELD = "0.0.0.0"  # noqa: S104 -- the old way to ask for hold (RFC 2543), nothing is bound to it


@dataclass(frozen=True, slots=True)
class Agreed:
    """The answer, the codec, where to send, and whether we send at all (not while the peer holds us)."""

    answer: SdpMessage
    codec: Codec
    peer: Address
    sends: bool


def agree(offer: SdpMessage | None, host: str, port: int) -> Agreed:
    """Answer ``offer`` for our RTP address; MediaRefused (488) when there is nothing to agree on."""
    if offer is None or offer.audio is None or offer.rtp_address is None:
        raise MediaRefused("the INVITE offers no audio; offer PCMA or PCMU with an address")
    keys = _telephone_event(offer.audio)
    try:
        answer, audio = negotiate_sdp(offer, host, port, supported_codecs=[8, 0], dtmf_payload_type=keys or 0)
    except SdpNegotiationError as error:
        raise MediaRefused("the INVITE offers neither PCMA nor PCMU; offer one of them") from error
    direction = answer.audio.direction if answer.audio else "inactive"
    sends = direction in SENDS and offer.rtp_address[0] != HELD
    return Agreed(answer, Codec(audio, keys), offer.rtp_address, sends)


def _telephone_event(audio: MediaDescription) -> int | None:
    for codec in audio.codecs:
        if codec.encoding_name.lower() == "telephone-event" and codec.clock_rate in (0, 8000):
            return codec.payload_type
    return None
