from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.supply import SupplyTerms, consumer_bids, supplier_bids

CAP = 4_000_000_000
PRICES = st.lists(st.floats(-2.0, 2.0, allow_nan=False), min_size=1, max_size=12)


@given(PRICES)
def test_the_supplier_never_buys_back_above_what_it_sells_for(prices):
    bids = supplier_bids("grid", np.array(prices), 100_000.0, 0.25, CAP)
    for slot in range(len(prices)):
        here = [bid for bid in bids if bid.slot == slot]
        cheapest = min(bid.price_nano_per_kwh for bid in here if bid.energy_wh < 0)
        assert all(bid.price_nano_per_kwh <= cheapest for bid in here if bid.energy_wh > 0)


def test_the_supplier_offers_its_whole_connection_and_no_more():
    bids = supplier_bids("grid", np.array([0.1, 0.2]), 100_000.0, 0.25, CAP)
    for slot in (0, 1):
        offered = -sum(b.energy_wh for b in bids if b.slot == slot and b.energy_wh < 0)
        assert offered == 25_000


def test_a_load_beyond_the_first_tier_costs_the_second_tiers_price():
    terms = SupplyTerms()
    price = terms.marginal_price_per_kwh(np.array([0.1, 0.1]), np.array([50.0, 90.0]), 100.0)
    assert price.tolist() == pytest.approx([0.1, 0.125])


@pytest.mark.parametrize(
    "terms", [{"base_share": 1.0}, {"scarcity_factor": 0.9}, {"buy_back_factor": 1.1}]
)
def test_terms_that_would_lose_money_are_refused(terms):
    with pytest.raises(ValueError, match="must"):
        SupplyTerms(**terms)


def test_a_consumer_bids_its_load_and_nothing_where_it_has_none():
    bids = consumer_bids("shop", np.array([1_000.0, 0.0, 250.0]), 0.9, CAP)
    assert [(b.slot, b.energy_wh, b.price_nano_per_kwh) for b in bids] == [
        (0, 1_000, 900_000_000),
        (2, 250, 900_000_000),
    ]
