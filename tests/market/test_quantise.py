from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market import quantise


@pytest.mark.parametrize(
    ("quantise_one", "value", "grains"),
    [
        (quantise.energy_wh, 1.2345, 1_234),
        (quantise.energy_wh, -0.0015, -2),
        (quantise.energy_wh, 0.0005, 0),
        (quantise.power_w, 7.4, 7_400),
        (quantise.price_nano_per_kwh, 0.1, 100_000_000),
        (quantise.price_nano_per_kwh, 0.287654321, 287_654_321),
        (quantise.money_micro, 1e12 + 0.1, 1_000_000_000_000_100_000),
        (quantise.coefficient, -0.9, -900_000),
        (quantise.energy_wh, np.float64(2.5), 2_500),
    ],
)
def test_the_nearest_grain_of_the_decimal_that_was_written(quantise_one, value, grains):
    assert quantise_one(value) == grains


@given(st.integers(-(10**14), 10**14))
def test_whole_grains_survive(grains):
    assert quantise.money_micro(grains / 10**6) == pytest.approx(grains, rel=1e-15)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_refused(value):
    with pytest.raises(ValueError, match="finite"):
        quantise.energy_wh(value)
