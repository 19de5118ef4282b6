"""What a combined heat and power plant is made of.

Power and heat are in W and never negative, energies in Wh, fuel in W of lower heating value,
prices in currency per kWh. Power is counted where it leaves the plant for the grid.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields


class ChpPlantError(ValueError):
    """A plant that cannot exist: a negative size, or an operating region without inside."""


@dataclass(frozen=True, slots=True)
class FuelLine:
    """One straight piece of the fuel curve: ``no_load_w + slope * live steam`` (see the unit)."""

    no_load_w: float
    slope: float


@dataclass(frozen=True, slots=True)
class ExtractionUnit:
    """An extraction-condensing steam turbine with its boiler.

    Extracting Q of heat costs ``power_loss_ratio * Q`` of power at the same live steam (c_v, the
    slope of the lines of equal fuel), so ``P + c_v Q`` measures live steam in W of condensing
    power. The operating region in heat Q and power P is the convex polygon

        condensing_min <= P + c_v Q <= condensing_max     (live steam)
        P >= back_pressure_ratio * Q + back_pressure_offset  (c_m: all steam expands to extraction)
        0 <= Q <= heat_max.

    Fuel is the highest of ``fuel_lines`` at the live steam. ``ramp_w_per_h`` bounds the change of
    live steam: the boiler is slow, the extraction valve is not. A start costs ``start_cost``;
    running and standing last at least ``min_up_h`` and ``min_down_h``.

    Source: Chen et al., "Increasing the flexibility of combined heat and power for wind power
    integration in China", IEEE Transactions on Power Systems 30 (2015) 1848-1857.
    """

    condensing_min_w: float
    condensing_max_w: float
    heat_max_w: float
    power_loss_ratio: float
    back_pressure_ratio: float
    back_pressure_offset_w: float
    fuel_lines: tuple[FuelLine, ...]
    ramp_w_per_h: float
    min_up_h: float
    min_down_h: float
    start_cost: float

    def live_steam_w(self, power_w: float, heat_w: float) -> float:
        """Live steam as condensing power, W."""
        return power_w + self.power_loss_ratio * heat_w


@dataclass(frozen=True, slots=True)
class PeakBoiler:
    """A heat-only boiler: ``heat_max_w`` of heat at ``efficiency`` (0 to 1). 0 W: none."""

    heat_max_w: float
    efficiency: float


@dataclass(frozen=True, slots=True)
class HeatStore:
    """A hot-water tank: charged and discharged with water, so nothing is lost but by standing.

    ``loss_per_hour`` is the share of the stored heat that an hour takes.
    """

    capacity_wh: float
    charge_max_w: float
    discharge_max_w: float
    loss_per_hour: float


@dataclass(frozen=True, slots=True)
class HeatedBuildings:
    """All heated buildings as one network of two temperatures: indoors and structure.

    ``indoor_wh_per_k`` (air, furniture, inner surfaces) loses ``indoor_loss_w_per_k`` to the
    weather (windows, ventilation) and exchanges ``coupling_w_per_k`` with the structure, which
    holds ``structure_wh_per_k`` and loses ``structure_loss_w_per_k``. ``gain_w`` is what people,
    sun and appliances give. Indoors is kept at ``set_point_c``; between ``lowest_c`` and
    ``highest_c`` (the acceptable range, degrees Celsius) it may drift.
    """

    indoor_wh_per_k: float
    structure_wh_per_k: float
    coupling_w_per_k: float
    indoor_loss_w_per_k: float
    structure_loss_w_per_k: float
    gain_w: float
    set_point_c: float
    lowest_c: float
    highest_c: float

    @property
    def loss_w_per_k(self) -> float:
        """Heat lost for each K between indoors and outdoors in the steady state, W/K."""
        through = self.coupling_w_per_k * self.structure_loss_w_per_k
        return self.indoor_loss_w_per_k + through / (
            self.coupling_w_per_k + self.structure_loss_w_per_k
        )


@dataclass(frozen=True, slots=True)
class ChpPlant:
    """Unit, boiler, store and the buildings they heat; what fuel and discomfort cost.

    ``fuel_per_kwh`` and ``boiler_fuel_per_kwh`` are currency per kWh of fuel,
    ``discomfort_per_k_h`` currency for each K that indoors is off its set point for an hour.
    """

    unit: ExtractionUnit
    boiler: PeakBoiler
    store: HeatStore
    buildings: HeatedBuildings
    fuel_per_kwh: float
    boiler_fuel_per_kwh: float
    discomfort_per_k_h: float


def check_plant(plant: ChpPlant) -> None:
    """Raise ChpPlantError for the first thing that no real plant can have."""
    for part in (plant.unit, plant.boiler, plant.store, plant.buildings, plant):
        _check_finite(part)
    check_unit(plant.unit)
    check_store(plant.store)
    check_buildings(plant.buildings)
    if not 0.0 < plant.boiler.efficiency <= 1.0:
        raise ChpPlantError(f"boiler efficiency {plant.boiler.efficiency:g} is not in (0, 1]")


def check_unit(unit: ExtractionUnit) -> None:
    """Raise ChpPlantError where the operating region has no inside, or fuel is not convex."""
    if not 0.0 < unit.power_loss_ratio < 1.0:
        raise ChpPlantError(
            f"power loss ratio c_v = {unit.power_loss_ratio:g}: extracting heat must cost some "
            "power, and less than the heat (0 < c_v < 1)"
        )
    if unit.back_pressure_ratio <= 0.0:
        raise ChpPlantError(
            f"back-pressure ratio c_m = {unit.back_pressure_ratio:g} is not above 0"
        )
    if unit.condensing_max_w <= unit.condensing_min_w or unit.condensing_min_w <= 0.0:
        raise ChpPlantError(
            f"no room between minimum {unit.condensing_min_w / 1e6:g} MW and maximum "
            f"{unit.condensing_max_w / 1e6:g} MW of condensing power"
        )
    if unit.back_pressure_offset_w >= unit.condensing_max_w:
        raise ChpPlantError("the back-pressure line lies above maximum live steam at every heat")
    steepest = unit.back_pressure_ratio + unit.power_loss_ratio
    reach_w = (unit.condensing_max_w - unit.back_pressure_offset_w) / steepest
    if unit.heat_max_w > reach_w * (1.0 + 1e-9):
        raise ChpPlantError(
            f"maximum heat {unit.heat_max_w / 1e6:g} MW cannot be reached: the back-pressure line "
            f"meets maximum live steam at {reach_w / 1e6:.1f} MW"
        )
    if unit.ramp_w_per_h <= 0.0:
        raise ChpPlantError("a unit needs a ramp above 0 W per hour")
    if not unit.fuel_lines or any(line.slope <= 1.0 for line in unit.fuel_lines):
        raise ChpPlantError("fuel lines must burn more than a Wh for each Wh of condensing power")


def check_store(store: HeatStore) -> None:
    """Raise ChpPlantError where more than everything is lost in an hour."""
    if store.loss_per_hour >= 1.0:
        raise ChpPlantError(f"a store that loses {store.loss_per_hour:g} of its heat an hour")


def check_buildings(buildings: HeatedBuildings) -> None:
    """Raise ChpPlantError for an impossible comfort band or a network without capacity."""
    if not buildings.lowest_c < buildings.set_point_c < buildings.highest_c:
        raise ChpPlantError(
            f"impossible comfort band: the set point {buildings.set_point_c:g} C must lie between "
            f"{buildings.lowest_c:g} C and {buildings.highest_c:g} C"
        )
    for name in ("indoor_wh_per_k", "structure_wh_per_k", "coupling_w_per_k", "loss_w_per_k"):
        if getattr(buildings, name) <= 0.0:
            raise ChpPlantError(f"{name} must be above 0")


def _check_finite(part: object) -> None:
    for field in fields(part):  # type: ignore[arg-type]
        value = getattr(part, field.name)
        signed = field.name.endswith("_c") or field.name == "back_pressure_offset_w"
        if isinstance(value, float | int) and (
            not math.isfinite(value) or (value < 0.0 and not signed)
        ):
            raise ChpPlantError(f"{field.name} = {value:g} is negative or unbounded")
