"""What a subscriber of the simulated carrier must do so that a rehearsed call happens again over a real line.

The call was rehearsed first, so it is known what the client does after which prompt. On the line he listens: he acts
when he recognises that prompt, and does nothing at any other. Plain data of the carrier's table (kind `rehearses`).
"""

from __future__ import annotations

from collections.abc import Mapping

from ivr_flows.prompts import content_hash
from ivr_flows.rehearsal.model import Leave, Press, Quiet, Reply, Say, Talk
from ivr_flows.rehearsal.trace import Act, Trace
from ivr_flows.state import Mode

Json = Mapping[str, object]
_EARLY_S = 0.0
_TAIL_S = 60.0


def behaviour(trace: Trace, language: str) -> dict[str, object]:
    """The entry of a subscriber who does what the client of `trace` did."""
    longest = trace.lasted_ms / 1000 + _TAIL_S
    return {
        "kind": "rehearses",
        "hang_up_after_s": longest,
        "script": [_reaction(act, trace, language) for act in trace.acts],
    }


def prompt_name(language: str, prompt: str) -> str:
    """The name of a prompt for who listens: its file below the folder of prompts."""
    return f"{language}/{prompt}"


def clip_name(language: str, text: str) -> str:
    """The name of the clip that says `text`."""
    return f"said_{content_hash(language, text)}"


def words(trace: Trace, language: str) -> dict[str, str]:
    """Clip name -> text, of everything that the client says."""
    texts = (_best(act.reply, language) for act in trace.acts if isinstance(act.reply, Say))
    return {clip_name(language, text): text for text in texts if text}


def _reaction(act: Act, trace: Trace, language: str) -> Json:
    recording = trace.moments[act.moments - 1].state.mode is Mode.RECORDING if act.moments else False
    reaction = {"hears": prompt_name(language, act.heard), "do": _does(act.reply, language, recording=recording)}
    return {**reaction, "early_s": _EARLY_S} if act.early else reaction


def _does(reply: Reply, language: str, *, recording: bool) -> list[Json]:
    match reply:
        case Press(keys=keys):
            return [*_waits(reply.after_ms), {"press": keys}]
        case Talk(lasts_ms=lasts):
            return [*_waits(reply.after_ms or 800), {"speak": lasts / 1000}]
        case Say():
            wait = reply.after_ms or (800 if recording else None)  # a spoken answer is recorded after a beep
            return [*_waits(wait), {"say": clip_name(language, _best(reply, language))}]
        case Leave():
            return [*_waits(reply.after_ms), {"hang_up": True}]
        case Quiet():
            return []


def _waits(after_ms: int | None) -> list[Json]:
    return [{"pause": after_ms / 1000}] if after_ms else []


def _best(reply: Say, language: str) -> str:
    readings = reply.readings.get(language, ())
    return readings[0].text if readings else ""
