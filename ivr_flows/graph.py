"""Draws a flow as a small SVG: one row a step in the order of the document, its outcomes as arrows at the right.

No layout program is needed; titles come with the boxes, so a reviewer can read the texts by pointing at a step.
"""

from __future__ import annotations

from html import escape

from ivr_flows.model import Ask, End, Flow, Handoff, Match, Say, Step, targets

_BOX_WIDTH, _BOX_HEIGHT, _ROW = 250, 34, 52
_LEFT, _TOP = 20, 44
_COLOURS = {"handoff": "#fff3cd", "end": "#e2e3e5", "say": "#e7f1ff"}
_STYLE = (
    "text{font:12px system-ui,'Noto Sans CJK SC',sans-serif}"
    ".s{fill:#6c757d;font-size:10px}rect{stroke:#495057;rx:5}path{fill:none;stroke:#6c757d}"
)


def to_svg(flow: Flow) -> str:
    """The flow as one self-contained SVG document."""
    rows = {name: number for number, name in enumerate(flow.steps)}
    boxes = [_box(flow, step, rows[step.id]) for step in flow.steps.values()]
    lanes = [_arrow(rows, step, outcome, target) for step in flow.steps.values() for outcome, target in _shown(step)]
    height = _TOP + _ROW * len(rows)
    width = _LEFT + _BOX_WIDTH + 40 + max(len(rows) * 7, 160)
    head = f"{escape(flow.title)} · {flow.name} v{flow.version} · {flow.language} · {flow.hash[:12]}"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" role="img">',
            f"<title>{head}</title><style>{_STYLE}</style>",
            '<defs><marker id="a" viewBox="0 0 6 6" refX="6" refY="3" markerWidth="6" markerHeight="6" orient="auto">'
            '<path d="M0 0L6 3L0 6z" style="fill:#6c757d"/></marker></defs>',
            f'<text x="{_LEFT}" y="24" font-weight="bold">{head}</text>',
            *lanes,
            *boxes,
            "</svg>",
        ]
    )


def _shown(step: Step) -> list[tuple[str, str]]:
    """Arrows grouped by target: `yes, no` to one step is one arrow."""
    grouped: dict[str, list[str]] = {}
    for outcome, target in targets(step).items():
        grouped.setdefault(target, []).append(outcome)
    return [(", ".join(outcomes), target) for target, outcomes in grouped.items()]


def _box(flow: Flow, step: Step, row: int) -> str:
    verb = type(step).__name__.lower()
    y = _TOP + row * _ROW
    texts = " ".join(flow.prompts[prompt].text or f"{{{flow.prompts[prompt].slot}}}" for prompt in step.prompts)
    return (
        f'<g><title>{escape(texts)}</title><rect x="{_LEFT}" y="{y}" width="{_BOX_WIDTH}" height="{_BOX_HEIGHT}" '
        f'fill="{_COLOURS.get(verb, "#fff")}"/><text x="{_LEFT + 8}" y="{y + 14}">{escape(step.id)}</text>'
        f'<text class="s" x="{_LEFT + 8}" y="{y + 27}">{escape(_note(step, verb))}</text></g>'
    )


def _note(step: Step, verb: str) -> str:
    match step:
        case Ask(expected=wanted):
            detail = f"pass: {wanted}"
        case Match(check=check):
            detail = check
        case Say(mandatory=True):
            detail = "mandatory"
        case End(outcome=outcome, follow_up=follow_up):
            detail = outcome or follow_up or ""
        case Handoff():
            detail = "agent"
        case _:
            detail = ""
    return " · ".join(part for part in (verb, detail, step.when or "", " ".join(step.rules)) if part)


def _arrow(rows: dict[str, int], step: Step, outcome: str, target: str) -> str:
    """Straight down to the next row; otherwise out to a lane whose distance is the length of the jump."""
    start, end = rows[step.id], rows[target]
    if end == start + 1:
        x, y = _LEFT + _BOX_WIDTH // 2, _TOP + start * _ROW + _BOX_HEIGHT
        return _line(f"M{x} {y}V{y + _ROW - _BOX_HEIGHT}", (x + 6, y + 13), outcome, target)
    edge, lane = _LEFT + _BOX_WIDTH, _LEFT + _BOX_WIDTH + 30 + 7 * abs(end - start)
    top, bottom = _TOP + start * _ROW + 22, _TOP + end * _ROW + 12
    return _line(f"M{edge} {top}H{lane}V{bottom}H{edge}", (edge + 6, top - 3), outcome, target)


def _line(way: str, at: tuple[int, int], outcome: str, target: str) -> str:
    return (
        f"<g><title>{escape(outcome)} → {escape(target)}</title>"
        f'<path d="{way}" marker-end="url(#a)"/>'
        f'<text class="s" x="{at[0]}" y="{at[1]}">{escape(outcome)}</text></g>'
    )
