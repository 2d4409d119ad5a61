"""One live call: carries audio between the line, the flow, the agent and the recorder.

The flow decides, the line reports, this session only connects them: every event of the line becomes an event of the
interpreter, every action of the interpreter becomes a request to the line. Call time is recording time: millisecond 0
is the first frame of the recording, which starts with the first audio of the call, early media included.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from core.errors import HuifangError
from dialer.calling.evidence.answering import AnswerVerdict
from dialer.calling.listening import Listening
from dialer.calling.media import MAX_CATCH_UP, SILENCE, Clip, Ear, MediaLoop, Mouth, Played
from dialer.calling.sounds import beep, hold_music
from dialer.calling.voice import VoiceDetector, Voices
from dialer.calling.voice_answers import Listeners
from dialer.calling.watching import Watch
from dialer.desk.handoff import AgentLeg, HandoffDesk
from dialer.desk.talk import AgentTalk
from dialer.lines.base import FRAME_MS, Answered, Call, CallEvent, CallState, Digit, EarlyMedia, Ended, KeyDown
from dialer.lines.inband import KeyDetector
from ivr_flows import events as flow_events
from ivr_flows import interpreter
from ivr_flows.model import Facts, Flow, OutcomeName, VoiceTask
from ivr_flows.state import State

logger = logging.getLogger(__name__)

DRAIN_TICKS = 3  # a frame is still in the engine's buffer for about this long after it was written
PAUSE_TICKS = 15  # 300 ms of silence before a prompt that follows another or begins the call; an answer waits for none
LEAD_FRAMES = 2  # silence written ahead at the answer, so that one late tick starves nobody
TOGETHER = 6  # frames that go to the recorder at once: one by one they cost a fifth of the tick
HELD_FRAMES = 4  # kept back from the recorder, because the line tells of the end a moment after it
FRAME = timedelta(milliseconds=FRAME_MS)
ANSWERS = (flow_events.Key, flow_events.Spoke, flow_events.Recorded)
OUTCOMES_OF_FLOW: dict[str, OutcomeName] = {"passed": "passed", "not_passed": "not_passed", "refused": "refused"}


class Writer(Protocol):
    """Where the two channels go: an open ``recordings.writer.RecordingWriter``, closed by whoever opened it."""

    def write(self, client: bytes, firm: bytes) -> None:
        """Append frames of each channel, as many; never waits for the disk's platter."""
        ...


@dataclass(frozen=True, slots=True)
class Script:
    """What is needed to run a flow for one client: the flow, his facts, every prompt's audio."""

    flow: Flow
    facts: Facts = field(repr=False)
    clips: Mapping[str, Clip] = field(repr=False)
    agent_question: Clip = field(repr=False)  # asks an agent for the outcome once the client is gone
    apology: Clip = field(repr=False)  # said when the recorder fails in mid-call, before hanging up


@dataclass(frozen=True, slots=True)
class TakenAnswer:
    """An answer with where it stands in the recording and what was played for it."""

    answer: flow_events.Answer
    start_ms: int
    end_ms: int
    played: tuple[Played, ...]


@dataclass(slots=True)
class SessionResult:
    """What a call left behind."""

    verdict: flow_events.Verdict | None = None
    recorded: bool = False
    recorder_failed: bool = False
    keys: int = 0
    leg: AgentLeg | None = None
    agent_outcome: str | None = None
    path: tuple[tuple[str, str, str], ...] = ()  # every arrow of the script that was walked
    moments: tuple[int, ...] = ()  # when each of them was, in call time
    answer: AnswerVerdict | None = None  # who answered, when that is judged in the live call
    machine: bool = False  # the call was ended because no person was on the line


@dataclass(slots=True)
class _OpenAnswer:
    """A spoken answer while it lasts."""

    max_ms: int
    silence_ms: int
    start_ms: int | None = None  # None while the beep is playing
    speech_ms: int = 0
    quiet_ms: int = 0


