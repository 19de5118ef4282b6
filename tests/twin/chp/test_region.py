from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.chp.published import PLANT
from twin.chp.region import (
    corners,
    fuel_w,
    least_power_heat,
    marginal_fuel,
    most_heat,
    power_limits,
)

UNIT = PLANT.unit
MW = 1e6
HEATS = st.floats(0.0, UNIT.heat_max_w)


@given(HEATS)
def test_every_heat_up_to_the_maximum_has_room_for_power(heat: float):
    low, high = power_limits(UNIT, np.array([heat]))
    assert 0.0 < low[0] < high[0]


@given(HEATS, HEATS, st.floats(0.0, 1.0), st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_the_region_is_convex(first: float, second: float, up: float, also: float, share: float):
    heats = np.array([first, second])
    low, high = power_limits(UNIT, heats)
    power = low + np.array([up, also]) * (high - low)
    heat = share * heats[0] + (1.0 - share) * heats[1]
    between = share * power[0] + (1.0 - share) * power[1]
    least, most = power_limits(UNIT, np.array([heat]))
    assert least[0] - 1.0 <= between <= most[0] + 1.0


@given(HEATS, st.floats(0.0, 1.0))
def test_lines_of_equal_fuel_fall_by_the_power_loss_ratio(heat: float, up: float):
    low, high = power_limits(UNIT, np.array([heat]))
    power = low + up * (high - low)
    condensing = power + UNIT.power_loss_ratio * heat
    assert fuel_w(UNIT, power, np.array([heat])) == pytest.approx(
        fuel_w(UNIT, condensing, np.zeros(1))
    )


def test_least_power_rises_with_heat_by_the_back_pressure_ratio():
    low, _ = power_limits(UNIT, np.array([150.0, 200.0]) * MW)
    assert (low[1] - low[0]) / (50 * MW) == pytest.approx(UNIT.back_pressure_ratio)
    assert UNIT.back_pressure_ratio == 0.75


def test_most_power_falls_with_heat_so_less_heat_at_the_peak_means_more_power():
    _, high = power_limits(UNIT, np.array([0.0, 200.0]) * MW)
    assert high[0] == pytest.approx(215 * MW)
    assert high[0] - high[1] == pytest.approx(30 * MW)


@given(st.floats(0.0, 250.0))
def test_the_most_heat_below_a_power_keeps_the_unit_below_it(power_mw: float):
    power = np.array([power_mw * MW])
    heat = most_heat(UNIT, power)
    low, _ = power_limits(UNIT, heat)
    least = power_limits(UNIT, np.array([least_power_heat(UNIT)]))[0]
    assert low[0] <= max(power[0], least[0]) + 1.0
    if heat[0] < UNIT.heat_max_w - 1.0 and power[0] > least[0] + 1.0:
        assert power_limits(UNIT, heat + 1 * MW)[0][0] > power[0]


def test_the_corners_are_those_of_the_polygon_drawn_by_hand():
    expected = [(0, 95), (83.333, 82.5), (210, 177.5), (210, 183.5), (0, 215)]
    assert np.array(corners(UNIT)) / MW == pytest.approx(np.array(expected), abs=1e-3)


def test_another_kwh_costs_more_fuel_towards_full_load():
    power = np.array([100.0, 210.0]) * MW
    assert marginal_fuel(UNIT, power, np.zeros(2)).tolist() == [2.32, 2.50]
