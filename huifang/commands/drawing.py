"""The picture of a script for `huifang flow show --svg`: with what rehearsals walk, with the numbers of real calls."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, time

from core.clock import CHINA
from dialer.calling.walked import walked
from huifang.context import Context
from ivr_flows import register
from ivr_flows.graph import Calls, to_svg
from ivr_flows.layout import Arrow
from ivr_flows.loader import load_flow
from ivr_flows.model import Flow
from ivr_flows.rehearsal import coverage, of_flow, rehearse_all


def picture(
    context: Context, name: str, language: str, *, rehearsed: bool, calls: bool, since: datetime | None = None
) -> str:
    """The script as its file says; with `calls` the version that is dialed, because numbers are those of a version.

    `since`: the day from which calls count. FlowRefused for a script with a fault, or whose rehearsals do not fit it.
    """
    flow, numbers = _called(context, name, language, since) if calls else (_of_file(context, name, language), None)
    return to_svg(flow, coverage=_walked(flow) if rehearsed else None, calls=numbers)


def _of_file(context: Context, name: str, language: str) -> Flow:
    firm = context.settings.firm
    return load_flow(name, language, company=firm.name if language == "zh-CN" else firm.name_en)


def _called(context: Context, name: str, language: str, since: datetime | None) -> tuple[Flow, Calls]:
    first = datetime.combine(since.date(), time(), CHINA) if since else None
    with context.db.session() as session:
        dialed = register.approved(session, name, language)
        flow = register.flow_of(dialed) if dialed else _of_file(context, name, language)
        return flow, walked(session, name, flow.hash, since=first).calls


def _walked(flow: Flow) -> Mapping[Arrow, int]:
    return coverage(flow, rehearse_all(flow, of_flow(flow))).walked
