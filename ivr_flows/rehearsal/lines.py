"""A rehearsed call beside the same call over a real line: which of its moments belong to which thing the client did.

What the client brings about (keys, words, silences) comes in the same order on both, so the n-th of them is the same.
"""

from __future__ import annotations

from dataclasses import replace

from ivr_flows.rehearsal.trace import CLIENT, Act, Trace


def aligned(rehearsed: Trace, real: Trace) -> Trace:
    """The real call with the acts of the rehearsed one, each where it happened; judged like any other."""
    return Trace(real.moments, [_moved(act, rehearsed, real) for act in rehearsed.acts])


def differs(rehearsed: Trace, real: Trace) -> str | None:
    """Where the real call first went another way, in words; None when it did not."""
    wanted, had = rehearsed.client_events, real.client_events
    for number, (want, have) in enumerate(zip([*wanted, "the end"], [*had, "the end"], strict=False), 1):
        if want != have:
            return f"event {number} of the client is {have}, not {want}"
    return None


def _moved(act: Act, rehearsed: Trace, real: Trace) -> Act:
    before = sum(isinstance(moment.event, CLIENT) for moment in rehearsed.moments[: act.moments])
    return replace(act, moments=_index(real, before))


def _index(real: Trace, number: int) -> int:
    """The moment of the client's event number `number` (from 0); the end when there were fewer."""
    places = [at for at, moment in enumerate(real.moments) if isinstance(moment.event, CLIENT)]
    return places[number] if number < len(places) else len(real.moments)
