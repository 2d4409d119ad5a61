"""The SIP side of one outbound call on pyVoIP: its ``VoIPCall`` with the faults mended.

The rule of this module: it speaks RFC 3261 and tells its owner what came, it decides nothing. Everything runs on the
event loop. A dialog outlives the call by 32 s, so that what comes late is still acknowledged, cancelled or taken down.

Mended: every final response ends the call and is acknowledged in its own transaction (pyVoIP: 404 and 503 alone, with a
tag of its own making); CANCEL; BYE, ACK and re-INVITE go where the far end's Contact and Record-Route say; 401 and 407
inside a call; early media; UPDATE, INFO, OPTIONS; a re-INVITE starts no second pair of threads.
"""

from __future__ import annotations

import asyncio
import ipaddress
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

import pyVoIP.VoIP  # before pyVoIP.SIP, which cannot be the first
from pyVoIP.SIP import SIPMessage
from pyVoIP.VoIP import CallState

from dialer.lines.pyvoip_digest import Credentials, credentials_header, is_stale
from dialer.lines.pyvoip_messages import (
    AGENT,
    ALLOW,
    MAX_FORWARDS,
    Headers,
    Packet,
    bare_uri,
    read_packet,
    write_request,
    write_response,
)
from dialer.lines.pyvoip_phone import T2_S, TIMEOUT_S, Address, Phone, Repeater
from dialer.lines.pyvoip_rtp import CallAudio
from dialer.lines.pyvoip_sdp import FarMedia, read_description, write_description

_FINAL, _REFUSED = 200, 300
_ANSWERS_KEPT = 8
_PORTS = 65536
_NO_DIALOG = "481 Call/Transaction Does Not Exist"

Message = tuple[str, Address]


@dataclass(frozen=True, slots=True)
class Invitation:
    """Whom we call and as whom."""

    uri: str
    address: Address
    identity: str
    credentials: Credentials | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Remote:
    """Where requests inside the dialog go (RFC 3261 section 12.1.2): URI, To header, its tag, route set, first hop."""

    uri: str
    to: str
    tag: str
    routes: tuple[str, ...]
    address: Address


class Owner(Protocol):
    """Whoever is told what comes."""

    def provisional(self, packet: Packet, *, media: bool) -> None:
        """A 1xx."""
        ...

    def answered(self, packet: Packet, *, usable: bool) -> None:
        """A 2xx that nobody had cancelled; not ``usable`` when it opens no audio."""
        ...

    def refused(self, packet: Packet) -> None:
        """The last word is a refusal, or an answer that crossed our CANCEL."""
        ...

    def bye(self, packet: Packet) -> None:
        """The far end ended the call."""
        ...

    def farewell(self) -> None:
        """Our BYE was confirmed, or nobody will confirm it."""
        ...

    def hold_by_far_end(self, held: bool) -> None:
        """The far end put us on hold or took us back."""
        ...

    def info(self, packet: Packet) -> None:
        """An INFO request came."""
        ...

    def gone(self, cause: str) -> None:
        """No more will come."""
        ...


class Remains:
    """What is left of a dialog that is over on both sides: answers to messages that come again."""

    def __init__(self, phone: Phone, acks: dict[str, Message], answers: dict[tuple[int, str], Message]) -> None:
        self._phone, self._acks, self._answers = phone, acks, answers

    def take_response(self, packet: Packet) -> None:
        """Acknowledge a final response again."""
        ack = self._acks.get(packet.branch) or self._acks.get(_answer_key(packet))
        if ack is not None and (packet.status or 0) >= _FINAL:
            self._phone.send(*ack)

    def take_request(self, packet: Packet, source: Address) -> None:
        """Answer a request again; a new one is too late."""
        kept = self._answers.get((packet.cseq, packet.method))
        if kept is not None:
            self._phone.send(*kept)
        elif packet.method != "ACK":
            self._phone.send(write_response(packet, _NO_DIALOG, self._phone.tag, [ALLOW]), packet.reply_to(source))

    def gone(self, cause: str) -> None:
        """The phone is dead; nobody waits for this."""


