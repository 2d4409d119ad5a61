"""What the scripts need, how each prompt stands, and rendering that goes on after a text that cannot be spoken."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result

from huifang.commands.prompts import prompts
from huifang.context import Context
from ivr_flows import rendering
from ivr_flows.errors import VoiceError
from ivr_flows.model import Prompt
from ivr_flows.prompts import Catalogue, content_hash
from ivr_flows.rendering import SYSTEM, State, VoiceProcess, needs, render, survey
from ivr_flows.signal import RATE
from ivr_flows.speech import by_espeak
from ivr_flows.studio import recording

pytestmark = pytest.mark.unit

TEXTS = [Prompt(f"p{number}", "en", f"Text {number}.") for number in range(6)]
APOLOGY = next(prompt for prompt in rendering.always("en") if prompt.id == "apology")


class Fake:
    """Speaks a second of a tone; cannot say number 3, and says number 4 only in part."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str, language: str) -> bytes:
        self.said.append(f"{language} {text}")
        if "3" in text:
            raise VoiceError("no")
        return b"" if "4" in text else (3000 * np.sin(np.arange(RATE) / 4)).astype("<i2").tobytes()

    @contextmanager
    def opened(self) -> Iterator[Fake]:
        yield self


@pytest.mark.parametrize("workers", [1, 3])
def test_a_text_that_cannot_be_spoken_is_told_of_and_the_rest_is_rendered(tmp_path: Path, workers: int) -> None:
    results = list(render(TEXTS, tmp_path, workers=workers, voice=Fake().opened))
    assert [result.prompt for result in results] == TEXTS
    assert [bool(result.fault) for result in results] == [False, False, False, True, True, False]
    files = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert files == {f"en/{content_hash('en', f'Text {number}.')}.ogg" for number in (0, 1, 2, 5)}


def test_what_is_rendered_is_found_and_not_rendered_again(tmp_path: Path) -> None:
    fake, catalogue = Fake(), Catalogue(tmp_path)
    for _ in range(2):
        waiting = [prompt for prompt in TEXTS[:2] if not catalogue.find(prompt)]
        assert not [result for result in render(waiting, tmp_path / "audio", voice=fake.opened) if result.fault]
    assert fake.said == ["en Text 0.", "en Text 1."]
    assert catalogue.seconds(TEXTS[0]) == 1.0


VOICE = """
    import json, sys
    for line in sys.stdin:
        asked = json.loads(line)
        if asked["text"] == "die":
            sys.exit(1)
        if asked["text"] == "hang":
            sys.stdin.read()
        audio = (asked["language"] + asked["text"]).encode()
        sys.stdout.buffer.write(f"{len(audio)}\\n".encode() + audio)
        sys.stdout.flush()
"""


@pytest.mark.parametrize("fatal", ["die", "hang"])
def test_a_voice_that_dies_or_hangs_is_started_anew(fatal: str) -> None:
    with VoiceProcess((sys.executable, "-c", dedent(VOICE)), answer_s=2.0) as voice:
        assert voice.say("一", "zh-CN") == "zh-CN一".encode()
        with pytest.raises(VoiceError, match="cannot speak"):
            voice.say(fatal, "en")
        assert voice.say("two", "en") == b"entwo"


def test_every_prompt_knows_its_flows_and_stands_once(tmp_path: Path) -> None:
    found = needs().prompts
    keys = [(one.prompt.language, one.prompt.id, one.prompt.text) for one in found]
    assert len(keys) == len(set(keys))
    assert all(one.flows and not one.prompt.slot for one in found)
    assert {one.prompt.id for one in found if one.flows == (SYSTEM,)} >= {"weekday_1", "offer_1", "apology"}
    assert needs() is needs()


def test_a_flow_with_faults_is_told_of_and_hides_no_other(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("flow: broken\n", encoding="utf-8")
    found = needs(folder=tmp_path)
    assert len(found.refused) == 2
    assert "broken.yaml" in found.refused[0]
    assert {flow for one in found.prompts for flow in one.flows} == {SYSTEM}
    with pytest.raises(VoiceError, match="flow check"):
        rendering.wanted(folder=tmp_path)


def _record(site: Path, text_hash: str | None) -> None:
    path = recording(site, APOLOGY)
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, 0.2 * np.sin(np.arange(RATE) / 4), RATE, subtype="PCM_16")
    if text_hash:
        path.with_suffix(".json").write_text(json.dumps({"text_hash": text_hash, "by": "Ann"}), encoding="utf-8")


