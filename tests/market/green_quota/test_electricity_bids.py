from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.green_quota.costs import ThermalCosts, WindCosts
from market.green_quota.electricity_bids import (
    CertificateOutlook,
    retailer_bids,
    thermal_asks,
    wind_asks,
)
from market.green_quota.rules import ELECTRICITY_RULES
from market.quantise import price_nano_per_kwh

CAP = ELECTRICITY_RULES.price_cap
per_kwh = st.floats(0.0, 10.0)
slopes = st.floats(0.0, 1e-3)
thermal_costs = st.builds(ThermalCosts, per_kwh, slopes, per_kwh, per_kwh, per_kwh)
wind_costs = st.builds(WindCosts, per_kwh, per_kwh, slopes, per_kwh, per_kwh)
outlooks = st.builds(CertificateOutlook, st.floats(-10.0, 10.0), st.floats(0.0, 10.0))
outputs = st.lists(st.floats(0.0, 2e9), min_size=1, max_size=3)
shares = st.floats(0.0, 1.0)
steps = st.integers(1, 12)
NOTHING = CertificateOutlook(0.0, 0.0)


@given(thermal_costs, wind_costs, outputs, outlooks, shares, steps)
def test_whatever_costs_say_orders_are_well_formed_and_asks_rise_with_output(
    assert_well_formed, thermal, wind, available, outlook, share, count
):
    for bids in (
        thermal_asks("plant", thermal, available, outlook, owed_share=share, steps=count),
        wind_asks("park", wind, available, outlook, owed_share=share, steps=count),
    ):
        assert_well_formed(bids, ELECTRICITY_RULES)
        assert all(bid.energy_wh < 0 and abs(bid.price_nano_per_kwh) <= CAP for bid in bids)
        for slot, energy in enumerate(available):
            own = [bid for bid in bids if bid.slot == slot]
            assert sum(-bid.energy_wh for bid in own) == pytest.approx(energy, abs=0.5)
            prices = [bid.price_nano_per_kwh for bid in own]
            assert prices == sorted(prices)


@given(outputs, st.floats(-20.0, 20.0), outlooks, shares)
def test_a_retailers_orders_are_well_formed(assert_well_formed, load, worth, outlook, share):
    bids = retailer_bids("retailer", load, worth, outlook, owed_share=share)
    assert_well_formed(bids, ELECTRICITY_RULES)
    assert all(bid.energy_wh > 0 for bid in bids)


@given(thermal_costs, st.floats(1_000.0, 1e8), steps, st.integers(0, 12), st.floats(0.0, 1.0))
def test_a_price_at_which_steps_are_filled_covers_what_they_cost(
    costs, available, count, full, part
):
    """Within the rounding of prices, and unless the market's cap keeps the ask below cost."""
    bids = thermal_asks("plant", costs, [available], NOTHING, steps=count)
    filled = [-float(bid.energy_wh) for bid in bids[:full]]
    filled += [-part * bid.energy_wh for bid in bids[full : full + 1]]
    asked = sum(wh * bid.price_nano_per_kwh / 1e12 for wh, bid in zip(filled, bids, strict=False))
    cost = costs.curve.of_output(sum(filled) / 1e3) - costs.depreciation_per_slot
    if all(bid.price_nano_per_kwh < CAP for bid in bids):
        assert asked >= cost - 1e-9 * (1.0 + cost) - sum(filled) * 1e-12


def test_a_certificate_makes_wind_cheaper_and_may_make_it_pay():
    costs = WindCosts(maintenance_per_kwh=0.01, backup_per_kwh=0.005)
    dear = wind_asks("park", costs, [1e6], CertificateOutlook(0.05, 0.08))
    none = wind_asks("park", costs, [1e6], NOTHING)
    assert [bid.price_nano_per_kwh for bid in none] == [15_000_000]
    assert [bid.price_nano_per_kwh for bid in dear] == [-35_000_000]


def test_nobody_pays_beyond_the_cap_for_being_allowed_to_produce():
    costs = WindCosts(maintenance_per_kwh=0.0, backup_per_kwh=0.0)
    (bid,) = wind_asks("park", costs, [1e6], CertificateOutlook(9.0, 9.0))
    assert bid.price_nano_per_kwh == -CAP


def test_an_obliged_plant_asks_for_its_share_of_a_certificate_as_well():
    costs = ThermalCosts(0.04, 0.0, 0.005)
    (bid,) = thermal_asks("plant", costs, [1e6], CertificateOutlook(0.05, 0.08), owed_share=0.2)
    assert bid.price_nano_per_kwh == price_nano_per_kwh(0.055)


def test_an_obliged_retailer_bids_its_share_of_a_certificate_less():
    outlook = CertificateOutlook(0.05, 0.08)
    (bid,) = retailer_bids("retailer", [1e6], 0.2, outlook, owed_share=0.2)
    assert bid.price_nano_per_kwh == price_nano_per_kwh(0.19)


def test_a_certificate_is_worth_neither_less_than_nothing_nor_more_than_the_penalty():
    assert CertificateOutlook(-0.1, 0.08).worth_per_kwh == 0.0
    assert CertificateOutlook(0.5, 0.08).worth_per_kwh == 0.08


def test_more_steps_follow_marginal_cost_more_closely():
    costs = ThermalCosts(0.04, 1e-5, 0.005)
    coarse, fine = (thermal_asks("plant", costs, [1e7], NOTHING, steps=n) for n in (2, 8))
    assert [len(coarse), len(fine)] == [2, 8]
    gaps = [b.price_nano_per_kwh - a.price_nano_per_kwh for a, b in pairwise(fine)]
    assert gaps == [price_nano_per_kwh(1e-5 * 1e4 / 8)] * 7


def test_bad_input_is_named():
    costs = ThermalCosts(0.04, 1e-5, 0.005)
    with pytest.raises(ValueError, match="plant: energy"):
        thermal_asks("plant", costs, [-1.0], NOTHING)
    with pytest.raises(ValueError, match="plant: energy"):
        thermal_asks("plant", costs, [math.nan], NOTHING)
    with pytest.raises(ValueError, match="plant needs at least one step"):
        thermal_asks("plant", costs, [1.0], NOTHING, steps=0)
    with pytest.raises(ValueError, match="owed_share"):
        retailer_bids("retailer", [1.0], 0.2, NOTHING, owed_share=1.5)
    with pytest.raises(ValueError, match="penalty_per_kwh"):
        CertificateOutlook(0.1, -0.1)
    with pytest.raises(ValueError, match="price_per_kwh"):
        CertificateOutlook(math.nan, 0.1)
