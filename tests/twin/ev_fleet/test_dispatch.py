from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twin.ev_fleet.dispatch import known_stays_problem, solve_dispatch
from twin.ev_fleet.foresight import perfect_foresight
from twin.ev_fleet.physics import deliver, uncontrolled
from twin.ev_fleet.plan import energy_served_wh, outcome_cost
from twin.ev_fleet.published import published_fleet


def test_the_programme_equals_the_same_one_written_in_cvxpy():
    cp = pytest.importorskip("cvxpy")
    fleet = published_fleet(4, 4)
    stays = fleet.day().stays(0)
    vehicles, horizon, price = fleet.vehicles, fleet.horizon, fleet.signal.price_per_kwh
    limit_w = 0.9 * float(
        uncontrolled(vehicles, stays, horizon).feeder_w(horizon, fleet.signal.base_load_w).max()
    )
    problem = known_stays_problem(
        vehicles, stays, horizon, price, fleet.signal.base_load_w, limit_w
    )
    solution = solve_dispatch(problem)

    share = stays.connected_share(horizon)
    charge = cp.Variable(share.shape, nonneg=True)
    discharge = cp.Variable(share.shape, nonneg=True)
    gain = vehicles.charge_efficiency[:, None]
    drain = 1.0 / vehicles.discharge_efficiency[:, None]
    change = cp.multiply(np.repeat(gain, 96, 1), charge) - cp.multiply(
        np.repeat(drain, 96, 1), discharge
    )
    stored = stays.initial_energy_wh[:, None] + cp.cumsum(change, axis=1)
    wear = cp.sum(cp.multiply(np.repeat(gain, 96, 1), charge)) + cp.sum(
        cp.multiply(np.repeat(drain, 96, 1), discharge)
    )
    missing = cp.pos(problem.target_wh - stored[:, -1])
    net = cp.sum(charge - discharge, axis=0)
    cost = ((cp.sum(charge - discharge, axis=0) @ price) + 0.02 * wear) / 1000.0
    cost += vehicles.value_of_energy_per_kwh / 1000.0 @ missing
    limits = [
        charge <= share * (vehicles.charge_power_w * 0.25)[:, None],
        discharge <= share * (vehicles.discharge_power_w * 0.25)[:, None],
        stored <= np.repeat(vehicles.battery_capacity_wh[:, None], 96, 1),
        stored >= np.repeat(vehicles.reserve_wh[:, None], 96, 1),
        net <= problem.import_wh,
        net >= -problem.export_wh,
    ]
    reference = cp.Problem(cp.Minimize(cost), limits)
    reference.solve(solver=cp.HIGHS)
    assert solution.cost == pytest.approx(reference.value, rel=1e-5, abs=1e-5)


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 10_000), st.floats(-0.3, 0.3))
def test_plans_are_physical_and_never_charge_and_sell_at_once(seed: int, price_shift: float):
    fleet = published_fleet(seed, 6)
    stays = fleet.day().stays(0)
    price = fleet.signal.price_per_kwh + price_shift
    problem = known_stays_problem(
        fleet.vehicles, stays, fleet.horizon, price, fleet.signal.base_load_w, float("inf")
    )
    solution = solve_dispatch(problem)
    assert not (np.minimum(solution.charge_wh, solution.discharge_wh) > 0.0).any()
    outcome = deliver(fleet.vehicles, stays, fleet.horizon, solution.energy_wh)
    assert np.allclose(outcome.energy_wh, solution.energy_wh, atol=0.1)


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 10_000))
def test_foresight_serves_what_uncontrolled_serves_for_less_and_below_its_peak(seed: int):
    fleet = published_fleet(seed, 8)
    stays = fleet.day().stays(0)
    best = perfect_foresight(fleet.vehicles, stays, fleet.horizon, fleet.signal)
    plain = uncontrolled(fleet.vehicles, stays, fleet.horizon)
    served = energy_served_wh(best, stays).sum()
    assert served >= energy_served_wh(plain, stays).sum() * (1.0 - 1e-6)
    costs = [outcome_cost(o, fleet.vehicles, fleet.signal).sum() for o in (best, plain)]
    assert costs[0] <= costs[1] + 1e-9
    peaks = [o.feeder_w(fleet.horizon, fleet.signal.base_load_w).max() for o in (best, plain)]
    assert peaks[0] <= peaks[1] * (1.0 + 1e-9)


def test_a_limit_that_cannot_be_kept_is_passed_as_little_as_possible():
    fleet = published_fleet(4, 3)
    stays = fleet.day().stays(0)
    problem = known_stays_problem(
        fleet.vehicles,
        stays,
        fleet.horizon,
        fleet.signal.price_per_kwh,
        np.zeros(96),
        float("inf"),
    )
    held = np.full(problem.usable_share.shape, np.nan)
    slot = int(np.argmax(problem.usable_share[0] == 1.0))
    held[0, slot] = 1_500.0
    tight = replace(problem, import_wh=np.full(96, 1_000.0), fixed_energy_wh=held)
    net = solve_dispatch(tight).energy_wh.sum(axis=0)
    assert net[slot] == pytest.approx(1_500.0, abs=1e-3) or net[slot] <= 1_500.0
    assert (np.delete(net, slot) <= 1_000.0 + 1e-3).all()


def test_nobody_plugged_in_is_an_empty_plan():
    fleet = published_fleet(4, 2)
    problem = known_stays_problem(
        fleet.vehicles,
        fleet.day().stays(0),
        fleet.horizon,
        fleet.signal.price_per_kwh,
        np.zeros(96),
        float("inf"),
    )
    empty = replace(problem, usable_share=np.zeros_like(problem.usable_share))
    assert not solve_dispatch(empty).energy_wh.any()


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10_000))
def test_vehicles_that_only_charge_with_room_for_all_are_planned_as_the_programme_would(seed: int):
    fleet = published_fleet(seed, 5)
    rng = np.random.default_rng(seed)
    vehicles = replace(
        fleet.vehicles,
        discharge_power_w=np.zeros(5),
        value_of_energy_per_kwh=rng.uniform(0.1, 0.4, 5),
    )
    problem = known_stays_problem(
        vehicles,
        fleet.day().stays(0),
        fleet.horizon,
        fleet.signal.price_per_kwh,
        np.zeros(96),
        float("inf"),
    )
    leave, stay = np.zeros_like(problem.leave_weight), np.zeros_like(problem.stay_weight)
    for vehicle in range(5):
        slots = np.flatnonzero(problem.usable_share[vehicle])
        leave[vehicle, slots + 1] = rng.dirichlet(np.ones(slots.size))
        stay[vehicle, slots] = np.cumsum(leave[vehicle, slots + 1][::-1])[::-1]
    problem = replace(problem, leave_weight=leave, stay_weight=stay)
    direct = solve_dispatch(problem)
    free = np.full(problem.usable_share.shape, np.nan)
    programme = solve_dispatch(replace(problem, fixed_energy_wh=free))
    assert direct.cost == pytest.approx(programme.cost, rel=1e-6)
    assert (direct.charge_wh >= 0.0).all()
