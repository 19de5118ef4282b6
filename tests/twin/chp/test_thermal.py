from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from twin.chp.published import PLANT
from twin.chp.thermal import (
    bearable_heat_wh,
    simulate,
    steady_load_w,
    steady_structure_c,
    thermal_step,
)

B = PLANT.buildings
MW = 1e6


def test_a_day_is_what_the_differential_equations_give():
    rng = np.random.default_rng(1)
    heat = 130 * MW + 40 * MW * rng.standard_normal(24)
    outdoor = rng.uniform(-10.0, 5.0, 24)

    def slope(hour, x):
        slot = min(int(hour), 23)
        exchange = B.coupling_w_per_k * (x[0] - x[1])
        indoor = heat[slot] + B.gain_w - B.indoor_loss_w_per_k * (x[0] - outdoor[slot]) - exchange
        structure = exchange - B.structure_loss_w_per_k * (x[1] - outdoor[slot])
        return [indoor / B.indoor_wh_per_k, structure / B.structure_wh_per_k]

    exact = solve_ivp(slope, (0.0, 24.0), [20.0, 17.0], max_step=0.05, rtol=1e-8)
    indoor, structure = simulate(B, 1.0, 20.0, 17.0, heat, outdoor)
    assert indoor[-1] == pytest.approx(exact.y[0, -1], abs=0.01)
    assert structure[-1] == pytest.approx(exact.y[1, -1], abs=0.01)


@given(st.floats(-20.0, 15.0))
def test_the_heating_curve_holds_the_set_point_in_steady_weather(outdoor_c: float):
    outdoor = np.full(96, outdoor_c)
    structure = steady_structure_c(B, B.set_point_c, outdoor_c)
    indoor, held = simulate(B, 0.25, B.set_point_c, structure, steady_load_w(B, outdoor), outdoor)
    assert indoor == pytest.approx(B.set_point_c)
    assert held == pytest.approx(structure)


def test_nobody_is_heated_in_summer():
    assert steady_load_w(B, np.array([25.0]))[0] == 0.0


@settings(max_examples=25)
@given(st.integers(1, 96), st.floats(0.1, 2.0))
def test_heat_that_can_be_withheld_cools_indoors_by_just_that_much(slots: int, drop_k: float):
    outdoor = np.full(slots, -3.0)
    heat = steady_load_w(B, outdoor)
    less = heat - bearable_heat_wh(B, 0.25, slots, drop_k) / (0.25 * slots)
    structure = steady_structure_c(B, B.set_point_c, -3.0)
    indoor, _ = simulate(B, 0.25, B.set_point_c, structure, less, outdoor)
    assert indoor[-1] == pytest.approx(B.set_point_c - drop_k)
    assert indoor[-1] == indoor.min()


def test_slots_of_any_length_lead_to_the_same_temperature():
    quarter = thermal_step(B, 0.25)
    whole = thermal_step(B, 1.0)
    assert np.allclose(np.linalg.matrix_power(quarter.keep, 4), whole.keep)


def test_scenarios_in_one_array_are_the_scenarios_one_by_one():
    outdoor = np.random.default_rng(2).uniform(-10.0, 5.0, (7, 96))
    heat = np.full(96, 120 * MW)
    together, _ = simulate(B, 0.25, 21.0, 18.0, heat, outdoor)
    for row in range(7):
        alone, _ = simulate(B, 0.25, 21.0, 18.0, heat, outdoor[row])
        assert np.array_equal(together[row], alone)
