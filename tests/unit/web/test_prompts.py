"""The page of prompts: what is said, how it stands, and the sound of it, for everybody who is signed in."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from flask import Flask

from ivr_flows.prompts import Catalogue
from ivr_flows.rendering import Entry, State, survey
from ivr_flows.studio import recording
from web.app import create_app
from web.prompts.views import STATES, prompts

pytestmark = pytest.mark.unit


def _with_prompts(app: Flask) -> Flask:
    if "prompts" not in app.blueprints:
        app.register_blueprint(prompts)
    return app


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return tmp_path / "studio"


@pytest.fixture
def app(day: Any, site: Path) -> Flask:
    """The application of a firm with a studio folder."""
    firm = replace(day.settings.firm, studio=str(site))
    return _with_prompts(create_app(replace(day.settings, firm=firm), day.db, day.archive, day.clock))


def _apology(site: Path) -> Entry:
    return next(one for one in survey(Catalogue(site)) if (one.prompt.id, one.prompt.language) == ("apology", "en"))


def _record(site: Path, **note: str) -> None:
    path = recording(site, _apology(site).prompt)
    path.parent.mkdir(parents=True)
    soundfile.write(path, 0.2 * np.sin(np.arange(8000) / 4), 8000, subtype="PCM_16")
    if note:
        path.with_suffix(".json").write_text(json.dumps(note), encoding="utf-8")


def test_the_page_needs_somebody_and_lets_everybody_read(nobody: Any, alice: Any, bob: Any) -> None:
    assert nobody.get("/prompts").status_code == 302
    assert [visitor.get("/prompts").status_code for visitor in (alice, bob)] == [200, 200]


def test_a_flow_a_language_and_a_state_narrow_the_list(bob: Any) -> None:
    page = bob.get("/prompts?flow=system&language=en").text
    assert "there is a fault on the line" in page
    assert "线路出现故障" not in page
    assert "线路出现故障" in bob.get("/prompts?flow=system&language=zh-CN").text
    assert "there is a fault on the line" not in bob.get("/prompts?flow=system&language=en&state=older").text
    assert "there is a fault on the line" not in bob.get("/prompts?flow=new_account&language=en").text


def test_a_recording_of_another_text_is_shown_as_older(bob: Any, site: Path) -> None:
    _record(site, text_hash="0" * 20, recorded_at="2026-11-01T09:00:00+00:00", by="the studio")
    page = bob.get("/prompts?flow=system&language=en&state=older").text
    assert "there is a fault on the line" in page
    assert "the studio" in page
    assert _apology(site).state is State.OLDER


def test_the_sound_is_what_a_client_hears(bob: Any, site: Path) -> None:
    entry = _apology(site)
    answer = bob.get(f"/prompts/en/{entry.hash}/apology/sound")
    assert (answer.status_code, answer.mimetype) == (200, "audio/wav")
    about = soundfile.info(io.BytesIO(answer.data))
    assert (about.samplerate, about.channels) == (8000, 1)
    assert about.duration == pytest.approx(Catalogue().seconds(entry.prompt))
    part = bob.get(f"/prompts/en/{entry.hash}/apology/sound", headers={"Range": "bytes=0-99"})
    assert (part.status_code, part.data) == (206, answer.data[:100])


@pytest.mark.parametrize("path", ["en/0000/apology", "en/{hash}/unknown", "xx/{hash}/apology"])
def test_what_nobody_says_has_no_sound(bob: Any, site: Path, path: str) -> None:
    assert bob.get(f"/prompts/{path.format(hash=_apology(site).hash)}/sound").status_code == 404


def test_the_sound_needs_somebody(nobody: Any, site: Path) -> None:
    assert nobody.get(f"/prompts/en/{_apology(site).hash}/apology/sound").status_code == 302


def test_the_page_holds_to_the_strict_policy(bob: Any) -> None:
    page = bob.get("/prompts?language=en")
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    for forbidden in ("<style", " style=", " onclick=", "http://", "https://", "<script>"):
        assert forbidden not in page.text


def test_every_state_has_words() -> None:
    assert set(STATES) == set(State)
