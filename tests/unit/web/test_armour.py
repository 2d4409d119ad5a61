"""CSRF, headers, cookies, limits, and personal data out of addresses and logs."""

from __future__ import annotations

import logging
import stat
from pathlib import Path
from typing import Any

import pytest

from core.errors import SettingsError
from core.settings import Settings, Storage, Web
from web.security import POLICY, secret_key

pytestmark = pytest.mark.unit

POSTS = [
    "/login",
    "/logout",
    "/language",
    "/search",
    "/lists/attempts",
    "/clients",
    "/calls/cb-2/outcome",
    "/calls/cb-1/answered/att-1b",
    "/recordings/rec-1/listen",
    "/recordings/rec-1/verify",
    "/api/v1/search",
    "/line/carrier/drain",
    "/line/carrier/undrain",
    "/flows/existing_client/submit",
    "/flows/existing_client/approve",
    "/flows/existing_client/retire",
    "/flows/existing_client/try",
]


def test_the_list_of_posts_is_complete(app: Any) -> None:
    posts = {str(rule) for rule in app.url_map.iter_rules() if "POST" in (rule.methods or ())}
    assert len(posts) == len(POSTS)


@pytest.mark.parametrize("path", POSTS)
def test_no_post_is_taken_without_its_token(bob: Any, path: str) -> None:
    assert bob.client.post(path, data={"language": "en"}).status_code == 400


def test_every_answer_carries_the_strict_policy(bob: Any) -> None:
    for path in ("/day", "/search", "/calls/cb-1", "/nothing", "/api/v1/session", "/static/house.css"):
        headers = bob.get(path).headers
        assert headers["Content-Security-Policy"] == POLICY
        assert headers["X-Content-Type-Options"] == "nosniff"
    assert "unsafe" not in POLICY
    assert "http" not in POLICY


def test_no_page_holds_a_script_a_style_or_an_address_of_another_host(bob: Any, alice: Any) -> None:
    pages = [bob.get(path).text for path in ("/day", "/attempts", "/search", "/calls/cb-1", "/nothing")]
    for page in [*pages, alice.get("/calls/cb-2").text]:
        for forbidden in ("<style", " style=", " onclick=", " onload=", "http://", "https://", "<script>"):
            assert forbidden not in page


def test_pages_with_personal_data_are_not_cached(bob: Any) -> None:
    assert bob.get("/calls/cb-1").headers["Cache-Control"] == "no-store"


def test_the_cookie_is_for_this_site_and_not_for_scripts(bob: Any) -> None:
    cookie = next(line for line in bob.sign_in("bob").headers.getlist("Set-Cookie") if line.startswith("huifang="))
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


def test_the_cookie_is_secure_over_tls(app: Any) -> None:
    answer = app.test_client().get("/login", base_url="https://localhost")
    assert all("Secure" in line for line in answer.headers.getlist("Set-Cookie"))
    assert "Strict-Transport-Security" in answer.headers


def test_guessing_a_password_is_slowed_down(nobody: Any) -> None:
    tries = [nobody.post("/login", {"login": "bob", "password": "wrong"}).status_code for _ in range(11)]
    assert tries == [401] * 10 + [429]
    assert nobody.get("/login").status_code == 200


def test_an_office_behind_one_address_signs_in_as_often_as_it_likes(visit: Any) -> None:
    assert {visit("").sign_in("bob").status_code for _ in range(12)} == {302}


def test_words_of_a_search_and_names_never_stand_in_an_address(bob: Any) -> None:
    for path, data in (("/search", {"text": "张伟 13812345678"}), ("/lists/callbacks", {"text": "张伟"})):
        address = bob.post(path, data).location
        assert "138" not in address
        assert "张" not in address
        assert "%E5" not in address
        assert bob.get(address).status_code == 200
    assert "张伟" in bob.get(bob.post("/lists/callbacks", {"text": "张伟"}).location).text
    assert bob.client.post("/lists/callbacks", data={"csrf_token": bob.token()}).location == "/callbacks"


def test_a_saved_text_belongs_to_its_session(bob: Any, visit: Any) -> None:
    address = bob.post("/search", {"text": "委托"}).location
    assert "<mark>" in bob.get(address).text
    assert "<mark>" not in visit("bob").get(address).text


def test_the_session_cookie_stays_small_whatever_is_searched(bob: Any) -> None:
    for number in range(12):
        answer = bob.post("/search", {"text": chr(0x4E00 + number) * 300})
    cookie = next(line for line in answer.headers.getlist("Set-Cookie") if line.startswith("huifang="))
    assert len(cookie) < 4000


def test_a_failure_is_answered_calmly_and_logged_without_its_words(
    app: Any, bob: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> str:
        raise RuntimeError("张伟 13812345678")

    app.view_functions["overview.day"] = broken
    with caplog.at_level(logging.DEBUG):
        answer = bob.get("/day")
    assert answer.status_code == 500
    assert "张伟" not in answer.text + caplog.text
    assert "138" not in caplog.text
    assert "RuntimeError" in caplog.text


def test_no_log_line_of_a_day_holds_personal_data(bob: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        bob.post("/search", {"text": "张伟"}, follow_redirects=True)
        bob.get("/calls/cb-1")
        bob.post_json("/recordings/rec-1/listen")
    for personal in ("张伟", "13812345678", "全权委托"):
        assert personal not in caplog.text


def test_the_session_key_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    settings = Settings(storage=Storage(var=str(tmp_path / "var")))
    key = secret_key(settings)
    assert len(key) == 64
    assert secret_key(settings) == key
    assert stat.S_IMODE((tmp_path / "var" / "web.key").stat().st_mode) == 0o600
    assert [path.name for path in (tmp_path / "var").iterdir()] == ["web.key"]


def test_a_key_of_the_settings_wins_and_a_short_one_is_refused(tmp_path: Path) -> None:
    storage = Storage(var=str(tmp_path))
    assert secret_key(Settings(storage=storage, web=Web(secret="k" * 32))) == "k" * 32
    with pytest.raises(SettingsError, match=r"web\.secret is too short"):
        secret_key(Settings(storage=storage, web=Web(secret="short")))
    assert list(tmp_path.iterdir()) == []
