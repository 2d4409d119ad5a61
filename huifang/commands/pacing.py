"""Commands about pacing: how boldly is dialed now and why, and the ledger of abandoned calls."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TextIO

import click

from core.clock import china
from dialer.calling.abandonment import Tally, within
from dialer.calling.pacing import CallNeed, PacingRules, may_dial, most_calls, rules_of
from dialer.calling.pacing_facts import Look, Pacer
from dialer.calling.pacing_history import by_day, total
from dialer.calling.versions import Registered
from huifang.context import Context
from huifang.output import console, print_json, print_table
from ivr_flows.loader import names

pass_context = click.make_pass_decorator(Context)
COLUMNS = ("answered", "asked", "joined", "late", "lost", "gone", "abandoned", "of_persons", "of_asked")


@dataclass(frozen=True, slots=True)
class FlowLine:
    """One script now: its forecast, and how many calls with it could be placed at this moment."""

    flow: str
    language: str
    needs: str
    chance: float
    calls: int
    answer_rate: float | None
    ring_s: float | None
    asks_after_s: float | None
    handle_s: float | None
    agents: int
    more_calls: int
    why: str
    fallback: str


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def pacing(click_context: click.Context, as_json: bool) -> None:
    """How boldly is dialed now, what each script is expected to need, and the ledger of abandoned calls."""
    if click_context.invoked_subcommand is None:
        _tell(click_context.ensure_object(Context), as_json)


def _tell(context: Context, as_json: bool) -> None:
    now, rules = context.clock.now(), rules_of(context.settings)
    pacer = Pacer(rules, flows=Registered(context.db).load, avoided=context.pack.series_avoided)
    with context.db.session() as session:
        pacer.refresh(session, now)
        look = pacer.look(session, now)
        today = total(by_day(session, now, days=1, limit_s=rules.answer_to_agent_s))
    lines = list(_lines(context, look))
    if as_json:
        print_json({"at": china(now).isoformat(), **_document(look, lines), "today": _tallies(today)})
    else:
        _print(look, lines)


def _lines(context: Context, look: Look) -> Iterator[FlowLine]:
    """Every script of the pack, for a client whom any agent of its language may serve."""
    wanted = {programme.flow for programme in context.pack.programmes.values()}
    for name, language in ((name, language) for name, language in names() if name in wanted):
        programmes = frozenset(code for code, one in context.pack.programmes.items() if one.flow == name)
        yield _line(look, look.need(name, language, programmes), language, context.settings.line.channels)


def _line(look: Look, need: CallNeed, language: str, channels: int) -> FlowLine:
    verdict, forecast = may_dial(look.state, look.pacer.rules, need), need.forecast
    return FlowLine(
        flow=forecast.flow,
        language=language,
        needs=forecast.needs,
        chance=round(forecast.chance, 4),
        calls=forecast.calls,
        answer_rate=forecast.answer_rate,
        ring_s=forecast.ring_s,
        asks_after_s=forecast.asks_after_s,
        handle_s=forecast.handle_s,
        agents=len(need.agents & look.state.at_hand),
        more_calls=most_calls(look.state, look.pacer.rules, need, most=channels),
        why=verdict.why.text_en,
        fallback=verdict.fallback.text_en if verdict.fallback else "",
    )


def _document(look: Look, lines: list[FlowLine]) -> dict[str, object]:
    live, rules = look.state.live, look.pacer.rules
    ledger = look.state.ledger or {}
    return {
        "rules": asdict(rules),
        "agents": {"on_duty": len(look.duty.agents), "at_hand": len(look.state.at_hand)},
        "live": {
            "may_ask": sum(call.chance > 0 for call in live),
            "waiting": sum(call.chance >= 1 and call.answered for call in live),
            "reserved": sum(call.reserves for call in live),
        },
        "flows": [asdict(line) for line in lines],
        "ledger": [{**one, **_bears(rules, str(one["programme"]), ledger)} for one in _tallies(ledger)],
    }


def _tallies(ledger: Mapping[str, Tally]) -> list[dict[str, object]]:
    return [{"programme": code, **_figures(counts)} for code, counts in ledger.items()]


def _bears(rules: PacingRules, code: str, ledger: Mapping[str, Tally]) -> dict[str, object]:
    """Whether the ledger would let a bolder mode dial one call beyond the agents at hand."""
    bears = within(ledger, code, limit=rules.abandonment_limit, sample=rules.minimum_sample, more=1)
    return {"bears_one_more": bears}


def _figures(counts: Tally) -> dict[str, object]:
    return {name: getattr(counts, name) for name in COLUMNS}


def _print(look: Look, lines: list[FlowLine]) -> None:
    state, rules = look.state, look.pacer.rules
    console().print(
        f"{rules.mode}: {len(state.at_hand)} of {len(look.duty.agents)} agents on duty at hand, "
        f"{sum(call.chance > 0 for call in state.live)} calls on the line may ask"
    )
    print_table(
        "scripts",
        ["script", "language", "needs an agent", "chance", "from calls", "could be placed now", "why"],
        [
            (line.flow, line.language, line.needs, _percent(line.chance), line.calls, line.more_calls, _why(line))
            for line in lines
        ],
    )
    ledger = state.ledger or {}
    print_table(
        f"abandoned calls of {rules.abandonment_days} days, limit {_percent(rules.abandonment_limit)}",
        ["programme", *COLUMNS],
        [(code, *(_cell(value) for value in _figures(counts).values())) for code, counts in ledger.items()],
    )


def _why(line: FlowLine) -> str:
    return f"{line.why}; {line.fallback}" if line.fallback else line.why


def _percent(share: float) -> str:
    return f"{share:.2%}"


def _cell(value: object) -> object:
    return _percent(value) if isinstance(value, float) else value


@pacing.command()
@click.option("--days", type=click.IntRange(1, 400), default=None, help="How many days; default: abandonment_days.")
@click.option("--out", type=click.File("w", encoding="utf-8"), default="-", help="File; default: standard output.")
@pass_context
def export(context: Context, days: int | None, out: TextIO) -> None:
    """The ledger of abandoned calls as CSV, a line for each day and programme."""
    rules = rules_of(context.settings)
    with context.db.session() as session:
        wanted, limit = days or rules.abandonment_days, rules.answer_to_agent_s
        lines = by_day(session, context.clock.now(), days=wanted, limit_s=limit)
    table = csv.writer(out, lineterminator="\n")
    table.writerow(["day", "programme", *COLUMNS])
    for line in lines:
        table.writerow([line.day, line.programme, *(_rounded(value) for value in _figures(line.tally).values())])


def _rounded(value: object) -> object:
    return round(value, 6) if isinstance(value, float) else value


COMMANDS = (pacing,)
