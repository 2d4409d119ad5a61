"""What one call leaves in the carrier's log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from simulator.behaviours import Final
from simulator.journal import Json
from simulator.stream import Counts


@dataclass(slots=True)
class CallRecord:
    """The facts of one call as the called side saw them; times are aware UTC.

    ended_by: ``bye_us``, ``bye_them``, ``cancel``, ``final`` (we refused), ``lost`` (no ACK, or no RTP for so long
    that the other side must be dead) or ``shutdown``.
    """

    number: str
    behaviour: str
    call_id: str
    ordinal: int
    invite_at: datetime
    headers: dict[str, str] = field(default_factory=dict)  # the INVITE's X- headers
    provisionals: list[tuple[int, datetime]] = field(default_factory=list)
    answered_at: datetime | None = None
    acknowledged_at: datetime | None = None
    ended_at: datetime | None = None
    ended_by: str | None = None
    final: Final | None = None
    keys_pressed: list[tuple[str, datetime]] = field(default_factory=list)
    clips_spoken: list[tuple[str, datetime]] = field(default_factory=list)
    digits_received: list[tuple[str, datetime]] = field(default_factory=list)
    prompts_heard: int = 0
    prompts_known: list[str] = field(default_factory=list)
    holds: int = 0
    peer_lost: int = 0

    def invite_line(self) -> dict[str, Json]:
        """The fields of the ``invite`` line."""
        return {
            "number": self.number,
            "behaviour": self.behaviour,
            "call_id": self.call_id,
            "ordinal": self.ordinal,
            "invite_at": self.invite_at.isoformat(),
            "headers": dict(self.headers),
        }

    def call_line(self, counts: Counts) -> dict[str, Json]:
        """The fields of the ``call`` line."""
        line: dict[str, Json] = {
            **self.invite_line(),
            "provisionals": _timed("status", self.provisionals),
            "answered_at": _iso(self.answered_at),
            "acknowledged_at": _iso(self.acknowledged_at),
            "ended_at": _iso(self.ended_at),
            "ended_by": self.ended_by,
            "status": self._status(),
            "reason": self.final.reason_header() if self.final else None,
            "keys_pressed": _timed("key", self.keys_pressed),
            "clips_spoken": _timed("clip", self.clips_spoken),
            "digits_received": _timed("digit", self.digits_received),
            "prompts_heard": self.prompts_heard,
            "prompts_known": list(self.prompts_known),
            "holds": self.holds,
            "rtp_sent": counts.sent,
            "rtp_received": counts.received,
            "rtp_dropped": counts.dropped,
            "rtp_lost_by_peer": self.peer_lost,
            "rtp_malformed": counts.malformed,
            "seconds_sent": round((counts.sent + counts.dropped) * 0.02, 2),
            "seconds_received": round(counts.received * 0.02, 2),
        }
        return line

    def _status(self) -> int | None:
        if self.final is not None:
            return self.final.status
        return 200 if self.answered_at else None


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _timed(name: str, entries: Sequence[tuple[str | int, datetime]]) -> list[Json]:
    return [{name: value, "at": at.isoformat()} for value, at in entries]
