"""The metrics of the line: trunks and nodes, counted from the database; no personal data."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily
from sqlalchemy import select
from sqlalchemy.orm import Session

from dialer.tables import DialerNode, TrunkHealthRow, TrunkState
from dialer.trunks.books import channels_in_use


def line_families(session: Session) -> Iterator[GaugeMetricFamily]:
    """Calls, faults, breaker and maintenance by trunk, health by trunk and node, heartbeat and figures by node."""
    yield from _trunks(session)
    yield from _health(session)
    yield from _nodes(session)


def _trunks(session: Session) -> Iterator[GaugeMetricFamily]:
    rows = session.scalars(select(TrunkState).order_by(TrunkState.name)).all()
    in_use = channels_in_use(session)
    names = sorted({row.name for row in rows} | in_use.keys())
    yield _family(
        "huifang_trunk_calls", "Calls on a trunk, all nodes together", {name: in_use.get(name, 0) for name in names}
    )
    yield _family("huifang_trunk_faults_in_a_row", "Trunk faults in a row", {row.name: row.failures for row in rows})
    yield _family(
        "huifang_trunk_opened_until_seconds",
        "Until when the breaker is open, as Unix time; 0: closed",
        {row.name: row.opened_until.timestamp() if row.opened_until else 0 for row in rows},
    )
    yield _family("huifang_trunk_drained", "1: out for maintenance", {row.name: int(row.drained) for row in rows})


def _health(session: Session) -> Iterator[GaugeMetricFamily]:
    rows = session.scalars(select(TrunkHealthRow).order_by(TrunkHealthRow.trunk, TrunkHealthRow.node)).all()
    for kind, text in (("registered", "1: the trunk has registered us"), ("reachable", "1: it answers OPTIONS")):
        family = GaugeMetricFamily(f"huifang_trunk_{kind}", f"{text}; absent: not asked for", labels=["trunk", "node"])
        for row in rows:
            value = getattr(row, kind)
            if value is not None:
                family.add_metric([row.trunk, row.node], int(value))
        yield family


def _nodes(session: Session) -> Iterator[GaugeMetricFamily]:
    rows = session.scalars(select(DialerNode).order_by(DialerNode.name)).all()
    states = GaugeMetricFamily("huifang_node_state", "1 for the state of a node", labels=["node", "state"])
    figures = GaugeMetricFamily("huifang_node_figure", "What a node counts by itself", labels=["node", "figure"])
    for row in rows:
        states.add_metric([row.name, row.state], 1)
        for name, value in sorted(row.figures.items()):
            if isinstance(value, int | float):
                figures.add_metric([row.name, name], value)
    yield states
    yield figures
    yield _family("huifang_node_calls", "Calls of a node", {row.name: row.calls for row in rows}, label="node")
    beats = {row.name: row.heartbeat_at.timestamp() for row in rows}
    yield _family("huifang_node_heartbeat_seconds", "Last heartbeat, as Unix time", beats, label="node")


def _family(name: str, text: str, values: dict[str, float], *, label: str = "trunk") -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=[label])
    for value, number in values.items():
        family.add_metric([value], number)
    return family
