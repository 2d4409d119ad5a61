"""A real server over a small day, and Debian's chromium. Later browser tests use ``day``, ``site`` and ``page``."""

from __future__ import annotations

import importlib.util
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from werkzeug.serving import make_server

from web.app import create_app

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
]


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("huifang_test_day", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


A_DAY = _load(Path(__file__).parents[1] / "unit" / "web" / "a_day.py")


@pytest.fixture(scope="session")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """One day for all browser tests (see a_day.Day): alice, bob, charlie, four callbacks, three recordings."""
    built = tmp_path_factory.mktemp("browser") / "built"
    users = A_DAY.build(built)
    with A_DAY.a_copy(built, built.with_name("var"), users) as copy:
        yield copy


@pytest.fixture(scope="session")
def site(day: Any) -> Iterator[str]:
    """The address of a server that serves the day."""
    app = create_app(day.settings, day.db, day.archive, day.clock)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, name="site", daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join(timeout=10)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The browser; its absence is a failure with a remedy, never a skip.

    For one module only: as long as it lives it keeps an event loop running, and other tests start their own.
    """
    if not CHROMIUM.exists():
        pytest.fail("chromium is missing; run: apt-get install -y chromium fonts-noto-cjk")
    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def context(chromium: Browser, site: str) -> Iterator[BrowserContext]:
    """A fresh browser profile at 1280 x 900."""
    made = chromium.new_context(base_url=site, viewport={"width": 1280, "height": 900}, locale="zh-CN")
    made.set_default_timeout(20_000)
    yield made
    made.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A tab that fails its test when a script breaks or the content policy is violated."""
    made = context.new_page()
    faults: list[str] = []
    made.on("pageerror", lambda error: faults.append(str(error)))
    made.on("console", lambda line: faults.append(line.text) if "Content Security Policy" in line.text else None)
    yield made
    assert faults == []


@pytest.fixture
def bob(page: Page, day: Any) -> Page:
    """The auditor, signed in."""
    page.goto("/login")
    page.fill("#login", "bob")
    page.fill("#password", day.password)
    page.click("main button")
    page.wait_for_url("**/day")
    return page
