"""What the station hands on, what came of it, and the account of both. Arrays are (slot,)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from twin.horizon import Horizon
from twin.storage_station.model import Mode
from twin.storage_station.station import (
    HOURS_PER_YEAR,
    WH_PER_KWH,
    FloatArray,
    StorageStation,
)

ELECTRICITY = "electricity"
LINES = (ELECTRICITY,)
"""Lines of a plan that a person can fix: the station at its meter, W, charging positive."""


@dataclass(frozen=True, slots=True)
class StationAccount:
    """A schedule in currency: ``energy`` is sold less bought, the others are paid."""

    energy: float
    wear: float
    maintenance: float

    @property
    def profit(self) -> float:
        return self.energy - self.wear - self.maintenance


@dataclass(frozen=True, slots=True)
class StationPlan:
    """The schedule.

    ``charge_w`` and ``discharge_w`` are mean powers at the grid, never both in a slot;
    ``stored_wh`` is what is stored after each slot. ``load_w`` is the expected load it was made
    for. ``lacking_wh`` is what lacks to the reserve after each slot. ``cost`` is the plan's
    objective and ``cost_bound`` what no schedule can undercut; ``account`` is at the expected
    prices, ``profit_by_scenario`` (scenario,) at those of each scenario.
    """

    horizon: Horizon
    mode: Mode
    station: StorageStation
    charge_w: FloatArray
    discharge_w: FloatArray
    stored_wh: FloatArray
    load_w: FloatArray
    lacking_wh: FloatArray
    satisfaction: FloatArray
    account: StationAccount
    profit_by_scenario: FloatArray
    cost: float
    cost_bound: float

    @property
    def power_w(self) -> FloatArray:
        """The power curve: net power at the grid, W, positive charges."""
        power: FloatArray = self.charge_w - self.discharge_w
        return power

    @property
    def energy_wh(self) -> FloatArray:
        """Energy of each slot, Wh, positive consumes."""
        energy: FloatArray = self.power_w * self.horizon.slot_hours
        return energy

    @property
    def state_of_charge(self) -> FloatArray:
        """What is stored after each slot, as a share of the capacity."""
        share: FloatArray = self.stored_wh / self.station.capacity_wh
        return share

    @property
    def draw_w(self) -> FloatArray:
        """Load and station together, W."""
        draw: FloatArray = self.load_w + self.power_w
        return draw

    @property
    def full_cycles(self) -> float:
        """Equivalent full cycles: energy that left the store by its capacity."""
        return full_cycles(self.station, self.discharge_w * self.horizon.slot_hours)

    @property
    def gap(self) -> float:
        """How far the objective may lie from the best possible, as a share of it."""
        return max(0.0, self.cost - self.cost_bound) / max(abs(self.cost), 1e-9)


@dataclass(frozen=True, slots=True)
class StationOutcome:
    """What was metered.

    ``charge_w`` and ``discharge_w`` by the meter (mean powers at the grid), ``state_of_charge``
    (share of what the battery holds) by its management system after each slot; NaN where missing.
    ``first_state_of_charge`` is the share before the first slot.
    """

    charge_w: FloatArray
    discharge_w: FloatArray
    state_of_charge: FloatArray
    first_state_of_charge: float


def full_cycles(station: StorageStation, discharge_wh: FloatArray) -> float:
    """Equivalent full cycles of energy discharged at the grid, Wh."""
    return float(np.sum(discharge_wh)) / station.discharge_efficiency / station.capacity_wh


def account(
    station: StorageStation,
    charge_wh: FloatArray,
    discharge_wh: FloatArray,
    price_per_kwh: FloatArray,
    hours: float,
) -> StationAccount:
    """What ``hours`` of operation earned and cost.

    Args:
        charge_wh: drawn from the grid, (slot,), Wh; ``discharge_wh`` fed in.
    """
    through_wh = station.charge_efficiency * charge_wh + discharge_wh / station.discharge_efficiency
    return StationAccount(
        energy=float((discharge_wh - charge_wh) @ price_per_kwh) / WH_PER_KWH,
        wear=float(through_wh.sum()) * station.wear_per_kwh / WH_PER_KWH,
        maintenance=station.maintenance_per_year * hours / HOURS_PER_YEAR,
    )
