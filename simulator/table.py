"""The carrier's table: who is called -> what happens, loaded from YAML and checked as a whole before the port opens.

seed: 7                      # --seed wins
ring_s: 1.0                  # for kinds that have no ring time of their own
dead_after_s: 30             # no RTP for so long: the node is dead, the call is cleared
clips: ../audio              # more clips, beside the built-in ones
prompts: ../prompts          # the node's prompts, for subscribers who know them (kind rehearses)
announcements: {...}         # more announcements
default: {kind: not_found}   # numbers nobody listed
subscribers:
  "13800000001": {kind: confirms, script: ["", "1234", "1"]}
  "13800000002": [{kind: busy}, {kind: confirms, script: ["1"]}]   # one per call, the last one stays
  "1390000*": {kind: voicemail}                                     # a pattern; exact numbers win
  agent-1: {kind: agent, outcome: "1#"}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import yaml

from simulator.behaviours import Behaviour, Final
from simulator.errors import TableError
from simulator.fields import Fields
from simulator.kinds import Announcement, Reader
from simulator.recognition import Voiceprints
from simulator.sounds import CLIPS, ClipStore

BUILT_IN_ANNOUNCEMENTS = Path(__file__).parent / "announcements.yaml"


@dataclass(frozen=True, slots=True)
class Table:
    """Everything the carrier knows before the first call."""

    subscribers: Mapping[str, tuple[Behaviour, ...]]
    default: Behaviour
    seed: int
    clips: ClipStore
    dead_after_s: float = 30.0
    prompts: Voiceprints | None = None

    def behaviour(self, number: str, ordinal: int) -> Behaviour:
        """What the ``ordinal``-th call (from 1) to ``number`` meets."""
        per_call = self.subscribers.get(number) or self._by_pattern(number) or (self.default,)
        return per_call[min(ordinal, len(per_call)) - 1]

    def _by_pattern(self, number: str) -> tuple[Behaviour, ...] | None:
        return next((found for name, found in self.subscribers.items() if fnmatchcase(number, name)), None)


def load_table(path: Path) -> Table:
    """Read and check the table at ``path``; TableError says which entry is wrong and what may stand there."""
    return parse_table(_read_yaml(path), path.name, path.parent)


def parse_table(value: object, place: str, folder: Path) -> Table:
    """Check a table already read; relative clip folders are taken from ``folder``."""
    fields = Fields(value, place)
    clips = ClipStore((CLIPS, *_folder(fields, "clips", folder)))
    prompts = next((Voiceprints.of_folder(path) for path in _folder(fields, "prompts", folder)), None)
    reader = Reader(
        clips=clips.names(),
        announcements=_announcements(fields.take("announcements", {}), f"{place}.announcements", clips),
        ring_s=fields.seconds("ring_s", 1.0),
        ring_jitter_s=fields.seconds("ring_jitter_s", 0.0),
        prompts=prompts,
    )
    default = reader.behaviour(fields.take("default", {"kind": "not_found"}), f"{place}.default")
    seed, dead_after_s = fields.whole("seed", 0), fields.seconds("dead_after_s", 30.0)
    subscribers = _subscribers(reader, fields.take("subscribers", {}), f"{place}.subscribers")
    fields.finish()
    return Table(subscribers, default, seed, clips, dead_after_s, prompts)


def _folder(fields: Fields, key: str, folder: Path) -> tuple[Path, ...]:
    if not fields.has(key):
        return ()
    own = folder / fields.text(key)
    if not own.is_dir():
        raise TableError(f"{fields.place}.{key}: {own} is no folder; name one that holds .wav or .flac files")
    return (own,)


def _subscribers(reader: Reader, value: object, place: str) -> dict[str, tuple[Behaviour, ...]]:
    if not isinstance(value, Mapping):
        raise TableError(f"{place}: write number: behaviour pairs here, not {value!r}")
    return {_number(key, place): _per_call(reader, entry, f"{place}.{key}") for key, entry in value.items()}


def _number(key: object, place: str) -> str:
    if not isinstance(key, str):
        raise TableError(f'{place}: put the number {key!r} in quotes ("{key}"), so that no leading zero is lost')
    return key


def _per_call(reader: Reader, entry: object, place: str) -> tuple[Behaviour, ...]:
    if not isinstance(entry, list):
        return (reader.behaviour(entry, place),)
    if not entry:
        raise TableError(f"{place}: the list is empty; write one behaviour per call")
    return tuple(reader.behaviour(one, f"{place}[{index}]") for index, one in enumerate(entry))


def _announcements(value: object, place: str, clips: ClipStore) -> dict[str, Announcement]:
    if not isinstance(value, Mapping):
        raise TableError(f"{place}: write name: announcement pairs here, not {value!r}")
    built_in = _read_yaml(BUILT_IN_ANNOUNCEMENTS)
    merged = {**(built_in if isinstance(built_in, Mapping) else {}), **value}
    return {str(name): _announcement(entry, f"{place}.{name}", clips) for name, entry in merged.items()}


def _announcement(value: object, place: str, clips: ClipStore) -> Announcement:
    fields = Fields(value, place)
    clip = fields.text("clip")
    if clip not in clips.names():
        raise TableError(f"{place}.clip: no clip named {clip!r}; there are: {', '.join(sorted(clips.names()))}")
    final = Final(
        fields.whole("status", None, least=300), fields.whole("cause", None, least=1), fields.text("text", "")
    )
    fields.finish()
    return Announcement(clip, final)


def _read_yaml(path: Path) -> object:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise TableError(
            f"cannot read the table {path}: {error.strerror}; name a readable file with --config"
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise TableError(f"{path} is not YAML: {error}; mend it there") from error
