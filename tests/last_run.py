"""What a full run of the tests leaves behind: the names of the tests that passed, which ``huifang rules`` reads.

A full run collected the whole folder and left nothing out. A run of some tests leaves the file as it is.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest


class LastRun:
    """A pytest plugin that writes ``{"passed": [...]}`` to ``target`` at the end of a full run of ``folder``.

    A test of many parameters passed when it passed with every one of them.
    """

    def __init__(self, folder: Path, target: Path) -> None:
        self._folder = folder
        self._target = target
        self._passed: set[str] = set()
        self._not_passed: set[str] = set()
        self._left_out = False

    def pytest_deselected(self) -> None:
        """A test was left out by -k, -m, --lf or --deselect."""
        self._left_out = True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """One phase (setup, call, teardown) of one test ended."""
        name = report.nodeid.split("[")[0]
        if not report.passed:
            self._not_passed.add(name)
        elif report.when == "call":
            self._passed.add(name)

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """The run ended."""
        if exitstatus in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED} and self._is_full(session):
            self._target.parent.mkdir(parents=True, exist_ok=True)
            passed = {"passed": sorted(self._passed - self._not_passed)}
            self._target.write_text(json.dumps(passed, indent=1) + "\n", encoding="utf-8")

    def _is_full(self, session: pytest.Session) -> bool:
        option = session.config.option
        narrowed = self._left_out or option.keyword or option.markexpr or getattr(option, "lf", False) or option.ignore
        narrowed = narrowed or option.ignore_glob
        cut_short = option.collectonly or session.shouldstop or session.shouldfail
        places = [(session.config.invocation_params.dir / argument).resolve() for argument in session.config.args]
        return not narrowed and not cut_short and places == [self._folder.resolve()]
