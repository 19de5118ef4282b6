from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from market.reference.call_data import NO_CUT, OrderLine, Tie
from market.reference.verification import ProductSums, leg_quantities, margin_need, sold_wh

units = st.integers(1, 2**64 - 1)
coefficients = st.lists(st.integers(-(2**31), 2**31 - 1).filter(bool), min_size=1, max_size=6)


@given(coefficients, units, units, st.integers(0, 2**62), st.integers(-(2**63), 2**63 - 1))
def test_the_margin_that_an_order_needs_covers_every_fill(legs, most, fill, cap, limit):
    """Payment within the limit and collateral at any fill never exceed what was set aside."""
    fill = min(fill, most)
    line = OrderLine(0, most, limit, 0, 0, fill, tuple(enumerate(legs)), bytes(64))
    energy_wh = sum(abs(quantity) for _, quantity in leg_quantities(line))
    collateral = -(-cap * energy_wh // 10**6)
    dearest = max(0, -(-limit * fill // 10**6))
    assert dearest + collateral <= margin_need(limit, most, legs, cap)


@given(coefficients, units, units)
def test_no_fill_sells_more_than_was_judged_at_the_gate(legs, most, fill):
    fill = min(fill, most)
    line = OrderLine(0, most, 0, 0, 0, fill, tuple(enumerate(legs)), bytes(64))
    sold = sum(-quantity for _, quantity in leg_quantities(line) if quantity < 0)
    assert sold <= sold_wh(most, legs)


@given(st.lists(st.tuples(units, st.binary(min_size=32, max_size=32)), min_size=1), st.data())
def test_shares_of_a_tie_lie_within_one_unit_of_pro_rata(tied, data):
    offered = sum(maximum for maximum, _ in tied)
    filled = data.draw(st.integers(0, offered - 1))
    cut = data.draw(st.sampled_from((NO_CUT, 0, offered // 2)))
    tie = Tie(1, offered, filled, cut, bytes(32))
    for maximum, digest in tied:
        share = tie.fill(maximum, digest)
        assert abs(share * offered - maximum * filled) <= offered
        assert 0 <= share <= maximum


def test_the_price_lies_midway_between_its_bounds_toward_minus_infinity():
    def price(**bounds: int) -> int:
        return ProductSums(**bounds).canonical_price()

    assert price(low=3, high=6) == 4
    assert price(low=-6, high=-3) == -5
    assert price(low=7) == 7
    assert price(high=-7) == -7
    assert price() == 0
