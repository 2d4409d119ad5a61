"""Loads a script, or says everything that is wrong with it. A flow with a fault never reaches a call."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import cast

from ivr_flows import build, library
from ivr_flows.document import Document, parse, read
from ivr_flows.errors import FlowError, FlowRefused
from ivr_flows.flatten import flatten
from ivr_flows.library import Fields, Library
from ivr_flows.model import Flow
from ivr_flows.prompts import RENDER, Catalogue
from ivr_flows.verify import unused_texts, verify

FLOWS = Path(__file__).parent / "flows"
"""The shipped scripts: `FLOWS/<name>.yaml`, with what they share beside them."""

DEMO_COMPANY: Mapping[str, str] = {"zh-CN": "汇方证券", "en": "Huifang Securities"}
"""The demo firm; the committed audio speaks its name."""

SHARED = frozenset({library.COMMON, library.QUESTIONS})


def load_flow(
    name: str, language: str, *, company: str | None = None, folder: Path = FLOWS, catalogue: Catalogue | None = None
) -> Flow:
    """The flow `name` in `language`, spoken for `company` (default: the demo firm).

    Raises FlowRefused with every fault: YAML, schema, graph, and with a `catalogue` prompts that have no audio there
    (who dials gives one; who only reads the texts needs none).
    """
    path = folder / f"{name}.yaml"
    document, unfit = read(path)
    made, faults = _named(path, document, unfit, language, company)
    if made is None or faults:
        raise FlowRefused(faults)
    if catalogue and (faults := _without_audio(made, document, catalogue)):
        raise FlowRefused(faults)
    return made


def load_sources(sources: Mapping[str, str], name: str, language: str, company: str) -> Flow:
    """The flow as a version kept it: from the texts of its files. FlowRefused when it does not fit this program."""
    document, faults = parse(sources[f"{name}.yaml"], f"{name}.yaml")
    shared = library.of_sources({file: text for file, text in sources.items() if file != f"{name}.yaml"})
    made, faults = _make(document, faults, language, company, shared)
    if made is None or faults:
        raise FlowRefused(faults)
    return made


def check_file(path: Path, *, company: str | None = None, catalogue: Catalogue | None = None) -> list[FlowError]:
    """Every fault of one document in every language, in the order of its lines; empty when it may be used.

    With a `catalogue` a text without audio there is a fault too.
    """
    found: dict[str, FlowError] = {}
    document, unfit = read(path)
    for language in DEMO_COMPANY:
        made, faults = _named(path, document, unfit, language, company)
        faults = faults or (_without_audio(made, document, catalogue) if made and catalogue else [])
        found |= {str(fault): fault for fault in faults}
    return list(found.values())


def names(folder: Path = FLOWS) -> list[tuple[str, str]]:
    """(name, language) of every script in the folder."""
    flows = (path.stem for path in folder.glob("*.yaml") if path.name not in SHARED)
    return sorted((name, language) for name in flows for language in DEMO_COMPANY)


@cache
def _of_folder(folder: Path, _stamps: tuple[int, ...]) -> Library:
    return library.of_folder(folder)


def shipped(folder: Path) -> Library:
    """What the flows of a folder share, read once until one of the files changes."""
    files = [path for _, path in library.files(folder)]
    return _of_folder(folder, tuple(path.stat().st_mtime_ns for path in files))


def _named(
    path: Path, document: Document, unfit: list[FlowError], language: str, company: str | None
) -> tuple[Flow | None, list[FlowError]]:
    made, faults = _make(document, unfit, language, company or DEMO_COMPANY[language], shipped(path.parent))
    if made is not None and made.name != path.stem:
        message = f"the file says flow: {made.name}"
        faults.append(document.error(("flow",), "misplaced", message, f"keep it as {made.name}.yaml"))
    return made, faults


def _make(
    document: Document, unfit: list[FlowError], language: str, company: str, shared: Library
) -> tuple[Flow | None, list[FlowError]]:
    if faults := unfit or list(shared.faults):
        return None, list(faults)
    tree = cast("Fields", document.tree)
    if "flow" not in tree:
        return None, [document.error((), "not-a-flow", "the document is no flow", "begin it with flow: NAME")]
    flat = flatten(document, shared)
    if flat.faults:
        return None, sorted(flat.faults, key=lambda fault: (fault.file, fault.line, fault.column))
    sources = {f"{tree['flow']}.yaml": document.text, **shared.texts}
    made = build.flow(tree, flat, language, company, sources=sources)
    return made, verify(made, flat, document) + unused_texts(document, flat)


def _without_audio(flow: Flow, document: Document, catalogue: Catalogue) -> list[FlowError]:
    hint = f"run `{RENDER}`, or record it"
    return [
        document.error(("texts", prompt.id), "missing-audio", f"{prompt.id} has no audio for its text", hint)
        for prompt in catalogue.missing(flow)
    ]
