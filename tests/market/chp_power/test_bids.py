from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.bid import orders
from market.chp_power import MANIFEST
from market.chp_power.bids import TERMS, plant_bids, thermal_bids, wind_bids
from market.dispatch import DispatchPlan, Indicator
from market.order import check_well_formed
from market.product import ProductGrid

RULES = MANIFEST.rules
TRADER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"


def plan_of(power_w: list[int]) -> DispatchPlan:
    nothing = Indicator(0, "of its kind", "lower")
    return DispatchPlan(
        first_slot=0,
        slot_seconds=900,
        lines={"electricity": tuple(power_w)},
        indicators={"cost": nothing, "peak": nothing, "comfort": nothing},
    )


SLOTS = st.lists(
    st.tuples(
        st.integers(-300_000_000, 300_000_000),
        st.floats(-1e6, 3e8),
        st.floats(-10.0, 10.0),
    ),
    min_size=1,
    max_size=8,
)


@given(SLOTS)
def test_a_plan_is_offered_to_the_last_wh_and_nothing_beyond(slots):
    power, least, cost = zip(*slots, strict=True)
    plan = plan_of(list(power))
    bids = plant_bids("plant", plan, np.array(least), np.array(cost))
    assert all(bid.energy_wh < 0 for bid in bids)
    for slot, planned in enumerate(power):
        offered = -sum(bid.energy_wh for bid in bids if bid.slot == slot)
        assert abs(offered - max(-planned, 0) / 4) <= 1
    grid = ProductGrid(1, 1, 0, len(slots))
    for order in orders(bids, market=1, round=1, first_slot=0, traders={"plant": TRADER}):
        check_well_formed(order, grid, RULES.price_cap, takes_coupled=False)


def test_power_that_heat_forces_out_is_cheap_and_the_rest_costs_its_fuel():
    bids = plant_bids("plant", plan_of([-100_000_000]), np.array([60e6]), np.array([0.05]))
    forced, free = bids
    assert (forced.energy_wh, free.energy_wh) == (-15_000_000, -10_000_000)
    assert forced.price_nano_per_kwh == TERMS.must_run_per_kwh * 1e9
    assert free.price_nano_per_kwh == 50_000_000


def test_a_plant_that_stands_offers_nothing():
    assert plant_bids("plant", plan_of([0, 0]), np.zeros(2), np.zeros(2)) == ()


def test_arrays_that_do_not_fit_the_plan_are_refused():
    with pytest.raises(ValueError, match="do not fit a plan of 1 slots"):
        plant_bids("plant", plan_of([-5]), np.zeros(2), np.zeros(1))


def test_thermal_stations_keep_their_minimum_before_wind_and_heat_are_curtailed():
    must, free = thermal_bids("thermal", np.array([0.06]), 20e6, 90e6)
    (wind,) = wind_bids("wind", np.array([30e6]))
    forced, _ = plant_bids("plant", plan_of([-100_000_000]), np.array([60e6]), np.array([0.05]))
    prices = [bid.price_nano_per_kwh for bid in (must, forced, wind, free)]
    assert prices == sorted(prices)
    assert must.energy_wh + free.energy_wh == -90_000_000
