"""The kinds of behaviour a table may name, each one a function from its YAML mapping to a Behaviour."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from simulator.behaviours import (
    Action,
    Announces,
    Answers,
    Behaviour,
    Common,
    Final,
    HangUp,
    NeverAnswers,
    Pause,
    Press,
    Refuses,
    Reply,
    Say,
    Script,
    Talk,
)
from simulator.errors import TableError
from simulator.fields import Fields
from simulator.recognition import Voiceprints
from simulator.sounds import BEEP

KEYS = frozenset("0123456789*#ABCD")


@dataclass(frozen=True, slots=True)
class Announcement:
    """A carrier announcement: its clip and the final response after it."""

    clip: str
    final: Final


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads one behaviour; holds what the mapping refers to."""

    clips: frozenset[str]
    announcements: Mapping[str, Announcement]
    ring_s: float
    ring_jitter_s: float
    prompts: Voiceprints | None = None

    def behaviour(self, value: object, place: str) -> Behaviour:
        """The behaviour written at ``place``; TableError names the key that is wrong."""
        fields = Fields(value, place)
        kind = fields.text("kind")
        read = KINDS.get(kind)
        if read is None:
            raise TableError(f"{place}.kind: {kind!r} is unknown; known: {', '.join(sorted(KINDS))}")
        behaviour = read(self, kind, fields)
        fields.finish()
        return behaviour

    def common(self, kind: str, fields: Fields, ring_s: float | None = None) -> Common:
        """The keys every kind takes."""
        return Common(
            kind=kind,
            ring_s=fields.seconds("ring_s", self.ring_s if ring_s is None else ring_s),
            ring_jitter_s=fields.seconds("ring_jitter_s", self.ring_jitter_s),
            rtp_loss=fields.share("rtp_loss", 0.0),
        )

    def clip(self, name: str, place: str) -> Say:
        """A clip that exists."""
        if name not in self.clips:
            raise TableError(f"{place}: no clip named {name!r}; there are: {', '.join(sorted(self.clips))}")
        return Say(name)

    def script(self, fields: Fields) -> Script:
        """The keys of a subscriber who answers."""
        then = fields.take("then")
        return Script(
            opening=self._actions(fields, "opening"),
            replies=tuple(self.replies(fields, "script")),
            then=None if then is None else self._reply(then, f"{fields.place}.then"),
            impatient=fields.flag("impatient", False),
            barge_in_s=fields.seconds("barge_in_s", 1.2),
            quiet_s=fields.seconds("quiet_s", 0.7),
            react_s=fields.seconds("react_s", 0.2),
            hang_up_after_s=fields.maybe_seconds("hang_up_after_s"),
        )

    def replies(self, fields: Fields, key: str) -> list[Reply]:
        """A script: one item per prompt."""
        items = fields.items(key)
        return [self._reply(item, f"{fields.place}.{key}[{index}]") for index, item in enumerate(items)]

    def _actions(self, fields: Fields, key: str) -> tuple[Action, ...]:
        return tuple(action for reply in self.replies(fields, key) for action in reply.actions)

    def _reply(self, item: object, place: str) -> Reply:
        if isinstance(item, str):
            return Reply(presses(item, place))
        if isinstance(item, list):
            parts = [self._reply(part, f"{place}[{index}]") for index, part in enumerate(item)]
            return Reply(tuple(action for part in parts for action in part.actions))
        fields = Fields(item, place)
        after_s = fields.maybe_seconds("after_s")
        action = self._action(fields)
        fields.finish()
        return Reply(action, on_prompt=after_s is None, after_s=after_s)

    def follows(self, fields: Fields) -> tuple[Reply, ...]:
        """The replies of a subscriber who knows the prompts: each names the one that it waits for."""
        place = f"{fields.place}.script"
        if self.prompts is None:
            raise TableError(f"{place}: the table names no folder of prompts; write prompts: FOLDER")
        return tuple(
            self._follow(item, f"{place}[{at}]", self.prompts) for at, item in enumerate(fields.items("script"))
        )

    def _follow(self, item: object, place: str, prompts: Voiceprints) -> Reply:
        fields = Fields(item, place)
        hears = prompts.check(fields.text("hears"), f"{place}.hears")
        early_s = fields.maybe_seconds("early_s")
        actions = self._reply(fields.items("do"), f"{place}.do").actions
        fields.finish()
        return Reply(actions, hears=hears, early_s=early_s)

    def _action(self, fields: Fields) -> tuple[Action, ...]:
        if fields.has("say"):
            return (self.clip(fields.text("say"), f"{fields.place}.say"),)
        if fields.has("press"):
            return presses(fields.text("press"), f"{fields.place}.press")
        if fields.has("speak"):
            return (Talk(fields.seconds("speak", 0.0)),)
        if fields.has("pause"):
            return (Pause(fields.seconds("pause", 0.0)),)
        if fields.has("hang_up") and fields.flag("hang_up", True):
            return (HangUp(),)
        raise TableError(
            f'{fields.place}: write keys ("1", "" for none) or one of say:, press:, pause:, speak:, hang_up: true'
        )


def presses(digits: str, place: str) -> tuple[Action, ...]:
    """One key press per digit."""
    wrong = set(digits) - KEYS
    if wrong:
        raise TableError(f"{place}: {''.join(sorted(wrong))!r} is no telephone key; use 0-9 * # A-D")
    return tuple(Press(digit) for digit in digits)


def _answers(reader: Reader, kind: str, fields: Fields) -> Behaviour:
    return Answers(reader.common(kind, fields), reader.script(fields))


