"""The pages of the scripts in a real browser: read, tried, drawn, approved by a second person, heard against a call."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from ivr_flows import register
from ivr_flows.loader import load_flow
from ivr_flows.register import Hand

pytestmark = pytest.mark.browser

PAGES = (
    "/flows",
    "/flows/existing_client",
    "/flows/existing_client/try",
    "/flows/existing_client/map",
    "/flows/new_account/map?show=rehearsals",
    "/prompts",
    "/calls/cb-1/script/att-1b",
)
UNLABELLED = """() => [...document.querySelectorAll('input:not([type=hidden]), select, textarea, button')]
  .filter((field) => !(field.labels?.length || field.ariaLabel || field.textContent.trim()))
  .map((field) => field.outerHTML)"""
WIDER = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.mark.parametrize("path", PAGES)
def test_every_page_has_a_heading_named_fields_and_fits_a_narrow_screen(bob: Page, path: str) -> None:
    bob.goto(path)
    expect(bob.locator("h1")).to_be_visible()
    assert bob.evaluate(UNLABELLED) == []
    bob.set_viewport_size({"width": 390, "height": 800})
    assert bob.evaluate(WIDER) <= 0


def test_a_script_is_tried_with_the_keyboard_alone(bob: Page) -> None:
    bob.goto("/flows/existing_client/try?language=zh-CN")
    for answer in ("想做个简短的回访", "本人吗"):
        expect(bob.locator(".set-outcome .btn-primary").first).to_be_focused()
        bob.keyboard.press("Enter")
        expect(bob.locator(".lead")).to_contain_text(answer)
    bob.click("text=退回一步")
    expect(bob.locator(".lead")).to_contain_text("想做个简短的回访")


def test_a_version_is_approved_by_a_second_person(bob: Page, day: Any) -> None:
    flows = [load_flow("existing_client", language) for language in ("zh-CN", "en")]
    with day.db.write() as session:
        register.submit(session, flows, by=Hand("author", "author"), at=day.clock.now())
    bob.goto("/flows/existing_client")
    bob.click("table.list a >> nth=0")
    bob.click("text=批准使用")
    expect(bob.locator("main")).to_contain_text("已批准，新的呼叫将使用该版本。")
