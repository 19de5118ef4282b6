"""A metered market on both kinds of database."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from tests.platform.analytics.world import FINAL, World


@pytest.fixture
def world(engine: Engine) -> World:
    """Ten accounts with a meter each, read and final."""
    made = World(engine)
    made.market()
    made.block(FINAL + 1)
    for number in range(10):
        made.reading(number, [100 * number, -50, 2_000, None])
    return made
