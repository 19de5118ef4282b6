"""Perfect foresight: the least expense had every stay been known beforehand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from twin.ev_fleet.dispatch import known_stays_problem, solve_dispatch
from twin.ev_fleet.model import PriceSignal, Stays, Vehicles
from twin.ev_fleet.physics import deliver, uncontrolled
from twin.ev_fleet.plan import FleetOutcome
from twin.horizon import Horizon

_NEVER_MISSED = 50.0


def perfect_foresight(
    vehicles: Vehicles,
    stays: Stays,
    horizon: Horizon,
    signal: PriceSignal,
    peak_w: float | None = None,
) -> FleetOutcome:
    """The optimum with all stays known and the feeder peak not above the uncontrolled one.

    Missing energy is valued beyond any price, so all that uncontrolled charging serves is served.
    No strategy that serves as much and keeps the same peak can be cheaper. ``peak_w`` replaces
    the uncontrolled peak of this horizon where the horizon is part of a longer one.
    """
    if peak_w is None:
        baseline = uncontrolled(vehicles, stays, horizon)
        peak_w = float(baseline.feeder_w(horizon, signal.base_load_w).max())
    limit_w = min(max(peak_w, float(signal.base_load_w.max())), signal.feeder_limit_w)
    highest = float(np.abs(signal.price_per_kwh).max()) + float(
        vehicles.degradation_cost_per_kwh.max(initial=0.0)
    )
    eager = replace(
        vehicles,
        value_of_energy_per_kwh=np.full(vehicles.count, _NEVER_MISSED * (highest + 1e-6)),
    )
    problem = known_stays_problem(
        eager, stays, horizon, signal.price_per_kwh, signal.base_load_w, limit_w
    )
    return deliver(vehicles, stays, horizon, solve_dispatch(problem).energy_wh)
