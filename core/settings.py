"""Configuration: ``huifang.toml`` plus environment, read once, typed, refused as a whole when one key is wrong.

Every setting is one dataclass field with its default and its help text; ``docs/settings.md`` is generated from this
table. ``HUIFANG_<SECTION>_<KEY>`` overrides the file (``HUIFANG_WEB_PORT=8080``); ``..._FILE`` reads the value from a
file, for secrets. An unknown key is refused with its line, an unknown ``HUIFANG_<SECTION>_...`` with its name.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, get_type_hints

from core.errors import SettingsError

Values = dict[str, dict[str, Any]]


def _setting(default: Any, help_text: str, *, secret: bool = False) -> Any:
    return field(default=default, metadata={"help": help_text}, repr=not secret)


@dataclass(frozen=True, slots=True)
class Firm:
    """Who calls."""

    name: str = _setting("汇方证券", "the company's name as the greeting says it (C-01)")
    name_en: str = _setting("Huifang Securities", "the company's English name")
    pack: str = _setting("GAL", "policy pack: the name of a shipped one, or the path of the firm's own YAML file")
    calendar: str = _setting(
        "", "file or folder of holiday notices that the calendar packages do not know yet; empty means none"
    )
    studio: str = _setting(
        "", "folder of the site's prompts: recorded/<language>/<prompt>.wav wins over a rendered one"
    )


@dataclass(frozen=True, slots=True)
class Storage:
    """Where things are kept."""

    var: str = _setting("var", "folder for everything written at run time")
    database: str = _setting("", "database address; empty means SQLite in the var folder", secret=True)
    archive: str = _setting("", "fsspec address of the sealed recordings; empty means <var>/archive")


@dataclass(frozen=True, slots=True)
class Line:
    """The telephone line of a node; where calls go stands under [trunk.NAME]."""

    engine: str = _setting("baresip", "SIP engine: baresip or pyvoip (docs/lines.md)")
    listen: str = _setting("0.0.0.0:0", "local SIP address; port 0 takes a free one")
    caller_id: str = _setting("", "the firm's one standard number (B-25)")
    channels: int = _setting(10, "calls at the same time on this node")
    calls_per_second: float = _setting(2.0, "new calls a second, at most, on this node")
    rtp_ports: str = _setting("16384-32766", "UDP ports for audio")
    media_timeout_s: int = _setting(60, "an answered call without any audio for so many seconds has ended; 0: never")
    ca_file: str = _setting("", "authorities (PEM) that sign a TLS trunk's certificate; empty means the system's")
    peers: str = _setting(
        "",
        "further addresses or networks that may send SIP to us, comma separated; the trunks always may; any: no "
        "filter, a firewall does its work",
    )
    breaker_failures: int = _setting(5, "faults in a row after which a trunk rests (docs/trunks.md)")
    breaker_seconds: float = _setting(30.0, "how long it rests; each failed probe call doubles that")
    breaker_max_seconds: float = _setting(600.0, "how long it rests at most")


@dataclass(frozen=True, slots=True)
class Trunk:
    """A way to the telephone network, one table a trunk: [trunk.carrier-a], [trunk.carrier-b].

    The trunks with the lowest ``priority`` that are in order share the calls by ``weight``.
    """

    address: str = _setting("", "where its calls go: host:port")
    transport: str = _setting("udp", "SIP transport: udp, tcp or tls")
    domain: str = _setting("", "host of our From address; empty means the trunk's own")
    user: str = _setting("", "user name when the trunk asks for one; empty means it knows our address")
    password: str = _setting("", "password of that user", secret=True)
    register_s: int = _setting(0, "register there and renew after so many seconds; 0: no registration")
    options_s: int = _setting(30, "ask the trunk for its health (OPTIONS) every so many seconds; 0: never")
    srtp: str = _setting("off", "encrypted audio: off, offered or required")
    keys: str = _setting("told", "how keys come: told (RFC 4733 or SIP INFO), or tones in the audio")
    priority: int = _setting(1, "lower ones are used first; higher ones when those are full or out of order")
    weight: int = _setting(1, "share of the calls among trunks of one priority")
    channels: int = _setting(30, "calls at the same time over this trunk, all nodes together")
    calls_per_second: float = _setting(5.0, "new calls a second over this trunk, all nodes together")


@dataclass(frozen=True, slots=True)
class Node:
    """The dialer process."""

    name: str = _setting("node-1", "this node's name; unique among the nodes of one database")
    plan_at: str = _setting("02:00", "when the nightly planner runs, Chinese time")
    min_free_mb: int = _setting(500, "below this much free disk no call is placed")
    clock_shift_s: float = _setting(0.0, "demo and tests only: seconds by which every clock of this site is moved")


@dataclass(frozen=True, slots=True)
class Desk:
    """Transferred calls."""

    ring_seconds: int = _setting(15, "how long one agent is rung before the next one")
    wait_seconds: int = _setting(30, "how long a client waits for an agent before a callback is promised")
    wrap_up_seconds: int = _setting(20, "how long an agent is asked for the outcome by key after the client left")


@dataclass(frozen=True, slots=True)
class Pacing:
    """How boldly is dialed, given the agents on duty (docs/pacing.md)."""

    mode: str = _setting("progressive", "progressive (no client waits), ratio or predictive")
    epsilon: float = _setting(0.001, "progressive: the chance of a shortage of agents up to which a call is placed")
    reserve_from: float = _setting(0.5, "a call that asks with at least this chance keeps an agent's seat")
    unstaffed: str = _setting(
        "promise", "scripts that may need an agent while none is on duty: promise (dial them) or hold (do not)"
    )
    ratio: float = _setting(1.5, "ratio: calls that may ask for an agent, for each agent at hand")
    ratio_limit: float = _setting(3.0, "ratio: no more than this, whatever ratio says")
    predictive_target: float = _setting(0.01, "predictive: the share of abandoned calls to expect, at most")
    abandonment_limit: float = _setting(
        0.03, "share of abandoned calls at which ratio and predictive stop (16 CFR 310.4(b)(4)(i): 3 %)"
    )
    abandonment_days: int = _setting(30, "days of the ledger of abandoned calls (16 CFR 310.4(b)(4)(i): 30)")
    answer_to_agent_s: float = _setting(
        2.0, "seconds from the request for an agent to the agent, else abandoned (16 CFR 310.4(b)(1)(iv): 2)"
    )
    minimum_sample: int = _setting(100, "calls to be connected that a ledger holds before ratio and predictive dial")
    history_calls: int = _setting(5000, "newest finished calls from which the scripts' needs are forecast")
    history_days: int = _setting(30, "none of them older than so many days")


@dataclass(frozen=True, slots=True)
class Dispositions:
    """What is made of who answers (docs/evidence.md)."""

    answer: str = _setting("shadow", "shadow: judge who answered, act on nothing; act: hang up on machines; off")
    answer_decide_ms: int = _setting(3000, "a verdict stands so long after speech began; in doubt it is a person")
    answer_silence_ms: int = _setting(4000, "nobody speaks so long after the answer: silence")
    answer_watch_ms: int = _setting(20_000, "so long after the answer a sure sign may revise a doubt")


@dataclass(frozen=True, slots=True)
class Voice:
    """Spoken answers of live calls (docs/voice.md)."""

    answers: str = _setting("keys", "keys: answers are taken by key alone; voice: by key and by voice at once")
    workers: int = _setting(2, "recogniser processes of each node")
    queue: int = _setting(12, "how many answers may wait for each process; more come back as not understood")
    patience_s: float = _setting(4.0, "after so long an answer that is not recognised counts as not understood")


@dataclass(frozen=True, slots=True)
class Transcribe:
    """Speech to text."""

    engines: str = _setting("vosk,whisper", "recognisers in the order they are tried")
    models: str = _setting("", "folder of recogniser models; empty means <var>/models")
    workers: int = _setting(2, "worker processes")


@dataclass(frozen=True, slots=True)
class Web:
    """The pages."""

    host: str = _setting("127.0.0.1", "address the web server listens on")
    port: int = _setting(8080, "port the web server listens on")
    secret: str = _setting("", "key that signs sessions; empty means one made and kept in <var>/web.key", secret=True)
    language: str = _setting("zh-CN", "language of the pages until a user chooses: zh-CN or en")


@dataclass(frozen=True, slots=True)
class Webhook:
    """Signed messages to the firm's other systems."""

    url: str = _setting("", "where call-backs that close and gates that open are told; empty means nowhere")
    secret: str = _setting("", "key that signs the messages (HMAC-SHA256)", secret=True)


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of one installation."""

    firm: Firm = field(default_factory=Firm)
    storage: Storage = field(default_factory=Storage)
    line: Line = field(default_factory=Line)
    node: Node = field(default_factory=Node)
    desk: Desk = field(default_factory=Desk)
    pacing: Pacing = field(default_factory=Pacing)
    dispositions: Dispositions = field(default_factory=Dispositions)
    voice: Voice = field(default_factory=Voice)
    transcribe: Transcribe = field(default_factory=Transcribe)
    web: Web = field(default_factory=Web)
    webhook: Webhook = field(default_factory=Webhook)
    trunks: dict[str, Trunk] = field(default_factory=dict)

    @property
    def var(self) -> Path:
        """The folder for everything written at run time."""
        return Path(self.storage.var)

    @property
    def database_url(self) -> str:
        """The database's address, with the embedded default filled in."""
        return self.storage.database or f"sqlite:///{self.var / 'huifang.db'}"

    @property
    def archive_url(self) -> str:
        """The archive's fsspec address, with the default filled in."""
        return self.storage.archive or (self.var / "archive").absolute().as_uri()

    @property
    def models_dir(self) -> Path:
        """The folder of recogniser models, with the default filled in."""
        return Path(self.transcribe.models) if self.transcribe.models else self.var / "models"


