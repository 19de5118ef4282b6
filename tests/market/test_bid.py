from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.bid import Bid, make_bid, orders
from market.order import check_well_formed
from market.product import ProductGrid

TRADER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
CAP = 4_000_000_000


@given(
    wh=st.floats(-1e7, 1e7, allow_nan=False),
    price=st.floats(allow_nan=False),
)
def test_whatever_a_plan_says_the_order_is_well_formed(wh, price):
    bid = make_bid("owner", 3, wh, price, CAP)
    if bid is None:
        assert abs(wh) <= 0.5
        return
    (order,) = orders([bid], market=1, round=2, first_slot=96, traders={"owner": TRADER})
    check_well_formed(order, ProductGrid(1, 1, 96, 96), CAP, takes_coupled=False)
    assert order.sells == (wh < 0)


def test_a_price_that_is_no_number_is_refused_with_owner_and_slot():
    with pytest.raises(ValueError, match="owner-7, slot 4"):
        make_bid("owner-7", 4, 1_000.0, math.nan, CAP)


def test_equal_bids_of_one_owner_are_different_orders():
    bid = Bid("owner", 0, 500, 10)
    first, second = orders([bid, bid], market=1, round=1, first_slot=0, traders={"owner": TRADER})
    assert first != second


def test_an_owner_without_an_address_is_named():
    with pytest.raises(KeyError, match="stranger"):
        orders([Bid("stranger", 0, 1, 1)], market=1, round=1, first_slot=0, traders={})
