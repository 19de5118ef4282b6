from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.reference.imbalance import imbalance_cost, long_price, short_price
from market.reference.meters import MISSING, decode_values, encode_values
from tests.market.reference.sandbox import market_params

PARAMS = market_params(shortfall_bp=2_000, surplus_bp=1_000, imbalance_cap=10**9)
prices = st.integers(-(2**63), 2**63 - 1)
deviations = st.integers(-(2**70), 2**70)


@pytest.mark.parametrize(
    ("price", "short", "long"),
    [(100, 120, 90), (-100, -80, -110), (0, 0, 0), (1, 1, 1), (-1, -1, -1), (99, 118, 90)],
)
def test_a_deviation_is_dearer_than_the_market_in_both_directions(price, short, long):
    assert short_price(price, 2_000, 10**9) == short
    assert long_price(price, 1_000, 10**9) == long


@given(prices)
def test_the_cap_bounds_both_prices(price):
    cap = PARAMS.imbalance_cap
    short = short_price(price, PARAMS.shortfall_bp, cap)
    long = long_price(price, PARAMS.surplus_bp, cap)
    assert -cap <= long <= short <= cap


@given(deviations, prices)
def test_nobody_gains_by_deviating_one_way_and_back(deviation, price):
    there = imbalance_cost(deviation, price, PARAMS)
    back = imbalance_cost(-deviation, price, PARAMS)
    assert there + back >= 0


@given(st.lists(st.integers(MISSING, 2**31 - 1)))
def test_readings_are_packed_and_unpacked(values):
    assert decode_values(encode_values(values)) == values
