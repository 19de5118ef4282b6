from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from twin.storage_station.price_programme import PriceProgramme
from twin.storage_station.station import StorageStation

STATION = StorageStation(4_000.0, 4_000.0, 5_000.0, 0.9, 0.95, wear_per_kwh=0.01)


def station(slots: int) -> PriceProgramme:
    return PriceProgramme(STATION, slots, 0.25)


def reference_cost(price: np.ndarray) -> float:
    """The same programme written down anew and solved cold by another front end."""
    slots = price.size
    cost = np.r_[price / 1e3 + 0.009 / 1e3, -price / 1e3 + 0.01 / 0.95 / 1e3]
    lower = np.tril(np.ones((slots, slots)))
    stored = np.hstack([0.9 * lower, -lower / 0.95])
    upper_bound = np.vstack([stored, -stored, -stored[-1:]])
    limits = np.r_[np.full(slots, 2_500.0), np.full(slots, 2_500.0), 0.0]
    answer = linprog(cost, upper_bound, limits, bounds=(0.0, 1_000.0))
    assert answer.fun is not None
    return float(answer.fun)


def test_warm_solves_equal_cold_ones():
    rng = np.random.default_rng(3)
    warm = station(24)
    for _ in range(20):
        price = rng.uniform(0.02, 0.4, 24)
        found = warm.solve(price)
        assert found.cost == pytest.approx(station(24).solve(price).cost, abs=1e-9)
        assert found.cost == pytest.approx(reference_cost(price), abs=1e-7)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.floats(-0.2, 0.5), min_size=12, max_size=12))
def test_a_schedule_keeps_to_power_and_capacity_and_ends_as_full_as_it_began(prices: list[float]):
    schedule = station(12).solve(np.array(prices))
    energy = schedule.energy_wh
    change = np.where(energy > 0, 0.9 * energy, energy / 0.95)
    assert np.allclose(np.cumsum(change) + 2_500.0, schedule.stored_wh, atol=1e-4)
    assert (np.abs(energy) <= 1_000.0 + 1e-6).all()
    assert (schedule.stored_wh >= -1e-4).all()
    assert (schedule.stored_wh <= 5_000.0 + 1e-4).all()
    assert schedule.stored_wh[-1] >= 2_500.0 - 1e-4


def test_flat_prices_move_nothing():
    schedule = station(96).solve(np.full(96, 0.2))
    assert np.allclose(schedule.energy_wh, 0.0)
    assert schedule.cost == pytest.approx(0.0)
