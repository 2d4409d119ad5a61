"""Settings: one file, one environment, every mistake named with its place."""

from __future__ import annotations

import runpy
from dataclasses import fields
from pathlib import Path
from typing import get_type_hints

import pytest

from core.errors import SettingsError
from core.settings import NAMED, SECTIONS, Settings, load_settings

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def toml(tmp_path: Path):
    def write(text: str) -> Path:
        path = tmp_path / "huifang.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_without_a_file_every_setting_has_its_default() -> None:
    assert load_settings(None, {}) == Settings()


def test_the_file_sets_a_value(toml) -> None:
    settings = load_settings(toml('[firm]\nname = "东方证券"\n[web]\nport = 9000\n'), {})
    assert (settings.firm.name, settings.web.port) == ("东方证券", 9000)


def test_every_part_of_the_settings_can_be_set() -> None:
    assert {part.name for part in fields(Settings)} == {*SECTIONS, *(f"{name}s" for name in NAMED)}


def test_the_environment_wins_over_the_file(toml) -> None:
    assert load_settings(toml("[web]\nport = 9000\n"), {"HUIFANG_WEB_PORT": "9001"}).web.port == 9001


def test_a_secret_is_read_from_the_file_that_the_environment_names(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("s3cret\n", encoding="utf-8")
    assert load_settings(None, {"HUIFANG_WEB_SECRET_FILE": str(tmp_path / "key")}).web.secret == "s3cret"


def test_the_value_itself_wins_over_the_secret_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from file", encoding="utf-8")
    environ = {"HUIFANG_WEB_SECRET_FILE": str(tmp_path / "key"), "HUIFANG_WEB_SECRET": "direct"}
    assert load_settings(None, environ).web.secret == "direct"


def test_an_empty_secret_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("\n", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"HUIFANG_WEB_SECRET_FILE: .*is empty"):
        load_settings(None, {"HUIFANG_WEB_SECRET_FILE": str(tmp_path / "key")})


def test_a_missing_secret_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="HUIFANG_WEB_SECRET_FILE: cannot read"):
        load_settings(None, {"HUIFANG_WEB_SECRET_FILE": str(tmp_path / "nothing")})


def test_secrets_never_show_when_settings_are_printed() -> None:
    environ = {"HUIFANG_WEB_SECRET": "s3cret", "HUIFANG_STORAGE_DATABASE": "postgresql+psycopg://u:s3cret@h/d"}
    assert "s3cret" not in repr(load_settings(None, environ))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[web]\nport = 1\nprot = 2\n", r"huifang\.toml:3: unknown key web\.prot; \[web\] knows host, port"),
        ("[line]\nprot = 2\n[web]\nprot = 2\n", r"huifang\.toml:2: unknown key line\.prot"),
        ("\n\n[wbe]\nport = 1\n", r"huifang\.toml:3: unknown section 'wbe'; there are firm, "),
        ("port = 1\n", r"huifang\.toml:1: unknown section 'port'"),
        ("\n[[web]]\nport = 1\n", r"huifang\.toml:2: unknown section 'web'"),
        ("[web]\nport = \n", r"not valid TOML: .*line 2"),
        ("[web]\nport = 'many'\n", r"web\.port = 'many': give a whole number"),
        ("[web]\nport = true\n", r"web\.port = True: give a whole number"),
        ("[web]\nport = 80.5\n", r"web\.port = 80\.5: give a whole number"),
        ("[line]\ncalls_per_second = nan\n", r"line\.calls_per_second = nan: give a number"),
        ("[firm]\nname = 3\n", r"firm\.name = 3: give a text in quotes"),
    ],
)
def test_a_mistake_in_the_file_is_named_with_its_place(toml, text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        load_settings(toml(text), {})


def test_a_missing_file_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no such file; write one"):
        load_settings(tmp_path / "huifang.toml", {})


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "huifang.toml").write_bytes(b"\xff\xfe[web]")
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings(tmp_path / "huifang.toml", {})


def test_a_misspelt_variable_of_a_section_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"HUIFANG_WEB_PROT: unknown setting; .*HUIFANG_WEB_PORT"):
        load_settings(None, {"HUIFANG_WEB_PROT": "1"})


def test_variables_of_other_programs_are_left_alone() -> None:
    assert load_settings(None, {"WEB_PORT": "1", "HUIFANG": "x", "HUIFANG_OTHER": "y"}) == Settings()


def test_a_variable_of_the_wrong_kind_is_named() -> None:
    with pytest.raises(SettingsError, match=r"line\.calls_per_second = 'fast': give a number"):
        load_settings(None, {"HUIFANG_LINE_CALLS_PER_SECOND": "fast"})


def test_a_whole_number_serves_where_a_number_is_asked(toml) -> None:
    assert load_settings(toml("[line]\ncalls_per_second = 3\n"), {}).line.calls_per_second == 3.0


@pytest.mark.parametrize("section", SECTIONS)
def test_every_setting_has_help_and_a_kind_that_can_be_read(section: str) -> None:
    hints = get_type_hints(SECTIONS[section])
    for item in fields(SECTIONS[section]):
        assert item.metadata["help"]
        assert hints[item.name] in (str, int, float)
        assert type(item.default) is hints[item.name]


def test_empty_places_are_filled_from_the_var_folder() -> None:
    settings = load_settings(None, {"HUIFANG_STORAGE_VAR": "/srv/huifang"})
    assert settings.database_url == "sqlite:////srv/huifang/huifang.db"
    assert settings.archive_url == "file:///srv/huifang/archive"
    assert settings.models_dir == Path("/srv/huifang/models")


def test_the_page_of_settings_is_fresh() -> None:
    page = runpy.run_path(str(ROOT / "tools" / "settings_doc.py"))["settings_page"]()
    assert (ROOT / "docs" / "settings.md").read_text(encoding="utf-8") == page, "run `make docs`"
