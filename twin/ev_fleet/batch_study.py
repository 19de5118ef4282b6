"""The fleet's batch functions: what comes of many sampled days."""

from __future__ import annotations

import numpy as np

from twin.batch import Arrays, batch_function
from twin.ev_fleet.habits import Habits, draw_stays
from twin.ev_fleet.model import PriceSignal, Vehicles
from twin.ev_fleet.physics import charge_at_once, simulate_batch
from twin.horizon import Horizon


@batch_function
def uncontrolled_days(
    rng: np.random.Generator,
    count: int,
    *,
    vehicles: Vehicles,
    habits: Habits,
    horizon: Horizon,
    signal: PriceSignal,
) -> Arrays:
    """Uncontrolled charging on ``count`` sampled days.

    ``feeder_w`` (scenario, slot) includes the base load, ``served_share`` (scenario, vehicle) is
    the travel satisfaction, ``cost`` (scenario,) the energy bought.
    """
    samples = draw_stays(vehicles, habits, horizon, rng, count)
    result = simulate_batch(vehicles, samples, horizon, charge_at_once)
    gained = result.stored_wh[-1] - samples.initial_energy_wh
    return {
        "feeder_w": result.feeder_w + signal.base_load_w,
        "served_share": np.clip(gained / np.maximum(samples.need_wh, 1e-9), 0.0, 1.0),
        "cost": result.feeder_w @ signal.price_per_kwh * horizon.slot_hours / 1000.0,
    }
