"""One subscriber following a script: a pure state machine fed with ticks of 20 ms.

The caller says what time it is, whether the line is loud and whether the subscriber's own last action is still
under way; the machine says what to do next. No clock, no socket, no chance in here.
"""

from __future__ import annotations

from collections import deque

from simulator.behaviours import Action, HangUp, Press, Reply, Script
from simulator.ear import Ear, Heard

REARM_QUIET_S = 0.25
"""An impatient subscriber takes the audio after so much quiet for the next prompt: his key cut the last one short."""


class Subscriber:
    """Follows ``script`` from the answer at ``answered_at`` (monotonic seconds)."""

    def __init__(self, script: Script, answered_at: float) -> None:
        self._script = script
        self._ear = Ear(script.quiet_s)
        self._replies = deque(script.replies)
        self._todo: deque[Action] = deque(script.opening)
        self._answered_at = answered_at
        self._idle_since = answered_at
        self._due: float | None = None
        self._interrupted = False
        self.prompts_heard = 0

    def tick(self, now: float, loud: bool, busy: bool) -> Action | None:
        """The next action, or None. ``busy``: the last action is still being played or keyed."""
        self._listen(now, self._ear.hear(now, loud))
        if self._must_leave(now):
            return HangUp()
        if busy:
            self._idle_since = now
            return None
        if not self._todo:
            self._take_reply(now)
        return self._todo.popleft() if self._todo else None

    def _must_leave(self, now: float) -> bool:
        limit = self._script.hang_up_after_s
        return limit is not None and now - self._answered_at >= limit

    def _listen(self, now: float, heard: Heard) -> None:
        if heard is Heard.ENDED:
            self._prompt_ended(now)
        elif self._interrupted and self._ear.quiet_for(now) >= REARM_QUIET_S:
            self._interrupted = False
            self._ear.forget()
        elif self._interrupts(now):
            self._interrupted = True
            self._due = now
            self.prompts_heard += 1

    def _prompt_ended(self, now: float) -> None:
        self.prompts_heard += 1
        reply = self._next_reply()
        if not self._interrupted and reply is not None and reply.on_prompt:
            self._due = now + self._script.react_s
        self._interrupted = False

    def _interrupts(self, now: float) -> bool:
        began, reply = self._ear.began_at, self._next_reply()
        if not self._script.impatient or self._interrupted or began is None or reply is None:
            return False
        presses = any(isinstance(action, Press) for action in reply.actions)
        return presses and now - began >= self._script.barge_in_s - 1e-9

    def _next_reply(self) -> Reply | None:
        return self._replies[0] if self._replies else self._script.then

    def _take_reply(self, now: float) -> None:
        reply = self._next_reply()
        if reply is None or not (self._is_due(now) or self._waited_enough(now, reply)):
            return
        if self._replies:
            self._replies.popleft()
        prompted = self._is_due(now) or reply.unprompted is None
        self._due = None
        self._idle_since = now
        self._todo.extend(reply.actions if prompted else reply.unprompted or ())

    def _is_due(self, now: float) -> bool:
        return self._due is not None and now >= self._due - 1e-9

    def _waited_enough(self, now: float, reply: Reply) -> bool:
        return reply.after_s is not None and now - self._idle_since >= reply.after_s - 1e-9
