"""Batch speed of the twins per second of one core: asset-steps, and optimised scenarios.

Run: python -m benchmarks.twin_batch
"""

from __future__ import annotations

import time

import numpy as np

from twin.ev_fleet.habits import draw_stays
from twin.ev_fleet.physics import charge_at_once, simulate_batch
from twin.ev_fleet.published import PublishedFleet, published_fleet
from twin.storage_station.price_programme import PriceProgramme
from twin.storage_station.station import StorageStation


def asset_steps(rounds: int = 8, vehicles: int = 60, scenarios: int = 64) -> tuple[float, float]:
    """(vectorised, plain loop) asset-steps a second, sampling and storing included."""
    fleet = published_fleet(vehicles=vehicles)
    best = 0.0
    for seed in range(rounds):
        rng = np.random.default_rng(seed)
        began = time.process_time()
        samples = draw_stays(fleet.vehicles, fleet.habits, fleet.horizon, rng, scenarios)
        result = simulate_batch(fleet.vehicles, samples, fleet.horizon, charge_at_once)
        took = time.process_time() - began
        best = max(best, result.stored_wh.size / took)
    began = time.process_time()
    steps = _plain_loop(fleet, np.random.default_rng(0), 4)
    return best, steps / (time.process_time() - began)


def _plain_loop(fleet: PublishedFleet, rng: np.random.Generator, scenarios: int) -> int:
    """The same physics, one vehicle and one slot at a time."""
    samples = draw_stays(fleet.vehicles, fleet.habits, fleet.horizon, rng, scenarios)
    hours = fleet.horizon.slot_hours
    stored_all, power_all = [], []
    for scenario in range(scenarios):
        for vehicle in range(fleet.vehicles.count):
            stored = float(samples.initial_energy_wh[scenario, vehicle])
            target = stored + float(samples.need_wh[scenario, vehicle])
            arrival = float(samples.arrival_s[scenario, vehicle]) / 3600.0
            departure = float(samples.departure_s[scenario, vehicle]) / 3600.0
            gain = float(fleet.vehicles.charge_efficiency[vehicle])
            power = float(fleet.vehicles.charge_power_w[vehicle])
            capacity = float(fleet.vehicles.battery_capacity_wh[vehicle])
            for slot in range(fleet.horizon.slots):
                start = slot * hours
                plugged = max(min(departure, start + hours) - max(arrival, start), 0.0)
                change = max(target - stored, 0.0)
                change = min(change, power * gain * plugged, capacity - stored)
                stored += change
                stored_all.append(stored)
                power_all.append(change / gain / hours)
    return len(stored_all)


def storage_scenarios(count: int = 400) -> tuple[float, float]:
    """(warm-started HiGHS, cvxpy re-solve) 96-step storage programmes a second.

    Scenarios are day-ahead prices: a daily shape with 8 % scatter from hour to hour.
    """
    import cvxpy as cp  # 5 s to import: only where it is compared

    rng = np.random.default_rng(1)
    hour = np.arange(96) / 4.0
    shape = 0.12 + 0.05 * np.sin((hour - 13.0) / 24.0 * 2.0 * np.pi)
    scatter = 1.0 + 0.08 * rng.standard_normal((count, 24))
    prices = shape * np.repeat(scatter, 4, axis=1)
    station = StorageStation(50_000.0, 50_000.0, 100_000.0, 0.95, 0.95, wear_per_kwh=0.01)
    programme = PriceProgramme(station, 96, 0.25)
    programme.solve(prices[0])
    began = time.process_time()
    values = [programme.solve(price).cost for price in prices]
    warm = count / (time.process_time() - began)

    price = cp.Parameter(96)
    charge, discharge = cp.Variable(96, nonneg=True), cp.Variable(96, nonneg=True)
    stored = cp.Variable(97)
    wear = 0.01 * cp.sum(0.95 * charge + discharge / 0.95)
    problem = cp.Problem(
        cp.Minimize(price @ (charge - discharge) + wear),
        [
            stored[0] == 50.0,
            stored[1:] == stored[:-1] + 0.95 * charge - discharge / 0.95,
            stored[96] >= 50.0,
            stored >= 0,
            stored <= 100.0,
            charge <= 12.5,
            discharge <= 12.5,
        ],
    )
    few = min(count, 40)
    price.value = prices[0]
    problem.solve(solver=cp.HIGHS)
    began = time.process_time()
    for place in range(few):
        price.value = prices[place]
        problem.solve(solver=cp.HIGHS)
        assert abs(problem.value - values[place]) < 1e-4 * max(abs(values[place]), 1.0)
    return warm, few / (time.process_time() - began)


def main() -> None:
    fast, plain = asset_steps()
    print(f"asset-steps per core second: {fast:,.0f}")
    print(f"  plain Python loop: {plain:,.0f} ({fast / plain:.0f} times slower)")
    warm, again = storage_scenarios()
    print(f"96-step storage programmes per core second: {warm:,.0f} (HiGHS, warm)")
    print(f"  cvxpy re-solve: {again:,.0f} ({warm / again:.0f} times slower)")


if __name__ == "__main__":
    main()
