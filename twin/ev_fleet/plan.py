"""What a strategy hands on, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from twin.ev_fleet.model import FloatArray, PriceSignal, Stays, Vehicles
from twin.horizon import Horizon

_WH_PER_KWH = 1000.0


@dataclass(frozen=True, slots=True)
class FleetPlan:
    """Net energy of every vehicle in every slot, and what moving it would be worth.

    ``energy_wh`` is shaped (vehicle, slot), at the grid, positive consumes. ``baseline_wh`` is
    the uncontrolled profile in the same shape. ``max_charge_wh`` and ``max_discharge_wh`` (both
    at least 0) bound each slot on its own: the flexibility. The remaining arrays are shaped
    (vehicle,), in currency per kWh at the grid: buying is worth up to
    ``charge_value_per_kwh``; selling out of the battery pays from
    ``discharge_reservation_per_kwh`` on, which covers the energy bought back, both losses and
    the wear of the whole cycle.
    """

    horizon: Horizon
    owner_ids: tuple[str, ...]
    energy_wh: FloatArray
    baseline_wh: FloatArray
    max_charge_wh: FloatArray
    max_discharge_wh: FloatArray
    charge_value_per_kwh: FloatArray
    discharge_reservation_per_kwh: FloatArray

    def feeder_w(self, base_load_w: FloatArray) -> FloatArray:
        """Base load and fleet together, shape (slot,), W."""
        total: FloatArray = base_load_w + self.energy_wh.sum(axis=0) / self.horizon.slot_hours
        return total


@dataclass(frozen=True, slots=True)
class FleetOutcome:
    """What happened: metered at the grid and inside the battery.

    ``charge_wh`` and ``discharge_wh`` (both at least 0) are shaped (vehicle, slot), at the grid.
    ``final_energy_wh`` is what each battery held at departure, shape (vehicle,).
    """

    charge_wh: FloatArray
    discharge_wh: FloatArray
    final_energy_wh: FloatArray

    @property
    def energy_wh(self) -> FloatArray:
        """Net energy at the grid, shape (vehicle, slot), positive consumes."""
        return self.charge_wh - self.discharge_wh

    def feeder_w(self, horizon: Horizon, base_load_w: FloatArray) -> FloatArray:
        """Base load and fleet together, shape (slot,), W."""
        total: FloatArray = base_load_w + self.energy_wh.sum(axis=0) / horizon.slot_hours
        return total


def outcome_cost(outcome: FleetOutcome, vehicles: Vehicles, signal: PriceSignal) -> FloatArray:
    """Energy bought less energy sold, plus wear, shape (vehicle,), currency."""
    energy = outcome.energy_wh @ signal.price_per_kwh
    moved = (
        vehicles.charge_efficiency * outcome.charge_wh.sum(axis=1)
        + outcome.discharge_wh.sum(axis=1) / vehicles.discharge_efficiency
    )
    cost: FloatArray = (energy + vehicles.degradation_cost_per_kwh * moved) / _WH_PER_KWH
    return cost


def energy_served_wh(outcome: FleetOutcome, stays: Stays) -> FloatArray:
    """Needed energy that was in the battery at departure, shape (vehicle,), Wh.

    Never more than the need; negative where a battery left with less than it brought.
    """
    gained = outcome.final_energy_wh - stays.initial_energy_wh
    served: FloatArray = np.minimum(gained, stays.need_wh)
    return served


def travel_satisfaction(outcome: FleetOutcome, stays: Stays) -> FloatArray:
    """Share of the needed energy stored by departure, in [0, 1], shape (vehicle,).

    A vehicle that needs nothing is satisfied as long as it leaves with what it brought.
    """
    gained = outcome.final_energy_wh - stays.initial_energy_wh
    needless = stays.need_wh <= 0.0
    share = np.where(needless, gained >= -1e-6, gained / np.where(needless, 1.0, stays.need_wh))
    clipped: FloatArray = np.clip(share, 0.0, 1.0)
    return clipped


def cost_satisfaction(
    cost: FloatArray, uncontrolled_cost: FloatArray, best_cost: FloatArray
) -> FloatArray:
    """How far a cost lies from uncontrolled (0) towards the best possible (1), clipped.

    Where there was nothing to save the answer is 1 unless the cost is above uncontrolled.
    """
    margin = uncontrolled_cost - best_cost
    nothing = margin <= 1e-12
    share = (uncontrolled_cost - cost) / np.where(nothing, 1.0, margin)
    clipped: FloatArray = np.clip(
        np.where(nothing, cost <= uncontrolled_cost + 1e-9, share), 0.0, 1.0
    )
    return clipped
