from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.ev_battery.bids import Bid, fleet_bids, make_bid, orders
from market.ev_battery.rules import RULES
from market.order import check_well_formed
from market.product import ProductGrid
from twin.ev_fleet.published import published_fleet
from twin.ev_fleet.twin import EvFleetTwin, FleetSite

TRADER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"


@pytest.fixture(scope="module")
def plan():
    fleet = published_fleet(seed=7, vehicles=12)
    twin = EvFleetTwin()
    model = twin.construct(FleetSite(fleet.horizon, fleet.vehicles, fleet.habits))
    samples = twin.sample(model, np.random.default_rng(1), 8)
    return twin.decide(model, samples, fleet.signal)


def test_a_plan_becomes_one_bid_an_owner_and_slot(plan):
    bids = fleet_bids(plan)
    assert len({(bid.owner_id, bid.slot) for bid in bids}) == len(bids) > 50
    for bid in bids:
        vehicle = plan.owner_ids.index(bid.owner_id)
        assert abs(bid.energy_wh - plan.energy_wh[vehicle, bid.slot]) <= 0.5


def test_charging_is_bid_at_its_worth_and_giving_back_at_the_reservation_price(plan):
    for bid in fleet_bids(plan):
        vehicle = plan.owner_ids.index(bid.owner_id)
        wanted = (
            plan.charge_value_per_kwh[vehicle]
            if bid.energy_wh > 0
            else plan.discharge_reservation_per_kwh[vehicle]
        )
        assert bid.price_nano_per_kwh == pytest.approx(wanted * 1e9, abs=1)


def test_an_unwilling_owner_asks_nothing(plan):
    unwilling = {
        owner
        for owner, reserve in zip(plan.owner_ids, plan.discharge_reservation_per_kwh, strict=True)
        if math.isinf(reserve)
    }
    assert unwilling
    assert not [b for b in fleet_bids(plan) if b.energy_wh < 0 and b.owner_id in unwilling]


@given(
    wh=st.floats(-1e7, 1e7, allow_nan=False),
    price=st.floats(allow_nan=False),
)
def test_whatever_a_plan_says_the_order_is_well_formed(wh, price):
    bid = make_bid("owner", 3, wh, price)
    if bid is None:
        assert abs(wh) <= 0.5
        return
    (order,) = orders([bid], market=1, round=2, first_slot=96, traders={"owner": TRADER})
    check_well_formed(order, ProductGrid(1, 1, 96, 96), RULES.price_cap, takes_coupled=False)
    assert order.sells == (wh < 0)


def test_a_price_that_is_no_number_is_refused_with_owner_and_slot():
    with pytest.raises(ValueError, match="owner-7, slot 4"):
        make_bid("owner-7", 4, 1_000.0, math.nan)


def test_equal_bids_of_one_owner_are_different_orders():
    bid = Bid("owner", 0, 500, 10)
    first, second = orders([bid, bid], market=1, round=1, first_slot=0, traders={"owner": TRADER})
    assert first != second


def test_an_owner_without_an_address_is_named():
    with pytest.raises(KeyError, match="stranger"):
        orders([Bid("stranger", 0, 1, 1)], market=1, round=1, first_slot=0, traders={})