def _refuses(
    status: int | None, cause: int | None, text: str, ring_s: float
) -> Callable[[Reader, str, Fields], Refuses]:
    def read(reader: Reader, kind: str, fields: Fields) -> Refuses:
        return Refuses(reader.common(kind, fields, ring_s), _final(fields, status, cause, text))

    return read


def _final(fields: Fields, status: int | None, cause: int | None, text: str) -> Final:
    given = fields.whole("status", status, least=300)
    if given > 699:
        raise TableError(f"{fields.place}.status: write a final SIP status from 300 to 699, not {given}")
    named = fields.has("cause")
    stated = fields.take("cause", cause)
    if stated is not None and (not isinstance(stated, int) or not 1 <= stated <= 127):
        raise TableError(f"{fields.place}.cause: write a Q.850 cause from 1 to 127, or null, not {stated!r}")
    return Final(given, stated, fields.text("text", "" if named else text))


def _never_answers(reader: Reader, kind: str, fields: Fields) -> Behaviour:
    return NeverAnswers(reader.common(kind, fields))


def _unavailable(reader: Reader, kind: str, fields: Fields) -> Behaviour:
    name = fields.text("announcement")
    known = reader.announcements.get(name)
    if known is None:
        names = ", ".join(sorted(reader.announcements))
        raise TableError(f"{fields.place}.announcement: {name!r} is unknown; known: {names}")
    final = _final(fields, known.final.status, known.final.cause, known.final.text)
    repeat = fields.whole("repeat", 1, least=1)
    return Announces(reader.common(kind, fields, 0.2), known.clip, final, repeat)


def _voicemail(reader: Reader, kind: str, fields: Fields) -> Behaviour:
    greeting = reader.clip(fields.text("greeting", "voicemail_greeting"), f"{fields.place}.greeting")
    longest = fields.seconds("max_s", 120.0)
    script = Script(opening=(Pause(0.5), greeting, Pause(0.3), Say(BEEP)), hang_up_after_s=longest)
    return Answers(reader.common(kind, fields, 3.0), script)


def _hangs_up(reader: Reader, kind: str, fields: Fields) -> Behaviour:
    common = reader.common(kind, fields)
    after_prompts = fields.whole("after_prompts", 0)
    script = reader.script(fields)
    if script.hang_up_after_s is None:
        script = replace(script, replies=_then_hang_up(script.replies, after_prompts or max(1, len(script.replies))))
    return Answers(common, script)


def _then_hang_up(replies: tuple[Reply, ...], prompts: int) -> tuple[Reply, ...]:
    padded = (replies + (Reply(),) * prompts)[:prompts]
    return (*padded[:-1], replace(padded[-1], actions=(*padded[-1].actions, HangUp())))


def _silent(reader: Reader, kind: str, fields: Fields) -> Behaviour:
    return Answers(reader.common(kind, fields), Script(hang_up_after_s=fields.maybe_seconds("hang_up_after_s")))


def _asks_for_agent(reader: Reader, kind: str, fields: Fields) -> Behaviour:
    common = reader.common(kind, fields)
    key = presses(fields.text("key", "0"), f"{fields.place}.key")
    prompts = fields.whole("after_prompts", 1, least=1)
    says = reader.clip(fields.text("says", "client_question"), f"{fields.place}.says")
    script = reader.script(fields)
    before = (script.replies + (Reply(),) * prompts)[: prompts - 1]
    return Answers(common, replace(script, replies=(*before, Reply(key)), then=script.then or Reply((says,))))


def _agent(reader: Reader, kind: str, fields: Fields) -> Behaviour:
    common = reader.common(kind, fields)
    says = reader.clip(fields.text("says", "agent_hello"), f"{fields.place}.says")
    outcome = presses(fields.text("outcome", "1#"), f"{fields.place}.outcome")
    hello = Reply((says,), after_s=fields.seconds("wait_s", 6.0))
    silent = presses(fields.text("outcome_if_silent"), fields.place) if fields.has("outcome_if_silent") else None
    closing = Reply(outcome, after_s=fields.seconds("talk_s", 8.0), unprompted=silent)
    leaves = fields.maybe_seconds("leaves_after_s")
    last = () if leaves is None else (Reply((HangUp(),), on_prompt=False, after_s=leaves),)
    return Answers(common, Script(replies=(hello, closing, *last)))


def _rehearses(reader: Reader, kind: str, fields: Fields) -> Behaviour:
    """Acts when he recognises the prompts of a scenario, in its order (``ivr_flows.rehearsal.subscriber``)."""
    quiet_s, react_s = fields.seconds("quiet_s", 0.7), fields.seconds("react_s", 0.3)
    longest = fields.maybe_seconds("hang_up_after_s")
    script = Script(replies=reader.follows(fields), quiet_s=quiet_s, react_s=react_s, hang_up_after_s=longest)
    return Answers(reader.common(kind, fields), script)


KINDS: Mapping[str, Callable[[Reader, str, Fields], Behaviour]] = {
    "confirms": _answers,
    "speaks": _answers,
    "busy": _refuses(486, 17, "User busy", 0.0),
    "declines": _refuses(603, 21, "Call rejected", 2.0),
    "not_found": _refuses(404, 1, "Unallocated number", 0.0),
    "refuses": _refuses(None, None, "", 0.0),
    "no_answer": _never_answers,
    "unavailable": _unavailable,
    "voicemail": _voicemail,
    "hangs_up": _hangs_up,
    "silent": _silent,
    "asks_for_agent": _asks_for_agent,
    "agent": _agent,
    "rehearses": _rehearses,
}
