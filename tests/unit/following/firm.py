"""A firm whose pack says what follows, and its calls, which end as the test says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select

from core.calendars import ChinaCalendars
from core.clock import CHINA
from core.db import Database
from dialer.calling import ledger, outcomes
from dialer.calling.dispositions import Disposition, Judged
from dialer.calling.session import SessionResult
from dialer.calling.settling import Settling, settle
from dialer.following.plans import Following
from dialer.programmes.model import Pack
from dialer.tables import Answer, Callback, Duty, Item, Outcome
from ivr_flows.events import Verdict

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=CHINA)
PASSING = {"opened_in_person": "yes", "full_discretion": "no"}
FIRM = """
pack: firm
title: 测试公司
source: firm
windows: {days: working_day, every: [09:00-12:00, 13:00-18:00], rule: B-01}
caps: [{most: 9, per: day, rule: firm}]
interval: 10min
ring_limit: 30s
automatic: yes
retries:
  rule: firm
  total: 3
  after: {answered: {delay: 2h}, busy: {delay: 10min}, no_answer: {delay: 3h}, rejected: {delay: 1d},
    invalid_number: never, suspended: never, unreachable: {delay: 4h}, blocked_by_network: never,
    trunk_congestion: {delay: 5min}, our_fault: {delay: 10min}, cancelled: {delay: 5min}, interrupted: {delay: 30min}}
follow_ups: {promised_callback: {delay: 2h, most: 3}, appointment: {delay: 2h, most: 3}}
refusal: {contents: [investment_risk, trading_risk], channels: [sms], sender: hq_brokerage, rule: D-10}
executors: {hq: {title: 总部, level: hq, rule: firm}}
programmes:
  new_account:
    title: 新开户
    rules: [A-20]
    trigger: {event: account_opened}
    scope: all
    coverage: [{share: 100%, rule: A-20}]
    deadline: {amount: 1, unit: month, rule: A-20}
    executor: hq
    channels: [recorded_phone]
    flow: new_account
    gates: [activation]
    passes:
      when: >-
        opened_in_person == 'yes' and full_discretion == 'no' and
        (developed_by != 'marketing' or knows_marketer == 'yes')
      rule: D-02
    outcomes:
      not_passed:
        - {do: work_order, to: [branch], within: {amount: 3, unit: working_day, rule: D-11}, rule: D-11}
        - {do: confirm_call, within: {amount: 5, unit: working_day, rule: firm}, rule: D-25}
      unreachable:
        - {do: report, to: [hq], words: 及时, rule: firm}
      objection:
        - {do: measure, to: [branch], words: 及时分析原因, rule: D-12}
  asset_change:
    title: 资产异动
    rules: [A-90]
    trigger: {event: outflow}
    scope: all
    coverage: [{share: 100%, rule: firm}]
    deadline: {amount: 1, unit: working_day, rule: firm}
    executor: hq
    channels: [phone]
    automatic: no
    flow: asset_change
    outcomes:
      acknowledged:
        - {do: archive, rule: D-09}
      not_acknowledged:
        - {do: report, to: [branch_manager, hq_business_management], words: 立即报告, rule: D-13}
      violation:
        - {do: work_order, to: [branch], contents: [inducing, false_information], words: 从严处理, rule: D-14}
  leaving:
    title: 离职抽访
    rules: [A-91]
    trigger: {departure: staff}
    scope: all
    coverage: [{share: 100%, rule: firm}]
    deadline: {before: contract_end, rule: A-91}
    executor: hq
    channels: [phone]
    flow: leaving
    gates: [departure]
    passes: {when: all, rule: firm}
"""


@dataclass
class Firm:
    """The firm at work: calls that end as the test says, and what is in the books after them."""

    db: Database
    pack: Pack
    webhooks: bool = False

    @property
    def following(self) -> Following:
        return Following(self.pack, ChinaCalendars(), self.webhooks)

    def add_item(self, programme: str, key: str = "", callback_id: str = "B1") -> None:
        with self.db.write() as session:
            item = Item(item_id=f"I-{programme}{key}", callback_id=callback_id, pack="firm", programme=programme)
            item.rule_ids, item.trigger, item.trigger_key = [], "event", f"{programme}:{key or 'E1'}"
            item.due_on, item.due_at = date(2026, 12, 1), datetime(2026, 12, 2, tzinfo=CHINA)
            item.deadline_unit, item.planned_on = "month", NOW.date()
            item.flow = self.pack.programmes[programme].flow
            session.add(item)

    def call(
        self,
        answers: dict[str, str] | None = None,
        *,
        verdict: str | Verdict | None = None,
        disposition: Disposition = Disposition.ANSWERED,
        at: datetime = NOW,
    ) -> Callback:
        """One attempt at call-back B1 in which these answers were given and the script ended so."""
        with self.db.write() as session:
            callback = session.get_one(Callback, "B1")
            taken = ledger.lease(
                session,
                callback,
                node="n1",
                phone="13900000001",
                gate={},
                flow_hash=f"h-{callback.flow}",
                ring_limit_s=30,
                at=at,
            )
        assert taken is not None
        with self.db.write() as session:
            for number, (question, value) in enumerate((answers or {}).items()):
                session.add(an_answer(taken.attempt_id, question, value, at + timedelta(seconds=number)))
            ended = verdict if isinstance(verdict, Verdict) else Verdict(verdict, None, ())  # type: ignore[arg-type]
            said = ended if disposition is Disposition.ANSWERED else None
            result, judged = SessionResult(verdict=said), Judged(disposition, "test")
            attempt = ledger.ended(
                session,
                taken.attempt_id,
                None,
                result,
                judged,
                at=at,
            )
            by = Settling(self.pack.runnable(), ChinaCalendars(), at, self.pack, self.webhooks)
            settle(session, attempt, result, judged, by)
        return self.callback()

    def end(self, outcome: Outcome, callback_id: str = "B1", at: datetime = NOW) -> None:
        with self.db.write() as session:
            callback = session.get_one(Callback, callback_id)
            outcomes.close(session, callback, outcome, reason="test", at=at, actor="test", following=self.following)

    def callback(self, callback_id: str = "B1") -> Callback:
        with self.db.session() as session:
            found = session.get_one(Callback, callback_id)
            _ = found.items
            return found

    def duties(self, **wanted: Any) -> list[Duty]:
        with self.db.session() as session:
            return list(session.scalars(select(Duty).filter_by(**wanted).order_by(Duty.duty_id)))


def an_answer(attempt_id: str, question: str, value: str, at: datetime) -> Answer:
    answer = Answer(answer_id=f"{attempt_id}{question}", attempt_id=attempt_id, callback_id="B1", at=at)
    answer.step = answer.question = question
    answer.value, answer.passed, answer.answered_by = value, None, "ivr"
    answer.start_ms, answer.end_ms, answer.evidence = 0, 1, {}
    return answer
