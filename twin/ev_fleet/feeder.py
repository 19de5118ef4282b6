"""The feeder's view: fill its valleys, shave its peak."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from twin.ev_fleet.dispatch import known_stays_problem, solve_dispatch
from twin.ev_fleet.model import FloatArray, PriceSignal, Stays, Vehicles
from twin.ev_fleet.physics import deliver, deliverable_need_wh
from twin.ev_fleet.plan import FleetOutcome
from twin.horizon import Horizon

_PEAK_PRICE = 1.0
_BISECTIONS = 60


def fill_valleys(
    vehicles: Vehicles,
    stays: Stays,
    horizon: Horizon,
    base_load_w: FloatArray,
    rounds: int = 300,
    tolerance: float = 1e-6,
) -> FleetOutcome:
    """Charging that makes base load plus fleet as even as possible (least squares).

    Source: Gan, Topcu, Low, "Optimal decentralized protocol for electric vehicle charging",
    IEEE Trans. Power Systems 28(2), 2013: every vehicle repeatedly projects its profile, moved
    against the total load, onto what serves its need; the total converges to the optimum. Stops
    when no slot moves by more than ``tolerance`` of the largest total.
    """
    share = stays.connected_share(horizon)
    most = share * (vehicles.charge_power_w * horizon.slot_hours)[:, None]
    need = deliverable_need_wh(vehicles, stays, horizon) / vehicles.charge_efficiency
    base = base_load_w * horizon.slot_hours
    profile = _project(np.zeros_like(most), most, need)
    step = 1.0 / max(vehicles.count, 1)
    for _ in range(rounds):
        total = base + profile.sum(axis=0)
        moved = _project(profile - step * total, most, need)
        change = np.abs(moved.sum(axis=0) - profile.sum(axis=0)).max()
        profile = moved
        if change <= tolerance * max(np.abs(total).max(), 1.0):
            break
    return deliver(vehicles, stays, horizon, profile)


def _project(wanted: FloatArray, most: FloatArray, need: FloatArray) -> FloatArray:
    """The nearest profiles with 0 <= x <= most and sum x = need, shape (vehicle, slot).

    Bisection on the multiplier of the sum, all vehicles at once.
    """
    usable = most > 0.0
    low = np.where(usable, -wanted, np.inf).min(axis=1, initial=0.0)
    high = np.where(usable, most - wanted, -np.inf).max(axis=1, initial=0.0)
    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        short = np.clip(wanted + middle[:, None], 0.0, most).sum(axis=1) < need
        low = np.where(short, middle, low)
        high = np.where(short, high, middle)
    profile: FloatArray = np.clip(wanted + high[:, None], 0.0, most)
    return profile


def shave_peak(
    vehicles: Vehicles, stays: Stays, horizon: Horizon, signal: PriceSignal
) -> FleetOutcome:
    """The lowest possible peak of base load plus fleet, discharging included.

    Every deliverable need is served first; among the plans with the least peak (in either
    direction) one of the cheapest is taken, prices weighing a thousandth.
    """
    highest = max(float(np.abs(signal.price_per_kwh).max()), 1e-6)
    served_first = replace(
        vehicles,
        value_of_energy_per_kwh=np.full(vehicles.count, 100.0 * _PEAK_PRICE),
        degradation_cost_per_kwh=vehicles.degradation_cost_per_kwh * 1e-3 / highest,
    )
    problem = known_stays_problem(
        served_first,
        stays,
        horizon,
        signal.price_per_kwh * 1e-3 / highest,
        signal.base_load_w,
        0.0,
    )
    solution = solve_dispatch(replace(problem, peak_price_per_kwh=_PEAK_PRICE))
    return deliver(vehicles, stays, horizon, solution.energy_wh)
