"""A policy pack explained in words, in Chinese or in English: what a compliance officer reads instead of YAML.

The rule of this module: pure, and complete: every value that plans, dials or keeps something is told with its rule, and
every open value is listed with what it means and the shape in which the firm sets it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from dialer.calling.dispositions import NOT_THE_CLIENTS, Disposition
from dialer.programmes import words_tables as tables
from dialer.programmes.amount_words import duration, hours, kept, rounds, within
from dialer.programmes.expression_words import whom
from dialer.programmes.model import Avoidance, Cap, CapPer, Executor, FollowUp, Pack, Rung, TimeLimit
from dialer.programmes.opened import meaning, place_of, what_is
from dialer.programmes.programme_words import OPEN, message, people, person, titles, told
from dialer.programmes.said import Language, Said, listed, quoted, rule_ids, ruled, say, sentences, word

BY_OWN_STAFF = Said("由客户自己的服务人员执行的回访", "the client's own member of staff makes the call")
KEPT = Said("{kind}的保存年限{open}；设定前一直保存", "For {kind} the term is {open}; until then they are kept")
ORDINARY = Said("{what}{open}；设定前按一般时段", "{what}: {open}; until then the ordinary hours")
TEMPLATE = Said(
    "设定方法：huifang pack new {name} 打印公司自己的制度包，每个未定之值都在其位置上，填入即可。",
    "To set them: huifang pack new {name} prints a pack of the firm's own with each open value at its place.",
)


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the explanation: ``key`` is ``windows``, ``programme.KEY`` and so on; ``rules`` are its rule ids."""

    title: str
    key: str
    paragraphs: tuple[str, ...]
    rules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PackWords:
    """The whole explanation."""

    sections: tuple[Section, ...]

    def section(self, key: str) -> Section:
        """The section with that key; KeyError when there is none."""
        return {section.key: section for section in self.sections}[key]


@dataclass(frozen=True, slots=True)
class _Both:
    """A section in both languages."""

    key: str
    title: Said
    paragraphs: tuple[Said, ...]
    rules: tuple[str, ...] = ()


def explain(pack: Pack, language: Language) -> PackWords:
    """``pack`` in words, section by section; what is open is told to be open."""
    return PackWords(tuple(_in(section, language) for section in _sections(pack) if section.paragraphs))


def _in(section: _Both, language: Language) -> Section:
    paragraphs = tuple(paragraph.words(language) for paragraph in section.paragraphs)
    return Section(section.title.words(language), section.key, paragraphs, section.rules)


def _sections(pack: Pack) -> Iterator[_Both]:
    yield _Both("pack", Said("制度", "The pack"), tuple(_about(pack)))
    yield _Both("windows", Said("可拨时段", "When clients may be called"), *_windows(pack))
    yield _Both("caps", Said("次数上限与间隔", "How often"), *_caps(pack))
    yield _Both("retries", Said("重拨", "Retries"), *_retries(pack))
    yield _Both("follow_ups", Said("回电与预约", "Promised and agreed calls"), tuple(_follow_ups(pack)))
    yield _Both(
        "people", Said("由谁回访", "Who calls"), tuple(_people(pack)), _ids(pack.executors.values(), pack.avoidance)
    )
    yield _Both("merging", Said("合并与拒绝", "One contact, and refusals"), tuple(_merging(pack)), _merging_rules(pack))
    for key, one in pack.programmes.items():
        title = Said(one.title, one.title_en)
        yield _Both(f"programme.{key}", title, tuple(told(one, pack)), one.rules)
    yield _Both("problems", Said("问题处理时限", "Problem handling"), *_limits(pack.limits.values(), pack))
    yield _Both("reports", Said("报告", "Reports"), *_limits(pack.reports.values(), pack))
    yield _Both("retention", Said("保存期限", "Retention"), tuple(_retention(pack)), _ids(pack.retention.values()))
    yield _Both("open", Said("未定之值", "Open values"), tuple(_open(pack)))


