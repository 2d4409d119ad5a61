"""A firm whose pack says what follows, and one client who is owed a call-back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.db import Database
from dialer.programmes.load import load_pack
from dialer.programmes.model import Pack
from dialer.tables import Callback, Staff
from tests.unit.following.firm import FIRM, Firm


@pytest.fixture(scope="session")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    """The firm's pack."""
    path = tmp_path_factory.mktemp("packs") / "firm.yaml"
    path.write_text(FIRM, encoding="utf-8")
    return load_pack(str(path))


@pytest.fixture
def firm(tmp_path: Path, owe: Callable[..., Callback], pack: Pack) -> Iterator[Firm]:
    """Client C1 of S1 is owed call-back B1, still without items."""
    db = Database(f"sqlite:///{tmp_path / 'following.db'}")
    db.migrate()
    with db.write() as session:
        callback = owe(session, pack="firm")
        session.add(Staff(staff_id="S1", name="员工", branch="北京", series="marketing", languages=["zh-CN"]))
        callback.client.introducer_id = "S1"
    yield Firm(db, pack)
    db.close()
