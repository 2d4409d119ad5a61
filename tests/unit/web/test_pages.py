"""The pages show the day, and every number opens the list that makes it."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest

pytestmark = pytest.mark.unit

PAGES = ["/day?on=2026-11-23", "/attempts", "/callbacks", "/refusals", "/search"]
PAGES += ["/calls/cb-1", "/calls/cb-2", "/calls/cb-3", "/calls/cb-4"]
NUMBER = re.compile(r'<a (?:class="zero" )?href="([^"]+)">\s*(?:<span>[^<]*</span> <b>|<b>)(\d+)</b>')
TOTAL = re.compile(r"<h1>[^<]*<small>(\d+)</small></h1>")


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_every_page_opens_for_the_auditor_with_one_headline(bob: Any, language: str) -> None:
    bob.post("/language", {"language": language})
    for page in PAGES:
        answer = bob.get(page)
        assert answer.status_code == 200, page
        assert f'<html lang="{language}">' in answer.text
        assert len(re.findall(r"<h1[ >]", answer.text)) == 1, page


def test_every_number_of_the_overview_opens_a_list_of_that_many(bob: Any) -> None:
    overview = bob.get("/day?on=2026-11-23").text
    numbers = [(html.unescape(path), int(value)) for path, value in NUMBER.findall(overview)]
    assert len(numbers) >= 18
    for path, value in numbers:
        total = TOTAL.search(bob.get(path).text)
        assert total is not None, path
        assert int(total[1]) == value, path


def test_the_overview_counts_the_day_and_names_the_remedy_for_waiting_transcripts(bob: Any) -> None:
    numbers = dict(NUMBER.findall(bob.get("/day?on=2026-11-23").text))
    assert numbers["/callbacks?since=2026-11-23&amp;until=2026-11-23&amp;on=planned"] == "4"
    assert numbers["/attempts?since=2026-11-23&amp;until=2026-11-23&amp;disposition=busy"] == "1"
    assert numbers["/refusals?since=2026-11-23&amp;until=2026-11-23&amp;reason=outside_window"] == "1"
    overview = bob.get("/day?on=2026-11-23").text
    assert "huifang models fetch whisper-base" in overview
    assert ">1:12</b>" in overview
    assert ">0:24</b>" in overview


def test_an_empty_day_is_shown_as_an_empty_day(bob: Any) -> None:
    numbers = NUMBER.findall(bob.get("/day?on=2026-01-05").text)
    assert {value for path, value in numbers if "state=wrap_up" not in path} == {"0"}


def test_a_malformed_day_falls_back_to_one_that_exists(bob: Any) -> None:
    assert "2026-11-23" in bob.get("/day?on=2026-13-99").text


@pytest.mark.parametrize(
    ("query", "total"),
    [
        ("", 5),
        ("disposition=busy", 1),
        ("outcome=passed", 2),
        ("programme=new_account", 3),
        ("branch=上海", 2),
        ("handoff=joined", 3),
        ("transcript=failed", 1),
        ("recording=sealed", 3),
        ("since=2026-11-24", 0),
        ("until=2026-11-22", 0),
        ("since=2026-11-23&until=2026-11-23&branch=北京&disposition=answered", 2),
        ("since=nonsense&page=99", 5),
    ],
)
def test_the_filters_narrow_the_attempts(bob: Any, query: str, total: int) -> None:
    found = TOTAL.search(bob.get(f"/attempts?{query}").text)
    assert found is not None
    assert int(found[1]) == total


def test_back_from_a_call_leads_to_the_same_list_and_row(bob: Any) -> None:
    page = html.unescape(bob.get("/calls/cb-1?attempt=att-1b&list=attempts&branch=北京").text)
    assert '<a href="/attempts?branch=%E5%8C%97%E4%BA%AC#r-att-1b">' in page
    assert 'data-previous href="/calls/cb-2?attempt=att-2&list=attempts&branch=' in page
    assert 'data-next href="/calls/cb-1?attempt=att-1a&list=attempts&branch=' in page


def test_the_call_page_tells_how_each_attempt_went(bob: Any) -> None:
    bob.post("/language", {"language": "en"})
    page = html.unescape(bob.get("/calls/cb-1").text)
    for fact in ("480 Temporarily Unavailable", "180 Ringing", 'cause=19;text="No answer"', "A-20, C-86", "09:36:06"):
        assert fact in page
    assert "您是否全权委托他人买卖证券？" in page  # the question as the approved script words it
    assert "Taken by an agent" in page
    assert "3 / 24" not in page


def test_a_transcript_that_waits_or_failed_says_what_mends_it(bob: Any) -> None:
    assert "huifang models fetch whisper-base" in bob.get("/calls/cb-2").text
    assert "huifang transcribe --retry" in bob.get("/calls/cb-4").text


def test_a_text_of_a_transcript_is_never_markup(bob: Any) -> None:
    assert "<b>谢谢</b>" not in bob.get("/calls/cb-1").text
    assert "&lt;b&gt;谢谢" in bob.get("/calls/cb-1").text


def test_search_finds_two_characters_and_opens_that_second(bob: Any) -> None:
    answer = bob.post("/search", {"text": "委托"}, follow_redirects=True)
    assert answer.text.count("<mark>委托</mark>") == 2
    assert re.search(r'href="/calls/cb-1\?attempt=att-1b&amp;at=\d+&amp;list=search', answer.text)


def test_back_from_a_hit_leads_to_the_same_search(bob: Any) -> None:
    result = bob.post("/search", {"text": "委托", "channel": "client"}).location
    hit = re.search(r'href="(/calls/[^"]+)"', bob.get(result).text)
    assert hit is not None
    back = re.search(r'<a href="(/search[^"]+)">', bob.get(html.unescape(hit[1])).text)
    assert back is not None
    assert bob.get(html.unescape(back[1])).text.count("<mark>委托</mark>") == 1


def test_search_narrows_to_one_side(bob: Any) -> None:
    answer = bob.post("/search", {"text": "委托", "channel": "client"}, follow_redirects=True)
    assert answer.text.count("<mark>委托</mark>") == 1


def test_search_says_when_nobody_said_it_and_when_nothing_can_be_searched(bob: Any) -> None:
    bob.post("/language", {"language": "en"})
    assert "Nobody said that" in bob.post("/search", {"text": "火星"}, follow_redirects=True).text
    assert "cannot be searched for" in bob.post("/search", {"text": "!?"}, follow_redirects=True).text
    assert "no longer kept" in bob.get("/search?s=unknown").text


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_an_unknown_page_answers_calmly_in_both_languages(bob: Any, language: str) -> None:
    bob.post("/language", {"language": language})
    answer = bob.get("/no/such/page")
    assert answer.status_code == 404
    words = {"zh-CN": "此地址没有内容", "en": "There is nothing at this address"}
    assert words[language] in answer.text


def test_the_language_is_kept_with_the_account(bob: Any, visit: Any) -> None:
    bob.post("/language", {"language": "en"})
    assert '<html lang="en">' in visit("bob").get("/search").text


def test_a_language_chosen_before_signing_in_is_kept(visit: Any) -> None:
    visitor = visit("")
    visitor.post("/language", {"language": "en", "page": "/login"})
    visitor.sign_in("bob")
    assert '<html lang="en">' in visitor.get("/search").text


def test_the_language_switch_never_leads_to_another_site(bob: Any) -> None:
    for page in ("https://evil.example/", "//evil.example/", "/\\evil.example"):
        assert bob.post("/language", {"language": "en", "page": page}).location == "/"
