"""Reads policy packs: a shipped one by name, a firm's own by path; ``extends`` lays one over another.

The rule of this module: a pack is right as a whole or refused with file, line and column.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from core.yaml import Document, Value, check_schema, load_strict
from dialer.programmes.build import build
from dialer.programmes.errors import PackError
from dialer.programmes.layers import Layers
from dialer.programmes.model import Pack
from dialer.programmes.strictness import loosened

PACKS = Path(__file__).parent / "packs"
SCHEMA = Path(__file__).parent / "pack.schema.json"


def shipped_packs() -> tuple[str, ...]:
    """Names of the packs that come with the program."""
    return tuple(sorted(path.stem for path in PACKS.glob("*.yaml")))


def load_pack(pack: str) -> Pack:
    """The pack of that name or in that file (setting ``firm.pack``); YamlError or PackError names the mistake.

    A pack may be stricter than the one it extends, never weaker (``strictness``). Open values are not a mistake of the
    pack: ``Pack.runnable`` refuses them when the pack is to be used, and a programme with open values of its own is
    left out of the plan (``Pack.ready``).
    """
    chain = pack_documents(pack)
    built = _built(chain)
    weaker = list(loosened(built, _built(chain[1:]))) if len(chain) > 1 else []
    if weaker:
        raise PackError(f"{chain[0].source}: weaker than the rules of {built.lineage[0]}: {'; '.join(weaker)}")
    return built


def pack_documents(pack: str) -> list[Document]:
    """The documents of the pack, the nearest first, checked against the schema; errors as ``load_pack``."""
    return _chain(_find(pack, Path()))


def _built(chain: Sequence[Document]) -> Pack:
    lineage = tuple(_text_of(document, "pack") for document in chain[1:])
    content = json.dumps([document.data for document in chain], ensure_ascii=False, sort_keys=True)
    return build(Layers(tuple(reversed(chain))), lineage, hashlib.sha256(content.encode()).hexdigest())


def _find(pack: str, beside: Path) -> Path:
    if re.fullmatch(r"\w+", pack):
        shipped = PACKS / f"{pack}.yaml"
        if shipped.exists():
            return shipped
    elif (beside / pack).exists():
        return beside / pack
    raise PackError(
        f"there is no policy pack {pack!r}: give one of {', '.join(shipped_packs())} or the path of your own YAML file"
    )


def _chain(path: Path) -> list[Document]:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    documents: list[Document] = []
    seen: set[Path] = set()
    following: Path | None = path
    while following is not None:
        if following.resolve() in seen:
            raise PackError(f"{path}: extends itself by way of {documents[-1].source}; remove one `extends`")
        seen.add(following.resolve())
        document = load_strict(following)
        check_schema(document, schema)
        documents.append(document)
        base = cast("dict[str, Value]", document.data).get("extends")
        following = _find(str(base), following.parent) if base else None
    return documents


def _text_of(document: Document, key: str) -> str:
    return str(cast("dict[str, Value]", document.data)[key])
