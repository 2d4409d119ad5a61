"""Following a script: prompts in, actions out, all in made-up time."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.behaviours import Action, HangUp, Press, Reply, Say, Script
from simulator.subscriber import Subscriber

pytestmark = pytest.mark.unit

TICK = 0.02
KEY_S = 0.26


@dataclass
class Line:
    """A made-up line: plays stretches of loud and quiet to a subscriber and notes what he does and when."""

    subscriber: Subscriber
    now: float = 0.0
    busy_until: float = 0.0

    def play(self, *stretches: tuple[bool, float]) -> list[tuple[float, Action]]:
        done: list[tuple[float, Action]] = []
        for loud, seconds in stretches:
            for _ in range(round(seconds / TICK)):
                self.now = round(self.now + TICK, 6)
                action = self.subscriber.tick(self.now, loud, self.now < self.busy_until)
                if action is not None:
                    self.busy_until = self.now + KEY_S
                    done.append((round(self.now, 2), action))
        return done


def line(script: Script) -> Line:
    return Line(Subscriber(script, 0.0))


def keys(done: list[tuple[float, Action]]) -> str:
    return "".join(action.digits for _, action in done if isinstance(action, Press))


def prompt(seconds: float = 2.0, quiet: float = 1.5) -> tuple[tuple[bool, float], tuple[bool, float]]:
    return (True, seconds), (False, quiet)


def test_a_key_follows_each_prompt() -> None:
    done = line(Script(replies=(Reply((Press("1"),)), Reply((Press("2"),))))).play(*prompt(), *prompt())
    assert done == [(2.9, Press("1")), (6.4, Press("2"))]


def test_a_short_gap_does_not_end_a_prompt() -> None:
    done = line(Script(replies=(Reply((Press("1"),)),))).play((True, 1.0), (False, 0.4), (True, 1.0), (False, 1.5))
    assert done == [(3.3, Press("1"))]


def test_an_empty_item_lets_one_prompt_pass() -> None:
    done = line(Script(replies=(Reply(), Reply((Press("1"),))))).play(*prompt(), *prompt())
    assert done == [(6.4, Press("1"))]


def test_several_keys_are_pressed_one_after_the_other() -> None:
    four = tuple(Press(digit) for digit in "1234")
    done = line(Script(replies=(Reply(four),))).play((True, 1.0), (False, 3.0))
    assert keys(done) == "1234"
    gaps = [later - earlier for (earlier, _), (later, _) in itertools.pairwise(done)]
    assert min(gaps) >= KEY_S - 1e-6


def test_he_stays_silent_when_the_script_is_used_up() -> None:
    assert keys(line(Script(replies=(Reply((Press("1"),)),))).play(*prompt(), *prompt(), *prompt())) == "1"


def test_then_is_repeated_when_the_script_is_used_up() -> None:
    script = Script(replies=(Reply((Press("1"),)),), then=Reply((Press("2"),)))
    assert keys(line(script).play(*prompt(), *prompt(), *prompt())) == "122"


def test_the_impatient_press_during_the_prompt() -> None:
    script = Script(replies=(Reply((Press("1"),)), Reply((Press("2"),))), impatient=True)
    line_ = line(script)
    first = line_.play((True, 1.24), (False, 0.3), (True, 1.24), (False, 1.5))
    assert first == [(1.22, Press("1")), (2.76, Press("2"))]


def test_the_impatient_press_once_in_a_prompt_that_goes_on() -> None:
    script = Script(replies=(Reply((Press("1"),)), Reply((Press("2"),))), impatient=True)
    assert keys(line(script).play((True, 6.0), (False, 1.5))) == "1"


def test_the_impatient_still_listen_where_they_have_nothing_to_press() -> None:
    script = Script(replies=(Reply(), Reply((Press("1"),))), impatient=True)
    assert line(script).play(*prompt(), (True, 2.0), (False, 1.0)) == [(4.72, Press("1"))]


def test_silence_triggers_a_timed_reply() -> None:
    done = line(Script(replies=(Reply((Say("hello"),), after_s=3.0),))).play((False, 5.0))
    assert [(round(at), action) for at, action in done] == [(3, Say("hello"))]


def test_a_timed_reply_without_prompt_waits_its_time() -> None:
    done = line(Script(replies=(Reply((HangUp(),), on_prompt=False, after_s=5.0),))).play(*prompt(), (False, 4.0))
    assert next((round(at), action) for at, action in done) == (5, HangUp())


def test_he_leaves_when_his_time_is_up() -> None:
    done = line(Script(replies=(Reply((Press("1"),)),), hang_up_after_s=1.0)).play((True, 1.02))
    assert done[0] == (1.0, HangUp())


def test_a_prompt_that_ends_while_he_speaks_is_answered_afterwards() -> None:
    script = Script(opening=(Say("greeting"),), replies=(Reply((Press("1"),)),))
    subscriber = Subscriber(script, 0.0)
    assert subscriber.tick(0.02, False, False) == Say("greeting")
    done = [subscriber.tick(0.02 * step, 10 < step < 50, step < 150) for step in range(2, 160)]
    assert [step for step, action in enumerate(done, 2) if action == Press("1")] == [150]


def test_a_click_is_no_prompt() -> None:
    assert line(Script(replies=(Reply((Press("1"),)),))).play((True, 0.02), (False, 2.0)) == []


@given(st.lists(st.sampled_from(["", "1", "12", "0#"]), max_size=5), st.integers(0, 6))
def test_each_prompt_consumes_exactly_one_item(items: list[str], prompts: int) -> None:
    replies = tuple(Reply(tuple(Press(digit) for digit in item)) for item in items)
    done = line(Script(replies=replies)).play(*[part for _ in range(prompts) for part in prompt(0.5, 2.0)])
    assert keys(done) == "".join(items[:prompts])


@given(st.lists(st.tuples(st.booleans(), st.floats(0.02, 2.0)), max_size=12))
def test_the_same_line_gives_the_same_actions(stretches: list[tuple[bool, float]]) -> None:
    script = Script(replies=(Reply((Press("1"),)),), then=Reply((Press("2"),)))
    assert line(script).play(*stretches) == line(script).play(*stretches)
