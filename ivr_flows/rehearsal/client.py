"""The client of a scenario: asked at a step, he does what the scenario tells. No clock, no audio.

Turns come first, in their order; a turn that names a step waits for it. Elsewhere he gives the answer written for the
step, and what is read back to him he confirms.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from ivr_flows.model import Flow, Question
from ivr_flows.rehearsal.model import Leave, Press, Reply, Scenario, Turn
from ivr_flows.rehearsal.names import is_text, question_at
from ivr_flows.state import State

CONFIRMS = Press("1")
KNOWN: Mapping[str, Mapping[str, str]] = {
    "zh-CN": {"callback_day": "明天", "slot_1": "明天上午十点", "slot_2": "明天下午三点", "slot_3": "后天上午十点"},
    "en": {"callback_day": "tomorrow", "slot_1": "tomorrow at ten", "slot_2": "tomorrow at three", "slot_3": "Friday"},
}
"""What a call always knows: when somebody may call again."""


class Client:
    """Gives replies; keeps how often each step was asked and which turns are to come."""

    def __init__(self, flow: Flow, scenario: Scenario) -> None:
        self._flow = flow
        self._answers = {question_at(flow, name) or name: given for name, given in scenario.answers.items()}
        self._asked: Counter[str] = Counter()
        self._turns = list(scenario.turns)
        self.facts = {**KNOWN[flow.language], **scenario.client}
        self.problems: list[str] = []

    @property
    def waiting(self) -> tuple[Turn, ...]:
        """Turns that have not come yet."""
        return tuple(self._turns)

    def asked(self, state: State) -> tuple[Reply, Turn | None]:
        """What he does now that the flow waits for him."""
        turn = self._due(state)
        usual = self._usual(state)
        if turn is None:
            return usual, None
        return turn.reply or usual, turn

    def disturbed_by(self, state: State) -> tuple[Reply, Turn, str | None] | None:
        """What he does while the prompts of this state are playing, and during which text (None: the first)."""
        turn = self._turns[0] if self._turns else None
        if turn is None or turn.at not in (None, state.step) or turn.reply is None:
            return None
        if turn.during is None and (turn.at is None or isinstance(self._flow.steps[turn.at], Question)):
            return None
        if turn.during is not None and not any(is_text(prompt, turn.during) for prompt in state.playing):
            return None
        self._turns.pop(0)
        return turn.reply, turn, turn.during

    def _due(self, state: State) -> Turn | None:
        turn = self._turns[0] if self._turns else None
        if turn is None or turn.during is not None or turn.at not in (None, state.step):
            return None
        return self._turns.pop(0)

    def _usual(self, state: State) -> Reply:
        given = self._answers.get(state.step, ())
        times = self._asked[state.step]
        self._asked[state.step] += 1
        if state.confirming is not None and times >= len(given):
            return CONFIRMS
        if not given:
            self.problems.append(f"{state.step} is asked, and no answer is written for it")
            return Leave()
        return given[min(times, len(given) - 1)]
