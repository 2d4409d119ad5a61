"""What several tests of the planner begin with."""

from __future__ import annotations

import pytest

from dialer.programmes.load import load_pack
from dialer.programmes.model import Pack


@pytest.fixture(scope="session")
def example() -> Pack:
    """The example of a firm's own pack, as it is shipped."""
    return load_pack("demo_firm")
