"""Every text of the pages exists in Chinese, and what is compiled is what is written."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

import dialer
import web
from dialer.calling.dispositions import Disposition
from dialer.calling.evidence.answering import Answer
from dialer.calling.outcomes import AGENT_OUTCOMES
from dialer.planning.sampling import MemberState
from dialer.programmes.facts import ItemState
from dialer.tables import AttemptState, CallbackMode, CallbackState, DutyState, NodeState, Outcome
from dialer.trunks.breaker import BreakerState
from recordings.tables import RecordingState
from recordings.verify import Kind
from transcribe.tables import Channel, TranscriptState
from web.board.wanted import DRAWN, FATES, RISKS
from web.labels import LABELS
from web.tables import Role

pytestmark = pytest.mark.unit

ROOT = Path(web.__file__).parent
FOLDER = ROOT / "translations" / "zh_Hans_CN" / "LC_MESSAGES"
PLACES = re.compile(r"%\(\w+\)[sd]")


def _used() -> set[object]:
    found = extract_from_dir(
        ROOT, method_map=[("**.py", "python"), ("**/templates/**.html", "jinja2")], keywords=_keywords()
    )
    return {message for _file, _line, message, _comments, _context in found}


def _keywords() -> dict[str, tuple[int, ...] | None]:
    return {"_": None, "gettext": None, "lazy_gettext": None, "ngettext": (1, 2)}


def _plain(catalogue: Catalog) -> dict[tuple[str, ...], tuple[str, ...]]:
    def parts(text: object) -> tuple[str, ...]:
        return tuple(text) if isinstance(text, list | tuple) else (str(text),)

    return {parts(message.id): parts(message.string) for message in catalogue if message.id}


def _catalogue() -> Catalog:
    with (FOLDER / "messages.po").open("rb") as file:
        return read_po(file, locale="zh_Hans_CN")


def test_every_text_of_the_pages_is_translated() -> None:
    written = {message.id: message.string for message in _catalogue() if message.id}
    used = {tuple(item) if isinstance(item, list | tuple) else item for item in _used()}
    assert len(used) > 200
    assert {item for item in used if not written.get(item)} == set()
    assert set(written) - used == set()


def test_no_translation_is_a_guess_and_every_place_is_kept() -> None:
    for message in _catalogue():
        if message.id:
            assert not message.fuzzy, message.id
            source = message.id[1] if isinstance(message.id, tuple) else message.id
            target = message.string[0] if isinstance(message.string, tuple) else message.string
            assert sorted(PLACES.findall(source)) == sorted(PLACES.findall(target)), message.id


def test_the_compiled_catalogue_is_the_written_one() -> None:
    with (FOLDER / "messages.mo").open("rb") as file:
        compiled = read_mo(file)
    assert _plain(compiled) == _plain(_catalogue())


def test_every_code_of_the_rooms_has_its_word() -> None:
    for kind, codes in {
        "role": Role,
        "state": CallbackState,
        "outcome": [*Outcome, *AGENT_OUTCOMES],
        "disposition": Disposition,
        "attempt_state": AttemptState,
        "transcript": TranscriptState,
        "recording": RecordingState,
        "channel": Channel,
        "mode": CallbackMode,
        "duty": DutyState,
        "item_state": ItemState,
        "drawn": set(MemberState) - {MemberState.PLANNED} | set(DRAWN),
        "fate": FATES,
        "risk": RISKS,
        "trunk_state": [*BreakerState, "drained"],
        "node_state": NodeState,
        "answer_class": Answer,
    }.items():
        assert {str(code) for code in codes} - LABELS[kind].keys() == set(), kind
    of_one_recording = set(Kind) - {Kind.ROW_MISSING, Kind.STRAY_OBJECT, Kind.CHAIN_BROKEN}
    assert {str(code) for code in of_one_recording} - LABELS["difference"].keys() == set()


def test_every_reason_of_the_gate_has_its_word() -> None:
    modules = sorted(Path(dialer.__file__).parent.glob("gate*.py"))
    trees = [ast.parse(module.read_text(encoding="utf-8")) for module in modules]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    calls = [node for node in nodes if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Reason"]
    codes = {node.args[0].value for node in calls if isinstance(node.args[0], ast.Constant)}
    assert len(codes) > 25
    assert codes - LABELS["gate"].keys() == set()
