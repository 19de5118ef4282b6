from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.bid import orders
from market.energy_credits import MANIFEST
from market.energy_credits.bids import credit_ask, credit_bid
from market.energy_credits.rules import RULES, expiry_slot
from market.order import check_well_formed
from market.product import ProductGrid
from market.registry import MARKETS

TRADER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"


def test_the_market_trades_tokens_and_is_found_by_its_folder():
    assert MARKETS["energy_credits"] is MANIFEST
    assert MANIFEST.rules.tokenised
    assert not MARKETS["ev_battery"].rules.tokenised


def test_a_class_outlives_the_settlement_of_its_round():
    assert RULES.slot_seconds > RULES.settle_window


@given(st.integers(1, 40_000))
def test_a_slot_names_the_credits_that_expire_when_it_ends(day):
    slot = expiry_slot(day * 86_400)
    assert (slot + 1) * RULES.slot_seconds == day * 86_400


@pytest.mark.parametrize("expiry", [0, -86_400, 86_399, 1_800_000_001])
def test_credits_that_expire_within_a_day_have_no_class(expiry):
    with pytest.raises(ValueError, match="end of a UTC day"):
        expiry_slot(expiry)


@given(st.integers(1, 2**48), st.integers(1, RULES.price_cap), st.floats(0.0, 1e3))
def test_asks_and_bids_are_well_formed_orders(wh, redemption, worth):
    bids = [credit_ask("mall", wh, redemption), credit_bid("office", wh, worth)]
    traders = {"mall": TRADER, "office": TRADER}
    for order in orders(bids, market=1, round=1, first_slot=9, traders=traders):
        check_well_formed(order, ProductGrid(1, 1, 9, 1), RULES.price_cap, takes_coupled=False)


def test_nobody_asks_for_less_than_redeeming_gives():
    assert credit_ask("mall", 1_000, 150_000_000).price_nano_per_kwh == 150_000_000


def test_selling_or_wanting_nothing_is_refused():
    with pytest.raises(ValueError, match="mall holds no credits"):
        credit_ask("mall", 0, 1)
    for wanted in (0, -5):
        with pytest.raises(ValueError, match="office wants no credits"):
            credit_bid("office", wanted, 0.1)
    with pytest.raises(ValueError, match="not a number"):
        credit_bid("office", 5, math.nan)
