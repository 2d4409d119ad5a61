"""What a called number does, as plain values.

A ``Behaviour`` is one of four shapes: it refuses, it never answers, it plays an announcement and then refuses, or it
answers and follows a script. Every kind of the YAML table (``confirms``, ``voicemail``, ``agent``...) is one of these
four with other values, so a new kind is data, not code.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Press:
    """Press keys (RFC 4733 telephone-events), one after the other."""

    digits: str


@dataclass(frozen=True, slots=True)
class Say:
    """Play a clip into RTP."""

    clip: str


@dataclass(frozen=True, slots=True)
class Talk:
    """Speak into RTP for a while: real speech, over and over."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Pause:
    """Say nothing for a while."""

    seconds: float


@dataclass(frozen=True, slots=True)
class HangUp:
    """Send BYE."""


Action = Press | Say | Talk | Pause | HangUp


@dataclass(frozen=True, slots=True)
class Reply:
    """What the subscriber does after one prompt.

    ``on_prompt``: a prompt that ends triggers it. ``after_s``: so much time without a trigger does so too, counted
    from the moment the subscriber finished its last action; None waits for ever. ``unprompted`` is done instead of
    ``actions`` when it was the time that triggered; None makes no difference. ``hears``: only the prompt of that name
    triggers it, others are listened to. ``early_s``: it triggers so long after that prompt was recognised, while it is
    still being played; None waits for its end.
    """

    actions: tuple[Action, ...] = ()
    on_prompt: bool = True
    after_s: float | None = None
    unprompted: tuple[Action, ...] | None = None
    hears: str = ""
    early_s: float | None = None


@dataclass(frozen=True, slots=True)
class Script:
    """What a subscriber does from answer to BYE.

    opening: done at once after the answer, without waiting for a prompt.
    replies: one is consumed per prompt, in this order.
    then: given to every further prompt when ``replies`` is used up; None stays silent.
    impatient: keys are pressed ``barge_in_s`` after a prompt began instead of at its end.
    quiet_s: a prompt is over after so much quiet. react_s: and the subscriber acts so much later.
    hang_up_after_s: BYE so long after the answer, whatever happens.
    """

    opening: tuple[Action, ...] = ()
    replies: tuple[Reply, ...] = ()
    then: Reply | None = None
    impatient: bool = False
    barge_in_s: float = 1.2
    quiet_s: float = 0.7
    react_s: float = 0.2
    hang_up_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Final:
    """A final response: SIP status, and the Q.850 cause of its Reason header (RFC 3326); None sends no Reason."""

    status: int
    cause: int | None = None
    text: str = ""

    def reason_header(self) -> str | None:
        """The value of the Reason header, for example ``Q.850;cause=17;text="User busy"``."""
        if self.cause is None:
            return None
        return f'Q.850;cause={self.cause};text="{self.text}"' if self.text else f"Q.850;cause={self.cause}"


@dataclass(frozen=True, slots=True)
class Common:
    """What every behaviour has: its name in the log, ring time (seconds), outgoing RTP loss (0 to 1)."""

    kind: str
    ring_s: float = 1.0
    ring_jitter_s: float = 0.0
    rtp_loss: float = 0.0


@dataclass(frozen=True, slots=True)
class Refuses:
    """Rings (when ``ring_s`` is above 0) and refuses."""

    common: Common
    final: Final


@dataclass(frozen=True, slots=True)
class NeverAnswers:
    """Rings until CANCEL."""

    common: Common


@dataclass(frozen=True, slots=True)
class Announces:
    """Plays a clip as early media (183 with SDP) ``repeat`` times and refuses."""

    common: Common
    clip: str
    final: Final
    repeat: int = 1


@dataclass(frozen=True, slots=True)
class Answers:
    """Rings, answers and follows a script."""

    common: Common
    script: Script


Behaviour = Refuses | NeverAnswers | Announces | Answers
