"""Which recogniser hears a language: the first engine, in the order of the settings, whose model is here."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path

from core.errors import SettingsError
from core.settings import Settings
from transcribe.catalogue import Model, catalogue
from transcribe.models import locate, remedy
from transcribe.recognisers import ENGINES
from transcribe.recognisers.base import EngineSpec, NoModel, Recogniser
from transcribe.script import primary


def choose(settings: Settings, language: str) -> EngineSpec | NoModel:
    """The engine and model for ``language``, or why there is none and the command that mends it.

    SettingsError when ``transcribe.engines`` names an unknown engine; CatalogueError when the site's list is wrong.
    """
    wanted = engines_in_order(settings)
    fitting = [model for model in catalogue(settings.models_dir) if primary(language) in model.languages]
    ordered = [model for engine in wanted for model in fitting if model.engine == engine]
    for model in ordered:
        path = locate(model, settings.models_dir)
        if path and _installed(model.engine):
            return EngineSpec(model.engine, model.name, path, model.needs[0])
    return _no_model(language, wanted, ordered, settings.models_dir)


def engines_in_order(settings: Settings) -> list[str]:
    """The engines of the settings; SettingsError names one that does not exist."""
    names = [name.strip() for name in settings.transcribe.engines.split(",") if name.strip()]
    for name in names:
        if name not in ENGINES:
            raise SettingsError(f"transcribe.engines names {name!r}; there are {', '.join(ENGINES)}")
    if not names:
        raise SettingsError(f"transcribe.engines is empty; give one or more of {', '.join(ENGINES)}")
    return names


def load(spec: EngineSpec) -> Recogniser:
    """The loaded recogniser of ``spec``; EngineUnavailable when it does not load. Takes one to two seconds."""
    engine = ENGINES[spec.engine]
    recogniser: Recogniser = getattr(importlib.import_module(engine.module), engine.recogniser)(spec)
    return recogniser


def _installed(engine: str) -> bool:
    return importlib.util.find_spec(ENGINES[engine].needs) is not None


def _no_model(language: str, wanted: list[str], ordered: list[Model], models_dir: Path) -> NoModel:
    if not ordered:
        return NoModel(
            language,
            f"no model of {', '.join(wanted)} knows {language}",
            f"bring one and describe it in {models_dir / 'models.yaml'}",
        )
    usable = [model for model in ordered if _installed(model.engine)]
    if not usable:
        install = ENGINES[ordered[0].engine].install
        return NoModel(language, f"{ordered[0].engine} is not installed", f"run `{install}`")
    remedies = " or ".join(remedy(model, models_dir) for model in usable)
    return NoModel(language, f"no recogniser model for {language} is here", remedies)
