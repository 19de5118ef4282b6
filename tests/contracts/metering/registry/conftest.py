from __future__ import annotations

from types import SimpleNamespace

import pytest


@pytest.fixture
def posted(market, buyer, pack):
    """A reading of the buyer's meter just posted: meter, values, when."""
    meter = market.meter(buyer, capacity_w=11_000)
    market.after_period()
    values = pack(100, 200, 300, None)
    receipt = meter.post(values)
    return SimpleNamespace(meter=meter, values=values, at=receipt.timestamp, period=market.period)


@pytest.fixture
def disputed(world, meters, posted, buyer):
    """The same reading in dispute since `disputed.since`."""
    receipt = meters.dispute(posted.meter.device, posted.period, sender=buyer)
    posted.since = receipt.timestamp
    return posted
