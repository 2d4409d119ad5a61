"""Which recogniser models exist: a shipped list plus the site's own, read strictly."""

from __future__ import annotations

from dataclasses import dataclass, fields
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from transcribe.errors import CatalogueError, UnknownModel
from transcribe.recognisers import ENGINES

SITE_FILE = "models.yaml"


@dataclass(frozen=True, slots=True)
class Download:
    """A published archive."""

    url: str
    sha256: str
    folder: str  # the model's folder inside the archive


@dataclass(frozen=True, slots=True)
class Join:
    """Parts inside installed packages that make one file."""

    distribution: str  # what to install when they are missing
    file: str
    sha256: str
    parts: tuple[str, ...]
    copies: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Packaged:
    """A folder inside an installed package."""

    distribution: str
    package: str
    folder: str


@dataclass(frozen=True, slots=True)
class Placed:
    """Brought by hand."""


Source = Download | Join | Packaged | Placed
SOURCES: dict[str, type[Source]] = {"download": Download, "join": Join, "package": Packaged, "placed": Placed}


@dataclass(frozen=True, slots=True)
class Model:
    """One model of the catalogue."""

    name: str
    engine: str
    languages: tuple[str, ...]  # without region: zh, en
    licence: str
    needs: tuple[str, ...]
    folders: tuple[str, ...]
    source: Source


def catalogue(models_dir: Path) -> list[Model]:
    """Shipped models, then the site's own from ``models_dir``; CatalogueError names a bad entry."""
    shipped = resources.files("transcribe").joinpath("models.yaml").read_text(encoding="utf-8")
    models = _parsed(shipped, "models.yaml")
    site = models_dir / SITE_FILE
    if site.is_file():
        models += _parsed(_read(site), str(site))
    _refuse_twins(models)
    return models


def find(name: str, models_dir: Path) -> Model:
    """The model called ``name``; UnknownModel lists the names there are."""
    models = catalogue(models_dir)
    for model in models:
        if model.name == name:
            return model
    raise UnknownModel(f"there is no model {name!r}; choose one of {', '.join(model.name for model in models)}")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogueError(f"{path}: cannot be read: {error}; mend or remove it") from error


def _parsed(text: str, where: str) -> list[Model]:
    try:
        entries = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise CatalogueError(f"{where}: not valid YAML: {error}; mend or remove it") from error
    if not isinstance(entries, list):
        raise CatalogueError(f"{where}: must be a list of models; see models.yaml of the transcribe package")
    return [_model(entry, f"{where}, entry {number}") for number, entry in enumerate(entries, start=1)]


def _model(entry: object, where: str) -> Model:
    values = _strict(entry, Model, where)
    source = values["source"]
    kind = source.get("kind") if isinstance(source, dict) else None
    if not isinstance(source, dict) or kind not in SOURCES:
        raise CatalogueError(f"{where}: source.kind is {kind!r}; give one of {', '.join(SOURCES)}")
    rest = {key: value for key, value in source.items() if key != "kind"}
    values["source"] = SOURCES[kind](**_strict(rest, SOURCES[kind], f"{where}, source"))
    model = Model(**values)
    if model.engine not in ENGINES or not model.needs or not model.languages:
        raise CatalogueError(
            f"{where}: engine must be one of {', '.join(ENGINES)}; needs and languages must not be empty"
        )
    return model


def _strict(entry: object, kind: type[Model] | type[Source], where: str) -> dict[str, Any]:
    wanted = {item.name: item.type for item in fields(kind)}
    found = entry if isinstance(entry, dict) else {}
    if set(found) != set(wanted):
        differing = ", ".join(sorted(str(key) for key in set(found) ^ set(wanted)))
        raise CatalogueError(f"{where}: keys must be {', '.join(wanted)}; missing or unknown: {differing}")
    return {name: _typed(found[name], str(wanted[name]), f"{where}, {name}") for name in wanted}


def _typed(value: Any, kind: str, where: str) -> Any:
    if kind == "str" and not (isinstance(value, str) and value):
        raise CatalogueError(f"{where}: give a text, not {value!r}")
    if kind.startswith("tuple"):
        if not (isinstance(value, list) and all(isinstance(item, str) for item in value)):
            raise CatalogueError(f"{where}: give a list of texts, not {value!r}")
        return tuple(value)
    return value


def _refuse_twins(models: list[Model]) -> None:
    names = [model.name for model in models]
    twins = sorted({name for name in names if names.count(name) > 1})
    if twins:
        raise CatalogueError(f"the model name {twins[0]!r} is given twice; rename the site's own")
