"""The carrier's SIP side: one UDP port that takes every call (RFC 3261, called side only).

Built on aiosipua's message, dialog and SDP layers. Its ready-made server is not used: it would open a second call
for a repeated INVITE, drop an answered call when a CANCEL crosses the 200, and cannot send 183 or a Reason header.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Protocol, cast

from aiosipua import (
    Address as NameAddress,
)
from aiosipua import (
    SdpMessage,
    SipMessage,
    SipRequest,
    SipResponse,
    create_dialog_from_request,
    generate_tag,
    parse_sdp,
    parse_uri,
    serialize_sdp,
)

from simulator.behaviours import Final
from simulator.errors import MediaRefused
from simulator.transactions import GIVE_UP, Address, Repeater, Request, ServerTransactions, stamp_via

log = logging.getLogger(__name__)

ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS"
AGENT = "huifang-simulator"
PHRASES = {
    100: "Trying",
    180: "Ringing",
    183: "Session Progress",
    200: "OK",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    410: "Gone",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    484: "Address Incomplete",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    500: "Server Internal Error",
    503: "Service Unavailable",
    600: "Busy Everywhere",
    603: "Decline",
    604: "Does Not Exist Anywhere",
    607: "Unwanted",
    608: "Rejected",
}


class LegEvents(Protocol):
    """What happens to a call from the other side."""

    def acknowledged(self) -> None:
        """The ACK of our 200 arrived."""

    def cancelled(self) -> None:
        """CANCEL before the answer; 487 has been sent."""

    def ended_by_peer(self) -> None:
        """BYE from the other side."""

    def lost(self) -> None:
        """The ACK never came; the call is over."""

    def reoffered(self, offer: SdpMessage) -> SdpMessage:
        """A re-INVITE; returns the answer or raises MediaRefused."""


class Leg:
    """One call as SIP sees it. Made by the endpoint; whoever takes it sets ``events`` and drives it."""

    def __init__(self, endpoint: SipEndpoint, request: Request, offer: SdpMessage | None) -> None:
        self.offer = offer
        self.call_id = request.call_id
        self.branch = request.branch
        self.user = parse_uri(request.message.uri).user or ""
        self.headers = _extension_headers(request.message)
        self.events: LegEvents | None = None
        self.answered = False
        self.over = False
        self._endpoint = endpoint
        self._invite = request
        self.dialog = create_dialog_from_request(request.message)

    def ring(self) -> None:
        """180 Ringing."""
        self._respond(180)

    def progress(self, answer: SdpMessage) -> None:
        """183 Session Progress with SDP: early media."""
        self._respond(183, sdp=answer)

    def answer(self, answer: SdpMessage) -> None:
        """200 OK, repeated until the ACK comes."""
        self.answered = True
        self.dialog.confirm()
        self._respond(200, sdp=answer, repeat=self._never_acknowledged)

    def refuse(self, final: Final) -> None:
        """A final response of 300 and above with its Reason header, repeated until the ACK comes."""
        self._finish()
        self._respond(final.status, reason=final.reason_header(), repeat=lambda: None)

    def hang_up(self) -> None:
        """BYE, repeated until it is answered."""
        if self.over:
            return
        self._finish()
        self._endpoint.transactions.settle(self._invite)
        host, port = self._endpoint.address
        self._endpoint.send_request(
            self.dialog.create_request("BYE", via_host=host, via_port=port), self._invite.source
        )

    def take_ack(self) -> None:
        """The ACK of a 200 (it has a branch of its own)."""
        self._endpoint.transactions.settle(self._invite)
        if self.events is not None and not self.over:
            self.events.acknowledged()

    def take_cancel(self) -> None:
        """CANCEL: 487 unless it crossed our final response."""
        if self.answered or self.over:
            return
        self.refuse(Final(487))
        if self.events is not None:
            self.events.cancelled()

    def take_bye(self, request: Request) -> None:
        """BYE: always answered; ends the call once."""
        self._endpoint.respond(request, 200, tag=self.dialog.local_tag)
        if self.over:
            return
        if not self.answered:
            self.refuse(Final(487))
        else:
            self._endpoint.transactions.settle(self._invite)
            self._finish()
        if self.events is not None:
            self.events.ended_by_peer()

    def take_reinvite(self, request: Request, offer: SdpMessage | None) -> None:
        """A new offer within the call; without SDP the last one is answered again."""
        if self.over or not self.answered or self.events is None:
            self._endpoint.respond(request, 481)
            return
        try:
            answer = self.events.reoffered(offer or self.offer or SdpMessage())
        except MediaRefused:
            self._endpoint.respond(request, 488, tag=self.dialog.local_tag)
            return
        self.offer = offer or self.offer
        self._invite = request
        self._respond(200, sdp=answer, repeat=self._never_acknowledged)

    def _finish(self) -> None:
        self.over = True
        self._endpoint.forget(self)

    def _never_acknowledged(self) -> None:
        if not self.over:
            self.hang_up()
            if self.events is not None:
                self.events.lost()

    def _respond(
        self,
        status: int,
        *,
        sdp: SdpMessage | None = None,
        reason: str | None = None,
        repeat: Callable[[], None] | None = None,
    ) -> None:
        response = self._endpoint.response(self._invite, status, self.dialog.local_tag)
        if sdp is not None:
            response.text = serialize_sdp(sdp)
            response.set_header("Content-Type", "application/sdp")
        if reason is not None:
            response.set_header("Reason", reason)
        self._endpoint.transactions.respond(self._invite, response, repeat)


class SipEndpoint(asyncio.DatagramProtocol):
    """The UDP port. ``on_invite`` gets every new call as a Leg, 100 Trying already sent."""

    def __init__(self, on_invite: Callable[[Leg], None]) -> None:
        self.transactions = ServerTransactions(self.send)
        self.address: Address = ("", 0)
        self.garbage = 0
        self._on_invite = on_invite
        self._transport: asyncio.DatagramTransport | None = None
        self._legs: dict[tuple[str, str], Leg] = {}
        self._by_branch: dict[str, Leg] = {}
        self._pending: dict[str, Repeater] = {}
        self._handlers: dict[str, Callable[[Request], None]] = {
            "INVITE": self._invite,
            "ACK": self._ack,
            "BYE": self._bye,
            "CANCEL": self._cancel,
            "OPTIONS": lambda request: self.respond(request, 200),
        }

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Bound: remember where."""
        self._transport = cast("asyncio.DatagramTransport", transport)  # no subclass of it before Python 3.12
        self.address = transport.get_extra_info("sockname")[:2]

    def datagram_received(self, data: bytes, addr: Address) -> None:
        """One datagram: a message, a keep-alive (blank), or garbage, which is counted."""
        if not data.strip():
            return
        try:
            self._take(SipMessage.parse(data), addr)
        except (ValueError, IndexError):
            self.garbage += 1
            log.info("dropped a datagram of %d bytes that is no SIP message", len(data))

    def send(self, data: bytes, address: Address) -> None:
        """Send one datagram."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(data, address)

    def send_request(self, request: SipRequest, address: Address) -> None:
        """Send a request of our own and repeat it until a final response comes."""
        request.set_header("User-Agent", AGENT)
        branch = request.via[0].branch or ""
        self._pending[branch] = Repeater(self.send, bytes(request), address, partial(self._give_up, branch))

    def response(self, request: Request, status: int, tag: str | None = None) -> SipResponse:
        """A response to ``request`` with our tag, Contact and Allow."""
        response = SipResponse(status_code=status, reason_phrase=PHRASES.get(status, "Response"))
        for name in ("Via", "From", "To", "Call-ID", "CSeq"):
            for value in request.message.get_header_values(name):
                response.add_header(name, value)
        if status > 100 and not request.to_tag:
            response.set_header("To", f"{request.message.get_header('To')};tag={tag or generate_tag()}")
        response.set_header("Contact", f"<sip:{self.address[0]}:{self.address[1]}>")
        response.set_header("Allow", ALLOW)
        response.set_header("Server", AGENT)
        return response

    def respond(self, request: Request, status: int, tag: str | None = None) -> None:
        """Answer ``request`` with a bare status."""
        self.transactions.respond(request, self.response(request, status, tag))

    def close(self) -> None:
        """Stop every timer and close the port."""
        self.transactions.close()
        for repeater in self._pending.values():
            repeater.stop()
        if self._transport is not None:
            self._transport.close()

    def _take(self, message: SipRequest | SipResponse, source: Address) -> None:
        if isinstance(message, SipResponse):
            self._take_response(message)
            return
        request = read_request(message, source)
        if request.method != "ACK":
            if self.transactions.repeated(request):
                return
            self.transactions.begin(request)
        handler = self._handlers.get(request.method)
        if handler is None:
            self.respond(request, 405)
        else:
            handler(request)

    def _give_up(self, branch: str) -> None:
        self._pending.pop(branch, None)

    def _take_response(self, response: SipResponse) -> None:
        branch = response.via[0].branch or ""
        if response.status_code >= 200 and branch in self._pending:
            self._pending.pop(branch).stop()

    def _invite(self, request: Request) -> None:
        offer = parse_sdp(request.message.text) if request.message.body else None
        if request.to_tag:
            self._reinvite(request, offer)
            return
        self.respond(request, 100)
        leg = Leg(self, request, offer)
        self._legs[(request.call_id, leg.dialog.local_tag)] = leg
        self._by_branch[request.branch] = leg
        self._on_invite(leg)

    def _reinvite(self, request: Request, offer: SdpMessage | None) -> None:
        leg = self._leg(request)
        if leg is None:
            self.respond(request, 481)
        else:
            leg.take_reinvite(request, offer)

    def _ack(self, request: Request) -> None:
        transaction = self.transactions.find_invite(request.branch)
        if transaction is not None:
            self.transactions.settle(transaction.request)
        leg = self._leg(request)
        if leg is not None:
            leg.take_ack()

    def _bye(self, request: Request) -> None:
        leg = self._leg(request)
        if leg is None:
            self.respond(request, 481)
        else:
            leg.take_bye(request)

    def _cancel(self, request: Request) -> None:
        transaction = self.transactions.find_invite(request.branch)
        if transaction is None:
            self.respond(request, 481)
            return
        leg = self._by_branch.get(request.branch)
        self.respond(request, 200, tag=leg.dialog.local_tag if leg else None)
        if leg is not None:
            leg.take_cancel()

    def _leg(self, request: Request) -> Leg | None:
        leg = self._legs.get((request.call_id, request.to_tag))
        return leg if leg is not None and leg.dialog.remote_tag == request.from_tag else None

    def forget(self, leg: Leg) -> None:
        """Drop a leg that is over, once nothing about it can be repeated any more."""
        later = asyncio.get_running_loop().call_later
        later(GIVE_UP, self._legs.pop, (leg.call_id, leg.dialog.local_tag), None)
        later(GIVE_UP, self._by_branch.pop, leg.branch, None)


def read_request(message: SipRequest, source: Address) -> Request:
    """The mandatory headers of a request (RFC 3261 section 8.1.1); ValueError when one is missing."""
    top, cseq = stamp_via(message, source), message.cseq
    if cseq is None or not message.call_id or not top.branch:
        raise ValueError("a request without Via branch, Call-ID or CSeq")
    return Request(
        message=message,
        source=source,
        branch=top.branch,
        call_id=message.call_id,
        cseq=cseq,
        from_tag=_tag(message.from_addr),
        to_tag=_tag(message.to_addr),
    )


def _tag(address: NameAddress | None) -> str:
    if address is None:
        raise ValueError("a request without From or To")
    return address.tag or ""


def _extension_headers(message: SipRequest) -> dict[str, str]:
    """The X- headers of a request: what a caller's own system adds for correlation."""
    return {name: values[0] for name, values in message.headers.items() if name.lower().startswith("x-") and values}
