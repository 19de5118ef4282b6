from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.mall.chiller import ChillerError, ChillerPlant, check_plant
from twin.mall.chiller_lines import load_lines

PLANT = ChillerPlant(units=4, capacity_w=750e3)


def test_at_reference_conditions_a_unit_has_its_reference_efficiency() -> None:
    one = ChillerPlant(1, 1e6, auxiliary_share=0.0)
    condenser = np.array(29.44)
    full = one.capacity_of_all_w(condenser)
    assert full == pytest.approx(1e6, rel=0.01)
    assert full / one.power_w(full, condenser) == pytest.approx(5.5, rel=0.01)


def test_capacity_and_efficiency_fall_in_hotter_air() -> None:
    warm, hot = np.array(28.0), np.array(36.0)
    assert PLANT.capacity_of_all_w(hot) < PLANT.capacity_of_all_w(warm)
    assert PLANT.power_w(np.array(1e6), hot) > PLANT.power_w(np.array(1e6), warm)


def test_below_minimum_part_load_a_single_unit_cycles_at_the_same_efficiency() -> None:
    one = ChillerPlant(1, 1e6, minimum_part_load=0.25, auxiliary_share=0.0)
    at = np.array(29.44)
    capacity = float(one.capacity_of_all_w(at))
    low, half = one.power_w(np.array([0.2, 0.1]) * capacity, np.array([29.44, 29.44]))
    assert half == pytest.approx(low / 2.0)


def test_no_cooling_draws_nothing() -> None:
    assert PLANT.power_w(np.array(0.0), np.array(25.0)) == 0.0


@given(st.floats(0.0, 1.0), st.floats(15.0, 45.0))
def test_cooling_is_the_inverse_of_power(load: float, condenser_c: float) -> None:
    condenser = np.array(condenser_c)
    cooling = load * PLANT.capacity_of_all_w(condenser)
    power = PLANT.power_w(cooling, condenser)
    assert PLANT.cooling_w(power, condenser) == pytest.approx(cooling, rel=1e-6, abs=1.0)


@given(st.floats(0.0, 1.0), st.integers(1, 6), st.just(0.0) | st.floats(0.02, 0.5))
def test_the_straight_lines_lie_within_their_error_of_the_curve(
    load: float, units: int, minimum: float
) -> None:
    plant = ChillerPlant(units, 1e6, minimum_part_load=minimum)
    lines = load_lines(plant)
    exact = float(plant.part_power(np.array(load)))
    assert abs(float(lines.power(np.array(load))) - exact) <= lines.error


def test_four_units_are_represented_within_three_per_cent_of_full_power() -> None:
    assert load_lines(PLANT).error < 0.03


def test_more_lines_mean_steeper_power_and_so_a_convex_one() -> None:
    assert (np.diff(load_lines(PLANT).slope) > 0.0).all()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"units": 0}, "cool nothing"),
        ({"reference_cop": 30.0}, "between 1 and 12"),
        ({"minimum_part_load": 1.0}, "minimum part load"),
        ({"chilled_water_c": 20.0}, "4 to 12"),
        ({"auxiliary_share": -0.1}, "pumps"),
    ],
)
def test_chillers_that_cannot_be_are_refused(change: dict[str, float], said: str) -> None:
    with pytest.raises(ChillerError, match=said):
        check_plant(replace(PLANT, **change))  # type: ignore[arg-type]