SECTIONS: dict[str, type[Any]] = {
    "firm": Firm,
    "storage": Storage,
    "line": Line,
    "node": Node,
    "desk": Desk,
    "pacing": Pacing,
    "dispositions": Dispositions,
    "voice": Voice,
    "transcribe": Transcribe,
    "web": Web,
    "webhook": Webhook,
}

NAMED: dict[str, type[Any]] = {"trunk": Trunk}
"""Sections of which there may be several: ``[trunk.carrier-a]``."""
_UNDERSCORES = str.maketrans(".-", "__")
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


def load_settings(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Settings from ``path`` (None: defaults only) overridden by ``environ``; SettingsError names the bad key."""
    values = _file_values(path) if path else {}
    for section, kind in SECTIONS.items():
        values.setdefault(section, {}).update(_environ_values(section, kind, environ))
    plain = {section: _section(section, kind, values[section]) for section, kind in SECTIONS.items()}
    return Settings(**plain, trunks=_named("trunk", values.get("trunk", {}), environ))


def _file_values(path: Path) -> Values:
    try:
        text = path.read_text(encoding="utf-8")
        document = tomllib.loads(text)
    except FileNotFoundError as error:
        raise SettingsError(f"{path}: no such file; write one (docs/settings.md) or leave --config away") from error
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: not valid TOML: {error}") from error
    for section, content in document.items():
        if section in NAMED and isinstance(content, dict):
            _check_names(path, text, section, content)
        else:
            _check_keys(path, text, section, content, SECTIONS.get(section))
    return document


def _check_names(path: Path, text: str, section: str, content: dict[str, object]) -> None:
    for name, part in content.items():
        place = f"{section}.{name}"
        if not isinstance(part, dict) or not _NAME.fullmatch(name):
            line = _line_of(text, name, after=_line_of(text, section))
            raise SettingsError(
                f"{path}:{line}: {place}: write one table a {section}, such as [{section}.main]; "
                "a name has small letters, digits and dashes"
            )
        _check_keys(path, text, place, part, NAMED[section])


def _check_keys(path: Path, text: str, section: str, content: object, kind: type[Any] | None) -> None:
    if kind is None or not isinstance(content, dict):
        names = ", ".join([*SECTIONS, *(f"{name}.NAME" for name in NAMED)])
        raise SettingsError(f"{path}:{_line_of(text, section)}: unknown section {section!r}; there are {names}")
    known = [item.name for item in fields(kind)]
    for key in content:
        if key not in known:
            line = _line_of(text, key, after=_line_of(text, section))
            raise SettingsError(f"{path}:{line}: unknown key {section}.{key}; [{section}] knows {', '.join(known)}")


def _line_of(text: str, name: str, after: int = 0) -> int:
    wanted = re.compile(rf"^\s*\[*\s*[\"']?{re.escape(name)}[\"']?\s*[]=.]")
    for number, line in enumerate(text.splitlines(), start=1):
        if number > after and wanted.match(line):
            return number
    return max(after, 1)


def _environ_values(section: str, kind: type[Any], environ: Mapping[str, str]) -> dict[str, str]:
    prefix = f"HUIFANG_{section}_".upper().translate(_UNDERSCORES)
    known = {f"{prefix}{item.name}".upper(): item.name for item in fields(kind)}
    found: dict[str, str] = {}
    for name in sorted(name for name in environ if name.startswith(prefix)):
        if name in known:
            found[known[name]] = environ[name]
        elif name.removesuffix("_FILE") in known:
            found.setdefault(known[name.removesuffix("_FILE")], _secret(Path(environ[name]), name))
        else:
            raise SettingsError(f"{name}: unknown setting; [{section}] knows {', '.join(known)}")
    return found


def _named(section: str, given: Mapping[str, Mapping[str, object]], environ: Mapping[str, str]) -> dict[str, Any]:
    kind, found = NAMED[section], {}
    for name, values in given.items():
        place = f"{section}.{name}"
        found[name] = _section(place, kind, {**values, **_environ_values(place, kind, environ)})
    _check_environ(section, given, environ)
    return found


def _check_environ(section: str, names: Mapping[str, object], environ: Mapping[str, str]) -> None:
    known = tuple(f"HUIFANG_{section}_{name}_".upper().translate(_UNDERSCORES) for name in names)
    for variable in sorted(environ):
        if variable.startswith(f"HUIFANG_{section}_".upper()) and not variable.startswith(known):
            raise SettingsError(f"{variable}: the file has no such {section}; it has {', '.join(names) or 'none'}")


def _secret(path: Path, name: str) -> str:
    try:
        secret = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{name}: cannot read {path}: {error}") from error
    if not secret:
        raise SettingsError(f"{name}: {path} is empty; write the value into it")
    return secret


def _section(section: str, kind: type[Any], values: Mapping[str, object]) -> Any:
    hints = get_type_hints(kind)
    return kind(**{key: _typed(f"{section}.{key}", value, hints[key]) for key, value in values.items()})


def _typed(name: str, value: object, kind: type[Any]) -> object:
    wrong = SettingsError(f"{name} = {value!r}: give {_kind_name(kind)}")
    if isinstance(value, str) and kind is not str:
        try:
            value = kind(value)
        except ValueError as error:
            raise wrong from error
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind or (isinstance(value, float) and not math.isfinite(value)):
        raise wrong
    return value


def _kind_name(kind: type[Any]) -> str:
    return {int: "a whole number", float: "a number", str: "a text in quotes"}.get(kind, kind.__name__)
