"""One programme of a pack as paragraphs an officer can read: whom, when, by when, how many, by whom, what follows.

The rule of this module: everything the programme says is told with its rule, and what is open is told to be open.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from dialer.programmes import words_tables as tables
from dialer.programmes.amount_words import kept, rounds, share, within
from dialer.programmes.expression_words import answered, whom
from dialer.programmes.model import (
    Action,
    Due,
    Exemption,
    Notice,
    Pack,
    Programme,
    Quota,
    Suppression,
    TopList,
    Trigger,
)
from dialer.programmes.opened import place_of, what_is
from dialer.programmes.said import NOTHING, OR, Said, either, listed, quoted, ruled, say, sentences, word
from dialer.programmes.words_roles import CONTENTS, ROLES

OPEN = Said("未定，须由公司设定", "open, to be set by the firm")


def told(programme: Programme, pack: Pack) -> Iterator[Said]:
    """The paragraphs about ``programme``."""
    teller = _Teller(programme, pack)
    for paragraph in (
        teller.head(),
        teller.clients(),
        teller.when(),
        teller.how_many(),
        teller.left_out(),
        teller.who(),
        teller.lists(),
        teller.passing(),
        *teller.what_follows(),
        teller.records(),
    ):
        if paragraph.zh:
            yield paragraph


def people(codes: Iterable[str], pack: Pack) -> Said:
    """Addressees and owners by name; executors of the pack by their title there."""
    return listed([person(code, pack) for code in codes])


def person(code: str, pack: Pack) -> Said:
    """One addressee or owner by name."""
    executor = pack.executors.get(code)
    return Said(executor.title, executor.title_en) if executor else word(ROLES, code)


def titles(keys: Iterable[str], pack: Pack) -> Said:
    """Programmes by their titles; one the pack does not have (any more) by its key."""
    return listed([_title(key, pack) for key in sorted(keys)])


def _title(key: str, pack: Pack) -> Said:
    found = pack.programmes.get(key)
    return say("“{title}”", "“{title}”", title=Said(found.title, found.title_en) if found else Said(key, key))


def message(notice: Notice, pack: Pack) -> Said:
    """A message: what, through which channels, from whom."""
    said = say(
        "{contents}，通过{channels}",
        "{contents}, by {channels}",
        contents=listed([word(CONTENTS, one) for one in notice.contents]),
        channels=_channels(notice.channels),
    )
    if notice.sender:
        said = say("{said}，由{sender}发送", "{said}, sent by {sender}", said=said, sender=person(notice.sender, pack))
    return ruled(said, notice.rule)


def action(one: Action, pack: Pack) -> Said:
    """One thing that follows an outcome."""
    said = word(tables.ACTIONS, one.kind)
    if one.contents:
        contents = listed([word(CONTENTS, content) for content in one.contents])
        said = say("{said}（{contents}）", "{said} ({contents})", said=said, contents=contents)
    if one.channel:
        channel = word(tables.CHANNELS, one.channel)
        said = say("{said}，通过{channel}", "{said}, by {channel}", said=said, channel=channel)
    if one.to:
        said = say("{said}，送{to}", "{said}, to {to}", said=said, to=people(one.to, pack))
    if one.within:
        said = say("{said}，{within}", "{said}, {within}", said=said, within=within(one.within))
    if one.words:
        said = say("{said}，原文{words}", "{said}, in the source's words {words}", said=said, words=quoted(one.words))
    return ruled(said, one.rule)


def outcomes(every: Iterable[tuple[str, tuple[Action, ...]]], pack: Pack) -> Iterator[Said]:
    """What follows each outcome, one sentence an outcome."""
    for outcome, following in every:
        todo = listed([action(one, pack) for one in following], last=Said("；并", "; and "))
        said = say(
            "结果为“{outcome}”时：{todo}", "When the outcome is “{outcome}”: {todo}",
            outcome=word(tables.OUTCOMES, outcome), todo=todo,
        )  # fmt: skip
        yield sentences([said])


def _channels(channels: Iterable[str]) -> Said:
    return either([word(tables.CHANNELS, channel) for channel in channels])


class _Teller:
    """Tells one programme of one pack."""

    def __init__(self, programme: Programme, pack: Pack) -> None:
        self._programme = programme
        self._pack = pack

    def _open(self, key: str) -> bool:
        start = f"programmes.{self._programme.key}.{key}"
        return any(name == start or name.startswith(f"{start}.") for name in self._programme.open_values)

    def _open_deadline(self) -> Said:
        """Which part of the deadline is open: the whole of it, or only what a day is (M-27)."""
        start = f"programmes.{self._programme.key}.deadline."
        inside = [what_is(place_of(name)) for name in self._programme.open_values if name.startswith(start)]
        return say("{what}{open}", "{what}: {open}", what=listed(inside), open=OPEN) if inside else OPEN

    def head(self) -> Said:
        """Its rules, class and purposes."""
        one = self._programme
        parts = [say("依据 {rules}", "Under {rules}", rules="、".join(one.rules) if one.rules else "")]
        if one.group:
            group = self._pack.groups.get(one.group, (one.group, one.group))
            parts.append(say("类别：{group}", "class: {group}", group=Said(*group)))
        if one.purposes:
            purposes = listed([word(tables.PURPOSES, purpose) for purpose in one.purposes])
            parts.append(say("目的：{purposes}", "purpose: {purposes}", purposes=purposes))
        if one.open_values:
            parts.append(
                Said("尚有未定之值，设定前不执行", "some values are open, and it does not run until they are set")
            )
        return Said(sentences(parts).zh, sentences(parts).en.replace("、", ", "))

    def clients(self) -> Said:
        """Whom it concerns."""
        one = self._programme
        scope = OPEN if self._open("scope") else whom(one.scope)
        parts = [say("对象：{scope}", "Whom: {scope}", scope=scope)]
        tests = [
            ruled(
                say("{title}（{when}）", "{title} ({when})", title=quoted(test.title), when=whom(test.when)), test.rule
            )
            for test in one.any_of
        ]
        if self._open("any_of"):
            tests.append(Said("另有标准未定", "a further test that is open"))
        if tests:
            parts.append(
                say("且符合下列之一：{tests}", "and one of these holds: {tests}", tests=listed(tests, last=OR))
            )
        return sentences(parts)

    def when(self) -> Said:
        """What makes it due, and by when."""
        one = self._programme
        parts = [self._trigger()]
        if one.deadline is not None:
            parts.append(say("期限：{within}", "deadline: {within}", within=within(one.deadline)))
        elif self._open("deadline"):
            parts.append(say("期限：{open}", "deadline: {open}", open=self._open_deadline()))
        parts += [word(tables.GATES, gate) for gate in one.gates]
        if one.spread:
            parts.append(Said("首次致电分散在期限内的各日", "first calls are spread over the days of the deadline"))
        return say("何时：{said}", "Due: {said}", said=sentences(parts))

    def _trigger(self) -> Said:
        if not self._open("trigger"):
            return _trigger(self._programme.due)
        due = self._programme.due
        if not due.events:
            return OPEN
        form = Said("发生下列事件：{events}，其余{open}", "when {events}, the rest is {open}")
        return say(form.zh, form.en, events=_events(due), open=OPEN)

    def how_many(self) -> Said:
        """Shares, lists and rotation."""
        one = self._programme
        parts = [*map(_quota, one.quotas), *map(_top, one.tops)]
        if self._open("coverage"):
            parts.append(say("比例{open}", "a share that is {open}", open=OPEN))
        if self._open("top"):
            parts.append(say("名单长度{open}", "a list whose length is {open}", open=OPEN))
        if one.rotation:
            rotation = Said("优先抽取从未回访过的客户", "those never called before are drawn first")
            parts.append(ruled(rotation, one.rotation))
        if not parts:
            return NOTHING
        return say("回访多少：{parts}", "How many: {parts}", parts=sentences(parts))

    def left_out(self) -> Said:
        """Exemptions, suppressions, and events that undo the reason."""
        one = self._programme
        parts = [*map(_exempt, one.exemptions), *(_suppressed(rule, self._pack) for rule in one.suppressions)]
        if self._open("exempt"):
            parts.append(say("另一项豁免的标准{open}", "a further exemption is {open}", open=OPEN))
        if one.cancelled_by:
            events = either([word(tables.EVENTS, event) for event in one.cancelled_by])
            parts.append(say("发生下列事件即取消：{events}", "cancelled when {events}", events=events))
        if not parts:
            return NOTHING
        return say("不回访：{parts}", "Not called: {parts}", parts=sentences(parts))

    def who(self) -> Said:
        """By whom, by which channels, with which script."""
        one = self._programme
        executor = OPEN if self._open("executor") else person(one.executor, self._pack)
        channels = OPEN if self._open("channels") else _channels(one.channels)
        parts = [
            say("执行：{executor}", "By whom: {executor}", executor=executor),
            say("方式：{channels}", "channels: {channels}", channels=channels),
        ]
        if one.special_channels:
            special = _channels(one.special_channels)
            parts.append(say("有理由时也可{special}", "with a reason also {special}", special=special))
        if one.flow:
            parts.append(say("话术：{flow}", "script: {flow}", flow=one.flow))
        if one.by_voice:
            parts.append(self._automatic())
        return sentences(parts)

    def _automatic(self) -> Said:
        if self._open("automatic"):
            return say("机器回访是否有效{open}", "whether a machine's call confirms is {open}", open=OPEN)
        if self._programme.automatic:
            return Said("可由机器回访确认", "a machine's call may confirm")
        return Said("须由人工回访", "people make the call")

    def lists(self) -> Said:
        """Who may change its list, and the message beside the call."""
        one = self._programme
        parts = []
        if one.lists is not None:
            parts.append(
                say("名单由{who}确定", "the list is fixed by {who}", who=person(one.lists.fixed_by, self._pack))
            )
            if one.lists.branch_may:
                acts = listed([word(tables.BRANCH_MAY, act) for act in one.lists.branch_may])
                parts.append(say("营业部可以{acts}", "branches may {acts}", acts=acts))
            if one.lists.thresholds_by:
                who = person(one.lists.thresholds_by, self._pack)
                parts.append(say("标准由{who}确定", "the thresholds are set by {who}", who=who))
            parts[-1] = ruled(parts[-1], one.lists.rule)
        if one.notice is not None:
            parts.append(say("另发信息：{said}", "a message as well: {said}", said=message(one.notice, self._pack)))
        return sentences(parts)

    def passing(self) -> Said:
        """When it is passed."""
        if self._open("passes"):
            return sentences([say("通过标准：{open}", "Passed when: {open}", open=OPEN)])
        if self._programme.passes is None:
            return NOTHING
        said = answered(self._programme.passes)
        return sentences(
            [say("话术各项要求之外的通过标准：{said}", "Passed when, beside what the script asks: {said}", said=said)]
        )

    def what_follows(self) -> Iterator[Said]:
        """What follows each outcome."""
        return outcomes(self._programme.outcomes.items(), self._pack)

    def records(self) -> Said:
        """Recording and retention of its own."""
        one = self._programme
        parts = [word(tables.RECORDING, one.recording)] if one.by_voice else []
        for kind, term in one.retention.items():
            said = say("{kind}保存{term}", "{kind} are kept {term}", kind=word(tables.RECORDS, kind), term=kept(term))
            parts.append(said)
        return sentences(parts)


def _trigger(due: Due) -> Said:
    match due.kind:
        case Trigger.EVENT:
            return _by_event(due)
        case Trigger.PERIOD if due.period is not None:
            return rounds(due.times, due.period)
        case Trigger.INACTIVE if due.after is not None:
            return say(
                "最近一次交易后{time}未再交易时", "when no trade followed the last one {time}", time=within(due.after)
            )
        case Trigger.FESTIVAL:
            days = listed([word(tables.FESTIVALS, day) for day in due.festivals])
            return say("节日当天或之前：{days}", "on or before {days}", days=days)
    departure = Said("负责该客户的员工离职时", "when the member of staff leaves whose clients they are")
    return departure if due.kind is Trigger.DEPARTURE else OPEN


def _by_event(due: Due) -> Said:
    if due.period is None:
        collapse = word(tables.COLLAPSE, due.collapse)
        form = Said("发生下列事件：{events}（{collapse}）", "when {events} ({collapse})")
        return say(form.zh, form.en, events=_events(due), collapse=collapse)
    form = Said(
        "{sampled}，从发生下列事件的客户中抽取：{events}",
        "{sampled}, drawn among the clients of these events: {events}",
    )
    return say(form.zh, form.en, events=_events(due), sampled=rounds(due.times, due.period))


def _events(due: Due) -> Said:
    return either([word(tables.EVENTS, event) for event in due.events])


def _quota(quota: Quota) -> Said:
    part = share(quota.share)
    if quota.of is None:
        said = (
            Said("全部客户", "all of them") if quota.share == 1 else say("不少于 {part}", "at least {part}", part=part)
        )
        return ruled(said, quota.rule)
    return ruled(
        say("其中{of}的不少于 {part}", "at least {part} of these: {of}", part=part, of=whom(quota.of)), quota.rule
    )


def _top(top: TopList) -> Said:
    by = word(tables.FIELDS, top.by) if top.by else _amounts(top)
    said = say("按{by}从大到小的前 {most} 名", "the first {most} by {by}", by=by, most=top.most)
    if top.where is not None:
        said = say("{said}（限{where}）", "{said} (among those with {where})", said=said, where=whom(top.where))
    return ruled(said, top.rule)


def _amounts(top: TopList) -> Said:
    events = listed([word(tables.EVENTS, event) for event in sorted(top.events)])
    return say("{events}的金额合计", "the total amount of these events: {events}", events=events)


def _exempt(exemption: Exemption) -> Said:
    said = say(
        "{when}的不回访，理由{reason}", "no call where {when}, because {reason}",
        when=whom(exemption.when), reason=quoted(exemption.reason),
    )  # fmt: skip
    return ruled(said, exemption.rule)


def _suppressed(rule: Suppression, pack: Pack) -> Said:
    earlier = titles(rule.programmes, pack) if rule.programmes else Said("任何回访", "any call-back")
    if rule.within is not None:
        span = say("本{period}内", "in the same {period}", period=word(tables.PERIODS, rule.within))
    else:
        span = say("前 {months} 个月内", "in the {months} months before", months=rule.lookback_months)
    said = say("{span}已作{earlier}的不再回访，理由{reason}", "no call after {earlier} {span}, because {reason}",
               span=span, earlier=earlier, reason=quoted(rule.reason))  # fmt: skip
    if rule.same_flow:
        said = say("{said}（话术版本相同时）", "{said} (with the same version of the script)", said=said)
    return ruled(said, rule.rule)
