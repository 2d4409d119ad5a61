"""The pages over a small day, and a visitor for each of alice (agent), bob (auditor) and charlie (disabled)."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from web.app import create_app


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("huifang_test_day", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


A_DAY = _load(Path(__file__).with_name("a_day.py"))
TOKEN = re.compile(r'name="csrf-token" content="([^"]+)"')


class Visitor:
    """A browser without scripts: keeps cookies, finds the CSRF token of a page, posts forms and JSON with it."""

    def __init__(self, app: Flask, password: str) -> None:
        self.client: FlaskClient = app.test_client()
        self.password = password

    def get(self, path: str, **options: Any) -> TestResponse:
        return self.client.get(path, **options)

    def token(self, path: str = "/login") -> str:
        found = TOKEN.search(self.client.get(path, follow_redirects=True).text)
        assert found is not None
        return found[1]

    def post(self, path: str, data: dict[str, str] | None = None, **options: Any) -> TestResponse:
        return self.client.post(path, data={"csrf_token": self.token(), **(data or {})}, **options)

    def post_json(self, path: str, body: object = None) -> TestResponse:
        headers = {"X-CSRFToken": self.token(), "Accept": "application/json"}
        return self.client.post(path, json=body if body is not None else {}, headers=headers)

    def sign_in(self, login: str) -> TestResponse:
        return self.post("/login", {"login": login, "password": self.password})


@pytest.fixture(scope="session")
def built_day(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, int]]:
    """The day, built once; every test works on its own copy."""
    folder = tmp_path_factory.mktemp("built") / "day"
    return folder, A_DAY.build(folder)


@pytest.fixture
def day(tmp_path: Path, built_day: tuple[Path, dict[str, int]]) -> Iterator[Any]:
    """A copy of the day (see a_day.Day)."""
    folder, users = built_day
    with A_DAY.a_copy(folder, tmp_path / "var", users) as copy:
        yield copy


@pytest.fixture
def app(day: Any) -> Flask:
    """The application over the day."""
    made = create_app(day.settings, day.db, day.archive, day.clock)
    made.testing = False  # errors are answered, as in production
    return made


@pytest.fixture
def visit(app: Flask, day: Any) -> Callable[[str], Visitor]:
    """A visitor signed in as the named user; an empty name is nobody."""

    def make(login: str = "") -> Visitor:
        visitor = Visitor(app, day.password)
        if login:
            assert visitor.sign_in(login).status_code == 302
        return visitor

    return make


@pytest.fixture
def under(day: Any) -> Callable[..., Visitor]:
    """``under(pack)``: the auditor (or who is named) in front of the same day under another policy pack."""

    def make(pack: str, login: str = "bob") -> Visitor:
        settings = replace(day.settings, firm=replace(day.settings.firm, pack=pack))
        visitor = Visitor(create_app(settings, day.db, day.archive, day.clock), day.password)
        assert visitor.sign_in(login).status_code == 302
        return visitor

    return make


@pytest.fixture
def alice(visit: Callable[[str], Visitor]) -> Visitor:
    """The agent."""
    return visit("alice")


@pytest.fixture
def bob(visit: Callable[[str], Visitor]) -> Visitor:
    """The auditor."""
    return visit("bob")


@pytest.fixture
def nobody(visit: Callable[[str], Visitor]) -> Visitor:
    """A visitor who did not sign in."""
    return visit("")
