"""The carrier's table: what it accepts, what it refuses and how it says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import HuifangError
from simulator.behaviours import Announces, Answers, Final, HangUp, Press, Refuses, Reply, Say
from simulator.errors import TableError
from simulator.kinds import KINDS
from simulator.table import Table, load_table, parse_table

pytestmark = pytest.mark.unit

EXAMPLE = Path(__file__).parents[3] / "simulator" / "example.yaml"


def table(**subscribers: object) -> Table:
    return parse_table({"subscribers": subscribers}, "t.yaml", Path())


def test_the_example_holds_every_kind() -> None:
    loaded = load_table(EXAMPLE)
    kinds = {one.common.kind for per_call in loaded.subscribers.values() for one in per_call}
    assert kinds == set(KINDS)


def test_a_number_nobody_listed_does_not_exist() -> None:
    unknown = table().behaviour("13899999999", 1)
    assert isinstance(unknown, Refuses)
    assert unknown.final == Final(404, 1, "Unallocated number")


def test_an_exact_number_wins_over_a_pattern() -> None:
    loaded = parse_table({"subscribers": {"138*": {"kind": "busy"}, "1381": {"kind": "silent"}}}, "t", Path())
    assert [loaded.behaviour(number, 1).common.kind for number in ("1381", "1382")] == ["silent", "busy"]


def test_the_last_behaviour_of_a_list_stays() -> None:
    loaded = table(a=[{"kind": "busy"}, {"kind": "silent"}])
    assert [loaded.behaviour("a", ordinal).common.kind for ordinal in (1, 2, 3)] == ["busy", "silent", "silent"]


def test_several_digits_are_pressed_one_by_one() -> None:
    answers = table(a={"kind": "confirms", "script": ["", "12"]}).behaviour("a", 1)
    assert isinstance(answers, Answers)
    assert answers.script.replies == (Reply(), Reply((Press("1"), Press("2"))))


def test_keys_and_clips_mix() -> None:
    answers = table(a={"kind": "speaks", "script": [[{"say": "beep"}, "1"], {"press": "2", "after_s": 3}]}).behaviour(
        "a", 1
    )
    assert isinstance(answers, Answers)
    assert answers.script.replies == (
        Reply((Say("beep"), Press("1"))),
        Reply((Press("2"),), on_prompt=False, after_s=3.0),
    )


def test_whoever_hangs_up_hears_as_many_prompts_as_asked() -> None:
    answers = table(a={"kind": "hangs_up", "after_prompts": 2, "script": ["1"]}).behaviour("a", 1)
    assert isinstance(answers, Answers)
    assert answers.script.replies == (Reply((Press("1"),)), Reply((HangUp(),)))


def test_the_agent_key_comes_at_the_named_prompt() -> None:
    answers = table(a={"kind": "asks_for_agent", "after_prompts": 3, "key": "9", "says": "beep"}).behaviour("a", 1)
    assert isinstance(answers, Answers)
    assert answers.script.replies == (Reply(), Reply(), Reply((Press("9"),)))
    assert answers.script.then == Reply((Say("beep"),))


@pytest.mark.parametrize(
    ("name", "final"),
    [
        ("powered_off", Final(480, 20, "Subscriber absent")),
        ("vacant", Final(404, 1, "Unallocated number")),
        ("suspended", Final(480, 20, "Subscriber absent")),
        ("in_call", Final(486, 17, "User busy")),
    ],
)
def test_an_announcement_names_clip_status_and_cause(name: str, final: Final) -> None:
    announces = table(a={"kind": "unavailable", "announcement": name}).behaviour("a", 1)
    assert isinstance(announces, Announces)
    assert (announces.clip, announces.final) == (name, final)


def test_a_reason_header_follows_rfc_3326() -> None:
    assert Final(486, 17, "User busy").reason_header() == 'Q.850;cause=17;text="User busy"'
    assert Final(480, 20).reason_header() == "Q.850;cause=20"
    assert Final(404).reason_header() is None


def test_any_status_and_cause_may_be_given() -> None:
    refuses = table(a={"kind": "refuses", "status": 503, "cause": 34}, b={"kind": "busy", "cause": None})
    assert [getattr(refuses.behaviour(name, 1), "final", None) for name in "ab"] == [Final(503, 34), Final(486)]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"kind": "confirm"}, "t.yaml.subscribers.a.kind: 'confirm' is unknown; known: agent"),
        ({"kind": "busy", "keys": []}, "t.yaml.subscribers.a: unknown key keys; known here: "),
        ({"script": ["1"]}, "kind is missing"),
        ({"kind": "confirms", "script": ["1x"]}, r"script\[0\]: 'x' is no telephone key"),
        ({"kind": "confirms", "script": [1]}, r"script\[0\]: write a mapping"),
        ({"kind": "confirms", "script": "1"}, "script: write a list"),
        ({"kind": "speaks", "script": [{"say": "nothing"}]}, "no clip named 'nothing'; there are: "),
        ({"kind": "speaks", "script": [{"after_s": 2}]}, "one of say:, press:, pause:"),
        ({"kind": "silent", "rtp_loss": 5}, "rtp_loss: write a share from 0 to 1"),
        ({"kind": "silent", "ring_s": -1}, "ring_s: write a number of seconds"),
        ({"kind": "confirms", "impatient": "yes"}, "impatient: write true or false"),
        ({"kind": "unavailable", "announcement": "asleep"}, "announcement: 'asleep' is unknown"),
        ({"kind": "refuses", "status": 200}, "status: write a whole number from 300 up"),
        ({"kind": "refuses", "status": 700}, "status: write a final SIP status"),
        ({"kind": "refuses", "status": 480, "cause": 128}, "cause: write a Q.850 cause"),
        ([], "the list is empty"),
        ([{"kind": "busy"}, {"kind": "bsy"}], r"a\[1\].kind"),
    ],
)
def test_it_refuses_what_it_does_not_understand(entry: object, message: str) -> None:
    with pytest.raises(TableError, match=message):
        table(a=entry)


def test_an_unquoted_number_is_refused() -> None:
    with pytest.raises(TableError, match="put the number 138 in quotes"):
        parse_table({"subscribers": {138: {"kind": "busy"}}}, "t", Path())


def test_an_unknown_top_level_key_is_refused() -> None:
    with pytest.raises(TableError, match="unknown key subscriber; known here: "):
        parse_table({"subscriber": {}}, "t", Path())


def test_a_missing_file_is_one_clear_message(tmp_path: Path) -> None:
    with pytest.raises(HuifangError, match="cannot read the table"):
        load_table(tmp_path / "none.yaml")


def test_broken_yaml_is_one_clear_message(tmp_path: Path) -> None:
    (tmp_path / "t.yaml").write_text("a: [", encoding="utf-8")
    with pytest.raises(TableError, match="is not YAML"):
        load_table(tmp_path / "t.yaml")
