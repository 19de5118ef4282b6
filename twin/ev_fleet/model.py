"""What the fleet twin knows of vehicles, of their habits, and of one stay at the pile.

Energy is in Wh, power in W, prices in currency per kWh. Charging power and energy are counted at
the grid side of the pile, stored energy inside the battery: charging c Wh stores
``charge_efficiency * c``, giving d Wh to the grid takes ``d / discharge_efficiency``.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from twin.horizon import Horizon

FloatArray = NDArray[np.float64]


class FleetShapeError(ValueError):
    """Arrays that belong together have different lengths, or a value is impossible."""


@dataclass(frozen=True, slots=True)
class Vehicles:
    """Fixed properties; every array is shaped (vehicle,).

    ``charge_power_w`` and ``discharge_power_w`` are limits at the grid side, a discharge limit
    of 0 standing for no willingness or no bidirectional pile. ``reserve_wh`` is the stored
    energy never sold. ``degradation_cost_per_kwh`` is paid for each kWh that enters or leaves
    the battery, measured inside it. ``value_of_energy_per_kwh`` is what a missing stored kWh at
    departure costs the driver, the weight of comfort against expense.
    """

    owner_ids: tuple[str, ...]
    battery_capacity_wh: FloatArray
    reserve_wh: FloatArray
    charge_power_w: FloatArray
    discharge_power_w: FloatArray
    charge_efficiency: FloatArray
    discharge_efficiency: FloatArray
    degradation_cost_per_kwh: FloatArray
    value_of_energy_per_kwh: FloatArray

    def __post_init__(self) -> None:
        count = len(self.owner_ids)
        for field in fields(self)[1:]:
            values = getattr(self, field.name)
            if values.shape != (count,):
                raise FleetShapeError(
                    f"{field.name} has shape {values.shape}, not ({count},) as owner_ids"
                )
            if not np.isfinite(values).all() or (values < 0).any():
                raise FleetShapeError(f"{field.name} holds a negative or unbounded value")
        for name in ("charge_efficiency", "discharge_efficiency"):
            values = getattr(self, name)
            if (values <= 0).any() or (values > 1).any():
                raise FleetShapeError(f"{name} must lie in (0, 1]")

    @property
    def count(self) -> int:
        return len(self.owner_ids)

    def take(self, index: NDArray[np.intp]) -> Vehicles:
        """The vehicles at ``index``, in that order; an index may repeat."""
        taken = object.__new__(Vehicles)  # checked when the whole was made
        object.__setattr__(taken, "owner_ids", tuple(self.owner_ids[place] for place in index))
        for name in _VEHICLE_ARRAYS:
            object.__setattr__(taken, name, getattr(self, name)[index])
        return taken


_VEHICLE_ARRAYS = tuple(field.name for field in fields(Vehicles)[1:])


@dataclass(frozen=True, slots=True)
class Stays:
    """One stay at the pile per vehicle; every array is shaped (vehicle,).

    Times are seconds after the horizon's start. ``need_wh`` is the energy to be stored by
    departure beyond ``initial_energy_wh``. ``declared_departure_s`` is what the driver said and
    may be wrong (NaN: said nothing); ``departure_s`` is what happens.
    """

    arrival_s: FloatArray
    departure_s: FloatArray
    declared_departure_s: FloatArray
    initial_energy_wh: FloatArray
    need_wh: FloatArray

    def __post_init__(self) -> None:
        shape = self.arrival_s.shape
        for field in fields(self):
            if getattr(self, field.name).shape != shape:
                raise FleetShapeError(f"{field.name} has not the shape {shape} of arrival_s")
        if (self.departure_s < self.arrival_s).any():
            raise FleetShapeError("a departure lies before its arrival")

    @property
    def count(self) -> int:
        return int(self.arrival_s.shape[0])

    def target_wh(self) -> FloatArray:
        """Stored energy wanted at departure, shape (vehicle,), Wh."""
        return self.initial_energy_wh + self.need_wh

    def connected_share(self, horizon: Horizon) -> FloatArray:
        """Share of every slot the vehicle is plugged in, in [0, 1], shape (vehicle, slot)."""
        return connected_share(self.arrival_s, self.departure_s, horizon)


def connected_share(arrival_s: FloatArray, departure_s: FloatArray, horizon: Horizon) -> FloatArray:
    """Share of every slot between arrival and departure, shape (..., slot), in [0, 1]."""
    starts = horizon.slot_seconds * np.arange(horizon.slots, dtype=float)
    first = np.maximum(arrival_s[..., None], starts)
    last = np.minimum(departure_s[..., None], starts + horizon.slot_seconds)
    share: FloatArray = np.clip((last - first) / horizon.slot_seconds, 0.0, 1.0)
    return share


@dataclass(frozen=True, slots=True)
class FleetSamples:
    """Scenarios of stays; every array is shaped (scenario, vehicle), see :class:`Stays`."""

    arrival_s: FloatArray
    departure_s: FloatArray
    declared_departure_s: FloatArray
    initial_energy_wh: FloatArray
    need_wh: FloatArray

    @property
    def scenarios(self) -> int:
        return int(self.arrival_s.shape[0])

    def stays(self, scenario: int) -> Stays:
        return Stays(*(getattr(self, field.name)[scenario] for field in fields(self)))

    @classmethod
    def certain(cls, stays: Stays) -> FleetSamples:
        """One scenario holding stays that are taken as known."""
        return cls(*(getattr(stays, field.name)[None, :] for field in fields(stays)))


@dataclass(frozen=True, slots=True)
class PriceSignal:
    """Prices known a day ahead, and the feeder they act on; arrays shaped (slot,).

    ``base_load_w`` is what else the feeder carries (positive consumes). ``feeder_limit_w``
    bounds base load plus fleet in both directions; infinity stands for no bound.
    """

    price_per_kwh: FloatArray
    base_load_w: FloatArray
    feeder_limit_w: float = float("inf")

    def __post_init__(self) -> None:
        if self.price_per_kwh.shape != self.base_load_w.shape or self.price_per_kwh.ndim != 1:
            raise FleetShapeError("prices and base load must both be shaped (slot,)")
