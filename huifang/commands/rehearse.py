"""`huifang flow test`: every scenario of a script on the virtual clock, in every language."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from huifang.context import Context
from huifang.output import print_json, print_table
from ivr_flows.errors import FlowRefused
from ivr_flows.loader import load_flow, names
from ivr_flows.prompts import Catalogue
from ivr_flows.rehearsal import Coverage, Lengths, Need, Result, coverage, of_flow, rehearse, unmet

pass_context = click.make_pass_decorator(Context)


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """A script in one language after its rehearsals. `faults`: it could not be rehearsed at all."""

    name: str
    language: str
    results: Sequence[Result] = ()
    unmet: Sequence[Need] = ()
    coverage: Coverage | None = None
    faults: Sequence[str] = ()

    @property
    def in_order(self) -> bool:
        """Whether every scenario went as told and none is lacking."""
        return not self.faults and not self.unmet and all(result.passed for result in self.results)


@click.command()
@click.argument("wanted", nargs=-1, metavar="[NAME]...")
@click.option("--scenario", "only", multiple=True, metavar="SCENARIO", help="Only these; what lacks is not told then.")
@click.option("--json", "as_json", is_flag=True)
@pass_context
def test(context: Context, wanted: tuple[str, ...], only: tuple[str, ...], as_json: bool) -> None:
    """Rehearse the scripts NAME (default: all) on a virtual clock; exit 1 when one goes otherwise than told."""
    known = names()
    if unknown := set(wanted) - {name for name, _ in known}:
        raise click.UsageError(
            f"there is no script {', '.join(sorted(unknown))}; name one of the scripts, or none for all"
        )
    studio = context.settings.firm.studio
    lengths = Lengths(Catalogue(site=Path(studio) if studio else None))
    done = [_rehearsed(name, language, only, lengths) for name, language in known if not wanted or name in wanted]
    if as_json:
        print_json([_as_json(one) for one in done])
    else:
        _show(done)
    if not all(one.in_order for one in done) or not any(one.results for one in done):
        raise SystemExit(1)


def _rehearsed(name: str, language: str, only: tuple[str, ...], lengths: Lengths) -> Rehearsed:
    try:
        flow = load_flow(name, language, catalogue=lengths.catalogue)
        told = of_flow(flow).scenarios.values()
    except FlowRefused as refused:
        return Rehearsed(name, language, faults=[str(error) for error in refused.errors])
    chosen = [one for one in told if one.languages((language,)) and (not only or one.name in only)]
    results = [rehearse(flow, scenario, lengths) for scenario in chosen]
    return Rehearsed(name, language, results, () if only else unmet(flow, results), coverage(flow, results))


def _as_json(one: Rehearsed) -> dict[str, object]:
    return {
        "flow": one.name,
        "language": one.language,
        "in_order": one.in_order,
        "faults": list(one.faults),
        "lacking": [str(need) for need in one.unmet],
        "coverage": round(one.coverage.share, 3) if one.coverage else None,
        "not_walked": [f"{step}:{outcome}" for step, outcome in one.coverage.missing] if one.coverage else [],
        "scenarios": [result.as_json() for result in one.results],
    }


def _show(done: Sequence[Rehearsed]) -> None:
    columns = ("script", "language", "calls", "failed", "lacking", "walked")
    print_table("Rehearsals", columns, (_row(one) for one in done))
    for one in done:
        for line in _complaints(one):
            click.echo(line)


def _row(one: Rehearsed) -> tuple[object, ...]:
    failed = sum(not result.passed for result in one.results)
    walked = f"{one.coverage.share:.0%}" if one.coverage else ""
    return one.name, one.language, len(one.results), failed or "", len(one.unmet) or "", walked


def _complaints(one: Rehearsed) -> list[str]:
    head = f"{one.name} {one.language}"
    told = [f"{head} {result.scenario.name}: {problem}" for result in one.results for problem in result.problems]
    lacking = [f"{head}: no scenario of the kind {need}" for need in one.unmet]
    return [*one.faults, *told, *lacking]
