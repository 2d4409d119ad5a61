"""Speaks in the night what the calls of the next day name: clients, days, times, what events brought.

The rule of this module: it spares the day the wait for a voice, and nothing else depends on it. What could not be
spoken, or was left because the time was over, is spoken before its call.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from core.calendars import Calendars
from core.clock import CHINA, Clock, china
from core.db import Database
from core.errors import HuifangError
from dialer.calling import dispatch
from dialer.calling.claims import Days, days_to_name, told_of
from dialer.calling.dispatch import wanted_flow
from dialer.calling.scripts import Scripts
from dialer.programmes.model import ContactRules
from dialer.programmes.windows import Times, first_moment
from dialer.tables import Callback, CallbackMode, CallbackState
from ivr_flows.checks import asks_of_events
from ivr_flows.errors import VoiceError
from ivr_flows.model import Facts, Flow, Prompt
from ivr_flows.prompts import Catalogue

MOST_CALLBACKS = 5000
MOST_S = 600.0
LOOK_AHEAD = timedelta(days=30)

Text = tuple[Prompt, str]
"""A prompt that only a call knows, and what it says there."""


@dataclass(frozen=True, slots=True)
class SpokenAhead:
    """How many texts are ready for the day, could not be spoken, and were left when the time was over."""

    ready: int = 0
    failed: int = 0
    left: int = 0


def speak_ahead(
    db: Database,
    clock: Clock,
    *,
    rules: ContactRules,
    calendars: Calendars,
    scripts: Scripts,
    catalogue: Catalogue,
    most_s: float = MOST_S,
) -> SpokenAhead:
    """Have ``catalogue`` speak what the callbacks name that may be dialed on the next day with a window.

    The most pressing ones first, ``MOST_CALLBACKS`` at most, and begin no text after ``most_s`` seconds.
    """
    deadline = clock.monotonic() + most_s
    moment = _next_window(rules, calendars, clock.now())
    if moment is None:
        return SpokenAhead()
    with db.session() as session:
        texts = _texts(session, _due(session, moment), days_to_name(rules, calendars, moment), scripts)
    ready = failed = 0
    for prompt, said in texts:
        if clock.monotonic() >= deadline:
            break
        spoken = _speak(catalogue, prompt, said)
        ready, failed = ready + spoken, failed + (not spoken)
    return SpokenAhead(ready, failed, len(texts) - ready - failed)


def _next_window(rules: ContactRules, calendars: Calendars, now: datetime) -> datetime | None:
    times = Times((rules.windows.hours,))
    return first_moment(times, calendars, after=now, until=china(now).date() + LOOK_AHEAD)


def _due(session: Session, moment: datetime) -> Iterator[Callback]:
    """The dialer's own callbacks whose time comes before the end of that day, the most pressing first."""
    midnight = datetime.combine(china(moment).date() + timedelta(days=1), time(0), CHINA)
    wanted = (
        select(Callback)
        .where(
            Callback.state == CallbackState.PLANNED,
            Callback.next_attempt_at < midnight,
            Callback.mode == CallbackMode.AUTOMATIC,
            Callback.provisional.is_(False),
        )
        .order_by(*(getattr(Callback, name) for name in dispatch.ORDER))
        .options(selectinload(Callback.client), selectinload(Callback.items))
        .limit(MOST_CALLBACKS)
    )
    yield from session.scalars(wanted)


def _texts(session: Session, callbacks: Iterator[Callback], days: Days, scripts: Scripts) -> list[Text]:
    """Everything these calls may name, each text once a language."""
    flows: dict[tuple[str, str], Flow | None] = {}
    found: dict[tuple[str, str], Text] = {}
    for callback in callbacks:
        key = wanted_flow(callback), callback.client.language
        if key not in flows:
            flows[key] = _flow(scripts, *key)
        if flow := flows[key]:
            facts = told_of(session, callback, days, ask_events=asks_of_events(flow)).facts()
            found |= {(prompt.language, said): (prompt, said) for prompt, said in _named(flow, facts)}
    return list(found.values())


def _flow(scripts: Scripts, name: str, language: str) -> Flow | None:
    """None for a script that cannot be dialed: the gate says why (C-06)."""
    try:
        return scripts.flow(name, language)
    except HuifangError:
        return None


def _named(flow: Flow, facts: Facts) -> Iterator[Text]:
    for prompt in flow.prompts.values():
        if prompt.slot and (said := facts.get(prompt.slot)):
            yield prompt, said


def _speak(catalogue: Catalogue, prompt: Prompt, said: str) -> bool:
    try:
        catalogue.audio(prompt, {prompt.slot or "": said})
    except VoiceError:
        return False
    return True
