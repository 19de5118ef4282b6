from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twin.ev_fleet.model import PriceSignal, Stays, Vehicles
from twin.ev_fleet.physics import deliver
from twin.ev_fleet.plan import energy_served_wh, travel_satisfaction
from twin.ev_fleet.published import published_fleet
from twin.ev_fleet.windows import TimeWindow, plan_windows
from twin.horizon import Horizon

HORIZON = published_fleet(1, 1).horizon
OFF_PEAK = TimeWindow(48, 56)
PEAK = TimeWindow(28, 32)


def vehicle(discharge_power_w: float = 0.0) -> Vehicles:
    values = (50e3, 5e3, 8e3, discharge_power_w, 1.0, 1.0, 0.02, 1.0)
    return Vehicles(("a",), *(np.array([value]) for value in values))


def stay(need_wh: float, first: int = 20, end: int = 90, stored_wh: float = 20e3) -> Stays:
    values = (first * 900.0, end * 900.0, end * 900.0, stored_wh, need_wh)
    return Stays(*(np.array([value]) for value in values))


def plan(vehicles: Vehicles, stays: Stays, base: np.ndarray | None = None, seed: int | None = None):
    signal = PriceSignal(np.full(96, 0.2), np.zeros(96) if base is None else base)
    rng = None if seed is None else np.random.default_rng(seed)
    return plan_windows(vehicles, stays, HORIZON, signal, OFF_PEAK, PEAK, rng)[0]


def test_a_charge_longer_than_the_window_starts_at_its_beginning_and_goes_on_after_it():
    slots = np.flatnonzero(plan(vehicle(), stay(need_wh=20e3)))
    assert slots.tolist() == list(range(48, 58))


def test_a_charge_as_long_as_the_window_starts_at_its_beginning():
    assert np.flatnonzero(plan(vehicle(), stay(need_wh=16e3))).tolist() == list(range(48, 56))


@pytest.mark.parametrize("seed", range(8))
def test_a_shorter_charge_lies_anywhere_inside_the_window(seed: int):
    energy = plan(vehicle(), stay(need_wh=5e3), seed=seed)
    slots = np.flatnonzero(energy)
    assert slots.min() >= 48
    assert slots.max() < 56
    assert energy.sum() == pytest.approx(5e3)
    assert (np.diff(slots) == 1).all()


def test_chance_reaches_every_place_in_the_window():
    starts = {
        int(np.flatnonzero(plan(vehicle(), stay(need_wh=5e3), seed=seed))[0]) for seed in range(60)
    }
    assert starts == set(range(48, 54))


def test_without_chance_the_place_with_the_lowest_feeder_is_taken():
    base = np.full(96, 10e3)
    base[52:55] = 1e3
    assert np.flatnonzero(plan(vehicle(), stay(need_wh=6e3), base)).tolist() == [52, 53, 54]


def test_a_sale_longer_than_the_peak_window_starts_at_its_beginning():
    energy = plan(vehicle(8e3), stay(need_wh=2e3, stored_wh=40e3))
    assert np.flatnonzero(energy < 0).tolist() == [28, 29, 30, 31]


def test_a_shorter_sale_lies_inside_the_peak_window_where_the_feeder_is_highest():
    base = np.full(96, 1e3)
    base[30] = 9e3
    energy = plan(vehicle(8e3), stay(need_wh=2e3, stored_wh=6.5e3), base)
    assert np.flatnonzero(energy < 0).tolist() == [30]
    assert energy[energy < 0].sum() == pytest.approx(-1.5e3)


def test_nobody_sells_what_the_off_peak_window_cannot_give_back():
    energy = plan(vehicle(8e3), stay(need_wh=15e3, stored_wh=30e3))
    assert energy[energy < 0].sum() == pytest.approx(-1e3)
    assert energy[48:56].sum() == pytest.approx(16e3)


def test_the_unwilling_sell_nothing():
    assert (plan(vehicle(0.0), stay(need_wh=2e3, stored_wh=40e3)) >= 0.0).all()


def test_a_stay_that_misses_the_window_charges_at_once():
    slots = np.flatnonzero(plan(vehicle(), stay(need_wh=4e3, first=10, end=40)))
    assert slots.tolist() == [10, 11]


def test_windows_are_found_by_price_and_by_the_local_clock():
    price = np.ones(96)
    price[40:50], price[10:14] = 0.1, 9.0
    assert TimeWindow.cheapest(price, 10) == TimeWindow(40, 50)
    assert TimeWindow.dearest(price, 4) == TimeWindow(10, 14)
    night = TimeWindow.of_local_hours(Horizon(HORIZON.start), "UTC", 23, 7)
    assert night == TimeWindow(44, 76)
    with pytest.raises(ValueError, match="first < end"):
        TimeWindow(5, 5)


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 1000))
def test_comfort_holds_on_the_published_fleet_whatever_the_seed(seed: int):
    fleet = published_fleet(seed, 12)
    stays = fleet.day().stays(0)
    price = fleet.signal.price_per_kwh
    windows = TimeWindow.cheapest(price, 32), TimeWindow.dearest(price, 16)
    wanted = plan_windows(fleet.vehicles, stays, fleet.horizon, fleet.signal, *windows)
    outcome = deliver(fleet.vehicles, stays, fleet.horizon, wanted)
    assert energy_served_wh(outcome, stays).sum() >= 0.9 * stays.need_wh.sum()
    true_to_word = replace(stays, departure_s=stays.declared_departure_s)
    outcome = deliver(fleet.vehicles, true_to_word, fleet.horizon, wanted)
    inside = true_to_word.departure_s >= windows[0].end * 900.0
    assert (travel_satisfaction(outcome, true_to_word)[inside] >= 1.0 - 1e-9).all()
