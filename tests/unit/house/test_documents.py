"""The documents cannot drift: what they name exists, and what exists is named."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import click
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from huifang.commands import cli

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[3]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
PAGE_NAMES = [page.relative_to(ROOT).as_posix() for page in PAGES]


def text(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def named_commands(source: str) -> set[str]:
    """Every command line in backticks that starts with the program's name, up to its first argument."""
    return set(re.findall(r"`(?:\.venv/bin/)?huifang ((?:(?:--)?[a-z][a-z-]*\b ?)+)", source))


def unknown(line: str) -> str:
    """The first word of a command line that the program does not know, or nothing."""
    command: click.Command = cli
    for word in line.split():
        if word.startswith("--"):
            if word not in {option for parameter in command.params for option in parameter.opts}:
                return word
        elif isinstance(command, click.Group):
            found = command.get_command(click.Context(command), word)
            if found is None:
                return word
            command = found
    return ""


def targets() -> set[str]:
    return set(re.findall(r"^([a-z%-]+):", text("Makefile"), re.M))


@pytest.mark.parametrize("page", PAGE_NAMES)
def test_every_make_command_of_a_page_is_a_target(page: str) -> None:
    commands = re.findall(r"^(?:\$ |    )?(?:[A-Z_]+=\S+ )?make ([a-z-]+)", text(page), re.M)
    commands += re.findall(r"`(?:[A-Z_]+=\S+ )?make ([a-z-]+)", text(page))
    known = targets()
    assert {c for c in commands if c not in known and not (c.startswith("bench-") and "bench-%" in known)} == set()


@pytest.mark.parametrize(
    "page", [name for name in PAGE_NAMES if name != "docs/design.md"]
)  # design.md tells the intent
def test_every_command_of_a_page_is_one(page: str) -> None:
    assert {line: word for line in named_commands(text(page)) if (word := unknown(line))} == {}


def test_every_command_that_a_message_recommends_is_one() -> None:
    wrong = {
        f"{path.relative_to(ROOT)}: {line}"
        for room in (path.parent for path in ROOT.glob("*/__init__.py"))
        for path in room.rglob("*.py")
        for line in named_commands(path.read_text("utf-8"))
        if unknown(line)
    }
    assert wrong == set()


def test_the_readme_names_the_two_commands() -> None:
    assert re.search(r"^make demo$", text("README.md"), re.M)
    assert re.search(r"^make test$", text("README.md"), re.M)


def test_the_automatic_run_is_the_command_of_the_readme() -> None:
    assert text(".ci/run").rstrip().endswith("\nexec make test")


def test_every_target_says_what_it_does() -> None:
    silent = re.findall(r"^([a-z%-]+):(?!.*## )", text("Makefile"), re.M)
    assert silent == []


@pytest.mark.parametrize("page", PAGE_NAMES)
def test_every_link_and_picture_of_a_page_is_there(page: str) -> None:
    links = re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)[^)]*\)", text(page))
    assert [link for link in links if not ((ROOT / page).parent / link).exists()] == []


def test_every_dependency_is_justified() -> None:
    lines = [*PROJECT["dependencies"], *(line for extra in PROJECT["optional-dependencies"].values() for line in extra)]
    wanted = {canonicalize_name(Requirement(line).name) for line in lines} - {PROJECT["name"]}
    named = {canonicalize_name(name) for name in re.findall(r"`([A-Za-z0-9._-]+)`", text("docs/dependencies.md"))}
    assert wanted - named == set()


def test_every_justified_dependency_is_one() -> None:
    lines = [*PROJECT["dependencies"], *(line for extra in PROJECT["optional-dependencies"].values() for line in extra)]
    wanted = {canonicalize_name(Requirement(line).name) for line in lines}
    rows = re.findall(r"^\| `([A-Za-z0-9._-]+)`", text("docs/dependencies.md"), re.M)
    assert {canonicalize_name(name) for name in rows} - wanted == set()


def test_the_changelog_opens_with_the_version_of_the_package() -> None:
    newest = re.search(r"^## \[(\d[^\]]*)\]", text("CHANGELOG.md"), re.M)
    assert newest
    assert newest[1] == PROJECT["version"]


def test_every_room_has_its_paragraph_in_the_architecture() -> None:
    rooms = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    named = set(re.findall(r"^### `(\w+)/`", text("docs/architecture.md"), re.M))
    assert rooms == named


def test_every_decision_stands_in_the_list_of_decisions() -> None:
    records = {path.name for path in (ROOT / "docs" / "decisions").glob("[0-9]*.md")}
    assert records == set(re.findall(r"\]\((\d{4}-[a-z0-9-]+\.md)\)", text("docs/decisions/README.md")))


def test_the_licence_is_the_one_that_the_package_names() -> None:
    assert "GNU GENERAL PUBLIC LICENSE" in text("LICENSE")[:200]
    assert PROJECT["license"] == "GPL-3.0-or-later"


def test_every_page_that_the_code_cites_is_there() -> None:
    pages = {path.name for path in ROOT.glob("*.md")} | {path.name for path in (ROOT / "docs").rglob("*.md")}
    for room in (path.parent for path in ROOT.glob("*/__init__.py")):
        for path in room.rglob("*.py"):
            cited = {name.split("/")[-1] for name in re.findall(r"[\w/-]+\.md\b", path.read_text("utf-8"))}
            assert cited <= pages, path
