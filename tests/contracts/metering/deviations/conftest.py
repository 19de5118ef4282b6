from __future__ import annotations

import pytest


@pytest.fixture
def metered(market, buyer):
    """A market in which the buyer has a meter; its period has not begun."""
    market.meter(buyer)
    return market
