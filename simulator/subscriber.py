"""One subscriber following a script: a pure state machine fed with ticks of 20 ms.

The caller says what time it is, whether the line is loud and whether the subscriber's own last action is still
under way; the machine says what to do next. No clock, no socket, no chance in here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from simulator.behaviours import Action, HangUp, Press, Reply, Script
from simulator.ear import Ear, Heard
from simulator.recognition import Voiceprints

KEPT = 150
"""Loudness that is remembered, 3 s: enough for the end of a prompt and the quiet after it."""

REARM_QUIET_S = 0.25
"""An impatient subscriber takes the audio after so much quiet for the next prompt: his key cut the last one short."""


class Subscriber:
    """Follows ``script`` from the answer at ``answered_at`` (monotonic seconds).

    ``prompts_known`` are the names of the prompts that were recognised (where the script waits for names).
    """

    def __init__(self, script: Script, answered_at: float, known: Voiceprints | None = None) -> None:
        self._script = script
        self._ear = Ear(script.quiet_s)
        self._replies = deque(script.replies)
        self._todo: deque[Action] = deque(script.opening)
        self._answered_at = answered_at
        self._idle_since = answered_at
        self._due: float | None = None
        self._interrupted = False
        self._known = known
        self._levels: deque[float] = deque(maxlen=KEPT)
        self.prompts_heard = 0
        self.prompts_known: list[str] = []

    def tick(self, now: float, loud: bool, busy: bool, levels: Sequence[float] = ()) -> Action | None:
        """The next action, or None. ``busy``: the last action is still being played or keyed.

        ``levels``: how loud each packet of this tick is, for prompts that are waited for by name.
        """
        self._levels.extend(levels)
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
        self._recognise_early(now)

    def _prompt_ended(self, now: float) -> None:
        self.prompts_heard += 1
        reply = self._next_reply()
        if not self._interrupted and reply is not None and reply.on_prompt and self._is_meant(reply):
            self._due = now + self._script.react_s
        self._interrupted = False

    def _is_meant(self, reply: Reply) -> bool:
        """Whether the prompt that ended is the one that the reply waits for."""
        if not reply.hears or self._known is None:
            return True
        if reply.early_s is not None:
            return False
        name = self._known.ended(tuple(self._levels), only=reply.hears)
        self.prompts_known.append(name or "?")
        return name is not None

    def _recognise_early(self, now: float) -> None:
        reply = self._next_reply()
        if reply is None or reply.early_s is None or self._known is None or self._due is not None or self._todo:
            return
        if self._known.begins(reply.hears, tuple(self._levels)):
            self._due = now + reply.early_s

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
