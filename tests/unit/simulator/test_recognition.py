"""A subscriber who knows the node's prompts: which one was heard, and what he does then."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from aiortp import get_codec
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.behaviours import Action, HangUp, Press, Reply, Script, Talk
from simulator.errors import TableError
from simulator.recognition import Voiceprints
from simulator.sounds import CLIPS, FRAME, ClipStore, Samples, beep
from simulator.subscriber import Subscriber
from simulator.table import parse_table

pytestmark = pytest.mark.unit

QUIET = [8.0] * 30
KNOWN = Voiceprints.of_folder(CLIPS)
STORE = ClipStore()
NAMES = sorted(STORE.names() - {"beep"})


def _heard(samples: Samples, *, late: int = 0, lost: frozenset[int] = frozenset()) -> list[float]:
    """The loudness of each packet after the line: A-law, frames cut elsewhere, packets lost."""
    law = get_codec(8)
    shifted = np.concatenate([np.zeros(late, dtype=np.int16), samples, np.zeros(FRAME, dtype=np.int16)])
    through = np.frombuffer(law.decode(law.encode(shifted.astype("<i2").tobytes())), dtype="<i2").astype(np.float64)
    frames = through[: len(through) // FRAME * FRAME].reshape(-1, FRAME)
    levels = np.sqrt((frames**2).mean(axis=1)).tolist()
    return [level for at, level in enumerate(levels) if at not in lost]


@pytest.mark.parametrize("name", NAMES)
def test_a_prompt_is_recognised_by_its_end(name: str) -> None:
    assert KNOWN.ended(_heard(STORE.samples(name)) + QUIET) == name


@settings(max_examples=40, deadline=None)
@given(name=st.sampled_from(NAMES), late=st.integers(0, FRAME - 1))
def test_however_its_frames_are_cut(name: str, late: int) -> None:
    assert KNOWN.ended(_heard(STORE.samples(name), late=late) + QUIET) == name


def test_with_a_packet_lost_in_its_end_it_is_missed_once_in_a_hundred_at_most() -> None:
    missed = asked = 0
    for name in NAMES:
        for late in range(0, FRAME, 40):
            heard = _heard(STORE.samples(name), late=late)
            for lost in range(1, 21, 2):
                left = [level for at, level in enumerate(heard) if at != len(heard) - lost]
                missed += KNOWN.ended(left + QUIET, only=name) != name
                asked += 1
    assert missed <= asked / 100


def test_after_another_prompt_and_before_a_beep() -> None:
    first, second = _heard(STORE.samples("client_hello")), _heard(STORE.samples("client_no"))
    assert KNOWN.ended([*first, *QUIET[:10], *second, *QUIET[:4], *_heard(beep()), *QUIET]) == "client_no"


def test_what_is_no_prompt_is_not_taken_for_one() -> None:
    some = Voiceprints({name: STORE.samples(name) for name in NAMES[:5]})
    assert [some.ended(_heard(STORE.samples(name)) + QUIET) for name in NAMES[5:]] == [None] * len(NAMES[5:])
    assert some.ended([]) is None
    assert some.ended(QUIET) is None
    assert Voiceprints({}).ended([3000.0] * 50 + QUIET) is None


def test_a_prompt_is_recognised_by_its_beginning() -> None:
    heard = _heard(STORE.samples("agent_hello"))
    moments = [at for at in range(len(heard)) if KNOWN.begins("agent_hello", heard[:at])]
    assert moments
    assert moments[0] < 30
    assert not any(KNOWN.begins("vacant", heard[:at]) for at in range(len(heard)))


def _acts(script: Script, levels: list[float]) -> list[tuple[int, Action]]:
    """What a subscriber does, and in which tick."""
    subscriber = Subscriber(script, 0.0, KNOWN)
    ticks = ((at, subscriber.tick(at * 0.02, level >= 150, False, [level])) for at, level in enumerate(levels))
    return [(at, action) for at, action in ticks if action is not None]


def test_he_acts_after_the_prompt_that_he_waits_for_and_after_no_other() -> None:
    script = Script(replies=(Reply((Press("1"),), hears="client_no"), Reply((HangUp(),), hears="agent_hello")))
    other = _heard(STORE.samples("agent_hello")) + QUIET * 2
    meant = _heard(STORE.samples("client_no")) + QUIET * 2
    acts = _acts(script, other + meant + other)
    assert [action for _, action in acts] == [Press("1"), HangUp()]
    assert len(other) < acts[0][0] < len(other + meant) < acts[1][0]


def test_he_may_be_silent_at_a_prompt_and_act_in_the_middle_of_one() -> None:
    silent = Script(replies=(Reply((), hears="client_no"), Reply((Press("2"),), hears="client_no")))
    meant = _heard(STORE.samples("client_no")) + QUIET * 2
    assert [at > len(meant) for at, _ in _acts(silent, meant * 2)] == [True]
    early = Script(replies=(Reply((Press("0"),), hears="vacant", early_s=0.1),))
    ((at, _),) = _acts(early, _heard(STORE.samples("vacant")))
    assert at < len(_heard(STORE.samples("vacant"))) / 2


# --- the table -------------------------------------------------------------------------------------------------------


def _table(folder: Path, script: object) -> object:
    (folder / "prompts" / "en").mkdir(parents=True)
    soundfile.write(folder / "prompts" / "en" / "hello.there.wav", STORE.samples("client_hello"), 8000)
    entry = {"kind": "rehearses", "script": script}
    return parse_table({"prompts": "prompts", "subscribers": {"1": entry}}, "table", folder).behaviour("1", 1)


def test_the_table_names_prompts_by_their_files(tmp_path: Path) -> None:
    read = _table(tmp_path, [{"hears": "en/hello.there", "early_s": 0.2, "do": [{"press": "12"}, {"speak": 2}]}])
    replies = read.script.replies  # type: ignore[attr-defined]
    assert replies == (Reply((Press("1"), Press("2"), Talk(2.0)), hears="en/hello.there", early_s=0.2),)


def test_the_table_refuses_prompts_that_nobody_has(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="no prompt named 'en/bye'"):
        _table(tmp_path, [{"hears": "en/bye", "do": []}])
    with pytest.raises(TableError, match="names no folder of prompts"):
        parse_table({"subscribers": {"1": {"kind": "rehearses", "script": []}}}, "table", tmp_path)


def test_talking_lasts_as_long_as_it_is_told() -> None:
    assert len(STORE.talk(4.0, 8)) == 200
