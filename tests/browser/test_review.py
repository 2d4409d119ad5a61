"""An auditor's way in a real browser: find two characters, hear them, jump, switch the language, use the keys."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from core.audit import AuditLink

pytestmark = pytest.mark.browser

SOUND = "document.getElementById('sound')"


def _position(page: Page) -> float:
    return float(page.evaluate(f"{SOUND}.currentTime"))


def _until(page: Page, condition: str) -> None:
    """Wait for a condition; asked from outside, because the content policy forbids the page to evaluate texts."""
    for _ in range(200):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(50)
    pytest.fail(f"within 10 s it never held: {condition}; the sound stands at {_position(page)}")


def _links(day: Any) -> list[AuditLink]:
    with day.db.session() as session:
        return list(session.scalars(select(AuditLink).where(AuditLink.action == "recording.listened")))


def _find(page: Page, words: str) -> None:
    page.keyboard.press("/")
    page.wait_for_url("**/search**")
    page.fill("#words", words)
    page.keyboard.press("Enter")
    page.wait_for_selector(".hits mark")


def _open_hit(page: Page) -> None:
    _find(page, "全权")
    page.locator(".hits a", has_text="没有").click()
    page.wait_for_selector("#lanes")


def test_two_characters_are_found_heard_and_put_on_record(bob: Page, day: Any) -> None:
    statuses: list[int] = []
    bob.on("response", lambda answer: statuses.append(answer.status) if "/sound?" in answer.url else None)
    before = len(_links(day))
    _open_hit(bob)
    assert _links(day)[before:] == []  # opening a page is not listening
    expect(bob.locator("#now")).to_have_text("0:09")
    bob.click("#play")
    _until(bob, f"{SOUND}.currentTime > 10.5")
    assert set(statuses) == {206}
    (link,) = _links(day)[before:]
    assert link.subject == "rec-1"
    assert 9000 <= json.loads(link.content)["from_ms"] <= 12_500
    expect(bob.locator("#link b")).to_have_text(str(link.number))
    expect(bob.locator(".lines .now")).to_contain_text("没有全权委托")
    expect(bob.locator("#play")).to_have_text("暂停")


def test_a_click_on_a_line_an_answer_or_the_shape_moves_the_sound(bob: Page) -> None:
    bob.goto("/calls/cb-1")
    bob.locator("#lines button").nth(4).click()
    _until(bob, f"{SOUND}.currentTime >= 13 && {SOUND}.currentTime < 16")
    expect(bob.locator(".lines .now")).to_contain_text("投资风险")
    bob.locator("[data-jump='5600']").click()
    _until(bob, f"{SOUND}.currentTime >= 5.6 && {SOUND}.currentTime < 9")
    box = bob.locator("#lanes").bounding_box()
    assert box is not None
    bob.mouse.click(box["x"] + box["width"] * 0.75, box["y"] + box["height"] / 2)
    _until(bob, f"{SOUND}.currentTime >= 17.9 && {SOUND}.currentTime < 21")


def test_the_keys_play_pause_and_walk(bob: Page) -> None:
    bob.goto("/calls/cb-1")
    bob.keyboard.press("Space")
    _until(bob, f"{SOUND}.currentTime > 0.1 && !{SOUND}.paused")
    bob.keyboard.press("Space")
    _until(bob, f"{SOUND}.paused")
    here = _position(bob)
    bob.keyboard.press("ArrowRight")
    _until(bob, f"Math.abs({SOUND}.currentTime - {here + 5}) < 0.3")
    bob.keyboard.press("ArrowLeft")
    _until(bob, f"Math.abs({SOUND}.currentTime - {here}) < 0.3")
    bob.keyboard.press("j")
    _until(bob, f"{SOUND}.currentTime >= 4 || !{SOUND}.paused")
    bob.locator("#lines button").nth(2).click()
    _until(bob, f"{SOUND}.currentTime >= 5.6 && !{SOUND}.paused")
    bob.keyboard.press("Space")  # with the line still focused: pause, not "hear it again"
    _until(bob, f"{SOUND}.paused")


def test_each_side_has_its_own_volume(bob: Page) -> None:
    bob.goto("/calls/cb-1")
    bob.check("[data-mute=client]")
    bob.select_option("#speed", "1.5")
    bob.click("#play")
    _until(bob, f"{SOUND}.currentTime > 0.2")
    assert bob.evaluate(f"{SOUND}.playbackRate") == 1.5
    bob.reload()
    expect(bob.locator("#speed")).to_have_value("1.5")  # kept from recording to recording


def test_following_yields_to_the_reader_and_comes_back_on_request(bob: Page) -> None:
    bob.set_viewport_size({"width": 1280, "height": 420})  # the list is higher than its frame now
    bob.goto("/calls/cb-1")
    bob.locator("#lines button").nth(0).click()
    bob.locator("#lines").hover()
    bob.mouse.wheel(0, 400)
    expect(bob.locator("#follow")).to_be_visible()
    bob.locator("#follow").click()
    expect(bob.locator("#follow")).to_be_hidden()
    expect(bob.locator(".lines .now")).to_be_in_viewport()


def test_the_file_is_checked_on_request(bob: Page) -> None:
    bob.goto("/calls/cb-1")
    bob.click("#verify")
    expect(bob.locator("#verdict")).to_contain_text("未被更改")


def test_the_sheet_of_keys_opens_and_single_letters_are_ignored_while_typing(bob: Page) -> None:
    bob.goto("/calls/cb-1")
    bob.keyboard.press("?")
    expect(bob.locator("#keys")).to_be_visible()
    expect(bob.locator("#keys")).to_contain_text("播放或暂停")
    bob.keyboard.press("Escape")
    expect(bob.locator("#keys")).to_be_hidden()
    bob.goto("/search")
    bob.focus("#words")
    bob.keyboard.type("/?jk")
    expect(bob.locator("#words")).to_have_value("/?jk")
    expect(bob.locator("#keys")).to_be_hidden()


def test_rows_are_walked_by_keys_and_back_returns_to_the_filter(bob: Page) -> None:
    bob.goto("/attempts?branch=北京")
    bob.keyboard.press("j")
    bob.keyboard.press("j")
    bob.keyboard.press("Enter")
    bob.wait_for_url("**/calls/cb-1**")
    bob.keyboard.press("n")
    bob.wait_for_url("**attempt=att-1a**")
    bob.locator(".crumbs a").first.click()
    bob.wait_for_url("**/attempts?branch=**")
    expect(bob.locator(".list tbody tr")).to_have_count(3)


def test_the_language_switches_in_place(bob: Page) -> None:
    bob.goto("/calls/cb-1?attempt=att-1b")
    bob.click("button[value=en]")
    expect(bob.locator("#transcript-title")).to_have_text("Transcript")
    assert "attempt=att-1b" in bob.url
    assert bob.get_attribute("html", "lang") == "en"
    bob.click("button[value='zh-CN']")
    expect(bob.locator("#transcript-title")).to_have_text("转写")


PAGES = (
    "/day?on=2026-11-23",
    "/attempts",
    "/callbacks",
    "/refusals",
    "/search",
    "/calls/cb-1",
    "/calls/cb-2",
    "/nothing",
)
UNLABELLED = """() => [...document.querySelectorAll('input:not([type=hidden]), select, textarea, button')]
  .filter((field) => !(field.labels?.length || field.ariaLabel || field.textContent.trim()))
  .map((field) => field.outerHTML)"""


def test_every_page_has_one_headline_labels_and_no_sideways_scroll_on_a_telephone(bob: Page) -> None:
    for width in (390, 1280):
        bob.set_viewport_size({"width": width, "height": 844})
        for path in PAGES:
            bob.goto(path)
            assert bob.locator("h1").count() == 1, path
            assert bob.evaluate(UNLABELLED) == [], path
            assert bob.evaluate("document.documentElement.scrollWidth") <= width, path
            repeated = "() => { const ids = [...document.querySelectorAll('[id]')].map((x) => x.id);"
            assert bob.evaluate(repeated + " return ids.length - new Set(ids).size; }") == 0, path


def test_the_first_tab_stop_skips_to_the_content(bob: Page) -> None:
    bob.goto("/attempts")
    bob.keyboard.press("Tab")
    assert bob.evaluate("document.activeElement.className") == "skip"
    bob.keyboard.press("Enter")
    assert bob.evaluate("document.activeElement.id") == "main"


def test_a_printed_call_shows_the_whole_transcript_and_no_controls(bob: Page) -> None:
    bob.goto("/calls/cb-1")
    bob.emulate_media(media="print")
    expect(bob.locator(".controls")).to_be_hidden()
    expect(bob.locator("#lines li").last).to_be_visible()
    assert bob.evaluate("getComputedStyle(document.getElementById('lines')).maxHeight") == "none"


def test_an_agent_sets_his_outcome(page: Page, day: Any) -> None:
    page.goto("/login")
    page.fill("#login", "alice")
    page.fill("#password", day.password)
    page.click("main button")
    page.wait_for_url("**/mine")
    page.locator(".list a").first.click()
    page.click("button[value=call_again]")
    page.wait_for_url("**/mine")
    expect(page.locator(".note-success")).to_have_text("结果已保存。")
