"""Who ended a call, and with what facts: pure functions over what the wire and the engine reported.

The rule of this module: the wire is the witness. The engine's own words decide only where no message exists.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from dialer.lines.base import EndedBy, Ending, MediaStats
from dialer.lines.sip_messages import CloseText, SipMessage

OUR_END = "Rejected by user"  # what baresip writes when we sent BYE or CANCEL
THEIR_BYE = "Connection reset by peer"  # ... and when a BYE came


@dataclass(frozen=True, slots=True)
class Closing:
    """Everything known when the engine reports the end.

    ``final`` is the last response >= 200 to our INVITE, ``bye`` the BYE we received; both None when unseen.
    """

    text: CloseText
    answered: bool
    final: SipMessage | None = None
    bye: SipMessage | None = None

    def lacks_witness(self, *, rang: bool) -> bool:
        """Whether a message must still follow that explains this end (the trace comes on a second road)."""
        if self.text.status is not None:  # an earlier 401 that was answered is not the witness
            return self.final is None or self.final.status != self.text.status
        if self.answered:
            return self.text.cause.startswith(THEIR_BYE) and self.bye is None
        # The engine reports our CANCEL at once; the 487 to the INVITE follows (RFC 3261 section 9.1).
        return self.text.cause == OUR_END and rang and self.final is None

    def ending(self, at: datetime) -> Ending:
        """The facts of this end."""
        if self.answered:
            return self._after_answer(at)
        final = self._final_response()
        by = self._who_refused(final.status)
        return Ending(by, at, final.status, final.phrase, final.reasons, self.text.cause, final.retry_after_s)

    def _after_answer(self, at: datetime) -> Ending:
        reasons = self.bye.reasons if self.bye else ()
        if self.text.cause == OUR_END:
            return Ending(EndedBy.US, at, reasons=reasons, cause=self.text.cause)
        theirs = self.bye is not None or self.text.cause.startswith(THEIR_BYE)
        return Ending(EndedBy.FAR_END if theirs else EndedBy.STACK, at, reasons=reasons, cause=self.text.cause)

    def _final_response(self) -> SipMessage:
        if self.final is not None and self.text.status in (None, self.final.status):
            return self.final
        return SipMessage(True, "", "INVITE", self.text.status, self.text.phrase, self.text.reasons)

    def _who_refused(self, status: int | None) -> EndedBy:
        if self.text.cause == OUR_END:
            return EndedBy.US
        # A 2xx here is an answer that the engine could not use, which is nobody's decision.
        return EndedBy.FAR_END if status is not None and status >= 300 else EndedBy.STACK


def media_stats(report: Mapping[str, object], starved_frames: int) -> MediaStats:
    """The closing report of the engine in our terms; a missing figure is 0.

    ``starved_frames`` is counted while the call lives: the engine has dropped its own count when it reports.
    """
    rtcp, sound = _part(report, "rtcp"), _part(report, "audio")
    return MediaStats(
        duration_s=int(_number(report.get("duration"))),
        packets_sent=int(_number(_part(report, "tx").get("packets"))),
        packets_received=int(_number(_part(report, "rx").get("packets"))),
        packets_lost=int(max(_number(rtcp.get("rx_lost")), _number(_part(report, "jbuf").get("lost")))),
        jitter_ms=_number(rtcp.get("rx_jitter_us")) / 1000,
        round_trip_ms=_number(rtcp.get("rtt_us")) / 1000,
        starved_frames=starved_frames,
        dropped_bytes=int(_number(sound.get("rx_dropped")) + _number(sound.get("rx_discarded"))),
    )


def _part(report: Mapping[str, object], name: str) -> Mapping[str, object]:
    part = report.get(name)
    return part if isinstance(part, Mapping) else {}


def _number(value: object) -> float:
    if not isinstance(value, int | float) or not math.isfinite(value):
        return 0.0
    return max(0.0, float(value))
