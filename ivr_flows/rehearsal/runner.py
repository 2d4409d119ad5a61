"""Runs a scenario against the interpreter on a virtual clock: nothing is played, nothing waits.

Prompts last as long as their audio, a timer as long as it is set, and the client takes a moment to react. The events
are those that a live call would send, in the same order (the contract in `ivr_flows/events.py`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from ivr_flows import interpreter
from ivr_flows.errors import FlowFactsMissing
from ivr_flows.events import (
    Action,
    AgentJoined,
    AgentLeft,
    AgentUnavailable,
    Event,
    HungUp,
    Key,
    Listen,
    Play,
    PromptFinished,
    Recorded,
    RecordOpen,
    RingAgent,
    Silence,
    SpeechBegan,
    Spoke,
    StopPlaying,
)
from ivr_flows.model import Flow
from ivr_flows.rehearsal.client import Client
from ivr_flows.rehearsal.lengths import Lengths, estimate
from ivr_flows.rehearsal.model import Leave, Place, Press, Quiet, Reply, Say, Scenario, Talk, Turn
from ivr_flows.rehearsal.names import is_text
from ivr_flows.rehearsal.trace import Act, Trace
from ivr_flows.state import Mode

REACT_MS = 1000
KEY_GAP_MS = 400
PAUSE_MS = 300
BEEP_MS = 600
END_OF_SPEECH_MS = 700
JOINS_MS, NOBODY_MS, TALKS_MS = 2000, 10_000, 20_000
MOST_EVENTS = 3000

Due = tuple[int, Event]


def run(flow: Flow, scenario: Scenario, lengths: Lengths) -> tuple[Trace, list[str]]:
    """The call as it went, and why it could not be rehearsed as written (empty: it could)."""
    call = _Call(flow, scenario, lengths)
    try:
        call.go()
    except FlowFactsMissing as lacking:
        return call.trace, [f"the client of the scenario is incomplete: {lacking}"]
    return call.trace, [*call.client.problems, *(_never_came(turn) for turn in call.client.waiting), *call.problems]


def _never_came(turn: Turn) -> str:
    where = turn.during or turn.at or "any question"
    return f"{turn_name(turn.place)} waits for {where}, which never came"


def turn_name(place: Place) -> str:
    """A turn as people count it."""
    return f"turn {int(place[-1]) + 1}"


class _Call:
    """One call: what is due next, from the call itself, from the client, from an agent."""

    def __init__(self, flow: Flow, scenario: Scenario, lengths: Lengths) -> None:
        self.trace = Trace()
        self.client = Client(flow, scenario)
        self.problems: list[str] = []
        self._flow = flow
        self._scenario = scenario
        self._lengths = lengths
        self._now = 0
        self._own: Due | None = None  # the end of a prompt, a timer, a spoken answer
        self._agent: Due | None = None
        self._does: deque[Due] = deque()  # what the client is about to do
        self._asked_anew = False
        self._last_prompt = ""

    def go(self) -> None:
        """From the answer to the end of the flow."""
        self._state, actions = interpreter.start(self._flow, self.client.facts)
        self._took(None, actions)
        for _ in range(MOST_EVENTS):
            if self._state.mode is Mode.ENDED:
                return
            due = self._next()
            if due is None:
                self.problems.append(f"nothing more would happen at {self._state.step}")
                return
            self._now, event = max(self._now, due[0]), due[1]
            self._state, actions = interpreter.step(self._flow, self._state, event)
            self._took(event, actions)
        self.problems.append("the call does not come to an end")

    def _next(self) -> Due | None:
        """The earliest thing that is due, which is due no more."""
        does = self._does[0] if self._does else None
        due = min((one for one in (does, self._own, self._agent) if one), key=lambda one: one[0], default=None)
        if due is None:
            return None
        if due is does:
            self._does.popleft()
        elif due is self._own:
            self._own = None
        else:
            self._agent = None
        return due

    # --- what the interpreter asked for ------------------------------------------------------------------------------

    def _took(self, event: Event | None, actions: Sequence[Action]) -> None:
        self.trace.take(self._now, event, self._state, actions)
        if isinstance(event, SpeechBegan) and self._own and isinstance(self._own[1], Silence):
            self._own = None  # whoever speaks is not silent
        if isinstance(event, AgentJoined):
            self._agent = self._in(TALKS_MS, AgentLeft(self._scenario.agent.outcome))
        for action in actions:
            self._perform(action)

    def _perform(self, action: Action) -> None:
        match action:
            case Play():
                self._play(action)
            case StopPlaying():
                self._own = None
            case Listen(timeout_ms=timeout):
                self._own = self._in(timeout, Silence(timeout))
                self._ask(action)
            case RecordOpen():
                self._record(action)
            case RingAgent() if self._scenario.agent.joins:
                self._agent = self._in(JOINS_MS, AgentJoined("rehearsal"))
            case RingAgent():
                self._agent = self._in(NOBODY_MS, AgentUnavailable())
            case _:
                pass

    def _in(self, milliseconds: int, event: Event) -> Due:
        return self._now + milliseconds, event

    def _lasts(self, prompts: Sequence[str]) -> int:
        return sum(self._lengths.ms(self._flow.prompts[prompt], self.client.facts) for prompt in prompts)

    def _play(self, action: Play) -> None:
        self._own = self._in(PAUSE_MS + self._lasts(action.prompts), PromptFinished(action.prompts[-1], True))
        self._asked_anew, self._last_prompt = True, action.prompts[-1]
        if self._does or (early := self.client.disturbed_by(self._state)) is None:
            return
        reply, turn, text = early
        at = next((n for n, prompt in enumerate(action.prompts) if text is None or is_text(prompt, text)), 0)
        into = PAUSE_MS + self._lasts(action.prompts[:at])
        wait = _after(reply, self._lasts(action.prompts[at : at + 1]) // 2)
        self._note(reply, turn, action.prompts[at], early=True)
        self._do(reply, into + wait, heard=action.barge_in and action.voice is not None)

    # --- what the client does ----------------------------------------------------------------------------------------

    def _ask(self, action: Listen) -> None:
        """The flow waits: unless he is at it already, or only goes on with a number, he replies."""
        if not self._asked_anew or self._does:
            return
        self._asked_anew = False
        reply, turn = self.client.asked(self._state)
        self._note(reply, turn, self._last_prompt)
        self._do(reply, _after(reply, REACT_MS), heard=action.voice is not None)

    def _record(self, action: RecordOpen) -> None:
        """A spoken answer: it ends by silence, by its longest time, or by a key."""
        start = self._now + BEEP_MS
        self._own = start + min(action.silence_ms, action.max_ms), Recorded(start, start + action.silence_ms, 0)
        if self._does:
            return
        reply, turn = self.client.asked(self._state)
        self._asked_anew = False
        self._note(reply, turn, self._last_prompt)
        if isinstance(reply, Talk | Say):
            spoken = min(self._talks(reply), action.max_ms)
            end = start + min(_after(reply, REACT_MS // 2) + spoken + action.silence_ms, action.max_ms)
            self._own = end, Recorded(start, end, spoken)
        elif isinstance(reply, Press) and reply.keys == "#":
            end = start + _after(reply, REACT_MS)
            self._own = end, Recorded(start, end, 0)
        else:
            self._do(reply, BEEP_MS + _after(reply, REACT_MS), heard=False)

    def _talks(self, reply: Talk | Say) -> int:
        if isinstance(reply, Talk):
            return reply.lasts_ms
        return estimate(self._words(reply), self._flow.language)

    def _words(self, reply: Say) -> str:
        return max((said.text for said in reply.readings.get(self._flow.language, ())), key=len, default="")

    def _note(self, reply: Reply, turn: Turn | None, heard: str, *, early: bool = False) -> None:
        moments = len(self.trace.moments)
        self.trace.acts.append(Act(self._state.step, heard, early, reply, turn, moments))

    def _do(self, reply: Reply, wait: int, *, heard: bool) -> None:
        """Queue his events; words that no recogniser listens to are none."""
        match reply:
            case Press(keys=keys):
                times = (self._now + wait + KEY_GAP_MS * at for at in range(len(keys)))
                self._does.extend((at, Key(key, at)) for key, at in zip(keys, times, strict=True))
            case Say() if heard:
                start = self._now + wait
                end = start + estimate(self._words(reply), self._flow.language)
                spoke = Spoke(reply.readings.get(self._flow.language, ()), start, end)
                self._does.extend([(start, SpeechBegan(start)), (end + END_OF_SPEECH_MS, spoke)])
            case Leave():
                self._does.append(self._in(wait, HungUp()))
            case _:
                pass


def _after(reply: Reply, usual: int) -> int:
    if isinstance(reply, Quiet) or reply.after_ms is None:
        return usual
    return reply.after_ms
