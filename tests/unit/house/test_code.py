"""The house budget: what review would otherwise have to say again and again about the code of the packages."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median, quantiles

import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[3]
PACKAGES = ("core", "dialer", "huifang", "ivr_flows", "recordings", "simulator", "transcribe", "web")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
NOT_MIGRATIONS = [path for path in MODULES if "migrations" not in path.parts]  # generated lists of columns

LONGEST_FUNCTION = 60
LONGEST_MODULE = 600
LOG_METHODS = {"debug", "info", "warning", "error", "exception", "critical", "log"}
PERSONAL = re.compile(
    r"\b(phones?|msisdn|id_last4|transcript|utterance|sentence)\b"
    r"|\b(client|customer|person|staff|agent|subscriber|callee)\w*\.(name|text)\b"
)
READS_THE_CLOCK = {"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time", "time.time_ns"}
READS_THE_ENVIRONMENT = {"os.environ", "os.getenv", "os.environb", "environ.get"}

Finding = tuple[int, str]
Check = Callable[[ast.Module, str], Iterator[Finding]]


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from the first statement after the docstring to the end."""
    body = function.body[1:] if ast.get_docstring(function) and len(function.body) > 1 else function.body
    return (function.end_lineno or 0) - body[0].lineno + 1


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def long_functions(tree: ast.Module, source: str) -> Iterator[Finding]:
    for function in functions(tree):
        if body_lines(function) > LONGEST_FUNCTION:
            yield function.lineno, f"{function.name} has {body_lines(function)} lines"


def long_modules(tree: ast.Module, source: str) -> Iterator[Finding]:
    if source.count("\n") > LONGEST_MODULE:
        yield 1, f"{source.count(chr(10))} lines"


def missing_module_rule(tree: ast.Module, source: str) -> Iterator[Finding]:
    if source.strip() and not ast.get_docstring(tree):
        yield 1, "no docstring that says the rule of the module"


def asserts(tree: ast.Module, source: str) -> Iterator[Finding]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Assert):
            yield node.lineno, "an assert vanishes under python -O; raise an error"


def broad_excepts(tree: ast.Module, source: str) -> Iterator[Finding]:
    """A handler of everything must raise again, or say in its lint exception why it is a process boundary."""
    lines = source.splitlines()
    for node in ast.walk(tree):
        if not isinstance(node, ast.ExceptHandler) or not _catches_everything(node):
            continue
        raises = any(isinstance(inner, ast.Raise) for inner in ast.walk(node))
        if not raises and not re.search(r"noqa: BLE001 - \w+", lines[node.lineno - 1]):
            yield node.lineno, "a broad except without raise and without `# noqa: BLE001 - why`"


def _catches_everything(handler: ast.ExceptHandler) -> bool:
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(kind is None or ast.unparse(kind) in ("Exception", "BaseException") for kind in kinds)


def personal_data_in_logs(tree: ast.Module, source: str) -> Iterator[Finding]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        if node.func.attr in LOG_METHODS and re.search(r"log", ast.unparse(node.func.value), re.IGNORECASE):
            said = " ".join(ast.unparse(argument) for argument in [*node.args[1:], *(k.value for k in node.keywords)])
            keys = " ".join(re.findall(r"%\((\w+)\)", ast.unparse(node.args[0]) if node.args else ""))
            if PERSONAL.search(f"{said} {keys}"):
                yield node.lineno, f"personal data in a log call: {PERSONAL.search(said + keys)}"


def dotted_uses(tree: ast.Module, names: set[str]) -> Iterator[Finding]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and ".".join(ast.unparse(node).split(".")[-2:]) in names:
            yield node.lineno, ast.unparse(node)


def reads_of_the_clock(tree: ast.Module, source: str) -> Iterator[Finding]:
    return dotted_uses(tree, READS_THE_CLOCK)