def _ids(*groups: Iterable[object]) -> tuple[str, ...]:
    return rule_ids(*(str(getattr(one, "rule", "")) for group in groups for one in group))


# --- the pack as a whole ---------------------------------------------------------------------------------------------


def _about(pack: Pack) -> Iterator[Said]:
    parts = [
        say("制度包 {name}：{title}", "Pack {name}: {title}", name=pack.name, title=Said(pack.title, pack.title_en))
    ]
    if pack.lineage:
        below = listed([Said(name, name) for name in pack.lineage])
        parts.append(say("叠加在 {below} 之上", "laid over {below}", below=below))
    if pack.reviewed_on:
        parts.append(say("最近评估日 {day}", "rules last evaluated on {day}", day=pack.reviewed_on.isoformat()))
    if "universe" in pack.open_values:
        parts.append(say("适用客户{open}", "the clients it concerns are {open}", open=OPEN))
    elif pack.universe is not None:
        parts.append(say("适用客户：{whom}", "clients it concerns: {whom}", whom=whom(pack.universe)))
    yield sentences(parts)
    if pack.groups:
        classes = listed([Said(*titles_of) for titles_of in pack.groups.values()])
        yield sentences([say("回访类别：{classes}", "Classes of call-backs: {classes}", classes=classes)])
    for key, text in pack.provisions.items():
        about = word(tables.PROVISIONS, key)
        yield say("{about}：{text}", "{about}, in the source's words: {text}", about=about, text=quoted(text.strip()))


# --- when and how often ----------------------------------------------------------------------------------------------


def _windows(pack: Pack) -> tuple[tuple[Said, ...], tuple[str, ...]]:
    if pack.windows is None:
        return (sentences([_unsaid(Said("可拨时段", "The windows"), "windows", pack)]),), ()
    windows, extra = pack.windows, []
    for segment in windows.segments:
        said = say("{whom}：{hours}", "{whom}: {hours}", whom=whom(segment.when), hours=hours(segment.hours))
        extra.append(say("另有时段的客户，{said}", "Clients with hours of their own, {said}", said=said))
    if windows.appointments is not None:
        said = hours(windows.appointments)
        extra.append(say("仅供客户预约：{said}", "For appointments only, in addition: {said}", said=said))
    for name in pack.unset:
        if name.startswith("windows."):
            extra.append(say(ORDINARY.zh, ORDINARY.en, what=what_is(place_of(name)), open=OPEN))
    rules = _ids([windows.hours, windows.appointments], [segment.hours for segment in windows.segments])
    ordinary = say("可以致电：{said}", "Calls are allowed {said}", said=hours(windows.hours))
    return tuple(sentences([one]) for one in (ordinary, *extra)), rules


def _unsaid(what: Said, key: str, pack: Pack) -> Said:
    """A value that a pack without complete contact rules does not tell: open, or set while others are open."""
    if key in pack.open_values:
        return say("{what}{open}", "{what}: {open}", what=what, open=OPEN)
    return say(
        "{what}已设定，其余联系规则设定后一并列出", "{what}: set, told when the other contact rules are set", what=what
    )


def _caps(pack: Pack) -> tuple[tuple[Said, ...], tuple[str, ...]]:
    parts = [_cap(cap, pack) for cap in pack.caps]
    if "caps" in pack.open_values:
        parts.append(_unsaid(Said("次数上限", "The caps"), "caps", pack))
    interval, ring = Said("两次致电的间隔", "The interval between two calls"), Said("振铃时长", "The ring limit")
    contact = pack.contact
    if contact is None:
        parts += [_unsaid(interval, "interval", pack), _unsaid(ring, "ring_limit", pack)]
    else:
        parts.append(
            say("{what}至少 {time}", "{what} is at least {time}", what=interval, time=duration(contact.interval))
        )
        parts.append(say("{what} {time}", "{what} is {time}", what=ring, time=duration(contact.ring_limit)))
    return tuple(sentences([part]) for part in parts), _ids(pack.caps)


