"""What flows share: the common defaults and texts, the questions, the passages. Read once a folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ivr_flows.document import Document, Tree, parse, read
from ivr_flows.errors import FlowError

COMMON, QUESTIONS, PASSAGES = "common.yaml", "questions.yaml", "passages"
Fields = Mapping[str, Tree]


@dataclass(frozen=True, slots=True)
class Library:
    """The shared documents by file name, and what is wrong with them."""

    documents: Mapping[str, Document]
    texts: Mapping[str, str]
    """Each file as it was read, for whoever keeps a version."""
    faults: tuple[FlowError, ...] = ()

    @property
    def common(self) -> Document:
        """Defaults and texts of every flow."""
        return self.documents.get(COMMON, Document(COMMON, {}, {}))

    @property
    def questions(self) -> Document:
        """Questions asked by several flows."""
        return self.documents.get(QUESTIONS, Document(QUESTIONS, {"questions": {}}, {}))

    def passage(self, name: str) -> Document | None:
        """A sub-flow, or None."""
        return self.documents.get(f"{PASSAGES}/{name}.yaml")

    def passages(self) -> tuple[str, ...]:
        """The names of all sub-flows."""
        places = (file for file in self.documents if file.startswith(PASSAGES + "/"))
        return tuple(sorted(Path(file).stem for file in places))


def of_folder(folder: Path) -> Library:
    """The shared documents of a folder of flows; what is missing is empty."""
    return _library(dict(files(folder)))


def of_sources(sources: Mapping[str, str]) -> Library:
    """The same from texts by file name, as a version keeps them."""
    return _library(sources)


def files(folder: Path) -> Iterator[tuple[str, Path]]:
    """The shared documents of a folder, by the name they go by in sources."""
    for name in (COMMON, QUESTIONS):
        if (folder / name).is_file():
            yield name, folder / name
    for path in sorted((folder / PASSAGES).glob("*.yaml")):
        yield f"{PASSAGES}/{path.name}", path


def _library(given: Mapping[str, Path] | Mapping[str, str]) -> Library:
    documents: dict[str, Document] = {}
    texts: dict[str, str] = {}
    faults: list[FlowError] = []
    for name, source in given.items():
        document, found = read(source) if isinstance(source, Path) else parse(source, name)
        documents[name] = document
        texts[name] = source if isinstance(source, str) else document.text
        faults += found
    return Library(documents, texts, tuple(faults))