class CallSession:
    """Runs one call from the INVITE to the end of everything that belongs to it."""

    def __init__(
        self,
        call: Call,
        script: Script,
        *,
        loop: MediaLoop,
        writer: Writer,
        on_answer: Callable[[TakenAnswer], None],
        ring_agent: Callable[[str], asyncio.Task[AgentLeg | None]],
        desk: HandoffDesk,
        voices: Voices,
        ring_limit_s: float,
        tone_keys: KeyDetector | None = None,
        watch: Watch | None = None,
        listeners: Listeners | None = None,
    ) -> None:
        """``tone_keys`` finds keys that the trunk does not tell; with one that does, each would count twice.

        ``watch`` tells who answered; a machine is hung up on. Without ``listeners`` answers are taken by key alone.
        """
        self.result = SessionResult()
        self._call = call
        self._script = script
        self._loop = loop
        self._writer = writer
        self._on_answer = on_answer
        self._ring_agent = ring_agent
        self._desk = desk
        self._voices = voices
        self._tone_keys = tone_keys
        self._watch = watch
        self._speech = Listening(listeners, voices, self._heard) if listeners is not None else None
        self._voice: VoiceDetector | None = None
        self._ring_ticks = int(ring_limit_s * 1000 / FRAME_MS)
        self._recording = False
        self._began: datetime | None = None
        self._held: deque[tuple[bytes, bytes]] = deque()
        self._recorded_frames = 0
        self._ms = 0
        self._ear = Ear(call)
        self._mouth = Mouth()
        self._state: State | None = None
        self._last_prompt: str | None = None
        self._draining = 0
        self._pause = 0
        self._down = ""  # the key that is being pressed
        self._whole = True
        self._listening: tuple[int, int] | None = None  # deadline in call time, timeout
        self._open: _OpenAnswer | None = None
        self._asked_ms = 0
        self._ringing: asyncio.Task[AgentLeg | None] | None = None
        self._talk: AgentTalk | None = None
        self._live = False
        self._client_gone = False
        self._over = asyncio.Event()
        self._tasks: set[asyncio.Future[Any]] = set()

    async def run(self) -> SessionResult:
        """Live until the client is gone and no agent is left on the line."""
        stop = self._call.subscribe(self._on_event)
        self._catch_up()
        self._loop.add(self._tick)
        try:
            await self._over.wait()
        finally:
            self._loop.remove(self._tick)
            stop()
            if self._watch is not None:
                self._watch.close()
            if self._voice is not None:
                self._voices.give_back(self._voice)
            if self._speech is not None:
                self._speech.close()
            await self._errands_done()
        return self.result

    async def _errands_done(self) -> None:
        """Wait for what is still under way (hanging up, letting an agent go); a failure is told, the call is over."""
        for outcome in await asyncio.gather(*self._tasks, return_exceptions=True):
            if isinstance(outcome, BaseException):
                logger.error("the end of a call did not go as asked", exc_info=outcome)
        if self._ear.bytes_dropped:
            logger.warning("a stall lost %d bytes of a client's audio", self._ear.bytes_dropped)

    def _catch_up(self) -> None:
        # A far end on the same machine may be through with early media, or answer, before anybody listens.
        if self._call.state is CallState.EARLY_MEDIA:
            self._start_recording(self._loop.due_at)
        elif self._call.state is CallState.ANSWERED:
            self._answered(self._loop.due_at)

    def hang_up(self) -> None:
        """Ask for the end of the client's call."""
        self._spawn(self._call.hang_up())

    # --- what the line reports ---------------------------------------------------------------------------------------

    def _on_event(self, event: CallEvent) -> None:
        match event:
            case EarlyMedia(provisional=provisional):
                self._start_recording(provisional.at)
            case Answered(at=at):
                self._answered(at)
            case KeyDown(key=key):
                self._down = key
                self._key(key)
            case Digit(key=key):
                if self._down != key:  # one that is told when it is let go alone (SIP INFO)
                    self._key(key)
                self._down = ""
            case Ended(ending=ending):
                self._ended(ending.at)
            case _:
                pass

    def _answered(self, at: datetime) -> None:
        self._start_recording(at)
        self._live = True
        for _ in range(LEAD_FRAMES):
            self._call.write(SILENCE)
        if self.result.recorder_failed:
            return
        if self._watch is not None:
            self._watch.begin(self._judged)
        state, actions = interpreter.start(self._script.flow, self._script.facts)
        self._moved(state)
        self._perform(actions)

    def _key(self, key: str) -> None:
        self.result.keys += 1
        if self._open and self._open.start_ms is not None and key == "#":
            self._end_open()
        else:
            self._feed(flow_events.Key(key, self._ms))

    def _ended(self, at: datetime) -> None:
        self._end_recording(at)
        self._client_gone = True
        if self._ringing:
            self._ringing.cancel()
        self._feed(flow_events.HungUp())
        if self._talk:
            self._talk.client_gone()
        self._check_over()

    # --- the tick ----------------------------------------------------------------------------------------------------

    def _tick(self) -> None:
        if self._client_gone:
            if self._talk:
                self._talk.exchange(SILENCE)
            return
        if self._began is not None and self._loop.due_at < self._began:
            return  # a tick that was missed before the audio began
        heard = self._ear.frame()
        if not self._live:
            self._before_answer(heard)
            return
        ours = self._talk.exchange(heard) if self._talk else self._prompt_frame()
        if self._call.write(ours) < len(ours):
            self._whole = False
        self._record(heard, ours)
        self._ms += FRAME_MS
        self._listen(heard)
        self._run_timers(heard)

    def _listen(self, heard: bytes) -> None:
        if self._watch is not None:
            self._watch.feed(heard)
        if self._speech is not None and self._talk is None:
            self._speech.feed(heard, self._ms)
        if self._tone_keys is not None:
            for key in self._tone_keys.feed(heard):
                self._key(key)

    def _judged(self, verdict: AnswerVerdict) -> None:
        """Who answered, by the sound. Who has pressed a key, or speaks with an agent, is a person all the same."""
        self.result.answer = verdict
        if verdict.machine and not self.result.keys and self._talk is None and not self._client_gone:
            self.result.machine = True
            self._stop_playing()
            self._state = None  # nothing more is said to a machine
            self.hang_up()

    def _before_answer(self, heard: bytes) -> None:
        if self._recording:
            self._record(heard, SILENCE)
            self._ms += FRAME_MS
        self._ring_ticks -= 1
        if self._ring_ticks == 0:
            self.hang_up()

    def _prompt_frame(self) -> bytes:
        if self._pause:
            self._pause -= 1
            return SILENCE
        frame, ended = self._mouth.frame(self._ms)
        if ended and ended.prompt == self._last_prompt and not self._mouth.busy:
            self._draining = DRAIN_TICKS
        if ended and self._open and ended.prompt == beep().prompt:
            self._open.start_ms = self._ms
        return frame or SILENCE

    def _run_timers(self, heard: bytes) -> None:
        if self._draining:
            self._drain()
        elif self._open:
            self._hear_open(self._open, heard)
        elif self._listening and self._ms >= self._listening[0]:
            timeout, self._listening = self._listening[1], None
            self._feed(flow_events.Silence(timeout))
        elif self._ringing and not self._mouth.busy:
            self._mouth.play([hold_music()])

    def _drain(self) -> None:
        self._draining -= 1
        if not self._draining and self.result.recorder_failed:
            self.hang_up()
        elif not self._draining and self._last_prompt:
            prompt, self._last_prompt = self._last_prompt, None
            self._feed(flow_events.PromptFinished(prompt, self._whole))

    def _hear_open(self, answer: _OpenAnswer, heard: bytes) -> None:
        if answer.start_ms is None or self._voice is None:
            return
        if self._voice.feed(heard):
            answer.speech_ms += FRAME_MS
            answer.quiet_ms = 0
        else:
            answer.quiet_ms += FRAME_MS
        if answer.quiet_ms >= answer.silence_ms or self._ms - answer.start_ms >= answer.max_ms:
            self._end_open()

    def _end_open(self) -> None:
        answer, self._open = self._open, None
        if answer and answer.start_ms is not None:
            self._feed(flow_events.Recorded(answer.start_ms, self._ms, answer.speech_ms))

    # --- the recorder ------------------------------------------------------------------------------------------------

    def _start_recording(self, at: datetime) -> None:
        if not self.result.recorder_failed:
            self._recording = self.result.recorded = True
            self._began = self._began or at

    def _record(self, heard: bytes, ours: bytes) -> None:
        if self._recording:
            self._held.append((heard, ours))
            if len(self._held) >= HELD_FRAMES + TOGETHER:
                self._write_held(HELD_FRAMES)

    def _write_held(self, keep: int) -> None:
        try:
            if ready := [self._held.popleft() for _ in range(len(self._held) - keep)]:
                client, firm = zip(*ready, strict=True)
                self._writer.write(b"".join(client), b"".join(firm))
                self._recorded_frames += len(ready)
        except (OSError, HuifangError):
            self._recorder_broke()

    def _end_recording(self, at: datetime) -> None:
        """Make the recording as long as the call was: the end is told late, and a late tick may still be owed."""
        if self._recording and self._began is not None:
            wanted = round((at - self._began) / FRAME) - self._recorded_frames
            while len(self._held) > max(0, wanted):
                self._held.pop()
            while len(self._held) < min(wanted, MAX_CATCH_UP):
                self._held.append((self._ear.frame(), SILENCE))
            self._write_held(0)
        self._recording = False

    def _recorder_broke(self) -> None:
        """No recording, no call (design rule 3): apologise and hang up; nothing said from here on counts."""
        logger.error("the recorder failed in a live call; it ends with an apology")
        self.result.recorder_failed = True
        self._recording, self._state = False, None
        self._stop_playing()
        if self._talk:
            self._talk.dismiss()
        self._last_prompt = self._script.apology.prompt
        self._mouth.play([self._script.apology])

    # --- the flow ----------------------------------------------------------------------------------------------------

    def _feed(self, event: flow_events.Event) -> None:
        if self._state is not None:
            state, actions = interpreter.step(self._script.flow, self._state, event)
            self._moved(state)
            self._perform(actions, 0 if isinstance(event, ANSWERS) else PAUSE_TICKS)

    def _moved(self, state: State) -> None:
        """Keep where the script stands, and when it walked the arrows that led there."""
        walked = len(state.path) - len(self.result.path)
        self.result.path, self.result.moments = state.path, (*self.result.moments, *[self._ms] * walked)
        self._state = state

    def _perform(self, actions: list[flow_events.Action], pause: int = PAUSE_TICKS) -> None:
        for action in actions:
            match action:
                case flow_events.Play():
                    self._play(action, pause)
                case flow_events.StopPlaying():
                    self._stop_playing()
                case flow_events.Listen(timeout_ms=timeout):
                    self._listening = (self._ms + timeout, timeout)
                    self._welcome(action.voice, playing=False)
                case flow_events.RecordOpen(max_ms=longest, silence_ms=silence):
                    self._open = _OpenAnswer(longest, silence)
                    self._voice = self._voice or self._voices.take()
                    self._mouth.play([beep()])
                case flow_events.RingAgent(reason=reason):
                    self._ring(reason)
                case flow_events.Store(answer=answer):
                    self._take_answer(answer)
                case flow_events.HangUp():
                    self.hang_up()
                case flow_events.Finish(verdict=verdict):
                    self.result.verdict = verdict
                case flow_events.Show():
                    pass  # for the agent's screen

    def _play(self, action: flow_events.Play, pause: int) -> None:
        self._listening, self._open = None, None
        self._last_prompt, self._whole = action.prompts[-1], True
        self._asked_ms = self._ms
        self._pause = pause
        self._welcome(action.voice, playing=True)
        self._mouth.play([self._script.clips[prompt] for prompt in action.prompts])

    def _stop_playing(self) -> None:
        self._mouth.stop(self._ms)
        self._call.flush()
        self._last_prompt, self._draining, self._open, self._listening = None, 0, None, None

    def _welcome(self, voice: VoiceTask | None, *, playing: bool) -> None:
        if self._speech is not None:
            self._speech.at(voice, playing=playing)

    def _heard(self, event: flow_events.Event) -> None:
        """The client speaks, or has spoken: he is not silent, so no timer runs meanwhile."""
        if isinstance(event, flow_events.SpeechBegan):
            self._listening = None
        self._feed(event)

    def _take_answer(self, answer: flow_events.Answer) -> None:
        played = tuple(proof for proof in self._mouth.played if proof.end_ms > self._asked_ms)
        start = answer.start_ms if answer.start_ms is not None else self._asked_ms
        self._on_answer(TakenAnswer(answer, start, answer.end_ms or self._ms, played))

    # --- the agent ---------------------------------------------------------------------------------------------------

    def _ring(self, reason: str) -> None:
        self._ringing = self._ring_agent(reason)
        self._ringing.add_done_callback(self._rung)

    def _rung(self, task: asyncio.Task[AgentLeg | None]) -> None:
        self._ringing = None
        if task.cancelled() or task.exception() is not None:
            self._log_failed_ring(task)
            leg = None
        else:
            leg = task.result()
        if self._last_prompt is None:
            self._stop_playing()  # the music; a prompt of the flow is the flow's to stop
        if leg is None:
            self._feed(flow_events.AgentUnavailable())
        else:
            self._join(leg)
        self._check_over()

    def _log_failed_ring(self, task: asyncio.Task[AgentLeg | None]) -> None:
        if not task.cancelled():
            logger.error("ringing an agent failed", exc_info=task.exception())

    def _join(self, leg: AgentLeg) -> None:
        if self._client_gone or self.result.recorder_failed:
            self._spawn(self._desk.too_late(leg))
            return
        self.result.leg = leg
        self._stop_playing()
        wrap_up_ms = self._desk.rules.wrap_up_seconds * 1000
        self._talk = AgentTalk(leg, self._script.agent_question, wrap_up_ms=wrap_up_ms, over=self._agent_left)
        self._feed(flow_events.AgentJoined(leg.staff_id))
        self._talk.begin()

    def _agent_left(self) -> None:
        talk, self._talk = self._talk, None
        if talk is None:
            return
        self.result.agent_outcome = talk.outcome
        self._feed(flow_events.AgentLeft(OUTCOMES_OF_FLOW.get(talk.outcome or "")))
        self._check_over()

    def _check_over(self) -> None:
        if self._client_gone and self._talk is None and self._ringing is None:
            self._over.set()

    def _spawn(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
