"""Bids as the chain sees them, for all tests of the two platforms."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from market.bid import Bid, orders
from market.order import check_well_formed
from market.product import ProductGrid
from market.rules import MarketRules

FIRST_SLOT = 19_800
TRADER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"


@pytest.fixture(scope="session")
def assert_well_formed() -> Callable[[Sequence[Bid], MarketRules], None]:
    """Every bid makes an order that the exchange takes, of a round of `slots`, within the cap."""

    def check(bids: Sequence[Bid], rules: MarketRules) -> None:
        grid = ProductGrid(1, 1, FIRST_SLOT, rules.period_slots)
        traders = {bid.owner_id: TRADER for bid in bids}
        for order in orders(bids, market=1, round=1, first_slot=FIRST_SLOT, traders=traders):
            check_well_formed(order, grid, rules.price_cap, takes_coupled=False)

    return check
