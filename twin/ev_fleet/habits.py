"""A driver's usual day: drawn from in sampling, corrected by what was metered."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twin.ev_fleet.model import FleetSamples, FloatArray, Stays, Vehicles
from twin.horizon import Horizon

_HOUR = 3600.0
_LONGEST_MEMORY_DAYS = 20.0
_LEAST_SCATTER_S = 60.0


@dataclass(frozen=True, slots=True)
class Habits:
    """Usual times and need with their scatter, arrays shaped (vehicle,).

    Times are seconds after the horizon's start, energies stored Wh. ``arrival_scatter_s`` is the
    standard deviation of arrivals, ``declaration_scatter_s`` that of declared departures around
    the usual one, ``departure_scatter_s`` that of real departures around the declared.
    ``days_seen`` says how many days the estimate is worth.
    """

    arrival_s: FloatArray
    departure_s: FloatArray
    need_wh: FloatArray
    arrival_scatter_s: FloatArray
    declaration_scatter_s: FloatArray
    departure_scatter_s: FloatArray
    days_seen: FloatArray

    def learn(self, stays: Stays, came: NDArray[np.bool_]) -> Habits:
        """Corrected by one day's real stays; drivers who did not come keep their habits.

        A running mean with a memory of twenty days: a day moves the estimate by one part in
        (days seen + 1).
        """
        seen = np.minimum(self.days_seen, _LONGEST_MEMORY_DAYS)
        gain = np.where(came, 1.0 / (seen + 1.0), 0.0)
        said = came & ~np.isnan(stays.declared_departure_s)
        declared = np.where(said, stays.declared_departure_s, stays.departure_s)
        said_gain = np.where(said, gain, 0.0)
        return Habits(
            arrival_s=_towards(self.arrival_s, stays.arrival_s, gain),
            departure_s=_towards(self.departure_s, stays.departure_s, gain),
            need_wh=_towards(self.need_wh, stays.need_wh, gain),
            arrival_scatter_s=_scatter(
                self.arrival_scatter_s, stays.arrival_s - self.arrival_s, gain
            ),
            declaration_scatter_s=_scatter(
                self.declaration_scatter_s, declared - self.departure_s, said_gain
            ),
            departure_scatter_s=_scatter(
                self.departure_scatter_s, stays.departure_s - declared, said_gain
            ),
            days_seen=self.days_seen + came,
        )


def _towards(usual: FloatArray, seen: FloatArray, gain: FloatArray) -> FloatArray:
    moved: FloatArray = usual + gain * np.where(gain > 0.0, seen - usual, 0.0)
    return moved


def _scatter(scatter: FloatArray, error: FloatArray, gain: FloatArray) -> FloatArray:
    """Running standard deviation, from the error before the mean was moved."""
    squared = scatter**2
    moved = squared + gain * np.where(gain > 0.0, (1.0 - gain) * error**2 - squared, 0.0)
    return np.maximum(np.sqrt(moved), _LEAST_SCATTER_S)


def draw_stays(
    vehicles: Vehicles, habits: Habits, horizon: Horizon, rng: np.random.Generator, n: int
) -> FleetSamples:
    """Draw ``n`` scenarios of everybody's day, arrays (scenario, vehicle).

    Arrival, declared and real departure are normal around habit and declaration, the need is
    gamma with shape 4, at most 60 % of the battery; what is stored on arrival is uniform between
    25 and 60 % of the battery as far as the need fits on top. Stays last at least an hour.
    """
    shape = (n, vehicles.count)
    end = float(horizon.duration_seconds)
    arrival = habits.arrival_s + habits.arrival_scatter_s * rng.standard_normal(shape)
    declared = habits.departure_s + habits.declaration_scatter_s * rng.standard_normal(shape)
    departure = declared + habits.departure_scatter_s * rng.standard_normal(shape)
    arrival = np.clip(arrival, 0.0, end - 2 * _HOUR)
    declared = np.clip(declared, arrival + _HOUR, end)
    departure = np.clip(departure, arrival + _HOUR, end)
    battery = vehicles.battery_capacity_wh
    need = np.minimum(habits.need_wh * rng.gamma(4.0, 0.25, shape), 0.6 * battery)
    stored = np.minimum(rng.uniform(0.25, 0.6, shape) * battery, battery - need)
    return FleetSamples(arrival, departure, declared, stored, need)