def _cap(cap: Cap, pack: Pack) -> Said:
    what = Said("通话", "talks") if cap.answered_only else Said("拨打", "attempts")
    each = Said("同一号码", "One number") if cap.by_number else Said("同一客户", "One client")
    per = word(tables.PERIODS, cap.per)
    form = Said("每{per}", "per {per}") if cap.per is not CapPer.ROLLING_24H else Said("{per}内", "in {per}")
    said = say("{each}{form}最多{what} {most} 次", "{each}: at most {most} {what} {form}",
               each=each, form=say(form.zh, form.en, per=per), what=what, most=cap.most)  # fmt: skip
    if cap.when is not None:
        said = say("{said}，只限{whom}", "{said}, only for {whom}", said=said, whom=whom(cap.when))
    if cap.exempt:
        exempt = titles(cap.exempt, pack)
        said = say("{said}，{exempt}不计入也不受限", "{said}; {exempt} neither count nor are stopped",
                   said=said, exempt=exempt)  # fmt: skip
    return ruled(said, cap.rule)


def _retries(pack: Pack) -> tuple[tuple[Said, ...], tuple[str, ...]]:
    if pack.contact is None:
        return (sentences([_unsaid(Said("重拨规则", "The retries"), "retries", pack)]),), ()
    retries = pack.contact.retries
    form = Said(
        "一次回访对全部号码合计最多拨打 {total} 次", "One call-back gets at most {total} attempts over all numbers"
    )
    total = say(form.zh, form.en, total=retries.total)
    rungs = [sentences([_rung(disposition, rung)]) for disposition, rung in retries.rungs.items()]
    return (sentences([ruled(total, retries.rule)]), *rungs), _ids([retries])


def _rung(disposition: Disposition, rung: Rung) -> Said:
    ended = word(tables.DISPOSITIONS, disposition)
    if rung.most == 0:
        return say("{ended}：不再拨打", "{ended}: not dialed again", ended=ended)
    said = say("{ended}：{delay}后重拨", "{ended}: again after {delay}", ended=ended, delay=duration(rung.delay))
    if rung.most is not None:
        said = say(
            "{said}，至多 {most} 次如此结束", "{said}, at most {most} attempts that end so", said=said, most=rung.most
        )
    if rung.other_day_part:
        said = say("{said}，换一个时段", "{said}, in another part of the day", said=said)
    if disposition in NOT_THE_CLIENTS:
        said = say("{said}，不计次数", "{said}, uses up no attempt", said=said)
    return said


def _follow_ups(pack: Pack) -> Iterator[Said]:
    contact = pack.contact
    if contact is None:
        yield sentences([_unsaid(Said("回电与预约的规则", "Promised and agreed calls"), "follow_ups", pack)])
        return
    yield sentences([_follow_up(Said("承诺的回电", "Promised calls"), contact.promised_callback)])
    yield sentences([_follow_up(Said("客户预约的回访", "Calls the client asked for"), contact.appointment)])
    if contact.appointment_early:
        early = duration(contact.appointment_early)
        yield sentences(
            [say("预约时间前 {early}内可以拨打", "Up to {early} before the agreed time is allowed", early=early)]
        )


def _follow_up(what: Said, rung: FollowUp) -> Said:
    form = Said("{what}：{delay}后，至多 {most} 次", "{what}: after {delay}, at most {most} times")
    return say(form.zh, form.en, what=what, delay=duration(rung.delay), most=rung.most)


# --- who -------------------------------------------------------------------------------------------------------------


def _people(pack: Pack) -> Iterator[Said]:
    for executor in pack.executors.values():
        yield sentences([_executor(executor)])
    for rule in pack.avoidance:
        yield sentences([_avoidance(rule, pack)])
    yield sentences([_own_clients(pack)])


def _executor(executor: Executor) -> Said:
    said = say("{title}（{level}）", "{title} ({level})",
               title=Said(executor.title, executor.title_en), level=word(tables.LEVELS, executor.level))  # fmt: skip
    if executor.series:
        series = listed([word(tables.SERIES, one) for one in sorted(executor.series)])
        said = say("{said}，限{series}人员", "{said}, staff of the series {series} only", said=said, series=series)
    return ruled(said, executor.rule)


