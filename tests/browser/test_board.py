"""A supervisor's way in a real browser: from a number on the board to its list, to a client, and back by keys."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

PAGES = (
    "/board",
    "/board/programmes/existing_client",
    "/board/items",
    "/board/open",
    "/board/escalations",
    "/board/skipped",
    "/board/members?sample=existing_client:2026",
    "/clients",
    "/clients/C1",
    "/clients/C3",
    "/clients/C6",
    "/rules",
    "/rules?pack=GAL",
    "/windows",
    "/windows?month=2027-02&branch=北京",
)
UNLABELLED = """() => [...document.querySelectorAll('input:not([type=hidden]), select, textarea, button')]
  .filter((field) => !(field.labels?.length || field.ariaLabel || field.textContent.trim()))
  .map((field) => field.outerHTML)"""
REPEATED = """() => { const ids = [...document.querySelectorAll('[id]')].map((x) => x.id);
  return ids.length - new Set(ids).size; }"""


def test_a_number_of_the_board_leads_to_its_list_and_to_a_client_who_reads_why(bob: Page) -> None:
    bob.click("text=看板")
    bob.wait_for_url("**/board")
    expect(bob.locator("h1")).to_contain_text("看板")
    number = bob.locator("#risk-title + table .whole a", has_text="3").first
    number.click()
    bob.wait_for_url("**/board/open**")
    expect(bob.locator(".list tbody tr")).to_have_count(3)
    bob.click(".list a:has-text('王芳')")
    bob.wait_for_url("**/clients/C3?list=open**")
    expect(bob.locator(".answer-line").first).to_contain_text(
        "由公司呼叫中心执行（自动拨打），须在 2026-11-27 24:00 前完成"
    )
    expect(bob.locator("#gate-title")).to_contain_text("现在可以拨打吗？")
    bob.keyboard.press("n")
    bob.wait_for_url("**/clients/C4**")
    bob.keyboard.press("p")
    bob.wait_for_url("**/clients/C3**")
    bob.click("text=返回列表")
    bob.wait_for_url("**/board/open**")


def test_rows_of_the_board_are_walked_by_keys_and_the_sheet_names_them(bob: Page) -> None:
    bob.goto("/board/skipped")
    bob.keyboard.press("j")
    bob.keyboard.press("Enter")
    bob.wait_for_url("**/clients/C**list=skipped**")
    bob.keyboard.press("?")
    expect(bob.locator("#keys")).to_contain_text("列表中的下一位客户")


def test_months_of_the_calendar_are_walked_by_keys(bob: Page) -> None:
    bob.goto("/windows")
    bob.keyboard.press("n")
    bob.wait_for_url("**month=2026-12")
    bob.keyboard.press("p")
    bob.wait_for_url("**month=2026-11")
    bob.keyboard.press("p")
    bob.wait_for_url("**month=2026-10")
    expect(bob.locator(".festival", has_text="国庆节")).to_be_visible()


def test_every_page_has_one_headline_labels_and_no_sideways_scroll_on_a_telephone(bob: Page) -> None:
    for language in ("en", "zh-CN"):
        bob.click(f"button[value='{language}']")
        for width in (390, 1280):
            bob.set_viewport_size({"width": width, "height": 844})
            for path in PAGES:
                bob.goto(path)
                assert bob.locator("h1").count() == 1, path
                assert bob.evaluate(UNLABELLED) == [], path
                assert bob.evaluate("document.documentElement.scrollWidth") <= width, path
                assert bob.evaluate(REPEATED) == 0, path
