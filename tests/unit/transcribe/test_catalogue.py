"""The catalogue is read strictly, and the choice of a recogniser follows the settings' order."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import SettingsError
from core.settings import Settings, Transcribe
from transcribe.catalogue import catalogue, find
from transcribe.choosing import choose
from transcribe.errors import CatalogueError, ModelUnavailable, UnknownModel
from transcribe.models import fetch, list_models
from transcribe.recognisers.base import EngineSpec, NoModel

pytestmark = pytest.mark.unit

SITE = """
- name: {name}
  engine: {engine}
  languages: [xx]
  licence: ours
  needs: [model.bin]
  folders: []
  source: {{kind: placed}}
"""


def write(folder: Path, *entries: str) -> None:
    (folder / "models.yaml").write_text("".join(entries), encoding="utf-8")


def place(folder: Path, name: str, *files: str) -> None:
    for file in files or ("model.bin",):
        (folder / name / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / name / file).write_bytes(b"x")


def chosen(folder: Path, language: str, engines: str = "vosk,whisper") -> EngineSpec | NoModel:
    return choose(Settings(transcribe=Transcribe(models=str(folder), engines=engines)), language)


def test_every_shipped_model_names_its_engine_licence_and_files(tmp_path: Path) -> None:
    names = [model.name for model in catalogue(tmp_path)]
    assert names == ["vosk-small-cn", "vosk-ko", "whisper-base"]
    assert all(status.present or status.remedy for status in list_models(tmp_path))


def test_an_unknown_name_is_answered_with_the_names_there_are(tmp_path: Path) -> None:
    with pytest.raises(UnknownModel, match="vosk-small-cn, vosk-ko, whisper-base"):
        find("vosk-xx", tmp_path)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "not valid YAML"),
        ("a: 1", "must be a list"),
        ("- 1", "missing or unknown"),
        (SITE.format(name="m", engine="vosk") + "  extra: 1\n", "missing or unknown: extra"),
        (SITE.format(name="m", engine="nosuch"), "engine must be one of"),
        (SITE.format(name="m", engine="vosk").replace("placed", "teleport"), "source.kind"),
        (SITE.format(name="7", engine="vosk"), "give a text"),
        (SITE.format(name="m", engine="vosk").replace("[model.bin]", "model.bin"), "give a list"),
        (SITE.format(name="whisper-base", engine="vosk"), "given twice"),
    ],
)
def test_a_wrong_site_catalogue_is_refused_with_the_place(tmp_path: Path, text: str, says: str) -> None:
    write(tmp_path, text)
    with pytest.raises(CatalogueError, match=says):
        catalogue(tmp_path)


def test_the_first_engine_of_the_settings_whose_model_is_here_is_taken(tmp_path: Path) -> None:
    write(tmp_path, SITE.format(name="one", engine="vosk"), SITE.format(name="two", engine="whisper"))
    place(tmp_path, "two")
    choice = chosen(tmp_path, "xx-YY")
    assert isinstance(choice, EngineSpec)
    assert choice.model == "two"
    place(tmp_path, "one")
    for engines, expected in (("vosk,whisper", "one"), ("whisper, vosk", "two"), ("whisper", "two")):
        choice = chosen(tmp_path, "xx-YY", engines)
        assert isinstance(choice, EngineSpec)
        assert choice.model == expected


def test_without_a_model_the_commands_are_named_in_the_settings_order(tmp_path: Path) -> None:
    choice = chosen(tmp_path, "zh-CN")
    assert isinstance(choice, NoModel)
    assert choice.remedy == "run `huifang models fetch vosk-small-cn` or run `huifang models fetch whisper-base`"


def test_a_language_no_model_knows_says_where_to_describe_one(tmp_path: Path) -> None:
    choice = chosen(tmp_path, "tlh")
    assert isinstance(choice, NoModel)
    assert "knows tlh" in choice.note
    assert str(tmp_path / "models.yaml") in choice.note


@pytest.mark.parametrize("engines", ["", " , ", "vosk,cloud"])
def test_engines_that_do_not_exist_are_a_settings_error(tmp_path: Path, engines: str) -> None:
    with pytest.raises(SettingsError, match=r"transcribe\.engines"):
        chosen(tmp_path, "zh-CN", engines)


def test_a_model_brought_by_hand_cannot_be_fetched_and_says_where_to_place_it(tmp_path: Path) -> None:
    write(tmp_path, SITE.format(name="ours", engine="vosk"))
    with pytest.raises(ModelUnavailable, match="place its folder at"):
        fetch("ours", tmp_path)
    place(tmp_path, "ours")
    assert fetch("ours", tmp_path).present
