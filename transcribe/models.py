"""Which models are here, and how the missing ones come: everything is checked against its published SHA-256 and
appears under its name in one rename, so a model folder is either whole or absent.
"""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from transcribe.catalogue import Download, Join, Model, Packaged, catalogue, find
from transcribe.download import download
from transcribe.errors import ModelDamaged, ModelUnavailable
from transcribe.recognisers.base import EngineSpec

BLOCK = 1 << 20

Progress = Callable[[int, int | None], None]  # bytes done, bytes in all when known


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """One line of `huifang models list`."""

    name: str
    engine: str
    languages: tuple[str, ...]
    present: bool
    path: str | None
    size_bytes: int | None
    licence: str
    remedy: str | None  # what makes it present


def list_models(models_dir: Path) -> list[ModelStatus]:
    """Every known model and whether it is here; CatalogueError when the site's own list is wrong."""
    return [status(model, models_dir) for model in catalogue(models_dir)]


def status(model: Model, models_dir: Path) -> ModelStatus:
    """Whether ``model`` is here, where, and how large."""
    path = locate(model, models_dir)
    return ModelStatus(
        name=model.name,
        engine=model.engine,
        languages=model.languages,
        present=path is not None,
        path=str(path) if path else None,
        size_bytes=sum(file.stat().st_size for file in path.rglob("*") if file.is_file()) if path else None,
        licence=model.licence,
        remedy=None if path else remedy(model, models_dir),
    )


def locate(model: Model, models_dir: Path) -> Path | None:
    """The folder of ``model`` if it is whole: fetched, placed by hand, or inside an installed package."""
    candidates = [models_dir / name for name in (model.name, *model.folders)]
    if isinstance(model.source, Packaged) and (folder := _package_folder(model.source.package)):
        candidates.append(folder / model.source.folder)
    for folder in candidates:
        if all((folder / file).is_file() for file in model.needs):
            return folder
    return None


def remedy(model: Model, models_dir: Path) -> str:
    """What a person does to have ``model`` here."""
    if isinstance(model.source, Packaged):
        return f"run `pip install {model.source.distribution}`"
    if isinstance(model.source, Download | Join):
        return f"run `huifang models fetch {model.name}`"
    return f"place its folder at {models_dir / model.name}"


def fetch(name: str, models_dir: Path, *, mirror: str | None = None, progress: Progress | None = None) -> ModelStatus:
    """Make the model ``name`` present and return its status; one that is here already is left alone.

    ``mirror`` replaces the address of a downloaded archive (the hash stays the published one). A broken download is
    continued by the next call. ``progress`` hears bytes done and in all. UnknownModel, ModelUnavailable, ModelDamaged.
    """
    model = find(name, models_dir)
    if locate(model, models_dir) is None:
        try:
            _bring(model, models_dir, mirror, progress or _unheard)
        except OSError as error:
            raise ModelUnavailable(
                f"{models_dir} cannot be written: {error.strerror or error}; mend that and fetch again"
            ) from error
    return status(model, models_dir)


def model_label(spec: EngineSpec) -> str:
    """Name and hash of a model as transcripts carry it: ``whisper-base@d01c3014881c``."""
    return f"{spec.model}@{sha256_of(spec.path / spec.main_file)[:12]}"


def _unheard(done: int, total: int | None) -> None:
    """The progress that nobody hears."""


@lru_cache(maxsize=8)
def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _bring(model: Model, models_dir: Path, mirror: str | None, progress: Progress) -> None:
    models_dir.mkdir(parents=True, exist_ok=True)
    if isinstance(model.source, Download):
        _unpack(model, model.source, models_dir, mirror, progress)
    elif isinstance(model.source, Join):
        _join(model, model.source, models_dir, progress)
    else:
        raise ModelUnavailable(f"{model.name} is not here and cannot be fetched; {remedy(model, models_dir)}")


def _unpack(model: Model, source: Download, models_dir: Path, mirror: str | None, progress: Progress) -> None:
    by_hand = f"or unpack {source.url} on another machine and place the folder at {models_dir / model.name}"
    archive = download(mirror or source.url, source.sha256, models_dir / ".partial", by_hand, progress)
    with _new_folder(model, models_dir) as folder:
        try:
            with zipfile.ZipFile(archive) as content:
                content.extractall(folder.parent)  # drops absolute paths and ".." by itself
        except zipfile.BadZipFile as error:
            raise ModelDamaged(f"{archive} is no zip archive; {by_hand}") from error
        (folder.parent / source.folder).replace(folder)
    archive.unlink()


def _join(model: Model, source: Join, models_dir: Path, progress: Progress) -> None:
    parts = [_packaged_file(part, source) for part in source.parts]
    copies = [_packaged_file(copy, source) for copy in source.copies]
    with _new_folder(model, models_dir) as folder:
        folder.mkdir()
        joined = _concatenate(parts, folder / source.file, progress)
        if joined != source.sha256:
            raise ModelDamaged(
                f"the parts of {model.name} make {joined[:12]}..., not {source.sha256[:12]}...; "
                f"run `pip install --force-reinstall {source.distribution.replace(',', '')}`"
            )
        for copy in copies:
            shutil.copyfile(copy, folder / copy.name)


def _concatenate(parts: Iterable[Path], target: Path, progress: Progress) -> str:
    known = list(parts)
    total = sum(part.stat().st_size for part in known)
    digest, done = hashlib.sha256(), 0
    with target.open("wb") as out:
        for block in _blocks(known):
            out.write(block)
            digest.update(block)
            done += len(block)
            progress(done, total)
    return digest.hexdigest()


def _blocks(parts: Iterable[Path]) -> Iterator[bytes]:
    for part in parts:
        with part.open("rb") as file:
            while block := file.read(BLOCK):
                yield block


@contextmanager
def _new_folder(model: Model, models_dir: Path) -> Iterator[Path]:
    """A folder built aside that takes its name in one rename when it is whole."""
    with tempfile.TemporaryDirectory(prefix=f".{model.name}-", dir=models_dir) as aside:
        folder = Path(aside) / "new" / model.name
        folder.parent.mkdir()
        yield folder
        missing = [file for file in model.needs if not (folder / file).is_file()]
        if missing:
            raise ModelDamaged(f"{model.name} lacks {', '.join(missing)}; its source is not the published model")
        target = models_dir / model.name
        shutil.rmtree(target, ignore_errors=True)  # what lies there is not whole, or it would have been found
        folder.replace(target)


def _packaged_file(name: str, source: Join) -> Path:
    package, _, rest = name.partition("/")
    folder = _package_folder(package)
    if folder is None or not (folder / rest).is_file():
        wanted = " ".join(part.strip() for part in source.distribution.split(","))
        raise ModelUnavailable(f"the installed packages lack {name}; run `pip install {wanted}`, then fetch again")
    return folder / rest


def _package_folder(package: str) -> Path | None:
    spec = importlib.util.find_spec(package)
    return Path(spec.origin).parent if spec and spec.origin else None
