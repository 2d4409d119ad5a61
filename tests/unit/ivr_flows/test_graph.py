"""The drawn flow: everything of the script is on it, it is valid, the same every time, and tells nothing by colour."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr_flows.graph import DARK, STYLE, Calls, drop_outs, to_svg
from ivr_flows.layout import RIGHT, lay_out, passage, shortened, width_of, wrapped
from ivr_flows.loader import load_flow
from ivr_flows.merging import merge
from ivr_flows.model import Flow, targets
from ivr_flows.rehearsal import coverage, of_flow, rehearse_all

pytestmark = pytest.mark.unit

SVG = "{http://www.w3.org/2000/svg}"
TEXT = st.text(alphabet=st.sampled_from("您好abc DE，。? 1{}<&"), max_size=80)


@pytest.fixture(scope="module")
def longest() -> Flow:
    """The longest shipped script."""
    return load_flow("x17_existing", "zh-CN")


def texts(svg: str) -> list[str]:
    """What stands on the picture."""
    return [node.text or "" for node in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def test_every_step_is_drawn_with_its_rules_and_the_whole_text_behind_it(longest: Flow) -> None:
    drawn = ElementTree.fromstring(to_svg(longest))
    boxes = {node.get("id", "").removeprefix("map-"): node for node in drawn.iter(f"{SVG}g") if node.get("id")}
    assert list(boxes) == list(longest.steps)
    for step in longest.steps.values():
        title = boxes[step.id].findtext(f"{SVG}title") or ""
        assert all(longest.prompts[prompt].text in title for prompt in step.prompts)
        assert all(rule in title for rule in step.rules)


def test_every_outcome_stands_at_its_step(small: Flow) -> None:
    drawn = ElementTree.fromstring(to_svg(small, words=lambda kind, code: f"{kind}/{code}"))
    for box in (node for node in drawn.iter(f"{SVG}g") if node.get("id")):
        step = small.steps[(box.get("id") or "").removeprefix("map-")]
        words = [node.text for node in box.iter(f"{SVG}text")]
        leads = [word for word in words if word and word.startswith("lead/")]
        assert len(leads) == len(targets(step))


def test_what_leads_to_an_agent_is_a_mark_and_no_line(longest: Flow) -> None:
    layout = lay_out(longest, {}, {})
    assert longest.agent not in layout.lanes
    marks = [lead for row in layout.rows.values() for lead in row.leads if lead.way == "mark"]
    assert len(marks) > 60
    assert all(lead.target == longest.agent for lead in marks)


def test_lanes_are_shared_only_by_arrows_that_do_not_overlap(shipped: Callable[..., Flow]) -> None:
    for name in ("x17_existing", "new_account", "hen_new_account"):
        layout = lay_out(load_flow(name, "zh-CN"), {}, {})
        runs: dict[str, list[int]] = {}
        for row in layout.rows.values():
            for lead in row.leads:
                if lead.way == "lane":
                    runs.setdefault(lead.target, [layout.rows[lead.target].y]).append(lead.y)
        for one, x in layout.lanes.items():
            assert x > RIGHT
            for other in (name for name in layout.lanes if name != one and layout.lanes[name] == x):
                assert max(runs[one]) < min(runs[other]) or max(runs[other]) < min(runs[one])


def test_boxes_stand_below_one_another_in_the_order_of_the_script(longest: Flow) -> None:
    layout = lay_out(longest, {}, {})
    rows = list(layout.rows.values())
    assert [row.step.id for row in rows] == list(longest.steps)
    assert all(before.bottom < after.y for before, after in pairwise(rows))
    assert rows[-1].bottom < layout.height


def test_steps_are_grouped_by_the_passage_they_came_from(longest: Flow) -> None:
    assert passage(longest, "identity") == passage(longest, "identity.id_last4") == "identity"
    assert passage(longest, "reconcile") == ""
    named = [group.name for group in lay_out(longest, {}, {}).groups]
    assert named == ["opening", "identity", "", "agent"]


def test_a_merged_call_back_is_drawn_part_by_part() -> None:
    merged = merge([load_flow(name, "en") for name in ("existing_client", "new_account")])
    drawn = to_svg(merged)
    ElementTree.fromstring(drawn)
    assert "new_account" in [group.name for group in lay_out(merged, {}, {}).groups]


def test_rehearsed_arrows_are_told_apart_by_sign_and_dashes_too(longest: Flow) -> None:
    walked = coverage(longest, rehearse_all(longest, of_flow(longest))).walked
    drawn = to_svg(longest, coverage=walked)
    told = texts(drawn)
    assert sum(text.startswith("●") for text in told) == sum(1 for times in walked.values() if times) + 1
    assert sum(text.startswith("○") for text in told) == sum(1 for times in walked.values() if not times) + 1
    assert f"{sum(1 for times in walked.values() if times)}/{len(walked)} walked" in drawn
    assert "stroke-dasharray" in STYLE


def test_numbers_of_real_calls_stand_on_the_arrows_and_at_the_steps(small: Flow) -> None:
    calls = Calls(
        total=1200,
        entered={"hello": 1200, "who": 1150, "bye": 900},
        arrows={("hello", "next"): 1150, ("who", "matched"): 1100, ("who", "wish"): 20},
        lost={"hello": 50, "bye": 7},
    )
    told = texts(to_svg(small, calls=calls))
    assert "1,150 · 96%" in told
    assert "20 · 1.7%" in told
    assert "wish" in told
    assert "50 · 4.2%" in told
    assert "1,200 calls" in told
    assert not any(text.startswith("7 ·") for text in told)


def test_who_hangs_up_in_the_goodbye_has_not_dropped_out(small: Flow) -> None:
    assert drop_outs(small, Calls(lost={"who": 3, "bye": 9})) == {"who": 3}


def test_a_share_is_never_more_than_all_and_nothing_of_nothing() -> None:
    calls = Calls(total=1, entered={"a": 2}, arrows={("a", "yes"): 3, ("b", "yes"): 3})
    assert (calls.share(("a", "yes")), calls.share(("b", "yes")), calls.share(("a", "no"))) == (1.0, 0.0, 0.0)


def test_thicker_lines_stand_for_more_calls(small: Flow) -> None:
    def widths(calls: Calls) -> list[float]:
        lines = ElementTree.fromstring(to_svg(small, calls=calls)).iter(f"{SVG}path")
        return [float(line.get("stroke-width", 0)) for line in lines if (line.get("class") or "").startswith("line")]

    some = widths(Calls(total=10, entered={"hello": 10}, arrows={("hello", "next"): 10}))
    assert max(widths(Calls(total=10, entered={"hello": 10}))) < max(some)


def test_the_picture_is_the_same_every_time_and_has_no_script(longest: Flow) -> None:
    drawn = to_svg(longest)
    assert drawn == to_svg(load_flow("x17_existing", "zh-CN"))
    assert "<script" not in drawn
    assert " style=" not in drawn
    assert "on" not in {name[:2] for node in ElementTree.fromstring(drawn).iter() for name in node.attrib}


def test_it_has_a_name_and_a_description_for_who_cannot_see_it(longest: Flow) -> None:
    root = ElementTree.fromstring(to_svg(longest))
    named = [root.findtext(f"{SVG}title"), root.findtext(f"{SVG}desc")]
    assert root.get("role") == "img"
    assert root.get("aria-labelledby") == "flow-map-title flow-map-desc"
    assert longest.title in (named[0] or "")
    assert "35 steps" in (named[1] or "")


def test_it_brings_light_and_dark_unless_the_page_has_the_style(small: Flow) -> None:
    assert "prefers-color-scheme:dark" in DARK
    assert DARK in to_svg(small)
    assert "<style" not in to_svg(small, standalone=False)


@given(TEXT, st.integers(40, 300))
@settings(max_examples=100)
def test_no_line_is_wider_than_its_place(text: str, width: int) -> None:
    lines = wrapped(text, width, 12, 2)
    assert len(lines) <= 2
    assert all(width_of(line, 12) <= width for line in lines)


@given(TEXT)
def test_a_text_with_room_loses_nothing(text: str) -> None:
    assert shortened(text, 10_000, 12) == text
    assert "".join("".join(wrapped(text, 10_000, 12, 2)).split()) == "".join(text.split())


def test_a_chinese_character_is_as_wide_as_it_is_high() -> None:
    assert width_of("您好", 12) == 24
    assert width_of("ab", 12) < 16
