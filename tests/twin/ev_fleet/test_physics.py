from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twin.ev_fleet.habits import draw_stays
from twin.ev_fleet.model import FleetSamples, FleetShapeError, Stays, Vehicles
from twin.ev_fleet.physics import (
    charge_at_once,
    deliver,
    deliverable_need_wh,
    simulate_batch,
    uncontrolled,
)
from twin.ev_fleet.plan import (
    FleetOutcome,
    cost_satisfaction,
    energy_served_wh,
    outcome_cost,
    travel_satisfaction,
)
from twin.ev_fleet.published import published_fleet


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000))
def test_whatever_is_wanted_the_battery_keeps_to_its_limits_and_loses_no_energy(seed: int):
    fleet = published_fleet(seed, 6)
    stays = fleet.day().stays(0)
    rng = np.random.default_rng(seed)
    wanted = rng.normal(0.0, 4_000.0, (6, 96))
    outcome = deliver(fleet.vehicles, stays, fleet.horizon, wanted)
    vehicles = fleet.vehicles
    change = (
        vehicles.charge_efficiency[:, None] * outcome.charge_wh
        - outcome.discharge_wh / vehicles.discharge_efficiency[:, None]
    )
    stored = stays.initial_energy_wh[:, None] + np.cumsum(change, axis=1)
    assert np.allclose(stored[:, -1], outcome.final_energy_wh, atol=1e-6)
    assert (stored <= vehicles.battery_capacity_wh[:, None] + 1e-6).all()
    floor = np.minimum(vehicles.reserve_wh, stays.initial_energy_wh)[:, None]
    assert (stored >= floor - 1e-6).all()
    hours = stays.connected_share(fleet.horizon) * 0.25
    assert (outcome.charge_wh <= hours * vehicles.charge_power_w[:, None] + 1e-9).all()
    assert (outcome.discharge_wh <= hours * vehicles.discharge_power_w[:, None] + 1e-9).all()
    assert not (np.minimum(outcome.charge_wh, outcome.discharge_wh) > 0.0).any()


def test_the_batch_steps_every_scenario_as_the_single_precision_free_model_does():
    fleet = published_fleet(3, 7)
    samples = draw_stays(fleet.vehicles, fleet.habits, fleet.horizon, np.random.default_rng(5), 11)
    batch = simulate_batch(fleet.vehicles, samples, fleet.horizon, charge_at_once)
    for scenario in range(11):
        single = uncontrolled(fleet.vehicles, samples.stays(scenario), fleet.horizon)
        power = single.energy_wh / fleet.horizon.slot_hours
        assert np.allclose(batch.power_w[:, scenario].T, power, atol=2.0)
        assert np.allclose(batch.stored_wh[-1, scenario], single.final_energy_wh, atol=2.0)
        assert np.allclose(batch.feeder_w[scenario], power.sum(axis=0), rtol=1e-4, atol=5.0)


def test_a_batch_policy_that_sells_is_held_to_reserve_and_power():
    fleet = published_fleet(3, 8)
    samples = draw_stays(fleet.vehicles, fleet.habits, fleet.horizon, np.random.default_rng(5), 9)

    def give_all(slot, stored_wh, target_wh, left_hours):
        return -np.ones_like(stored_wh) * 1e6

    result = simulate_batch(fleet.vehicles, samples, fleet.horizon, give_all)
    for scenario in range(9):
        wanted = np.full((8, 96), -1e6)
        single = deliver(fleet.vehicles, samples.stays(scenario), fleet.horizon, wanted)
        assert np.allclose(result.power_w[:, scenario].T, single.energy_wh * 4.0, atol=3.0)


def test_uncontrolled_charging_draws_full_power_from_plug_in_until_the_need_is_met():
    vehicles = one_vehicle()
    stays = one_stay(arrival_s=450.0, departure_s=4 * 900.0, need_wh=2_500.0)
    horizon = published_fleet(1, 1).horizon
    outcome = uncontrolled(vehicles, stays, horizon)
    assert np.allclose(outcome.charge_wh[0, :4], [1_000.0, 2_000.0, 0.0, 0.0])
    assert outcome.final_energy_wh[0] == pytest.approx(12_500.0)


def test_the_need_is_cut_to_what_the_pile_can_deliver():
    stays = one_stay(arrival_s=0.0, departure_s=900.0, need_wh=9_000.0)
    horizon = published_fleet(1, 1).horizon
    assert deliverable_need_wh(one_vehicle(), stays, horizon)[0] == pytest.approx(2_000.0 * 2.5 / 3)


def one_vehicle() -> Vehicles:
    return Vehicles(
        ("a",), *(np.array([value]) for value in (50e3, 5e3, 8e3, 8e3, 2.5 / 3, 0.9, 0.02, 1.0))
    )


def one_stay(arrival_s: float, departure_s: float, need_wh: float) -> Stays:
    values = (arrival_s, departure_s, departure_s, 10_000.0, need_wh)
    arrival, departure, declared, initial, need = (np.array([value]) for value in values)
    return Stays(arrival, departure, declared, initial, need)


def test_satisfaction_is_the_share_of_the_need_and_of_the_possible_saving():
    never = np.zeros(3)
    need = np.array([0.0, 4_000.0, 4_000.0])
    stays = Stays(never, never, never, np.full(3, 1_000.0), need)
    nothing = np.zeros((3, 1))
    outcome = FleetOutcome(nothing, nothing, np.array([1_000.0, 3_000.0, 500.0]))
    assert travel_satisfaction(outcome, stays).tolist() == [1.0, 0.5, 0.0]
    assert energy_served_wh(outcome, stays).tolist() == [0.0, 2_000.0, -500.0]
    cost = np.array([2.0, 3.0, 4.0, 1.0])
    satisfied = cost_satisfaction(cost, np.full(4, 3.0), np.array([1.0, 1.0, 1.0, 3.0]))
    assert satisfied.tolist() == [0.5, 0.0, 0.0, 1.0]


def test_cost_is_energy_bought_less_sold_plus_wear_inside_the_battery():
    fleet = published_fleet(1, 1)
    charge, discharge = np.zeros((1, 96)), np.zeros((1, 96))
    charge[0, 3], discharge[0, 7] = 3_000.0, 900.0
    price = fleet.signal.price_per_kwh
    cost = outcome_cost(FleetOutcome(charge, discharge, np.zeros(1)), one_vehicle(), fleet.signal)
    assert cost[0] == pytest.approx(3.0 * price[3] - 0.9 * price[7] + 0.02 * (2.5 + 1.0))


def test_arrays_that_do_not_fit_are_refused():
    with pytest.raises(FleetShapeError, match="reserve_wh"):
        replace(one_vehicle(), reserve_wh=np.ones(2))
    with pytest.raises(FleetShapeError, match="efficiency"):
        replace(one_vehicle(), charge_efficiency=np.array([1.2]))
    with pytest.raises(FleetShapeError, match="departure"):
        one_stay(arrival_s=900.0, departure_s=0.0, need_wh=1.0)


def test_a_single_scenario_of_samples_gives_the_stays_back():
    stays = published_fleet(1, 4).day().stays(0)
    again = FleetSamples.certain(stays).stays(0)
    assert np.array_equal(again.need_wh, stays.need_wh)
