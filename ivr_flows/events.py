"""What a live call tells the interpreter (events) and what it must do (actions).

The contract for whoever holds the call:

* After a `Play` send exactly one `PromptFinished` with the LAST prompt id of that `Play`, when the last sample has been
  sent (`complete=True`) or when playing broke off by itself (`complete=False`). After `StopPlaying` send none.
* `Listen` starts a timer; a later `Play`, `Listen`, `RecordOpen` or `StopPlaying` replaces it. When it runs out, send
  `Silence`. Keys are reported at any time, listening or not.
* `RecordOpen`: play the beep, mark the answer, end it at "#", at `silence_ms` without speech, or at `max_ms`, and send
  `Recorded`. "#" is then not reported as a `Key`. `StopPlaying` also ends an answer that is being recorded, unreported.
* `RingAgent` is answered by `AgentJoined` or, after the caller's own time limit, `AgentUnavailable`. `AgentLeft` comes
  when the agent has set an outcome (or gone without one); it may come after `HungUp`: an agent who was on the line
  keeps the say about the outcome, so the interpreter waits for it and the flow is not finished before.
* Where a question may be answered by voice, `Listen.voice` says what may be heard. When the client begins to speak
  while that is listened to, or while a prompt plays that may be barged over, send `SpeechBegan`; it is followed by
  exactly one `Spoke`, and until then by no `Silence`.
* On a screen (`interpreter.start(medium=...)`, or an agent on the line) nothing is played: `Show` names the step,
  `Read` says that it was read out, `Picked` what was chosen.
* `Finish` comes exactly once and last; later events change nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ivr_flows.model import FollowUp, OutcomeName, VoiceTask

By = Literal["ivr", "agent", "client"]
"""Who put the question: the telephone script, an agent who read it, or the client who read it himself (a form)."""


@dataclass(frozen=True, slots=True)
class PromptFinished:
    """A `Play` ended; `prompt_id` is its last prompt."""

    prompt_id: str
    complete: bool


@dataclass(frozen=True, slots=True)
class Key:
    """The client pressed a key ("0".."9", "*", "#"), `at_ms` after the call was answered."""

    digit: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Silence:
    """The timer of `Listen` ran out."""

    after_ms: int


@dataclass(frozen=True, slots=True)
class Recorded:
    """A spoken answer ended; offsets in call time, `speech_ms` is how much of it was speech (0: nothing was said)."""

    start_ms: int
    end_ms: int
    speech_ms: int


@dataclass(frozen=True, slots=True)
class SpeechBegan:
    """The client began to speak, `at_ms` after the call was answered."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class Candidate:
    """One reading of what was said; `confidence` from 0 to 1."""

    text: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Spoke:
    """He has spoken: what a recogniser heard, the best first (none: nothing that it knows); offsets in call time."""

    candidates: tuple[Candidate, ...]
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Read:
    """On a screen: the text of `step` has been read, out loud by an agent or by the client himself."""

    step: str


@dataclass(frozen=True, slots=True)
class Picked:
    """On a screen: `value` was chosen (or typed) at the question of `step`."""

    step: str
    value: str


@dataclass(frozen=True, slots=True)
class HungUp:
    """The client's side of the call is gone."""


@dataclass(frozen=True, slots=True)
class AgentJoined:
    """An agent took the call."""

    agent_id: str


@dataclass(frozen=True, slots=True)
class AgentUnavailable:
    """No agent took the call in time."""


@dataclass(frozen=True, slots=True)
class AgentLeft:
    """The agent is done, with the outcome he set, or none."""

    outcome: OutcomeName | None


Event = (
    PromptFinished
    | Key
    | Silence
    | Recorded
    | SpeechBegan
    | Spoke
    | Read
    | Picked
    | HungUp
    | AgentJoined
    | AgentUnavailable
    | AgentLeft
)


@dataclass(frozen=True, slots=True)
class KeyPress:
    """One key as evidence; digits of a `match` step read "*"."""

    digit: str
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The reply to one question with its evidence. `value` None: not answered. `passed` None: only recorded.

    A mandatory passage that was played to its end is kept like an answer, with the value `played`. `spoken` is what a
    recogniser heard, best first; `read_back` whether the client confirmed it.
    """

    question: str
    step: str
    flow: str
    by: By
    rules: tuple[str, ...]
    value: str | None
    passed: bool | None
    required: bool
    keys: tuple[KeyPress, ...]
    no_input: int
    no_match: int
    prompts: tuple[str, ...]
    start_ms: int | None = None
    end_ms: int | None = None
    spoken: tuple[Candidate, ...] = ()
    read_back: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """How the flow ended. `outcome` None means that the callback is not settled; `reasons` say why, as `code:step`."""

    outcome: OutcomeName | None
    follow_up: FollowUp | None
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Play:
    """Play these prompts one after the other. `barge_in` False: no key and no word will stop it.

    `voice` is what may be heard meanwhile, when a word may stop it.
    """

    prompts: tuple[str, ...]
    barge_in: bool
    voice: VoiceTask | None = None


@dataclass(frozen=True, slots=True)
class Show:
    """On a screen: the text of `step` and what may be answered."""

    step: str


@dataclass(frozen=True, slots=True)
class StopPlaying:
    """Stop what is being played or recorded, at once."""


@dataclass(frozen=True, slots=True)
class Listen:
    """Wait for keys, and where `voice` is given for speech, at most `timeout_ms`."""

    timeout_ms: int
    kind: Literal["key", "digits"]
    voice: VoiceTask | None = None


@dataclass(frozen=True, slots=True)
class RecordOpen:
    """Beep, then mark a spoken answer."""

    max_ms: int
    silence_ms: int


@dataclass(frozen=True, slots=True)
class RingAgent:
    """Find a live agent; `reason` is `code:step`, e.g. `wrong_answer:set_own_password` or `wish:risk`."""

    reason: str
    language: str


@dataclass(frozen=True, slots=True)
class Store:
    """Keep this answer now: a crash after it must not lose it."""

    answer: Answer


@dataclass(frozen=True, slots=True)
class HangUp:
    """End the call; everything has been played."""


@dataclass(frozen=True, slots=True)
class Finish:
    """The flow is over."""

    verdict: Verdict


Action = Play | Show | StopPlaying | Listen | RecordOpen | RingAgent | Store | HangUp | Finish
