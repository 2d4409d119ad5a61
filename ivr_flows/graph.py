"""Draws a flow so that a person understands it: what is asked in which order, which answer leads where.

Optionally with the arrows that rehearsals walked, and with the numbers of real calls on every arrow and the clients who
hung up at each step. One SVG without scripts, the same for the same input; colours never tell anything alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from html import escape

from ivr_flows.layout import (
    ARROWS_WIDTH,
    BOX_WIDTH,
    HEAD,
    LEFT,
    LINE,
    MARGIN,
    RIGHT,
    TEXT_WIDTH,
    Arrow,
    Group,
    Layout,
    Leads,
    Row,
    lay_out,
    passage,
    said,
    shortened,
    width_of,
)
from ivr_flows.model import Ask, Choice, Digits, End, Flow, Handoff, Match, Say, Scale, Step, targets

Depth = tuple[bool, float]
Words = Callable[[str, str], str]
"""(kind, code) -> the word on the picture; kinds: `verb`, `lead` (an outcome), `note`."""

STYLE = """\
.flow-map text{font:12.5px system-ui,-apple-system,"Segoe UI","PingFang SC","Microsoft YaHei",\
"Noto Sans CJK SC",sans-serif;fill:#1f2a37}
.flow-map .title{font-size:16px;font-weight:600}.flow-map .id{font-weight:600}
.flow-map .s,.flow-map .verb{font-size:11.5px;fill:#566273}.flow-map .n{font-size:11.5px;text-anchor:end}
.flow-map .ground{fill:#fff}.flow-map .group{fill:#f3f5f8;stroke:#d9dee5}
.flow-map .group-name{font-size:12px;fill:#566273;font-weight:600}
.flow-map .box{fill:#fff;stroke:#8592a3}.flow-map .split{stroke:#e3e7ec}
.flow-map .box.say{fill:#f4f8fd}.flow-map .box.handoff{fill:#fff3cd;stroke:#b58900;stroke-width:2}
.flow-map .box.end{fill:#e9ecef;stroke:#566273;stroke-width:2}.flow-map .box.passed{fill:#e2f2e7;stroke:#1c6b3c}
.flow-map .box.not_passed{fill:#fbe9e9;stroke:#9b2c2c}.flow-map .box.refused{fill:#fdf2dc;stroke:#7a4d00}
.flow-map .agent{fill:#fff3cd;stroke:#d9b44a}.flow-map .line{fill:none;stroke:#6c7a8a}.flow-map .tip{fill:#6c7a8a}
.flow-map .line.walked{stroke:#1c6b3c}.flow-map .tip.walked{fill:#1c6b3c}.flow-map text.walked{fill:#1c6b3c}
.flow-map .line.never{stroke:#b3541e;stroke-dasharray:5 4}.flow-map .tip.never{fill:#b3541e}\
.flow-map text.never{fill:#b3541e}
.flow-map .lost{fill:#9b2c2c}.flow-map text.lost{font-weight:600}.flow-map .bar{fill:#c9d6e4}
"""
"""For light pages; a page that forbids styles inside takes this as its style sheet."""

DARK = """\
@media (prefers-color-scheme:dark){.flow-map text{fill:#e6e9ee}
.flow-map .s,.flow-map .verb,.flow-map .group-name{fill:#aab4c0}
.flow-map .ground{fill:#14181d}.flow-map .group{fill:#1b2129;stroke:#39424e}.flow-map .box{fill:#222a33;stroke:#76859a}
.flow-map .split{stroke:#39424e}.flow-map .box.say{fill:#1f2c3a}.flow-map .box.handoff,.flow-map .agent{fill:#4a3d10;\
stroke:#c9a227}
.flow-map .box.end{fill:#30363d;stroke:#aab4c0}.flow-map .box.passed{fill:#17382a;stroke:#5fbf88}
.flow-map .box.not_passed{fill:#43211f;stroke:#e08a80}.flow-map .box.refused{fill:#40330f;stroke:#d9b44a}
.flow-map .line{stroke:#8fa0b3}.flow-map .tip{fill:#8fa0b3}
.flow-map .line.walked{stroke:#5fbf88}.flow-map .tip.walked,.flow-map text.walked{fill:#5fbf88}
.flow-map .line.never{stroke:#f0a070}.flow-map .tip.never,.flow-map text.never{fill:#f0a070}
.flow-map .lost,.flow-map text.lost{fill:#f09a90}.flow-map .bar{fill:#3a4a5c}}
"""

_THINNEST, _THICKEST = 1.5, 8.0
TIP, NUMBERS_WIDTH = 9, 76


@dataclass(frozen=True, slots=True)
class Calls:
    """Real calls: how many came to each step, walked each arrow, and lost their client (who hung up) at each step."""

    total: int = 0
    entered: Mapping[str, int] = field(default_factory=dict)
    arrows: Mapping[Arrow, int] = field(default_factory=dict)
    lost: Mapping[str, int] = field(default_factory=dict)

    def share(self, arrow: Arrow) -> float:
        """The part of the calls at its step that walked the arrow, 0 to 1."""
        return self._part(self.arrows.get(arrow, 0), arrow[0])

    def lost_share(self, step: str) -> float:
        """The part of the calls at the step that were lost there, 0 to 1."""
        return self._part(self.lost.get(step, 0), step)

    def _part(self, number: int, step: str) -> float:
        entered = self.entered.get(step, 0)
        return min(number / entered, 1.0) if entered else 0.0


def plain(_kind: str, code: str) -> str:
    """A code as an English word."""
    return _PLAIN.get(code, code.replace("_", " "))


_PLAIN = {"no_match": "wrong answers", "no_input": "silence", "unavailable": "no agent is free"}


def to_svg(
    flow: Flow,
    *,
    coverage: Mapping[Arrow, int] | None = None,
    calls: Calls | None = None,
    words: Words = plain,
    standalone: bool = True,
) -> str:
    """The flow as one SVG document.

    `coverage`: how many rehearsals walk each arrow. `calls`: real calls. `words`: the labels in the reader's language.
    `standalone`: with its style inside (light and dark); else the page has STYLE.
    """
    return "\n".join(_Drawing(flow, coverage, calls, words).document(standalone))


def drop_outs(flow: Flow, calls: Calls) -> dict[str, int]:
    """Step -> clients who hung up there; whoever hangs up in the goodbye has not dropped out."""
    return {step: lost for step, lost in calls.lost.items() if not isinstance(flow.steps.get(step), End)}


def _tag(name: str, text: str = "", /, **attributes: object) -> str:
    told = "".join(f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"' for key, value in attributes.items())
    return f"<{name}{told}>{text}</{name}>" if text else f"<{name}{told}/>"


def _text(x: float, y: float, text: str, class_: str) -> str:
    return _tag("text", escape(text), x=round(x), y=y, **({"class_": class_} if class_ else {}))


class _Drawing:
    """One picture in the making."""

    def __init__(self, flow: Flow, coverage: Mapping[Arrow, int] | None, calls: Calls | None, words: Words) -> None:
        self._flow, self._coverage, self._calls, self._words = flow, coverage, calls, words
        self._lost = drop_outs(flow, calls) if calls else {}
        self._layout = lay_out(flow, self._besides(), dict.fromkeys(self._lost, 1))

    def _besides(self) -> dict[str, list[str]]:
        """Outcomes that are not written at a step and were taken nevertheless: a wish, the limit of turns."""
        found: dict[str, list[str]] = defaultdict(list)
        seen = {**(self._coverage or {}), **(self._calls.arrows if self._calls else {})}
        for step, outcome in sorted(seen):
            if step in self._flow.steps and outcome not in targets(self._flow.steps[step]):
                found[step].append(outcome)
        return found

    def document(self, standalone: bool) -> Iterator[str]:
        """Line by line."""
        layout, flow = self._layout, self._flow
        size = {"viewBox": f"0 0 {layout.width} {layout.height}", "width": layout.width, "height": layout.height}
        named = {"aria_labelledby": "flow-map-title flow-map-desc", "lang": flow.language}
        head = f"{flow.title} · {flow.name} v{flow.version} · {flow.language} · {_short(flow.hash)}"
        opening = _tag("svg", " ", xmlns="http://www.w3.org/2000/svg", class_="flow-map", role="img", **named, **size)
        yield opening.removesuffix(" </svg>")
        yield _tag("title", escape(head), id="flow-map-title")
        yield _tag("desc", escape(self._summary()), id="flow-map-desc")
        if standalone:
            yield f"<style>{STYLE}{DARK}</style>"
        yield _tag("rect", width=layout.width, height=layout.height, class_="ground")
        yield _text(MARGIN, 26, shortened(head, layout.width - 2 * MARGIN, 16), "title")
        yield from self._legend()
        yield from map(_band, layout.groups, [layout] * len(layout.groups), [self._heading] * len(layout.groups))
        yield from self._lines()
        for row in layout.rows.values():
            yield from self._box(row)
        yield "</svg>"

    def _summary(self) -> str:
        told = [f"{len(self._flow.steps)} {self._words('note', 'steps')}"]
        if self._coverage is not None:
            walked = sum(1 for times in self._coverage.values() if times)
            told.append(f"{walked}/{len(self._coverage)} {self._words('note', 'walked')}")
        if self._calls:
            told.append(f"{self._calls.total} {self._words('note', 'calls')}")
            told.append(f"{sum(self._lost.values())} {self._words('note', 'hung_up')}")
        return " · ".join(told)

    def _legend(self) -> Iterator[str]:
        yield _text(MARGIN, 46, self._summary(), "s")
        if self._coverage is None:
            return
        x = MARGIN + width_of(self._summary(), 11.5) + 24
        for state in ("walked", "never"):
            word = f"{_SIGNS[state]} {self._words('note', state)}"
            yield _tag("path", d=f"M{x:.0f} 42h28", class_=f"line {state}", stroke_width=2.5)
            yield _text(x + 34, 46, word, f"s {state}")
            x += 34 + width_of(word, 11.5) + 20

    def _heading(self, group: Group) -> str:
        if not group.name:
            return self._flow.title
        return f"{self._words('note', 'passage')} {group.name}" if group.name not in self._flow.parts else group.name

    # --- steps -------------------------------------------------------------------------------------------------------

    def _box(self, row: Row) -> Iterator[str]:
        step, verb = row.step, type(row.step).__name__.lower()
        end = step.outcome or "" if isinstance(step, End) else ""
        rounded = row.height / 2 if isinstance(step, End) and row.height < 80 else 14 if verb == "end" else 6
        yield f'<g id="{escape("map-" + step.id)}">'
        yield _tag("title", escape(f"{step.id}: {said(self._flow, step)} [{' '.join(step.rules)}]"))
        where = {"x": LEFT, "y": row.y, "width": BOX_WIDTH, "height": row.height, "rx": min(rounded, 18)}
        yield _tag("rect", class_=f"box {verb} {end}".strip(), **where)
        yield from self._headline(row, verb)
        x = LEFT + 14
        for number, line in enumerate((*row.lines, self._note(step))):
            class_ = "" if number < len(row.lines) else "s"
            yield _text(x, row.y + HEAD + LINE * number + 12, shortened(line, TEXT_WIDTH - 22, 12.5), class_)
        if row.leads:
            split = LEFT + TEXT_WIDTH
            yield _tag("path", d=f"M{split} {row.y + HEAD - 2}V{row.bottom - 6}", class_="split")
        for lead in row.leads:
            yield from self._outcome(step.id, lead)
        if lost := self._lost.get(step.id):
            yield from self._lost_here(row, lost)
        yield "</g>"

    def _headline(self, row: Row, verb: str) -> Iterator[str]:
        step = row.step
        word = ("☎ " if isinstance(step, Handoff) else "■ " if isinstance(step, End) else "") + self._words(
            "verb", verb
        )
        yield _text(LEFT + 14, row.y + 18, shortened(step.id, TEXT_WIDTH - 120, 13), "id")
        used = width_of(shortened(step.id, TEXT_WIDTH - 120, 13), 14.5)
        yield _text(LEFT + 24 + used, row.y + 18, word, "verb")
        if self._calls:
            number = f"{self._calls.entered.get(step.id, 0):,} {self._words('note', 'calls')}"
            yield _text(RIGHT - 12, row.y + 18, number, "n id")
        taken = LEFT + 34 + used + width_of(word, 11.5)
        room = RIGHT - (110 if self._calls else 12) - taken
        yield _tag(
            "text", escape(shortened(" ".join(step.rules), room, 11.5)), x=round(taken), y=row.y + 18, class_="s"
        )

    def _note(self, step: Step) -> str:
        """The condition under which it counts as passed, and when it is asked at all."""
        kept = [self._right(step)]
        if step.when:
            kept.append(f"{self._words('note', 'when')}: {step.when}")
        return " · ".join(filter(None, kept))

    def _right(self, step: Step) -> str:
        right = self._words("note", "pass")
        match step:
            case Ask(check=str(check)) | Choice(check=str(check)) | Match(check=check) | Digits(check=str(check)):
                return f"{right}: {check}"
            case Ask(expected=wanted) | Choice(expected=wanted) if wanted != "any":
                return f"{right}: {self._words('lead', wanted)}"
            case Say(mandatory=True):
                return self._words("note", "mandatory")
            case Scale(top=top):
                return f"1–{top}"
            case End(outcome=outcome, follow_up=follow_up):
                return self._words("note", outcome or follow_up or "")
            case _:
                return ""

    def _outcome(self, step: str, lead: Leads) -> Iterator[str]:
        x, arrow = LEFT + TEXT_WIDTH + 12, (step, lead.outcome)
        state = self._state(arrow)
        sign = f"{_SIGNS[state]} " if state else ""
        if self._calls:
            share = self._calls.share(arrow)
            length = round((ARROWS_WIDTH - NUMBERS_WIDTH - 14) * share)
            yield _tag("rect", x=x - 4, y=lead.y - 11, width=length, height=LINE - 3, rx=3, class_="bar")
            number = _number(self._calls.arrows.get(arrow, 0), share)
            yield _text(RIGHT - 12, lead.y + 2, number, "n" if share else "n s")
        name = shortened(sign + self._words("lead", lead.outcome), 120, 12.5)
        yield _text(x, lead.y + 2, name, state)
        yield from self._where(step, lead, x + 132, f"s {state}".strip())

    def _where(self, step: str, lead: Leads, x: int, class_: str) -> Iterator[str]:
        """The end of an arrow in words: below, an agent, or the name of a step."""
        room = ARROWS_WIDTH - 150 - (NUMBERS_WIDTH if self._calls else 0)
        short = {"down": "↓", "mark": f"☎ {self._words('note', 'agent')}"}
        shown = short.get(lead.way, f"→ {self._near(step, lead.target)}")
        if width_of(shown, 11.5) > room and "." in lead.target:
            shown = f"→ …{lead.target.rpartition('.')[2]}"
        shown = shortened(shown, room, 11.5)
        if lead.way == "mark":
            mark = {"x": x - 5, "y": lead.y - 11, "width": round(width_of(shown, 12.5)) + 10, "height": 16}
            yield _tag("rect", class_="agent", rx=8, **mark)
        yield _text(x, lead.y + 2, shown, class_)

    def _near(self, step: str, target: str) -> str:
        """The target's name, without that of the passage both are in."""
        within = passage(self._flow, target)
        return target.removeprefix(f"{within}.") if within == passage(self._flow, step) else target

    def _lost_here(self, row: Row, lost: int) -> Iterator[str]:
        """The clients who hung up at this step."""
        x, y = LEFT + TEXT_WIDTH + 12, row.y + HEAD + LINE * len(row.leads) + 13
        share = self._calls.lost_share(row.step.id) if self._calls else 0.0
        yield _text(x, y, f"✕ {self._words('note', 'hung_up')}", "lost")
        yield _text(RIGHT - 12, y, _number(lost, share), "n lost")

    # --- lines -------------------------------------------------------------------------------------------------------

    def _state(self, arrow: Arrow) -> str:
        if self._coverage is None:
            return ""
        return "walked" if self._coverage.get(arrow) else "never"

    def _lines(self) -> Iterator[str]:
        """What nobody walked lies below; then thick ones first, so that thin ones stay visible."""
        found = [line for row in self._layout.rows.values() for line in self._of_row(row)]
        return (line for _, line in sorted(found, key=lambda pair: pair[0]))

    def _of_row(self, row: Row) -> Iterator[tuple[Depth, str]]:
        down = [(row.step.id, lead.outcome) for lead in row.leads if lead.way == "down"]
        if down:
            target = next(lead.target for lead in row.leads if lead.way == "down")
            end = self._layout.rows[target].y - 1
            yield self._line(f"M{LEFT + 60} {row.bottom}V{end - TIP + 1}", down, target, (LEFT + 60, end))
        for lead in row.leads:
            if lead.way == "lane":
                end = self._layout.rows[lead.target].y + 13
                way = _around(lead.y - 2, self._layout.lanes[lead.target], end)
                yield self._line(way, [(row.step.id, lead.outcome)], lead.target, (RIGHT + 1, end))

    def _line(self, way: str, arrows: list[Arrow], target: str, end: tuple[int, int]) -> tuple[Depth, str]:
        share = min(sum(map(self._calls.share, arrows)), 1.0) if self._calls else 0.0
        thick = round(_THINNEST + (_THICKEST - _THINNEST) * share, 1)
        states = set(map(self._state, arrows))
        state = "walked" if "walked" in states else states.pop()
        outcomes = ", ".join(self._words("lead", outcome) for _, outcome in arrows)
        title = _tag("title", escape(f"{arrows[0][0]}: {outcomes} → {target}"))
        path = _tag("path", d=way, class_=f"line {state}".strip(), stroke_width=thick)
        return (state != "never", -thick), f"<g>{title}{path}{_tip(*end, thick, state, down=end[0] < RIGHT)}</g>"


_SIGNS = {"walked": "●", "never": "○"}


def _number(calls: int, share: float) -> str:
    return f"{calls:,} · {share:.1%}" if 0 < share < 0.1 else f"{calls:,} · {share:.0%}"


def _short(flow_hash: str) -> str:
    return "+".join(part[:12] for part in flow_hash.split("+"))


def _tip(x: int, y: int, thick: float, state: str, *, down: bool) -> str:
    """An arrow head that ends at the place, a little wider than its line."""
    half = round(3 + thick * 0.6, 1)
    back = f"L{x - half} {y - TIP}H{x + half}z" if down else f"L{x + TIP} {y - half}V{y + half}z"
    return _tag("path", d=f"M{x} {y}{back}", class_=f"tip {state}".strip())


def _band(group: Group, layout: Layout, heading: Callable[[Group], str]) -> str:
    where = {"x": MARGIN, "y": group.top, "width": RIGHT - MARGIN + 10, "height": group.bottom - group.top, "rx": 10}
    name = shortened(heading(group), layout.width - LEFT - 40, 12)
    return _tag("rect", class_="group", **where) + _text(LEFT, group.top + 17, name, "group-name")


def _around(y: int, lane: int, target_y: int) -> str:
    """Out to the right, along the lane, and back in, with rounded corners."""
    turn = 6 if target_y > y else -6
    if abs(target_y - y) < 12:
        return f"M{RIGHT} {y}H{lane}V{target_y}H{RIGHT + TIP}"
    out, back = f"M{RIGHT} {y}H{lane - 6}Q{lane} {y} {lane} {y + turn}", f"Q{lane} {target_y} {lane - 6} {target_y}"
    return f"{out}V{target_y - turn}{back}H{RIGHT + TIP}"