def reads_of_the_environment(tree: ast.Module, source: str) -> Iterator[Finding]:
    return dotted_uses(tree, READS_THE_ENVIRONMENT)


def findings(check: Check, paths: list[Path]) -> list[str]:
    found = []
    for path in paths:
        source = path.read_text(encoding="utf-8")
        for line, what in check(ast.parse(source), source):
            found.append(f"{path.relative_to(ROOT)}:{line}: {what}")
    return found


def outside(*places: str) -> list[Path]:
    return [path for path in MODULES if not path.relative_to(ROOT).as_posix().startswith(places)]


def test_no_function_is_longer_than_a_screen() -> None:
    assert findings(long_functions, NOT_MIGRATIONS) == []


def test_no_module_is_longer_than_a_sitting() -> None:
    assert findings(long_modules, MODULES) == []


def test_functions_are_short_on_the_whole() -> None:
    lengths = [body_lines(f) for path in NOT_MIGRATIONS for f in functions(ast.parse(path.read_text(encoding="utf-8")))]
    assert median(lengths) <= 6
    assert quantiles(lengths, n=10)[-1] <= 20


def test_every_module_says_its_rule() -> None:
    assert findings(missing_module_rule, MODULES) == []


def test_packages_hold_no_asserts() -> None:
    assert findings(asserts, MODULES) == []


def test_nobody_swallows_every_exception() -> None:
    assert findings(broad_excepts, MODULES) == []


def test_log_messages_hold_no_personal_data() -> None:
    assert findings(personal_data_in_logs, MODULES) == []


def test_only_the_clock_reads_the_time() -> None:
    assert findings(reads_of_the_clock, outside("core/clock.py")) == []


def test_only_the_settings_and_the_command_line_read_the_environment() -> None:
    assert findings(reads_of_the_environment, outside("core/settings.py", "huifang/")) == []


@pytest.mark.parametrize(
    ("check", "source"),
    [
        (long_functions, "def f():\n" + "    x = 1\n" * 61),
        (long_modules, "\n" * 601),
        (missing_module_rule, "x = 1\n"),
        (asserts, "assert x\n"),
        (broad_excepts, "try:\n    f()\nexcept Exception:\n    pass\n"),
        (broad_excepts, "try:\n    f()\nexcept:\n    pass\n"),
        (broad_excepts, "try:\n    f()\nexcept (OSError, BaseException):  # noqa: BLE001\n    pass\n"),
        (personal_data_in_logs, "log.info('%s', attempt.phone)\n"),
        (personal_data_in_logs, "self._log.warning('%s', client.name)\n"),
        (personal_data_in_logs, "logger.info('%(transcript)s', values)\n"),
        (reads_of_the_clock, "now = datetime.now(UTC)\n"),
        (reads_of_the_clock, "import datetime\nnow = datetime.datetime.now()\n"),
        (reads_of_the_clock, "now = time.time()\n"),
        (reads_of_the_environment, "x = os.environ['X']\n"),
        (reads_of_the_environment, "x = os.getenv('X')\n"),
    ],
)
def test_each_check_finds_what_it_looks_for(check: Check, source: str) -> None:
    assert list(check(ast.parse(source), source))


@pytest.mark.parametrize(
    ("check", "source"),
    [
        (long_functions, 'def f():\n    """Says' + "\n" * 80 + 'much."""\n    x = 1\n'),
        (broad_excepts, "try:\n    f()\nexcept Exception:\n    raise Other\n"),
        (broad_excepts, "try:\n    f()\nexcept Exception:  # noqa: BLE001 - boundary: the row says so\n    pass\n"),
        (personal_data_in_logs, "log.info('attempt %s of node %s', attempt_id, node.name)\n"),
        (reads_of_the_clock, "now = clock.now()\n"),
        (reads_of_the_environment, "x = environ['X']\n"),
    ],
)
def test_each_check_leaves_the_good_alone(check: Check, source: str) -> None:
    assert not list(check(ast.parse(source), source))
