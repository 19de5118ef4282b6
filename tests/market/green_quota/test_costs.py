from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.green_quota.costs import CostCurve, ThermalCosts, WindCosts

THERMAL = ThermalCosts(
    fuel_per_kwh=0.04,
    fuel_slope_per_kwh2=2e-6,
    maintenance_per_kwh=0.005,
    depreciation_per_kwh=0.003,
    depreciation_per_slot=120.0,
)
WIND = WindCosts(
    maintenance_per_kwh=0.008,
    backup_per_kwh=0.004,
    backup_slope_per_kwh2=1e-6,
    depreciation_per_kwh=0.001,
    depreciation_per_slot=300.0,
)


def test_a_thermal_kwh_costs_fuel_maintenance_and_wear():
    assert THERMAL.curve.marginal_per_kwh(0.0) == pytest.approx(0.048)
    assert THERMAL.curve.marginal_per_kwh(10_000.0) == pytest.approx(0.068)


def test_a_kwh_of_wind_costs_maintenance_wear_and_somebody_who_stands_by():
    assert WIND.curve.marginal_per_kwh(0.0) == pytest.approx(0.013)
    assert WIND.curve.marginal_per_kwh(10_000.0) == pytest.approx(0.023)


def test_a_slot_without_output_costs_the_plants_ageing():
    assert THERMAL.curve.of_output(0.0) == 120.0
    assert WIND.curve.of_output(0.0) == 300.0


@given(st.floats(0.0, 1e6), st.floats(0.0, 1e6), st.sampled_from([THERMAL, WIND]))
def test_what_more_output_costs_lies_between_the_marginal_costs_at_its_ends(output, more, costs):
    rise = costs.curve.of_output(output + more) - costs.curve.of_output(output)
    slack = 1e-6 * (1.0 + abs(rise))
    assert more * costs.curve.marginal_per_kwh(output) <= rise + slack
    assert rise <= more * costs.curve.marginal_per_kwh(output + more) + slack


@pytest.mark.parametrize("value", [-0.01, math.nan, math.inf])
def test_a_cost_that_is_none_is_refused_by_its_name(value):
    with pytest.raises(ValueError, match="fuel_slope_per_kwh2"):
        ThermalCosts(0.04, value, 0.0)
    with pytest.raises(ValueError, match="backup_per_kwh"):
        WindCosts(0.01, value)
    with pytest.raises(ValueError, match="first_per_kwh"):
        CostCurve(value)


@pytest.mark.parametrize("output", [-1.0, math.nan])
def test_an_output_below_zero_costs_nothing_that_could_be_said(output):
    with pytest.raises(ValueError, match="output"):
        THERMAL.curve.of_output(output)