def _avoidance(rule: Avoidance, pack: Pack) -> Said:
    kept_away = [word(tables.SERIES, one) for one in sorted(rule.series)]
    kept_away += [Said("客户的开发人员", "the client's introducer")] if rule.introducer else []
    said = say("不得回访：{who}", "Must not call: {who}", who=listed(kept_away))
    if rule.programmes:
        said = say("{said}，限于{which}", "{said}, in {which}", said=said, which=titles(rule.programmes, pack))
    return ruled(said, rule.rule)


def _own_clients(pack: Pack) -> Said:
    """E-04 holds in every pack; the gate knows one exception (E-07)."""
    said = Said("任何人不得回访本人介绍开户的客户", "Nobody calls a client whom he introduced himself")
    if any(executor.level == "staff" for executor in pack.executors.values()):
        said = say("{said}，{but}除外", "{said}, except where {but}", said=said, but=BY_OWN_STAFF)
    return ruled(said, "E-04")


def _merging(pack: Pack) -> Iterator[Said]:
    one = Said("同一客户的到期事项合并为一次致电", "Due items of one client are one call")
    yield sentences([ruled(one, pack.merging.rule)])
    for apart in pack.merging.apart:
        yield sentences([say("不合并：{which}", "Never together: {which}", which=titles(apart, pack))])
    if pack.refusal is not None:
        said = message(pack.refusal, pack)
        yield sentences([say("客户不愿接电话时发送：{said}", "A client who wants no call gets {said}", said=said)])


def _merging_rules(pack: Pack) -> tuple[str, ...]:
    return rule_ids(pack.merging.rule, pack.refusal.rule if pack.refusal else "")


# --- afterwards ------------------------------------------------------------------------------------------------------


def _limits(limits: Iterable[TimeLimit], pack: Pack) -> tuple[tuple[Said, ...], tuple[str, ...]]:
    every = list(limits)
    return tuple(sentences([_limit(limit, pack)]) for limit in every), _ids(every)


def _limit(limit: TimeLimit, pack: Pack) -> Said:
    said = Said(limit.title, limit.title_en)
    if limit.owner:
        said = say("{said}：由{owner}办理", "{said}: owed by {owner}", said=said, owner=person(limit.owner, pack))
    if limit.to:
        said = say("{said}，送{to}", "{said}, to {to}", said=said, to=people(limit.to, pack))
    if limit.every is not None:
        said = say("{said}，{every}", "{said}, {every}", said=said, every=rounds(1, limit.every))
    if limit.within is not None:
        said = say("{said}，{within}", "{said}, {within}", said=said, within=within(limit.within))
    if limit.words:
        said = say("{said}，原文{words}", "{said}, in the source's words {words}", said=said, words=quoted(limit.words))
    if any(name.split(".")[1:2] == [limit.key] for name in pack.unset):
        said = say("{said}；时限{open}", "{said}; its time is {open}", said=said, open=OPEN)
    told_of = rule_ids(limit.within.rule) if limit.within is not None else ()
    return ruled(said, *(rule for rule in rule_ids(limit.rule) if rule not in told_of))


def _retention(pack: Pack) -> Iterator[Said]:
    for kind, term in pack.retention.items():
        said = say("{kind}保存{term}", "{kind} are kept {term}", kind=word(tables.RECORDS, kind), term=kept(term))
        yield sentences([said])
    for name in pack.unset:
        if name.startswith("retention."):
            records = word(tables.RECORDS, name.split(".")[1])
            yield sentences([say(KEPT.zh, KEPT.en, kind=records, open=OPEN)])


def _open(pack: Pack) -> Iterator[Said]:
    for name in pack.everything_open():
        yield say("{name}：{meaning}", "{name}: {meaning}", name=name, meaning=meaning(pack, name))
    if pack.everything_open():
        yield say(TEMPLATE.zh, TEMPLATE.en, name=pack.name)