@pytest.mark.parametrize(
    ("text_hash", "state", "file"),
    [
        (None, State.UNPROVEN, "apology.wav"),
        ("other", State.OLDER, None),
        (content_hash("en", APOLOGY.text), State.STUDIO, "apology.wav"),
    ],
)
def test_a_prompt_stands_as_its_recording_does(
    tmp_path: Path, text_hash: str | None, state: State, file: str | None
) -> None:
    _record(tmp_path, text_hash)
    entry = next(one for one in survey(Catalogue(tmp_path)) if one.prompt == APOLOGY)
    assert entry.state is state
    assert entry.path is not None
    assert (entry.path.name == "apology.wav") is (file is not None)


Command = Callable[..., Result]


@pytest.fixture
def huifang(tmp_path: Path) -> Command:
    """`huifang prompts ...` of a firm with a studio folder."""
    config = tmp_path / "huifang.toml"
    config.write_text(f'[firm]\nstudio = "{tmp_path}"\n', encoding="utf-8")

    def run(*arguments: str) -> Result:
        with Context(config) as context:
            return CliRunner().invoke(prompts, arguments, obj=context)

    return run


def _json(result: Result) -> Any:
    return json.loads(result.stdout)


def test_the_list_names_text_state_and_file(huifang: Command) -> None:
    listed = _json(huifang("list", SYSTEM, "--language", "en", "--json"))
    apology = next(one for one in listed if one["prompt"] == "apology")
    assert (apology["state"], apology["text"], apology["flows"]) == ("synthesised", APOLOGY.text, [SYSTEM])
    assert {one["language"] for one in listed} == {"en"}
    assert huifang("list", "no_such_script").exit_code == 2


def test_the_report_fails_as_long_as_a_recording_is_older_than_its_text(huifang: Command, tmp_path: Path) -> None:
    assert huifang("report").exit_code == 0
    _record(tmp_path, "other")
    told = huifang("report", "--json")
    assert (told.exit_code, [(one["prompt"], one["by"]) for one in _json(told)]) == (1, [("apology", "Ann")])
    assert [one["prompt"] for one in _json(huifang("list", "--stale", "--json"))] == ["apology"]


def test_a_recording_taken_in_speaks_for_its_prompt(huifang: Command, tmp_path: Path) -> None:
    take = tmp_path / "take.wav"
    soundfile.write(take, 0.1 * np.sin(np.arange(48000) / 20), 24000, subtype="PCM_16")
    arguments = ("record", "import", str(take), "--prompt", "apology", "--language", "en", "--by", "Ann", "--json")
    assert _json(huifang(*arguments))["seconds"] == pytest.approx(2.0, abs=0.1)
    listed = _json(huifang("list", SYSTEM, "--language", "en", "--json"))
    assert next(one for one in listed if one["prompt"] == "apology")["state"] == "studio"
    assert huifang("preview", "apology", "--language", "en", "--out", str(tmp_path / "x.wav")).exit_code == 0
    assert soundfile.info(tmp_path / "x.wav").duration == pytest.approx(2.0, abs=0.1)
    assert huifang("preview", "no_such", "--out", str(tmp_path / "y.wav")).exit_code == 2


def test_render_says_what_failed_and_fails_then(
    huifang: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, fake = rendering.render, Fake()
    monkeypatch.setattr(rendering, "survey", lambda *_: [_entry(prompt) for prompt in TEXTS])
    monkeypatch.setattr(rendering, "render", lambda *given, **_: real(*given, voice=fake.opened))
    done = huifang("render", "a", "--json")
    assert done.exit_code == 1
    assert _json(done)["rendered"] == 4
    assert [one["prompt"] for one in _json(done)["failed"]] == ["p3", "p4"]
    assert len(list((tmp_path / "audio" / "en").iterdir())) == 4


def _entry(prompt: Prompt) -> rendering.Entry:
    return rendering.Entry(prompt, ("a",), State.MISSING, None, None)


def test_a_hint_changes_what_the_small_voice_says() -> None:
    usual, hinted = by_espeak("仇先生", "zh-CN"), by_espeak("仇[qiu2]先生", "zh-CN")
    assert usual != hinted
    assert 0.5 < len(hinted) / len(usual) < 2
    assert by_espeak("仇[qiu2]", "en") == by_espeak("仇", "en")


def test_the_table_shows_a_hint_as_it_is_written(huifang: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    prompt = Prompt("p", "zh-CN", "仇[qiu2]")
    monkeypatch.setattr(rendering, "survey", lambda *_: [_entry(prompt)])
    assert "仇[qiu2]" in huifang("list").stdout
