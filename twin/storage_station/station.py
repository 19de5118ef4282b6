"""What a storage station is, and how its store changes.

Stored energy after a slot is ``kept * before + charge_efficiency * charged - discharged /
discharge_efficiency``, where ``kept`` is what self-discharge leaves of what was there before (what
moves in a slot begins to leak in the next). Charged and discharged energy is counted at the grid.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

FloatArray: TypeAlias = NDArray[np.float64]

WH_PER_KWH = 1000.0
HOURS_PER_YEAR = 8760.0


class StationError(ValueError):
    """A station, its state or what is asked of it cannot be; says what and what would do."""


@dataclass(frozen=True, slots=True)
class StorageStation:
    """A station at one grid connection.

    Attributes:
        charge_power_w, discharge_power_w: rated power at the grid either way, W.
        capacity_wh: energy of the full store, Wh.
        charge_efficiency, discharge_efficiency: what of the energy gets through, in (0, 1].
        self_discharge_per_hour: share of the stored energy lost in an hour, in [0, 1).
        least_share, most_share: state of charge to stay between, shares of the capacity.
        ramp_w_per_h: how fast the net power may change from slot to slot, W per hour; None: at
            once.
        longest_charge_h, longest_discharge_h: for how long it may charge or discharge without a
            slot of rest, in hours (whole slots are counted, fractions dropped); None: for ever.
        wear_per_kwh: what a kWh into or out of the store costs in life, currency.
        maintenance_per_year: what the station costs a year whatever it does, currency.
    """

    charge_power_w: float
    discharge_power_w: float
    capacity_wh: float
    charge_efficiency: float = 0.95
    discharge_efficiency: float = 0.95
    self_discharge_per_hour: float = 0.0
    least_share: float = 0.0
    most_share: float = 1.0
    ramp_w_per_h: float | None = None
    longest_charge_h: float | None = None
    longest_discharge_h: float | None = None
    wear_per_kwh: float = 0.0
    maintenance_per_year: float = 0.0

    @property
    def least_wh(self) -> float:
        return self.least_share * self.capacity_wh

    @property
    def most_wh(self) -> float:
        return self.most_share * self.capacity_wh

    @property
    def round_trip(self) -> float:
        """What of a kWh drawn comes back."""
        return self.charge_efficiency * self.discharge_efficiency

    def kept(self, slot_hours: float) -> float:
        """Share of the stored energy that is left after a slot without use."""
        return float((1.0 - self.self_discharge_per_hour) ** slot_hours)


@dataclass(frozen=True, slots=True)
class StationState:
    """How a station stands where a horizon begins.

    Attributes:
        stored_wh: energy in the store, Wh.
        power_w: mean net power of the slot before (positive charges), from which the ramp counts;
            None: the first slot may have any power.
        run_hours: for how long it has already charged or discharged (by the sign of ``power_w``).
    """

    stored_wh: float
    power_w: float | None = None
    run_hours: float = 0.0


def check_station(station: StorageStation) -> None:
    """Raises StationError for a station that cannot exist."""
    for field in fields(station):
        value = getattr(station, field.name)
        if value is not None and not math.isfinite(value):
            raise StationError(f"{field.name} must be a finite number, not {value}")
    for name in ("charge_power_w", "discharge_power_w", "capacity_wh"):
        if getattr(station, name) <= 0.0:
            raise StationError(f"{name} must be positive, not {getattr(station, name):g}")
    for name in ("charge_efficiency", "discharge_efficiency"):
        if not 0.0 < getattr(station, name) <= 1.0:
            raise StationError(
                f"{name} is {getattr(station, name):g}: it must lie in (0, 1], nothing gives back "
                "more than it takes"
            )
    if not 0.0 <= station.self_discharge_per_hour < 1.0:
        raise StationError(
            f"self_discharge_per_hour is {station.self_discharge_per_hour:g}: it must lie in [0, 1)"
        )
    if not 0.0 <= station.least_share < station.most_share <= 1.0:
        raise StationError(
            f"state of charge between {station.least_share:g} and {station.most_share:g}: "
            "0 <= least_share < most_share <= 1 must hold"
        )
    for name in ("ramp_w_per_h", "longest_charge_h", "longest_discharge_h"):
        value = getattr(station, name)
        if value is not None and value <= 0.0:
            raise StationError(f"{name} must be positive, or None for no limit, not {value:g}")
    for name in ("wear_per_kwh", "maintenance_per_year"):
        if getattr(station, name) < 0.0:
            raise StationError(f"{name} must not be negative, as {getattr(station, name):g} is")


def check_state(station: StorageStation, state: StationState) -> None:
    """Raises StationError for a state that the station cannot be in."""
    if not station.least_wh - 1e-6 <= state.stored_wh <= station.most_wh + 1e-6:
        raise StationError(
            f"the store holds {state.stored_wh:g} Wh, which is not between "
            f"{station.least_wh:g} and {station.most_wh:g} Wh (least_share and most_share)"
        )
    if not 0.0 <= state.run_hours < math.inf:
        raise StationError(f"run_hours must be a number from 0, not {state.run_hours:g}")
    power_w = state.power_w
    if power_w is not None and not (
        -station.discharge_power_w <= power_w <= station.charge_power_w
    ):
        raise StationError(f"the station cannot have had a power of {power_w:g} W")


def run_slots(longest_h: float | None, slot_hours: float) -> int | None:
    """Whole slots that may follow one another; None without a limit.

    Raises StationError where the limit is shorter than a slot.
    """
    if longest_h is None:
        return None
    slots = math.floor(longest_h / slot_hours + 1e-9)
    if slots < 1:
        raise StationError(
            f"a longest run of {longest_h:g} h is less than a slot of {slot_hours:g} h: "
            "plan in shorter slots"
        )
    return slots


def trajectory_wh(
    station: StorageStation,
    stored_wh: float,
    charge_wh: FloatArray,
    discharge_wh: FloatArray,
    slot_hours: float,
) -> FloatArray:
    """Stored energy after each slot, shape (slot,), Wh, whatever limits it breaks."""
    kept = station.kept(slot_hours)
    change = station.charge_efficiency * charge_wh - discharge_wh / station.discharge_efficiency
    stored = np.empty(change.size)
    level = stored_wh
    for slot, moved in enumerate(change.tolist()):
        level = kept * level + moved
        stored[slot] = level
    return stored


def most_reachable_wh(
    station: StorageStation, state: StationState, slots: int, slot_hours: float
) -> float:
    """The fullest the store can be after so many slots, power and capacity alone counted, Wh."""
    kept = station.kept(slot_hours)
    gain = station.charge_efficiency * station.charge_power_w * slot_hours
    stored = state.stored_wh
    for _ in range(slots):
        stored = min(station.most_wh, kept * stored + gain)
    return stored
