"""Where everything of a drawn flow stands, in pixels: one row a step in the order of the document, grouped by passage.

What leads to the next row is a line down, what leads to an agent only a mark; every other arrow leaves at the right,
runs along a lane of its target and comes back in. Lanes are shared wherever their arrows do not overlap.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from ivr_flows.model import Flow, Step, targets

Arrow = tuple[str, str]
"""A step and its outcome."""

MARGIN, HEADER = 16, 74
TEXT_WIDTH, ARROWS_WIDTH = 380, 330
BOX_WIDTH = TEXT_WIDTH + ARROWS_WIDTH
LEFT = MARGIN + 10
RIGHT = LEFT + BOX_WIDTH
HEAD, LINE, FOOT, GAP, BETWEEN, LANE = 28, 17, 7, 24, 46, 13
MOST_LINES = 2
_NARROW, _CAPITAL, _WIDE = 0.56, 0.68, 1.0


@dataclass(frozen=True, slots=True)
class Leads:
    """One outcome of a step and where it goes: `down`, by `mark` (an agent), or by a lane."""

    outcome: str
    target: str
    way: str
    y: int


@dataclass(frozen=True, slots=True)
class Row:
    """One step: its top edge, its height, the lines of its text, and its outcomes."""

    step: Step
    y: int
    height: int
    lines: tuple[str, ...]
    leads: tuple[Leads, ...]

    @property
    def bottom(self) -> int:
        """The lower edge."""
        return self.y + self.height


@dataclass(frozen=True, slots=True)
class Group:
    """The rows of one passage, or of the flow's own steps between two passages (an empty name)."""

    name: str
    top: int
    bottom: int


@dataclass(frozen=True, slots=True)
class Layout:
    """The whole picture: rows by step, groups, the x of each target's lane, and the size."""

    rows: Mapping[str, Row]
    groups: Sequence[Group]
    lanes: Mapping[str, int]
    width: int
    height: int


def lay_out(flow: Flow, walked: Mapping[str, Sequence[str]], extra: Mapping[str, int]) -> Layout:
    """The places of all steps.

    `walked` are outcomes that calls took besides those written (a wish leads to the agent from everywhere), by step;
    `extra` the number of lines to keep free below a step's outcomes.
    """
    order = list(flow.steps)
    following = dict(pairwise(order))
    rows: dict[str, Row] = {}
    groups = []
    y = HEADER
    for name, members in groupby(order, key=lambda step: passage(flow, step)):
        top, y = y, y + 24
        for step in members:
            leads = _leads(flow, step, walked.get(step, ()), following.get(step, ""), y)
            rows[step] = _row(flow, flow.steps[step], y, leads, extra.get(step, 0))
            y = rows[step].bottom + GAP
        groups.append(Group(name, top, y - GAP + 10))
        y += BETWEEN - GAP - 10
    lanes = _lanes(rows)
    width = max(lanes.values(), default=RIGHT) + LANE + MARGIN + 10
    return Layout(rows, groups, lanes, width, y - BETWEEN + 20 + MARGIN)


def passage(flow: Flow, step: str) -> str:
    """The passage that a step came from (`identity` of `identity.id_last4`), after the flow's name in a merged one."""
    part, rest = _part(flow, step)
    head = rest.partition(".")[0]
    if any(name.startswith(f"{part}{head}.") for name in flow.steps):
        return part + head
    return part.rstrip(".")


def _part(flow: Flow, step: str) -> tuple[str, str]:
    head, dot, rest = step.partition(".")
    return (head + dot, rest) if dot and head in flow.parts[1:] else ("", step)


def _leads(flow: Flow, step: str, walked: Sequence[str], following: str, y: int) -> tuple[Leads, ...]:
    found = dict(targets(flow.steps[step]))
    found |= {outcome: flow.agent for outcome in walked if outcome not in found}
    at = enumerate(found.items())
    return tuple(
        Leads(outcome, target, _way(flow, target, following), y + HEAD + LINE * number + 11)
        for number, (outcome, target) in at
    )


def _way(flow: Flow, target: str, following: str) -> str:
    if target == following:
        return "down"
    return "mark" if target == flow.agent else "lane"


def _row(flow: Flow, step: Step, y: int, leads: tuple[Leads, ...], extra: int) -> Row:
    lines = wrapped(said(flow, step), TEXT_WIDTH - 24, 12.5, MOST_LINES)
    tall = max(LINE * (len(lines) + 1), LINE * (len(leads) + extra))
    return Row(step, y, HEAD + tall + FOOT, lines, leads)


def said(flow: Flow, step: Step) -> str:
    """What is said when the step begins, facts in braces."""
    texts = (flow.prompts[prompt] for prompt in step.prompts)
    between = "" if flow.language == "zh-CN" else " "
    return between.join(prompt.text or f"{{{prompt.slot}}}" for prompt in texts)


def _lanes(rows: Mapping[str, Row]) -> dict[str, int]:
    """Target -> x of its lane: the shortest runs innermost, and two runs share a lane when they do not overlap."""
    spans: dict[str, tuple[int, int]] = {}
    for row in rows.values():
        for lead in row.leads:
            if lead.way == "lane":
                end = rows[lead.target].y
                low, high = spans.get(lead.target, (end, end))
                spans[lead.target] = min(low, lead.y), max(high, lead.y)
    taken: list[list[tuple[int, int]]] = []
    found = {}
    for target, span in sorted(spans.items(), key=lambda item: (item[1][1] - item[1][0], item[1][0], item[0])):
        free = (n for n, lane in enumerate(taken) if all(span[1] < low or high < span[0] for low, high in lane))
        number = next(free, len(taken))
        taken[number:] = [[*taken[number], span], *taken[number + 1 :]] if number < len(taken) else [[span]]
        found[target] = RIGHT + 24 + LANE * number
    return found


# --- measuring -------------------------------------------------------------------------------------------------------


def width_of(text: str, size: float) -> float:
    """About how wide a text is in pixels: a Chinese character is as wide as it is high."""
    return size * sum(map(_part_of_em, text))


def _part_of_em(character: str) -> float:
    if unicodedata.east_asian_width(character) in "WF":
        return _WIDE
    return _CAPITAL if character.isupper() else _NARROW


def shortened(text: str, width: float, size: float) -> str:
    """The text, or as much of its beginning as fits with an ellipsis."""
    if width_of(text, size) <= width:
        return text
    while text and width_of(text + "…", size) > width:
        text = text[:-1]
    return text.rstrip() + "…"


def wrapped(text: str, width: float, size: float, most: int) -> tuple[str, ...]:
    """The text in at most `most` lines, the last one shortened; broken between words or Chinese characters."""
    lines = [""]
    for piece in _pieces(text):
        if lines[-1] and width_of(lines[-1] + piece.rstrip(), size) > width:
            lines.append("")
        lines[-1] += piece
    if len(lines) > most:
        lines = [*lines[: most - 1], "".join(lines[most - 1 :])]
    return tuple(shortened(line.strip(), width, size) for line in lines if line.strip())


def _pieces(text: str) -> Iterator[str]:
    """Words with the blank behind them, Chinese characters singly with the punctuation behind them."""
    piece = ""
    for character in text:
        wide = unicodedata.east_asian_width(character) in "WF"
        closing = character in "，。！？；：、）》”"
        if piece and not closing and (wide or piece[-1].isspace() or _is_wide(piece[-1])):
            yield piece
            piece = ""
        piece += character
    if piece:
        yield piece


def _is_wide(character: str) -> bool:
    return unicodedata.east_asian_width(character) in "WF"