class Dialog(pyVoIP.VoIP.VoIPCall):
    """One INVITE of ours and what follows from it."""

    def __init__(self, phone: Phone, invitation: Invitation, audio: CallAudio, owner: Owner) -> None:
        self.sip_call_id: str = phone.sip.gen_call_id()
        name = SIPMessage(f"INVITE {invitation.uri} SIP/2.0\r\nCall-ID: {self.sip_call_id}\r\n\r\n".encode())
        super().__init__(phone, CallState.DIALING, name, secrets.randbelow(1 << 30), phone.myIP, ms={})
        self.RTPClients.append(audio)
        self._phone = phone
        self._invitation = invitation
        self._audio = audio
        self._owner = owner
        self._loop = asyncio.get_running_loop()
        self._tag = phone.sip.gen_tag()
        self._cseq = 1
        self._version = 0
        self._way = "sendrecv"
        self._invite: Packet | None = None  # the one that is not finally answered
        self._repeater: Repeater | None = None
        self._rang = False
        self._cancelling = self._cancelled = False
        self._over = False
        self._challenged = 0
        self._acks: dict[str, Message] = {}  # by the branch of the INVITE, or the tag of who answered
        self._remote = Remote(invitation.uri, f"<{invitation.uri}>", "", (), invitation.address)
        self._answers: dict[tuple[int, str], Message] = {}
        self._unacknowledged: dict[int, Repeater] = {}

    # -- what we ask -----------------------------------------------------------------------------------------------

    def call(self) -> None:
        """Send the INVITE."""
        self._phone.dialogs[self.sip_call_id] = self
        self._send_invite(self._remote, self._initial_headers())

    def hangup(self) -> None:
        """Ask for the end: BYE after the answer, CANCEL as soon as a 1xx was there (RFC 3261 section 9.1)."""
        if self.state is CallState.ANSWERED:
            if not self._over:
                self._over = True
                self._phone.transact(*self._in_dialog("BYE"), lambda _: self._owner.farewell())
                self._linger()
            return
        self._cancelling = True
        if self._rang:
            self._cancel()

    def give_up(self) -> None:
        """Wait no longer for what confirms our CANCEL or BYE; what comes later is still dealt with."""
        self._over = True
        if self._repeater is not None and self.state is not CallState.ANSWERED:
            self._repeater.stop()
        self._linger()

    def reinvite(self, way: str) -> None:
        """Offer the same audio in another direction: ``sendonly`` holds the far end, ``sendrecv`` takes it back."""
        self._way = way
        self._cseq += 1
        headers = [*_routed(self._remote), ("Contact", f"<{self._phone.contact}>"), ALLOW]
        self._send_invite(self._remote, headers)

    @property
    def inviting(self) -> bool:
        """Whether an INVITE of ours waits for its final response."""
        return self._invite is not None

    # -- our INVITE ------------------------------------------------------------------------------------------------

    def _initial_headers(self) -> list[tuple[str, str]]:
        return [("Contact", f"<{self._phone.contact}>"), ALLOW, *self._invitation.headers.items()]

    def _send_invite(self, remote: Remote, headers: Headers) -> None:
        text = self._request("INVITE", remote, self._cseq, headers, self._description(self._way))
        self._invite = read_packet(text.encode())
        self._repeater = Repeater(lambda: self._phone.send(text, remote.address), self._timer_b)

    def _timer_b(self) -> None:
        self._invite = None
        if self.state is not CallState.ANSWERED:
            self._finish()
            self._owner.gone("no response to the INVITE for 32 s (timer B)")

    def _request(self, method: str, remote: Remote, cseq: int, headers: Headers = (), body: str = "") -> str:
        base = [
            ("Via", self._phone.via),
            MAX_FORWARDS,
            ("From", f"{self._invitation.identity};tag={self._tag}"),
            ("To", remote.to),
            ("Call-ID", self.sip_call_id),
            ("CSeq", f"{cseq} {method}"),
        ]
        return write_request(method, remote.uri, [*base, *headers, AGENT], body)

    def _description(self, way: str, far: FarMedia | None = None) -> str:
        self._version += 1
        version = int(self.session_id), self._version
        return write_description(self._phone.myIP, self._audio.inPort, version, way, far)

    def take_response(self, packet: Packet) -> None:
        """Take a response to an INVITE of ours."""
        status = packet.status or 0
        current = self._invite is not None and packet.branch == self._invite.branch and packet.cseq == self._cseq
        if packet.from_tag != self._tag:
            return
        if packet.branch in self._acks and status >= _FINAL:
            self._phone.send(*self._acks[packet.branch])
        elif _FINAL <= status < _REFUSED:
            self._accepted(packet, current=current)
        elif current and status < _FINAL:
            self._progress(packet)
        elif current:
            self._refuse(packet)

    def _progress(self, packet: Packet) -> None:
        if self._repeater is not None:
            self._repeater.stop()
        if self.state is CallState.ANSWERED:
            return
        self._rang = True
        if self._cancelling:
            self._cancel()
        if not self._over:
            self.state = CallState.RINGING
            self._owner.provisional(packet, media=self._open(packet))

    def _open(self, packet: Packet) -> bool:
        far = read_description(packet.body) if packet.body else None
        if far is not None:
            self._audio.open(far)
        return far is not None

    def _cancel(self) -> None:
        if self._cancelled or self._invite is None:
            return
        self._cancelled = True
        invite = self._invite
        kept = [(name.title(), invite.get(name)) for name in ("via", "from", "to", "call-id")]
        headers = [*kept, MAX_FORWARDS, ("CSeq", f"{invite.cseq} CANCEL"), AGENT]
        text = write_request("CANCEL", invite.uri, headers)
        self._phone.transact(text, self._invitation.address, lambda _: None)

    def _refuse(self, packet: Packet) -> None:
        invite, self._invite = self._invite, None
        if self._repeater is not None:
            self._repeater.stop()
        if invite is None:
            return
        self._acknowledge_refusal(invite, packet)
        if self.state is CallState.ANSWERED:  # of a re-INVITE: the call goes on as it was
            return
        if not self._over and not self._cancelling and self._answer_challenge(packet):
            return
        told = self._over
        self._close_up()
        if not told:
            self._owner.refused(packet)

    def _acknowledge_refusal(self, invite: Packet, packet: Packet) -> None:
        """ACK within the INVITE's own transaction (RFC 3261 section 17.1.1.3)."""
        headers = [
            ("Via", invite.get("via")),
            MAX_FORWARDS,
            ("From", invite.get("from")),
            ("To", packet.get("to")),
            ("Call-ID", self.sip_call_id),
            ("CSeq", f"{invite.cseq} ACK"),
            *(("Route", route) for route in invite.all("route")),
        ]
        self._acks[invite.branch] = write_request("ACK", invite.uri, headers), self._remote.address
        self._phone.send(*self._acks[invite.branch])

    def _answer_challenge(self, packet: Packet) -> bool:
        if self._challenged > (1 if is_stale(packet) else 0):
            return False
        self._challenged += 1
        who, uri = self._invitation.credentials, self._invitation.uri
        answer = credentials_header(packet, who, "INVITE", uri)
        if answer is None:
            return False
        self._cseq += 1
        self._send_invite(self._remote, [*self._initial_headers(), answer])
        return True

    def _accepted(self, packet: Packet, *, current: bool) -> None:
        key = _answer_key(packet)
        if key in self._acks:  # it comes again: our ACK was lost
            self._phone.send(*self._acks[key])
            return
        first = self.state is not CallState.ANSWERED
        remote = self._remote_of(packet) if first or packet.to_tag != self._remote.tag else self._refreshed(packet)
        self._acks[key] = self._to(remote, "ACK", packet.cseq)
        self._phone.send(*self._acks[key])
        if not first and remote.tag != self._remote.tag:  # a second branch of a fork: one call is enough
            self._phone.transact(*self._to(remote, "BYE", packet.cseq + 1), lambda _: None)
            return
        if current:
            self._invite = None
            if self._repeater is not None:
                self._repeater.stop()
        self._remote = remote
        opened = self._open(packet)
        if first:
            self._answered(packet, opened)

    def _answered(self, packet: Packet, opened: bool) -> None:
        self.state = CallState.ANSWERED
        if self._cancelling or self._over:
            told, self._over = self._over, False
            self.hangup()
            if not told:
                self._owner.refused(packet)
            return
        far = self._audio.far
        usable = opened or (not packet.body and far is not None)
        self._owner.answered(packet, usable=usable and far is not None and far.way != "inactive")

    # -- the dialog ------------------------------------------------------------------------------------------------

    def _remote_of(self, packet: Packet) -> Remote:
        """Whoever sent ``packet``."""
        routes = tuple(reversed(packet.routes))
        uri = packet.contact if packet.contact.startswith("sip:") else self._invitation.uri
        hop = self._hop(bare_uri(routes[0]) if routes else uri)
        return Remote(uri, packet.get("to"), packet.to_tag, routes, hop)

    def _refreshed(self, packet: Packet) -> Remote:
        """The same far end under the Contact of ``packet``; its route set stays (RFC 3261 section 12.2)."""
        remote = self._remote
        if not packet.contact.startswith("sip:"):
            return remote
        address = remote.address if remote.routes else self._hop(packet.contact)
        return replace(remote, uri=packet.contact, address=address)

    def _hop(self, uri: str) -> Address:
        """Where a URI leads; a host that is a name is not looked up: what leads there is our first hop."""
        host, _, port = uri.partition(";")[0].removeprefix("sip:").rpartition("@")[2].partition(":")
        try:
            number = str(ipaddress.IPv4Address(host))
        except ValueError:
            return self._invitation.address
        return number, int(port) if port.isdigit() and 0 < int(port[:6]) < _PORTS else 5060

    def _to(self, remote: Remote, method: str, cseq: int) -> Message:
        return self._request(method, remote, cseq, _routed(remote)), remote.address

    def _in_dialog(self, method: str) -> Message:
        self._cseq += 1
        return self._to(self._remote, method, self._cseq)

    def take_request(self, packet: Packet, source: Address) -> None:
        """Take a request of the far end."""
        if packet.method == "ACK":
            self._acknowledged(packet)
        elif (kept := self._answers.get((packet.cseq, packet.method))) is not None:
            self._phone.send(*kept)
        elif packet.to_tag != self._tag:
            self._reply(packet, source, _NO_DIALOG)
        else:
            self._judge(packet, source)

    def _judge(self, packet: Packet, source: Address) -> None:
        match packet.method:
            case "BYE":
                self._reply(packet, source, "200 OK")
                self._taken_down(packet)
            case "INVITE" | "UPDATE":
                self._renegotiate(packet, source)
            case "INFO":
                self._reply(packet, source, "200 OK")
                self._owner.info(packet)
            case "OPTIONS":
                self._reply(packet, source, "200 OK")
            case "REFER":
                self._reply(packet, source, "603 Decline")
            case _:
                self._reply(packet, source, "405 Method Not Allowed")

    def _taken_down(self, packet: Packet) -> None:
        told = self._over
        self._close_up()
        if not told:
            self._owner.bye(packet)

    def _renegotiate(self, packet: Packet, source: Address) -> None:
        """The far end's re-INVITE or UPDATE: hold, another port, or only a refresh (RFC 3311, RFC 4028)."""
        far = read_description(packet.body) if packet.body else None
        if self._over or self.state is not CallState.ANSWERED:
            self._reply(packet, source, _NO_DIALOG)
        elif self.inviting:
            self._reply(packet, source, "491 Request Pending")
        elif packet.body and far is None:
            self._reply(packet, source, "488 Not Acceptable Here")
        else:
            self._agree(packet, source, far)

    def _agree(self, packet: Packet, source: Address, far: FarMedia | None) -> None:
        wants_body = far is not None or packet.method == "INVITE"
        body = self._description(far.our_way if far else self._way, far) if wants_body else ""
        refresh = [("Session-Expires", value) for value in packet.all("session-expires")[:1]]
        require = [("Require", "timer")] if refresh and "refresher=uac" in refresh[0][1].lower() else []
        self._reply(packet, source, "200 OK", [("Contact", f"<{self._phone.contact}>"), *refresh, *require], body)
        if packet.method == "INVITE":
            text, address = self._answers[packet.cseq, "INVITE"]
            again = Repeater(lambda: self._phone.send(text, address), lambda: None, cap_s=T2_S)
            self._unacknowledged[packet.cseq] = again
        self._remote = self._refreshed(packet)
        if far is not None:
            self._follow(far)

    def _follow(self, far: FarMedia) -> None:
        before = self._audio.far
        self._audio.open(far)
        if before is not None and before.held != far.held:
            self._owner.hold_by_far_end(far.held)

    def _acknowledged(self, packet: Packet) -> None:
        again = self._unacknowledged.pop(packet.cseq, None)
        if again is None:
            return
        again.stop()
        far = read_description(packet.body) if packet.body else None
        if far is not None:
            self._follow(far)

    def _reply(self, packet: Packet, source: Address, line: str, headers: Headers = (), body: str = "") -> None:
        text = write_response(packet, line, self._tag, [*headers, ALLOW], body)
        self._answers[packet.cseq, packet.method] = text, packet.reply_to(source)
        while len(self._answers) > _ANSWERS_KEPT:
            self._answers.pop(next(iter(self._answers)))
        if packet.method != "INVITE" or not line.startswith("200"):  # a 200 to INVITE is sent by its repeater
            self._phone.send(*self._answers[packet.cseq, packet.method])

    # -- the end ---------------------------------------------------------------------------------------------------

    def gone(self, cause: str) -> None:
        """The phone is dead."""
        told = self._over
        self._finish()
        if not told:
            self._owner.gone(cause)

    def _finish(self) -> None:
        self._over = True
        for repeater in (self._repeater, *self._unacknowledged.values()):
            if repeater is not None:
                repeater.stop()
        self._linger()

    def _close_up(self) -> None:
        """Nothing new can come any more: keep only what may have to be said again."""
        self._finish()
        self._phone.dialogs[self.sip_call_id] = Remains(self._phone, self._acks, self._answers)

    def _linger(self) -> None:
        self._loop.call_later(TIMEOUT_S, self._phone.dialogs.pop, self.sip_call_id, None)


def _answer_key(packet: Packet) -> str:
    """What tells apart the 2xx responses to one INVITE: who sent it."""
    return f"{packet.cseq} {packet.to_tag}"


def _routed(remote: Remote) -> list[tuple[str, str]]:
    return [("Route", route) for route in remote.routes]
