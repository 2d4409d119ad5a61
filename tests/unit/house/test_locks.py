"""The lock files: complete, hashed, and without the address of anybody's registry."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[3]
LOCKS = {path.stem: path.read_text("utf-8") for path in sorted((ROOT / "requirements").glob("*.lock"))}
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def locked(lock: str) -> Iterator[Requirement]:
    for line in LOCKS[lock].splitlines():
        if not line.startswith((" ", "#")) and line.strip():
            yield Requirement(line.removesuffix("\\").strip())


def wanted(extra: str) -> Iterator[Requirement]:
    """The requirements of the package with one extra, its references to the package's own extras followed."""
    lines = PROJECT["dependencies"] if not extra else PROJECT["optional-dependencies"][extra]
    for requirement in map(Requirement, lines):
        if requirement.name == PROJECT["name"]:
            for inner in requirement.extras:
                yield from wanted(inner)
        else:
            yield requirement
    if extra:
        yield from wanted("")


def test_the_four_locks_are_there() -> None:
    assert set(LOCKS) == {"build", "demo", "test", "voices"}


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_address(lock: str) -> None:
    assert not re.search(r"://| @ |--(extra-)?index|--find-links|--trusted|file:|\.whl|\.org|\.com", LOCKS[lock])


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_version_has_a_hash(lock: str) -> None:
    for block in re.split(r"\n(?=\S)", LOCKS[lock].strip()):
        assert re.fullmatch(r"[a-z0-9-]+==\S+( ; [^\\]+)?( \\\n    --hash=sha256:[0-9a-f]{64})+", block), block


@pytest.mark.parametrize(("lock", "extra"), [("demo", "demo"), ("test", "test"), ("voices", "voices")])
def test_every_dependency_is_locked_at_a_version_it_allows(lock: str, extra: str) -> None:
    pins = {(canonicalize_name(pin.name), str(pin.specifier).removeprefix("==")) for pin in locked(lock)}
    for requirement in wanted(extra):
        versions = [version for name, version in pins if name == canonicalize_name(requirement.name)]
        assert versions, f"{requirement.name} is not in requirements/{lock}.lock; run `make lock`"
        assert all(requirement.specifier.contains(version, prereleases=True) for version in versions), requirement


def test_what_runs_in_the_demo_is_what_was_tested() -> None:
    tested = {(pin.name, str(pin.specifier)) for pin in locked("test")}
    assert {(pin.name, str(pin.specifier)) for pin in locked("demo")} - tested == set()


@pytest.mark.parametrize("lock", LOCKS)
def test_the_package_itself_is_in_no_lock(lock: str) -> None:
    assert PROJECT["name"] not in {pin.name for pin in locked(lock)}


# Imported under another name than their package, or part of what a declared package promises.
PACKAGE_OF = {
    "babel": "flask-babel",
    "baresip": "baresip-python",
    "chinese_calendar": "chinesecalendar",
    "flask_bootstrap": "bootstrap-flask",
    "itsdangerous": "flask",
    "jinja2": "flask",
    "markupsafe": "flask",
    "opencc": "opencc-python-reimplemented",
    "werkzeug": "flask",
    "wtforms": "flask-wtf",
    "yaml": "pyyaml",
}


def imported_packages() -> Iterator[tuple[str, str]]:
    for room in sorted(path.parent for path in ROOT.glob("*/__init__.py")):
        for path in sorted(room.rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Import):
                    names = [alias.name for alias in node.names]
                else:
                    names = [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
                yield from ((name.split(".")[0], str(path.relative_to(ROOT))) for name in names)


def test_every_package_that_is_imported_is_declared() -> None:
    """What comes only by way of another package may go with it."""
    rooms = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    declared = {canonicalize_name(r.name) for extra in ("demo", "voices") for r in wanted(extra)}
    undeclared = {
        (name, path)
        for name, path in imported_packages()
        if name not in sys.stdlib_module_names | rooms and canonicalize_name(PACKAGE_OF.get(name, name)) not in declared
    }
    assert undeclared == set()
