"""Every error a person can meet has one root and tells him what to do."""

from __future__ import annotations

import inspect

import pytest

import core.errors
from core.errors import HuifangError

pytestmark = pytest.mark.unit

KINDS = [kind for _, kind in inspect.getmembers(core.errors, inspect.isclass)]


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_derives_from_the_root_and_says_what_to_do(kind: type[HuifangError]) -> None:
    assert issubclass(kind, HuifangError)
    assert kind.__doc__


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_stands_in_the_tree_of_the_module(kind: type[HuifangError]) -> None:
    assert kind.__name__ in str(core.errors.__doc__)


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_ends_the_command_line_with_a_failure(kind: type[HuifangError]) -> None:
    assert kind.exit_code in (1, 2)
