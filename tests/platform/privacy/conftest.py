"""Both kinds of database, empty."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from wattproof.store.engine import make_engine
from wattproof.store.migrate import upgrade


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """An empty database of the test's own."""
    if request.param == "postgresql":
        yield request.getfixturevalue("postgres")
        return
    made = make_engine(f"sqlite:///{tmp_path / 'wattproof.db'}")
    upgrade(made)
    yield made
    made.dispose()
