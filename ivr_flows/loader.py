"""Loads an approved script, or says everything that is wrong with it. A flow with a fault never reaches a call."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import cast

from ivr_flows import build
from ivr_flows.document import Document, read
from ivr_flows.errors import FlowError, FlowRefused
from ivr_flows.model import Flow
from ivr_flows.prompts import RENDER, Catalogue
from ivr_flows.verify import compare, verify

FLOWS = Path(__file__).parent / "flows"
"""The shipped scripts: `FLOWS/<language>/<name>.yaml`."""

DEMO_COMPANY: Mapping[str, str] = {"zh-CN": "汇方证券", "en": "Huifang Securities"}
"""The demo firm; the committed audio speaks its name."""


def load_flow(
    name: str, language: str, *, company: str | None = None, folder: Path = FLOWS, catalogue: Catalogue | None = None
) -> Flow:
    """The flow `name` in `language`, spoken for `company` (default: the demo firm).

    Raises FlowRefused with every fault: YAML, schema, graph, a difference from the twin in another language, and
    prompts without audio in `catalogue` (default: the committed audio).
    """
    path = folder / language / f"{name}.yaml"
    made, faults = _load(path, company, catalogue or Catalogue())
    if made is None or faults:
        raise FlowRefused(faults)
    return made


def check_file(path: Path, *, company: str | None = None, catalogue: Catalogue | None = None) -> list[FlowError]:
    """Every fault of one document, in the order of its lines; empty when it may be used."""
    return _load(path, company, catalogue or Catalogue())[1]


def names(folder: Path = FLOWS) -> list[tuple[str, str]]:
    """(name, language) of every script in the folder."""
    return sorted((path.stem, path.parent.name) for path in folder.glob("*/*.yaml"))


def _load(path: Path, company: str | None, catalogue: Catalogue) -> tuple[Flow | None, list[FlowError]]:
    made, document, faults = _read(path, company)
    if made is None or faults:
        return made, faults
    faults += [fault for twin in _twins(path, company) for fault in compare(made, twin, document)]
    return made, faults + _without_audio(made, document, catalogue)


def _read(path: Path, company: str | None) -> tuple[Flow | None, Document, list[FlowError]]:
    document, faults = read(path)
    if faults:
        return None, document, faults
    tree = cast("build.Fields", document.tree)
    lines = {str(place[1]): at[0] for place, at in document.places.items() if len(place) == 2 and place[0] == "steps"}
    made = build.flow(tree, company or DEMO_COMPANY[str(tree["language"])], lines)
    return made, document, _misplaced(made, path, document) + verify(made, document)


def _misplaced(flow: Flow, path: Path, document: Document) -> list[FlowError]:
    """A shipped script is found by its place, so the place must tell the truth."""
    if path.parent.name not in DEMO_COMPANY or (path.stem, path.parent.name) == (flow.name, flow.language):
        return []
    message = f"the file says {flow.name} in {flow.language}"
    return [document.error(("flow",), "misplaced", message, f"keep it as {flow.language}/{flow.name}.yaml")]


def _twins(path: Path, company: str | None) -> list[Flow]:
    others = [path.parent.parent / language / path.name for language in DEMO_COMPANY if language != path.parent.name]
    found = [_read(other, company) for other in others if path.parent.name in DEMO_COMPANY and other.is_file()]
    return [twin for twin, _, faults in found if twin and not faults]


def _without_audio(flow: Flow, document: Document, catalogue: Catalogue) -> list[FlowError]:
    hint = f"run `{RENDER}`, or record it"
    return [
        document.error(("prompts", prompt.id), "missing-audio", f"{prompt.id} has no audio for its text", hint)
        for prompt in catalogue.missing(flow)
    ]
