from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from market.bid import orders
from market.chp_power import MANIFEST
from market.chp_power.bids import TERMS, plant_bids, thermal_bids, wind_bids
from market.dispatch import DispatchPlan, Indicator
from market.order import check_well_formed
from market.product import ProductGrid
from twin.chp.plant import (
    ChpPlant,
    ExtractionUnit,
    FuelLine,
    HeatedBuildings,
    HeatStore,
    PeakBoiler,
)

RULES = MANIFEST.rules
TRADER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"


PLANT = ChpPlant(
    unit=ExtractionUnit(
        condensing_min_w=90e6,
        condensing_max_w=200e6,
        heat_max_w=250e6,
        power_loss_ratio=0.15,
        back_pressure_ratio=0.55,
        back_pressure_offset_w=5e6,
        fuel_lines=(FuelLine(40e6, 2.2), FuelLine(10e6, 2.4)),
        ramp_w_per_h=100e6,
        min_up_h=4.0,
        min_down_h=4.0,
        start_cost=20_000.0,
    ),
    boiler=PeakBoiler(0.0, 0.9),
    store=HeatStore(0.0, 0.0, 0.0, 0.0),
    buildings=HeatedBuildings(1e9, 5e9, 2e7, 4e6, 3e6, 2e7, 21.0, 19.0, 23.0),
    fuel_per_kwh=0.02,
    boiler_fuel_per_kwh=0.03,
    discomfort_per_k_h=50.0,
)


def plan_of(power_w: list[int], heat_w: list[int]) -> DispatchPlan:
    nothing = Indicator(0, "of its kind", "lower")
    return DispatchPlan(
        first_slot=0,
        slot_seconds=900,
        lines={"electricity": tuple(power_w), "heat_output": tuple(heat_w)},
        indicators={"cost": nothing, "peak": nothing, "comfort": nothing},
    )


SLOTS = st.lists(
    st.tuples(st.integers(-300_000_000, 300_000_000), st.integers(-10, 400_000_000)),
    min_size=1,
    max_size=8,
)


@given(SLOTS)
def test_a_plan_is_offered_to_the_last_wh_and_nothing_beyond(slots):
    power, heat = zip(*slots, strict=True)
    plan = plan_of(list(power), list(heat))
    bids = plant_bids("plant", plan, PLANT)
    assert all(bid.energy_wh < 0 for bid in bids)
    for slot, planned in enumerate(power):
        offered = -sum(bid.energy_wh for bid in bids if bid.slot == slot)
        assert abs(offered - max(-planned, 0) / 4) <= 1
    grid = ProductGrid(1, 1, 0, len(slots))
    for order in orders(bids, market=1, round=1, first_slot=0, traders={"plant": TRADER}):
        check_well_formed(order, grid, RULES.price_cap, takes_coupled=False)


def test_power_that_heat_forces_out_is_cheap_and_the_rest_costs_its_fuel():
    forced, free = plant_bids("plant", plan_of([-150_000_000], [200_000_000]), PLANT)
    assert forced.energy_wh == -round((0.55 * 200e6 + 5e6) / 4)
    assert forced.energy_wh + free.energy_wh == -37_500_000
    assert forced.price_nano_per_kwh == TERMS.must_run_per_kwh * 1e9
    assert free.price_nano_per_kwh == 48_000_000  # the steeper fuel line, 2.4 * 0.02


def test_without_heat_the_minimum_load_is_what_must_run():
    forced, _ = plant_bids("plant", plan_of([-150_000_000], [0]), PLANT)
    assert forced.energy_wh == -22_500_000


def test_a_plant_that_stands_offers_nothing():
    assert plant_bids("plant", plan_of([0, 0], [0, 0]), PLANT) == ()


def test_thermal_stations_keep_their_minimum_before_wind_and_heat_are_curtailed():
    must, free = thermal_bids("thermal", np.array([0.06]), 20e6, 90e6)
    (wind,) = wind_bids("wind", np.array([30e6]))
    forced, _ = plant_bids("plant", plan_of([-150_000_000], [200_000_000]), PLANT)
    prices = [bid.price_nano_per_kwh for bid in (must, forced, wind, free)]
    assert prices == sorted(prices)
    assert must.energy_wh + free.energy_wh == -90_000_000
