"""Lends a pack that leaves contact values open those of the template, so that it can be simulated at all.

The rule of this module: only what is open is lent, and it is named, for nothing is invented in silence (M-01). To
a pack that the template extends, everything open is lent; to others the contact values: what their programmes leave
open stays open, and those programmes do not run. Plans and calls never see a lent value.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import cast

from core.yaml import Document, Value
from dialer.programmes.build import CONTACT, build
from dialer.programmes.layers import OPEN, Layers
from dialer.programmes.load import load_pack, pack_documents
from dialer.programmes.model import Pack

TEMPLATE = "demo_firm"
LENDABLE = (*CONTACT, "automatic")


@dataclass(frozen=True, slots=True)
class Lent:
    """A pack that can be simulated, and the values that were lent to it."""

    pack: Pack
    values: tuple[str, ...]
    template: str = TEMPLATE


def load_for_simulation(name: str) -> Lent:
    """The pack of that name or file, its open contact values lent by the template; errors as ``load_pack``.

    OpenValue when the pack leaves open what the template cannot lend.
    """
    pack, template = load_pack(name), load_pack(TEMPLATE)
    if name in template.lineage:
        return Lent(replace(template, name=pack.name), pack.everything_open())
    lent = lend(pack, pack_documents(name), pack_documents(TEMPLATE))
    lent.pack.runnable()
    return lent


def lend(pack: Pack, chain: list[Document], template: list[Document]) -> Lent:
    """``pack``, read from ``chain``, with the values of ``template`` laid over what it leaves open.

    Both chains are nearest first, as ``pack_documents`` gives them.
    """
    below, giving = Layers(tuple(reversed(chain))).data, Layers(tuple(reversed(template))).data
    values = tuple(key for key in LENDABLE if below.get(key, OPEN) == OPEN)
    if not values:
        return Lent(pack, ())
    source = f"{chain[0].source} with values of {template[0].source}"
    over = Document(source, {key: _fitting(giving[key], pack.programmes) for key in values}, {(): (1, 1)})
    return Lent(build(Layers((*reversed(chain), over)), pack.lineage, pack.digest), values)


def _fitting(value: Value, programmes: Collection[str]) -> Value:
    """The value without exemptions of programmes that the pack does not have."""
    if isinstance(value, list):
        return [_fitting(one, programmes) for one in value]
    if not isinstance(value, Mapping) or "exempt" not in value:
        return value
    exempt = [name for name in cast("list[str]", value["exempt"]) if name in programmes]
    return {**value, "exempt": cast("Value", exempt)}
